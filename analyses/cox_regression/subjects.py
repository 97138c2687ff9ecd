"""The rules about a subject's rows, for tables read in batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.compact import Compact, compact_numbers, join
from blinreg.analyses.inputs import CountingProcess, check_sequences

_CHUNK = 1_000_000
#: Rows whose order within subjects is checked at one time, when they come in no order.
_PARTITION_ROWS = 10_000_000
_LARGEST_CODE = 2**62


class SubjectTally:
    """Checks that rows come subject by subject, in order and without overlap, and counts subjects.

    Most tables are in order; then one look at each row and the one before it is
    enough, and nothing is kept. Otherwise ``in_order`` turns false, and
    `check_unordered` has to look again.

    Attributes
    ----------
    in_order : bool
        So far no row comes before the end of the row above it, and no id is smaller.
    n_subjects, n_repeated : int
        Subjects, and those with more than one event, while in order.
    """

    def __init__(self) -> None:
        self.in_order = True
        self.n_subjects = 0
        self.n_repeated = 0
        self._last: tuple[Any, float] | None = None
        self._last_event: tuple[Any, bool] = (None, False)

    def add(self, ids: pl.Series, start: Compact, stop: Compact, event: Compact) -> None:
        """Look at a batch of rows."""
        ids = ids.to_physical() if ids.dtype in (pl.Categorical, pl.Enum) else ids
        for begin in range(0, len(ids), _CHUNK):
            if not self.in_order:
                return
            part = slice(begin, begin + _CHUNK)
            self._add(ids[part], start[part], stop[part], event[part])

    def _add(self, ids: pl.Series, start: Compact, stop: Compact, event: Compact) -> None:
        changes, ascending = _changes(ids)
        first, new = ids[0], True
        if self._last is not None:
            last, ended = self._last
            new = bool(first != last)
            ascending = ascending and bool(first > last if new else start[0] >= ended)
        if not ascending or bool((~changes & (start[1:] < stop[:-1])).any()):
            self.in_order = False
            return
        self.n_subjects += int(np.count_nonzero(changes)) + new
        self._last = (ids[-1], float(stop[-1]))
        self._count_repeated(ids, changes, np.flatnonzero(event))

    def _count_repeated(self, ids: pl.Series, changes: NDArray[np.bool_], failing: NDArray[np.intp]) -> None:
        """Count the events that are the second one of their subject."""
        if not failing.size:
            return
        run = np.concatenate([[0], np.cumsum(changes, dtype=np.int32)])[failing]
        subject, was_again = self._last_event
        again = np.concatenate([[bool(ids[int(failing[0])] == subject)], run[1:] == run[:-1]])
        before = np.concatenate([[was_again], again[:-1]])
        self.n_repeated += int(np.count_nonzero(again & ~before))
        self._last_event = (ids[int(failing[-1])], bool(again[-1]))


def check_unordered(
    batches: Iterable[pl.DataFrame],
    *,
    id: str,  # noqa: A002 - the field's name for the column
    start: str | None,
    stop: str,
    event: str,
) -> tuple[int, int]:
    """Check the rows of each subject wherever they stand.

    Parameters
    ----------
    batches : iterable of polars.DataFrame
        Complete rows.
    id, start, stop, event : str
        Columns.

    Returns
    -------
    tuple of int
        Subjects, and those with more than one event.

    Raises
    ------
    InputError
        Rows of one subject overlap.
    """
    ids: list[pl.Series] = []
    parts: dict[str, list[Compact]] = {name: [] for name in (start, stop, event) if name is not None}
    for batch in batches:
        ids.append(detached(batch[id]))
        for name, kept in parts.items():
            kept.append(compact_numbers(batch[name], own=True).values)
    columns = {name: join(kept) for name, kept in parts.items()}
    subject = _subject_codes(pl.concat(ids))
    ids.clear()
    n_parts = -(-len(subject) // _PARTITION_ROWS)
    n_subjects = n_repeated = 0
    for k in range(n_parts):
        rows = slice(None) if n_parts == 1 else np.flatnonzero(subject % n_parts == k)
        codes = subject[rows] // n_parts
        stops = columns[stop][rows].astype(np.float64)
        events = columns[event][rows].astype(np.int64)
        starts = np.zeros(len(stops)) if start is None else columns[start][rows].astype(np.float64)
        check_sequences(CountingProcess(codes, starts, stops, events, 0), event=event, terminal=False)
        n_subjects += len(np.unique(codes))
        failing = np.sort(codes[events == 1])
        again = failing[1:] == failing[:-1]
        n_repeated += int(np.count_nonzero(again[1:] & ~again[:-1])) + int(again[:1].sum())
    return n_subjects, n_repeated


def _changes(ids: pl.Series) -> tuple[NDArray[np.bool_], bool]:
    """Flag where the next row is of another subject, and tell whether ids never go down."""
    if ids.dtype.is_integer():
        values = ids.to_numpy()
        return values[1:] != values[:-1], not bool((values[1:] < values[:-1]).any())
    return (ids != ids.shift(1)).to_numpy()[1:], ids.is_sorted()


def detached(column: pl.Series) -> pl.Series:
    """Copy whole numbers: a column of a batch would keep the whole batch alive."""
    return pl.Series(column.name, column.to_numpy().copy()) if column.dtype.is_integer() else column


def _subject_codes(ids: pl.Series) -> NDArray[np.int64]:
    """Code subjects from 0; whole numbers only lose their lowest value."""
    if ids.dtype.is_integer():
        values = ids.to_numpy()
        low = values.min()
        if int(values.max()) - int(low) < _LARGEST_CODE:
            return np.asarray(values - low, dtype=np.int64)
    physical = ids.to_physical() if ids.dtype in (pl.Categorical, pl.Enum) else ids
    return np.asarray(physical.rank("dense").to_numpy(), dtype=np.int64) - 1
