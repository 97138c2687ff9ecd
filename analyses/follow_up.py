"""How long people were followed: by the reverse Kaplan-Meier method, or among survivors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Integers, Missing, Rows
from blinreg.analyses.intervals import ConfType, check_interval
from blinreg.analyses.observation import ObservedRows, observed_rows
from blinreg.analyses.row_sequence import row_sequence
from blinreg.analyses.survival_curves import SurvivalCurves, survival_curves
from blinreg.schemas.errors import InputError

FollowUpMethod = Literal["reverse_kaplan_meier", "survivors"]

_IN_WORDS: dict[FollowUpMethod, str] = {
    "reverse_kaplan_meier": "median potential follow-up by the reverse Kaplan-Meier method",
    "survivors": "median of the time observed in those without the event",
}


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """The length of follow-up.

    Attributes
    ----------
    table : polars.DataFrame
        group, n, n_events, n_followed (without the event), median, lower, upper,
        shortest, longest. The range is of those without the event: the event cuts
        short what is seen of the others.
    method, estimator : str
        The method asked for, and in words what the median is.
    n, n_events, n_missing : int
    ties : str
        What comes first at one time: the end of follow-up, which is what is estimated.
    conf_type, conf_level, time_unit
        Of the limits of the median (Brookmeyer-Crowley), and what times count.
    landmark : float
        0 for none. Times are counted from the origin.
    curves : SurvivalCurves
        Share still followed over time, with `.quantile` and `.plot`.
    """

    table: pl.DataFrame
    method: FollowUpMethod
    estimator: str
    n: int
    n_events: int
    n_missing: int
    ties: str
    conf_type: ConfType
    conf_level: float
    time_unit: str
    landmark: float
    curves: SurvivalCurves


def follow_up(
    rows: Rows,
    *,
    method: FollowUpMethod = "reverse_kaplan_meier",
    by: str | None = None,
    landmark: float | None = None,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    conf_type: ConfType = "log-log",
    conf_level: float = 0.95,
    missing: Missing = "refuse",
    time_unit: str = "days",
) -> FollowUp:
    """Estimate how long people were, or would have been, followed.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation; rows are (start, stop].
    method : {"reverse_kaplan_meier", "survivors"}
        The potential follow-up had nobody had the event: the end of follow-up is what is
        waited for, and the event censors. Or the observed time of those without the event,
        which leaves out the others and depends on how many they are.
    by : str, optional
        Column of the groups; each subject's follow-up ends in the group of its last row.
    landmark : float, optional
        Only those under observation after it; times stay counted from the origin.
    event : str
        0 censored, otherwise the event (any cause).
    id, start, stop, conf_type, conf_level, missing, time_unit
        See `blinreg.analyses.kaplan_meier`.

    Returns
    -------
    FollowUp

    Raises
    ------
    InputError
        The rows break a rule, the method is unknown, or nobody is without the event.

    Notes
    -----
    Schemper and Smith, Controlled Clinical Trials 1996;17:343-346. R: ``survfit(Surv(start, stop, 1 - event) ~
    by)`` on the last rows; among survivors ``survfit(Surv(stop, rep(1, n)) ~ by)``, whose median is
    the ordinary one. Event and end of follow-up on one day: the event comes second here, it
    censors. A pause between two rows of a subject is not an end of follow-up.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4], "days": [10, 20, 30, 40], "event": [1, 0, 0, 0]})
    >>> follow_up(rows, start=None, stop="days").table.select("n", "n_followed", "median", "shortest").rows()
    [(4, 3, 30.0, 20.0)]
    """
    check_interval(conf_type, conf_level)
    if method not in get_args(FollowUpMethod):
        raise InputError(f"method={method!r} is unknown", next_step=f"use one of {', '.join(get_args(FollowUpMethod))}")
    seen = observed_rows(
        rows,
        by=by,
        id=id,
        start=start,
        stop=stop,
        event=event,
        missing=missing,
        landmark=landmark,
        causes=True,
    )
    last = _last_rows(seen)
    had_event = seen.process.event[last] != 0
    if had_event.all():
        raise InputError(
            f"all {had_event.size} subjects have the event: nobody's follow-up was observed to its end",
            next_step="report the times to the event instead",
        )
    followed = last[~had_event]
    ending = _until_censored(seen, followed) if method == "reverse_kaplan_meier" else _survivors(seen, followed)
    curves = survival_curves(
        ending.sum(),
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        landmark=landmark or 0.0,
        n_missing=seen.process.n_missing,
        ties="ends of follow-up before events",
    )
    return FollowUp(
        table=_table(seen, last, curves),
        method=method,
        estimator=_IN_WORDS[method],
        n=last.size,
        n_events=int(had_event.sum()),
        n_missing=seen.process.n_missing,
        ties=curves.ties,
        conf_type=conf_type,
        conf_level=conf_level,
        time_unit=time_unit,
        landmark=landmark or 0.0,
        curves=curves,
    )


def _last_rows(seen: ObservedRows) -> Integers:
    """Number the last row of each subject."""
    sequence = row_sequence(seen.process.subject, seen.process.start, seen.process.stop)
    places = np.flatnonzero(sequence.is_last())
    return places if sequence.order is None else sequence.order[places]


def _until_censored(seen: ObservedRows, followed: Integers) -> ObservedRows:
    """Make the end of follow-up the event; everything else that ends a row censors."""
    event = np.zeros_like(seen.process.event)
    event[followed] = 1
    return replace(seen, process=replace(seen.process, event=event))


def _survivors(seen: ObservedRows, followed: Integers) -> ObservedRows:
    """Make one row a survivor, all from one early start: the curve is then the plain distribution."""
    stop = seen.process.stop[followed]
    process = replace(
        seen.process,
        subject=np.arange(followed.size, dtype=np.int64),
        start=np.full(followed.size, min(0.0, float(stop.min()) - 1)),
        stop=stop,
        event=np.ones(followed.size, dtype=np.int64),
        n_subjects=followed.size,
    )
    return replace(seen, process=process, group=seen.group[followed], stratum=seen.stratum[followed])


def _table(seen: ObservedRows, last: Integers, curves: SurvivalCurves) -> pl.DataFrame:
    rows = []
    for index, (label, median) in enumerate(zip(seen.groups, curves.median.iter_rows(named=True), strict=True)):
        of_group = last[seen.group[last] == index]
        times = seen.process.stop[of_group[seen.process.event[of_group] == 0]]
        rows.append(
            {
                "group": label,
                "n": of_group.size,
                "n_events": of_group.size - times.size,
                "n_followed": times.size,
                **{name: median[name] for name in ("median", "lower", "upper")},
                "shortest": float(times.min()) if times.size else None,
                "longest": float(times.max()) if times.size else None,
            }
        )
    return pl.DataFrame(
        rows, schema_overrides=dict.fromkeys(("median", "lower", "upper", "shortest", "longest"), pl.Float64)
    )
