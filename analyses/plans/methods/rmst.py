"""Restricted mean survival time: the mean time lived without the event up to a day, and its difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.analyses.plans.figure import curve_axes, figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.kaplan_meier import labelled
from blinreg.analyses.plans.methods.survival_options import (
    SurvivalOptions,
    endpoint_words,
    integer_column,
    interval_header,
    p_column,
    sentence_case,
    text_column,
)
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.wording import DAYS_PER_MONTH, difference_interval, p_value


@dataclass(frozen=True, slots=True, kw_only=True)
class RmstOptions(SurvivalOptions):
    """Options of restricted mean survival times.

    Attributes
    ----------
    group : str
        Variable with the groups, known at the origin, or an exposure frozen at the landmark.
    tau_months : float
        End of the time that counts, from the origin (not from the landmark).
    """

    group: str = option(Role.VARIABLE, use="groups by")
    tau_months: float = option(minimum=1)

    @property
    def tau_days(self) -> float:
        """The end in days."""
        return self.tau_months * DAYS_PER_MONTH


def _run(options: RmstOptions, task: Task) -> Outcome:
    from blinreg.analyses import rmst

    data = task.follow_up(options.endpoint, fixed=[options.group], landmark=options.landmark, missing=options.missing)
    found = rmst(
        data.frame, tau=options.tau_days, by=options.group, landmark=options.landmark, conf_level=options.conf_level
    )
    labels = {group: task.plan.say(options.group, str(group)) for group in found.table["group"]}
    axes = found.plot(
        curve_axes(labels.values()),
        labels=for_figure(labels),
        axis_unit="months",
        y_label=sentence_case(endpoint_words(options.endpoint).split(" from ")[0]),
        annotation=_annotation(found.contrasts),
        note=task.mark,
    )
    since = "landmark" if options.landmark else "origin"
    return Outcome(
        tables=(
            _differences(found.contrasts, labels, options),
            ResultTable(
                part="means",
                title=f"Mean months without the event, from the {since} to month {options.tau_months:g}",
                frame=labelled(found.table, labels),
                shown=(
                    text_column(task.plan.label(options.group), "label"),
                    integer_column("Patients", "n"),
                    integer_column("Events until then", "n_events"),
                    Shown(
                        header=interval_header("Mean, months", options.conf_level),
                        kind=Kind.MONTHS_INTERVAL,
                        columns=("rmst", "lower", "upper"),
                    ),
                ),
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=(
                    f"Curves of {endpoint_words(options.endpoint)} to month {options.tau_months:g}, with numbers at "
                    "risk; the means are the areas under them"
                ),
                figure=figure_of(axes),
            ),
        ),
        conventions={
            "tau": f"{options.tau_months:g} months from the origin",
            "landmark": f"{options.landmark or 0:g} days",
            "interval": f"plain, {100 * options.conf_level:g}%",
        },
        notes=found.notes,
    )


def _differences(contrasts: pl.DataFrame, labels: Mapping[Any, str], options: RmstOptions) -> ResultTable:
    words = {str(group): label for group, label in labels.items()}
    spoken = pl.col("group", "reference").cast(pl.String)
    frame = contrasts.with_columns(spoken).with_columns(
        pl.format(
            "{} minus {}",
            pl.col("group").replace_strict(words, return_dtype=pl.String),
            pl.col("reference").replace_strict(words, return_dtype=pl.String),
        ).alias("label"),
        pl.lit(options.tau_months).alias("tau_months"),
        pl.Series("in_months", [_in_months(row) for row in contrasts.iter_rows(named=True)], dtype=pl.String),
    )
    return ResultTable(
        title="Difference of the means",
        frame=frame,
        shown=(
            text_column("Groups", "label"),
            text_column(interval_header("Difference, months", options.conf_level), "in_months"),
            p_column(),
        ),
        note="Months gained on average until the end of the time that counts; needs no proportional hazards.",
    )


def _in_months(row: Mapping[str, Any]) -> str:
    return difference_interval(row["difference"], row["lower"], row["upper"])


def _annotation(contrasts: pl.DataFrame) -> str | None:
    if contrasts.height != 1:
        return None
    row = contrasts.row(0, named=True)
    gained = difference_interval(row["difference"], None, None)
    return f"Difference of means {gained} months, {p_value(row['p_value'], sign=True)}"


def _summarise(options: RmstOptions, tables: Tables) -> str:
    parts = [
        f"{row['label']} {row['in_months']} months, {p_value(row['p_value'], sign=True)}"
        for row in tables[""].iter_rows(named=True)
    ]
    return (
        f"Difference of the mean time without the event until month {options.tau_months:g} "
        f"({100 * options.conf_level:g}% CI), {endpoint_words(options.endpoint)}: {'; '.join(parts)}."
    )


RMST = Method(name="rmst", options=RmstOptions, clock=Clock.ENDPOINT, run=_run, summarise=_summarise)
