"""Read a Parquet file as text; a row's line is its position plus one, as if there were a header."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from blinreg.registry.canonical import canonical_text
from blinreg.registry.header import check_header
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table

#: A few bytes of Parquet can stand for any number of equal rows, so that the number is checked first.
MAXIMUM_ROWS = 50_000_000

_AGAIN = "write the file and submission.json again"


def read_parquet(definition: Table, path: str, file: Path, *, rows: int | None = None) -> pl.DataFrame:
    """Read the rows of a table.

    Parameters
    ----------
    definition : Table
        The table.
    path : str
        Name of the file as the site gave it, for messages.
    file : Path
        Where it is kept.
    rows : int, optional
        Number of rows that ``submission.json`` names, where there is one already.

    Returns
    -------
    polars.DataFrame
        The columns of the table as text in their order, null where empty, and ``source_line``.

    Raises
    ------
    SubmissionRejected
        If it is not Parquet, has other columns, or another number of rows than announced.
    """
    try:
        with pq.ParquetFile(file) as opened:
            names, declared = opened.schema_arrow.names, opened.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError):
        raise SubmissionRejected(f"{path} is not a Parquet file", next_step=_AGAIN) from None
    check_header(definition, path, names)
    if declared > MAXIMUM_ROWS:
        raise SubmissionRejected(
            f"{path} has {declared} rows; {MAXIMUM_ROWS} are allowed in one file", next_step=_AGAIN
        )
    if rows is not None and declared != rows:
        raise SubmissionRejected(f"{path} has {declared} rows and submission.json says {rows}", next_step=_AGAIN)
    try:
        frame = pl.read_parquet(file, columns=list(definition.column_names), glob=False)
    except pl.exceptions.PolarsError:
        raise SubmissionRejected(
            f"{path} is a Parquet file that cannot be read: it is damaged", next_step=_AGAIN
        ) from None
    text = canonical_text(path, frame)
    return text.with_columns(source_line=pl.int_range(2, pl.len() + 2, dtype=pl.Int64))
