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
    long = _labelled(_with_absent(described.table), task.plan)
    headings = {name: _heading(task.plan, group, name) for name in described.groups["group"]}
    wide, shown = _side_by_side(long, described.groups, headings)
    return Outcome(
        tables=(
            ResultTable(
                title="Characteristics",
                frame=wide,
                shown=shown,
                note="Counts are n (%) of patients in whom the value is known; numbers are median (range).",
            ),
            ResultTable(part="tidy", title="The same, a row a variable, level and group", frame=long),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        conventions={"quantiles": f"type {described.quantile_type}"} if long["median"].is_not_null().any() else {},
    )


def _with_absent(table: pl.DataFrame) -> pl.DataFrame:
    """Add the 'yes' of a fact that nobody has: a row that says 0 tells more than no row."""
    is_all_no = pl.col("level").eq_missing(NO).all().over("variable")
    absent = table.filter(is_all_no).with_columns(pl.lit(YES).alias("level"), n=0, percent=pl.col("percent") * 0)
    order = pl.DataFrame({"variable": table["variable"].unique(maintain_order=True)}).with_row_index("place")
    both = pl.concat([absent.select(table.columns).cast(table.schema), table])
    return both.join(order, on="variable", maintain_order="left").sort("place", maintain_order=True).drop("place")


def _labelled(table: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Add the words for each row, and everybody of the group: publications often divide by all, known or not."""
    labels = [variable_label(plan, *row) for row in table.select("variable", "level").rows()]
    return table.with_columns(
        (pl.col("denominator") + pl.col("n_missing")).alias("n_patients"), pl.Series("label", labels, dtype=pl.String)
    )


def _heading(plan: Plan, group: str | None, level: str) -> str:
    """Name a group; a bare yes or no needs the variable before it."""
    if level == EVERYBODY or group is None:
        return "All"
    words = plan.say(group, level)
    return f"{plan.label(group)}: {words}" if words in (YES, NO) else sentence_case(words)


def variable_label(plan: Plan, variable: str, level: str | None) -> str:
    """Name a row: the variable with its unit, or with one of its levels."""
    if level is not None:
        # A fact needs no "yes" behind it, unless the plan has a better word.
        bare = level == YES and level not in plan.words.get(variable, {})
        return plan.label(variable) if bare else f"{plan.label(variable)}: {plan.say(variable, level)}"
    label = plan.label(variable)
    unit = known_variables()[variable].column.unit if variable in known_variables() else ""
    # "Cycles of blinatumomab" are counted in cycles.
    return label if not unit or unit in label.lower() else f"{label}, {unit.replace('10^9', '× 10⁹')}"


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
        suffix = name.replace(" ", "_")
        columns = ["n", "denominator", "median", "minimum", "maximum", "n_missing"]
        part = long.filter(pl.col("group") == name).select(
            "variable", "level", *(pl.col(column).alias(f"{column}_{suffix}") for column in columns)
        )
        wide = wide.join(part, on=["variable", "level"], how="left", nulls_equal=True, maintain_order="left")
        shown.append(
            Shown(
                header=f"{headings[name]} (n = {n})",
                kind=Kind.DESCRIPTION,
                columns=tuple(f"{column}_{suffix}" for column in columns[:-1]),
            )
        )
        if name == EVERYBODY and (long["n_missing"] > 0).any():
            shown.append(Shown(header="Not known", kind=Kind.INTEGER, columns=(f"n_missing_{suffix}",)))
    return wide, tuple(shown)


def _summarise(_options: TableOneOptions, tables: Tables) -> str:
    return f"{tables['attrition']['n_patients'][-1]} patients."


TABLE_ONE = Method(name="table_one", options=TableOneOptions, clock=Clock.NONE, run=_run, summarise=_summarise)
