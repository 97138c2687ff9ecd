"""Cox fits of very many rows: read once, keep few bytes a row, begin near the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.cox_regression.batches import Batches
from blinreg.analyses.cox_regression.columns import check_clusters
from blinreg.analyses.cox_regression.data import CoxData, CoxTask, check_events
from blinreg.analyses.cox_regression.fit import CoxFit, fit_cox
from blinreg.analyses.cox_regression.passes import KernelLikelihood, LostDigitsError
from blinreg.analyses.cox_regression.placed import SAMPLE_ROWS, Decoder, Grid, PlacedRows, decoder, stack
from blinreg.analyses.cox_regression.reading import CoxTable, raw_batches, read_table
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.design import list_terms
from blinreg.analyses.newton import LONGEST_STEP, solve
from blinreg.analyses.workers import Workers
from blinreg.schemas.errors import InputError

#: One row in so many makes the sample for the first guess; prime, as a subject's rows repeat in short patterns.
GUESS_STEP = 37
#: Rows a sample has at least.
GUESS_ROWS = 16_384
#: A guess is refined until what is left is small beside the sample's own error.
GUESS_DECREMENT = 1e-3
_GUESS_STEPS = 12
# Slots a row, beyond which strata are so small that a grid of every stratum and every time is mostly empty.
_SLOTS_A_ROW = 1


def fit_batches(batches: Batches, task: CoxTask) -> tuple[CoxData, CoxFit] | None:
    """Fit with the compiled kernel, or give None where exact sums in memory are needed.

    Parameters
    ----------
    batches : Batches
        With the columns of ``task.names``.
    task : CoxTask
        What was asked.

    Raises
    ------
    InputError, AnalysisError
        As `cox`.
    """
    with Workers(task.threads) as workers:
        return _fit(batches, task, workers)


def _fit(batches: Batches, task: CoxTask, workers: Workers) -> tuple[CoxData, CoxFit] | None:
    table = read_table(batches, task.names, workers, missing=task.missing)
    check_events(table.n_events, n_rows=table.n_rows, n_subjects=table.n_subjects, event=task.names.event)
    terms, reference = list_terms(table.covariates, task.covariates, task.reference)
    grid = Grid(table.times, table.strata_values)
    if grid.n_slots > _SLOTS_A_ROW * table.n_rows:
        return None
    clusters = _clusters(table)
    kept, sample = _placed(table, grid, clusters)

    def parts() -> Iterable[PlacedRows]:
        return (grid.place(rows, table) for rows in raw_batches(batches, table)) if kept is None else kept

    model = _Model(decoder(terms, table, sample, grid.n_strata), grid, task.ties, workers)
    try:
        likelihood = model.likelihood(parts, table.n_rows)
        guess = model.guess(sample) if kept is None else model.guess_by_sample(kept)
        moments = None if clusters is None else likelihood.cluster_moments
        fit = fit_cox(likelihood, [term.name for term in terms], cluster_moments=moments, start=guess)
    except LostDigitsError:
        return None
    data = CoxData(
        terms=tuple(term.name for term in terms),
        reference=reference,
        n_rows=table.n_rows,
        n_subjects=table.n_subjects,
        n_events=table.n_events,
        n_missing=table.n_missing,
        n_clusters=None if clusters is None else int(clusters.max()) + 1,
        n_repeated=table.n_repeated,
        has_fractions=table.has_fractions,
    )
    return data, fit


def _placed(
    table: CoxTable, grid: Grid, clusters: NDArray[np.uint32] | None
) -> tuple[list[PlacedRows] | None, PlacedRows]:
    """Place the rows that are kept, which takes the place of their times and strata, and a sample."""
    if table.rows is None:
        return None, grid.place(table.sample, table)
    kept: list[PlacedRows] = []
    begin = 0
    table.rows.reverse()
    while table.rows:
        part = grid.place(table.rows.pop(), table)
        if clusters is not None:
            part = replace(part, cluster=clusters[begin : begin + part.n])
        begin += part.n
        # Rows of a stratum together: the sums of one stratum at a time fit the cache.
        kept.append(part if part.stratum is None else part.taken(np.argsort(part.stratum, kind="stable")))
    step = max(1, table.n_rows // SAMPLE_ROWS) | 1
    return kept, stack([part.every(step) for part in kept])


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """What a sample and all rows have in common."""

    decode: Decoder
    grid: Grid
    ties: str
    workers: Workers

    def likelihood(self, parts: Callable[[], Iterable[PlacedRows]], n_rows: int) -> KernelLikelihood:
        return KernelLikelihood(parts, self.decode, self.grid, n_rows=n_rows, ties=self.ties, workers=self.workers)

    def guess_by_sample(self, parts: Sequence[PlacedRows]) -> Array | None:
        """Guess the scaled coefficients from one row in some; None where rows are few or the sample has no answer."""
        if sum(part.n for part in parts) < GUESS_STEP * GUESS_ROWS:
            return None
        return self.guess(stack([part.every(GUESS_STEP) for part in parts]))

    def guess(self, sample: PlacedRows) -> Array | None:
        """Fit a sample, itself begun from a sample of it, no closer than its own error."""
        coef = self.guess_by_sample((sample,))
        likelihood = self.likelihood(lambda: (sample,), sample.n)
        coef = np.zeros(len(self.decode.terms)) if coef is None else coef
        for _ in range(_GUESS_STEPS):
            try:
                current = likelihood(coef)
                step = solve(current.information, current.score)
            except (LostDigitsError, np.linalg.LinAlgError):
                return None
            decrement = float(current.score @ step)
            if not np.isfinite(decrement) or likelihood.reach(step, LONGEST_STEP) > LONGEST_STEP:
                return None
            coef = coef + step
            if decrement < GUESS_DECREMENT:
                return coef
        return None


def _clusters(table: CoxTable) -> NDArray[np.uint32] | None:
    """Code the clusters 0, 1, ..., in order of rows where they come together."""
    name = table.names.cluster
    if name is None:
        return None
    if table.rows is None:
        raise InputError(
            f"{table.n_rows} rows are too many to be kept, and a robust variance needs them together",
            next_step="leave cluster out, or name fewer covariates",
        )
    column = pl.concat(table.cluster)
    table.cluster.clear()
    values = column.to_numpy() if column.dtype.is_integer() else None
    if values is not None and bool((values[1:] >= values[:-1]).all()):
        codes = np.zeros(len(values), dtype=np.uint32)
        np.cumsum(values[1:] != values[:-1], out=codes[1:], dtype=np.uint32)
    else:
        codes = column.rank("dense").to_numpy().astype(np.uint32) - np.uint32(1)
    check_clusters(codes, name)
    return codes
