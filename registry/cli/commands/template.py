"""Write an empty submission: every table with its columns, a guide to them, and submission.json to complete."""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.schemas.render.template import write_template

NAME = "template"
HELP = "write empty tables for a site to fill in"
EXAMPLE = "blinreg template my-site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="new or empty folder")


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the template."""
    files = write_template(args.folder)
    console.result(
        f"wrote {len(files)} files to {args.folder}; read {args.folder / 'README.txt'} next",
        {"folder": str(args.folder), "files": [path.name for path in files]},
    )
    return 0
