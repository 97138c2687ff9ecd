"""Sums over earlier items of lower or equal rank: pair counting without looking at pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from blinreg.analyses.cox_regression.sums import Array, Index


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
    kind = np.int32 if n < 2**31 else np.int64
    lower, equal = np.zeros(n), np.zeros(n)
    # Kept in the order of the blocks; `begins` says where each block begins.
    ranks: Index = rank.astype(kind)
    weights, place = weight.astype(np.float64), np.arange(n, dtype=kind)
    begins = np.zeros(1, dtype=np.int64)
    for bit in reversed(range(int(rank.max(initial=0)).bit_length())):
        is_high = (ranks >> bit & 1).astype(np.bool_)
        size = np.diff(begins, append=n)
        before = _before(np.where(is_high, 0.0, weights))
        own = (before[:-1] - np.repeat(before[begins], size))[is_high]
        lower[place[is_high]] += own
        n_low = _before((~is_high).astype(kind))
        low_in_block = n_low[begins + size] - n_low[begins]
        # Low items go to the front of their block, high ones behind them, each in their order.
        moved = np.arange(n, dtype=kind) - n_low[:-1] + np.repeat((n_low[begins] + low_in_block).astype(kind), size)
        shift = np.repeat((begins - n_low[begins]).astype(kind), size)
        to = np.where(is_high, moved, n_low[:-1] + shift)
        ranks, weights, place = _moved(ranks, to), _moved(weights, to), _moved(place, to)
        halves = np.column_stack((begins, begins + low_in_block)).ravel()
        begins = halves[np.diff(halves, append=n) > 0]
    before = _before(weights)
    equal[place] = before[:-1] - np.repeat(before[begins], np.diff(begins, append=n))
    return lower, equal, _before(weight)[:-1] - lower - equal


def _before(values: NDArray[Any]) -> NDArray[Any]:
    """Cumulate what comes before each item, and the total (n + 1,)."""
    return np.concatenate((np.zeros(1, dtype=values.dtype), np.cumsum(values, dtype=values.dtype)))


def _moved(values: NDArray[Any], to: NDArray[Any]) -> NDArray[Any]:
    out = np.empty_like(values)
    out[to] = values
    return out
