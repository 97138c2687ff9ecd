"""The log-rank test for k groups: strata, weights, trend and a one-sided alternative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal, get_args

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats, Missing, Rows
from blinreg.analyses.log_rank_sums import LogRankSums, group_frame, log_rank_sums, score_chi_squared
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
        group, n, observed, expected: counts of events, without weights.
    observed, expected : ndarray of float64, shape (k,)
        In the order of `table`, each event with the weight of its time (as R's survdiff).
    variance : ndarray of float64, shape (k, k)
        Hypergeometric covariance of observed minus expected.
    chi_squared : float or None
        None where no event time had more than one group at risk.
    df : int
    z : float or None
        Two groups: (observed - expected) / sqrt(variance) of the group `of`, else of the last.
        Trend: of the scores; positive where higher scores have more events than expected.
    p_value : float or None
        Two-sided from `chi_squared`, one-sided from `z`.
    alternative, direction : str
        The alternative hypothesis, and in words which group does what under it.
    n, n_events, n_missing : int
    strata : tuple of str
    rho, gamma : float
        Of the weights; 0 and 0 is the log-rank test.
    weights : str
        The weight of an event time in words.
    trend : dict or None
        The score of each group in a test for trend.
    ties, time_unit : str
        How tied events enter (hypergeometric variance), and what the times count.
    steps : polars.DataFrame
        stratum, time, group, n_at_risk, n_events, expected, weight at each event time.
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
    rho: float
    gamma: float
    weights: str
    trend: dict[Label, float] | None
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
    rho: float = 0,
    gamma: float = 0,
    trend: bool | Mapping[Label, float] = False,
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
        For a trend: survival is longer, or shorter, where the score is higher.
    of : value of `by`, optional
        The group that a one-sided alternative speaks of; required for one.
    rho, gamma : float
        Fleming-Harrington weights S^rho (1 - S)^gamma, S the survival of all groups together
        (of the stratum) just before the time. ``rho=1`` looks at early differences (Peto
        and Peto's test), ``gamma=1`` at late ones. State them before seeing the data.
    trend : bool or mapping of value of `by` to float
        Test for trend over the groups with these scores; True scores them 1, 2, ... in order.
    id, start, stop, event, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    LogRank

    Raises
    ------
    InputError
        The rows break a rule, there is only one group, a one-sided
        alternative does not say of which of two groups, or scores do not fit the groups.

    Notes
    -----
    Mantel, Cancer Chemotherapy Reports 1966;50:163-170. R: ``survdiff(Surv(stop, event) ~ by +
    strata(strata), rho = rho)``, which has no delayed entry and no gamma; with entry the
    unweighted test equals ``coxph(..., ties = "exact")$score``. Weights: Fleming and Harrington,
    Counting Processes and Survival Analysis (1991), chapter 7. Trend: Tarone, Biometrika
    1975;62:679-682, with scores c: (c'(O - E))^2 / c'Vc on one degree of freedom.

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
    weights = _weights_in_words(rho, gamma)
    seen = observe(rows, by=by, strata=strata, id=id, start=start, stop=stop, event=event, missing=missing)
    risk = seen.risk
    require_groups(risk, by)
    sums = log_rank_sums(risk, rho=rho, gamma=gamma)
    contrast = _Contrast.of_trend(risk, by, trend) if trend else _Contrast.of_groups(risk, by, alternative, of)
    chi_squared, df, z = contrast.test(sums)
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
        direction=contrast.in_words(by, alternative),
        n=risk.n,
        n_events=int(sums.counted.sum()),
        n_missing=seen.n_missing,
        strata=tuple(strata),
        rho=float(rho),
        gamma=float(gamma),
        weights=weights,
        trend=contrast.scores,
        ties="hypergeometric",
        time_unit=time_unit,
        steps=sums.steps,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Contrast:
    """What is tested: any difference, one group against the other, or scores.

    `vector` weighs the groups' observed minus expected; None with more than two groups and no trend.
    """

    vector: Floats | None
    scores: dict[Label, float] | None
    subject: str

    @classmethod
    def of_groups(cls, risk: RiskTable, by: str, alternative: Alternative, of: Label | None) -> _Contrast:
        index = _group_index(risk, by, alternative, of)
        vector = np.eye(len(risk.groups))[index] if len(risk.groups) == 2 else None
        return cls(vector, None, f"{by} {risk.groups[index]} lives")

    @classmethod
    def of_trend(cls, risk: RiskTable, by: str, trend: bool | Mapping[Label, float]) -> _Contrast:
        scores = _scores(risk, by, trend)
        return cls(np.array(list(scores.values())), scores, f"{by} with a higher score lives")

    def test(self, sums: LogRankSums) -> tuple[float | None, int, float | None]:
        """Give chi-squared, its degrees of freedom, and z where there is a direction."""
        difference = sums.observed - sums.expected
        chi_squared, df = score_chi_squared(difference, sums.variance)
        if self.vector is None or chi_squared is None:
            return chi_squared, df, None
        variance = float(self.vector @ sums.variance @ self.vector)
        if variance <= 0:
            return (None, 0, None) if self.scores else (chi_squared, df, None)
        z = float(self.vector @ difference) / sqrt(variance)
        return (z * z, 1, z) if self.scores else (chi_squared, df, z)

    def in_words(self, by: str, alternative: Alternative) -> str:
        if alternative != "two-sided":
            return f"{self.subject} {alternative}"
        return f"a trend over {by}" if self.scores else "any difference"


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


def _scores(risk: RiskTable, by: str, trend: bool | Mapping[Label, float]) -> dict[Label, float]:
    if not isinstance(trend, Mapping):
        return {label: float(place) for place, label in enumerate(risk.groups, start=1)}
    unscored = sum(label not in trend for label in risk.groups)
    if unscored:
        raise InputError(
            f"trend has no score for {unscored} of the {len(risk.groups)} groups of column {by}",
            next_step=f"score each of {', '.join(map(repr, risk.groups))}",
        )
    scores = {label: float(trend[label]) for label in risk.groups}
    if not np.isfinite(list(scores.values())).all() or len(set(scores.values())) == 1:
        raise InputError(
            f"the scores of column {by} are no trend: they must be numbers that differ", next_step="score the groups"
        )
    return scores


def _weights_in_words(rho: float, gamma: float) -> str:
    for name, power in (("rho", rho), ("gamma", gamma)):
        if not 0 <= power < np.inf:
            raise InputError(f"{name}={power!r} is not a power of 0 or more", next_step="use 0 for no weight, or 1")
    if not rho and not gamma:
        return "1 (log-rank)"
    return f"S(t-)^{rho:g} (1 - S(t-))^{gamma:g} (Fleming-Harrington, pooled S)"


def _one_sided(z: float | None, alternative: Alternative) -> float | None:
    """P of the alternative: fewer events than expected is longer survival."""
    from scipy.special import ndtr

    if z is None:
        return None
    return float(ndtr(z if alternative == "longer" else -z))
