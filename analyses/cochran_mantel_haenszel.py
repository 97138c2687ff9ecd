"""Two groups compared within strata: the Cochran-Mantel-Haenszel test and common odds ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, sqrt

import numpy as np
import polars as pl

from blinreg.analyses.inference import check_conf_level, normal_quantile
from blinreg.analyses.inputs import Floats, Missing, Rows
from blinreg.analyses.log_rank import chi_squared_p
from blinreg.analyses.odds_ratio import cross_product
from blinreg.analyses.two_groups import GroupCounts, group_counts
from blinreg.schemas.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class CochranMantelHaenszel:
    """A stratified comparison of two groups.

    Attributes
    ----------
    table : polars.DataFrame
        A row a stratum: ``stratum, group, reference, n, n_events, n_reference,
        n_events_reference, expected`` (events of the group under no difference) and
        ``odds_ratio`` (of the stratum alone, null or infinite with empty cells).
    odds_ratio : float or None
        Mantel-Haenszel estimate of the common odds ratio, `group` against `reference`; may be
        infinite, and is None where no stratum compares anything.
    lower, upper : float or None
        Limits by Robins, Breslow and Greenland; None at an odds ratio of 0 or infinity.
    chi_squared, p_value : float or None
        None where no stratum tells anything.
    df : int
    group, reference : str
    n, n_events, n_missing, n_strata, n_informative_strata : int
        An informative stratum has both groups, and some but not all with the outcome.
    continuity_correction : bool
    interval_type : str
        "robins-breslow-greenland"
    conf_level : float
    strata : tuple of str
        Names of the strata's columns.
    """

    table: pl.DataFrame
    odds_ratio: float | None
    lower: float | None
    upper: float | None
    chi_squared: float | None
    df: int
    p_value: float | None
    group: str
    reference: str
    n: int
    n_events: int
    n_missing: int
    n_strata: int
    n_informative_strata: int
    continuity_correction: bool
    interval_type: str
    conf_level: float
    strata: tuple[str, ...]


def cochran_mantel_haenszel(
    rows: Rows,
    outcome: str,
    by: str,
    strata: Sequence[str],
    *,
    reference: str | None = None,
    count: str | None = None,
    continuity_correction: bool = False,
    conf_level: float = 0.95,
    missing: Missing = "refuse",
) -> CochranMantelHaenszel:
    """Compare the odds of an outcome between two groups within strata.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; one row a subject.
    outcome : str
        Column, boolean or 0/1.
    by : str
        Column of the two groups.
    strata : sequence of str
        Columns, such as a trial's stratification factors; their combinations are the strata.
    reference : str, optional
        The group divided by; by default the first in sorted order.
    count : str, optional
        Column of how many subjects a row stands for.
    continuity_correction : bool
        Move the sum of differences half a subject towards 0, as R does by default.
    conf_level : float
        Of the limits.
    missing : {"refuse", "complete_case"}
        What to do with a row in which a named column has no value.

    Returns
    -------
    CochranMantelHaenszel

    Raises
    ------
    InputError
        The columns or arguments break a rule, or there are not two groups.

    Notes
    -----
    Mantel and Haenszel, JNCI 1959;22:719-748; Robins, Breslow and Greenland, Biometrics 1986;42:311-323.
    R: ``mantelhaen.test(x, correct = FALSE)``. The common odds ratio supposes that the odds
    ratio is the same in all strata; look at those in `table`. A stratum of one subject
    counts for nothing (R refuses it).

    Examples
    --------
    >>> rows = pl.DataFrame({"y": [1, 0, 1, 0] * 2, "arm": ["a", "a", "b", "b"] * 2, "site": [1] * 4 + [2] * 4,
    ...                      "n": [4, 6, 7, 3, 2, 8, 5, 5]})
    >>> test = cochran_mantel_haenszel(rows, "y", "arm", ["site"], count="n")
    >>> round(test.odds_ratio, 4), round(test.chi_squared, 4)
    (3.7273, 3.6)
    """
    conf_level = check_conf_level(conf_level)
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    counts = group_counts(rows, outcome, by, strata=strata, reference=reference, count=count, missing=missing)
    if len(counts.groups) != 2:
        raise InputError(
            f"column {by} has {len(counts.groups)} groups; the common odds ratio compares two",
            next_step="select two groups, or put the group into a logistic regression",
        )
    table = _table(counts)
    a, b, c, d = _cells(table)
    total = np.maximum(a + b + c + d, 1)
    difference = float(np.sum(a - table["expected"].to_numpy()))
    variance = (a + b) * (c + d) * (a + c) * (b + d) / (total**2 * np.maximum(total - 1, 1))
    correction = 0.5 if continuity_correction and abs(difference) >= 0.5 else 0.0
    chi_squared = None
    if variance.sum() > 0:
        chi_squared = float((abs(difference) - correction) ** 2 / variance.sum())
    odds_ratio, lower, upper = _common(a, b, c, d, conf_level=conf_level)
    return CochranMantelHaenszel(
        table=table,
        odds_ratio=odds_ratio,
        lower=lower,
        upper=upper,
        chi_squared=chi_squared,
        df=1 if chi_squared is not None else 0,
        p_value=chi_squared_p(chi_squared, 1),
        group=counts.groups[1],
        reference=counts.groups[0],
        n=int(counts.n.sum()),
        n_events=int(counts.n_events.sum()),
        n_missing=counts.n_missing,
        n_strata=table.height,
        n_informative_strata=int(np.count_nonzero(variance)),
        continuity_correction=continuity_correction,
        interval_type="robins-breslow-greenland",
        conf_level=conf_level,
        strata=strata,
    )


def _table(counts: GroupCounts) -> pl.DataFrame:
    n, events = counts.n, counts.n_events
    total = np.maximum(n.sum(axis=1), 1)
    return pl.DataFrame(
        {
            "stratum": counts.strata,
            "group": [counts.groups[1]] * len(n),
            "reference": [counts.groups[0]] * len(n),
            "n": n[:, 1],
            "n_events": events[:, 1],
            "n_reference": n[:, 0],
            "n_events_reference": events[:, 0],
            "expected": n[:, 1] * events.sum(axis=1) / total,
            "odds_ratio": pl.Series(
                [cross_product(x, m, x0, m0) for (m0, m), (x0, x) in zip(n.tolist(), events.tolist(), strict=True)],
                dtype=pl.Float64,
            ),
        }
    )


def _cells(table: pl.DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
    """Events and others of the group, then of the reference; one element a stratum."""
    n, a, n0, c = (
        table[name].cast(pl.Float64).to_numpy() for name in ("n", "n_events", "n_reference", "n_events_reference")
    )
    return a, n - a, c, n0 - c


def _common(
    a: Floats, b: Floats, c: Floats, d: Floats, *, conf_level: float
) -> tuple[float | None, float | None, float | None]:
    """Common odds ratio and its limits from the cells of each stratum."""
    total = np.maximum(a + b + c + d, 1)
    along, across = (a + d) / total, (b + c) / total
    above, below = a * d / total, b * c / total
    if below.sum() == 0:
        return (None if above.sum() == 0 else inf), None, None
    ratio = float(above.sum() / below.sum())
    if ratio == 0:
        return 0.0, None, None
    variance = (
        np.sum(along * above) / (2 * above.sum() ** 2)
        + np.sum(along * below + across * above) / (2 * above.sum() * below.sum())
        + np.sum(across * below) / (2 * below.sum() ** 2)
    )
    factor = exp(normal_quantile(conf_level) * sqrt(float(variance)))
    return ratio, ratio / factor, ratio * factor
