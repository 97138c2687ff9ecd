"""Put the rows of a submission where the rules can be run on them: an in-memory database of their own.

``sent.T`` holds every row of every table with numbers as numbers, each date also as the interval that
it can mean, and cells that the gate refused as null. ``sound.T`` leaves out the rows that were rejected
so far. ``sent.cell`` holds the texts that may say who a patient is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
import polars as pl

from blinreg.schemas.model import Table, Type
from blinreg.schemas.render.ddl import SUBMITTED_TYPE, date_interval
from blinreg.schemas.tables import TABLES

#: Columns of ``sent.cell`` beside the text, as `blinreg.schemas.rules` names them.
CELL_SCHEMA = pl.Schema(
    {
        "table_name": pl.String(),
        "source_line": pl.Int64(),
        "column_name": pl.String(),
        "column_type": pl.String(),
        "was_refused": pl.Boolean(),
        "text": pl.String(),
    }
)

#: Columns of ``elsewhere.person``: patients of other sites who are fully described.
PERSON_SCHEMA = pl.Schema(
    {"birth_year": pl.Int32(), "sex": pl.String(), "diagnosis_date": pl.Date(), "first_dose": pl.Date()}
)

#: A text column whose pattern lets almost anything pass is free text.
_FREE_TEXT_PATTERN = "[^\\r\\n]{1,80}"

_INCOMING = "incoming_rows"


def database() -> duckdb.DuckDBPyConnection:
    """Open an empty database with the tables that the rules read."""
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    statements = ["create schema sent", "create schema sound", "create schema elsewhere"]
    statements.append("create table rejected (table_name varchar, line bigint)")
    for definition in TABLES:
        name = definition.name
        statements.append(f"create table sent.{name} ({', '.join(_storage(definition))})")
        statements.append(
            f"create view sound.{name} as select * from sent.{name} as row where not exists ("
            f"select 1 from rejected where rejected.table_name = '{name}' and rejected.line = row.source_line)"
        )
    statements.append(
        "create table sent.cell (table_name varchar, source_line bigint, column_name varchar, column_type varchar, "
        "was_refused boolean, text varchar)"
    )
    statements.append(
        "create table elsewhere.person (birth_year integer, sex varchar, diagnosis_date date, first_dose date)"
    )
    statements.append("create table elsewhere.claimed (patient_id varchar)")
    connection.execute(";\n".join(statements))
    return connection


def _storage(definition: Table) -> Iterator[str]:
    for column in definition.columns:
        yield f"{column.name} {SUBMITTED_TYPE[column.type]}"
        if column.type is Type.DATE:
            yield f"{column.name}_earliest date"
            yield f"{column.name}_latest date"
    yield "source_line bigint"


def stage(connection: duckdb.DuckDBPyConnection, definition: Table, typed: pl.DataFrame) -> None:
    """Put the rows of a table into ``sent.T``.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        A `database`.
    definition : Table
        The table.
    typed : polars.DataFrame
        Its rows with numbers as numbers, bad cells as null, and ``source_line``.
    """
    columns = []
    for column in definition.columns:
        columns.append(column.name)
        if column.type is Type.DATE:
            columns += date_interval(column.name)
    insert(connection, f"sent.{definition.name}", typed, ", ".join([*columns, "source_line"]))


def insert(connection: duckdb.DuckDBPyConnection, target: str, rows: pl.DataFrame, columns: str = "*") -> None:
    """Append a frame to a table."""
    if rows.is_empty():
        return
    connection.register(_INCOMING, rows.to_arrow())
    connection.execute(f"insert into {target} select {columns} from {_INCOMING}")
    connection.unregister(_INCOMING)


def cells(definition: Table, frame: pl.DataFrame, gate: pl.DataFrame) -> pl.DataFrame:
    """Collect the texts that may say who a patient is: free text, and every cell that the gate refused.

    Parameters
    ----------
    definition : Table
        The table.
    frame : polars.DataFrame
        Its rows as text, as sent, with ``source_line``.
    gate : polars.DataFrame
        What the gate found in them.
    """
    refused = {str(name[0]): part["line"] for name, part in gate.group_by("column")}
    parts = [CELL_SCHEMA.to_frame()]
    for column in definition.columns:
        is_free = column.type is Type.TEXT and column.pattern == _FREE_TEXT_PATTERN
        if column.name not in refused and not is_free:
            continue
        was_refused = pl.col("source_line").is_in(refused.get(column.name, pl.Series(dtype=pl.Int64)).implode())
        parts.append(
            frame.filter(pl.col(column.name).is_not_null() & (was_refused | is_free)).select(
                pl.lit(definition.name).alias("table_name"),
                pl.col("source_line").cast(pl.Int64),
                pl.lit(column.name).alias("column_name"),
                pl.lit(column.type.value).alias("column_type"),
                was_refused.alias("was_refused"),
                pl.col(column.name).alias("text"),
            )
        )
    return pl.concat(parts)


def reject(connection: duckdb.DuckDBPyConnection, table_name: str, lines: Sequence[int] | pl.Series) -> None:
    """Take rows out of ``sound.T``."""
    rows = pl.DataFrame({"table_name": table_name, "line": pl.Series(lines, dtype=pl.Int64)})
    insert(connection, "rejected", rows)


def persons(rows: Mapping[str, pl.Series] | pl.DataFrame) -> pl.DataFrame:
    """Give rows the types of ``elsewhere.person``."""
    return pl.DataFrame(rows).select(pl.col(name).cast(kind) for name, kind in PERSON_SCHEMA.items())
