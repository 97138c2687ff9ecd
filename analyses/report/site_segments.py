"""Where the findings are: the share of rows with findings by year, in a line for each table or site."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.report.site_comparison import step_of, whole_percent

#: Upper limits of the steps of the heat map in per cent of rows with findings; the first is for none.
STEPS = (0, 2, 5, 10, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Rows of one line and year: `step` is -1 where there are none."""

    year: str
    percent: str
    step: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A table or a site, with its rows in all and by year; every line of a map has the same years."""

    name: str
    n_rows: int
    n_bad: int
    n_not_accepted: int
    cells: tuple[Cell, ...]


def lines_by(segments: pl.DataFrame, by: str) -> tuple[Line, ...]:
    """Make the heat map, a line for each table or site that has findings, in the given order.

    Parameters
    ----------
    segments : polars.DataFrame
        Of a review.
    by : str
        ``table`` or ``site_id``.

    Examples
    --------
    >>> segments = pl.DataFrame({"table": ["patient", "patient"], "year": [2017, None], "n_rows": [40, 2],
    ...                          "n_bad": [1, 2], "n_not_accepted": [1, 0]})
    >>> [(cell.year, cell.percent, cell.step) for cell in lines_by(segments, "table")[0].cells]
    [('2017', '2%', 2), ('not known', '100%', 4)]
    """
    counts = ["n_rows", "n_bad", "n_not_accepted"]
    years = segments["year"].unique().sort(nulls_last=True).to_list()
    lines = []
    for (name,), part in segments.group_by(by, maintain_order=True):
        total = part.select(pl.col(counts).sum()).row(0, named=True)
        if not total["n_bad"] and not total["n_not_accepted"]:
            continue
        of_year = {
            year: (n_rows, n_bad)
            for year, n_rows, n_bad in part.group_by("year").agg(pl.col("n_rows", "n_bad").sum()).iter_rows()
        }
        lines.append(
            Line(name=str(name), cells=tuple(_cell(year, *of_year.get(year, (0, 0))) for year in years), **total)
        )
    return tuple(lines)


def _cell(year: int | None, n_rows: int, n_bad: int) -> Cell:
    share = 100 * n_bad / n_rows if n_rows else None
    return Cell(
        year="not known" if year is None else str(year),
        percent="" if share is None else whole_percent(share),
        step=-1 if share is None else step_of(share, STEPS),
        detail=f"{n_bad} of {n_rows}" if n_rows else "no rows",
    )
