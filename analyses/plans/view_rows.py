"""Rows of an analysis view from a frame or a DuckDB relation, in the defined types and few bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

import polars as pl

from blinreg.analyses.inputs import Rows, is_relation, relation_batches, select_relation, to_frame
from blinreg.schemas.errors import InputError
from blinreg.schemas.model import Column, Type, View

_DTYPE: Mapping[Type, pl.DataType] = {
    # Of patients: few different texts stand in many rows.
    Type.TEXT: pl.Categorical(),
    Type.CODE: pl.Categorical(),
    Type.INTEGER: pl.Int64(),
    Type.NUMBER: pl.Float64(),
    Type.DATE: pl.Date(),
}
_SQL_TYPE: Mapping[Type, str] = {
    Type.TEXT: "varchar",
    Type.CODE: "varchar",
    Type.INTEGER: "bigint",
    Type.NUMBER: "double",
    Type.DATE: "date",
}
_PATIENT = "patient_id"


def names_of_columns(definition: View, rows: Rows) -> tuple[str, ...]:
    """Name the columns that a view must have.

    Raises
    ------
    InputError
        One is absent.
    """
    names = definition.column_names
    if is_relation(rows):
        select_relation(rows, names)
    else:
        to_frame(rows[:0] if isinstance(rows, pl.DataFrame) else rows, names)
    return names


def patients_of(cohort: Rows) -> pl.Series:
    """Take the patients of the cohort, in order."""
    return to_frame(cohort, [_PATIENT])[_PATIENT].cast(pl.String).unique().sort()


def read_rows(
    definition: View, rows: Rows, columns: Sequence[str], codes: Mapping[str, str], *, patients: pl.Series
) -> pl.DataFrame:
    """Read some columns of the rows that have given codes.

    Parameters
    ----------
    definition : View
        What the columns are.
    rows : Rows
        The whole view.
    columns : sequence of str
        Which to return.
    codes : mapping of str to str
        Code by column; only rows that have all of them are returned.
    patients : polars.Series
        The patients in order: each is called by its number in it. Rows of others are left out.

    Returns
    -------
    polars.DataFrame
        Sorted by key.

    Raises
    ------
    InputError
        A column cannot be of its defined type.
    """
    of_patients = _PATIENT in columns
    types = pl.Schema({name: _dtype(definition.column(name), of_patients=of_patients) for name in columns})
    try:
        frame = pl.concat((part.cast(types) for part in _parts(rows, columns, codes)), rechunk=True)
        if of_patients:
            # Once for all rows: the list of a million patients is costly to look things up in.
            numbers = frame[_PATIENT].cast(pl.Enum(patients), strict=False).to_physical()
            frame = frame.with_columns(numbers.cast(pl.UInt32)).drop_nulls(_PATIENT)
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"a column of analysis.{definition.name} is not of its defined type",
            next_step="compare the view with its definition",
        ) from error
    return frame.sort([name for name in definition.key if name in columns])


def _parts(rows: Rows, columns: Sequence[str], codes: Mapping[str, str]) -> Iterator[pl.DataFrame]:
    """Give the rows as frames; a relation is not held as a whole."""
    if not is_relation(rows):
        frame = to_frame(rows, [*columns, *codes])
        for name, code in codes.items():
            frame = frame.filter(pl.col(name) == code)
        yield frame.select(columns)
        return
    for name, code in codes.items():
        text = code.replace("'", "''")
        rows = rows.filter(f"\"{name}\" = '{text}'")
    # A frame without rows has the columns.
    yield to_frame(rows.limit(0), columns)
    yield from relation_batches(rows, columns)


def _dtype(column: Column, *, of_patients: bool) -> pl.DataType:
    dtype = _DTYPE[column.type]
    return pl.String() if column.name == _PATIENT or (dtype == pl.Categorical and not of_patients) else dtype


def content_of(sources: Mapping[str, Rows], definitions: Mapping[str, View]) -> str:
    """Hash the rows of all views, in whatever order they stand.

    Examples
    --------
    >>> from blinreg.schemas.views import view
    >>> attrition = view("attrition")
    >>> rows = pl.DataFrame({name: ["1", "2"] for name in attrition.column_names})
    >>> first, second = ({"attrition": frame} for frame in (rows, rows.reverse()))
    >>> content_of(first, {"attrition": attrition}) == content_of(second, {"attrition": attrition})
    True
    """
    import duckdb

    digest = sha256()
    with duckdb.connect() as connection:
        for name in sorted(sources):
            view, rows = definitions[name], sources[name]
            if not is_relation(rows):
                rows = connection.from_arrow(to_frame(rows, view.column_names).to_arrow())
            digest.update(json.dumps([name, *view.column_names, *_sums(rows, view.columns)]).encode())
    return digest.hexdigest()


def _sums(relation: Any, columns: Sequence[Column]) -> tuple[int, ...]:
    """Count rows and add up their hashes, where they are stored."""
    listed = ", ".join(f'try_cast("{column.name}" as {_SQL_TYPE[column.type]})' for column in columns)
    hashed = f"hash({listed})"
    [found] = relation.aggregate(f"count(*), coalesce(sum({hashed}), 0), coalesce(bit_xor({hashed}), 0)").fetchall()
    return tuple(int(number) for number in found)
