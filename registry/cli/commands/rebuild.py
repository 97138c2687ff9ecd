"""Make a new registry out of the submissions that a damaged one kept; the damaged one is left as it is."""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.registry.rebuild import rebuild

NAME = "rebuild"
HELP = "make a registry anew from what a damaged one kept"
EXAMPLE = "blinreg rebuild registry.duckdb recovered.duckdb"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("damaged", type=Path, metavar="R", help="damaged registry; its R.submissions is read")
    parser.add_argument("new", type=Path, metavar="NEW", help="registry to make")


def run(args: argparse.Namespace, console: Console) -> int:
    """Load every kept submission into the new registry."""
    console.progress(f"loading what {args.damaged.name} kept")
    results = rebuild(args.damaged, args.new)
    rows = sum(result.n_accepted for result in results)
    console.result(
        f"made {args.new} from {len(results)} submissions, {rows} rows accepted; next: blinreg status {args.new}",
        {"registry": str(args.new), "submissions": [result.submission_id for result in results], "n_accepted": rows},
    )
    return 0
