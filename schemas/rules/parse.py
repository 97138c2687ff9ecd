"""Read the declarations: TOML files beside this module, checked to the last key.

A declaration with ``for_each`` is a family: it is read once for every column named there, with
``{table}`` and ``{column}`` filled in.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import takewhile
from types import MappingProxyType
from typing import Any

from blinreg.schemas.model import Type
from blinreg.schemas.rules.model import Category, Context, Example, Expected, Rule, Severity, Threshold
from blinreg.schemas.rules.words import ANY, SQL_WORDS, fill, sound_value
from blinreg.schemas.tables import TABLES, table

#: Files of declarations, in the order of the reports.
TOPICS = (
    "dates",
    "patient",
    "treatment",
    "response",
    "transplant",
    "safety",
    "follow_up",
    "study",
    "privacy",
)

#: Table of the rules on single cells.
CELL = "cell"

#: Its columns: where the text stands, what kind of column it is, whether the gate refused it, the text.
CELL_COLUMNS = ("table_name", "source_line", "column_name", "column_type", "was_refused", "text")

#: Words for the columns of a family that are all dates of all tables, or of all but the first.
EVERY_DATE = "every date"
EVERY_CHILD_DATE = "every date of other tables than patient"

_REQUIRED = {"id", "title", "category", "severity", "wrong", "fix", "reason", "source", "bad", "passes", "fails"}
_OPTIONAL = {"unknown", "applies", "columns", "context", "report", "threshold", "for_each"}
_KEYS = _REQUIRED | _OPTIONAL
_CONTEXT_KEYS = {"name", "key", "about", "sql", "by_patient"}
_ID = re.compile(r"[a-z_]+\.[a-z0-9_]+\.[a-z0-9_]+")
_EXTRA_TABLES = {"elsewhere_person", "elsewhere_claimed"}


def declared_contexts() -> tuple[Context, ...]:
    """Read context.toml."""
    contexts = []
    for raw in tomllib.loads(_text("context"))["context"]:
        if set(raw) != _CONTEXT_KEYS:
            raise ValueError(f"context {raw.get('name')}: keys must be {sorted(_CONTEXT_KEYS)}")
        sql = fill(raw["sql"].strip(), SQL_WORDS)
        contexts.append(Context(**{**raw, "key": tuple(raw["key"]), "sql": sql}))
    return tuple(contexts)


def declared_rules() -> tuple[Rule, ...]:
    """Read the files of all topics."""
    rules: list[Rule] = []
    for topic in TOPICS:
        for place, raw in enumerate(tomllib.loads(_text(topic))["rule"], start=1):
            members = members_of(raw, f"{topic}.toml")
            rules += [replace(member, topic=topic, declaration=place, family=raw["id"]) for member in members]
    return tuple(rules)


def topic_about(topic: str) -> str:
    """Give what the head of a topic's file says.

    Examples
    --------
    >>> topic_about("transplant")
    'Transplants and graft-versus-host disease.'
    """
    lines = takewhile(lambda line: line.startswith("#"), _text(topic).splitlines())
    return " ".join(line.removeprefix("#").strip() for line in lines)


def _text(topic: str) -> str:
    return files("blinreg.schemas.rules").joinpath(f"{topic}.toml").read_text(encoding="utf-8")


def members_of(raw: Mapping[str, Any], where: str) -> Iterator[Rule]:
    """Read one declaration: one rule, or one for each column of a family.

    Raises
    ------
    ValueError
        If a key is missing or unknown, an id has another form, or a column does not exist.
    """
    name = f"{where}: {raw.get('id')}"
    missing, unknown = _REQUIRED - set(raw), set(raw) - _KEYS
    if missing or unknown:
        raise ValueError(f"{name}: missing keys {sorted(missing)}, unknown keys {sorted(unknown)}")
    if "unknown" not in raw:
        raise ValueError(f"{name}: give an example that is unknown, or say why there is none")
    if "for_each" not in raw:
        yield _rule(raw, name)
        return
    for member in _columns(raw["for_each"]):
        table_name, column = member.split(".")
        yield replace(_rule(_filled(raw, {"table": table_name, "column": column}), name), member=member)


def _columns(for_each: str | Sequence[str]) -> list[str]:
    if isinstance(for_each, str):
        first = {EVERY_DATE: 0, EVERY_CHILD_DATE: 1}[for_each]
        dates = ((each, column) for each in TABLES[first:] for column in each.columns if column.type is Type.DATE)
        return [f"{each.name}.{column.name}" for each, column in dates]
    return list(for_each)


def _filled(value: Any, words: dict[str, str]) -> Any:
    """Fill in ``{table}`` and ``{column}`` wherever they stand, keys included."""
    if isinstance(value, str):
        return fill(value, words)
    if isinstance(value, list):
        return [_filled(item, words) for item in value]
    if isinstance(value, dict):
        return {_filled(key, words): _filled(item, words) for key, item in value.items()}
    return value


def _rule(raw: Mapping[str, Any], name: str) -> Rule:
    if _ID.fullmatch(raw["id"]) is None:
        raise ValueError(f"{name}: an id is table.subject.kind")
    table_name, subject, _ = raw["id"].split(".")
    judged = CELL if table_name == "privacy" else table_name
    columns = tuple(raw.get("columns", [subject]))
    known = CELL_COLUMNS if judged == CELL else table(judged).column_names
    if not set(columns) <= set(known):
        raise ValueError(f"{name}: {sorted(set(columns) - set(known))} are no columns of {judged}")
    no_unknown = raw["unknown"] if isinstance(raw["unknown"], str) else ""
    return Rule(
        id=raw["id"],
        title=raw["title"],
        category=Category(raw["category"]),
        severity=Severity(raw["severity"]),
        table=judged,
        columns=columns,
        message=f"{raw['wrong']}: {raw['fix']}",
        reason=raw["reason"],
        source=raw["source"],
        predicate=fill(" ".join(raw["bad"].split()), SQL_WORDS),
        applies=fill(" ".join(raw.get("applies", "").split()), SQL_WORDS),
        context=raw.get("context", "verification"),
        report=raw.get("report", "rows"),
        threshold=Threshold(**raw["threshold"]) if "threshold" in raw else Threshold(max_rows=0),
        examples=tuple(_examples(raw, name, judged)),
        no_unknown=no_unknown,
    )


def _examples(raw: Mapping[str, Any], name: str, judged: str) -> Iterator[Example]:
    for expected in Expected:
        given = raw[expected.value]
        if isinstance(given, str):
            continue
        for one in given if isinstance(given, list) else [given]:
            yield _example(one, expected, f"{name}, {expected.value}", judged)


def _example(raw: Mapping[str, Any], expected: Expected, name: str, judged: str) -> Example:
    others = {key: value for key, value in raw.items() if key not in {"row", "submission"}}
    _check_columns(raw["row"], CELL_COLUMNS if judged == CELL else table(judged).column_names, name)
    for other, rows in others.items():
        for row in rows:
            if other not in _EXTRA_TABLES:
                _check_columns(row, table(other).column_names, f"{name}, {other}")
    row = {key: sound_value(table(judged).column(key)) if value == ANY else value for key, value in raw["row"].items()}
    return Example(
        expected=expected,
        row=MappingProxyType(row),
        tables=MappingProxyType({key: tuple(MappingProxyType(row) for row in rows) for key, rows in others.items()}),
        submission=MappingProxyType(raw.get("submission", {})),
    )


def _check_columns(row: Mapping[str, Any], known: Sequence[str], name: str) -> None:
    if wrong := sorted(set(row) - set(known)):
        raise ValueError(f"{name}: {wrong} are no columns")
