"""Read the tables of a submission out of the kept copies of its files, a block of rows at a time."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, TypeAlias

import polars as pl

from blinreg.registry.manifest import Manifest, ManifestFile
from blinreg.registry.originals import Kept
from blinreg.registry.read_csv import csv_blocks
from blinreg.registry.read_parquet import parquet_blocks
from blinreg.registry.read_xlsx import Problem, XlsxFile, read_xlsx
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table
from blinreg.schemas.tables import table

Blocks: TypeAlias = Callable[[], Iterator[pl.DataFrame]]


class SubmittedTable:
    """The rows of one file: in memory if they are one block, else read again whenever they are asked for.

    Parameters
    ----------
    definition : Table
        The table.
    file : ManifestFile
        The file, as ``submission.json`` names it.
    frame : polars.DataFrame, optional
        The columns of the table as text in their order, null where empty, and ``source_line``.
    read : callable, optional
        Where there is no frame: gives the same in blocks, from the first one every time.
    """

    def __init__(
        self, *, definition: Table, file: ManifestFile, frame: pl.DataFrame | None = None, read: Blocks | None = None
    ) -> None:
        if (frame is None) == (read is None):
            raise TypeError("the rows of a table are given as a frame or as blocks")
        self.definition = definition
        self.file = file
        self._frame = frame
        self._read = read

    def blocks(self) -> Iterator[pl.DataFrame]:
        """Give the rows in blocks, in the order of the file.

        Raises
        ------
        SubmissionRejected
            If the file is not as agreed, or has another number of rows than announced.
        """
        if self._read is None:
            yield self.frame
            return
        first: pl.DataFrame | None = None
        n_rows = 0
        for number, block in enumerate(self._read()):
            n_rows += block.height
            first = None if number else block
            yield block
        if n_rows != self.file.rows:
            raise SubmissionRejected(
                f"{self.file.path} has {n_rows} rows and submission.json says {self.file.rows}",
                next_step="the file or the list was changed after the other was made; make both again",
            )
        if first is not None:
            self._frame, self._read = first, None

    @property
    def frame(self) -> pl.DataFrame:
        """All rows at once; of a large file more than memory may hold."""
        if self._frame is None:
            return pl.concat(self.blocks())
        return self._frame


def read_tables(manifest: Manifest, kept: Mapping[str, Kept]) -> tuple[SubmittedTable, ...]:
    """Open every table of a submission; what is wrong with a file is told when its rows are asked for.

    Parameters
    ----------
    manifest : Manifest
        What the site says it sends.
    kept : mapping of str to Kept
        Copy of the file of each table.

    Returns
    -------
    tuple of SubmittedTable
        In the order of the tables, parents first.
    """
    xlsx = [
        XlsxFile(definition=table(file.table), path=file.path, file=kept[file.table].path)
        for file in manifest.files
        if file.format == "xlsx"
    ]
    sheets = read_xlsx(xlsx)
    tables = []
    for file in manifest.files:
        definition = table(file.table)
        read = _sheet(sheets[file.table]) if file.format == "xlsx" else _file(definition, file, kept[file.table].path)
        tables.append(SubmittedTable(definition=definition, file=file, read=read))
    return tuple(tables)


class _Opened:
    """A file that stays readable to us when its name is taken away: a refused submission is not kept."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)

    def from_start(self) -> BinaryIO:
        """Give the file at its start."""
        file = os.fdopen(os.dup(self._descriptor), "rb")
        file.seek(0)
        return file


def _file(definition: Table, file: ManifestFile, path: Path) -> Blocks:
    opened = _Opened(path)

    def read() -> Iterator[pl.DataFrame]:
        with opened.from_start() as source:
            if file.format == "parquet":
                yield from parquet_blocks(definition, file.path, source, rows=file.rows)
            else:
                yield from csv_blocks(definition, file.path, source)

    return read


def _sheet(sheet: pl.DataFrame | Problem) -> Blocks:
    def read() -> Iterator[pl.DataFrame]:
        if isinstance(sheet, Problem):
            raise SubmissionRejected(sheet.text, next_step="send it as a plain workbook of one sheet, or as CSV")
        yield sheet

    return read
