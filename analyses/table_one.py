"""Table 1: what the patients were like, tidy, with every denominator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.analyses.grouping import group_names
from blinreg.analyses.inputs import Missing, Rows, complete_rows, to_frame
from blinreg.analyses.observation import EVERYBODY
from blinreg.schemas.errors import InputError

_SCHEMA = {
    "variable": pl.String,
    "level": pl.String,
    "group": pl.String,
    "n": pl.Int64,
    "denominator": pl.Int64,
    "percent": pl.Float64,
    "median": pl.Float64,
    "minimum": pl.Float64,
    "maximum": pl.Float64,
    "q1": pl.Float64,
    "q3": pl.Float64,
    "n_missing": pl.Int64,
}
Cell = str | int | float | None


@dataclass(frozen=True, slots=True, eq=False)
class TableOne:
    """A descriptive table.

    Attributes
    ----------
    table : polars.DataFrame
        A row a variable, level and group, in the order asked for:
        ``variable, level, group, n, denominator, percent, median, minimum, maximum,
        q1, q3, n_missing``. ``denominator`` is the number of rows of the group with a
        value; ``percent`` is of that. A numeric variable has no level, ``n`` equal to
        ``denominator``, and the five order statistics.
    groups : polars.DataFrame
        ``group, n``: all rows, then each group.
    n_rows, n_missing : int
        Rows used; rows left out because their group is missing, on request only.
    quantile_type : int
        7: linear between order statistics, as R's default.
    """

    table: pl.DataFrame
    groups: pl.DataFrame
    n_rows: int
    n_missing: int
    quantile_type: int


def table_one(rows: Rows, columns: Sequence[str], *, by: str | None = None, missing: Missing = "refuse") -> TableOne:
    """Describe patients, one row each, in all and by group.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation.
    columns : sequence of str
        Numbers are described by median, range and quartiles; text, categories and
        booleans by counts. A missing value is counted, in ``n_missing``, and is in no
        denominator.
    by : str, optional
        Column of groups.
    missing : {"refuse", "complete_case"}
        What to do with rows whose *group* is missing.

    Returns
    -------
    TableOne

    Raises
    ------
    InputError
        A column is absent, or of a type that cannot be described; a missing group.

    Examples
    --------
    >>> rows = pl.DataFrame({"age": [30, 41, None], "sex": ["female", "male", "male"]})
    >>> table_one(rows, ["age", "sex"]).table.select("variable", "level", "n", "denominator", "n_missing").rows()
    [('age', None, 2, 2, 1), ('sex', 'female', 1, 3, 0), ('sex', 'male', 2, 3, 0)]
    """
    names = [columns] if isinstance(columns, str) else list(dict.fromkeys(columns))
    if not names:
        raise InputError("no column is named", next_step='name at least one, columns=["age_years"]')
    frame = to_frame(rows, [*names, *([] if by is None else [by])])
    frame, n_missing, groups = _groups(frame, by, missing)
    cells = [cell for name in names for cell in _describe(frame[name], groups)]
    return TableOne(
        table=pl.DataFrame(cells, schema=_SCHEMA, orient="row"),
        groups=pl.DataFrame(
            [(name, int(member.sum())) for name, member in groups],
            schema={"group": pl.String, "n": pl.Int64},
            orient="row",
        ),
        n_rows=frame.height,
        n_missing=n_missing,
        quantile_type=7,
    )


def _groups(
    frame: pl.DataFrame, by: str | None, missing: Missing
) -> tuple[pl.DataFrame, int, list[tuple[str, pl.Series]]]:
    """Return the rows to describe, how many were left out, and (name, membership) of each group."""
    if by is None:
        return frame, 0, [(EVERYBODY, pl.Series(np.ones(frame.height, dtype=np.bool_)))]
    _, n_missing = complete_rows(frame.select(by), missing)
    if frame.schema[by].is_float():
        frame = frame.with_columns(pl.col(by).fill_nan(None))
    grouped = frame.filter(pl.col(by).is_not_null()) if n_missing else frame
    names, code = group_names(grouped[by])
    if EVERYBODY in names:
        raise InputError(f"a group of {by} is called {EVERYBODY!r}, the name of all rows", next_step="rename it")
    members = [(name, pl.Series(code == i)) for i, name in enumerate(names)]
    return grouped, n_missing, [(EVERYBODY, pl.Series(np.ones(grouped.height, dtype=np.bool_))), *members]


def _describe(column: pl.Series, groups: list[tuple[str, pl.Series]]) -> list[tuple[Cell, ...]]:
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).fill_nan(None)
        return [_numeric_row(column.name, name, values.filter(member)) for name, member in groups]
    if column.dtype in (pl.String, pl.Categorical, pl.Enum, pl.Boolean):
        return _level_rows(column, groups)
    raise InputError(
        f"column {column.name} is {column.dtype}; Table 1 describes numbers, text and booleans",
        next_step="turn a date into days or years first",
    )


def _numeric_row(variable: str, group: str, values: pl.Series) -> tuple[Cell, ...]:
    known = values.drop_nulls()
    q1, median, q3 = (_number(known.quantile(q, interpolation="linear")) for q in (0.25, 0.5, 0.75))
    low, high = _number(known.min()), _number(known.max())
    n_missing = values.len() - known.len()
    return (variable, None, group, known.len(), known.len(), None, median, low, high, q1, q3, n_missing)


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _level_rows(column: pl.Series, groups: list[tuple[str, pl.Series]]) -> list[tuple[Cell, ...]]:
    """Count each level that occurs in any row, also where a group has none of it."""
    known = column.drop_nulls()
    levels = group_names(known)[0] if known.len() else [None]
    text = column.cast(pl.String)
    rows: list[tuple[Cell, ...]] = []
    for level in levels:
        for name, member in groups:
            of_group = text.filter(member)
            denominator = of_group.len() - of_group.null_count()
            n = int((of_group == level).sum()) if level is not None else 0
            percent = 100 * n / denominator if denominator else None
            counts = (n, denominator, percent)
            rows.append((column.name, level, name, *counts, *[None] * 5, of_group.null_count()))
    return rows
