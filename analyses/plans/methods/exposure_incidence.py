"""Cumulative incidence of an exposure after an origin, such as graft-versus-host disease after transplant."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.methods.base import Clock, Method
from blinreg.analyses.plans.methods.cumulative_incidence import CumulativeIncidenceOptions, present, summarise
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Outcome
from blinreg.analyses.plans.task import COMPETING, Task, TaskRows, endpoint_origin
from blinreg.analyses.plans.vocabulary import exposures


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureIncidenceOptions(CumulativeIncidenceOptions):
    """Options of the incidence of an exposure.

    Attributes
    ----------
    exposure : str
        What is waited for, counted from the origin of the endpoint.
    endpoint : str
        Its event competes, its end of follow-up censors.
    """

    exposure: str = option(Role.EXPOSURE, use="waits for")

    @property
    def what(self) -> str:
        """Name what is waited for, and from when."""
        return exposures()[self.exposure].removesuffix(" after the origin")


def _run(options: ExposureIncidenceOptions, task: Task) -> Outcome:
    data = task.follow_up(
        options.endpoint,
        fixed=[options.group] if options.group else [],
        landmark=options.landmark,
        missing=options.missing,
    )
    origin = endpoint_origin(task.views, options.endpoint)
    rows = first_of(data.frame, _days(task, options.exposure, origin))
    attrition = data.attrition
    if (data.frame["tstart"] > 0).any():
        attrition.keep("Not yet exposed on coming under observation", rows.height, "exposed by then")
    return present(options, task, TaskRows(rows, attrition))


def _days(task: Task, exposure: str, origin: str) -> pl.DataFrame:
    return task.views.exposure(exposure, origin).select("patient_id", "exposure_days")


def first_of(rows: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """End each patient's row at the exposure, if it came by the end; else the event competes.

    Who comes under observation after the origin (landmark, delayed entry) and is exposed by then is left out: what
    is waited for has happened, and was not seen to happen.

    Parameters
    ----------
    rows : polars.DataFrame
        ``patient_id, tstart, tstop, event``, one row a patient.
    days : polars.DataFrame
        ``patient_id, exposure_days``; null where it never began.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": ["a", "b"], "tstart": [0.0, 0.0], "tstop": [90.0, 40.0], "event": [1, 1]})
    >>> days = pl.DataFrame({"patient_id": ["a", "b"], "exposure_days": [30.0, None]})
    >>> first_of(rows, days).select("tstop", "event").rows()
    [(30.0, 1), (40.0, 2)]
    """
    # An exposure on day 0 counts half a day later, as events of the endpoints do.
    day = pl.col("exposure_days").clip(lower_bound=0.5)
    exposed = (day <= pl.col("tstop")).fill_null(value=False)
    return (
        rows.join(days, on="patient_id", how="left", maintain_order="left")
        .filter((day > pl.col("tstart")).fill_null(value=True))
        .with_columns(
            pl.when(exposed).then(day).otherwise(pl.col("tstop")).alias("tstop"),
            pl.when(exposed).then(1).when(pl.col("event") == 1).then(COMPETING).otherwise(0).alias("event"),
        )
        .drop("exposure_days")
    )


def _rows_sql(options: ExposureIncidenceOptions) -> str:
    return f"""
select
    analysed.* replace (
        case when began.day <= analysed.tstop then began.day else analysed.tstop end as tstop,
        case when began.day <= analysed.tstop then 1 when analysed.event = 1 then {COMPETING} else 0 end as event
    )
from analysed
left join (
    select patient_id, greatest(exposure_days, 0.5) as day
    from analysis.exposure
    where exposure = '{options.exposure}' and origin = (select origin from clock) and exposure_days is not null
) as began on analysed.patient_id = began.patient_id
"""


EXPOSURE_INCIDENCE = Method(
    name="exposure_incidence",
    options=ExposureIncidenceOptions,
    clock=Clock.ENDPOINT,
    run=_run,
    summarise=summarise,
    rows_sql=_rows_sql,
)
