"""One module a command: NAME, HELP, EXAMPLE, ``add_arguments`` and ``run``; its docstring is its help text.

A module is imported when its command is asked for: no command waits for what the others need.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from importlib import import_module
from typing import Protocol, cast

from blinreg.registry.cli.console import Console

__all__ = ["NAMES", "Command", "commands"]

#: In the order of ``blinreg --help``: the order in which a new user needs them.
NAMES = (
    "demo",
    "synth",
    "init",
    "template",
    "schema",
    "redcap",
    "seal",
    "validate",
    "load",
    "status",
    "steward",
    "threshold",
    "diff",
    "plan",
    "run",
    "explain",
    "fidelity",
    "calibrate",
    "refresh",
    "rebuild",
)


class Command(Protocol):
    """What a command module offers."""

    NAME: str
    HELP: str
    EXAMPLE: str
    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's own arguments."""

    def run(self, args: argparse.Namespace, console: Console) -> int:
        """Do it; return the exit code or raise a BlinregError."""


def commands(names: Iterable[str] = NAMES) -> tuple[Command, ...]:
    """Import commands by their names."""
    return tuple(cast(Command, import_module(f"{__name__}.{name}")) for name in names)
