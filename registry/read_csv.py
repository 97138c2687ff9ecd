"""Read a CSV file as text, with the physical line on which each row begins.

UTF-8 with or without byte-order mark, comma, quotation marks as in RFC 4180, lines that
end in LF or CRLF. The structure is checked before the values are read: parsers disagree
on files that break the rules, and a row with one field too few would shift its values.
"""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from blinreg.registry.header import check_header
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table

Positions: TypeAlias = npt.NDArray[np.int64]

_AGAIN = "write the file again, as 'CSV UTF-8' of a spreadsheet or with a CSV library"

_LF, _CR, _QUOTE, _COMMA = (ord(character) for character in '\n\r",')


@dataclass(frozen=True, slots=True)
class _Records:
    """Where the records of a file are.

    Parameters
    ----------
    starts, ends : array of int
        First byte of each record, and the byte after its last (its line end, or the end of the file).
    lines : array of int
        Line on which each record begins, from 1.
    n_fields : array of int
        Number of fields of each record.
    """

    starts: Positions
    ends: Positions
    lines: Positions
    n_fields: Positions


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
    data = data.removeprefix(codecs.BOM_UTF8)
    _check_text(path, data)
    records = _find_records(path, data)
    if not len(records.starts):
        raise SubmissionRejected(f"{path} is empty: it has no header", next_step=_AGAIN)
    header = _header(path, data, records)
    check_header(definition, path, header)
    is_blank = _is_blank(data, records)
    _check_widths(path, records, is_blank, len(header))
    # The parser has an error of its own for a body of nothing but empty lines.
    if is_blank[1:].all():
        return pl.DataFrame(schema={**dict.fromkeys(definition.column_names, pl.String), "source_line": pl.Int64})
    frame = _parse(path, data[records.starts[1] :], header)
    if frame.height != len(records.starts) - 1:
        raise SubmissionRejected(
            f"{path} cannot be read as CSV: its quotation marks are not those of RFC 4180", next_step=_AGAIN
        )
    rows = frame.select(
        *(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in definition.column_names),
        pl.Series("source_line", records.lines[1:], dtype=pl.Int64),
    )
    # Spreadsheets end a file with lines of separators only, where cells were emptied.
    return rows.filter(pl.any_horizontal(pl.col(definition.column_names).is_not_null()))


def _check_text(path: str, data: bytes) -> None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SubmissionRejected(f"{path} is UTF-16 text", next_step="save it as 'CSV UTF-8'")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SubmissionRejected(
            f"{path} is not UTF-8 text: byte {error.start + 1} on line {line}", next_step="save it as 'CSV UTF-8'"
        ) from None
    if b"\0" in data:
        raise SubmissionRejected(
            f"{path} is not a text file: line {_line_of(data, data.index(0))} holds a zero byte", next_step=_AGAIN
        )
    if b"\n" not in data and b"\r" in data:
        raise SubmissionRejected(f"{path} has line ends of CR only", next_step="save it with LF or CRLF")


def _line_of(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def _positions(buffer: npt.NDArray[np.uint8], character: int) -> Positions:
    return np.flatnonzero(buffer == character)


def _find_records(path: str, data: bytes) -> _Records:
    buffer = np.frombuffer(data, dtype=np.uint8)
    newlines, commas = _positions(buffer, _LF), _positions(buffer, _COMMA)
    quotes = _positions(buffer, _QUOTE)
    line_ends = newlines
    if len(quotes):
        _check_quotes(path, data, buffer, quotes)
        newlines, commas = _outside(newlines, quotes), _outside(commas, quotes)
    _check_returns(path, data, _outside(_positions(buffer, _CR), quotes))
    ends = newlines if data.endswith(b"\n") or not data else np.append(newlines, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64) if len(ends) else np.empty(0, dtype=np.int64)
    lines = np.searchsorted(line_ends, starts) + 1
    n_fields = np.searchsorted(commas, ends) - np.searchsorted(commas, starts) + 1
    return _Records(starts, ends, lines, n_fields)


def _check_returns(path: str, data: bytes, returns: Positions) -> None:
    """Check that a CR outside quotation marks is part of a line end."""
    if not len(returns):
        return
    buffer = np.frombuffer(data + b" ", dtype=np.uint8)
    bare = returns[buffer[returns + 1] != _LF]
    if len(bare):
        line = _line_of(data, int(bare[0]))
        raise SubmissionRejected(
            f"{path} line {line}: a carriage return inside a line", next_step="save it with LF or CRLF"
        )


def _outside(positions: Positions, quotes: Positions) -> Positions:
    """Keep the positions that are not between an opening and a closing quotation mark."""
    kept: Positions = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return kept


def _check_quotes(path: str, data: bytes, buffer: npt.NDArray[np.uint8], quotes: Positions) -> None:
    """Check that quotation marks open at the start of a field and close at its end."""
    if len(quotes) % 2:
        line = _line_of(data, _first_stray(buffer, quotes))
        raise SubmissionRejected(f"{path} line {line}: a quotation mark is opened and not closed", next_step=_AGAIN)
    stray = _stray(buffer, quotes)
    if len(stray):
        raise SubmissionRejected(
            f"{path} line {_line_of(data, int(stray[0]))}: a quotation mark inside a field",
            next_step='put the field in quotation marks and double those inside ("")',
        )


def _stray(buffer: npt.NDArray[np.uint8], quotes: Positions) -> Positions:
    padded = np.concatenate(([_LF], buffer, [_LF])).astype(np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before, after = padded[opening], padded[closing + 2]
    # Two marks in a row within a field stand for one: they close and open again at once.
    good_opening = np.isin(before, (_COMMA, _LF, _QUOTE))
    good_closing = np.isin(after, (_COMMA, _LF, _CR, _QUOTE))
    stray: Positions = np.sort(np.concatenate((opening[~good_opening], closing[~good_closing])))
    return stray


def _first_stray(buffer: npt.NDArray[np.uint8], quotes: Positions) -> int:
    stray = _stray(buffer, quotes[:-1])
    return int(stray[0]) if len(stray) else int(quotes[-1])


def _header(path: str, data: bytes, records: _Records) -> list[str]:
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


def _is_blank(data: bytes, records: _Records) -> npt.NDArray[np.bool_]:
    length = records.ends - records.starts
    buffer = np.frombuffer(data, dtype=np.uint8)
    first = buffer[np.minimum(records.starts, len(buffer) - 1)]
    blank: npt.NDArray[np.bool_] = (length == 0) | ((length == 1) & (first == _CR))
    return blank


def _check_widths(path: str, records: _Records, is_blank: npt.NDArray[np.bool_], n_columns: int) -> None:
    wrong = (records.n_fields != n_columns) & ~is_blank
    if not wrong.any():
        return
    first = int(np.flatnonzero(wrong)[0])
    n_fields = int(records.n_fields[first])
    hint = (
        "a comma inside a text must be in quotation marks, and numbers need a decimal point"
        if n_fields > n_columns
        else "a field, empty or not, is needed for every column"
    )
    raise SubmissionRejected(
        f"{path} line {int(records.lines[first])} has {n_fields} fields and the header {n_columns} "
        f"({int(wrong.sum())} such lines)",
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
            f"{path} cannot be read as CSV: its quotation marks are not those of RFC 4180", next_step=_AGAIN
        ) from None
