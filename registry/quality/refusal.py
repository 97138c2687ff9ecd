"""Refuse a submission whole, saying where and never what."""

from __future__ import annotations

import polars as pl

from blinreg.registry.quality.check import CheckedSubmission
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.rules import rule

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
        next_step="take out whatever can tell who a patient is, seal the folder and load it again",
    )


def _part(rule_id: str, found: pl.DataFrame, files: dict[str, str]) -> str:
    places = [f"{files[row['table']]} line {row['line']} column {row['column']}" for row in found.iter_rows(named=True)]
    more = f" and {len(places) - _PLACES_TOLD} more" if len(places) > _PLACES_TOLD else ""
    cells = "cell" if len(places) == 1 else "cells"
    return f"{len(places)} {cells} ({rule(rule_id).title.lower()}, {rule_id}): {', '.join(places[:_PLACES_TOLD])}{more}"
