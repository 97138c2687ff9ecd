"""What a submission changed: values, findings, and the endpoints of the site's own patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from blinreg.analyses import wording
from blinreg.analyses.report.site_findings import Word, severity_word, visible

#: Rows of a list; the others are counted.
MOST_ROWS = 500
#: Endpoints in words; one that is not here has its own name.
ENDPOINTS = MappingProxyType({"os": "Overall survival", "rfs": "Relapse-free survival", "efs": "Event-free survival"})
KINDS = ("added", "changed", "removed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A value, or a row, that is not as it was; a missing value is None."""

    table: str
    key: str
    column: str
    before: str | None
    after: str | None
    kind: str
    is_withheld: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TableChanges:
    """How much of a table changed, in words."""

    table: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A rule whose findings are gone, and how many."""

    rule: str
    title: str
    table: str
    severity: Word
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number before and after, with the difference and its direction."""

    before: str
    after: str
    difference: str
    sort: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An endpoint before and after."""

    endpoint: str
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Everything that differs from the last accepted submission of the site, `previous`.

    Not `is_known` where there is none, or where no rule was run on this one.
    """

    previous: str
    is_known: bool
    n_new: int
    n_persisting: int
    n_resolved: int
    resolved: tuple[Resolved, ...]
    changes: tuple[Change, ...]
    n_changes: int
    by_table: tuple[TableChanges, ...]
    effects: tuple[Effect, ...]


def delta_of(frames: Mapping[str, pl.DataFrame], titles: Mapping[str, str], *, previous: str) -> Delta:
    """Compare with the last accepted submission.

    Parameters
    ----------
    frames : mapping of str to polars.DataFrame
        Of a review, after `withhold`.
    titles : mapping of str to str
        Of rules, by id.
    previous : str
        Id of that submission; empty without one.
    """
    status = dict(frames["findings"]["status"].value_counts().iter_rows())
    resolved, changes, effects = frames["resolved"], frames["changes"], frames["effects"]
    return Delta(
        previous=previous,
        is_known=bool(previous) and not frames["rules"].is_empty(),
        n_new=status.get("new", 0),
        n_persisting=status.get("persisting", 0),
        n_resolved=resolved.height,
        resolved=_resolved(resolved, titles),
        changes=tuple(_change(row) for row in changes.head(MOST_ROWS).iter_rows(named=True)),
        n_changes=changes.height,
        by_table=_by_table(changes),
        effects=tuple(_effect(row) for row in effects.iter_rows(named=True)),
    )


def _resolved(resolved: pl.DataFrame, titles: Mapping[str, str]) -> tuple[Resolved, ...]:
    counted = resolved.group_by("rule", "table", "severity", maintain_order=True).len().sort("len", descending=True)
    return tuple(
        Resolved(
            rule=row["rule"],
            title=titles.get(row["rule"], row["rule"]),
            table=row["table"] or "",
            severity=severity_word(row["severity"]),
            n=row["len"],
        )
        for row in counted.iter_rows(named=True)
    )


def _change(row: Mapping[str, Any]) -> Change:
    return Change(
        table=row["table"] or "",
        key="" if row["key"] is None else visible(row["key"]),
        column=row["column"] or "",
        before=None if row["before"] is None else visible(row["before"]),
        after=None if row["after"] is None else visible(row["after"]),
        kind=row["kind"] or "",
        is_withheld=row["is_withheld"],
    )


def _by_table(changes: pl.DataFrame) -> tuple[TableChanges, ...]:
    return tuple(
        TableChanges(table=str(name), words=_counted(dict(part["kind"].value_counts().iter_rows())))
        for (name,), part in changes.group_by("table", maintain_order=True)
    )


def _counted(n_of_kind: Mapping[str, int]) -> str:
    return ", ".join(f"{n_of_kind[kind]:,} {kind}" for kind in KINDS if kind in n_of_kind)


def _effect(row: Mapping[str, Any]) -> Effect:
    return Effect(
        endpoint=ENDPOINTS.get(row["endpoint"], row["endpoint"]),
        quantities=(
            _quantity(row["n_patients_before"], row["n_patients_after"]),
            _quantity(row["events_before"], row["events_after"]),
            _quantity(row["person_days_before"], row["person_days_after"]),
            _median(row),
        ),
    )


def _quantity(before: int | None, after: int | None) -> Quantity:
    return Quantity(
        before=wording.NOT_AVAILABLE if before is None else f"{before:,}",
        after=wording.NOT_AVAILABLE if after is None else f"{after:,}",
        difference="" if before is None or after is None else signed(after - before),
        sort="" if after is None else str(after),
    )


def _median(row: Mapping[str, Any]) -> Quantity:
    """A median that is not there was not reached, unless there were no patients to have one."""
    before, after = row["median_months_before"], row["median_months_after"]
    return Quantity(
        before=_months(before, row["n_patients_before"]),
        after=_months(after, row["n_patients_after"]),
        difference="" if before is None or after is None else signed(round(after - before, 1)),
        sort="" if after is None else repr(after),
    )


def _months(median: float | None, n_patients: int | None) -> str:
    if median is None:
        return wording.NOT_REACHED if n_patients else wording.NOT_AVAILABLE
    return f"{median:.1f}"


def signed(difference: float) -> str:
    """Write a difference with its sign.

    Examples
    --------
    >>> signed(3), signed(-1200), signed(0), signed(-0.4)
    ('+3', '\u22121,200', '\u00b10', '\u22120.4')
    """
    if difference == 0:
        return "±0"
    return f"{'+' if difference > 0 else '−'}{abs(difference):,}"
