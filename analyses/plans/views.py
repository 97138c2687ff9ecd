"""The analysis views as frames, checked against their definitions and put into one order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.inputs import Rows, to_frame
from blinreg.schemas.errors import InputError, nearest
from blinreg.schemas.model import Column, Type, View
from blinreg.schemas.views import VIEWS

_DTYPE: Mapping[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.CODE: pl.String(),
    Type.INTEGER: pl.Int64(),
    Type.NUMBER: pl.Float64(),
    Type.DATE: pl.Date(),
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ViewFrames:
    """The views of the ``analysis`` schema that plans read, sorted by their keys."""

    frames: Mapping[str, pl.DataFrame]

    def __getitem__(self, name: str) -> pl.DataFrame:
        """Return the frame of one view."""
        return self.frames[name]


def read_views(views: Mapping[str, Rows]) -> ViewFrames:
    """Take the analysis views from frames or relations.

    Parameters
    ----------
    views : mapping of str to Rows
        Every view of `blinreg.schemas.views.VIEWS` by name: polars, pandas or Arrow
        tables, or DuckDB relations.

    Returns
    -------
    ViewFrames
        With the defined columns and types, rows sorted by key, so that the order in
        which a database returned them cannot change a result.

    Raises
    ------
    InputError
        A view or a column is absent, or a column cannot be of its defined type.
    """
    frames = {}
    for definition in VIEWS:
        if definition.name not in views:
            raise InputError(
                f"the analysis view {definition.name} was not given",
                next_step="pass every view of the analysis schema",
            )
        frames[definition.name] = _read(definition, views[definition.name])
    unknown = [name for name in views if name not in frames]
    if unknown:
        raise InputError(f"no analysis view is called {unknown[0]!r}", next_step=nearest(unknown[0], list(frames)))
    return ViewFrames(frames=frames)


def _read(definition: View, rows: Rows) -> pl.DataFrame:
    frame = to_frame(rows, definition.column_names)
    casts = [_cast(column, frame.schema[column.name]) for column in definition.columns]
    try:
        frame = frame.with_columns([cast for cast in casts if cast is not None])
    except pl.exceptions.PolarsError as error:
        raise InputError(
            f"a column of analysis.{definition.name} is not of its defined type",
            next_step="compare the view with its definition",
        ) from error
    return frame.sort(definition.key)


def _cast(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    wanted = _DTYPE[column.type]
    return None if dtype == wanted else pl.col(column.name).cast(wanted, strict=True)
