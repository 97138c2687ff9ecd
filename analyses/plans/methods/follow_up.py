"""How long patients were followed: reverse Kaplan-Meier, and among those without the event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from blinreg.analyses.follow_up import FollowUpMethod
from blinreg.analyses.intervals import ConfType
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.survival_options import (
    SurvivalOptions,
    integer_column,
    interval_header,
    text_column,
)
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.wording import months, months_interval

REVERSE: Final = "reverse_kaplan_meier"
SURVIVORS: Final = "survivors"
_METHODS: tuple[FollowUpMethod, ...] = (REVERSE, SURVIVORS)
_WORDS = {REVERSE: "reverse Kaplan-Meier", SURVIVORS: "among those without the event"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpOptions(SurvivalOptions):
    """Options of the length of follow-up.

    Attributes
    ----------
    group : str
        Variable whose levels are shown below all patients; empty for none.
    conf_type : {"log-log", "log", "plain"}
    """

    group: str = option(Role.VARIABLE, default="", use="groups by")
    conf_type: ConfType = "log-log"


def _run(options: FollowUpOptions, task: Task) -> Outcome:
    fixed = [options.group] if options.group else []
    data = task.follow_up(options.endpoint, fixed=fixed, landmark=options.landmark, missing=options.missing)
    table = pl.concat([_lengths(data.frame, options, task, by) for by in dict.fromkeys(("", options.group))])
    return Outcome(
        tables=(
            ResultTable(
                title="Length of follow-up",
                frame=table,
                shown=(
                    text_column("Patients", "label"),
                    text_column("Measured", "measured"),
                    integer_column("n", "n"),
                    integer_column("Without the event", "n_followed"),
                    Shown(
                        header=interval_header("Median, months", options.conf_level),
                        kind=Kind.MONTHS_INTERVAL,
                        columns=("median", "lower", "upper"),
                    ),
                    Shown(header="Shortest, months", kind=Kind.MONTHS, columns=("shortest",)),
                    Shown(header="Longest, months", kind=Kind.MONTHS, columns=("longest",)),
                ),
                note=(
                    "Reverse Kaplan-Meier: the follow-up patients would have had without the event. Among those "
                    "without the event: what was observed of them; it depends on how many had the event."
                ),
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        conventions={"median interval": f"Brookmeyer and Crowley, {options.conf_type}, {100 * options.conf_level:g}%"},
    )


def _lengths(frame: pl.DataFrame, options: FollowUpOptions, task: Task, by: str) -> pl.DataFrame:
    """Both measures, of all patients or a row a group."""
    from blinreg.analyses import follow_up

    parts = []
    for method in _METHODS:
        found = follow_up(
            frame,
            method=method,
            by=by or None,
            conf_type=options.conf_type,
            conf_level=options.conf_level,
            landmark=options.landmark,
        ).table
        group = pl.col("group").cast(pl.String) if by else pl.lit("all")
        parts.append(found.with_columns(group.alias("group"), pl.lit(method).alias("method")))
    table = pl.concat(parts)
    everybody = task.plan.population_title(options.population)
    labels = [task.plan.say(by, group) if by else everybody for group in table["group"]]
    measured = pl.col("method").replace_strict(_WORDS, return_dtype=pl.String).alias("measured")
    return table.select("group", pl.Series("label", labels), "method", measured, pl.exclude("group", "method"))


def _summarise(options: FollowUpOptions, tables: Tables) -> str:
    reverse, survivors = (
        tables[""].filter((pl.col("method") == method) & (pl.col("group") == "all")).row(0, named=True)
        for method in (REVERSE, SURVIVORS)
    )
    return (
        f"Median follow-up {months_interval(reverse['median'], reverse['lower'], reverse['upper'])} months by the "
        f"reverse Kaplan-Meier method ({100 * options.conf_level:g}% CI); {months(survivors['median'])} months among "
        f"the {survivors['n_followed']} patients without the event."
    )


FOLLOW_UP = Method(name="follow_up", options=FollowUpOptions, clock=Clock.ENDPOINT, run=_run, summarise=_summarise)
