"""A Parquet file that is written piece by piece, and whose digest is known when it is closed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

#: Rows that are gathered before they are written as a row group. Row groups are kept in memory by their description
#: (about a kilobyte a column), so that they must not be many; rows that wait must not be many either.
ROW_GROUP_ROWS = 10_000


class _HashedFile(io.RawIOBase):
    """A file that is written once from start to end, and knows the SHA-256 of what was written."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = path.open("wb")
        self._digest = hashlib.sha256()
        self._position = 0
        self._is_abandoned = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self._is_abandoned:
            return view.nbytes
        self._digest.update(view)
        self._file.write(view)
        self._position += view.nbytes
        return view.nbytes

    def close(self) -> None:
        self._file.close()
        super().close()

    def abandon(self) -> None:
        """Take what is written from now on for nothing: a Parquet writer that is closed writes once more."""
        self._is_abandoned = True

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class ParquetFile:
    """A Parquet file in the making.

    The bytes depend on the frames and their order only, not on how fast they come.

    Parameters
    ----------
    path : Path
        New file.
    metadata : mapping of str to str
        Metadata of the file.
    statistics : sequence of str
        Columns whose smallest and largest values are kept by row group.
    """

    def __init__(self, path: Path, *, metadata: Mapping[str, str], statistics: Sequence[str] = ("patient_id",)) -> None:
        self.path = path
        self.rows = 0
        self._statistics = list(statistics)
        self._metadata = dict(metadata)
        self._waiting: list[pl.DataFrame] = []
        self._n_waiting = 0
        self._file = _HashedFile(path)
        self._writer: Any = None

    def append(self, frame: pl.DataFrame) -> None:
        """Add rows; all frames have the same columns and types."""
        self.rows += frame.height
        self._n_waiting += frame.height
        self._waiting.append(frame)
        if self._n_waiting >= ROW_GROUP_ROWS:
            self._write_row_group()

    def _write_row_group(self) -> None:
        from pyarrow import parquet

        rows = pl.concat(self._waiting, rechunk=True).to_arrow()
        self._waiting, self._n_waiting = [], 0
        if self._writer is None:
            self._writer = parquet.ParquetWriter(
                self._file,
                rows.schema.with_metadata(self._metadata),
                compression="zstd",
                write_statistics=self._statistics,
            )
        self._writer.write_table(rows, row_group_size=len(rows))

    def close(self) -> str:
        """Write what is left and close the file.

        Returns
        -------
        str
            SHA-256 of the file, in hexadecimal.
        """
        if self._waiting or self._writer is None:
            self._write_row_group()
        self._writer.close()
        self._file.close()
        return self._file.hexdigest()

    def abandon(self) -> None:
        """Close the file as it is, unfinished."""
        self._waiting = []
        if not self._file.closed:
            self._file.abandon()
            if self._writer is not None:
                self._writer.close()
            self._file.close()
