"""Cox regression on (start, stop] rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.columns import CoxColumns
from blinreg.analyses.cox_regression.data import CoxData, CoxTask, Ties, fit_rows
from blinreg.analyses.cox_regression.fit import CoxFit
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.analyses.design import covariate_columns
from blinreg.analyses.inference import check_conf_level, chi_squared, quadratic_test, term_table, wald_columns
from blinreg.analyses.inputs import Missing, Rows
from blinreg.schemas.errors import InputError

__all__ = ["Ties", "cox"]


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
    threads: int | None = None,
    keep_rows: bool | None = None,
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
    threads : int, optional
        For fits of very many rows; by default all processors. No digit depends on it.
    keep_rows : bool, optional
        Let the result keep what residuals, baseline, concordance and tests after the fit
        need: some 8 (terms + 13) bytes a row, in arrays of its own. By default fits of fewer
        than 50,000 rows do; with True larger ones do too, and are fitted in memory.

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
    names = CoxColumns(
        id=id,
        start=start,
        stop=stop,
        event=event,
        covariates=tuple(covariate_columns(covariates)),
        strata=strata,
        cluster=cluster,
        weights=weights,
        offset=offset,
    )
    task = CoxTask(names, covariates, reference, ties, missing, threads, keep_rows)
    data, fit = fit_rows(rows, task)
    return CoxResult(
        table=_table(data.terms, fit, conf_level),
        log_likelihood=fit.log_likelihood,
        score_test=fit.score_test,
        likelihood_ratio_test=chi_squared(2 * (fit.log_likelihood.fitted - fit.log_likelihood.null), len(data.terms)),
        wald_test=quadratic_test(fit.coef, fit.variance if fit.robust_variance is None else fit.robust_variance),
        robust_score_test=fit.robust_score_test,
        variance=fit.variance,
        robust_variance=fit.robust_variance,
        n_rows=data.n_rows,
        n_subjects=data.n_subjects,
        n_events=data.n_events,
        n_clusters=data.n_clusters,
        n_missing=data.n_missing,
        ties=ties,
        interval_type="wald",
        conf_level=conf_level,
        time_unit=time_unit,
        strata=strata,
        cluster=cluster,
        reference=data.reference,
        converged=fit.converged,
        n_iterations=fit.n_iterations,
        notes=_notes(data, cluster),
        kept=data.kept,
    )


def _table(terms: Sequence[str], fit: CoxFit, conf_level: float) -> pl.DataFrame:
    se = np.sqrt(np.diag(fit.variance))
    robust = np.full(len(se), np.nan) if fit.robust_variance is None else np.sqrt(np.diag(fit.robust_variance))
    used = se if fit.robust_variance is None else robust
    columns = {"coef": fit.coef, "se": se, "robust_se": robust}
    columns |= wald_columns(fit.coef, used, ratio_name="hazard_ratio", conf_level=conf_level)
    return term_table(terms, columns).with_columns(pl.col("robust_se").fill_nan(None))


def _notes(data: CoxData, cluster: str | None) -> tuple[str, ...]:
    notes = []
    if data.n_repeated and cluster is None:
        notes.append(
            f"{data.n_repeated} subjects have more than one event and no cluster is named: "
            "the standard errors take their events as independent"
        )
    if data.has_fractions and cluster is None:
        notes.append(
            "weights are not whole numbers and no cluster is named: the standard errors take them as frequencies"
        )
    return tuple(notes)
