"""Check a submission as loading would, and write its site a page that says what is wrong and what changed.

Nothing is loaded: with --registry R the registry is only read, so that patients of other sites, the other
sites' values and the submission before are known. DIR gets index.html, findings.csv (no values of patients),
failing_rows/TABLE.csv and review.json. The exit code is the one that `blinreg load` would give.
SUB may be a CSV file that REDCap exported, with --site and --cutoff: findings name its lines and columns.
With --great-expectations the same rules are run by Great Expectations too, some seconds more, and their
suites, results and page are in DIR/great_expectations.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.arguments import day
from blinreg.registry.cli.console import Console
from blinreg.registry.cli.review_expectations import Expecting, expected, forget_expectations
from blinreg.registry.cli.review_files import as_data, check_folder, summary, write_review
from blinreg.registry.quality.review import Review, review_submission
from blinreg.registry.redcap_review import review_export
from blinreg.schemas.errors import UsageError

NAME = "validate"
HELP = "check a submission and write its site a page, without loading"
EXAMPLE = "blinreg validate my-site --registry registry.duckdb --out review"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "submission", type=Path, metavar="SUB", help="folder with a submission.json, or a CSV file that REDCap exported"
    )
    parser.add_argument("--registry", type=Path, metavar="R", help="registry that it is meant for; it is only read")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new or empty folder, or one of an earlier review")
    parser.add_argument("--site", metavar="SITE", help="of a REDCap export: site id")
    parser.add_argument("--cutoff", type=day, metavar="DATE", help="of a REDCap export: day to which it is complete")
    parser.add_argument("--synthetic", action="store_true", help="of a REDCap export: the patients are synthetic")
    parser.add_argument(
        "--great-expectations", action="store_true", help="run the same rules with Great Expectations too"
    )


def _review(args: argparse.Namespace, console: Console, expecting: Expecting | None) -> Review:
    """Review a folder, or a file that REDCap exported."""
    submission: Path = args.submission
    on_checked = None if expecting is None else expecting.run
    with_effects = args.out is not None
    if submission.is_dir():
        if args.site is not None or args.cutoff is not None or args.synthetic:
            raise UsageError(
                "--site, --cutoff and --synthetic are for a REDCap export", next_step="submission.json says them"
            )
        return review_submission(
            submission,
            registry=args.registry,
            with_effects=with_effects,
            on_checked=on_checked,
            on_progress=console.progress,
        )
    if not submission.is_file():
        raise UsageError(
            f"there is no folder or file {submission.name}", next_step="name the folder of the submission, or an export"
        )
    if args.site is None or args.cutoff is None:
        raise UsageError(
            f"{submission.name} is a file, and a REDCap export does not say its site and data cutoff",
            next_step="add --site SITE --cutoff DATE; of a folder name the folder and not a file in it",
        )
    return review_export(
        submission,
        site_id=args.site,
        data_cutoff_date=args.cutoff,
        is_synthetic=args.synthetic,
        registry=args.registry,
        with_effects=with_effects,
        on_checked=on_checked,
        on_progress=console.progress,
    )


def run(args: argparse.Namespace, console: Console) -> int:
    """Review the submission, write and say it."""
    check_folder(args.out)
    expecting = Expecting(console) if args.great_expectations else None
    review = _review(args, console, expecting)
    data = as_data(review)
    text = summary(review, args.out)
    if args.out is not None:
        console.progress("writing the page")
        data["files"] = list(write_review(review, args.out))
        forget_expectations(args.out)
    if expecting is None:
        console.result(text, data)
        return review.exit_code
    said = expected(expecting.result, out=args.out)
    console.result(f"{text}\n{said.text}", data | {"great_expectations_run": said.data})
    said.require_agreement()
    return review.exit_code
