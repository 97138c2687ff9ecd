"""Sums over earlier items of lower or equal rank: pair counting without looking at pairs."""

from __future__ import annotations

import numpy as np

from blinreg.analyses.cox_sums import Array, Index


def ranked_sums(rank: Index, weight: Array) -> tuple[Array, Array, Array]:
    """Sum for each item the weights of those before it, by how their rank compares.

    The items are sorted into blocks of one rank bit by bit, each time keeping their order
    (a wavelet tree), so that the cost is items times the bits of the highest rank.

    Parameters
    ----------
    rank : int array (n,)
        From 0.
    weight : array (n,)
        0 for an item that only asks.

    Returns
    -------
    lower, equal, higher : array (n,)

    Examples
    --------
    >>> lower, equal, higher = ranked_sums(np.array([2, 0, 2, 1]), np.ones(4))
    >>> lower.tolist(), equal.tolist(), higher.tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 2.0])
    """
    n = len(rank)
    lower, equal = np.zeros(n), np.zeros(n)
    place = np.arange(n)
    begin, end = np.zeros(n, dtype=np.intp), np.full(n, n)
    for bit in reversed(range(int(rank.max(initial=0)).bit_length())):
        is_low = (rank[place] >> bit) & 1 == 0
        is_high = ~is_low
        before = _before(np.where(is_low, weight[place], 0.0))
        lower[place[is_high]] += before[:-1][is_high] - before[begin[is_high]]
        n_low = _before(is_low.astype(np.intp))
        middle = begin + n_low[end] - n_low[begin]
        among_low = n_low[:-1] - n_low[begin]
        among_high = np.arange(n) - begin - among_low
        moved = np.where(is_low, begin + among_low, middle + among_high)
        new_begin, new_end = np.where(is_low, begin, middle), np.where(is_low, middle, end)
        begin, end, place = _moved(new_begin, moved), _moved(new_end, moved), _moved(place, moved)
    before = _before(weight[place])
    equal[place] = before[:-1] - before[begin]
    return lower, equal, _before(weight)[:-1] - lower - equal


def _before(values: Array | Index) -> Array:
    """Cumulate what comes before each item, and the total (n + 1,)."""
    return np.concatenate((np.zeros(1, dtype=values.dtype), np.cumsum(values)))


def _moved(values: Index, to: Index) -> Index:
    out = np.empty_like(values)
    out[to] = values
    return out
