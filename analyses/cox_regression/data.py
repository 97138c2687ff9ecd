"""From a caller's rows to a fitted Cox model: the way of a few rows, and where many take another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.batches import Batches, frame_or_batches
from blinreg.analyses.cox_regression.columns import CoxColumns, check_clusters, finite_numbers, positive_weights
from blinreg.analyses.cox_regression.fit import CoxFit, fit_cox
from blinreg.analyses.cox_regression.grid import place
from blinreg.analyses.cox_regression.kept import KeptRows, keep_rows
from blinreg.analyses.cox_regression.likelihood import CoxLikelihood
from blinreg.analyses.design import build_design
from blinreg.analyses.inputs import Missing, Rows, counting_process, to_frame
from blinreg.analyses.observation import coded
from blinreg.schemas.errors import InputError

Ties = Literal["efron", "breslow"]

#: From this number of rows on the compiled kernel pays; fewer rows never load it.
KERNEL_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class CoxTask:
    """What `cox` was asked."""

    names: CoxColumns
    covariates: Sequence[str]
    reference: Mapping[str, str] | None
    ties: Ties
    missing: Missing
    threads: int | None
    keep_rows: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class CoxData:
    """The rows as they were fitted.

    Attributes
    ----------
    terms : tuple of str
    reference : dict of str to str
    n_rows, n_subjects, n_events, n_missing : int
    n_clusters : int or None
    n_repeated : int
        Subjects with more than one event.
    has_fractions : bool
        Some case weight is not a whole number.
    kept : KeptRows or None
        What residuals, baseline and tests after the fit need.
    """

    terms: tuple[str, ...]
    reference: dict[str, str]
    n_rows: int
    n_subjects: int
    n_events: int
    n_missing: int
    n_clusters: int | None
    n_repeated: int
    has_fractions: bool
    kept: KeptRows | None = None


def fit_rows(rows: Rows, task: CoxTask) -> tuple[CoxData, CoxFit]:
    """Check rows and fit.

    Parameters
    ----------
    rows : Rows
        See `blinreg.analyses.inputs.to_frame`.
    task : CoxTask
        What was asked.

    Raises
    ------
    InputError, AnalysisError
        As `cox`.
    """
    if task.keep_rows:
        return fit_frame(to_frame(rows, task.names.named), task)
    source = frame_or_batches(rows, task.names.named, many=KERNEL_ROWS)
    if isinstance(source, Batches):
        from blinreg.analyses.cox_regression.large import fit_batches

        try:
            fitted = fit_batches(source, task)
        finally:
            source.close()
        if fitted is not None:
            return fitted
        source = source.frame()
    return fit_frame(source, task)


def fit_frame(rows: pl.DataFrame, task: CoxTask) -> tuple[CoxData, CoxFit]:
    """Fit in memory with numpy: exact in every case, and at once for a few thousand rows."""
    names = task.names
    data, frame = counting_process(
        rows,
        id=names.id,
        start=names.start,
        stop=names.stop,
        event=names.event,
        extra=names.extra if names.id is None else (*names.extra, names.id),
        missing=task.missing,
        terminal=False,
    )
    n_rows, n_events = data.event.size, int(data.event.sum())
    check_events(n_events, n_rows=n_rows, n_subjects=data.n_subjects, event=names.event)
    design = build_design(frame, task.covariates, reference=task.reference)
    cluster = None if names.cluster is None else frame[names.cluster].rank("dense").to_numpy().astype(np.intp) - 1
    if cluster is not None and names.cluster is not None:
        check_clusters(cluster, names.cluster)
    weight = np.ones(n_rows) if names.weights is None else positive_weights(frame[names.weights])
    codes, labels = coded(frame, names.strata, n_rows=n_rows)
    stratum = codes.astype(np.intp, copy=False)
    offset = np.zeros(n_rows) if names.offset is None else finite_numbers(frame[names.offset], "offset")
    placed = place(
        start=data.start,
        stop=data.stop,
        event=data.event == 1,
        x=design.matrix,
        stratum=stratum,
        weight=weight,
        offset=offset,
    )
    likelihood = CoxLikelihood(placed, task.ties)
    kept = None
    if task.keep_rows or (task.keep_rows is None and n_rows < KERNEL_ROWS):
        kept = keep_rows(
            frame,
            likelihood,
            data,
            design,
            stratum=stratum,
            strata_labels=labels,
            cluster=cluster,
            weight=weight,
            offset=offset,
            names=names,
        )
    prepared = CoxData(
        terms=design.terms,
        reference=design.reference,
        n_rows=n_rows,
        n_subjects=data.n_subjects,
        n_events=n_events,
        n_missing=data.n_missing,
        n_clusters=None if cluster is None else int(cluster.max()) + 1,
        n_repeated=int(np.count_nonzero(np.bincount(data.subject[data.event == 1]) > 1)),
        has_fractions=bool((weight != np.floor(weight)).any()),
        kept=kept,
    )
    moments = None if cluster is None else partial(likelihood.cluster_moments, cluster=cluster)
    return prepared, fit_cox(likelihood, design.terms, cluster_moments=moments)


def check_events(n_events: int, *, n_rows: int, n_subjects: int, event: str) -> None:
    """Refuse rows without any event."""
    if not n_events:
        raise InputError(
            f"no event in {n_rows} rows of {n_subjects} subjects ({event} is never 1)",
            next_step="check the endpoint and the follow-up; without events there is no hazard ratio",
        )
