"""Sums over risk sets and over the time a row spends at risk: two transposed operations.

A row is at risk at the event times ``first <= k < last`` of a grid. `Intervals`
turns values per row into sums per event time (what a risk set holds) and values
per event time into sums per row (the hazard a row lives through). Both cost one
pass over the rows, whatever the number of event times, and both add over batches.

The plain way differences cumulative sums. Where a risk set is smaller than what
comes later by many orders of magnitude (delayed entry with extreme relative
risks), differences lose digits; the same two operations are then done on a binary
tree of the grid, without any subtraction, at log2(times) the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.intp]


def bucket_sums(index: Index, values: Array, n_buckets: int) -> Array:
    """Sum values (n,) by bucket number (n,), in row order, into (n_buckets,)."""
    return np.bincount(index, weights=values, minlength=n_buckets).astype(np.float64, copy=False)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Rows as half-open intervals of slots on a grid made of segments (strata).

    Attributes
    ----------
    first, last : int array (n,)
        The row is at risk in slots ``first <= k < last``, all of one segment.
        Each segment ends with an empty slot, so ``last`` stays inside it.
    late : int array
        Rows that enter after their segment's first slot: only these are subtracted.
    segments : int array (strata + 1,)
        Slot boundaries of the segments.
    """

    first: Index
    last: Index
    late: Index
    segments: Index

    @property
    def n_slots(self) -> int:
        """Number of slots, the empty ones included."""
        return int(self.segments[-1])

    def per_slot(self, values: Array) -> Array:
        """Sum a value per row (n,) over those at risk in each slot (slots,)."""
        net = bucket_sums(self.last, values, self.n_slots)
        if self.late.size:
            net -= bucket_sums(self.first[self.late], values[self.late], self.n_slots)
        # From the end: late risk sets are small, and nothing larger was added before them.
        return running(np.add, net[::-1], self.n_slots - self.segments[::-1])[::-1]

    def per_row(self, values: Array) -> Array:
        """Sum a value per slot (slots,) over the slots each row is at risk in (n,)."""
        before = running(np.add, values, self.segments)
        return np.asarray(before[self.last] - before[self.first])


@dataclass(frozen=True, slots=True)
class TreeIntervals:
    """The operations of `Intervals` by a binary tree over the slots: no subtraction, no lost digits."""

    first: Index
    last: Index
    segments: Index

    @property
    def n_slots(self) -> int:
        """Number of slots, the empty ones included."""
        return int(self.segments[-1])

    @property
    def _leaves(self) -> int:
        return 1 << max(self.n_slots - 1, 1).bit_length()

    def _cover(self) -> list[tuple[Index, Index]]:
        """Pairs (rows, nodes): the fewest nodes that make up each row's interval, level by level."""
        out: list[tuple[Index, Index]] = []
        rows = np.flatnonzero(self.first < self.last)
        low, high = self.first[rows] + self._leaves, self.last[rows] + self._leaves
        while rows.size:
            odd_low, odd_high = (low & 1) == 1, (high & 1) == 1
            out.append((rows[odd_low], low[odd_low]))
            out.append((rows[odd_high], high[odd_high] - 1))
            low, high = (low + odd_low) >> 1, (high - odd_high) >> 1
            open_still = low < high
            rows, low, high = rows[open_still], low[open_still], high[open_still]
        return out

    def per_slot(self, values: Array) -> Array:
        """Sum a value per row (n,) over those at risk in each slot (slots,)."""
        size = self._leaves
        tree = np.zeros(2 * size)
        for rows, nodes in self._cover():
            tree += bucket_sums(nodes, values[rows], 2 * size)
        width = 1
        while width < size:
            tree[2 * width : 4 * width] += np.repeat(tree[width : 2 * width], 2)
            width *= 2
        return tree[size : size + self.n_slots]

    def per_row(self, values: Array) -> Array:
        """Sum a value per slot (slots,) over the slots each row is at risk in (n,)."""
        size = self._leaves
        tree = np.zeros(2 * size)
        tree[size : size + self.n_slots] = values
        width = size // 2
        while width:
            tree[width : 2 * width] = tree[2 * width : 4 * width].reshape(-1, 2).sum(axis=1)
            width //= 2
        out = np.zeros(len(self.first))
        for rows, nodes in self._cover():
            out[rows] += tree[nodes]
        return out


def running(ufunc: np.ufunc, values: Array, segments: Index) -> Array:
    """Accumulate what comes before each slot within its segment, from 0 at each start (slots,).

    Each segment is accumulated on its own, so that one stratum's rounding never
    reaches another. The loop is over segments or over places within them, whichever
    is shorter: never more than the square root of the slots.

    Parameters
    ----------
    ufunc : numpy.ufunc
        ``np.add``, or ``np.maximum`` of values that are not negative.
    values : array (slots,)
        A value per slot.
    segments : int array (strata + 1,)
        Slot boundaries.

    Examples
    --------
    >>> running(np.add, np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 3, 4])).tolist()
    [0.0, 1.0, 3.0, 0.0]
    """
    out = np.zeros(len(values))
    lengths = np.diff(segments)
    longest = int(lengths.max())
    if len(lengths) <= longest:
        for begin, end in pairwise(segments.tolist()):
            ufunc.accumulate(values[begin : end - 1], out=out[begin + 1 : end])
        return out
    by_length = np.argsort(-lengths, kind="stable")
    begins, shortest_first = segments[:-1][by_length], np.sort(lengths)
    for place in range(1, longest):
        n_longer = len(lengths) - int(np.searchsorted(shortest_first, place, side="right"))
        at = begins[:n_longer] + place
        out[at] = ufunc(out[at - 1], values[at - 1])
    return out


def loses_digits(risk: Array, segments: Index, *, limit: float = 1e7) -> bool:
    """Tell whether differencing was unsafe: a risk sum ``limit`` times below a later one.

    Parameters
    ----------
    risk : array (slots,)
        Sums of relative risk per slot, from `Intervals.per_slot`.
    segments : int array (strata + 1,)
        Slot boundaries of the strata.
    limit : float
        At 1e7 a risk sum still has nine correct digits.
    """
    later = running(np.maximum, np.maximum(risk, 0.0)[::-1], len(risk) - segments[::-1])[::-1]
    unsafe = risk * limit <= later
    unsafe[segments[1:] - 1] = False
    return bool(unsafe.any())
