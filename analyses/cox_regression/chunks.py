"""Compact rows, chunk by chunk, in the form that the compiled kernels read.

Chunks are dealt to a fixed number of lanes, each with tables of its own, and lanes
are added in their order: which thread worked on a lane, and how many there are,
changes no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from blinreg.analyses.cox_regression import kernel
from blinreg.analyses.cox_regression.likelihood import SAFE_PREDICTOR
from blinreg.analyses.cox_regression.placed import Decoder, PlacedRows
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.workers import Workers

#: Rows decoded at a time: with eight covariates a megabyte, which the second-level cache holds.
CHUNK_ROWS = 16_384
LANES = 8
_State = TypeVar("_State")


@dataclass(frozen=True, slots=True, eq=False)
class ChunkedRows:
    """The rows of a fit and the threads that go over them.

    Attributes
    ----------
    parts : callable
        Gives the rows, in parts; called once for every pass.
    decoder : Decoder
    n_strata : int
    lanes : int
        How many shares the rows are dealt to, unless a pass has large tables.
    workers : Workers
    """

    parts: Callable[[], Iterable[PlacedRows]]
    decoder: Decoder
    n_strata: int
    lanes: int
    workers: Workers

    def run(
        self,
        empty: Callable[[], _State],
        work: Callable[[Array, PlacedRows, slice, _State], None],
        *,
        lanes: int | None = None,
    ) -> list[_State]:
        """Do some work on every chunk; each lane has a state and takes a fixed share of the rows of every part."""
        lanes = lanes or self.lanes
        states = [empty() for _ in range(lanes)]

        def run_lane(task: tuple[PlacedRows, int]) -> None:
            rows, lane = task
            n_chunks = -(-rows.n // CHUNK_ROWS)
            begin, end = (at * n_chunks // lanes * CHUNK_ROWS for at in (lane, lane + 1))
            for x, part in self.decoded(rows, begin, min(end, rows.n)):
                work(x, rows, part, states[lane])

        for rows in self.parts():
            self.workers.map(run_lane, [(rows, lane) for lane in range(lanes)])
        return states

    def decoded(self, rows: PlacedRows, begin: int, end: int) -> Iterator[tuple[Array, slice]]:
        """Decode rows ``begin`` to ``end`` chunk by chunk, into one buffer."""
        buffer = np.empty((len(self.decoder.terms), CHUNK_ROWS))
        for low in range(begin, end, CHUNK_ROWS):
            part = slice(low, min(low + CHUNK_ROWS, end))
            x = buffer if part.stop - low == CHUNK_ROWS else np.empty((len(self.decoder.terms), part.stop - low))
            self.decoder.fill(rows, part, x)
            yield x, part

    def chunk(self, x: Array, rows: PlacedRows, part: slice, raw: Array, shift: Array) -> kernel.Chunk:
        """Make the kernels' form of some rows at coefficients (p,), not scaled."""
        weight = np.ones(x.shape[1]) if rows.weight is None else rows.weight[part].astype(np.float64)
        if raw.any() or rows.offset is not None:
            w = self._predictor(x, rows, part, raw)
            if shift.any():
                w -= shift[0] if rows.stratum is None else shift[rows.stratum[part]]
            np.exp(w, out=w)
            if rows.weight is not None:
                w *= weight
        else:
            w = weight.copy()
        first, last = (slots[part].astype(np.uint32, copy=False) for slots in (rows.first, rows.last))
        return kernel.Chunk(x, w, weight, first, last, rows.event[part])

    def shift(self, raw: Array) -> Array:
        """Largest predictor of each stratum where exp() could not hold it, else zero (strata,)."""
        n_strata = self.n_strata
        if float(np.abs(raw) @ self.decoder.reach) + self.decoder.offset_reach <= SAFE_PREDICTOR:
            return np.zeros(n_strata)

        def work(x: Array, rows: PlacedRows, part: slice, largest: Array) -> None:
            predictor = self._predictor(x, rows, part, raw)
            if rows.stratum is None:
                largest[0] = max(largest[0], float(predictor.max()))
            else:
                np.maximum.at(largest, rows.stratum[part], predictor)

        largest = np.full(n_strata, -np.inf)
        for found in self.run(lambda: np.full(n_strata, -np.inf), work):
            np.maximum(largest, found, out=largest)
        return np.asarray(np.where(largest > SAFE_PREDICTOR, largest, 0.0))

    def _predictor(self, x: Array, rows: PlacedRows, part: slice, raw: Array) -> Array:
        out = np.empty(x.shape[1])
        self.decoder.fill_offset(rows, part, out)
        kernel.predict(x, raw, out)
        return out
