"""Wald intervals and chi-squared tests shared by the regression models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChiSquared:
    """A chi-squared test: statistic (float), degrees of freedom (int), p_value (float)."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, slots=True)
class LogLikelihood:
    """The (partial) log-likelihood: ``null`` without covariates, ``fitted`` at the maximum."""

    null: float
    fitted: float


def check_conf_level(conf_level: float) -> float:
    """Return a confidence level strictly between 0 and 1, or refuse.

    Raises
    ------
    InputError
        For anything else (95 is not 0.95).

    Examples
    --------
    >>> check_conf_level(0.95)
    0.95
    """
    if not isinstance(conf_level, int | float) or not 0 < conf_level < 1:
        raise InputError(
            f"conf_level must be a share strictly between 0 and 1, not {conf_level!r}",
            next_step="for a 95% interval write conf_level=0.95",
        )
    return float(conf_level)


def chi_squared(statistic: float, df: int) -> ChiSquared:
    """Attach the upper-tail P value of a chi-squared statistic (R: ``pchisq(lower.tail=FALSE)``).

    Examples
    --------
    >>> round(chi_squared(3.841458820694124, 1).p_value, 6)
    0.05
    """
    from scipy.special import chdtrc

    return ChiSquared(float(statistic), int(df), float(chdtrc(df, max(statistic, 0.0))))


def quadratic_test(vector: Array, variance: Array) -> ChiSquared:
    """Test ``vector' variance^-1 vector`` against zero; rank-deficient variances lose degrees of freedom.

    A cluster-robust variance from fewer clusters than terms has no inverse; the
    test then uses the generalised inverse over the directions that vary.
    """
    # The unit of a covariate must not decide what counts as zero.
    diagonal = np.diag(variance)
    scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled, unit = vector * scale, variance * np.outer(scale, scale)
    rank = int(np.linalg.matrix_rank(unit, hermitian=True))
    if rank == len(vector):
        return chi_squared(float(scaled @ np.linalg.solve(unit, scaled)), rank)
    return chi_squared(float(scaled @ np.linalg.pinv(unit, hermitian=True) @ scaled), rank)


def normal_quantile(conf_level: float) -> float:
    """Two-sided normal quantile, 1.959964 for 0.95."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + conf_level / 2))


def wald_columns(coef: Array, se: Array, *, ratio_name: str, conf_level: float) -> dict[str, Array]:
    """Columns ``<ratio_name>, lower, upper, z, p_value`` of Wald inference on the log scale.

    Parameters
    ----------
    coef : array (p,)
        Log ratios.
    se : array (p,)
        Their standard errors.
    ratio_name : str
        ``hazard_ratio`` or ``odds_ratio``: exp(coef).
    conf_level : float
        Of the limits.

    Returns
    -------
    dict of str to array (p,)
    """
    from scipy.special import ndtr

    width = normal_quantile(conf_level) * se
    # A robust standard error can be 0 with very few clusters.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio, lower, upper = np.exp(coef), np.exp(coef - width), np.exp(coef + width)
        z = coef / se
    return {
        ratio_name: ratio,
        "lower": lower,
        "upper": upper,
        "z": z,
        "p_value": 2 * ndtr(-np.abs(z)),
    }


def term_table(terms: Sequence[str], columns: dict[str, Array]) -> pl.DataFrame:
    """One row a term: ``term`` and the columns, as float64."""
    return pl.DataFrame(
        {"term": list(terms)} | columns,
        schema={"term": pl.String} | dict.fromkeys(columns, pl.Float64),
    )
