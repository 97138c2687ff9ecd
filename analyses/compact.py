"""Columns in the smallest type that holds their values exactly.

Registry columns are mostly days, counts and flags: a byte or two where a frame
keeps eight. Values come back as they were, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: An array of uint8, int16, int32, float32 or float64; of 64-bit integers where nothing less holds them.
Compact: TypeAlias = NDArray[Any]

_CHUNK = 65_536
#: Whole numbers over a range up to this are looked up in a table instead of searched.
_TABLE = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CompactColumn:
    """Values (n,) and their range; ``low`` is not a number where a value is missing."""

    values: Compact
    low: float
    high: float


def compact_numbers(column: pl.Series, *, own: bool = False) -> CompactColumn:
    """Take a numeric or boolean column.

    Parameters
    ----------
    column : polars.Series
        Missing values become not-a-number.
    own : bool
        Never share memory with the column: a column of a batch keeps the whole batch alive.

    Examples
    --------
    >>> days = compact_numbers(pl.Series("tstop", [30, 400], dtype=pl.Int64))
    >>> days.values.dtype.name, days.low, days.high
    ('int16', 30.0, 400.0)
    >>> compact_numbers(pl.Series([40.0, 50.0])).values.dtype.name, compact_numbers(pl.Series([0.1])).values.dtype.name
    ('uint8', 'float64')
    """
    if column.dtype == pl.Boolean:
        column = column.cast(pl.UInt8)
    if column.dtype.is_decimal():
        column = column.cast(pl.Float64)
    values: Compact = column.to_numpy()
    if not values.size:
        return CompactColumn(values.astype(np.uint8), 0.0, 0.0)
    low, high = float(values.min()), float(values.max())
    whole = _whole_type(low, high)
    if values.dtype.kind in "iu":
        return CompactColumn(values.astype(whole or values.dtype, copy=own), low, high)
    if np.isfinite(low) and np.isfinite(high):
        for dtype in (whole, np.float32):
            taken = None if dtype is None else _cast_exactly(values, dtype)
            if taken is not None:
                return CompactColumn(taken, low, high)
    return CompactColumn(values.astype(np.float64, copy=own), low, high)


def join(parts: list[Compact]) -> Compact:
    """Concatenate the parts of a column in the smallest type that holds them all; empties the list."""
    if len(parts) == 1:
        return parts.pop()
    out = np.empty(sum(len(part) for part in parts), dtype=np.result_type(*(part.dtype for part in parts)))
    at = 0
    parts.reverse()
    while parts:
        part = parts.pop()
        out[at : at + len(part)] = part
        at += len(part)
    return out


def distinct(values: Compact) -> Compact:
    """List the distinct values in increasing order.

    Examples
    --------
    >>> distinct(np.array([3, 1, 3], dtype=np.int16)).tolist()
    [1, 3]
    """
    table = _table_range(values)
    if table is None:
        return np.unique(values)
    low, high = table
    present = np.zeros(high - low + 1, dtype=np.bool_)
    for begin in range(0, len(values), _CHUNK):
        present[values[begin : begin + _CHUNK].astype(np.intp) - low] = True
    return (np.flatnonzero(present) + low).astype(values.dtype)


def distinct_places(values: Compact) -> tuple[Compact, NDArray[np.int64]]:
    """List the distinct values in increasing order, and for each value its place among them.

    As ``np.unique(values, return_inverse=True)``; whole numbers that lie close together are not sorted, nor are
    times on a grid of half days.

    Examples
    --------
    >>> times, place = distinct_places(np.array([3.0, 0.5, 3.0]))
    >>> times.tolist(), place.tolist()
    ([0.5, 3.0], [1, 0, 1])
    """
    if values.dtype.kind == "f" and values.size and values.min() > -_TABLE and values.max() < _TABLE:
        doubled = _cast_exactly(values * 2, np.int32)
        if doubled is not None:
            found, place = distinct_places(doubled)
            return found / 2, place
    table = _table_range(values)
    if table is None or table[1] - table[0] > values.size:
        found, place = np.unique(values, return_inverse=True)
        return found, place.astype(np.int64, copy=False)
    found = distinct(values)
    places = np.zeros(table[1] - table[0] + 1, dtype=np.int64)
    places[found.astype(np.intp) - table[0]] = np.arange(found.size)
    return found, places[values.astype(np.intp) - table[0]]


def ranks(values: Compact, among: Compact, *, side: str) -> NDArray[np.integer]:
    """Count for each value how many of the increasing values ``among`` are below it ("left") or not above ("right").

    Examples
    --------
    >>> ranks(np.array([1, 5], dtype=np.uint8), np.array([1, 4, 9]), side="right").tolist()
    [1, 2]
    """
    how: Any = side
    table = _table_range(values)
    if table is None:
        return np.searchsorted(among, values, side=how)
    low, high = table
    looked_up = np.searchsorted(among, np.arange(low, high + 1), side=how).astype(np.uint32)
    out = np.empty(len(values), dtype=np.uint32)
    for begin in range(0, len(values), _CHUNK):
        index = values[begin : begin + _CHUNK].astype(np.intp)
        index -= low
        np.take(looked_up, index, out=out[begin : begin + _CHUNK], mode="clip")
    return out


class TextCodes:
    """Codes 0, 1, ... for the texts of one column, the same in every batch."""

    def __init__(self) -> None:
        self.levels: list[str] = []

    def codes(self, column: pl.Series, *, own: bool = False) -> CompactColumn:
        """Code a column without missing values; new texts get the next codes."""
        text = column.cast(pl.String)
        self.levels += sorted(set(text.unique().to_list()) - set(self.levels))
        return compact_numbers(text.cast(pl.Enum(self.levels)).to_physical(), own=own)


def _whole_type(low: float, high: float) -> type[np.generic] | None:
    for dtype in (np.uint8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return dtype
    return None


def _cast_exactly(values: Compact, dtype: type[np.generic]) -> Compact | None:
    """Cast, or give None at the first chunk with a value that the type cannot hold."""
    out = np.empty(len(values), dtype=dtype)
    for begin in range(0, len(values), _CHUNK):
        part = values[begin : begin + _CHUNK]
        with np.errstate(over="ignore"):
            out[begin : begin + _CHUNK] = part
        if not np.array_equal(out[begin : begin + _CHUNK], part):
            return None
    return out


def _table_range(values: Compact) -> tuple[int, int] | None:
    if values.dtype.kind not in "iu" or not values.size:
        return None
    low, high = int(values.min()), int(values.max())
    return (low, high) if high - low < _TABLE else None


def total_bytes(columns: Sequence[Compact]) -> int:
    """Sum the memory of some columns."""
    return sum(column.nbytes for column in columns)
