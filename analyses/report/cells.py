"""Cells of shown tables: the words people read and the value they are sorted by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import polars as pl

from blinreg.analyses import wording
from blinreg.analyses.plans.outcome import Kind, Shown, TableSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell.

    Attributes
    ----------
    text : str
        Unescaped; the template escapes it.
    sort : str
        Value the column is sorted by, a number where there is one; empty sorts last.
    is_number : bool
        Whether the cell is set to the right.
    """

    text: str
    sort: str
    is_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row, and whether it is set in bold."""

    cells: tuple[Cell, ...]
    is_strong: bool


def _text(value: object) -> str:
    return wording.NOT_AVAILABLE if value is None else str(value)


def _integer(value: float | None) -> str:
    return wording.NOT_AVAILABLE if value is None else f"{value:.0f}"


def _description(n: int, denominator: int, median: float | None, minimum: float | None, maximum: float | None) -> str:
    if median is not None:
        return wording.median_range(median, minimum, maximum)
    return wording.count_of(n, denominator) if denominator else wording.NOT_AVAILABLE


#: How each kind of column is written; the arguments are the values of its columns.
FORMATS: Mapping[Kind, Callable[..., str]] = MappingProxyType(
    {
        Kind.TEXT: _text,
        Kind.INTEGER: _integer,
        Kind.NUMBER: wording.number,
        Kind.COUNT_OF: wording.count_of,
        Kind.SHARE_INTERVAL: wording.share_interval,
        Kind.MONTHS: wording.months,
        Kind.TIME_POINT: wording.time_point,
        Kind.MONTHS_INTERVAL: wording.months_interval,
        Kind.RATIO_INTERVAL: wording.ratio_interval,
        Kind.P_VALUE: wording.p_value,
        Kind.DESCRIPTION: _description,
    }
)


def table_rows(spec: TableSpec, frame: pl.DataFrame) -> tuple[Row, ...]:
    """Format every row of a table.

    Parameters
    ----------
    spec : TableSpec
        Says how columns are shown.
    frame : polars.DataFrame
        What the disclosure gate released of it.

    Returns
    -------
    tuple of Row

    Examples
    --------
    >>> spec = TableSpec(title="Test", shown=(Shown(header="P", kind=Kind.P_VALUE, columns=("p_value",)),))
    >>> table_rows(spec, pl.DataFrame({"p_value": [0.0312]}))[0].cells[0].text
    '.03'
    """
    return tuple(
        Row(
            cells=tuple(_cell(shown, row, place) for shown in spec.shown),
            is_strong=bool(spec.emphasis) and bool(row[spec.emphasis]),
        )
        for place, row in enumerate(frame.iter_rows(named=True))
    )


def _cell(shown: Shown, row: Mapping[str, Any], place: int) -> Cell:
    if shown.once and place:
        return Cell(text="", sort="", is_number=True)
    values = [row[column] for column in shown.columns]
    is_number = shown.kind is not Kind.TEXT
    key = values[0]
    if shown.kind is Kind.DESCRIPTION:
        key = values[2] if values[2] is not None else values[0]
    return Cell(
        text=FORMATS[shown.kind](*values),
        sort="" if key is None else (repr(float(key)) if is_number else str(key)),
        is_number=is_number,
    )
