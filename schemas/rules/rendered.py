"""The rules that need no declaration of their own: columns and keys say them already."""

from __future__ import annotations

from collections.abc import Iterator

from blinreg.schemas.model import ForeignKey, Table
from blinreg.schemas.render.gate import gate_rules
from blinreg.schemas.rules.model import Category, Origin, Rule, Severity

_TITLES = {
    "required": "A required value is empty",
    "pattern": "The text is not in the form that is allowed",
    "code": "The value is none of the codes",
    "integer": "The value is not a whole number",
    "decimal_comma": "The number is written with a decimal comma",
    "number": "The value is not a number",
    "range": "The number is out of range",
    "date": "The value is not a date",
    "calendar": "The day is not in the calendar",
}

_REASONS = {
    "required": "without the value the row cannot be placed or counted",
    "pattern": "one form for one meaning; another form may hide an identifier",
    "code": "a word outside the list cannot be counted with the others",
    "integer": "a decimal or a unit in the cell shows that something else was meant",
    "decimal_comma": "5,7 would be read as 57 or not at all",
    "number": "only a number can be compared and averaged",
    "range": "outside the range a number is an error of unit or transcription",
    "date": "in 03/04/2019 nobody can tell the day from the month",
    "calendar": "a day that does not exist was never observed",
}


def column_rules(definition: Table) -> Iterator[Rule]:
    """Give the tests of single columns that the gate makes."""
    for test in gate_rules(definition):
        kind = test.rule.rsplit(".", 1)[1]
        yield Rule(
            id=test.rule,
            title=_TITLES[kind],
            category=Category.COMPLETENESS if kind == "required" else Category.VALUE,
            severity=Severity.REJECT_ROW,
            table=definition.name,
            columns=(test.column,),
            message=test.message,
            reason=_REASONS[kind],
            source=definition.column(test.column).citation,
            origin=Origin.COLUMN,
            family=f"{{table}}.{{column}}.{kind}",
        )


def key_rules(definition: Table) -> Iterator[Rule]:
    """Give the rules on the key and on the rows that the table needs in others."""
    key = ", ".join(definition.key)
    has_key = " and ".join(f"{name} is not null" for name in definition.key)
    yield Rule(
        id=f"{definition.name}.key.duplicate",
        title="An earlier line has the same key",
        category=Category.UNIQUENESS,
        severity=Severity.REJECT_ROW,
        table=definition.name,
        columns=definition.key,
        message=f"an earlier line has the same key ({key}): one row is allowed for each",
        reason="a key names one row; of two, nobody can say which is meant",
        applies=has_key,
        predicate=_is_later(definition.name, key),
        no_unknown="a row without its key breaks another rule",
        origin=Origin.TABLE,
        family="{table}.key.duplicate",
    )
    for parent in definition.foreign_keys:
        yield _orphan(definition, parent)


def _is_later(name: str, key: str) -> str:
    """Render whether an earlier line has the same key.

    Keys that stand twice are counted out first: numbering the rows of every key would sort the whole table.
    """
    twice = f"select ({key}) from sent.{name} group by {key} having count(*) > 1"
    numbered = (
        f"select source_line as line, row_number() over (partition by {key} order by source_line) as number "
        f"from sent.{name} where ({key}) in ({twice})"
    )
    return f"source_line in (select line from ({numbered}) where number > 1)"


def _orphan(definition: Table, parent: ForeignKey) -> Rule:
    columns = ", ".join(parent.columns)
    theirs = ", ".join(parent.parent_columns)
    return Rule(
        id=f"{definition.name}.{parent.table}.orphan",
        title=f"There is no such row of {parent.table}",
        category=Category.RELATIONAL,
        severity=Severity.REJECT_ROW,
        table=definition.name,
        columns=parent.columns,
        message=f"no row of {parent.table} in this submission has this {columns}",
        reason="a row that belongs to nobody can be counted nowhere",
        applies=" and ".join(f"{name} is not null" for name in parent.columns),
        predicate=f"({columns}) not in (select ({theirs}) from sent.{parent.table} "
        f"where {' and '.join(f'{name} is not null' for name in parent.parent_columns)})",
        no_unknown="a row without its key breaks another rule",
        origin=Origin.TABLE,
        family="{table}.{parent}.orphan",
    )
