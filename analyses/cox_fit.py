"""Fitting a Cox model on placed rows: maximum, variances, score tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blinreg.analyses.cox_grid import CoxRows
from blinreg.analyses.cox_likelihood import CoxLikelihood
from blinreg.analyses.cox_robust import by_cluster, sandwich
from blinreg.analyses.cox_sums import Array, Index
from blinreg.analyses.inference import ChiSquared, LogLikelihood, quadratic_test
from blinreg.analyses.newton import Evaluation, Maximum, check_endless, check_singular, inverse, maximise
from blinreg.schemas.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class CoxFit:
    """A fit on the covariates' own scale.

    Attributes
    ----------
    coef : array (p,)
    variance : array (p, p)
        Inverse information.
    robust_variance : array (p, p) or None
    log_likelihood : LogLikelihood
    score_test : ChiSquared
    robust_score_test : ChiSquared or None
    converged : bool
    n_iterations : int
    """

    coef: Array
    variance: Array
    robust_variance: Array | None
    log_likelihood: LogLikelihood
    score_test: ChiSquared
    robust_score_test: ChiSquared | None
    converged: bool
    n_iterations: int


def fit_cox(rows: CoxRows, terms: Sequence[str], *, ties: str, cluster: Index | None) -> CoxFit:
    """Maximise the partial likelihood.

    Parameters
    ----------
    rows : CoxRows
        From `blinreg.analyses.cox_grid.place`.
    terms : sequence of str
        Names of the covariates, for messages.
    ties : {"efron", "breslow"}
        How events at one time share the risk set.
    cluster : int array or None
        0 .. clusters - 1 for each of the *caller's* rows.

    Raises
    ------
    InputError
        A constant or collinear term; an offset beyond the range of relative risks.
    AnalysisError
        Monotone likelihood, or no convergence.
    """
    likelihood = CoxLikelihood(rows, ties)
    maximum = _maximise(likelihood, terms)
    variance = inverse(maximum.fitted.information)
    unscale = np.outer(1 / rows.scale, 1 / rows.scale)
    robust_variance, robust_score_test = None, None
    if cluster is not None:
        codes = cluster[rows.position]
        robust_variance = sandwich(by_cluster(likelihood, likelihood.sums(maximum.coef), codes), variance) * unscale
        null = by_cluster(likelihood, likelihood.sums(np.zeros_like(maximum.coef)), codes)
        robust_score_test = quadratic_test(null.sum(axis=0), null.T @ null)
    return CoxFit(
        coef=maximum.coef / rows.scale,
        variance=variance * unscale,
        robust_variance=robust_variance,
        log_likelihood=LogLikelihood(maximum.null.log_likelihood, maximum.fitted.log_likelihood),
        score_test=quadratic_test(maximum.null.score, maximum.null.information),
        robust_score_test=robust_score_test,
        converged=maximum.converged,
        n_iterations=maximum.n_iterations,
    )


def _maximise(likelihood: CoxLikelihood, terms: Sequence[str]) -> Maximum:
    x = likelihood.rows.x

    def check_start(null: Evaluation) -> None:
        if not np.isfinite(null.log_likelihood):
            raise InputError(
                "the offset differs between rows at risk by more than a relative risk can hold",
                next_step="check the unit of the offset; it is added to the log hazard ratio",
            )
        check_singular(
            null.information,
            terms,
            unit=float(likelihood.terms.weight.sum()),
            hint="is constant among those at risk whenever an event happens",
        )

    def check_flat(step: Array) -> None:
        check_endless(
            x,
            step,
            terms,
            phenomenon="monotone likelihood",
            advice="{terms} separates those with an event from those without: join levels, leave it out, "
            "or describe it by counts",
        )

    return maximise(likelihood, matrix=x, check_start=check_start, check_flat=check_flat)
