"""Dates as texts: what a full or partial date can mean, and how sites write it wrongly."""

from __future__ import annotations

import polars as pl


def earliest(name: str) -> pl.Expr:
    """First day that a full or partial date can mean.

    Examples
    --------
    >>> pl.DataFrame({"d": ["2019-02-03", "2019-02", "2019", None]}).select(earliest("d"))["d"].to_list()[1]
    datetime.date(2019, 2, 1)
    """
    text = pl.col(name)
    return (text + pl.lit("-01-01").str.slice(text.str.len_chars() - 4)).str.to_date("%Y-%m-%d", strict=False)


def latest(name: str) -> pl.Expr:
    """Last day that a full or partial date can mean.

    Examples
    --------
    >>> pl.DataFrame({"d": ["2019-02-03", "2019-02", "2019", None]}).select(latest("d"))["d"].to_list()[1]
    datetime.date(2019, 2, 28)
    """
    first, length = earliest(name), pl.col(name).str.len_chars()
    return (
        pl.when(length == 10)
        .then(first)
        .when(length == 7)
        .then(first.dt.month_end())
        .otherwise(first.dt.offset_by("1y").dt.offset_by("-1d"))
    )


def is_whole(name: str) -> pl.Expr:
    """Whether the date is known to the day."""
    return pl.col(name).str.len_chars() == 10


def iso(day: pl.Expr) -> pl.Expr:
    """Write a day as the format asks for it."""
    return day.dt.strftime("%Y-%m-%d")


def part(name: str, start: int, length: int) -> pl.Expr:
    """Cut a part out of the text of a date: year (0, 4), month (5, 2), day (8, 2)."""
    return pl.col(name).str.slice(start, length)


def shifted(day: pl.Expr, first: int, last: int) -> pl.Expr:
    """Move a day by a number of days that depends on the draw, from ``first`` to ``last``."""
    days = (pl.col("u") * (last - first + 1)).floor().cast(pl.Int64) + first
    return iso(day + pl.duration(days=days))


def swapped(name: str) -> pl.Expr:
    """Text of a whole date with month and day in each other's place; null where that is the same or no date."""
    month, day = part(name, 5, 2), part(name, 8, 2)
    possible = is_whole(name) & (day.cast(pl.Int64, strict=False) <= 12) & (day != month)
    return pl.when(possible).then(part(name, 0, 5) + day + pl.lit("-") + month)
