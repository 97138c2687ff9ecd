"""Fitting a Cox model: maximum, variances, score tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blinreg.analyses.cox_regression.robust import sandwich
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.inference import ChiSquared, LogLikelihood, quadratic_test
from blinreg.analyses.monotone import runaway
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


class Likelihood(Protocol):
    """A partial likelihood in covariates scaled to unit spread.

    ``scale`` (p,) is the spread divided out; ``event_weight`` the case weight of all
    events; ``reach`` as in `newton.maximise`.
    """

    @property
    def scale(self) -> Array:
        """Coefficients are ``scaled / scale``."""

    @property
    def event_weight(self) -> float:
        """Sum of the case weights of the events."""

    def __call__(self, coef: Array) -> Evaluation:
        """Evaluate at coefficients (p,)."""

    def reach(self, step: Array, enough: float, /) -> float:
        """Bound the change of any linear predictor by a step."""


def fit_cox(
    likelihood: Likelihood,
    terms: Sequence[str],
    *,
    cluster_moments: Callable[[Array], tuple[Array, Array]] | None = None,
    start: Array | None = None,
) -> CoxFit:
    """Maximise the partial likelihood.

    Parameters
    ----------
    likelihood : Likelihood
        `CoxLikelihood`, or for very many rows `cox_regression.passes.KernelLikelihood`.
    terms : sequence of str
        Names of the covariates, for messages.
    cluster_moments : callable, optional
        Of the scaled coefficients: sums over clusters of their score contributions u (p,)
        and of u u' (p, p). With it, variances are robust.
    start : array (p,), optional
        A guess of the scaled coefficients.

    Raises
    ------
    InputError
        A constant or collinear term; an offset beyond the range of relative risks.
    AnalysisError
        Monotone likelihood, or no convergence.
    """
    maximum = _maximise(likelihood, terms, start)
    direction = runaway(likelihood, likelihood.reach, maximum)
    if direction is not None:
        _check_endless(lambda _step, _enough: np.inf, direction, terms)
    variance = inverse(maximum.fitted.information)
    unscale = np.outer(1 / likelihood.scale, 1 / likelihood.scale)
    robust_variance, robust_score_test = None, None
    if cluster_moments is not None:
        _, squares = cluster_moments(maximum.coef)
        robust_variance = sandwich(squares, variance) * unscale
        robust_score_test = quadratic_test(*cluster_moments(np.zeros_like(maximum.coef)))
    return CoxFit(
        coef=maximum.coef / likelihood.scale,
        variance=variance * unscale,
        robust_variance=robust_variance,
        log_likelihood=LogLikelihood(maximum.null.log_likelihood, maximum.fitted.log_likelihood),
        score_test=quadratic_test(maximum.null.score, maximum.null.information),
        robust_score_test=robust_score_test,
        converged=maximum.converged,
        n_iterations=maximum.n_iterations,
    )


def _maximise(likelihood: Likelihood, terms: Sequence[str], start: Array | None) -> Maximum:
    def check_start(null: Evaluation) -> None:
        if not np.isfinite(null.log_likelihood):
            raise InputError(
                "the offset differs between rows at risk by more than a relative risk can hold",
                next_step="check the unit of the offset; it is added to the log hazard ratio",
            )
        check_singular(
            null.information,
            terms,
            unit=likelihood.event_weight,
            hint="is constant among those at risk whenever an event happens",
        )

    def check_flat(step: Array) -> None:
        _check_endless(likelihood.reach, step, terms)

    return maximise(
        likelihood,
        n_terms=len(terms),
        reach=likelihood.reach,
        check_start=check_start,
        check_flat=check_flat,
        start=start,
    )


def _check_endless(reach: Callable[[Array, float], float], step: Array, terms: Sequence[str]) -> None:
    check_endless(
        reach,
        step,
        terms,
        phenomenon="monotone likelihood",
        advice="{terms} separates those with an event from those without: join levels, leave it out, "
        "or describe it by counts",
    )
