"""Refuse a submission whole, saying where and never what."""

from __future__ import annotations

import polars as pl

from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.rules import Severity, rule

#: Places that are named for each rule; the rest are counted.
_PLACES_TOLD = 5


def refuse_whole(checked: CheckedSubmission) -> None:
    """Raise if a rule refuses the submission whole.

    Raises
    ------
    SubmissionRejected
        With rule, number and places: file, line and column. The values are not in it.
    """
    refusals = checked.refusals
    if refusals.is_empty():
        return
    files = {table.source.definition.name: table.source.file.path for table in checked.tables}
    parts = [_part(str(name[0]), found, files) for name, found in refusals.group_by("rule", maintain_order=True)]
    raise SubmissionRejected(
        f"nothing was stored: {'; '.join(parts)}",
        next_step="take out whatever can tell who a patient is, seal the folder and load it again; "
        "a refused file is not kept, only its hash",
    )


def refuse_nobody_left(checked: CheckedSubmission) -> None:
    """Raise if no patient would be accepted: as the full state of its site the submission would empty the site.

    Parameters
    ----------
    checked : CheckedSubmission
        The rows after the rules.

    Raises
    ------
    SubmissionRejected
        With the rules that most rows break and the first place of each.
    """
    patients = next((table for table in checked.tables if table.source.definition.name == "patient"), None)
    if patients is None or not patients.n_rows or patients.n_quarantined < patients.n_rows:
        return
    n_rows, path = patients.n_rows, patients.source.file.path
    found = checked.violations.filter(
        (pl.col("table") == "patient") & (pl.col("severity") == Severity.REJECT_ROW.value)
    )
    by_rule = (
        found.group_by("rule", maintain_order=True)
        .agg(pl.len().alias("n"), pl.col("line", "column", "message").first())
        .sort("n", descending=True, maintain_order=True)
    )
    reasons = [
        f"{row['n']} rows, line {row['line']} first: {row['column']} {row['message']} ({row['rule']})"
        for row in by_rule.head(_PLACES_TOLD).iter_rows(named=True)
    ]
    more = f"; and {by_rule.height - _PLACES_TOLD} more rules" if by_rule.height > _PLACES_TOLD else ""
    raise SubmissionRejected(
        f"none of the {n_rows} rows of {path} can be accepted, and all that the site sent before would count no "
        f"longer: {'; '.join(reasons)}{more}",
        next_step="correct the rows of patient, seal the folder and load it again",
    )


def _part(rule_id: str, found: pl.DataFrame, files: dict[str, str]) -> str:
    places = [f"{files[row['table']]} line {row['line']} column {row['column']}" for row in found.iter_rows(named=True)]
    more = f" and {len(places) - _PLACES_TOLD} more" if len(places) > _PLACES_TOLD else ""
    cells = "cell" if len(places) == 1 else "cells"
    return f"{len(places)} {cells} ({rule(rule_id).title.lower()}, {rule_id}): {', '.join(places[:_PLACES_TOLD])}{more}"
