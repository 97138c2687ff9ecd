"""DuckDB DDL from the definitions.

Four relations stand for each submitted table:

``submitted.T``
    every accepted row of every submission, with the submission, file and line it came from;
    dates are the text that the site sent, because a partial date is not a date.
``current.T``
    a view of the rows that count now (or as of a submission, see below), with each date
    column as the interval ``X_earliest`` to ``X_latest`` beside its text.
``quality.quarantine_T``
    the rows that were not accepted, all columns as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blinreg.schemas.model import Column, Relation, Table, Type
from blinreg.schemas.tables import TABLES
from blinreg.schemas.views import VIEWS

#: Schemas of a registry, in the order in which they build on each other.
DATABASE_SCHEMAS = ("ledger", "submitted", "quality", "current", "staging", "derived", "analysis")

SUBMITTED_TYPE = {
    Type.TEXT: "varchar",
    Type.CODE: "varchar",
    Type.INTEGER: "integer",
    Type.NUMBER: "double",
    Type.DATE: "varchar",
}

#: Text forms of a date: whole, without the day, without the month.
PARTIAL_DATE_PATTERN = "[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?"
WHOLE_DATE_PATTERN = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

#: Where every stored row says it came from.
ORIGIN_COLUMNS = (
    ("submission_id", "varchar", "Submission that brought the row."),
    ("source_file", "varchar", "File of the row, as the site named it."),
    ("source_line", "integer", "Line of the row in that file; the header is line 1."),
)


def quote(text: str) -> str:
    """Quote a text as a SQL literal.

    Examples
    --------
    >>> quote("patient's")
    "'patient''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def column_comment(column: Column) -> str:
    """Say in one line what a column is: description, unit, codes."""
    parts = [column.description]
    if column.unit:
        parts.append(f"Unit: {column.unit}.")
    if column.codes:
        parts.append("Codes: " + "; ".join(f"{code} = {meaning}" for code, meaning in column.codes.items()) + ".")
    if column.known_at:
        parts.append(f"Known at: {column.known_at}.")
    return " ".join(parts)


def _constraints(column: Column) -> Iterator[str]:
    name = column.name
    if column.codes:
        yield f"check ({name} in ({', '.join(quote(code) for code in column.codes)}))"
    if column.minimum is not None:
        yield f"check ({name} >= {column.minimum:.15g})"
    if column.maximum is not None:
        yield f"check ({name} <= {column.maximum:.15g})"
    if column.pattern:
        yield f"check (regexp_full_match({name}, {quote(column.pattern)}))"
    if column.type is Type.DATE:
        pattern = PARTIAL_DATE_PATTERN if column.partial else WHOLE_DATE_PATTERN
        yield f"check (regexp_full_match({name}, {quote(pattern)}))"


def _comments(kind: str, schema: str, relation: Relation, columns: Iterable[tuple[str, str]]) -> Iterator[str]:
    full_name = f"{schema}.{relation.name}"
    yield f"comment on {kind} {full_name} is {quote(f'{relation.description} Grain: {relation.grain}.')};"
    for name, text in columns:
        yield f"comment on column {full_name}.{name} is {quote(text)};"


def submitted_table(definition: Table) -> str:
    """Render ``create table submitted.T`` with its constraints and comments.

    The key is no constraint: its index grows with the rows, and takes most of the time and memory of storing them
    (`benchmarks/bench_load.py`: ``read`` beside ``read_with_keys``). A rule quarantines all but the first row of a
    key, and what was stored is looked at once more before it is committed.
    """
    lines = []
    for column in definition.columns:
        null_rule = " not null" if column.required else ""
        checks = "".join(f" {check}" for check in _constraints(column))
        lines.append(f"    {column.name} {SUBMITTED_TYPE[column.type]}{null_rule}{checks}")
    lines += [f"    {name} {kind} not null" for name, kind, _ in ORIGIN_COLUMNS]
    body = ",\n".join(lines)
    comments = [(column.name, column_comment(column)) for column in definition.columns]
    comments += [(name, text) for name, _, text in ORIGIN_COLUMNS]
    return "\n".join(
        [
            f"create table submitted.{definition.name} (\n{body}\n);",
            *_comments("table", "submitted", definition, comments),
        ]
    )


def date_interval(name: str) -> tuple[str, str]:
    """Give the SQL of the first and the last day that a stored date text can mean."""
    start = (
        f"cast(case length({name}) when 10 then {name} when 7 then {name} || '-01' "
        f"when 4 then {name} || '-01-01' end as date)"
    )
    end = (
        f"case length({name}) when 10 then cast({name} as date) "
        f"when 7 then last_day(cast({name} || '-01' as date)) "
        f"when 4 then cast({name} || '-12-31' as date) end"
    )
    return start, end


def current_view(definition: Table) -> str:
    """Render ``create view current.T``: the rows that count, dates as intervals."""
    lines = []
    comments = []
    for column in definition.columns:
        lines.append(f"    {column.name}")
        comments.append((column.name, column_comment(column)))
        if column.type is Type.DATE:
            start, end = date_interval(column.name)
            lines += [f"    {start} as {column.name}_earliest", f"    {end} as {column.name}_latest"]
            comments += [
                (f"{column.name}_earliest", f"First day that {column.name} can mean."),
                (f"{column.name}_latest", f"Last day that {column.name} can mean."),
            ]
    lines += [f"    {name}" for name, _, _ in ORIGIN_COLUMNS]
    comments += [(name, text) for name, _, text in ORIGIN_COLUMNS]
    body = ",\n".join(lines)
    return "\n".join(
        [
            f"create view current.{definition.name} as\nselect\n{body}\nfrom submitted.{definition.name}\n"
            "where submission_id in (select submission_id from ledger.current_submission);",
            *_comments("view", "current", definition, comments),
        ]
    )


def quarantine_table(definition: Table) -> str:
    """Render ``create table quality.quarantine_T``: the rows held out, as they were sent."""
    lines = [f"    {column.name} varchar" for column in definition.columns]
    lines += [f"    {name} {kind} not null" for name, kind, _ in ORIGIN_COLUMNS]
    lines.append("    disposition varchar not null check (disposition in ('quarantined', 'held_back'))")
    body = ",\n".join(lines)
    text = (
        f"Rows of {definition.name} that were not accepted, as they were sent; the reasons are in quality.violation. "
        "held_back: the row itself is sound and its parent was quarantined."
    )
    return (
        f"create table quality.quarantine_{definition.name} (\n{body}\n);\n"
        f"comment on table quality.quarantine_{definition.name} is {quote(text)};"
    )


def schemas_ddl() -> str:
    """Render the creation of the database schemas."""
    return "\n".join(f"create schema {name};" for name in DATABASE_SCHEMAS)


def storage_ddl() -> str:
    """Render what a new registry needs before the ledger: schemas, submitted and quarantine tables."""
    parts = [submitted_table(definition) for definition in TABLES]
    parts += [quarantine_table(definition) for definition in TABLES]
    return "\n\n".join(parts) + "\n"


def current_ddl() -> str:
    """Render the views of the rows that count; they need ``ledger.current_submission``."""
    return "\n\n".join(current_view(definition) for definition in TABLES) + "\n"


def analysis_comments() -> str:
    """Render the comments on the views of the ``analysis`` schema, after ``sql/`` has built them."""
    statements: list[str] = []
    for definition in VIEWS:
        comments = [(column.name, column_comment(column)) for column in definition.columns]
        statements += _comments("table", "analysis", definition, comments)
    return "\n".join(statements) + "\n"
