"""Kaplan-Meier curves with medians, rates at given times and, for groups, the log-rank test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.analyses.intervals import ConfType
from blinreg.analyses.plans.figure import curve_axes, figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.survival_options import (
    CurveOptions,
    endpoint_words,
    integer_column,
    interval_header,
    p_column,
    sentence_case,
    text_column,
    time_column,
)
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import MAIN, Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.wording import months_interval, p_value


@dataclass(frozen=True, slots=True, kw_only=True)
class KaplanMeierOptions(CurveOptions):
    """Options of Kaplan-Meier curves.

    Attributes
    ----------
    group : str
        Variable with the groups, known at the origin; empty for one curve.
    strata : tuple of str
        Strata of the log-rank test.
    conf_type : {"log-log", "log", "plain"}
    """

    group: str = option(Role.VARIABLE, default="", use="groups by")
    strata: tuple[str, ...] = option(Role.VARIABLE, default=(), use="stratifies by")
    conf_type: ConfType = "log-log"


def _run(options: KaplanMeierOptions, task: Task) -> Outcome:
    from blinreg.analyses import kaplan_meier, log_rank
    from blinreg.analyses.plotting.curves import plot_survival

    fixed = [name for name in (options.group, *options.strata) if name]
    data = task.follow_up(options.endpoint, fixed=fixed, landmark=options.landmark, missing=options.missing)
    by = options.group or None
    curves = kaplan_meier(data.frame, by=by, conf_type=options.conf_type, conf_level=options.conf_level)
    labels = _labels(curves.median["group"], options, task)
    tables = [
        _median_table(labelled(curves.median, labels), options, task),
        rates_table(labelled(curves.at(options.times_days), labels), options.conf_level, header=_header(options, task)),
        ResultTable(part="curve", title="Every step of the curve", frame=labelled(curves.table, labels)),
    ]
    annotation = None
    if by is not None:
        test = log_rank(data.frame, by, strata=options.strata)
        annotation = f"Log-rank {p_value(test.p_value, sign=True)}"
        tables.append(_test_table(labelled(test.table, labels), test.chi_squared, test.df, test.p_value))
    in_figure = for_figure(labels)
    axes = plot_survival(
        curves,
        curve_axes(in_figure.values() if by else ()),
        labels=in_figure,
        axis_unit="months",
        until=options.until_months,
        y_label=sentence_case(endpoint_words(options.endpoint).split(" from ")[0]),
        annotation=annotation,
        note=task.mark,
    )
    tables.append(ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table))
    return Outcome(
        tables=tuple(tables),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=f"Kaplan-Meier curves of {endpoint_words(options.endpoint)}, with numbers at risk",
                figure=figure_of(axes),
            ),
        ),
        conventions={
            "interval": f"{options.conf_type}, {100 * options.conf_level:g}%",
            "median interval": "Brookmeyer and Crowley",
            "time": "days in the files, months of 30.4375 days in the report",
        },
        notes=curves.notes,
    )


def rates_table(at: pl.DataFrame, conf_level: float, *, header: str) -> ResultTable:
    """Show curves read off at given times."""
    return ResultTable(
        part="at",
        title="Survival at fixed times",
        frame=at,
        shown=(
            text_column(header, "label"),
            time_column(),
            integer_column("At risk", "n_at_risk"),
            Shown(
                header=interval_header("Survival, %", conf_level),
                kind=Kind.SHARE_INTERVAL,
                columns=("survival", "lower", "upper"),
            ),
        ),
    )


def _median_table(median: pl.DataFrame, options: KaplanMeierOptions, task: Task) -> ResultTable:
    limits = median.select("median", "lower", "upper")
    return ResultTable(
        title="Median",
        frame=median,
        shown=(
            text_column(_header(options, task), "label"),
            integer_column("Patients", "n"),
            integer_column("Events", "n_events"),
            Shown(
                header=interval_header("Median, months", options.conf_level),
                kind=Kind.MONTHS_INTERVAL,
                columns=("median", "lower", "upper"),
            ),
        ),
        note="NR: not reached." if any(None in row for row in limits.rows()) else "",
    )


def _test_table(groups: pl.DataFrame, chi_squared: float | None, df: int, p: float | None) -> ResultTable:
    frame = groups.with_columns(
        pl.lit(chi_squared, dtype=pl.Float64).alias("chi_squared"),
        pl.lit(df).alias("df"),
        pl.lit(p, dtype=pl.Float64).alias("p_value"),
    )
    return ResultTable(
        part="test",
        title="Log-rank test",
        frame=frame,
        shown=(
            text_column("Group", "label"),
            integer_column("Observed", "observed"),
            Shown(header="Expected", kind=Kind.NUMBER, columns=("expected",)),
            p_column(once=True),
        ),
    )


def labelled(frame: pl.DataFrame, labels: Mapping[Any, str], *, column: str = "group") -> pl.DataFrame:
    """Write groups as text, with words for them in a column ``label`` beside."""
    words = {str(group): label for group, label in labels.items()}
    group = pl.col(column).cast(pl.String)
    rest = [name for name in frame.columns if name != column]
    return frame.select(group, group.replace_strict(words, return_dtype=pl.String).alias("label"), *rest)


def _labels(groups: pl.Series, options: KaplanMeierOptions, task: Task) -> dict[Any, str]:
    if not options.group:
        return {group: task.plan.population_title(options.population) for group in groups}
    return {group: task.plan.say(options.group, str(group)) for group in groups}


def _header(options: KaplanMeierOptions, task: Task) -> str:
    return task.plan.label(options.group) if options.group else "Population"


def _summarise(options: KaplanMeierOptions, tables: Tables) -> str:
    parts = []
    for row in tables[""].iter_rows(named=True):
        name = "" if len(tables[""]) == 1 else f"{row['label']} "
        median = months_interval(row["median"], row["lower"], row["upper"])
        parts.append(f"{name}{median} months, {row['n_events']} events in {row['n']} patients")
    test = f"; log-rank {p_value(tables['test']['p_value'][0], sign=True)}" if "test" in tables else ""
    level = f"{100 * options.conf_level:g}% CI"
    return f"Median {endpoint_words(options.endpoint)} ({level}): {'; '.join(parts)}{test}."


KAPLAN_MEIER = Method(
    name="kaplan_meier",
    options=KaplanMeierOptions,
    clock=Clock.ENDPOINT,
    run=_run,
    summarise=_summarise,
    compared=(MAIN, "at"),
)
