"""The log-rank test for k groups, with strata and a one-sided alternative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, get_args

import polars as pl

from blinreg.analyses.inputs import Floats, Missing, Rows
from blinreg.analyses.log_rank_sums import LogRankSums, group_frame, log_rank_sums
from blinreg.analyses.observation import observe
from blinreg.analyses.risk_table import Label, RiskTable
from blinreg.schemas.errors import InputError

Alternative = Literal["two-sided", "longer", "shorter"]


@dataclass(frozen=True, slots=True, eq=False)
class LogRank:
    """A log-rank test.

    Attributes
    ----------
    table : polars.DataFrame
        group, n, observed, expected.
    observed, expected : ndarray of float64, shape (k,)
        In the order of `table`.
    variance : ndarray of float64, shape (k, k)
        Hypergeometric covariance of observed minus expected.
    chi_squared : float or None
        None where no event time had more than one group at risk.
    df : int
    z : float or None
        Two groups: (observed - expected) / sqrt(variance) of the group `of`, else of the last.
    p_value : float or None
        Two-sided from `chi_squared`, one-sided from `z`.
    alternative, direction : str
        The alternative hypothesis, and in words which group does what under it.
    n, n_events, n_missing : int
    strata : tuple of str
    ties, time_unit : str
        How tied events enter (hypergeometric variance), and what the times count.
    steps : polars.DataFrame
        stratum, time, group, n_at_risk, n_events, expected at each event time.
    """

    table: pl.DataFrame
    observed: Floats
    expected: Floats
    variance: Floats
    chi_squared: float | None
    df: int
    z: float | None
    p_value: float | None
    alternative: Alternative
    direction: str
    n: int
    n_events: int
    n_missing: int
    strata: tuple[str, ...]
    ties: str
    time_unit: str
    steps: pl.DataFrame


def log_rank(
    rows: Rows,
    by: str,
    *,
    strata: Sequence[str] = (),
    alternative: Alternative = "two-sided",
    of: Label | None = None,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> LogRank:
    """Test whether survival differs between groups.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop].
    by : str
        Column of the groups.
    strata : sequence of str
        Columns; groups are compared within their combinations.
    alternative : {"two-sided", "longer", "shorter"}
        For two groups: the survival of group `of` is longer, or shorter, than the other's.
    of : value of `by`, optional
        The group that a one-sided alternative speaks of; required for one.
    id, start, stop, event, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    LogRank

    Raises
    ------
    InputError
        The rows break a rule, there is only one group, or a one-sided
        alternative does not say of which of two groups.

    Notes
    -----
    Mantel, Cancer Chemotherapy Reports 1966;50:163-170. R: ``survdiff(Surv(stop, event) ~ by +
    strata(strata))``, which has no delayed entry; with it the test equals
    ``coxph(..., ties = "exact")$score``.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4], "days": [5, 8, 12, 20],
    ...                      "event": [1, 1, 1, 0], "arm": ["a", "a", "b", "b"]})
    >>> test = log_rank(rows, "arm", start=None, stop="days", alternative="longer", of="b")
    >>> round(test.p_value, 4), test.direction
    (0.0448, 'arm b lives longer')
    """
    if alternative not in get_args(Alternative):
        raise InputError(
            f"alternative={alternative!r} is unknown",
            next_step="use 'two-sided', or 'longer' or 'shorter' with of= the group it speaks of",
        )
    seen = observe(rows, by=by, strata=strata, id=id, start=start, stop=stop, event=event, missing=missing)
    risk = seen.risk
    require_groups(risk, by)
    sums = log_rank_sums(risk)
    chi_squared, df = sums.chi_squared()
    index = _group_index(risk, by, alternative, of)
    z = _z(sums, index) if len(risk.groups) == 2 else None
    return LogRank(
        table=group_frame("group", risk, sums),
        observed=sums.observed,
        expected=sums.expected,
        variance=sums.variance,
        chi_squared=chi_squared,
        df=df,
        z=z,
        p_value=chi_squared_p(chi_squared, df) if alternative == "two-sided" else _one_sided(z, alternative),
        alternative=alternative,
        direction=(
            "any difference" if alternative == "two-sided" else f"{by} {risk.groups[index]} lives {alternative}"
        ),
        n=risk.n,
        n_events=int(sums.observed.sum()),
        n_missing=seen.n_missing,
        strata=tuple(strata),
        ties="hypergeometric",
        time_unit=time_unit,
        steps=sums.steps,
    )


def require_groups(risk: RiskTable, by: str) -> None:
    """Refuse a comparison of fewer than two groups."""
    if len(risk.groups) < 2:
        raise InputError(
            f"column {by} has one value in the {risk.n} subjects at risk: nothing to compare",
            next_step="check the population, the landmark and the grouping",
        )


def chi_squared_p(chi_squared: float | None, df: int) -> float | None:
    """Upper tail of the chi-squared distribution; None stays None.

    Examples
    --------
    >>> round(chi_squared_p(3.841459, 1), 4)
    0.05
    """
    from scipy.special import chdtrc

    return None if chi_squared is None else float(chdtrc(df, chi_squared))


def _group_index(risk: RiskTable, by: str, alternative: Alternative, of: Label | None) -> int:
    """Find the group that `z` is for."""
    if alternative == "two-sided" and of is None:
        return len(risk.groups) - 1
    if len(risk.groups) != 2:
        raise InputError(
            f"a one-sided alternative compares two groups and column {by} has {len(risk.groups)}",
            next_step="select two groups, or test two-sided",
        )
    if of not in risk.groups:
        raise InputError(
            f"of={of!r} is not a group of column {by}",
            next_step=f"name the group that lives {alternative}: {' or '.join(map(repr, risk.groups))}",
        )
    return risk.groups.index(of)


def _z(sums: LogRankSums, index: int) -> float | None:
    variance = float(sums.variance[index, index])
    if variance <= 0:
        return None
    return float(sums.observed[index] - sums.expected[index]) / sqrt(variance)


def _one_sided(z: float | None, alternative: Alternative) -> float | None:
    """P of the alternative: fewer events than expected is longer survival."""
    from scipy.special import ndtr

    if z is None:
        return None
    return float(ndtr(z if alternative == "longer" else -z))
