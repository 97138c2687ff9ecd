"""A patient's variables, and for each the date at which it became known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from types import MappingProxyType

import polars as pl

from blinreg.analyses.plans.conditions import holds
from blinreg.analyses.plans.model import Condition, DerivedVariable, Plan
from blinreg.analyses.plans.views import ViewFrames
from blinreg.analyses.plans.vocabulary import KnownVariable, known_variables
from blinreg.schemas.model import Type

#: Code that says a fact was asked for and is not known; for an analysis it is a missing value.
UNKNOWN = "unknown"
INDEX = "index"
KNOWN_AT = "__known_at"
_SECOND_CYCLE = "ever_second_cycle"
#: Operators of a lower limit, with the limit that asks for two cycles.
_LOWER_LIMITS: Mapping[str, int] = MappingProxyType({"at_least": 2, "more_than": 1})


def patient_values(
    views: ViewFrames, names: Sequence[str], *, origin: str, landmark: float | None = None
) -> pl.DataFrame:
    """Collect known variables, one row a patient of the cohort, and when each became known.

    Parameters
    ----------
    views : ViewFrames
        They hold the values and the dates.
    names : sequence of str
        Known variables, in their own names (``ever_allo_hct``, not ``allo_hct``).
    origin : str
        Origin from which exposures are counted.
    landmark : float, optional
        Ever/never exposures are then frozen on this day: begun by it, and known by it.

    Returns
    -------
    polars.DataFrame
        ``patient_id``, a column a variable, and ``<variable>__known_at`` with the date.
    """
    found = [views["cohort"].select("patient_id")]
    for name in dict.fromkeys(names):
        known = known_variables()[name]
        found.append(_exposure(views, known, origin, landmark) if known.exposure else _from_view(views, known))
    return pl.concat(found, how="horizontal")


def condition_values(views: ViewFrames, condition: Condition, *, origin: str) -> pl.DataFrame:
    """Collect the variable of a condition, and when it became known that the condition holds.

    That is when the value became known; "at least" is known earlier. Who lived at least
    30 days is known to on day 30, and who had at least 2 cycles when the second begins.

    Parameters
    ----------
    views : ViewFrames
        They hold the values and the dates.
    condition : Condition
        On a known variable.
    origin : str
        Origin from which exposures are counted.

    Returns
    -------
    polars.DataFrame
        ``patient_id``, the variable, and ``<variable>__known_at``.
    """
    name, known_at = condition.variable, condition.variable + KNOWN_AT
    values = patient_values(views, [name], origin=origin)
    if condition.operator not in _LOWER_LIMITS:
        return values
    if name == "follow_up_days":
        reached = pl.col("index_date") + pl.duration(days=ceil(condition.value))
        return values.with_columns(views.of_cohort("course").select(reached.alias(known_at)).to_series())
    if name == "n_cycles" and condition.value == _LOWER_LIMITS[condition.operator]:
        begun = patient_values(views, [_SECOND_CYCLE], origin=origin)
        return values.with_columns(begun[_SECOND_CYCLE + KNOWN_AT].alias(known_at))
    return values


def with_derived(frame: pl.DataFrame, plan: Plan, names: Sequence[str]) -> pl.DataFrame:
    """Add the plan's own variables to a frame that has their sources."""
    derived = [plan.variables[name] for name in names if name in plan.variables]
    return frame.with_columns(_derive(variable).alias(variable.name) for variable in derived)


def unknown_as_missing(frame: pl.DataFrame, plan: Plan, names: Sequence[str]) -> pl.DataFrame:
    """Turn 'not known' into a missing value, and codes and levels into categories in their declared order."""
    columns = []
    for name in names:
        if name in plan.variables:
            levels = [level.name for level in plan.variables[name].levels]
        else:
            levels = [code for code in known_variables()[name].column.codes if code != UNKNOWN]
        if levels:
            columns.append(pl.col(name).replace(UNKNOWN, None).cast(pl.Enum(levels), strict=False))
    return frame.with_columns(columns)


def flags_as_words(frame: pl.DataFrame, plan: Plan, names: Sequence[str]) -> pl.DataFrame:
    """Turn 0/1 variables into no and yes, for tables and groups."""
    flags = [
        name
        for name in names
        if name not in plan.variables
        and known_variables()[name].column.type is Type.INTEGER
        and known_variables()[name].column.unit == "0/1"
    ]
    words = {0: "no", 1: "yes"}
    kind = pl.Enum(["no", "yes"])
    return frame.with_columns(pl.col(name).replace_strict(words, return_dtype=kind) for name in flags)


def _from_view(views: ViewFrames, known: KnownVariable) -> pl.DataFrame:
    return views.of_cohort(known.view).select(
        pl.col(known.column.name).alias(known.name), pl.col(known.known_at).alias(known.name + KNOWN_AT)
    )


def _exposure(views: ViewFrames, known: KnownVariable, origin: str, landmark: float | None) -> pl.DataFrame:
    rows = views.exposure_of_cohort(known.exposure, origin)
    # A form by a day says itself on which day it is frozen, whatever landmark the analysis has.
    frozen = landmark if known.window is None else known.window
    if frozen is None:
        value, date = pl.col("ever"), pl.col("known_date")
    else:
        begun = (pl.col("exposure_days") <= frozen).fill_null(value=False).cast(pl.Int64)
        value = pl.when(pl.col("ever").is_not_null()).then(begun)
        limit = pl.col("origin_date") + pl.duration(days=int(frozen))
        date = pl.min_horizontal(pl.col("known_date"), limit)
    return rows.select(value.alias(known.name), date.alias(known.name + KNOWN_AT))


def _derive(variable: DerivedVariable) -> pl.Expr:
    if variable.column:
        return pl.col(variable.column) / variable.per
    expression = pl.lit(None, dtype=pl.String)
    for level in reversed(variable.levels):
        fits = pl.all_horizontal([holds(condition) for condition in level.conditions])
        expression = pl.when(fits).then(pl.lit(level.name)).otherwise(expression)
    return expression
