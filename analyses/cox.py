"""Cox regression on (start, stop] rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from blinreg.analyses.cox_fit import CoxFit, fit_cox
from blinreg.analyses.cox_grid import place
from blinreg.analyses.cox_result import CoxResult
from blinreg.analyses.cox_sums import Array, Index
from blinreg.analyses.design import build_design, covariate_columns
from blinreg.analyses.inference import check_conf_level, chi_squared, quadratic_test, term_table, wald_columns
from blinreg.analyses.inputs import CountingProcess, Missing, Rows, counting_process
from blinreg.analyses.observation import coded
from blinreg.schemas.errors import InputError

Ties = Literal["efron", "breslow"]


def cox(
    rows: Rows,
    covariates: Sequence[str],
    *,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    strata: Sequence[str] = (),
    cluster: str | None = None,
    weights: str | None = None,
    offset: str | None = None,
    reference: Mapping[str, str] | None = None,
    ties: Ties = "efron",
    missing: Missing = "refuse",
    conf_level: float = 0.95,
    time_unit: str = "days",
) -> CoxResult:
    """Fit a Cox proportional-hazards model with time-dependent covariates.

    Each row holds its covariates over (start, stop]; a subject may have many rows
    and, for recurrent endpoints, several events. An exposure that starts on day t
    belongs to the row that starts at t, so that an event on day t is unexposed.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation.
    covariates : sequence of str
        Columns: numbers, booleans (0/1), or text, which becomes a term
        ``name[level]`` for each level but the reference; ``"a:b"`` is an interaction.
    id, start, stop, event : str
        Columns. ``start=None``: entry at 0. ``id=None``: each row is a subject.
    strata : sequence of str
        Columns; each combination has a baseline hazard of its own.
    cluster : str, optional
        Column; standard errors are then robust to dependence within its values
        (often the same column as ``id``).
    weights : str, optional
        Column of positive case weights. They count as frequencies in the model's
        variance; for sampling weights use ``cluster`` as well.
    offset : str, optional
        Column added to the linear predictor with coefficient 1.
    reference : mapping of str to str, optional
        Reference level of categorical covariates; otherwise the first in sorted order.
    ties : {"efron", "breslow"}
        How events at one time share the risk set.
    missing : {"refuse", "complete_case"}
        What to do with rows in which a named column has no value.
    conf_level : float
        Of the Wald limits.
    time_unit : str
        Stamped on the result; does not enter the fit.

    Returns
    -------
    CoxResult

    Raises
    ------
    InputError
        The rows or arguments break a rule; no event; a constant or collinear term.
    AnalysisError
        A coefficient is infinite (monotone likelihood), named by term.

    Notes
    -----
    R: ``coxph(Surv(tstart, tstop, event) ~ age + strata(s) + cluster(id), ties="efron")``
    of the package survival (Therneau and Grambsch 2000). The robust score test keeps the
    offset at its values; R's ``rscore`` leaves it out.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4, 4], "tstart": [0, 0, 0, 0, 3],
    ...     "tstop": [5, 6, 9, 3, 8], "event": [1, 0, 1, 0, 1], "allo_hct": [0, 0, 0, 0, 1]})
    >>> fit = cox(rows, ["allo_hct"])
    >>> round(fit.table["coef"][0], 4), fit.n_events, fit.ties
    (0.5493, 3, 'efron')
    """
    conf_level = check_conf_level(conf_level)
    if ties not in ("efron", "breslow"):
        raise InputError(f"ties={ties!r} is unknown", next_step="use 'efron' or 'breslow'")
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    named = [*covariate_columns(covariates), *strata, *(c for c in (cluster, weights, offset) if c is not None)]
    data, frame = counting_process(
        rows, id=id, start=start, stop=stop, event=event, extra=named, missing=missing, terminal=False
    )
    if not data.event.any():
        raise InputError(
            f"no event in {data.event.size} rows of {data.n_subjects} subjects ({event} is never 1)",
            next_step="check the endpoint and the follow-up; without events there is no hazard ratio",
        )
    design = build_design(frame, covariates, reference=reference)
    columns = _columns(frame, strata=strata, cluster=cluster, weights=weights, offset=offset)
    placed = place(
        start=data.start,
        stop=data.stop,
        event=data.event == 1,
        x=design.matrix,
        stratum=columns.stratum,
        weight=columns.weight,
        offset=columns.offset,
    )
    fit = fit_cox(placed, design.terms, ties=ties, cluster=columns.cluster)
    return CoxResult(
        table=_table(design.terms, fit, conf_level),
        log_likelihood=fit.log_likelihood,
        score_test=fit.score_test,
        likelihood_ratio_test=chi_squared(2 * (fit.log_likelihood.fitted - fit.log_likelihood.null), len(design.terms)),
        wald_test=quadratic_test(fit.coef, fit.variance if fit.robust_variance is None else fit.robust_variance),
        robust_score_test=fit.robust_score_test,
        variance=fit.variance,
        robust_variance=fit.robust_variance,
        n_rows=data.event.size,
        n_subjects=data.n_subjects,
        n_events=int(data.event.sum()),
        n_clusters=columns.n_clusters,
        n_missing=data.n_missing,
        ties=ties,
        interval_type="wald",
        conf_level=conf_level,
        time_unit=time_unit,
        strata=strata,
        cluster=cluster,
        reference=design.reference,
        converged=fit.converged,
        n_iterations=fit.n_iterations,
        notes=_notes(data, cluster=cluster, weight=columns.weight),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Arrays of the columns a call names beside the counting process and the covariates."""

    stratum: Index
    cluster: Index | None
    weight: Array
    offset: Array

    @property
    def n_clusters(self) -> int | None:
        return None if self.cluster is None else int(self.cluster.max()) + 1


def _columns(
    frame: pl.DataFrame, *, strata: tuple[str, ...], cluster: str | None, weights: str | None, offset: str | None
) -> _Columns:
    n = frame.height
    clusters = None if cluster is None else frame[cluster].rank("dense").to_numpy().astype(np.intp) - 1
    if clusters is not None and not clusters.any():
        raise InputError(
            f"cluster {cluster} has one value only; a robust variance needs many clusters",
            next_step="use the subject's id, or leave cluster out",
        )
    weight = np.ones(n) if weights is None else _numbers(frame[weights], "weights")
    if (weight <= 0).any():
        raise InputError(
            f"weights {weights} are not positive in {int((weight <= 0).sum())} of {n} rows",
            next_step="leave out rows of weight zero",
        )
    return _Columns(
        stratum=coded(frame, strata, n_rows=n)[0].astype(np.intp, copy=False),
        cluster=clusters,
        weight=weight,
        offset=np.zeros(n) if offset is None else _numbers(frame[offset], "offset"),
    )


def _numbers(column: pl.Series, role: str) -> Array:
    if not column.dtype.is_numeric():
        raise InputError(f"{role} {column.name} is {column.dtype}, not a number", next_step="give a numeric column")
    values = np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{role} {column.name} has infinite values", next_step="correct them or leave them out")
    return values


def _table(terms: Sequence[str], fit: CoxFit, conf_level: float) -> pl.DataFrame:
    se = np.sqrt(np.diag(fit.variance))
    robust = np.full(len(se), np.nan) if fit.robust_variance is None else np.sqrt(np.diag(fit.robust_variance))
    used = se if fit.robust_variance is None else robust
    columns = {"coef": fit.coef, "se": se, "robust_se": robust}
    columns |= wald_columns(fit.coef, used, ratio_name="hazard_ratio", conf_level=conf_level)
    return term_table(terms, columns).with_columns(pl.col("robust_se").fill_nan(None))


def _notes(data: CountingProcess, *, cluster: str | None, weight: Array) -> tuple[str, ...]:
    notes = []
    repeated = int(np.count_nonzero(np.bincount(data.subject[data.event == 1]) > 1))
    if repeated and cluster is None:
        notes.append(
            f"{repeated} subjects have more than one event and no cluster is named: "
            "the standard errors take their events as independent"
        )
    if cluster is None and bool((weight != np.floor(weight)).any()):
        notes.append(
            "weights are not whole numbers and no cluster is named: the standard errors take them as frequencies"
        )
    return tuple(notes)
