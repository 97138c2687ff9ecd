"""Estimators for populations of any size, on whole days: sums by day instead of sorted patients.

They serve the calibration only; the registry has its own. Days are counted in bins of a day, so that the work of
a curve or of a step of a Cox model grows with the number of patients and no faster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.streams import Flags, Floats, Numbers

MONTH_DAYS = 30.4375


def survival(days: Numbers, event: Flags) -> Floats:
    """Kaplan-Meier curve by day: the share without event after day 0, 1, 2 and so on.

    Examples
    --------
    >>> survival(np.array([1, 2, 2, 3]), np.array([True, True, False, False])).round(3).tolist()
    [1.0, 0.75, 0.5, 0.5]
    """
    events = np.bincount(days, weights=event)
    at_risk = len(days) - np.concatenate([[0], np.cumsum(np.bincount(days))[:-1]])
    return np.asarray(np.cumprod(1 - events / at_risk), dtype=np.float64)


def median_months(days: Numbers, event: Flags) -> float:
    """Median of a time to an event in months; infinity if it is not reached."""
    below = np.flatnonzero(survival(days, event) <= 0.5)
    return float(below[0]) / MONTH_DAYS if below.size else float("inf")


def percent_at(days: Numbers, event: Flags, months: float) -> float:
    """Kaplan-Meier estimate at a time, in percent."""
    curve = survival(days, event)
    return float(100 * curve[min(int(months * MONTH_DAYS), len(curve) - 1)])


def cox(start: Numbers, stop: Numbers, event: Flags, x: Floats) -> Floats:
    """Log hazard ratios of a Cox model for intervals (start, stop] in whole days, ties by Breslow's method.

    With thousands at risk on each day, Breslow's and Efron's methods agree.

    Parameters
    ----------
    start, stop : array of int, (n,)
        Intervals; a patient may have several.
    event : array of bool, (n,)
        Whether the interval ends with the event.
    x : array of float, (n, p)
        Covariates.
    """
    n_days, p = int(stop.max()) + 1, x.shape[1]
    days = np.unique(stop[event])
    n_events = np.bincount(stop[event], minlength=n_days)[days]
    total = x[event].sum(axis=0)

    def at_risk(weights: Floats) -> Floats:
        """Sum of the weights over those at risk on each day of an event."""
        leaving = np.bincount(stop, weights=weights, minlength=n_days)
        entering = np.bincount(start, weights=weights, minlength=n_days)
        later = np.cumsum(leaving[::-1])[::-1]
        not_yet = np.cumsum(entering[::-1])[::-1]
        return np.asarray((later - not_yet)[days], dtype=np.float64)

    beta = np.zeros(p)
    for _ in range(12):
        weight = np.exp(x @ beta)
        s0 = at_risk(weight)
        s1 = np.stack([at_risk(weight * x[:, j]) for j in range(p)], axis=1) / s0[:, None]
        information = np.empty((p, p))
        for j in range(p):
            for k in range(j + 1):
                s2 = at_risk(weight * x[:, j] * x[:, k]) / s0
                information[j, k] = information[k, j] = n_events @ (s2 - s1[:, j] * s1[:, k])
        step: NDArray[np.float64] = np.linalg.solve(information, total - n_events @ s1)
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return beta
