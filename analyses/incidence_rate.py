"""Events per person-time with exact limits, and their ratios between groups."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum, inf, log
from typing import Literal, get_args

import numpy as np
import polars as pl

from blinreg.analyses.exact_conditional import binomial_family
from blinreg.analyses.inference import check_conf_level
from blinreg.analyses.inputs import CountingProcess, Floats, Integers, Missing, Rows, counting_process
from blinreg.analyses.observation import EVERYBODY, coded
from blinreg.analyses.plotting.style import DAYS_PER_UNIT, AxisUnit
from blinreg.analyses.response_rate import clopper_pearson
from blinreg.analyses.risk_table import Label
from blinreg.schemas.errors import InputError

PersonTime = Literal["patient-day", "patient-month", "patient-year", "100 patient-years"]

_DAYS_PER_PERSON_TIME = {
    "patient-day": DAYS_PER_UNIT["days"],
    "patient-month": DAYS_PER_UNIT["months"],
    "patient-year": DAYS_PER_UNIT["years"],
    "100 patient-years": 100 * DAYS_PER_UNIT["years"],
}


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceRate:
    """Incidence rates.

    Attributes
    ----------
    table : polars.DataFrame
        A row a group: ``group, n, n_events, person_time, rate, lower, upper``; the rate in
        events per `per`, the person-time in the same unit. A subject who changes group counts
        in each, with the time spent there.
    ratios : polars.DataFrame
        A row for each group but the reference: ``group, reference, rate_ratio, lower, upper,
        p_value``; null where nobody had an event. Empty with one group.
    n, n_events, n_missing : int
        Subjects, events, rows left out as incomplete.
    per : str
        Unit of the rates and of `person_time`.
    interval_type : str
        "garwood": exact Poisson limits of the rates.
    ratio_interval_type : str
        "exact conditional": on the sum of the two counts.
    conf_level : float
    time_unit : str
        Unit of the times given.
    """

    table: pl.DataFrame
    ratios: pl.DataFrame
    n: int
    n_events: int
    n_missing: int
    per: PersonTime
    interval_type: str
    ratio_interval_type: str
    conf_level: float
    time_unit: str


def incidence_rate(
    rows: Rows,
    *,
    by: str | None = None,
    reference: Label | None = None,
    per: PersonTime = "patient-day",
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: AxisUnit = "days",
) -> IncidenceRate:
    """Estimate events per person-time, by group.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop]. A subject may
        have several events, each at the end of a row.
    by : str, optional
        Column of the groups; it may change within a subject.
    reference : value of `by`, optional
        The group that the ratios divide by; by default the first in sorted order.
    per : {"patient-day", "patient-month", "patient-year", "100 patient-years"}
        Unit of the rates. A month is 30.4375 days, a year 365.25.
    id, start, stop, event, missing
        See `blinreg.analyses.kaplan_meier`.
    conf_level : float
        Of the limits.
    time_unit : {"days", "months", "years"}
        Unit of `start` and `stop`.

    Returns
    -------
    IncidenceRate

    Raises
    ------
    InputError
        The rows or arguments break a rule.

    Notes
    -----
    Garwood, Biometrika 1936;28:437-442; the ratio: Przyborowski and Wilenski, Biometrika 1940;31:313-323. R:
    ``poisson.test(x, T)`` and ``poisson.test(c(x1, x0), c(T1, T0))``. The limits suppose a
    constant rate and independent events: with several events a subject they are too narrow.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2], "tstart": [0, 100, 0], "tstop": [100.0, 300.0, 430.5],
    ...                      "event": [1, 1, 0]})
    >>> incidence_rate(rows, per="100 patient-years").table.select("n", "n_events", "person_time", "rate").row(0)
    (2, 2, 0.02, 100.0)
    """
    conf_level = check_conf_level(conf_level)
    if per not in get_args(PersonTime):
        raise InputError(f"per={per!r} is unknown", next_step=f"use one of {', '.join(get_args(PersonTime))}")
    if time_unit not in get_args(AxisUnit):
        raise InputError(f"time_unit={time_unit!r} is unknown", next_step="use days, months or years")
    process, extra = counting_process(
        rows,
        id=id,
        start=start,
        stop=stop,
        event=event,
        extra=[] if by is None else [by],
        missing=missing,
        terminal=False,
    )
    code, labels = coded(extra, [] if by is None else [by], n_rows=process.stop.size)
    groups: list[Label] = [label[0] for label in labels] if by else [EVERYBODY]
    n_events = np.bincount(code, weights=process.event, minlength=len(groups)).astype(np.int64)
    scale = DAYS_PER_UNIT[time_unit] / _DAYS_PER_PERSON_TIME[per]
    person_time = _person_time(process, code, len(groups)) * scale
    lower, upper = garwood(n_events, conf_level=conf_level)
    table = pl.DataFrame(
        {
            "group": groups,
            "n": [int(np.unique(process.subject[code == place]).size) for place in range(len(groups))],
            "n_events": n_events,
            "person_time": person_time,
            "rate": n_events / person_time,
            "lower": lower / person_time,
            "upper": upper / person_time,
        }
    )
    return IncidenceRate(
        table=table,
        ratios=_ratios(table, _reference_place(groups, reference, by), conf_level),
        n=process.n_subjects,
        n_events=int(n_events.sum()),
        n_missing=process.n_missing,
        per=per,
        interval_type="garwood",
        ratio_interval_type="exact conditional",
        conf_level=conf_level,
        time_unit=time_unit,
    )


def garwood(n_events: Integers, *, conf_level: float) -> tuple[Floats, Floats]:
    """Exact limits of the mean of a Poisson count.

    Parameters
    ----------
    n_events : ndarray of int64
        Counts.
    conf_level : float
        At least this coverage.

    Returns
    -------
    lower, upper : ndarray of float64
        The lower limit of no events is 0.

    Examples
    --------
    >>> low, high = garwood(np.array([0, 10]), conf_level=0.95)
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 4.7954], [3.6889, 18.3904])
    """
    from scipy.special import gammaincinv

    tail = (1 - conf_level) / 2
    lower = np.where(n_events > 0, gammaincinv(np.maximum(n_events, 1), tail), 0.0)
    upper: Floats = gammaincinv(n_events + 1, 1 - tail)
    return lower, upper


def _person_time(process: CountingProcess, code: Integers, n_groups: int) -> Floats:
    """Sum the time of each group, rounded once, so that the order of the rows is nothing."""
    spans = [(process.stop[code == place], process.start[code == place]) for place in range(n_groups)]
    return np.array([fsum(stop.tolist() + (-start).tolist()) for stop, start in spans])


def _reference_place(groups: list[Label], reference: Label | None, by: str | None) -> int:
    if reference is None:
        return 0
    if by is None:
        raise InputError(f"reference={reference!r} is given and no groups", next_step="name their column as `by`")
    if reference not in groups:
        raise InputError(
            f"reference={reference!r} is not a group of column {by}",
            next_step=f"use one of {', '.join(map(repr, groups))}",
        )
    return groups.index(reference)


def _ratios(table: pl.DataFrame, place: int, conf_level: float) -> pl.DataFrame:
    base = table.row(place, named=True)
    found = []
    for row in table.iter_rows(named=True):
        if row["group"] == base["group"]:
            continue
        times = (row["person_time"], base["person_time"])
        found.append(
            (row["group"], base["group"], *rate_ratio(row["n_events"], base["n_events"], *times, conf_level=conf_level))
        )
    kind = table.schema["group"]
    names = ("rate_ratio", "lower", "upper", "p_value")
    schema: dict[str, pl.DataType | type[pl.DataType]] = {"group": kind, "reference": kind}
    schema |= dict.fromkeys(names, pl.Float64)
    return pl.DataFrame(found, schema=schema, orient="row")


def rate_ratio(
    x1: int, x0: int, time1: float, time0: float, *, conf_level: float
) -> tuple[float | None, float | None, float | None, float | None]:
    """Ratio of two Poisson rates: estimate, exact limits, two-sided P.

    Given their sum the first count is binomial, with odds of ratio x time1 / time0.

    Parameters
    ----------
    x1, x0 : int
        Events.
    time1, time0 : float
        Person-time.
    conf_level : float
        At least this coverage.

    Returns
    -------
    tuple of float or None
        Ratio, lower, upper, P; None without events.

    Examples
    --------
    >>> [round(value, 4) for value in rate_ratio(11, 23, 800.0, 3011.0, conf_level=0.95)]
    [1.8001, 0.7922, 3.8439, 0.1366]
    """
    n = x1 + x0
    if n == 0:
        return None, None, None, None
    low, high = clopper_pearson(np.array([float(x1)]), np.array([float(n)]), conf_level=conf_level)
    lower, upper = (float(share / (1 - share)) * time0 / time1 if share < 1 else inf for share in (low[0], high[0]))
    ratio = (x1 / time1) / (x0 / time0) if x0 else inf
    return ratio, lower, upper, binomial_family(n).p_value(x1, log(time1 / time0))
