"""Compiled sums over rows for large Cox fits: the only module that loads numba.

Each function takes a chunk of rows as arrays of one type each (float64 values,
uint32 slots, uint8 flags), so that each is compiled once, a second or so in all,
and then read from the cache; where no folder for the cache can be written, each
process compiles for itself. All run without the interpreter's lock and keep no
state. A row's arithmetic never depends on the rows beside it, only sums do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Slots = NDArray[np.uint32]
Flags = NDArray[np.uint8]
_Function = TypeVar("_Function", bound=Callable[..., object])


class Chunk(NamedTuple):
    """Rows in the form the kernels read.

    ``x`` (p, m): covariates; ``w`` (m,): relative risk times case weight, which
    `hazard_weights` turns into hazard; ``weight`` (m,): case weights; ``first``,
    ``last`` (m,): slots, as in `cox_sums.Intervals`, with first = 0 for every row that
    is at risk from the start of its stratum; ``event`` (m,): 1 where the row fails,
    then at slot last - 1.
    """

    x: Array
    w: Array
    weight: Array
    first: Slots
    last: Slots
    event: Flags


class ResidualTables(NamedTuple):
    """Of the hazard, and of the hazard times the mean of the risk set for each covariate; and that mean.

    ``leave`` (2, slots, p + 1) and ``enter`` (slots, p + 1) as in `weigh_by_hazard`;
    ``mean`` (slots, p) for those who fail, by the slot they leave at.
    """

    leave: Array
    enter: Array
    mean: Array


class TieTable(NamedTuple):
    """What the tie terms of a slot need (slots,): risk sums, number and weight of those who fail."""

    s0: Array
    t0: Array
    failing: Array
    weight: Array


# Rows whose products are summed at a time: they and their weights stay in the first-level cache.
_BLOCK = 512
# Factors multiplied before a logarithm is taken; each is above 1e-9, their product far from underflow.
_FACTORS = 32


def _compiled(function: _Function, *, reorder: bool = False) -> _Function:
    """Compile on first use, with a cache where there is a folder for it.

    ``reorder`` lets a sum run in several lanes at once, as the vector unit does: the
    order is fixed when it is compiled.
    """
    allowed: set[str] | bool = {"reassoc", "contract", "nsz"} if reorder else False

    def jit(*, cache: bool) -> _Function:
        made = numba.njit(cache=cache, nogil=True, error_model="numpy", fastmath=allowed)
        return cast("_Function", made(function))

    try:
        return jit(cache=True)
    except RuntimeError:  # no folder for a cache file can be written
        return jit(cache=False)


def _predict(x: Array, coef: Array, out: Array) -> None:
    """Add ``coef @ x`` for covariates (p, m) to ``out`` (m,)."""
    for j in range(x.shape[0]):
        b, xj = coef[j], x[j]
        for i in range(len(out)):
            out[i] += b * xj[i]


def _centre(values: NDArray[Any], centre: float, out: Array) -> None:
    """Write ``values - centre`` (m,) to ``out``, whatever their type."""
    for i in range(len(values)):
        out[i] = values[i] - centre


def _add_rows(rows: Chunk, table: Array) -> None:
    """Add w (1, x) of each row to ``table`` (2, slots, p + 1): where it leaves, apart for those who fail.

    At the slot where a row enters it is taken off again from the plane of those who do
    not fail. Two loops without a guess for the processor to get wrong: who fails is an
    index, and who enters late is listed first.
    """
    x, w, first, last, event = rows.x, rows.w, rows.first, rows.last, rows.event
    p, n_late = x.shape[0], 0
    late = np.empty(len(w), np.int64)
    for i in range(len(w)):
        wi, leaving = w[i], table[event[i], last[i]]
        leaving[0] += wi
        for j in range(p):
            leaving[j + 1] += wi * x[j, i]
        late[n_late] = i
        n_late += first[i] > 0
    for k in range(n_late):
        i = late[k]
        wi, entering = w[i], table[0, first[i]]
        entering[0] -= wi
        for j in range(p):
            entering[j + 1] -= wi * x[j, i]


def _count_events(rows: Chunk, count: Array, total: Array, observed: Array) -> None:
    """Add up the rows that fail: number and weight by the slot they leave at (slots,), weight times x over all (p,)."""
    x, weight, last, event = rows.x, rows.weight, rows.last, rows.event
    for i in range(len(last)):
        count[last[i]] += event[i]
        total[last[i]] += event[i] * weight[i]
    for j in range(x.shape[0]):
        xj, found = x[j], 0.0
        for i in range(len(last)):
            found += event[i] * weight[i] * xj[i]
        observed[j] += found


def _weigh_by_hazard(rows: Chunk, leave: Array, enter: Array) -> None:
    """Multiply each w by the hazard the row lives through.

    That is ``leave`` (2, slots) where it leaves, apart for those who fail, less
    ``enter`` (slots,) where it enters.
    """
    w, first, last, event = rows.w, rows.first, rows.last, rows.event
    for i in range(len(w)):
        w[i] *= leave[event[i], last[i]] - enter[first[i]]


def _add_products(x: Array, c: Array, out: Array) -> None:
    """Add the lower triangle of x diag(c) x' for covariates (p, m) to ``out`` (p, p)."""
    p, m = x.shape
    weighted = np.empty(_BLOCK)
    for begin in range(0, m, _BLOCK):
        end = min(begin + _BLOCK, m)
        size, cs = end - begin, c[begin:end]
        for a in range(p):
            xa = x[a, begin:end]
            for i in range(size):
                weighted[i] = cs[i] * xa[i]
            for e in range(a + 1):
                xe = x[e, begin:end]
                total = 0.0
                for i in range(size):
                    total += weighted[i] * xe[i]
                out[a, e] += total


def _add_tie_sums(ties: TieTable, efron: bool, begin: int, out: Array) -> None:
    """Fill ``out`` (slots, 6) for the slots from ``begin``: c_01, c_11, c_02, c_12, c_22 and the log-likelihood's term.

    See `cox_likelihood` for what they are: sums over the tie terms of an event time.
    """
    for i in range(len(out)):
        k = begin + i
        d = int(ties.failing[k])
        if d == 0:
            continue
        s0, t0 = ties.s0[k], ties.t0[k]
        terms = d if efron else 1
        each = ties.weight[k] / terms
        c01 = c11 = c02 = c12 = c22 = logs = 0.0
        product = 1.0
        for m in range(terms):
            f = m / terms
            left = s0 - f * t0
            once = 1.0 / left
            twice = once * once
            c01 += once
            c11 += f * once
            c02 += twice
            c12 += f * twice
            c22 += f * f * twice
            product *= left / s0
            if m % _FACTORS == _FACTORS - 1:
                logs += np.log(product)
                product = 1.0
        out[i, 0], out[i, 1] = each * c01, each * c11
        out[i, 2], out[i, 3], out[i, 4] = each * c02, each * c12, each * c22
        out[i, 5] = each * (logs + np.log(product)) + ties.weight[k] * np.log(s0)


def _add_cluster_scores(rows: Chunk, tables: ResidualTables, clusters: Slots, low: int, out: Array) -> None:
    """Add the weighted score residuals of the rows to their clusters, from number ``low`` on, in ``out`` (some, p)."""
    x, w, weight, first, last, event = rows
    high = low + len(out)
    for i in range(len(w)):
        if clusters[i] < low or clusters[i] >= high:
            continue
        leave, enter = tables.leave[event[i], last[i]], tables.enter[first[i]]
        target, mean = out[clusters[i] - low], tables.mean[last[i]]
        lived, failing = leave[0] - enter[0], event[i] * weight[i]
        for j in range(x.shape[0]):
            drift = leave[j + 1] - enter[j + 1]
            target[j] += failing * (x[j, i] - mean[j]) - w[i] * (x[j, i] * lived - drift)


centre = _compiled(_centre)
predict = _compiled(_predict)
add_rows = _compiled(_add_rows)
count_events = _compiled(_count_events, reorder=True)
weigh_by_hazard = _compiled(_weigh_by_hazard)
add_products = _compiled(_add_products, reorder=True)
add_tie_sums = _compiled(_add_tie_sums)
add_cluster_scores = _compiled(_add_cluster_scores)
