"""Check a submission as loading would, and write its site a page that says what is wrong and what changed.

Nothing is loaded: with --registry R the registry is only read, so that patients of other sites, the other
sites' values and the submission before are known. DIR gets index.html, findings.csv (no values of patients),
failing_rows/TABLE.csv and review.json. The exit code is the one that `blinreg load` would give.
With --great-expectations the same rules are run by Great Expectations too, some seconds more, and their
suites, results and page are in DIR/great_expectations.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.registry.cli.review_expectations import expect, forget_expectations
from blinreg.registry.cli.review_files import as_data, check_folder, summary, write_review
from blinreg.registry.quality.review import review_submission
from blinreg.schemas.errors import UsageError

NAME = "validate"
HELP = "check a submission and write its site a page, without loading"
EXAMPLE = "blinreg validate my-site --registry registry.duckdb --out review"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("submission", type=Path, metavar="SUB", help="folder with a submission.json")
    parser.add_argument("--registry", type=Path, metavar="R", help="registry that it is meant for; it is only read")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new or empty folder, or one of an earlier review")
    parser.add_argument(
        "--great-expectations", action="store_true", help="run the same rules with Great Expectations too"
    )


def run(args: argparse.Namespace, console: Console) -> int:
    """Review the submission, write and say it."""
    if not args.submission.is_dir():
        raise UsageError(f"there is no folder {args.submission.name}", next_step="name the folder of the submission")
    check_folder(args.out)
    review = review_submission(
        args.submission, registry=args.registry, with_effects=args.out is not None, on_progress=console.progress
    )
    data = as_data(review)
    if args.out is not None:
        console.progress("writing the page")
        data["files"] = list(write_review(review, args.out))
        forget_expectations(args.out)
    if not args.great_expectations:
        console.result(summary(review, args.out), data)
        return review.exit_code
    expected = expect(args.submission, registry=args.registry, out=args.out, console=console)
    console.result(f"{summary(review, args.out)}\n{expected.text}", data | {"great_expectations_run": expected.data})
    expected.require_agreement()
    return review.exit_code
