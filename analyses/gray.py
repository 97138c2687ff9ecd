"""Gray's test of cumulative incidence between groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats, Integers, Missing, Rows
from blinreg.analyses.log_rank import chi_squared_p, require_groups
from blinreg.analyses.log_rank_sums import score_chi_squared
from blinreg.analyses.observation import observe
from blinreg.analyses.risk_table import RiskTable
from blinreg.schemas.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Gray:
    """A test of Gray.

    Attributes
    ----------
    table : polars.DataFrame
        group, n, n_events (of the cause), n_competing, score: above zero where the group
        has more events than equal cumulative incidences would give.
    score : ndarray of float64, shape (k,)
        In the order of `table`; sums to zero.
    variance : ndarray of float64, shape (k, k)
        Gray's estimate for `score`.
    chi_squared, p_value : float or None
        None where the variance is zero, or has no value (see Notes of `gray`).
    df : int
    cause : int
        The event that is compared; all other causes compete.
    rho : float
        Power of (1 - F) in the weight.
    n, n_events, n_competing, n_missing : int
    strata : tuple of str
    ties, time_unit : str
        How tied events enter the variance, and what the times count.
    """

    table: pl.DataFrame
    score: Floats
    variance: Floats
    chi_squared: float | None
    df: int
    p_value: float | None
    cause: int
    rho: float
    n: int
    n_events: int
    n_competing: int
    n_missing: int
    strata: tuple[str, ...]
    ties: str
    time_unit: str


def gray(
    rows: Rows,
    by: str,
    *,
    cause: int = 1,
    strata: Sequence[str] = (),
    rho: float = 0.0,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> Gray:
    """Test whether the cumulative incidence of a cause differs between fixed groups.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop].
    by : str
        Column of the groups, known at the origin and fixed.
    cause : int
        The code in `event` that is compared.
    strata : sequence of str
        Columns; groups are compared within their combinations.
    rho : float
        Weight (1 - F(t-))^rho with F the pooled cumulative incidence: 0 weighs all
        times alike, above 0 early differences more.
    event : str
        Column with 0 = censored, else the code of the cause (1, 2, ...).
    id, start, stop, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    Gray

    Raises
    ------
    InputError
        The rows break a rule, a subject enters late or changes group, there is only
        one group, or nobody has an event of the cause.

    Notes
    -----
    Gray, Annals of Statistics 1988;16:1141-1154. R: ``cmprsk::cuminc(stop, event, by,
    strata, rho)$Tests``. Without competing events and with ``rho=0`` the score is
    the log-rank test's; its variance is estimated otherwise. Where groups of very
    different follow-up leave the pooled estimate at 1 while several groups are still at
    risk, the variance has no value and the test is None.

    Examples
    --------
    >>> rows = pl.DataFrame({"days": [5, 8, 12, 20, 21, 30], "cause": [1, 2, 1, 1, 2, 0],
    ...                      "arm": ["a", "a", "a", "b", "b", "b"]})
    >>> test = gray(rows, "arm", id=None, start=None, stop="days", event="cause")
    >>> round(test.chi_squared, 4), test.df, round(test.p_value, 4)
    (2.1654, 1, 0.1411)
    """
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    seen = observe(rows, by=by, strata=strata, id=id, start=start, stop=stop, event=event, missing=missing, causes=True)
    risk = seen.risk
    require_groups(risk, by)
    _require_cohort(risk, by)
    if cause not in risk.causes:
        raise InputError(
            f"nobody of {risk.n} subjects has the event {cause} ({event} is never {cause})",
            next_step="check the endpoint and `cause`",
        )
    score, variance = _sums(risk, risk.causes.index(cause), float(rho))
    chi_squared, df = score_chi_squared(score, variance)
    by_cause = risk.n_events.sum(axis=0)
    n_events = by_cause[:, risk.causes.index(cause)]
    n_competing = by_cause.sum(axis=1) - n_events
    return Gray(
        table=pl.DataFrame(
            {
                "group": list(risk.groups),
                "n": risk.n_subjects,
                "n_events": n_events,
                "n_competing": n_competing,
                "score": score,
            }
        ),
        score=score,
        variance=variance,
        chi_squared=chi_squared,
        df=df,
        p_value=chi_squared_p(chi_squared, df),
        cause=cause,
        rho=float(rho),
        n=risk.n,
        n_events=int(n_events.sum()),
        n_competing=int(n_competing.sum()),
        n_missing=seen.n_missing,
        strata=strata,
        ties="hypergeometric",
        time_unit=time_unit,
    )


def _require_cohort(risk: RiskTable, by: str) -> None:
    """Refuse what the test is not defined for: entry after the others, changing groups."""
    crossed = int(risk.n_crossed.sum())
    if crossed:
        raise InputError(
            f"column {by} or a stratum changes {crossed} times within subjects; Gray's test compares fixed groups",
            next_step="give the group known at the origin or at a landmark, or use fine_gray or mantel_byar",
        )
    entering = risk.n_entered.any(axis=1)
    first = float(risk.time[entering].min())
    late = int(risk.n_entered[entering & (risk.time > first)].sum())
    if late:
        raise InputError(
            f"{late} spells start after {first:g}; Gray's test has no delayed entry and no gaps",
            next_step="use fine_gray with the group as covariate: its weights know delayed entry",
        )


def _sums(risk: RiskTable, cause: int, rho: float) -> tuple[Floats, Floats]:
    """Add score and variance over the strata."""
    n_groups = len(risk.groups)
    score, variance = np.zeros(n_groups), np.zeros((n_groups, n_groups))
    at_risk, events = risk.n_at_risk(), risk.n_events.sum(axis=2)
    of_cause = risk.n_events[:, :, cause]
    for stratum in range(len(risk.strata)):
        at = np.flatnonzero((risk.stratum == stratum) & events.any(axis=1))
        part, its_variance = _stratum_sums(at_risk[at], of_cause[at], events[at] - of_cause[at], rho)
        score += part
        variance += its_variance
    return score, variance


def _stratum_sums(n: Integers, of_cause: Integers, competing: Integers, rho: float) -> tuple[Floats, Floats]:
    """Score (G,) and variance (G, G) from counts per event time (T, G).

    With S the Kaplan-Meier estimate of a group for all events and F its cumulative incidence
    (both just before the time), h = n / S and R = h (1 - F); the pooled incidence
    has steps d / sum(h). Its score is the sum of weight (d_i - d R_i / sum(R)). The variance
    sums, over the groups k that events come from, squares of what each event moves:
    directly (`here`), and through F and S in all later weights (`later`).
    """
    if not n.size:
        return np.zeros(n.shape[1]), np.zeros((n.shape[1], n.shape[1]))
    present = n > 0
    size = np.where(present, n, 1)
    survival: Floats = np.cumprod((size - np.where(present, of_cause + competing, 0)) / size, axis=0, dtype=np.float64)
    before = _shifted(survival, 1.0)
    reached: Floats = np.cumsum(before * of_cause / size, axis=0, dtype=np.float64)
    incidence = _shifted(reached, 0.0)
    d = of_cause.sum(axis=1)
    h = np.where(present, n / np.where(present, before, 1.0), 0.0)
    total = h.sum(axis=1)
    pooled: Floats = np.cumsum(d / total, dtype=np.float64)
    pooled_before = _shifted(pooled[:, None], 0.0)[:, 0]
    subdistribution = h * (1 - incidence)
    variance = np.zeros((n.shape[1], n.shape[1]))
    # The pooled estimate can reach or pass 1 when the groups' follow-up differs much;
    # what then has no value must not raise, and shows as a test without a value.
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = (1 - pooled_before) ** rho
        expected = d[:, None] * subdistribution / subdistribution.sum(axis=1, keepdims=True)
        score = (weight[:, None] * (of_cause - expected)).sum(axis=0)
        rate = d / (total * (1 - pooled_before))
        for k in range(n.shape[1]):
            unit = np.eye(n.shape[1])[k]
            here = weight[:, None] * h[:, [k]] * (unit - h / total[:, None])
            # With one group left nothing is compared: 0, also where `rate` has no value.
            through = np.cumsum(np.where(here != 0, here * rate[:, None], 0.0), axis=0)
            later = through[-1] - through
            left = np.where(survival[:, k] > 0, (1 - pooled) / survival[:, k], 0.0)
            step = before[:, k] / size[:, k]
            moved = here + (1 - left)[:, None] * later
            tied = _tie_factor(d, total * before[:, k])
            own = np.where(present[:, k] & (d > 0), tied * step * d / total, 0.0)
            variance += moved.T @ (own[:, None] * moved)
            tied = _tie_factor(competing[:, k], n[:, k])
            other = np.where(competing[:, k] > 0, tied * step**2 * competing[:, k] * left**2, 0.0)
            variance += later.T @ (other[:, None] * later)
    return score, variance


def _tie_factor(d: Integers, n: Floats | Integers) -> Floats:
    """Hypergeometric correction for d tied events of n: 1 for a single event."""
    factor: Floats = np.where(d > 1, 1 - (d - 1) / (n - 1), 1.0)
    return factor


def _shifted(values: Floats, first: float) -> Floats:
    """Values just before each time."""
    return np.vstack([np.full((1, values.shape[1]), first), values[:-1]])
