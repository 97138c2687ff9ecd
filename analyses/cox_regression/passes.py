"""The Cox likelihood of very many compact rows: passes of compiled sums, chunk by chunk.

A step needs two passes. The first sums w and w x over risk sets and over those who
fail; the second, knowing the hazard, sums x x' weighted by the hazard each row lived
through (formulas in `cox_likelihood`). Rows are decoded chunk by chunk, so that no
pass holds more than a few megabytes beside the compact columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TypeVar

import numpy as np

from blinreg.analyses.cox_regression import kernel
from blinreg.analyses.cox_regression.chunks import CHUNK_ROWS, LANES, ChunkedRows
from blinreg.analyses.cox_regression.likelihood import RiskSums, slot_score
from blinreg.analyses.cox_regression.placed import Decoder, Grid, PlacedRows
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.newton import Evaluation
from blinreg.analyses.workers import Workers

#: Memory for the tables of all lanes; a grid too long for eight has fewer.
TABLE_BYTES = 2**28
#: Clusters summed at a time where rows come cluster by cluster: their scores stay in the cache.
CLUSTERS_AT_ONCE = 2**14
_ROWS_A_SLOT = 16
# At this ratio a difference of sums still has nine correct digits.
_LARGEST_RATIO = 1e7
_Tables = TypeVar("_Tables", bound=tuple[Array, ...])


class LostDigitsError(ArithmeticError):
    """A risk set is too small beside later ones for differences of sums: exact sums are needed."""


class KernelLikelihood:
    """The partial likelihood of placed rows under one rule for ties.

    Parameters
    ----------
    parts : callable
        Gives the rows, in parts; called once for every pass.
    decoder : Decoder
    grid : Grid
    n_rows : int
        Rows in all parts.
    ties : {"efron", "breslow"}
    workers : Workers
        Threads to use; no result depends on their number.
    """

    def __init__(
        self,
        parts: Callable[[], Iterable[PlacedRows]],
        decoder: Decoder,
        grid: Grid,
        *,
        n_rows: int,
        ties: str,
        workers: Workers,
    ) -> None:
        self.scale = decoder.scale
        self._decoder, self._grid, self._workers = decoder, grid, workers
        self._efron = ties == "efron"
        self._p = len(decoder.terms)
        self._lanes = _lanes(n_rows, grid.n_slots, self._p)
        lanes = int(np.clip(n_rows // CHUNK_ROWS, 1, LANES))
        self._rows = ChunkedRows(parts, decoder, grid.n_strata, lanes, workers)
        self._count, self._weight, self._observed, self._observed_offset = self._tally()
        self._known: dict[bytes, RiskSums] = {}

    @property
    def event_weight(self) -> float:
        """Sum of the case weights of the events."""
        return float(self._weight.sum())

    def __call__(self, coef: Array) -> Evaluation:
        """Evaluate at coefficients (p,) of covariates scaled to unit spread."""
        with np.errstate(all="ignore"):
            sums = self.sums(coef)
            if not np.isfinite(sums.log_likelihood):
                return Evaluation(-np.inf, np.zeros(self._p), np.zeros((self._p, self._p)))
            second = self._second_moments(coef, sums)
            score = slot_score(self._observed, sums) / self.scale
            information = (second - self._squared_means(sums)) / np.outer(self.scale, self.scale)
        finite = np.isfinite(score).all() and np.isfinite(information).all()
        return Evaluation(sums.log_likelihood if finite else -np.inf, score, information)

    def reach(self, step: Array, enough: float) -> float:
        """Bound the change of any linear predictor by a step; exact where the bound is above ``enough``."""
        raw = step / self.scale
        bound = float(np.abs(raw) @ self._decoder.reach)
        if bound <= enough:
            return bound

        def work(x: Array, _rows: PlacedRows, _part: slice, largest: Array) -> None:
            moved = np.zeros(x.shape[1])
            kernel.predict(x, raw, moved)
            largest[0] = max(largest[0], float(np.abs(moved).max()))

        return max(float(largest[0]) for largest in self._rows.run(lambda: np.zeros(1), work))

    def cluster_moments(self, coef: Array) -> tuple[Array, Array]:
        """Sum the score contributions u of clusters, and u u' over clusters: (p,) and (p, p), in scaled covariates."""
        hazard = self._residual_tables(self.sums(coef))
        raw, shift = coef / self.scale, self._rows.shift(coef / self.scale)
        coded = [(rows, rows.cluster) for rows in self._rows.parts() if rows.cluster is not None]
        n_clusters = 1 + max(int(codes.max()) for _, codes in coded)
        together = all(bool((codes[1:] >= codes[:-1]).all()) for _, codes in coded)
        size = CLUSTERS_AT_ONCE if together else -(-n_clusters // LANES)

        def of_span(low: int) -> tuple[Array, Array]:
            scores = np.zeros((min(size, n_clusters - low), self._p))
            for rows, codes in coded:
                begin, end = 0, rows.n
                if together:
                    begin, end = (int(at) for at in np.searchsorted(codes, [low, low + size]))
                for x, part in self._rows.decoded(rows, begin, end):
                    chunk = self._rows.chunk(x, rows, part, raw, shift)
                    kernel.add_cluster_scores(chunk, hazard, codes[part], low, scores)
            scores /= self.scale
            lower = np.zeros((self._p, self._p))
            kernel.add_products(np.ascontiguousarray(scores.T), np.ones(len(scores)), lower)
            return scores.sum(axis=0), _symmetric(lower)

        total, cross = np.zeros(self._p), np.zeros((self._p, self._p))
        for u, uu in self._workers.map(of_span, range(0, n_clusters, size)):
            total += u
            cross += uu
        return total, cross

    def sums(self, coef: Array) -> RiskSums:
        """Sum over risk sets at coefficients (p,) of scaled covariates; rows themselves are not kept.

        The sums of w x are of centred covariates that are *not* scaled.
        """
        key = coef.tobytes()
        if key not in self._known:
            found = self._sums(coef / self.scale)
            # The null and the newest are all that is asked for twice.
            self._known = {k: v for k, v in self._known.items() if not any(np.frombuffer(k))}
            self._known[key] = found
        return self._known[key]

    def _sums(self, raw: Array) -> RiskSums:
        shift = self._rows.shift(raw)
        shape = (2, self._grid.n_slots, self._p + 1)

        def work(x: Array, rows: PlacedRows, part: slice, table: tuple[Array]) -> None:
            kernel.add_rows(self._rows.chunk(x, rows, part, raw, shift), table[0])

        (table,) = _added(self._rows.run(lambda: (np.zeros(shape),), work, lanes=self._lanes))
        at_risk, tied = self._from_the_end(table[0] + table[1]), _earlier(table[1])
        s0, t0 = np.ascontiguousarray(at_risk[:, 0]), np.ascontiguousarray(tied[:, 0])
        self._check_digits(s0)
        terms = self._tie_sums(s0, t0)
        c = {(0, 1): terms[:, 0], (1, 1): terms[:, 1], (0, 2): terms[:, 2], (1, 2): terms[:, 3], (2, 2): terms[:, 4]}
        shifted = float(shift @ self._weight.reshape(self._grid.n_strata, -1).sum(axis=1))
        gained = float((self._observed * raw).sum()) + self._observed_offset - shifted
        log_likelihood = gained - float(terms[:, 5].sum())
        return RiskSums(np.empty(0), s0, t0, at_risk[:, 1:], tied[:, 1:], c, log_likelihood, exact=False)

    def _second_moments(self, coef: Array, sums: RiskSums) -> Array:
        """Sum x x' weighted by relative risk times the hazard lived through (p, p)."""
        raw = coef / self.scale
        shift = self._rows.shift(raw)
        enter = self._before(sums.c[0, 1])
        leave = np.stack([enter, enter - _later(sums.c[1, 1])])

        def work(x: Array, rows: PlacedRows, part: slice, second: Array) -> None:
            chunk = self._rows.chunk(x, rows, part, raw, shift)
            kernel.weigh_by_hazard(chunk, leave, enter)
            kernel.add_products(x, chunk.w, second)

        (lower,) = _added([(second,) for second in self._rows.run(lambda: np.zeros((self._p, self._p)), work)])
        return _symmetric(lower)

    def _squared_means(self, sums: RiskSums) -> Array:
        """Sum the products of the means of x over the tie terms (p, p).

        c_02 S1 S1' - c_12 (S1 T1' + T1 S1') + c_22 T1 T1', written as two squares.
        """
        slots = np.flatnonzero(self._count)
        c02, c12, c22 = (sums.c[key][slots] for key in ((0, 2), (1, 2), (2, 2)))
        share = c12 / c02
        t1 = np.ascontiguousarray(sums.t1[slots].T)
        lower = np.zeros((self._p, self._p))
        kernel.add_products(np.ascontiguousarray(sums.s1[slots].T) - share * t1, c02, lower)
        kernel.add_products(t1, c22 - share * c12, lower)
        return _symmetric(lower)

    def _tally(self) -> tuple[Array, Array, Array, float]:
        """Number and weight of events by slot, and sums of x and of the offset over events."""
        n_slots = self._grid.n_slots

        def work(x: Array, rows: PlacedRows, part: slice, state: tuple[Array, Array, Array, Array]) -> None:
            count, weight, observed, offsets = state
            chunk = self._rows.chunk(x, rows, part, np.zeros(self._p), np.zeros(self._grid.n_strata))
            kernel.count_events(chunk, count, weight, observed)
            if rows.offset is not None:
                self._decoder.fill_offset(rows, part, chunk.w)
                offsets[0] += float((chunk.w * chunk.weight * chunk.event).sum())

        def empty() -> tuple[Array, Array, Array, Array]:
            return np.zeros(n_slots), np.zeros(n_slots), np.zeros(self._p), np.zeros(1)

        count, weight, observed, offsets = _added(self._rows.run(empty, work, lanes=self._lanes))
        return _earlier(count), _earlier(weight), observed, float(offsets[0])

    def _tie_sums(self, s0: Array, t0: Array) -> Array:
        ties = kernel.TieTable(s0, t0, self._count, self._weight)
        out = np.zeros((len(s0), 6))
        bounds = np.linspace(0, len(s0), LANES + 1).astype(int).tolist()
        self._workers.map(
            lambda span: kernel.add_tie_sums(ties, self._efron, span[0], out[span[0] : span[1]]), pairwise(bounds)
        )
        return out

    def _residual_tables(self, sums: RiskSums) -> kernel.ResidualTables:
        c, s1, t1 = sums.c, sums.s1, sums.t1
        drift = c[0, 2][:, None] * s1 - c[1, 2][:, None] * t1
        tied = c[1, 2][:, None] * s1 - c[2, 2][:, None] * t1
        enter = self._before(np.column_stack([c[0, 1], drift]))
        leave = np.stack([enter, enter - _later(np.column_stack([c[1, 1], tied]))])
        weight = np.where(self._weight > 0, self._weight, 1.0)
        mean = (c[0, 1][:, None] * s1 - c[1, 1][:, None] * t1) / weight[:, None]
        return kernel.ResidualTables(leave, enter, _later(mean))

    def _from_the_end(self, net: Array) -> Array:
        """Sum what comes after each slot within its stratum (slots, q)."""
        by_stratum = net.reshape(self._grid.n_strata, self._grid.length, -1)
        out = np.zeros_like(by_stratum)
        np.cumsum(by_stratum[:, :0:-1], axis=1, out=out[:, -2::-1])
        return np.asarray(out.reshape(net.shape))

    def _before(self, values: Array) -> Array:
        """Sum what comes before each slot within its stratum (slots,) or (slots, q)."""
        by_stratum = values.reshape(self._grid.n_strata, self._grid.length, -1)
        out = np.zeros_like(by_stratum)
        np.cumsum(by_stratum[:, :-1], axis=1, out=out[:, 1:])
        return np.asarray(out.reshape(values.shape))

    def _check_digits(self, s0: Array) -> None:
        """Refuse sums by differences where one is far below a later one; a slot without events may be empty."""
        by_stratum = s0.reshape(self._grid.n_strata, -1)
        later = np.maximum.accumulate(by_stratum[:, ::-1], axis=1)[:, ::-1]
        small = by_stratum * _LARGEST_RATIO <= later
        if bool((small & (self._count.reshape(small.shape) > 0)).any()):
            raise LostDigitsError


def _lanes(n_rows: int, n_slots: int, p: int) -> int:
    """Choose the number of lanes with tables of all slots: a power of two, by the data alone."""
    lanes = LANES
    # Tables that are large beside a lane's rows would cost more to add than lanes save.
    while lanes > 2 and lanes * n_slots * _ROWS_A_SLOT > n_rows:
        lanes //= 2
    return lanes if lanes * n_slots * (p + 1) * 16 <= TABLE_BYTES else 1


def _later(values: Array) -> Array:
    """Move values of event slots (slots, ...) to the slot after, where who fails leaves: it is of the same stratum."""
    out = np.zeros_like(values)
    out[1:] = values[:-1]
    return out


def _earlier(values: Array) -> Array:
    """Move values from the slot that who fails leaves at (slots, ...) to the event's."""
    out = np.zeros_like(values)
    out[:-1] = values[1:]
    return out


def _symmetric(lower: Array) -> Array:
    return np.asarray(lower + np.tril(lower, -1).T)


def _added(states: list[_Tables]) -> _Tables:
    """Add the arrays of the lanes, in the order of lanes, into those of the first."""
    total = states[0]
    for state in states[1:]:
        for own, other in zip(total, state, strict=True):
            np.add(own, other, out=own)
    return total
