"""Fill a registry's derived tables anew, after an upgrade of blinreg. Loading does it by itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.registry.store import Registry

NAME = "refresh"
HELP = "derive the analysis tables anew after an upgrade"
EXAMPLE = "blinreg refresh registry.duckdb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("registry", type=Path, metavar="R", help="registry")


def run(args: argparse.Namespace, console: Console) -> int:
    """Derive."""
    console.progress("deriving the analysis tables")
    with Registry.open(args.registry, write=True) as registry:
        registry.derive()
    console.result(f"the analysis tables of {args.registry} are current", {"registry": str(args.registry)})
    return 0
