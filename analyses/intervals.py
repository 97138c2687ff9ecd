"""Pointwise confidence limits of a probability, by the three usual scales."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from blinreg.analyses.inputs import Floats
from blinreg.schemas.errors import InputError

ConfType = Literal["log-log", "log", "plain"]

#: A probability this near 0 or 1 is one of them but for the rounding of a running sum or product.
ROUNDING = 1e-12


def check_interval(conf_type: str, conf_level: float) -> None:
    """Refuse an unknown interval type or a level that is not between 0 and 1.

    Examples
    --------
    >>> check_interval("log-log", 0.95)
    """
    if conf_type not in get_args(ConfType):
        raise InputError(f"conf_type={conf_type!r} is unknown", next_step=f"use one of {', '.join(get_args(ConfType))}")
    if not 0 < conf_level < 1:
        raise InputError(f"conf_level={conf_level!r} is not between 0 and 1", next_step="use 0.95 for 95% limits")


def pointwise_limits(probability: Floats, se: Floats, conf_type: ConfType, conf_level: float) -> tuple[Floats, Floats]:
    """Confidence limits of a survival probability or cumulative incidence.

    Parameters
    ----------
    probability, se : ndarray of float64
        Estimate and its standard error, on the probability scale.
    conf_type : {"log-log", "log", "plain"}
        The scale on which the limits are symmetric: log(-log p), log p, or p itself.
    conf_level : float
        For example 0.95.

    Returns
    -------
    lower, upper : ndarray of float64
        NaN where the estimate is 0 or 1: there the formulas have no value (log-log)
        or a width of zero, which would read as certainty.

    Notes
    -----
    Kalbfleisch and Prentice, The Statistical Analysis of Failure Time Data (2002).
    R: ``survfit(..., conf.type =)``.

    Examples
    --------
    >>> low, high = pointwise_limits(np.array([0.5]), np.array([0.1]), "plain", 0.95)
    >>> float(low[0].round(3)), float(high[0].round(3))
    (0.304, 0.696)
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + conf_level / 2))
    inside = (probability > ROUNDING) & (probability < 1 - ROUNDING)
    p = np.where(inside, probability, np.nan)
    if conf_type == "plain":
        lower, upper = p - z * se, p + z * se
    elif conf_type == "log":
        factor = np.exp(z * se / p)
        lower, upper = p / factor, p * factor
    else:
        power = np.exp(-z * se / (p * np.log(p)))
        lower, upper = p**power, p ** (1 / power)
    return np.maximum(lower, 0.0), np.minimum(upper, 1.0)
