"""Say how the sites of a registry stand: who is late, who sends more findings than last time, which rules.

Days are counted to the newest data cutoff of any site, not to today. DIR gets index.html and sites.csv.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.quality.steward import LATE_AFTER_DAYS, StewardReview, steward_review
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError
from blinreg.schemas.spreadsheet_csv import write_for_people

NAME = "steward"
HELP = "compare the sites of a registry: late, or worse than last time"
EXAMPLE = "blinreg steward --registry registry.duckdb --out steward"

PAGE, TABLE = "index.html", "sites.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--registry", type=Path, required=True, metavar="R", help="registry")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the page")
    parser.add_argument(
        "--late-after",
        type=int,
        default=LATE_AFTER_DAYS,
        metavar="DAYS",
        help=f"days behind the newest data cutoff after which a site is late (default {LATE_AFTER_DAYS})",
    )


def describe(review: StewardReview) -> str:
    """Lay the sites out for a terminal, late and worse ones first."""
    sites = review.sites.sort(
        pl.col("is_late").fill_null(False),
        pl.col("is_worse").fill_null(False),
        "site_id",
        descending=[True, True, False],
    )
    rows = [
        [
            row["site_id"],
            row["verdict"],
            row["data_cutoff_date"],
            row["days_since"],
            row["n_findings"],
            row["n_findings_before"],
            " ".join(word for word, said in (("late", row["is_late"]), ("worse", row["is_worse"])) if said),
        ]
        for row in sites.iter_rows(named=True)
    ]
    header = ["site", "last", "data to", "days behind", "findings", "before", ""]
    n_late, n_worse = int(review.sites["is_late"].sum()), int(review.sites["is_worse"].sum())
    kind = "synthetic data, " if review.is_synthetic else ""
    head = f"{sites.height} sites, {kind}newest data to {review.as_of}: {n_late} late, {n_worse} worse than last time"
    return f"{head}\n{text_table(header, rows)}"


def write(review: StewardReview, out: Path) -> tuple[str, ...]:
    """Write page and table."""
    from blinreg.analyses.report.steward_page import steward_page

    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / PAGE).write_text(steward_page(review), encoding="utf-8", newline="\n")
        write_for_people(review.sites, out / TABLE)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})", next_step="name another folder") from error
    return PAGE, TABLE


def run(args: argparse.Namespace, console: Console) -> int:
    """Compare the sites, write and say it."""
    with Registry.open(args.registry) as registry:
        review = steward_review(registry, late_after_days=args.late_after)
    data: dict[str, Any] = {
        "as_of": review.as_of,
        "late_after_days": review.late_after_days,
        "synthetic": review.is_synthetic,
        "sites": review.sites.to_dicts(),
        "worst_rules": review.worst_rules.to_dicts(),
    }
    text = describe(review)
    if args.out is not None:
        data["files"] = list(write(review, args.out))
        text += f"\n\npage: {args.out / PAGE}"
    console.result(text, data)
    return 0
