"""Put the rows of a submission where the rules can be run on them: an in-memory database of their own.

``sent.T`` holds every row of every table with numbers as numbers, each date also as the interval that
it can mean, and cells that the gate refused as null. ``sound.T`` leaves out the rows that were rejected
so far. ``sent.cell`` holds the texts that may say who a patient is. What does not fit into memory goes to
a folder beside the registry.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.schemas.model import ForeignKey, Table, Type
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

#: What the rules may hold in memory.
MEMORY = "1500MB"

#: More rows than these are put into a file: a row takes about 100 bytes of memory.
ROWS_IN_MEMORY = 5_000_000

_INCOMING = "incoming_rows"


def database(spill: Path | None = None, *, n_rows: int = 0) -> duckdb.DuckDBPyConnection:
    """Open an empty database with the tables that the rules read.

    Parameters
    ----------
    spill : Path, optional
        Folder for what does not fit into ``MEMORY``; without it everything has to.
    n_rows : int
        How many rows are to come. Many are put into a file in that folder, where they take a tenth of the space
        that they would take in memory.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "temp_directory": "" if spill is None else str(spill / "memory"),
    }
    where = ":memory:"
    if spill is not None:
        config["memory_limit"] = MEMORY
        if n_rows > ROWS_IN_MEMORY:
            spill.mkdir()
            # Of another name each time: DuckDB would give the database that is still open under the same one.
            where = str(spill / f"{uuid.uuid4().hex}.duckdb")
    connection = duckdb.connect(where, config=config)
    statements = ["create schema sent", "create schema sound", "create schema elsewhere"]
    statements.append("create table rejected (table_name varchar, line bigint)")
    statements.append("create table held_back (table_name varchar, line bigint)")
    for definition in TABLES:
        name = definition.name
        statements.append(f"create table sent.{name} ({', '.join(_storage(definition))})")
        statements.append(f"create view sound.{name} as select * from sent.{name}")
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
    connection.register(_INCOMING, rows.to_arrow(compat_level=pl.CompatLevel.newest()))
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
    if rows.is_empty():
        return
    insert(connection, "rejected", rows)
    # Only now: most tables have no such row, and looking for one takes as long as a rule.
    connection.execute(
        f"create or replace view sound.{table_name} as "
        f"select * from sent.{table_name} as row where not {_is_listed('rejected', table_name)}"
    )


def hold_back(connection: duckdb.DuckDBPyConnection, definition: Table, key: ForeignKey) -> None:
    """Hold back the rows whose parent row was sent and is not accepted; those of the parent are settled."""
    name, parent = definition.name, key.table
    same = " and ".join(
        f"parent.{theirs} = row.{ours}" for ours, theirs in zip(key.columns, key.parent_columns, strict=True)
    )
    has_key = " and ".join(f"row.{column} is not null" for column in key.columns)
    out = held_out_condition(parent, row="parent")
    connection.execute(
        f"insert into held_back select '{name}', row.source_line from sent.{name} as row "
        f"where {has_key} and not {held_out_condition(name)} "
        f"and exists (select 1 from sent.{parent} as parent where {same} and {out}) "
        f"and not exists (select 1 from sent.{parent} as parent where {same} and not {out})"
    )


def held_out_condition(table_name: str, *, row: str = "row") -> str:
    """Render whether a row of ``sent.T`` is rejected or held back."""
    parts = [_is_listed(where, table_name, row=row) for where in ("rejected", "held_back")]
    return f"({' or '.join(parts)})"


def _is_listed(where: str, table_name: str, *, row: str = "row") -> str:
    return f"{row}.source_line in (select line from {where} where table_name = '{table_name}')"


def lines_of(connection: duckdb.DuckDBPyConnection, where: str, table_name: str) -> pl.Series:
    """List the lines of a table that are ``rejected`` or ``held_back``."""
    query = f"select distinct line from {where} where table_name = ? order by line"
    return query_frame(connection, query, [table_name])["line"].cast(pl.Int64)


def persons(rows: Mapping[str, pl.Series] | pl.DataFrame) -> pl.DataFrame:
    """Give rows the types of ``elsewhere.person``."""
    return pl.DataFrame(rows).select(pl.col(name).cast(kind) for name, kind in PERSON_SCHEMA.items())
