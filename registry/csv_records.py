"""Where the records of a CSV text are, block by block, before any value is read.

Parsers disagree on files that break the rules of RFC 4180, and a row with one field too few would shift
its values: so the structure is found and checked first. A file is gone through in blocks of whole records,
so that one larger than memory can be read.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from blinreg.schemas.errors import SubmissionRejected

Positions: TypeAlias = npt.NDArray[np.int64]

AGAIN = "write the file again, as 'CSV UTF-8' of a spreadsheet or with a CSV library"

#: A record longer than this has lost a quotation mark, or its line ends.
MAXIMUM_RECORD_BYTES = 64 << 20

_LF, _CR, _QUOTE, _COMMA = (ord(character) for character in '\n\r",')


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of a file.

    Parameters
    ----------
    data : bytes
        The records, without a byte-order mark.
    n_lines_before, n_bytes_before : int
        What of the file stands before them.
    """

    data: bytes
    n_lines_before: int
    n_bytes_before: int

    @property
    def is_first(self) -> bool:
        """Whether the header is in it."""
        return not self.n_bytes_before

    def divided(self) -> tuple[Block, Block]:
        """Give the first record, the header of a file, and what follows it."""
        end = n_quotes = 0
        while next_end := self.data.find(b"\n", end) + 1:
            n_quotes += self.data.count(b'"', end, next_end)
            end = next_end
            if n_quotes % 2 == 0:
                break
        else:
            end = len(self.data)
        first = Block(self.data[:end], self.n_lines_before, self.n_bytes_before)
        n_lines = self.n_lines_before + first.data.count(b"\n")
        return first, Block(self.data[end:], n_lines, self.n_bytes_before + end)

    def line_of(self, position: int) -> int:
        """Give the line of a byte of the block."""
        return self.n_lines_before + self.data.count(b"\n", 0, position) + 1


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records of a block are.

    Parameters
    ----------
    starts, ends : array of int
        First byte of each record in the block, and the byte after its last (its line end, or the end).
    lines : array of int
        Line of the file on which each record begins, from 1.
    n_fields : array of int
        Number of fields of each record.
    is_blank : array of bool
        Whether there is nothing in it.
    """

    starts: Positions
    ends: Positions
    lines: Positions
    n_fields: Positions
    is_blank: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Give the number of records."""
        return len(self.starts)

    def after(self, n: int) -> Records:
        """Leave out the first records."""
        return Records(self.starts[n:], self.ends[n:], self.lines[n:], self.n_fields[n:], self.is_blank[n:])


def blocks_of(path: str, source: BinaryIO, block_bytes: int) -> Iterator[Block]:
    """Go through a file in blocks that end with a record.

    Parameters
    ----------
    path : str
        Name of the file, for messages.
    source : binary file
        At its start.
    block_bytes : int
        About how much is held at once.

    Yields
    ------
    Block
        At least one, if the file is empty an empty one.

    Raises
    ------
    SubmissionRejected
        If a record is longer than any can be.
    """
    data = source.read(block_bytes).removeprefix(codecs.BOM_UTF8)
    n_lines = n_bytes = 0
    while chunk := source.read(block_bytes):
        end = _end_of_records(data)
        if end or _has_bare_returns(data):
            block = Block(data[: end or len(data)], n_lines, n_bytes)
            yield block
            n_lines += block.data.count(b"\n")
            n_bytes += len(block.data)
            data = data[len(block.data) :]
        elif len(data) > MAXIMUM_RECORD_BYTES:
            what = "a quotation mark is opened and not closed" if b'"' in data else "a line without an end"
            raise SubmissionRejected(f"{path} line {n_lines + 1}: {what}", next_step=AGAIN)
        data += chunk
    yield Block(data, n_lines, n_bytes)


def _has_bare_returns(data: bytes) -> bool:
    """Tell whether a text ends its lines with CR only: it could be read to its end in search of a line end."""
    return b"\n" not in data and b'"' not in data and b"\r" in data[:-1]


def _end_of_records(data: bytes) -> int:
    """Find the byte after the last line end that ends a record; 0 if there is none."""
    last = data.rfind(b"\n") + 1
    if data.count(b'"', 0, last) % 2 == 0:
        return last
    buffer = np.frombuffer(data, dtype=np.uint8)
    ends = _outside(_positions(buffer, _LF), _positions(buffer, _QUOTE))
    return int(ends[-1]) + 1 if len(ends) else 0


def find_records(path: str, block: Block) -> Records:
    """Find the records of a block and check its quotation marks and line ends.

    Raises
    ------
    SubmissionRejected
        If a quotation mark or a carriage return is where none can be.
    """
    data = block.data
    buffer = np.frombuffer(data, dtype=np.uint8)
    newlines, commas = _positions(buffer, _LF), _positions(buffer, _COMMA)
    quotes = _positions(buffer, _QUOTE) if b'"' in data else np.empty(0, dtype=np.int64)
    line_ends = newlines
    if len(quotes):
        _check_quotes(path, block, buffer, quotes)
        newlines, commas = _outside(newlines, quotes), _outside(commas, quotes)
    if b"\r" in data:
        _check_returns(path, block, _outside(_positions(buffer, _CR), quotes))
    ends = newlines if data.endswith(b"\n") or not data else np.append(newlines, len(data))
    starts = np.concatenate(([0], ends[:-1] + 1)).astype(np.int64) if len(ends) else np.empty(0, dtype=np.int64)
    is_on_lines = len(newlines) == len(line_ends)
    numbers = np.arange(len(starts)) if is_on_lines else np.searchsorted(line_ends, starts)
    # Of each record the commas before its end, less those before the end of the one before.
    n_commas = np.searchsorted(commas, ends)
    n_fields = np.diff(n_commas, prepend=0) + 1
    return Records(starts, ends, numbers + block.n_lines_before + 1, n_fields, _is_blank(buffer, starts, ends))


def _is_blank(buffer: npt.NDArray[np.uint8], starts: Positions, ends: Positions) -> npt.NDArray[np.bool_]:
    length = ends - starts
    blank: npt.NDArray[np.bool_] = length == 0
    single = length == 1
    if single.any():
        blank = blank | (single & (buffer[np.minimum(starts, len(buffer) - 1)] == _CR))
    return blank


def _positions(buffer: npt.NDArray[np.uint8], character: int) -> Positions:
    return np.flatnonzero(buffer == character)


def _check_returns(path: str, block: Block, returns: Positions) -> None:
    """Check that a CR outside quotation marks is part of a line end."""
    if not len(returns):
        return
    buffer = np.frombuffer(block.data + b" ", dtype=np.uint8)
    bare = returns[buffer[returns + 1] != _LF]
    if len(bare):
        line = block.line_of(int(bare[0]))
        raise SubmissionRejected(
            f"{path} line {line}: a carriage return inside a line", next_step="save it with LF or CRLF"
        )


def _outside(positions: Positions, quotes: Positions) -> Positions:
    """Keep the positions that are not between an opening and a closing quotation mark."""
    kept: Positions = positions[np.searchsorted(quotes, positions) % 2 == 0]
    return kept


def _check_quotes(path: str, block: Block, buffer: npt.NDArray[np.uint8], quotes: Positions) -> None:
    """Check that quotation marks open at the start of a field and close at its end."""
    if len(quotes) % 2:
        line = block.line_of(_first_stray(buffer, quotes))
        raise SubmissionRejected(f"{path} line {line}: a quotation mark is opened and not closed", next_step=AGAIN)
    stray = _stray(buffer, quotes)
    if len(stray):
        raise SubmissionRejected(
            f"{path} line {block.line_of(int(stray[0]))}: a quotation mark inside a field",
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
