"""Create an empty registry: one DuckDB file, its journal and its folder of submissions."""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.registry.store import Registry

NAME = "init"
HELP = "create an empty registry"
EXAMPLE = "blinreg init registry.duckdb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("registry", type=Path, metavar="R", help="file to create, such as registry.duckdb")


def run(args: argparse.Namespace, console: Console) -> int:
    """Create the registry."""
    with Registry.create(args.registry):
        pass
    console.result(
        f"created {args.registry}; next: blinreg load SUBMISSION --registry {args.registry}",
        {"registry": str(args.registry)},
    )
    return 0
