"""Parse the command, run it, turn every ending into an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

from blinreg.registry.cli.commands import NAMES, commands
from blinreg.registry.cli.console import Console
from blinreg.schemas.errors import BlinregError, UsageError, bug

_EXIT_CODES = """exit codes:
  0  clean or complete          1  loaded with warnings
  2  usage, or a refused plan   3  loaded, some rows quarantined
  4  submission rejected        5  registry locked or damaged
  6  an analysis failed        70  a bug of blinreg
"""

_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are ours: one line, a next step, the same exit code everywhere."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, next_step=f"see `{self.prog} --help`")


class _Wide(argparse.RawDescriptionHelpFormatter):
    """Help in which the names of all commands stand beside what they do."""

    def add_argument(self, action: argparse.Action) -> None:
        # argparse forgets that the names of commands are indented.
        self._indent()
        super().add_argument(action)
        self._dedent()


def build_parser(names: Sequence[str] = NAMES) -> argparse.ArgumentParser:
    """Build the parser from the commands' own declarations; only those that are named are imported."""
    parser = _Parser(
        prog="blinreg",
        description="A registry of real-world blinatumomab patients, with the survival analyses it exists for.",
        epilog=_EXIT_CODES + "\nexample:\n  blinreg demo --out demo",
        formatter_class=_Wide,
    )
    parser.add_argument("--version", action="version", version=f"blinreg {version('blinreg')}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in commands(names):
        sub = parsers.add_parser(
            command.NAME,
            help=command.HELP,
            description=command.__doc__,
            epilog=f"example:\n  {command.EXAMPLE}\n\n{_EXIT_CODES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.add_argument("--json", action="store_true", help="write the result and events as JSON, for machines")
        sub.add_argument("--quiet", action="store_true", help="say nothing while working")
        sub.set_defaults(run=command.run)
    return parser


def _asked_for(arguments: Sequence[str]) -> Sequence[str]:
    """Name the command that is asked for; all of them where none is, so that help and errors can list them."""
    first = tuple(arguments[:1])
    return first if set(first) & set(NAMES) else NAMES


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code, as ``blinreg --help`` lists them.

    Examples
    --------
    >>> main(["status", "--quiet"])
    2
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console(as_json="--json" in arguments)
    try:
        args = build_parser(_asked_for(arguments)).parse_args(arguments)
        console.quiet, console.as_json = args.quiet, args.json
        return int(args.run(args, console))
    except BlinregError as error:
        console.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.error(BlinregError("interrupted; what was not finished was not kept"))
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (head, less): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # The last line of defence: an exit code and a place, never a stack trace with data in it.
        found = bug(error)
        console.error(found)
        return found.exit_code
