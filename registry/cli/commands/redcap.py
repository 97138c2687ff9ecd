"""Turn a REDCap export into a submission folder, sealed and ready to validate and load.

The export is REDCap's flat CSV file of all data, with raw values or labels. Columns that are not
blinreg's (names, record numbers, local questions) are left out: nothing of them is written.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from blinreg.registry.cli.arguments import day
from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.redcap_submission import ORIGIN_NAME, Converted, convert

NAME = "redcap"
HELP = "turn a REDCap export into a submission folder"
EXAMPLE = "blinreg redcap export.csv --site my-site --cutoff 2026-06-30 --out my-site"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("export", type=Path, metavar="EXPORT", help="CSV file that REDCap exported")
    parser.add_argument("--site", required=True, metavar="SITE", help="site id")
    parser.add_argument("--cutoff", type=day, required=True, metavar="DATE", help="day to which the data are complete")
    parser.add_argument("--out", type=Path, required=True, metavar="SUBMISSION", help="new or empty folder")
    parser.add_argument("--submission-id", default="", metavar="ID", help="made from site and time if not given")
    parser.add_argument("--synthetic", action="store_true", help="the patients are synthetic")


def describe(made: Converted, folder: Path) -> str:
    """Say what was written, what was left out, and what comes next."""
    lines = [text_table(["table", "rows"], list(made.rows.items()))]
    if made.left_out:
        # Labels of local questions may say anything, so they are counted and not repeated.
        lines.append(f"left out: {len(made.left_out)} columns of the export that are not blinreg's")
    if made.n_empty:
        lines.append(f"passed over: {made.n_empty} instances without a value")
    lines += [
        f"wrote {folder} as {made.submission_id}; guide/{ORIGIN_NAME} says where each row stands in REDCap",
        f"next: blinreg load {folder} --registry R",
    ]
    return "\n".join(lines)


def run(args: argparse.Namespace, console: Console) -> int:
    """Convert the export."""
    made = convert(
        args.export,
        args.out,
        site_id=args.site,
        data_cutoff_date=args.cutoff,
        created_at=datetime.now(UTC),
        submission_id=args.submission_id,
        is_synthetic=args.synthetic,
    )
    console.result(
        describe(made, args.out),
        {
            "folder": str(args.out),
            "submission_id": made.submission_id,
            "rows": dict(made.rows),
            "n_columns_left_out": len(made.left_out),
            "n_empty": made.n_empty,
        },
    )
    return 0
