"""How the rows of each subject follow one another: the one place for these rules.

`counting_process` refuses by them and `check_counting_process` reports them. A
rule answers with row numbers, which are few where data are good, so that the
usual case costs a handful of passes over the rows and no sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Integers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]
_Scalar = TypeVar("_Scalar", bound=np.generic)

#: Start times on a grid of half days are sorted as whole numbers packed with the subject.
_GRID = 2
_PACKED_MAX = 2**62


@dataclass(frozen=True, slots=True, eq=False)
class RowSequence:
    """The rows of all subjects, each subject's together and in order of start.

    Attributes
    ----------
    order : ndarray of int64, shape (n,), or None
        Row number at each place of the sequence; None where rows stand in order already.
    subject : ndarray of int64, shape (n,)
    start, stop : ndarray of float64, shape (n,)
        In the order of the sequence.
    same : ndarray of bool, shape (n - 1,)
        The next row is of the same subject.
    """

    order: _Integers | None
    subject: _Integers
    start: _Floats
    stop: _Floats
    same: _Flags

    def sorted(self, values: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
        """Bring the values of the rows into the order of the sequence."""
        return values if self.order is None else values[self.order]

    def overlaps(self) -> _Integers:
        """Find the rows that start before the row before them ends."""
        return self._rows(self._following(self.start[1:] < self.stop[:-1]))

    def gaps(self) -> _Integers:
        """Find the rows that start after the row before them has ended."""
        return self._rows(self._following(self.start[1:] > self.stop[:-1]))

    def after_event(self, event: _Integers) -> _Integers:
        """Find the rows that come after an event of their subject."""
        ended = self.sorted(event) != 0
        if not bool((ended[:-1] & self.same).any()):
            return np.empty(0, dtype=np.int64)
        return self._rows(np.flatnonzero(self.last_before(ended) >= 0))

    def lowered(self, values: _Floats) -> _Integers:
        """Find the rows whose value is lower than that of the row before them."""
        ordered = self.sorted(values)
        return self._rows(self._following(ordered[1:] < ordered[:-1]))

    def displaced(self, state: _Integers, entered: _Integers) -> tuple[_Integers, _Integers]:
        """Find the rows that are in another state than the row before them led to.

        Parameters
        ----------
        state, entered : ndarray of int64, shape (n,)
            State during each row, and the one entered at its end (negative: none).

        Returns
        -------
        teleports, jumps : ndarray of int64
            Rows that follow at once, and rows after a gap.
        """
        now, to = self.sorted(state), self.sorted(entered)
        led_to = np.where(to >= 0, to, now)
        places = self._following(now[1:] != led_to[:-1])
        after_gap = self.start[places] > self.stop[places - 1]
        return self._rows(places[~after_gap]), self._rows(places[after_gap])

    def last_before(self, marked: _Flags) -> _Integers:
        """Find for each place the last marked place before it in the same subject, or -1."""
        places = np.arange(marked.size, dtype=np.int64)
        latest = np.maximum.accumulate(np.where(marked, places, -1))
        before = np.concatenate(([-1], latest[:-1]))
        first = np.maximum.accumulate(np.where(self.is_first(), places, 0))
        return np.where(before >= first, before, -1)

    def is_first(self) -> _Flags:
        """Flag the places where a subject begins."""
        return np.concatenate(([True], ~self.same))

    def is_last(self) -> _Flags:
        """Flag the places where a subject ends."""
        return np.concatenate((~self.same, [True]))

    def _following(self, wrong: _Flags) -> _Integers:
        return np.flatnonzero(wrong & self.same).astype(np.int64, copy=False) + 1

    def _rows(self, places: _Integers) -> _Integers:
        return places if self.order is None else np.sort(self.order[places])


def row_sequence(subject: _Integers, start: _Floats, stop: _Floats) -> RowSequence:
    """Put rows in the order of their subjects and starts.

    Parameters
    ----------
    subject : ndarray of int64, shape (n,)
        Codes, not negative.
    start, stop : ndarray of float64, shape (n,)
        Intervals (start, stop].

    Returns
    -------
    RowSequence

    Examples
    --------
    >>> rows = row_sequence(np.array([1, 0, 1]), np.array([5.0, 0.0, 0.0]), np.array([9.0, 3.0, 6.0]))
    >>> rows.overlaps().tolist(), rows.gaps().tolist()
    ([0], [])
    """
    order = None if _in_order(subject, start) else subject_order(subject, start)
    if order is not None:
        subject, start, stop = subject[order], start[order], stop[order]
    return RowSequence(order, subject, start, stop, subject[1:] == subject[:-1])


def zero_length(start: _Floats, stop: _Floats) -> _Integers:
    """Find the rows that do not end after they start.

    Examples
    --------
    >>> zero_length(np.array([0.0, 5.0]), np.array([3.0, 5.0])).tolist()
    [1]
    """
    return np.flatnonzero(stop <= start).astype(np.int64, copy=False)


def subject_order(subject: _Integers, start: _Floats) -> _Integers:
    """Order rows by subject and start; rows that are so already are not sorted again.

    Examples
    --------
    >>> subject_order(np.array([1, 0, 1]), np.array([5.0, 0.0, 0.5])).tolist()
    [1, 2, 0]
    """
    if _in_order(subject, start):
        return np.arange(subject.size, dtype=np.int64)
    halves = start * _GRID
    low, high = float(halves.min()), float(halves.max())
    if (high - low + 1) * (float(subject.max()) + 1) < _PACKED_MAX and bool((halves == np.floor(halves)).all()):
        key = subject * int(high - low + 1) + (halves - low).astype(np.int64)
        return np.argsort(key).astype(np.int64, copy=False)
    return np.lexsort((start, subject)).astype(np.int64, copy=False)


def _in_order(subject: _Integers, start: _Floats) -> bool:
    same = subject[1:] == subject[:-1]
    return bool(np.all((subject[1:] > subject[:-1]) | (same & (start[1:] >= start[:-1]))))
