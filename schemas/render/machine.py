"""The definitions as plain values, for programs that are not Python."""

from __future__ import annotations

from typing import Any

from blinreg.schemas.model import Column, Relation, Table
from blinreg.schemas.tables import SCHEMA_VERSION, TABLES
from blinreg.schemas.views import VIEWS


def schema() -> dict[str, Any]:
    """Give every submitted table and every analysis table as values that JSON can hold.

    Returns
    -------
    dict
        ``schema_version``, ``tables`` and ``views``; a column says only what holds for it.

    Examples
    --------
    >>> sex = next(c for c in schema()["tables"][0]["columns"] if c["name"] == "sex")
    >>> sex["type"], sex["required"], list(sex["codes"])
    ('code', True, ['female', 'male', 'unknown'])
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "tables": [_table(definition) for definition in TABLES],
        "views": [_relation(definition) for definition in VIEWS],
    }


def _table(definition: Table) -> dict[str, Any]:
    keys = [
        {"columns": list(key.columns), "table": key.table, "parent_columns": list(key.parent_columns)}
        for key in definition.foreign_keys
    ]
    said = _relation(definition) | {"required": definition.required, "foreign_keys": keys}
    for column, values in zip(definition.columns, said["columns"], strict=True):
        if column.type == "date":
            values["partial"] = column.partial
    return said


def _relation(definition: Relation) -> dict[str, Any]:
    return {
        "name": definition.name,
        "grain": definition.grain,
        "description": definition.description,
        "key": list(definition.key),
        "columns": [_column(column) for column in definition.columns],
    }


def _column(column: Column) -> dict[str, Any]:
    always = {
        "name": column.name,
        "type": column.type.value,
        "description": column.description,
        "required": column.required,
        "privacy": column.privacy.value,
    }
    where_given = {
        "unit": column.unit,
        "codes": dict(column.codes),
        "pattern": column.pattern,
        "citation": column.citation,
        "known_at": column.known_at,
        "count_of": column.count_of,
    }
    limits = {"minimum": column.minimum, "maximum": column.maximum}
    return (
        always
        | {name: value for name, value in where_given.items() if value}
        | {name: value for name, value in limits.items() if value is not None}
    )
