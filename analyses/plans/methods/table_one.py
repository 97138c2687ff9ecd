"""Table 1: the patients at the first dose, in all and by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.observation import EVERYBODY
from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import sentence_case, text_column
from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import known_variables

YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOneOptions(Options):
    """Options of Table 1.

    Attributes
    ----------
    variables : tuple of str
        What to describe, in this order. Nothing is compared over time, so
        variables need not be known at the first dose.
    group : str
        Variable with the groups; empty for all together.
    """

    variables: tuple[str, ...] = option(Role.VARIABLE)
    group: str = option(Role.VARIABLE, default="")


def _run(options: TableOneOptions, task: Task) -> Outcome:
    from blinreg.analyses import table_one

    group = options.group or None
    names = [*options.variables, *([group] if group else [])]
    data = task.patients(names, words=True)
    described = table_one(data.frame, options.variables, by=group, missing="complete_case")
    long = described.table.with_columns(
        pl.Series(
            "label", [variable_label(task.plan, *row) for row in described.table.select("variable", "level").rows()]
        )
    )
    headings = {name: task.plan.say(group, name) if group else "" for name in described.groups["group"]}
    wide, shown = _side_by_side(long, described.groups, headings)
    return Outcome(
        tables=(
            ResultTable(
                title="Patients at the first dose",
                frame=wide,
                shown=shown,
                note="Counts are n (%) of patients in whom the value is known; numbers are median (range).",
            ),
            ResultTable(part="tidy", title="The same, a row a variable, level and group", frame=long),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        conventions={"quantiles": f"type {described.quantile_type}"},
    )


def variable_label(plan: Plan, variable: str, level: str | None) -> str:
    """Name a row: the variable with its unit, or with one of its levels."""
    if level is not None:
        # A fact needs no "yes" behind it, unless the plan has a better word.
        bare = level == YES and level not in plan.words.get(variable, {})
        return plan.label(variable) if bare else f"{plan.label(variable)}: {plan.say(variable, level)}"
    unit = ""
    if variable in known_variables() and known_variables()[variable].column.unit:
        unit = f", {known_variables()[variable].column.unit.replace('10^9', '× 10⁹')}"
    return f"{plan.label(variable)}{unit}"


def _side_by_side(
    long: pl.DataFrame, groups: pl.DataFrame, headings: Mapping[str, str]
) -> tuple[pl.DataFrame, tuple[Shown, ...]]:
    """Put groups beside each other: a row a variable and level, columns a group.

    Of yes and no only yes is shown, as journals do; the tidy table has both.
    """
    wide = long.filter(pl.col("level").is_null() | (pl.col("level") != NO))
    wide = wide.select("variable", "level", "label").unique(maintain_order=True)
    shown = [text_column("Characteristic", "label")]
    for name, n in groups.rows():
        columns = ["n", "denominator", "median", "minimum", "maximum", "n_missing"]
        part = long.filter(pl.col("group") == name).select(
            "variable", "level", *(pl.col(column).alias(f"{column}_{name}") for column in columns)
        )
        wide = wide.join(part, on=["variable", "level"], how="left", nulls_equal=True, maintain_order="left")
        heading = f"{sentence_case(headings[name]) if name != EVERYBODY else 'All'} (n = {n})"
        shown.append(
            Shown(
                header=heading,
                kind=Kind.DESCRIPTION,
                columns=tuple(f"{column}_{name}" for column in columns[:-1]),
            )
        )
        if name == EVERYBODY:
            shown.append(Shown(header="Not known", kind=Kind.INTEGER, columns=(f"n_missing_{name}",)))
    return wide, tuple(shown)


def _summarise(_options: TableOneOptions, tables: Tables) -> str:
    return f"{tables['attrition']['n_patients'][-1]} patients."


TABLE_ONE = Method(name="table_one", options=TableOneOptions, clock=Clock.NONE, run=_run, summarise=_summarise)
