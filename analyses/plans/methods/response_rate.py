"""Response rates with exact intervals: in all, by category of response, by subgroup."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import integer_column, interval_header, text_column
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.wording import percent
from blinreg.schemas.errors import AnalysisError


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseRateOptions(Options):
    """Options of response rates.

    Attributes
    ----------
    outcome : str
        0/1 variable; patients in whom it is not known count as non-responders.
    outcome_label : str
        What the outcome is called here, such as "MRD negativity"; by default the plan's label of the variable.
    categories : str
        Variable whose every level gets a rate of its own, such as CR with MRD negativity.
    subgroups : tuple of str
        Variables; each of their levels is a row. They must be known at the first dose.
    conf_level : float
    """

    # The outcome and its categories are what is counted, not something used early: no `use`.
    outcome: str = option(Role.VARIABLE, default="is_responder")
    outcome_label: str = option(default="")
    categories: str = option(Role.VARIABLE, default="")
    subgroups: tuple[str, ...] = option(Role.VARIABLE, default=(), use="groups by")
    conf_level: float = option(default=0.95, minimum=0.5, maximum=0.999)


def _run(options: ResponseRateOptions, task: Task) -> Outcome:
    names = [options.outcome, *options.subgroups, *([options.categories] if options.categories else [])]
    data = task.patients(names, words=True)
    frame = data.frame.with_columns(_is_yes(options.outcome).alias("__responded"))
    if not frame.height:
        raise AnalysisError(
            f"nobody is in population {options.population}", next_step="look at the conditions of the population"
        )
    label = options.outcome_label or task.plan.label(options.outcome)
    parts = [_rates(frame, "__responded", None, options, variable="", label=label)]
    if options.categories:
        for level in _levels(frame[options.categories]):
            counted = frame.with_columns((pl.col(options.categories) == level).fill_null(value=False).alias("__is"))
            parts.append(
                _rates(
                    counted,
                    "__is",
                    None,
                    options,
                    variable=options.categories,
                    label=task.plan.say(options.categories, level),
                )
            )
    for name in options.subgroups:
        known = frame.filter(pl.col(name).is_not_null())
        if known.height:
            rates = _rates(known, "__responded", name, options, variable=name, label="")
            parts.append(
                rates.with_columns(pl.Series("label", [_level(task, name, level) for level in rates["level"]]))
            )
    return Outcome(
        tables=(
            ResultTable(
                title=label,
                frame=pl.concat(parts),
                shown=(
                    text_column("Response or subgroup", "label"),
                    integer_column("Patients", "n"),
                    integer_column("Responders", "n_responders"),
                    Shown(
                        header=interval_header("Rate, %", options.conf_level),
                        kind=Kind.SHARE_INTERVAL,
                        columns=("rate", "lower", "upper"),
                    ),
                ),
                note="Patients who could not be evaluated count as non-responders. Exact (Clopper-Pearson) limits.",
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        conventions={"interval": f"Clopper-Pearson, {100 * options.conf_level:g}%"},
    )


def _levels(column: pl.Series) -> list[str]:
    if not isinstance(column.dtype, pl.Enum):
        raise AnalysisError(f"{column.name} has no categories", next_step="name a coded variable, or one with levels")
    return column.dtype.categories.to_list()


def _level(task: Task, variable: str, level: str) -> str:
    return f"{task.plan.label(variable)}: {task.plan.say(variable, level)}"


def _is_yes(name: str) -> pl.Expr:
    return (pl.col(name).cast(pl.String) == "yes").fill_null(value=False)


def _rates(
    frame: pl.DataFrame, outcome: str, by: str | None, options: ResponseRateOptions, *, variable: str, label: str
) -> pl.DataFrame:
    from blinreg.analyses import response_rate

    table = response_rate(frame, outcome, by=by, conf_level=options.conf_level).table
    return table.select(
        pl.lit(variable).alias("variable"),
        pl.col("group").alias("level"),
        pl.lit(label).alias("label"),
        "n",
        "n_responders",
        "rate",
        "lower",
        "upper",
    )


def _summarise(options: ResponseRateOptions, tables: Tables) -> str:
    row = tables[""].row(0, named=True)
    return (
        f"{row['label']}: {row['n_responders']} of {row['n']} patients, {percent(row['rate'])}% "
        f"({100 * options.conf_level:g}% CI {percent(row['lower'])}–{percent(row['upper'])})."
    )


def _everybody(table: pl.DataFrame) -> pl.DataFrame:
    """Narrow to the rate of all patients."""
    return table.head(1)


RESPONSE_RATE = Method(
    name="response_rate",
    options=ResponseRateOptions,
    clock=Clock.INDEX,
    run=_run,
    summarise=_summarise,
    main_rows=_everybody,
)
