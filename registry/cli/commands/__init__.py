"""One module a command: NAME, HELP, EXAMPLE, ``add_arguments`` and ``run``; its docstring is its help text."""

from __future__ import annotations

import argparse
from typing import Protocol, cast

from blinreg.registry.cli.commands import (
    calibrate,
    demo,
    diff,
    explain,
    fidelity,
    init,
    load,
    rebuild,
    redcap,
    refresh,
    run,
    schema,
    seal,
    status,
    steward,
    synth,
    template,
    threshold,
    validate,
)
from blinreg.registry.cli.console import Console

__all__ = ["COMMANDS", "Command"]


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


#: In the order of ``blinreg --help``: the order in which a new user needs them.
COMMANDS: tuple[Command, ...] = tuple(
    cast(Command, module)
    for module in (
        demo,
        synth,
        init,
        template,
        schema,
        redcap,
        seal,
        validate,
        load,
        status,
        steward,
        threshold,
        diff,
        run,
        explain,
        fidelity,
        calibrate,
        refresh,
        rebuild,
    )
)
