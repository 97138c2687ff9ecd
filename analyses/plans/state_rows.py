"""The course of each patient through the states of the study, from the first dose to the end of follow-up."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.selection import Attrition
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.values import INDEX

#: Endpoint to whose end the courses go.
FOLLOWS = "os"
#: In the order in which they can follow one another; each may be left out.
TREATED, RESPONSE, TRANSPLANT, RELAPSE, DEATH = STATES = ("treated", "response", "transplant", "relapse", "death")
RANK_OF = {state: rank for rank, state in enumerate(STATES)}
#: Reasons of event-free survival that are a state of their own.
_RELAPSES = ("relapse", "progression")
#: An event on day 0 counts half a day later, as in the endpoints.
_FIRST_DAY = 0.5

#: The entries of `courses` as SQL, from the rows of overall survival.
COURSES_SQL = f"""
select patient_id, state, day
from (
    select
        entered.patient_id,
        entered.state,
        entered.day,
        min(entered.day) over (
            partition by entered.patient_id
            order by entered.state_rank
            rows between 1 following and unbounded following
        ) as later_day
    from (
        select patient_id, {RANK_OF[RESPONSE]} as state_rank, '{RESPONSE}' as state,
            greatest(date_diff('day', index_date, response_date), {_FIRST_DAY}) as day
        from analysis.response
        where is_responder = 1 and response_date is not null
        union all
        select patient_id, {RANK_OF[TRANSPLANT]}, '{TRANSPLANT}', greatest(exposure_days, {_FIRST_DAY})
        from analysis.exposure
        where exposure = 'allo_hct' and origin = '{INDEX}' and ever = 1
        union all
        select patient_id, {RANK_OF[RELAPSE]}, '{RELAPSE}', greatest(time_days, {_FIRST_DAY})
        from analysis.endpoint
        where endpoint = 'efs' and event = 1 and reason in {_RELAPSES}
        union all
        select patient_id, {RANK_OF[DEATH]}, '{DEATH}', tstop
        from analysed
        where event = 1
    ) as entered
    inner join analysed on entered.patient_id = analysed.patient_id
    where entered.day <= analysed.tstop
) as in_time
where later_day is null or day < later_day
"""


@dataclass(frozen=True, slots=True, eq=False)
class Courses:
    """Courses of patients.

    Attributes
    ----------
    entries : polars.DataFrame
        ``patient_id, state, day``: a row a state entered after the first dose, in its order.
    ends : polars.DataFrame
        ``patient_id, end``: the last day of follow-up, one row a patient.
    attrition : Attrition
    """

    entries: pl.DataFrame
    ends: pl.DataFrame
    attrition: Attrition

    @property
    def rows(self) -> pl.DataFrame:
        """Rows ``patient_id, tstart, tstop, to_state``; the last of a patient may enter nothing."""
        last = self.entries.group_by("patient_id").agg(pl.col("day").max().alias("last"))
        open_ended = (
            self.ends.join(last, on="patient_id", how="left")
            .filter(pl.col("end") > pl.col("last").fill_null(0.0))
            .select("patient_id", pl.lit(None, dtype=pl.String).alias("state"), pl.col("end").alias("day"))
        )
        return (
            pl.concat([self.entries, open_ended])
            .sort("patient_id", "day")
            .select(
                "patient_id",
                pl.col("day").shift(1, fill_value=0.0).over("patient_id").alias("tstart"),
                pl.col("day").alias("tstop"),
                pl.col("state").alias("to_state"),
            )
        )


def courses(task: Task) -> Courses:
    """Follow the patients of an analysis through response, transplant, relapse or progression, and death.

    Parameters
    ----------
    task : Task
        Its population is followed from the first dose.

    Returns
    -------
    Courses
        A transplant after relapse is no state of its own: the patient stays in relapse. Of two states entered
        on one day the later in the order counts.
    """
    data = task.follow_up(FOLLOWS)
    ends = data.frame.select("patient_id", pl.col("tstop").alias("end"), "event")
    deaths = ends.filter(pl.col("event") == 1).select(
        "patient_id", pl.lit(DEATH).alias("state"), pl.col("end").alias("day")
    )
    found = pl.concat([_responses(task), _transplants(task), _relapses(task), deaths])
    in_time = (
        found.join(ends.drop("event"), on="patient_id", how="inner")
        .with_columns(pl.col("day").clip(lower_bound=_FIRST_DAY))
        .filter(pl.col("day") <= pl.col("end"))
        .with_columns(pl.col("state").replace_strict(RANK_OF, return_dtype=pl.Int64).alias("rank"))
        .sort("patient_id", "rank")
    )
    later = pl.col("day").cum_min(reverse=True).shift(-1).over("patient_id")
    entries = in_time.filter((pl.col("day") < later).fill_null(value=True)).select("patient_id", "state", "day")
    return Courses(entries, ends.drop("event"), data.attrition)


def _responses(task: Task) -> pl.DataFrame:
    return (
        task.views["response"]
        .filter((pl.col("is_responder") == 1) & pl.col("response_date").is_not_null())
        .select(
            "patient_id",
            pl.lit(RESPONSE).alias("state"),
            (pl.col("response_date") - pl.col("index_date")).dt.total_days().cast(pl.Float64).alias("day"),
        )
    )


def _transplants(task: Task) -> pl.DataFrame:
    rows = task.views.exposure("allo_hct", INDEX).filter(pl.col("ever") == 1)
    return rows.select("patient_id", pl.lit(TRANSPLANT).alias("state"), pl.col("exposure_days").alias("day"))


def _relapses(task: Task) -> pl.DataFrame:
    rows = task.views.endpoint("efs").filter((pl.col("event") == 1) & pl.col("reason").is_in(_RELAPSES))
    return rows.select("patient_id", pl.lit(RELAPSE).alias("state"), pl.col("time_days").alias("day"))
