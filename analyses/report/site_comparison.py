"""The site beside the others: missing values, age of the data, and how each variable is distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.analyses import wording

#: Upper limits of the steps of the heat map in per cent missing; the first is for complete columns.
STEPS = (0, 10, 25, 50, 100)
#: A column stands out when so many points more are missing than at other sites.
STANDS_OUT = 20
_LEAST_ROWS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A column of the heat map."""

    column: str
    title: str
    percent: str
    step: int
    detail: str
    others: str
    is_required: bool
    stands_out: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRow:
    """A table of the heat map."""

    table: str
    n_rows: int
    n_incomplete: int
    tiles: tuple[Tile, ...]


def tile_rows(completeness: pl.DataFrame) -> tuple[TileRow, ...]:
    """Make the heat map, tables and columns in their given order."""
    return tuple(
        TileRow(
            table=str(name),
            n_rows=part["n_rows"].max() or 0,  # type: ignore[arg-type]
            n_incomplete=int((part["n_missing"] > 0).sum()),
            tiles=tuple(_tile(row) for row in part.iter_rows(named=True)),
        )
        for (name,), part in completeness.group_by("table", maintain_order=True)
    )


def _tile(row: Mapping[str, Any]) -> Tile:
    n_rows, n_missing, others = row["n_rows"] or 0, row["n_missing"] or 0, row["percent_other_sites"]
    share = 100 * n_missing / n_rows if n_rows else None
    return Tile(
        column=row["column"],
        title=row["title"] or "",
        percent=wording.NOT_AVAILABLE if share is None else whole_percent(share),
        step=-1 if share is None else step_of(share, STEPS),
        detail=f"{n_missing} of {n_rows}",
        others="" if others is None else whole_percent(others),
        is_required=bool(row["required"]),
        stands_out=share is not None and others is not None and n_rows >= _LEAST_ROWS and share - others >= STANDS_OUT,
    )


def step_of(percent: float, steps: Sequence[float]) -> int:
    """Give the first step whose upper limit is not passed."""
    return next(place for place, upper in enumerate(steps) if percent <= upper)


def whole_percent(percent: float) -> str:
    """Round to whole per cents; neither 0 nor 100 unless it is so."""
    if 0 < percent < 1:
        return "<1%"
    return ">99%" if 99 < percent < 100 else f"{percent:.0f}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How old the data are, here and elsewhere."""

    measure: str
    value: str
    unit: str
    others: str


def measures(timeliness: pl.DataFrame) -> tuple[Measure, ...]:
    """Say every measure of timeliness in words."""
    return tuple(
        Measure(
            measure=row["measure"],
            value=wording.number(row["value"]),
            unit=row["unit"] or "",
            others=wording.number(row["sites_median"]),
        )
        for row in timeliness.iter_rows(named=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Quantiles as places on an axis from 0 to 100, and in words.

    `half` has the quartiles and the median, None if one of them is not there; `reach` the 5th and the 95th centile.
    """

    who: str
    n: str
    half: tuple[float, float, float] | None
    reach: tuple[float, float] | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How often a code was given, here and elsewhere, in per cent and in words."""

    level: str
    site: float
    site_words: str
    others: float | None
    others_words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A variable: boxes if it is a number, bars if it is a code."""

    variable: str
    title: str
    unit: str
    boxes: tuple[Box, ...]
    axis: tuple[str, str]
    bars: tuple[Bar, ...]


def distributions_of(frame: pl.DataFrame) -> tuple[Distribution, ...]:
    """Make a picture of every variable, in the given order.

    Notes
    -----
    The axis of a number reaches from the lowest 5th to the highest 95th centile of the two, so that a value far off
    does not press everything else together.
    """
    return tuple(_distribution(part) for _, part in frame.group_by("variable", maintain_order=True))


def _distribution(part: pl.DataFrame) -> Distribution:
    first = part.row(0, named=True)
    is_number = first["kind"] == "number"
    boxes, axis = _boxes(first) if is_number else ((), ("", ""))
    return Distribution(
        variable=first["variable"],
        title=first["title"] or "",
        unit=first["unit"] or "",
        boxes=boxes,
        axis=axis,
        bars=() if is_number else tuple(_bar(row) for row in part.iter_rows(named=True)),
    )


_QUANTILES = ("p5", "p25", "p50", "p75", "p95")


def _boxes(row: Mapping[str, Any]) -> tuple[tuple[Box, ...], tuple[str, str]]:
    values = {who: [row[f"{who}_{name}"] for name in _QUANTILES] for who in ("site", "others")}
    known = [value for whose in values.values() for value in whose if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    boxes = (
        _box("Your site", row["site_n"], values["site"], low, high),
        _box("Other sites", row["others_n"], values["others"], low, high),
    )
    return boxes, (measured(low), measured(high)) if known else ("", "")


def measured(value: float) -> str:
    """Write a measured number with about three digits, and every digit of a whole number.

    Examples
    --------
    >>> [measured(value) for value in (1963.75, 186500.0, 28.0, 27.54, 0.00012, 0.0)]
    ['1964', '186500', '28', '27.5', '0.00012', '0']
    """
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0") if abs(value) >= 1 else f"{value:.3g}"


def _box(who: str, n: int | None, values: list[float | None], low: float, high: float) -> Box:
    """Draw what is known: of few patients the outer centiles are not told, and the middle half is."""
    p5, p25, p50, p75, p95 = values
    if p25 is None or p50 is None or p75 is None:
        said = "none, or too few to be shown" if p50 is None else f"median {measured(p50)}, the rest on too few"
        return Box(who=who, n=_count(n), half=None, reach=None, words=said)

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2) if high > low else 50.0

    return Box(
        who=who,
        n=_count(n),
        half=(place(p25), place(p50), place(p75)),
        reach=None if p5 is None or p95 is None else (place(p5), place(p95)),
        words=f"median {measured(p50)}, middle half {measured(p25)} to {measured(p75)}",
    )


def _count(n: int | None) -> str:
    return "" if n is None else f"n = {n}"


def _bar(row: Mapping[str, Any]) -> Bar:
    site, others = row["site_percent"], row["others_percent"]
    return Bar(
        level=row["level"] or "(empty)",
        site=site or 0.0,
        site_words=_words(row["site_n"], site),
        others=others,
        others_words="not shown" if others is None else _words(row["others_n"], others),
    )


def _words(n: int | None, percent: float | None) -> str:
    share = wording.NOT_AVAILABLE if percent is None else f"{percent:.0f}%"
    return share if n is None else f"{share} ({n})"
