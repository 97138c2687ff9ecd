"""Read a Parquet file as text; a row's line is its position plus one, as if there were a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from blinreg.registry.canonical import canonical_text
from blinreg.registry.header import check_header
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table

#: A few bytes of Parquet can stand for any number of equal rows, so that the number is checked first.
MAXIMUM_ROWS = 50_000_000

#: How many rows are held at once.
BLOCK_ROWS = 250_000

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
    with file.open("rb") as source:
        return pl.concat(parquet_blocks(definition, path, source, rows=rows))


def parquet_blocks(
    definition: Table, path: str, source: BinaryIO, *, rows: int | None = None
) -> Iterator[pl.DataFrame]:
    """Read the rows of a table a block at a time; `read_parquet` says the rest.

    Yields
    ------
    polars.DataFrame
        At least one, if there is no row an empty one.
    """
    try:
        opened = pq.ParquetFile(source)
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
    columns = list(definition.column_names)
    line = 2
    for batch in _batches(path, opened, columns):
        text = canonical_text(path, batch.select(columns))
        yield text.with_columns(source_line=pl.int_range(line, line + pl.len(), dtype=pl.Int64))
        line += batch.height


def _batches(path: str, opened: pq.ParquetFile, columns: list[str]) -> Iterator[pl.DataFrame]:
    try:
        n_batches = 0
        for batch in opened.iter_batches(batch_size=BLOCK_ROWS, columns=columns):
            n_batches += 1
            yield _frame(pa.Table.from_batches([batch]))
        if not n_batches:
            yield _frame(opened.schema_arrow.empty_table())
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError):
        raise SubmissionRejected(
            f"{path} is a Parquet file that cannot be read: it is damaged", next_step=_AGAIN
        ) from None


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("a table did not become a frame")
    return frame
