"""Turn typed values of Parquet files into the text that a CSV file would hold."""

from __future__ import annotations

import polars as pl

from blinreg.schemas.errors import SubmissionRejected

_MIDNIGHT = r"[T ]00:00:00(\.0+)?$"
_NO_DECIMALS = r"\.0+$"


def canonical_text(path: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Give every column as text, null where empty.

    Dates become ``YYYY-MM-DD`` (date-times keep their time unless it is midnight), whole
    numbers lose ``.0``, and not-a-number is null, because pandas writes it for a missing one.

    Raises
    ------
    SubmissionRejected
        If a column holds lists, structures or bytes.

    Examples
    --------
    >>> frame = pl.DataFrame({"grade": [3.0, None], "level": [1e-4, 0.5]})
    >>> canonical_text("a.parquet", frame).rows()
    [('3', '0.0001'), (None, '0.5')]
    """
    return frame.select(_as_text(path, name, kind) for name, kind in frame.schema.items())


def _as_text(path: str, name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise SubmissionRejected(
            f"{path}: column {name} holds {kind}, not one value a row", next_step="write one value a cell"
        )
    if kind.is_float() or kind.is_decimal():
        number = column.cast(pl.Float64).fill_nan(None)
        is_whole = (number.round() == number) & (number.abs() < 2**53)
        whole = number.cast(pl.Int64, strict=False).cast(pl.String)
        other = column.cast(pl.String).str.replace(_NO_DECIMALS, "")
        return pl.when(number.is_not_null()).then(pl.when(is_whole).then(whole).otherwise(other)).alias(name)
    if kind == pl.Datetime:
        return column.dt.strftime("%Y-%m-%d %H:%M:%S%.f").str.replace(_MIDNIGHT, "").alias(name)
    text = column.cast(pl.String)
    return pl.when(text != "").then(text).alias(name)
