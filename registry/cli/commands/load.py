"""Load submissions into a registry: each wholly or not at all, its bad rows held out with their reasons.

Several submissions are loaded one after the other; one that is rejected does not stop the
others, and the highest exit code is given. The analysis tables are derived once, at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.loading import LoadResult, load_submissions
from blinreg.registry.store import Registry
from blinreg.schemas.errors import BlinregError, SubmissionRejected, UsageError

NAME = "load"
HELP = "load submissions into a registry"
EXAMPLE = "blinreg load submissions/*/ --registry registry.duckdb"

#: Findings shown in the terminal; all of them are in quality.violation and in --json.
SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("submissions", type=Path, nargs="+", metavar="SUB", help="folder with a submission.json")
    parser.add_argument("--registry", type=Path, required=True, metavar="R", help="registry to load into")


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
    shown = result.violations.head(SHOWN)
    if shown.height:
        rows = shown.select("severity", "file", "line", "column", "message").rows()
        table = text_table(["severity", "file", "line", "column", "what is wrong"], rows)
        lines += ["  " + line for line in table.splitlines()]
    if result.violations.height > SHOWN:
        lines.append(f"  and {result.violations.height - SHOWN} more: `blinreg status REGISTRY --findings` lists all")
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

    def say(self, exit_code: int) -> None:
        """Give the result."""
        self.console.result("\n".join(self.texts), {"submissions": self.data, "exit_code": exit_code})


def run(args: argparse.Namespace, console: Console) -> int:
    """Load every submission named."""
    for folder in args.submissions:
        if not folder.is_dir():
            raise UsageError(f"there is no folder {folder.name}", next_step="check the names; nothing was loaded")
    report = _Report(console, len(args.submissions))
    with Registry.open(args.registry, write=True) as registry:
        try:
            load_submissions(registry, args.submissions, on_progress=report.tell, on_outcome=report.add)
        except Exception as error:
            # What was loaded before stays loaded, so it is said before the error is.
            if report.data:
                report.say(error.exit_code if isinstance(error, BlinregError) else BlinregError.exit_code)
            raise
    exit_code = max(int(entry["exit_code"]) for entry in report.data)
    report.say(exit_code)
    return exit_code
