"""Differences of proportions with Wald or Newcombe limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from blinreg.analyses.inference import check_conf_level, normal_quantile
from blinreg.analyses.inputs import Floats, Missing, Rows
from blinreg.analyses.two_groups import comparison_frame, group_counts
from blinreg.schemas.errors import InputError

DifferenceMethod = Literal["wald", "newcombe"]


@dataclass(frozen=True, slots=True, eq=False)
class ProportionDifference:
    """Differences of proportions, each group minus the reference.

    Attributes
    ----------
    table : polars.DataFrame
        A row for each group but the reference: ``group, reference, n, n_events,
        n_reference, n_events_reference, rate, rate_reference, difference, lower, upper,
        chi_squared, p_value``. Rates and differences are shares, not percentages. Wald limits
        are null where all or none of both groups have the outcome: a width of zero would
        read as certainty.
    n, n_events, n_missing : int
        Subjects, subjects with the outcome, rows left out as incomplete.
    interval_type : str
        "wald" (unpooled) or "newcombe" (hybrid score, without continuity correction).
    test : str
        "pearson chi-squared": without continuity correction.
    conf_level : float
    """

    table: pl.DataFrame
    n: int
    n_events: int
    n_missing: int
    interval_type: DifferenceMethod
    test: str
    conf_level: float


def proportion_difference(
    rows: Rows,
    outcome: str,
    by: str,
    *,
    reference: str | None = None,
    count: str | None = None,
    method: DifferenceMethod = "wald",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
) -> ProportionDifference:
    """Compare the share of subjects with an outcome between groups.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; one row a subject.
    outcome : str
        Column, boolean or 0/1.
    by : str
        Column of the groups.
    reference : str, optional
        The group subtracted; by default the first in sorted order.
    count : str, optional
        Column of how many subjects a row stands for, to analyse a printed table.
    method : {"wald", "newcombe"}
        Limits. Wald is what trials print; Newcombe stays within -1 and 1 and holds its level
        with few subjects or rates near 0 or 1.
    conf_level : float
        Of the limits.
    missing : {"refuse", "complete_case"}
        Who could not be assessed has no outcome only if the column says so.

    Returns
    -------
    ProportionDifference

    Raises
    ------
    InputError
        The columns or arguments break a rule, or there is one group only.

    Notes
    -----
    Newcombe, Statistics in Medicine 1998;17:873-890, methods 1 (Wald) and 10. R: ``prop.test(x, n,
    correct = FALSE)`` has the Wald limits and the chi-squared test; Newcombe's limits
    follow from ``prop.test``'s for each group alone. The test is null where
    all or none have the outcome.

    Examples
    --------
    >>> rows = pl.DataFrame({"responded": [1, 0, 1, 0], "arm": ["a", "a", "b", "b"], "n": [19, 90, 39, 70]})
    >>> table = proportion_difference(rows, "responded", "arm", count="n", conf_level=0.975).table
    >>> table.select(pl.col("difference", "lower", "upper").round(3)).row(0)
    (0.183, 0.052, 0.315)
    """
    conf_level = check_conf_level(conf_level)
    if method not in get_args(DifferenceMethod):
        raise InputError(f"method={method!r} is unknown", next_step="use 'wald' or 'newcombe'")
    counts = group_counts(rows, outcome, by, reference=reference, count=count, missing=missing)
    table = comparison_frame(counts)
    x1, n1, x0, n0 = (
        table[name].cast(pl.Float64).to_numpy() for name in ("n_events", "n", "n_events_reference", "n_reference")
    )
    limits = _wald if method == "wald" else _newcombe
    lower, upper = limits(x1, n1, x0, n0, normal_quantile(conf_level))
    statistic = _pearson(x1, n1, x0, n0)
    from scipy.special import chdtrc

    made = pl.DataFrame(
        {
            "rate": x1 / n1,
            "rate_reference": x0 / n0,
            "difference": x1 / n1 - x0 / n0,
            "lower": lower,
            "upper": upper,
            "chi_squared": statistic,
            "p_value": chdtrc(1, statistic),
        }
    )
    return ProportionDifference(
        table=table.hstack(made.fill_nan(None)),
        n=int(counts.n.sum()),
        n_events=int(counts.n_events.sum()),
        n_missing=counts.n_missing,
        interval_type=method,
        test="pearson chi-squared",
        conf_level=conf_level,
    )


def _wald(x1: Floats, n1: Floats, x0: Floats, n0: Floats, z: float) -> tuple[Floats, Floats]:
    p1, p0 = x1 / n1, x0 / n0
    width = z * np.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    width = np.where(width > 0, width, np.nan)
    return np.maximum(p1 - p0 - width, -1.0), np.minimum(p1 - p0 + width, 1.0)


def _newcombe(x1: Floats, n1: Floats, x0: Floats, n0: Floats, z: float) -> tuple[Floats, Floats]:
    p1, p0 = x1 / n1, x0 / n0
    low1, high1 = _wilson(x1, n1, z)
    low0, high0 = _wilson(x0, n0, z)
    lower: Floats = p1 - p0 - np.hypot(p1 - low1, high0 - p0)
    upper: Floats = p1 - p0 + np.hypot(high1 - p1, p0 - low0)
    return lower, upper


def _wilson(x: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    """Score limits of one proportion (Wilson, JASA 1927;22:209-212); exactly 0 and 1 at the edges."""
    centre, half = x + z**2 / 2, z * np.sqrt(x * (n - x) / n + z**2 / 4)
    lower = np.where(x == 0, 0.0, (centre - half) / (n + z**2))
    upper = np.where(x == n, 1.0, (centre + half) / (n + z**2))
    return lower, upper


def _pearson(x1: Floats, n1: Floats, x0: Floats, n0: Floats) -> Floats:
    """Chi-squared of a 2 x 2 table without continuity correction; NaN for an empty margin."""
    pooled = (x1 + x0) / (n1 + n0)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n0)
    defined = variance > 0
    statistic: Floats = np.where(defined, (x1 / n1 - x0 / n0) ** 2 / np.where(defined, variance, 1.0), np.nan)
    return statistic
