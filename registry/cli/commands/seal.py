"""Complete submission.json of a folder with filled-in tables: rows and hash of every file, a new submission id.

Run it again after every change; then load the folder.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from blinreg.registry.cli.arguments import day
from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.sealing import seal

NAME = "seal"
HELP = "complete submission.json of a filled-in folder"
EXAMPLE = "blinreg seal my-site --site my-site --cutoff 2026-06-30"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with the tables")
    parser.add_argument("--site", default="", metavar="SITE", help="site id; kept from the last time")
    parser.add_argument("--cutoff", type=day, metavar="DATE", help="day to which the data are complete")
    parser.add_argument("--submission-id", default="", metavar="ID", help="made from site and time if not given")


def run(args: argparse.Namespace, console: Console) -> int:
    """Write submission.json."""
    made = seal(
        args.folder,
        site_id=args.site,
        data_cutoff_date=args.cutoff,
        submission_id=args.submission_id,
        created_at=datetime.now(UTC),
    )
    console.result(
        f"{text_table(['table', 'rows'], list(made.rows.items()))}\n"
        f"sealed {args.folder} as {made.submission_id}; next: blinreg load {args.folder} --registry R",
        {"submission_id": made.submission_id, "rows": dict(made.rows)},
    )
    return 0
