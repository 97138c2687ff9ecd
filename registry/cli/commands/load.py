"""Load submissions into a registry: each wholly or not at all, its bad rows held out with their reasons.

Several submissions are loaded one after the other; one that is rejected does not stop the
others, and the highest exit code is given. The analysis tables are derived once, at the end.
With --out DIR each site gets what `blinreg validate` writes: in DIR itself, or of several
submissions in a folder of DIR for each.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.cli.console import Console
from blinreg.registry.cli.review_files import PAGE, check_folder, rule_lines, write_review
from blinreg.registry.loading import LoadResult, load_submissions
from blinreg.registry.quality.review import review_submission
from blinreg.registry.store import Registry
from blinreg.schemas.errors import BlinregError, SubmissionRejected, UsageError

NAME = "load"
HELP = "load submissions into a registry"
EXAMPLE = "blinreg load submissions/*/ --registry registry.duckdb"

#: Rules named in the terminal; all findings are in quality.violation and in --json.
SHOWN = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("submissions", type=Path, nargs="+", metavar="SUB", help="folder with a submission.json")
    parser.add_argument("--registry", type=Path, required=True, metavar="R", help="registry to load into")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the pages that the sites read")


def describe(result: LoadResult) -> str:
    """Say in words what became of a submission, the findings with file and line."""
    if result.outcome == "unchanged":
        return f"{result.site_id}: unchanged; {result.submission_id} already has this content, nothing was done"
    lines = [
        f"{result.site_id}: loaded {result.submission_id}, {result.n_accepted} of {result.n_rows} rows accepted, "
        f"{result.n_quarantined} quarantined, {result.n_held_back} held back, {result.n_warnings} warnings"
    ]
    fallen = sum(result.dropped.select(pl.sum_horizontal(pl.exclude("table"))).to_series().to_list())
    if fallen:
        lines.append(f"  {fallen} rows of the submission before count no longer")
    lines += rule_lines(result.violations, with_advice=False, shown=SHOWN, rest_in="blinreg status R --findings")
    if result.n_held_back:
        lines.append("  held back: sound rows that belong to a quarantined row, such as their patient's")
    if result.n_quarantined:
        lines.append("  next: correct these rows in the files, seal the folder and load it again")
    return "\n".join(lines)


def as_data(result: LoadResult) -> dict[str, Any]:
    """Say the same to a machine."""
    return {
        "outcome": result.outcome,
        "site_id": result.site_id,
        "submission_id": result.submission_id,
        "n_rows": result.n_rows,
        "n_accepted": result.n_accepted,
        "n_quarantined": result.n_quarantined,
        "n_held_back": result.n_held_back,
        "n_warnings": result.n_warnings,
        "violations": result.violations.to_dicts(),
        "dropped": result.dropped.to_dicts(),
        "exit_code": result.exit_code,
    }


class _Report:
    """What became of the submissions so far, in words and as data."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.texts: list[str] = []
        self.data: list[dict[str, Any]] = []

    def tell(self, step: str) -> None:
        """Say what is being done."""
        self.console.progress(step, done=min(len(self.data) + 1, self.total), total=self.total)

    def add(self, folder: Path, outcome: LoadResult | SubmissionRejected) -> None:
        """Take up what became of a folder; say at once that it was refused."""
        if isinstance(outcome, LoadResult):
            self.texts.append(describe(outcome))
            self.data.append(as_data(outcome) | {"folder": str(folder)})
            return
        self.console.error(outcome)
        self.texts.append(f"{folder.name}: rejected, nothing of it was loaded")
        self.data.append(
            {
                "outcome": "rejected",
                "folder": str(folder),
                "message": outcome.what,
                "next_step": outcome.next_step,
                "exit_code": outcome.exit_code,
            }
        )

    def write_pages(self, registry: Registry, pages: Mapping[Path, Path]) -> None:
        """Write the page of every submission; the registry is current by now."""
        for place, (folder, out) in enumerate(pages.items()):
            self.console.progress(f"{folder.name}: writing the page", done=place + 1, total=len(pages))
            self.data[place]["files"] = list(
                write_review(review_submission(folder, registry=registry, as_loaded=True), out)
            )
            self.texts[place] += f"\n  page: {out / PAGE}"

    def say(self, exit_code: int) -> None:
        """Give the result."""
        self.console.result("\n".join(self.texts), {"submissions": self.data, "exit_code": exit_code})


def _pages(args: argparse.Namespace) -> dict[Path, Path]:
    """Say where the page of each submission goes; nothing is loaded if one of the folders cannot be used."""
    if args.out is None:
        return {}
    is_one = len(args.submissions) == 1
    pages = {folder: args.out if is_one else args.out / folder.resolve().name for folder in args.submissions}
    if len(set(pages.values())) < len(args.submissions):
        raise UsageError("two of the folders have the same name", next_step="load them one by one to get their pages")
    for out in pages.values():
        check_folder(out)
    return pages


def run(args: argparse.Namespace, console: Console) -> int:
    """Load every submission named."""
    for folder in args.submissions:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder.name}", next_step="check the names; nothing was loaded")
    pages = _pages(args)
    report = _Report(console, len(args.submissions))
    with Registry.open(args.registry, write=True) as registry:
        try:
            load_submissions(registry, args.submissions, on_progress=report.tell, on_outcome=report.add)
            report.write_pages(registry, pages)
        except Exception as error:
            # What was loaded before stays loaded, so it is said before the error is.
            if report.data:
                report.say(error.exit_code if isinstance(error, BlinregError) else BlinregError.exit_code)
            raise
    exit_code = max(int(entry["exit_code"]) for entry in report.data)
    report.say(exit_code)
    return exit_code
