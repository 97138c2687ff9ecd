"""Conditions on patients: parsed against the definition of the variable, evaluated as expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import polars as pl

from blinreg.analyses.plans.model import Condition, Plan
from blinreg.analyses.plans.reading import Place
from blinreg.analyses.plans.vocabulary import KnownVariable, known_variables
from blinreg.schemas.model import Type

_NUMERIC = (Type.INTEGER, Type.NUMBER)

OPERATORS: Mapping[str, Callable[[pl.Expr, Any], pl.Expr]] = MappingProxyType(
    {
        "is": lambda column, value: column == value,
        "is_not": lambda column, value: column != value,
        "in": lambda column, value: column.is_in(list(value)),
        "at_least": lambda column, value: column >= value,
        "at_most": lambda column, value: column <= value,
        "more_than": lambda column, value: column > value,
        "less_than": lambda column, value: column < value,
    }
)
_SPOKEN = {
    "is": "{}",
    "is_not": "not {}",
    "in": "{}",
    "at_least": "{} or more",
    "at_most": "{} or fewer",
    "more_than": "more than {}",
    "less_than": "under {}",
}
ORDERED = ("at_least", "at_most", "more_than", "less_than")


def parse_conditions(where: Mapping[str, Any], place: Place) -> tuple[Condition, ...]:
    """Parse ``{ n_prior_lines = { at_least = 2 } }``.

    Parameters
    ----------
    where : mapping of str to mapping
        Operator and value by variable.
    place : Place
        For the messages.

    Returns
    -------
    tuple of Condition

    Raises
    ------
    UsageError
        An unknown variable, operator or code, or a value of the wrong kind.

    Examples
    --------
    >>> [found] = parse_conditions({"n_prior_lines": {"at_least": 2}}, Place("study.toml"))
    >>> str(found)
    'n prior lines at least 2'
    """
    conditions = []
    for name, comparisons in where.items():
        if name not in known_variables():
            place.unknown("column", name, known_variables())
        if not isinstance(comparisons, dict):
            place.refuse_type(name, f'a table such as {{ is = ... }} for column "{name}"', comparisons)
        variable = known_variables()[name]
        for operator, value in comparisons.items():
            if operator not in OPERATORS:
                place.inside(f"column {name}").unknown("operator", operator, OPERATORS)
            conditions.append(_condition(variable, operator, value, place.inside(f"column {name}")))
    return tuple(conditions)


def holds(condition: Condition) -> pl.Expr:
    """Build the expression that is true where the condition holds; an unknown value holds nothing."""
    return OPERATORS[condition.operator](pl.col(condition.variable), condition.value).fill_null(value=False)


def in_words(condition: Condition, plan: Plan) -> str:
    """Say a condition in the plan's words: "Indication: relapsed or refractory"."""
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    is_flag = known_variables()[condition.variable].column.unit == "0/1"
    said = [
        plan.say(condition.variable, {0: "no", 1: "yes"}.get(value, str(value)) if is_flag else str(value))
        for value in values
    ]
    return f"{plan.label(condition.variable)}: {_SPOKEN[condition.operator].format(' or '.join(said))}"


def _condition(variable: KnownVariable, operator: str, value: object, place: Place) -> Condition:
    if operator == "in":
        if not isinstance(value, list) or not value:
            place.refuse_type(operator, "a list of values", value)
        for item in value:
            _check_value(variable, operator, item, place)
        return Condition(variable=variable.name, operator=operator, value=tuple(value))
    _check_value(variable, operator, value, place)
    return Condition(variable=variable.name, operator=operator, value=value)


def _check_value(variable: KnownVariable, operator: str, value: object, place: Place) -> None:
    numeric = variable.column.type in _NUMERIC
    if operator in ORDERED and not numeric:
        place.refuse(f"{operator} compares numbers and {variable.name} has none", "use is, is_not or in")
    if numeric:
        if isinstance(value, bool) or not isinstance(value, int | float):
            place.refuse_type(operator, "a number", value)
        return
    if not isinstance(value, str):
        place.refuse_type(operator, "a text", value)
    if variable.column.codes and value not in variable.column.codes:
        place.unknown("code", value, variable.column.codes)
