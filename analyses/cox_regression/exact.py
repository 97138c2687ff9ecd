"""The score test of a Cox model with exact ties, in closed form at zero coefficients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from blinreg.analyses.cox_regression.kept import kept_rows
from blinreg.analyses.inference import ChiSquared, quadratic_test
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from blinreg.analyses.cox_regression.result import CoxResult


def exact_score_test(result: CoxResult) -> ChiSquared:
    r"""Test all coefficients of a Cox model at once, with the events of a time as a draw without replacement.

    Parameters
    ----------
    result : CoxResult
        Fitted by either rule for ties; the test is the same.

    Returns
    -------
    ChiSquared
        Degrees of freedom: the rank of the variance.

    Raises
    ------
    InputError
        The fit has weights or an offset, for which there is no such test, or kept no rows.

    Notes
    -----
    At each event time with d events among n at risk, the sum of x over the events has under
    the null hypothesis the mean d x_bar and the hypergeometric covariance
    ``d (n - d) / (n (n - 1)) * sum (x - x_bar)(x - x_bar)'``; both add over times and strata.
    The test is the score test of the discrete (exact) partial likelihood of Cox, J R Stat Soc B
    1972;34:187-220. With one binary covariate it is the test of Mantel and Byar, JASA 1974;69:81-86,
    with one covariate fixed at entry the log-rank test. R: ``coxph(..., ties="exact")$score``, which
    does not end on heavy ties.

    Examples
    --------
    >>> import polars as pl
    >>> from blinreg.analyses import cox, mantel_byar
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2, 3], "tstart": [0, 30, 0, 0], "tstop": [30, 90, 50, 95],
    ...                      "event": [0, 1, 1, 1], "allo_hct": [0, 1, 0, 0]})
    >>> test = cox(rows, ["allo_hct"]).exact_score_test
    >>> abs(test.statistic - mantel_byar(rows).chi_squared) < 1e-12
    True
    """
    kept = kept_rows(result.kept, "the exact score test")
    if kept.names.weights is not None or kept.names.offset is not None:
        raise InputError(
            "the exact score test is not defined for a fit with weights or an offset",
            next_step="use score_test, or fit without them",
        )
    likelihood, rows = kept.likelihood, kept.likelihood.rows
    sums = likelihood.sums(np.zeros(rows.x.shape[1]))
    n, d = np.round(sums.s0), np.round(sums.t0)
    used = d > 0
    at_risk = np.where(used, n, 1.0)
    expected = np.where(used, d, 0.0) / at_risk
    spread = expected * (n - d) / np.maximum(n - 1, 1)
    zero = np.zeros_like(n)
    means = {(0, 1): expected, (1, 1): zero, (0, 2): zero, (1, 2): zero, (2, 2): zero}
    squares = {(0, 1): spread, (1, 1): zero, (0, 2): spread / at_risk, (1, 2): zero, (2, 2): zero}
    score = likelihood.score(replace(sums, c=means))
    return quadratic_test(score, likelihood.information(replace(sums, c=squares)))
