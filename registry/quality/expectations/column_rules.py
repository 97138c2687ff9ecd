"""The rules on single columns as SQL over the texts as sent.

The gate tests the same in polars. It decides; this is for an engine that reads SQL, and a second
opinion on the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.render.ddl import PARTIAL_DATE_PATTERN, WHOLE_DATE_PATTERN, quote
from blinreg.schemas.render.gate import (
    DECIMAL_COMMA_PATTERN,
    FIRST_YEAR,
    INTEGER_PATTERN,
    LAST_YEAR,
    NUMBER_PATTERN,
)
from blinreg.schemas.rules import RULES, Origin, Rule


def column_rules(definition: Table) -> tuple[Rule, ...]:
    """Give the rules on the columns of a table with their predicates: true for a bad text, null for an empty one.

    Parameters
    ----------
    definition : Table
        The table; the predicates are about its columns as text.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> [rule.predicate for rule in column_rules(table("follow_up"))][:2]
    ['patient_id is null', "not regexp_full_match(patient_id, '[A-Za-z0-9][A-Za-z0-9_-]{2,39}')"]
    """
    predicates = {
        f"{definition.name}.{column.name}.{kind}": predicate
        for column in definition.columns
        for kind, predicate in _predicates(column)
    }
    return tuple(
        replace(rule, predicate=predicates[rule.id])
        for rule in RULES
        if rule.origin is Origin.COLUMN and rule.table == definition.name
    )


def _predicates(column: Column) -> Iterator[tuple[str, str]]:
    if column.required:
        yield "required", f"{column.name} is null"
    yield from _OF_TYPE[column.type](column)


def _matches(name: str, pattern: str) -> str:
    return f"regexp_full_match({name}, {quote(pattern)})"


def _of_text(column: Column) -> Iterator[tuple[str, str]]:
    if column.pattern:
        yield "pattern", f"not {_matches(column.name, column.pattern)}"


def _of_code(column: Column) -> Iterator[tuple[str, str]]:
    yield "code", f"{column.name} not in ({', '.join(quote(code) for code in column.codes)})"


def _range(column: Column, pattern: str) -> Iterator[tuple[str, str]]:
    value = f"try_cast({column.name} as double)"
    outside = []
    if column.minimum is not None:
        outside.append(f"{value} < {column.minimum!r}")
    if column.maximum is not None:
        outside.append(f"{value} > {column.maximum!r}")
    if outside:
        # What is no number breaks another rule.
        yield "range", f"{_matches(column.name, pattern)} and ({' or '.join(outside)})"


def _of_integer(column: Column) -> Iterator[tuple[str, str]]:
    yield "integer", f"not {_matches(column.name, INTEGER_PATTERN)}"
    yield from _range(column, INTEGER_PATTERN)


def _of_number(column: Column) -> Iterator[tuple[str, str]]:
    comma = _matches(column.name, DECIMAL_COMMA_PATTERN)
    yield "decimal_comma", comma
    yield "number", f"not ({comma} or {_matches(column.name, NUMBER_PATTERN)})"
    yield from _range(column, NUMBER_PATTERN)


def _of_date(column: Column) -> Iterator[tuple[str, str]]:
    name = column.name
    pattern = PARTIAL_DATE_PATTERN if column.partial else WHOLE_DATE_PATTERN
    yield "date", f"not {_matches(name, pattern)}"
    # An unknown month or day is filled with the first, as in the gate.
    day = f"try_cast({name} || substring('-01-01', length({name}) - 3) as date)"
    real = f"coalesce(year({day}) between {FIRST_YEAR} and {LAST_YEAR}, false)"
    yield "calendar", f"{_matches(name, pattern)} and not {real}"


_OF_TYPE: dict[Type, Callable[[Column], Iterator[tuple[str, str]]]] = {
    Type.TEXT: _of_text,
    Type.CODE: _of_code,
    Type.INTEGER: _of_integer,
    Type.NUMBER: _of_number,
    Type.DATE: _of_date,
}
