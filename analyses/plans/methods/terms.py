"""The terms of a regression in words: which variable, which level against which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.vocabulary import known_variables
from blinreg.schemas.errors import AnalysisError

_LEVEL = re.compile(r"(?P<variable>[^\[\]]+)\[(?P<level>.+)\]")
#: Codes that are the reference where they occur: the absence of something.
_ABSENT = ("no", "negative")


def references(frame: pl.DataFrame, covariates: Sequence[str], plan: Plan, chosen: Mapping[str, str]) -> dict[str, str]:
    """Choose the reference level of every categorical covariate.

    The plan's choice; otherwise the first level of a variable made in the plan, the
    absence of a fact, or the first level that occurs.
    """
    found = {}
    for name in covariates:
        if frame[name].dtype not in (pl.String, pl.Enum, pl.Categorical):
            continue
        present = frame[name].cast(pl.String).unique().sort().to_list()
        first = [level.name for level in plan.variables[name].levels] if name in plan.variables else _ABSENT
        preferred = [chosen[name]] if name in chosen else [level for level in first if level in present]
        if preferred and preferred[0] not in present:
            raise AnalysisError(
                f"reference {preferred[0]!r} of {name} does not occur among the patients analysed",
                next_step=f"choose one of {', '.join(present)}",
            )
        found[name] = preferred[0] if preferred else present[0]
    return found


def in_words(table: pl.DataFrame, plan: Plan, reference: Mapping[str, str]) -> pl.DataFrame:
    """Add ``variable, level, reference, label`` to a table with a column ``term``."""
    rows = [_words(term, plan, reference) for term in table["term"]]
    words = pl.DataFrame(
        rows,
        schema={"variable": pl.String, "level": pl.String, "reference": pl.String, "label": pl.String},
        orient="row",
    )
    return pl.concat([table.select("term"), words, table.drop("term")], how="horizontal")


def in_plan_order(table: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Keep variables in the order of the model and put levels into their declared order."""
    keys = []
    first = {variable: place for place, variable in reversed(list(enumerate(table["variable"])))}
    for variable, level in table.select("variable", "level").iter_rows():
        declared = _declared_levels(plan, variable)
        keys.append((first[variable], declared.index(level) if level in declared else 0))
    order = sorted(range(table.height), key=keys.__getitem__)
    return table[order]


def _declared_levels(plan: Plan, variable: str) -> list[str]:
    if variable in plan.variables:
        return [level.name for level in plan.variables[variable].levels]
    return list(known_variables()[variable].column.codes) if variable in known_variables() else []


def _words(term: str, plan: Plan, reference: Mapping[str, str]) -> tuple[str, str | None, str | None, str]:
    found = _LEVEL.fullmatch(term)
    if found is None:
        return term, None, None, plan.label(term)
    variable, level = found["variable"], found["level"]
    against = reference[variable]
    return (
        variable,
        level,
        against,
        f"{plan.label(variable)}: {plan.say(variable, level)} vs {plan.say(variable, against)}",
    )
