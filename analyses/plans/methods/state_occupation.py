"""State occupation over time: who is in response, transplanted, in relapse or dead."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.figure import curve_axes, figure_of
from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import interval_header, text_column, time_column
from blinreg.analyses.plans.options import option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.state_rows import COURSES_SQL, FOLLOWS, STATES, courses
from blinreg.analyses.plans.task import Task
from blinreg.analyses.wording import DAYS_PER_MONTH, percent, time_point

STATE_LABELS = ("no response yet", "in response", "transplanted", "relapse or progression", "dead")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateOccupationOptions(Options):
    """Options of state occupation from the first dose.

    Attributes
    ----------
    times_months : tuple of float
        Times at which the probabilities are read off.
    until_months : float, optional
        End of the axis of the figure.
    state_labels : tuple of str
        Words for: treated, response, transplant, relapse, death.
    conf_level : float
    """

    times_months: tuple[float, ...] = option(default=(3.0, 6.0, 12.0, 24.0), minimum=0)
    until_months: float | None = option(default=None, minimum=1)
    state_labels: tuple[str, ...] = option(default=STATE_LABELS, length=5)
    conf_level: float = option(default=0.95, minimum=0.5, maximum=0.999)


def _run(options: StateOccupationOptions, task: Task) -> Outcome:
    from blinreg.analyses import multistate

    found_courses = courses(task)
    found = multistate(
        found_courses.rows, from_state=None, states=STATES, initial=STATES[0], conf_level=options.conf_level
    )
    labels = dict(zip(STATES, options.state_labels, strict=True))
    axes = found.plot(
        curve_axes(labels.values()),
        labels=labels,
        axis_unit="months",
        until=options.until_months,
        note=task.mark,
    )
    at = found.at([month * DAYS_PER_MONTH for month in options.times_months])
    return Outcome(
        tables=(
            ResultTable(
                title="Probability of being in each state",
                frame=_labelled(at, labels, "state"),
                shown=(
                    text_column("State", "label"),
                    time_column(),
                    Shown(
                        header=interval_header("Probability, %", options.conf_level),
                        kind=Kind.SHARE_INTERVAL,
                        columns=("probability", "lower", "upper"),
                    ),
                ),
                note="A transplant after relapse is no state of its own: the patient stays in relapse.",
            ),
            ResultTable(part="curve", title="Every step", frame=_labelled(found.table, labels, "state")),
            ResultTable(
                part="transitions",
                title="Changes of state",
                frame=_labelled(found.transitions.filter(pl.col("n") > 0), labels, "from_state", "to_state"),
                shown=(
                    text_column("From", "label"),
                    text_column("To", "to_label"),
                    Shown(header="Patients", kind=Kind.INTEGER, columns=("n",)),
                ),
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=found_courses.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=(
                    "Stacked areas: the probability of each state over time from the first dose, with the number "
                    "under observation in each"
                ),
                figure=figure_of(axes),
            ),
        ),
        conventions={
            "estimator": "Aalen-Johansen",
            "interval": f"{found.conf_type}, {100 * options.conf_level:g}%, infinitesimal jackknife",
        },
    )


def _labelled(frame: pl.DataFrame, labels: dict[str, str], column: str, other: str = "") -> pl.DataFrame:
    named = frame.with_columns(pl.col(column).replace_strict(labels, return_dtype=pl.String).alias("label"))
    if not other:
        return named
    return named.with_columns(pl.col(other).replace_strict(labels, return_dtype=pl.String).alias("to_label"))


def _summarise(options: StateOccupationOptions, tables: Tables) -> str:
    """Read the last time at which somebody is still followed."""
    table = tables[""].filter(pl.col("probability").is_not_null())
    if not table.height:
        return "Nobody is followed to the times asked for."
    last = table.filter(pl.col("time") == table["time"].max())
    parts = [f"{row['label']} {percent(row['probability'])}%" for row in last.iter_rows(named=True)]
    return f"{time_point(last['time'][0])} after the first dose: {', '.join(parts)}."


def _rows_sql(_options: Options) -> str:
    return COURSES_SQL


STATE_OCCUPATION = Method(
    name="state_occupation",
    options=StateOccupationOptions,
    clock=Clock.INDEX,
    run=_run,
    summarise=_summarise,
    follows=FOLLOWS,
    rows_sql=_rows_sql,
)
