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

from blinreg.registry.csv_records import AGAIN, Block, Positions, Records, blocks_of, find_records
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
        body = block
        if block.is_first:
            head, body = block.divided()
            header = _checked_header(definition, path, head)
        rows = None if widths.n_wrong else _plain_rows(definition, body, header)
        if rows is None:
            records = find_records(path, body)
            widths.look_at(records, len(header))
            # The parser has an error of its own for a body of nothing but empty lines.
            if widths.n_wrong or records.is_blank.all():
                continue
            rows = _rows(definition, path, body, records, header)
        n_frames += 1
        yield rows
    widths.refuse_wrong()
    if not n_frames:
        yield pl.DataFrame(schema={**dict.fromkeys(definition.column_names, pl.String), "source_line": pl.Int64})


def _checked_header(definition: Table, path: str, head: Block) -> list[str]:
    records = find_records(path, head)
    if not len(records):
        raise SubmissionRejected(f"{path} is empty: it has no header", next_step=AGAIN)
    if records.is_blank[0]:
        raise SubmissionRejected(
            f"{path}: line 1 is empty: the header must stand there", next_step="delete the lines above the header"
        )
    header = _header(definition, path, head.data[: records.ends[0]].decode("utf-8").removesuffix("\r"))
    check_header(definition, path, header)
    return header


def _plain_rows(definition: Table, body: Block, header: list[str]) -> pl.DataFrame | None:
    """Read records that need no look at each of them; none if some may.

    Without quotation marks every line is a record. The parser refuses a line of more fields than the header has, so
    that no line has fewer either if the commas are as many as the lines should have together.
    """
    data = body.data
    n_lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if (
        not data
        or b'"' in data
        or data.count(b"\r") != data.count(b"\r\n")
        or data.count(b",") != n_lines * (len(header) - 1)
    ):
        return None
    try:
        frame = _parse(data, header)
    except pl.exceptions.PolarsError:
        return None
    if frame.height != n_lines:
        return None
    return _with_lines(definition, frame, body.n_lines_before + 1 + np.arange(n_lines))


def _rows(definition: Table, path: str, block: Block, records: Records, header: list[str]) -> pl.DataFrame:
    # The parser passes over empty lines only where a text begins with them.
    records = records.after(int(np.argmin(records.is_blank)))
    misread = SubmissionRejected(
        f"{path} cannot be read as CSV: its quotation marks are not those of RFC 4180", next_step=AGAIN
    )
    try:
        frame = _parse(block.data[records.starts[0] :], header)
    except pl.exceptions.PolarsError:
        # The parser's own message quotes the text it stumbled over.
        raise misread from None
    if frame.height != len(records):
        raise misread
    if b'"' in block.data:
        # Only between quotation marks can an empty text be anything but null already.
        frame = frame.select(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in header)
    return _with_lines(definition, frame, records.lines)


def _with_lines(definition: Table, frame: pl.DataFrame, lines: Positions) -> pl.DataFrame:
    names = definition.column_names
    rows = frame.select(names).with_columns(pl.Series("source_line", lines, dtype=pl.Int64))
    if not all(rows.null_count().row(0)[: len(names)]):
        return rows
    # Spreadsheets end a file with lines of separators only, where cells were emptied.
    return rows.filter(pl.any_horizontal(pl.col(names).is_not_null()))


def _check_text(path: str, block: Block) -> None:
    data = block.data
    if block.is_first and _is_utf16(data):
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


def _is_utf16(data: bytes) -> bool:
    """Tell by its mark, or by a zero in one half of its first character, that a text is UTF-16."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or data[:2].count(0) == 1


def _header(definition: Table, path: str, text: str) -> list[str]:
    try:
        names = next(csv.reader([text], strict=True))
    except csv.Error:
        # A field too long for any name: what stands there is no header.
        return []
    if len(names) > 1:
        return names
    next_step = "save it comma-separated, with a decimal point in numbers"
    for character, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if character in text:
            raise SubmissionRejected(f"{path} is separated by {word}; commas are expected", next_step=next_step)
    if sum(name in text for name in definition.column_names) > 1:
        raise SubmissionRejected(
            f"{path}: all names of columns stand in one field; commas are expected between them", next_step=next_step
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


def _parse(body: bytes, header: list[str]) -> pl.DataFrame:
    return pl.read_csv(body, has_header=False, schema=dict.fromkeys(header, pl.String))
