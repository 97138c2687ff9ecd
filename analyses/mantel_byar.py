"""The Mantel-Byar test: log-rank for an exposure that starts during follow-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.inputs import Floats, Missing, Rows
from blinreg.analyses.log_rank import chi_squared_p, require_groups
from blinreg.analyses.log_rank_sums import group_frame, log_rank_sums
from blinreg.analyses.observation import observe
from blinreg.analyses.risk_table import Label


@dataclass(frozen=True, slots=True, eq=False)
class MantelByar:
    """A Mantel-Byar test.

    Attributes
    ----------
    table : polars.DataFrame
        state, n (subjects ever in it), observed, expected.
    observed, expected, variance : float, or ndarray for three states and more
        Events in the exposed (the higher of two values), expected under no effect,
        and the hypergeometric variance; for k states shape (k,), (k,), (k, k).
    chi_squared, p_value : float or None
        None where no event time had more than one state at risk.
    df : int
    log_hazard_ratio, log_hazard_ratio_se : float or None
        Peto's one-step estimate (observed - expected) / variance and its standard
        error, for two states.
    states : tuple
        Values of the exposure, in order.
    n, n_events, n_missing : int
    strata : tuple of str
    landmark : float
    ties, time_unit : str
    steps : polars.DataFrame
        stratum, time, group, n_at_risk, n_events, expected, weight (always 1) at each event time.
    """

    table: pl.DataFrame
    observed: float | Floats
    expected: float | Floats
    variance: float | Floats
    chi_squared: float | None
    p_value: float | None
    df: int
    log_hazard_ratio: float | None
    log_hazard_ratio_se: float | None
    states: tuple[Label, ...]
    n: int
    n_events: int
    n_missing: int
    strata: tuple[str, ...]
    landmark: float
    ties: str
    time_unit: str
    steps: pl.DataFrame


def mantel_byar(
    rows: Rows,
    exposure: str = "allo_hct",
    *,
    strata: Sequence[str] = (),
    landmark: float = 0,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> MantelByar:
    """Test whether the hazard differs between the states of a time-dependent exposure.

    At each event time the subjects at risk are counted by their state just
    before it. An event on the day the exposure starts is an unexposed event.

    Parameters
    ----------
    rows : Rows
        (start, stop] intervals with the value of the exposure during each.
    exposure : str
        Column of the state, usually 0 and 1.
    strata : sequence of str
        Columns; states are compared within their combinations.
    landmark : float
        Use follow-up after this time only (rows with stop > landmark).
    id, start, stop, event, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    MantelByar

    Raises
    ------
    InputError
        The rows break a rule, or all subjects at risk are in one state throughout.

    Notes
    -----
    Mantel and Byar, JASA 1974;69:81-86. Equal to the Cox score test with
    exact ties, in closed form at beta = 0. R: ``coxph(Surv(start, stop, event) ~ exposure,
    ties = "exact")$score`` (which does not end on heavy ties); ``survdiff`` cannot do it.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2, 3], "tstart": [0, 30, 0, 0], "tstop": [30, 90, 50, 95],
    ...                      "event": [0, 1, 1, 0], "allo_hct": [0, 1, 0, 0]})
    >>> test = mantel_byar(rows)
    >>> test.observed, round(test.expected, 4), round(test.variance, 4)
    (1.0, 0.8333, 0.4722)
    """
    seen = observe(
        rows,
        by=exposure,
        strata=strata,
        id=id,
        start=start,
        stop=stop,
        event=event,
        missing=missing,
        landmark=landmark,
    )
    risk = seen.risk
    require_groups(risk, exposure)
    sums = log_rank_sums(risk)
    chi_squared, df = sums.chi_squared()
    observed: float | Floats = sums.observed
    expected: float | Floats = sums.expected
    variance: float | Floats = sums.variance
    log_ratio = log_ratio_se = None
    if len(risk.groups) == 2:
        observed, expected = float(sums.observed[1]), float(sums.expected[1])
        variance = float(sums.variance[1, 1])
        if chi_squared is not None:
            log_ratio, log_ratio_se = (observed - expected) / variance, variance**-0.5
    return MantelByar(
        table=group_frame("state", risk, sums),
        observed=observed,
        expected=expected,
        variance=variance,
        chi_squared=chi_squared,
        p_value=chi_squared_p(chi_squared, df),
        df=df,
        log_hazard_ratio=log_ratio,
        log_hazard_ratio_se=log_ratio_se,
        states=risk.groups,
        n=risk.n,
        n_events=int(sums.counted.sum()),
        n_missing=seen.n_missing,
        strata=tuple(strata),
        landmark=landmark,
        ties="hypergeometric",
        time_unit=time_unit,
        steps=sums.steps,
    )
