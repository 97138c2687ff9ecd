"""A review as people get it: lines for a terminal, and a folder with the page and its files."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.quality.review import Review
from blinreg.schemas.errors import UsageError
from blinreg.schemas.rules import RULES, SUBMISSION
from blinreg.schemas.spreadsheet_csv import write_for_people

#: Columns of findings.csv: places and words, no values, so that it can be sent to somebody who asks.
FINDING_COLUMNS = ("rule", "severity", "table", "file", "line", "column", "message", "how_to_fix", "status")

#: Beside them, where in REDCap a finding of an export stands.
EXPORT_COLUMNS = ("event", "instance")

#: Rules that a summary names, and how wide it is.
SHOWN = 6
WIDTH = 80

PAGE, FINDINGS, DATA, ROWS = "index.html", "findings.csv", "review.json", "failing_rows"

_HEADINGS = {
    "reject_submission": "submission refused for",
    "reject_row": "rows not accepted",
    "warn": "to be checked",
}
_TITLES = {rule.id: rule.title for rule in RULES}
_FRAMES = (
    "findings",
    "rules",
    "resolved",
    "completeness",
    "timeliness",
    "distributions",
    "changes",
    "segments",
    "effects",
)


def check_folder(out: Path | None) -> None:
    """Refuse a folder that holds anything but an earlier review.

    Raises
    ------
    UsageError
        Before anything else is done.
    """
    if out is None or not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / DATA).is_file()):
        raise UsageError(
            f"{out} exists and is no empty folder and no earlier review", next_step="name a new folder for --out"
        )


def write_review(review: Review, out: Path) -> tuple[str, ...]:
    """Write page, findings, failing rows and data; an earlier review in the folder is replaced.

    Raises
    ------
    UsageError
        If the folder cannot be written.
    """
    from blinreg.analyses.report.site_page import site_page

    check_folder(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        # What stays of an earlier review would be taken for part of this one.
        shutil.rmtree(out / ROWS, ignore_errors=True)
        (out / PAGE).write_text(site_page(review), encoding="utf-8", newline="\n")
        write_for_people(review.findings.select(_finding_columns(review)), out / FINDINGS)
        names = [PAGE, FINDINGS, DATA]
        for name, rows in review.failing_rows.items():
            (out / ROWS).mkdir(exist_ok=True)
            write_for_people(rows, out / ROWS / f"{name}.csv")
            names.append(f"{ROWS}/{name}.csv")
        text = json.dumps(as_data(review) | _frames(review), default=str, indent=1, ensure_ascii=False)
        (out / DATA).write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})", next_step="name another folder") from error
    return tuple(names)


def _finding_columns(review: Review) -> tuple[str, ...]:
    return (*FINDING_COLUMNS, *EXPORT_COLUMNS) if review.is_export else FINDING_COLUMNS


def _frames(review: Review) -> dict[str, Any]:
    return {name: getattr(review, name).to_dicts() for name in _FRAMES}


def as_data(review: Review) -> dict[str, Any]:
    """Say a review to a machine, without values of patients: these are in the files of the folder."""
    return {
        "verdict": review.verdict,
        "exit_code": review.exit_code,
        "submission_id": review.submission_id,
        "site_id": review.site_id,
        "created_at": review.created_at,
        "data_cutoff_date": review.data_cutoff_date,
        "synthetic": review.is_synthetic,
        "previous_submission_id": review.previous_submission_id or None,
        "is_loaded": review.is_loaded,
        "rejection": review.rejection,
        "n_rows": sum(review.n_rows_by_table.values()),
        "n_rows_by_table": dict(review.n_rows_by_table),
        "n_accepted": review.n_accepted,
        "n_quarantined": review.n_quarantined,
        "n_held_back": review.n_held_back,
        "n_new": review.findings.filter(pl.col("status") == "new").height,
        "n_persisting": review.findings.filter(pl.col("status") == "persisting").height,
        "n_resolved": review.resolved.height,
        "findings": review.findings.select(_finding_columns(review)).to_dicts(),
    }


def summary(review: Review, out: Path | None) -> str:
    """Sum a review up for a terminal: verdict, counts, the worst rules first, what to do."""
    lines = [*_head(review), *_delta(review)]
    if review.rejection:
        lines += textwrap.wrap(
            review.rejection, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
        )
    lines += rule_lines(review.findings, rest_in=FINDINGS if out is not None else "--out DIR lists them")
    lines += _beyond(review)
    lines += _next(review)
    lines += [] if out is None else [f"page: {out / PAGE}"]
    return "\n".join(lines)


def _head(review: Review) -> Iterator[str]:
    kind = ", synthetic" if review.is_synthetic else ""
    yield f"{review.site_id or 'unknown site'}: {review.submission_id or 'submission without a name'}{kind}"
    n_rows = sum(review.n_rows_by_table.values())
    n_warnings = review.findings.filter(pl.col("severity") == "warn").height
    if review.verdict == "rejected":
        yield f"REJECTED: none of its {n_rows:,} rows is accepted"
        return
    if review.verdict == "quarantined":
        yield f"ROWS NOT ACCEPTED: {n_rows - review.n_accepted:,} of {n_rows:,}"
    else:
        yield f"{review.verdict.upper()}: {review.n_accepted:,} of {n_rows:,} rows accepted"
    if review.exit_code:
        yield (
            f"  {review.n_quarantined:,} quarantined, {review.n_held_back:,} held back with them, "
            f"{n_warnings:,} {'warning' if n_warnings == 1 else 'warnings'}"
        )


def _delta(review: Review) -> Iterator[str]:
    if review.is_loaded:
        yield "the registry holds this content already"
    if not review.previous_submission_id or review.rules.is_empty():
        return
    status: Mapping[str, int] = dict(review.findings["status"].value_counts().iter_rows())
    yield f"since {review.previous_submission_id}:"
    yield (
        f"  findings: {status.get('new', 0):,} new, {status.get('persisting', 0):,} persisting, "
        f"{review.resolved.height:,} resolved"
    )
    if review.verdict != "rejected":
        yield f"  values and rows that changed: {review.changes.height:,}"


def rule_lines(
    found: pl.DataFrame, *, with_advice: bool = True, shown: int = SHOWN, rest_in: str = FINDINGS
) -> Iterator[str]:
    """Give a line a rule, worst first: how many, what, where the first ones are.

    Parameters
    ----------
    found : polars.DataFrame
        ``rule, severity, table, line, column``, worst first; with advice also ``how_to_fix``.
    with_advice : bool
        Whether a second line says what to do.
    shown : int
        Rules that are named; the findings of the others are counted.
    rest_in : str
        Where these are.
    """
    rank = pl.col("severity").replace_strict({name: n for n, name in enumerate(_HEADINGS)}, return_dtype=pl.Int32)
    rules = (
        found.group_by("rule", "severity", maintain_order=True)
        .agg(pl.len().alias("n"), pl.all().first())
        .sort(rank, "n", descending=[False, True], maintain_order=True)
    )
    heading = ""
    for row in rules.head(shown).iter_rows(named=True):
        if heading != _HEADINGS[row["severity"]]:
            heading = _HEADINGS[row["severity"]]
            yield f"  {heading}"
        place = f"{row['table']}:{row['line']}" + (" .." if row["n"] > 1 else "")
        title = textwrap.shorten(_TITLES.get(row["rule"], row["rule"]), WIDTH - 12 - len(place), placeholder=" ..")
        yield f"  {row['n']:>6,}  {title}  {place}"
        if with_advice:
            yield " " * 10 + textwrap.shorten(f"{row['column']}: {row['how_to_fix']}", WIDTH - 10, placeholder=" ..")
    rest = rules[shown:]
    if rest.height:
        n = int(rest["n"].sum())
        yield f"  and {n:,} more, of {rest.height} other {'rule' if rest.height == 1 else 'rules'}: {rest_in}"


def _beyond(review: Review) -> Iterator[str]:
    """Name the rules whose share of bad rows is beyond its limit and which list no rows."""
    listed = review.findings["rule"].unique()
    beyond = review.rules.filter(
        pl.col("verdict_by_threshold").is_in(["too_many", "too_few"]) & ~pl.col("rule").is_in(listed.implode())
    ).sort(pl.col("rule").str.starts_with(f"{SUBMISSION}."), "percent", descending=True)
    for row in beyond.head(2).iter_rows(named=True):
        word = "above the limit" if row["verdict_by_threshold"] == "too_many" else "below the limit"
        subject = ".".join(row["rule"].split(".")[:2])
        line = f"{word}, {row['percent']:.0f}% of {row['n_checked']:,}: {subject}, {row['title'].lower()}"
        yield "  " + textwrap.shorten(line, WIDTH - 2, placeholder=" ..")
    if beyond.height > 2:
        yield f"  and {beyond.height - 2} more such shares, on the page"


def _next(review: Review) -> Iterator[str]:
    again = "export and validate again" if review.is_export else "seal the folder, validate it again"
    where = "in REDCap" if review.is_export else "in the files"
    if review.verdict == "clean" and review.is_loaded:
        yield "nothing is left to do"
    elif review.verdict == "clean":
        yield "next: blinreg redcap, then blinreg load" if review.is_export else "next: blinreg load"
    elif review.verdict == "rejected":
        yield f"next: remove what it is refused for, {again}"
    elif review.verdict == "quarantined":
        yield f"next: correct these rows {where}, {again}"
    else:
        yield "next: check these rows; correct what is wrong, leave what is right"
