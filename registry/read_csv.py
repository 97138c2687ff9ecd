"""Read a CSV file as text, with the physical line on which each row begins.

UTF-8 with or without byte-order mark, comma, quotation marks as in RFC 4180, lines that
end in LF or CRLF. The file is read in blocks, so that its size does not matter.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import polars as pl

from blinreg.registry.csv_records import AGAIN, Block, Records, blocks_of, find_records
from blinreg.registry.header import check_header
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table

#: About how much of a file is held at once. Its rows take about ten times as much while they are checked.
BLOCK_BYTES = 16 << 20


def read_csv(definition: Table, path: str, data: bytes) -> pl.DataFrame:
    r"""Read the rows of a table.

    Parameters
    ----------
    definition : Table
        The table.
    path : str
        Name of the file, for messages.
    data : bytes
        Its content.

    Returns
    -------
    polars.DataFrame
        The columns of the table as text in their order, null where empty, and ``source_line``.
        Lines with nothing in them, or nothing but separators, are passed over.

    Raises
    ------
    SubmissionRejected
        If it is not UTF-8, not comma-separated, or a row has the wrong number of fields.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> text = ",".join(table("enrolment").column_names) + "\nSYN-001,trial-1,,2019-05-02\n"
    >>> read_csv(table("enrolment"), "enrolment.csv", text.encode()).row(0)
    ('SYN-001', 'trial-1', None, '2019-05-02', 2)
    """
    return pl.concat(csv_blocks(definition, path, io.BytesIO(data)))


def csv_blocks(
    definition: Table, path: str, source: BinaryIO, *, block_bytes: int = BLOCK_BYTES
) -> Iterator[pl.DataFrame]:
    """Read the rows of a table a block at a time; `read_csv` says the rest.

    Parameters
    ----------
    definition : Table
        The table.
    path : str
        Name of the file, for messages.
    source : binary file
        At its start.
    block_bytes : int
        About how much of the file is held at once.

    Yields
    ------
    polars.DataFrame
        At least one, if there is no row an empty one.

    Raises
    ------
    SubmissionRejected
        As soon as something is wrong; for a wrong number of fields at the end, with the number of such lines.
    """
    header: list[str] = []
    n_frames = 0
    widths = _Widths(path)
    for block in blocks_of(path, source, block_bytes):
        _check_text(path, block)
        records = find_records(path, block)
        if block.is_first:
            header = _checked_header(definition, path, block, records)
            records = records.after(1)
        widths.look_at(records, len(header))
        # The parser has an error of its own for a body of nothing but empty lines.
        if not widths.n_wrong and not records.is_blank.all():
            n_frames += 1
            yield _rows(definition, path, block, records, header)
    widths.refuse_wrong()
    if not n_frames:
        yield pl.DataFrame(schema={**dict.fromkeys(definition.column_names, pl.String), "source_line": pl.Int64})


def _checked_header(definition: Table, path: str, block: Block, records: Records) -> list[str]:
    if not len(records):
        raise SubmissionRejected(f"{path} is empty: it has no header", next_step=AGAIN)
    header = _header(path, block.data, records)
    check_header(definition, path, header)
    return header


def _rows(definition: Table, path: str, block: Block, records: Records, header: list[str]) -> pl.DataFrame:
    # The parser passes over empty lines only where a text begins with them.
    records = records.after(int(np.argmin(records.is_blank)))
    frame = _parse(path, block.data[records.starts[0] :], header)
    if frame.height != len(records):
        raise SubmissionRejected(
            f"{path} cannot be read as CSV: its quotation marks are not those of RFC 4180", next_step=AGAIN
        )
    names = definition.column_names
    # Only between quotation marks can an empty text be anything but null already.
    columns = [
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) if b'"' in block.data else name for name in names
    ]
    rows = frame.select(columns).with_columns(pl.Series("source_line", records.lines, dtype=pl.Int64))
    # Spreadsheets end a file with lines of separators only, where cells were emptied.
    has_value = rows.select(pl.any_horizontal(pl.col(names).is_not_null())).to_series()
    return rows if has_value.all() else rows.filter(has_value)


def _check_text(path: str, block: Block) -> None:
    data = block.data
    if block.is_first and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SubmissionRejected(f"{path} is UTF-16 text", next_step="save it as 'CSV UTF-8'")
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError as error:
        byte, line = block.n_bytes_before + error.start + 1, block.line_of(error.start)
        raise SubmissionRejected(
            f"{path} is not UTF-8 text: byte {byte} on line {line}", next_step="save it as 'CSV UTF-8'"
        ) from None
    if b"\0" in data:
        line = block.line_of(data.index(0))
        raise SubmissionRejected(f"{path} is not a text file: line {line} holds a zero byte", next_step=AGAIN)
    if block.is_first and b"\n" not in data and b"\r" in data:
        raise SubmissionRejected(f"{path} has line ends of CR only", next_step="save it with LF or CRLF")


def _header(path: str, data: bytes, records: Records) -> list[str]:
    text = data[: records.ends[0]].decode("utf-8").removesuffix("\r")
    names = next(csv.reader([text], strict=True), []) if text else []
    if len(names) == 1:
        for character, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if character in text:
                raise SubmissionRejected(
                    f"{path} is separated by {word}; commas are expected",
                    next_step="save it comma-separated, with a decimal point in numbers",
                )
    return names


@dataclass(slots=True)
class _Widths:
    """Rows with another number of fields than the header: the first of them, and how many."""

    path: str
    n_wrong: int = 0
    n_columns: int = 0
    first_line: int = 0
    first_n_fields: int = 0

    def look_at(self, records: Records, n_columns: int) -> None:
        """Count those of a block."""
        wrong = (records.n_fields != n_columns) & ~records.is_blank
        if wrong.any():
            if not self.n_wrong:
                first = int(np.flatnonzero(wrong)[0])
                self.first_line, self.first_n_fields = int(records.lines[first]), int(records.n_fields[first])
            self.n_columns = n_columns
            self.n_wrong += int(wrong.sum())

    def refuse_wrong(self) -> None:
        """Refuse the file if there are any."""
        if not self.n_wrong:
            return
        hint = (
            "a comma inside a text must be in quotation marks, and numbers need a decimal point"
            if self.first_n_fields > self.n_columns
            else "a field, empty or not, is needed for every column"
        )
        raise SubmissionRejected(
            f"{self.path} line {self.first_line} has {self.first_n_fields} fields and the header {self.n_columns} "
            f"({self.n_wrong} such lines)",
            next_step=hint,
        )


def _parse(path: str, body: bytes, header: list[str]) -> pl.DataFrame:
    try:
        return pl.read_csv(
            body,
            has_header=False,
            schema=dict.fromkeys(header, pl.String),
        )
    except pl.exceptions.PolarsError:
        # The parser's own message quotes the text it stumbled over.
        raise SubmissionRejected(
            f"{path} cannot be read as CSV: its quotation marks are not those of RFC 4180", next_step=AGAIN
        ) from None
