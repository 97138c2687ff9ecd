"""Cumulative incidence with competing risks (Aalen-Johansen)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.analyses.cumulative_incidence import IncidenceConfType
from blinreg.analyses.plans.figure import curve_axes, figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.kaplan_meier import labelled
from blinreg.analyses.plans.methods.survival_options import (
    CurveOptions,
    endpoint_words,
    integer_column,
    interval_header,
    sentence_case,
    text_column,
    time_column,
)
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task, TaskRows
from blinreg.analyses.wording import share_interval, time_point


@dataclass(frozen=True, slots=True, kw_only=True)
class CumulativeIncidenceOptions(CurveOptions):
    """Options of cumulative incidence.

    Attributes
    ----------
    group : str
        Variable with the groups, known at the origin; empty for one.
    cause_labels : tuple of str
        Words for the event and the competing event.
    conf_type : {"log-log", "plain"}
    """

    group: str = option(Role.VARIABLE, default="", use="groups by")
    cause_labels: tuple[str, ...] = option(default=("event", "competing event"), length=2)
    conf_type: IncidenceConfType = "log-log"

    @property
    def what(self) -> str:
        """Name what is waited for."""
        return endpoint_words(self.endpoint)


def _run(options: CumulativeIncidenceOptions, task: Task) -> Outcome:
    data = task.follow_up(
        options.endpoint,
        fixed=[options.group] if options.group else [],
        landmark=options.landmark,
        missing=options.missing,
        competing=True,
    )
    return present(options, task, data)


def present(options: CumulativeIncidenceOptions, task: Task, data: TaskRows) -> Outcome:
    """Estimate and show the incidence of events coded 1 and competing events coded 2."""
    from blinreg.analyses import cumulative_incidence
    from blinreg.analyses.plotting.curves import plot_cumulative_incidence

    found = cumulative_incidence(
        data.frame, by=options.group or None, conf_type=options.conf_type, conf_level=options.conf_level
    )
    causes = dict(enumerate(options.cause_labels, start=1))
    in_figure = for_figure(causes)
    groups = _group_words(found.table["group"], options, task)
    axes = plot_cumulative_incidence(
        found,
        curve_axes(in_figure.values()),
        labels=for_figure(groups),
        cause_labels=in_figure,
        axis_unit="months",
        until=options.until_months,
        note=task.mark,
    )
    at = _named(found.at(options.times_days), causes, groups)
    return Outcome(
        tables=(
            ResultTable(
                title="Cumulative incidence at fixed times",
                frame=at,
                shown=(
                    *((text_column(task.plan.label(options.group), "label"),) if options.group else ()),
                    text_column("Event", "cause"),
                    time_column(),
                    integer_column("At risk", "n_at_risk"),
                    Shown(
                        header=interval_header("Incidence, %", options.conf_level),
                        kind=Kind.SHARE_INTERVAL,
                        columns=("cumulative_incidence", "lower", "upper"),
                    ),
                ),
            ),
            ResultTable(part="curve", title="Every step", frame=_named(found.table, causes, groups)),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=f"Cumulative incidence curves: {options.what}, with numbers at risk",
                figure=figure_of(axes),
            ),
        ),
        conventions={
            "estimator": "Aalen-Johansen",
            "interval": f"{options.conf_type}, {100 * options.conf_level:g}%, Greenwood-type variance",
        },
    )


def _group_words(groups: pl.Series, options: CumulativeIncidenceOptions, task: Task) -> dict[Any, str]:
    plan = task.plan
    if not options.group:
        return dict.fromkeys(groups, plan.population_title(options.population))
    return {group: plan.say(options.group, str(group)) for group in groups.unique(maintain_order=True)}


def _named(frame: pl.DataFrame, causes: Mapping[int, str], groups: Mapping[Any, str]) -> pl.DataFrame:
    words = {cause: causes.get(cause, f"cause {cause}") for cause in frame["cause"].unique().sort()}
    return labelled(frame, groups).with_columns(pl.col("cause").replace_strict(words, return_dtype=pl.String))


def summarise(options: CumulativeIncidenceOptions, tables: Tables) -> str:
    """Read the incidences at the last of the times asked for."""
    last = tables[""].filter(pl.col("time") == tables[""]["time"].max())
    parts = [
        f"{row['cause']} {share_interval(row['cumulative_incidence'], row['lower'], row['upper'])}"
        for row in last.iter_rows(named=True)
    ]
    return (
        f"{sentence_case(options.what)}: at {time_point(last['time'][0])}, in percent "
        f"({100 * options.conf_level:g}% CI), {', '.join(parts)}."
    )


CUMULATIVE_INCIDENCE = Method(
    name="cumulative_incidence",
    options=CumulativeIncidenceOptions,
    clock=Clock.ENDPOINT,
    run=_run,
    summarise=summarise,
)
