"""Observed minus expected events over a risk table: the core of log-rank and Mantel-Byar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats, Integers
from blinreg.analyses.risk_table import Label, RiskTable

#: Eigenvalues of the variance below this share of the largest count as zero.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class LogRankSums:
    """Sums over the event times of all strata; G groups.

    Attributes
    ----------
    observed, expected : ndarray of float64, shape (G,)
        Each event counted with the weight of its time.
    variance : ndarray of float64, shape (G, G)
        Hypergeometric (co)variance of observed minus expected.
    counted, counted_expected : ndarray of int64 and of float64, shape (G,)
        The same with weight 1.
    steps : polars.DataFrame
        stratum, time, group, n_at_risk, n_events, expected, weight: what was summed,
        one row per event time and group, to check by hand.
    """

    observed: Floats
    expected: Floats
    variance: Floats
    counted: Integers
    counted_expected: Floats
    steps: pl.DataFrame

    def chi_squared(self) -> tuple[float | None, int]:
        """Test statistic and its degrees of freedom; None where the variance is zero.

        The rank of the variance gives the degrees of freedom: a group that was never
        at risk at an event time tells nothing and counts for nothing.
        """
        return score_chi_squared(self.observed - self.expected, self.variance)


def score_chi_squared(score: Floats, variance: Floats) -> tuple[float | None, int]:
    """Test a score with a singular variance: statistic and degrees of freedom.

    Parameters
    ----------
    score : ndarray of float64, shape (G,)
        Sums to zero over the groups.
    variance : ndarray of float64, shape (G, G)
        Its estimated covariance.

    Returns
    -------
    float or None
        None where the variance is zero or not a number.
    int
        The rank of the variance: G - 1, or less where groups tell nothing.

    Examples
    --------
    >>> statistic, df = score_chi_squared(np.array([2.0, -2.0]), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    >>> round(statistic, 12), df
    (4.0, 1)
    """
    if not np.isfinite(variance).all() or not np.isfinite(score).all():
        return None, 0
    values, vectors = np.linalg.eigh(variance)
    used = values > RANK_TOLERANCE * max(float(values[-1]), RANK_TOLERANCE)
    if not used.any():
        return None, 0
    scores = vectors[:, used].T @ score
    return float(np.sum(scores**2 / values[used])), int(used.sum())


def log_rank_sums(risk: RiskTable, *, rho: float = 0, gamma: float = 0) -> LogRankSums:
    """Sum observed and expected events and their hypergeometric variance.

    Parameters
    ----------
    risk : RiskTable
        Any number of groups and strata; expected events are within strata.
    rho, gamma : float
        Weight S^rho (1 - S)^gamma at each event time, S the Kaplan-Meier curve of all
        groups of the stratum together, just before the time.

    Returns
    -------
    LogRankSums

    Notes
    -----
    Mantel, Cancer Chemotherapy Reports 1966;50:163-170; with groups that change
    over time, Mantel and Byar, JASA 1974;69:81-86. The statistic is the score test of
    the Cox model with exact ties at beta = 0, in closed form. Weights: Fleming and
    Harrington, Counting Processes and Survival Analysis (1991), chapter 7.

    Examples
    --------
    >>> from blinreg.analyses.observation import observe
    >>> rows = pl.DataFrame({"stop": [3, 5], "event": [1, 1], "arm": ["a", "b"]})
    >>> seen = observe(rows, by="arm", id=None, start=None, stop="stop", event="event", missing="refuse")
    >>> log_rank_sums(seen.risk).expected.tolist()
    [0.5, 1.5]
    """
    events_of_all = risk.n_events.sum(axis=2)
    at = np.flatnonzero(events_of_all.sum(axis=1))
    n_at_risk, n_events = risk.n_at_risk()[at], events_of_all[at]
    n, d = n_at_risk.sum(axis=1), n_events.sum(axis=1)
    share = n_at_risk / n[:, None]
    expected = d[:, None] * share
    weight = _weights(risk.stratum[at], n, d, rho, gamma)
    # With one subject at risk the event is certain to be theirs: no variance.
    spread = weight**2 * d * (n - d) / np.maximum(n - 1, 1)
    return LogRankSums(
        observed=weight @ n_events,
        expected=weight @ expected,
        variance=np.diag(spread @ share) - share.T @ (spread[:, None] * share),
        counted=n_events.sum(axis=0),
        counted_expected=expected.sum(axis=0),
        steps=_steps(risk, at, n_at_risk, n_events, expected, weight=weight),
    )


def _weights(stratum: Integers, n_at_risk: Integers, n_events: Integers, rho: float, gamma: float) -> Floats:
    """Weigh the event times, which stand in order of stratum and time."""
    survival = np.ones(n_at_risk.size)
    for code in np.unique(stratum) if rho or gamma else ():
        of = stratum == code
        after = np.cumprod(1 - n_events[of] / n_at_risk[of])
        survival[of] = np.concatenate(([1.0], after[:-1]))
    weight: Floats = survival**rho * (1 - survival) ** gamma
    return weight


def group_frame(name: str, risk: RiskTable, sums: LogRankSums) -> pl.DataFrame:
    """Lay out a test as one row a group: n, n_events observed, and expected.

    Parameters
    ----------
    name : str
        Name of the group column.
    risk : RiskTable
        For the labels and the numbers of subjects.
    sums : LogRankSums
        Of the same risk table.

    Returns
    -------
    polars.DataFrame
        `name`, n, observed, expected: counts, without weights.
    """
    return pl.DataFrame(
        {
            name: list(risk.groups),
            "n": risk.n_subjects,
            "observed": sums.counted,
            "expected": sums.counted_expected,
        }
    )


def _steps(
    risk: RiskTable, at: Integers, n_at_risk: Integers, n_events: Integers, expected: Floats, *, weight: Floats
) -> pl.DataFrame:
    n_groups = len(risk.groups)
    strata = np.array([_text(label) for label in risk.strata], dtype=object)
    return pl.DataFrame(
        {
            "stratum": pl.Series(np.repeat(strata[risk.stratum[at]], n_groups).tolist(), dtype=pl.String),
            "time": np.repeat(risk.time[at], n_groups),
            "group": pl.Series(list(risk.groups) * at.size, dtype=pl.Series(list(risk.groups)).dtype),
            "n_at_risk": n_at_risk.ravel(),
            "n_events": n_events.ravel(),
            "expected": expected.ravel(),
            "weight": np.repeat(weight, n_groups),
        }
    )


def _text(label: Label) -> str:
    return ", ".join(str(value) for value in label) if isinstance(label, tuple) else str(label)
