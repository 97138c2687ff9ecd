"""Derive: run the files of ``sql/`` over the rows that count, so that ``analysis.*`` is there to be read.

The derived relations are tables, written anew in the transaction of every load: a view on
a view on a view takes DuckDB seconds to plan, and a reader should not wait for that. What
they say for an earlier submission is derived beside the registry (`derive_as_of`).
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

import duckdb

from blinreg.registry.damage import is_corrupt
from blinreg.registry.quality.catalogue import catalogue_rows
from blinreg.registry.quality.delta import violation_delta_ddl
from blinreg.registry.quality.segments import segments_ddl
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.ledger import LEDGER_SCHEMA, current_submission_ddl
from blinreg.schemas.render import ddl
from blinreg.schemas.rules.store import quality_ddl
from blinreg.schemas.tables import TABLES

#: Files numbered from here on are macros: they hold no rows, so that a load leaves them as they are.
FIRST_MACRO = "900"

#: What the derivation reads, and what it fills.
_INPUTS = ("current", LEDGER_SCHEMA, "quality")
_OUTPUTS = ("staging", "derived", "analysis")

#: Stands in the layout in the place of the hash while the derived tables are behind the rows.
_BEHIND = "0" * 64


def sql_files() -> tuple[tuple[str, str], ...]:
    """List the files of ``blinreg.sql`` with their text, in the order in which they build on each other.

    The order is that of the file names, which begin with a number.
    """
    found = [
        (item.name, item.read_text(encoding="utf-8"))
        for item in files("blinreg.sql").iterdir()
        if item.name.endswith(".sql")
    ]
    return tuple(sorted(found))


def derivation_sha256() -> str:
    """Hash of all that a registry has beside its stored rows: rules, views, derived tables, comments and macros."""
    rules = [quality_ddl(), catalogue_rows().rows(), segments_ddl(), violation_delta_ddl()]
    parts = [*rules, current_submission_ddl(), ddl.current_ddl(), *sql_files(), ddl.analysis_comments()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def mark_derivation(connection: duckdb.DuckDBPyConnection, *, is_current: bool) -> None:
    """Write into the layout whether the derived tables are those of the rows, inside the caller's transaction."""
    sha256 = derivation_sha256() if is_current else _BEHIND
    connection.execute(f"update {LEDGER_SCHEMA}.layout set derivation_sha256 = ?", [sha256])


def derive(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill ``staging``, ``derived`` and ``analysis`` from ``current``.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Its default database holds the registry; inside a transaction, that of the caller.
        The variables ``as_of`` and ``analysis_cutoff_date`` of its session count.

    Raises
    ------
    BlinregError
        If a file fails; the file is named and the data are not. It is a fault of blinreg.
    """
    for name, text in _steps():
        run_step(connection, name, text)


def run_step(connection: duckdb.DuckDBPyConnection, name: str, text: str) -> None:
    """Run one part of building or deriving, naming it where it fails."""
    try:
        connection.execute(text)
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise BlinregError(f"{name} cannot be run: {error}") from error
    except duckdb.Error as error:
        if is_corrupt(error):
            raise
        # The message of an error at run time may quote a value.
        raise BlinregError(f"{name} failed: {type(error).__name__}") from None


def derive_as_of(connection: duckdb.DuckDBPyConnection, catalog: str, submission_id: str) -> None:
    """Derive what the registry said when a submission was the newest, in the session's own memory.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Session of an in-memory database to which the registry is attached as ``catalog``.
        Afterwards ``staging``, ``derived`` and ``analysis`` of its default database are those of then.
    catalog : str
        Name of the attached registry.
    submission_id : str
        An accepted submission.
    """
    connection.execute("set variable as_of = ?", [submission_id])
    connection.execute("use memory")
    for schema in (*_INPUTS, *_OUTPUTS):
        connection.execute(f"create schema if not exists {schema}")
    inputs = [f"current.{table.name}" for table in TABLES] + [f"quality.quarantine_{table.name}" for table in TABLES]
    for name in (*inputs, f"{LEDGER_SCHEMA}.current_submission", f"{LEDGER_SCHEMA}.submission"):
        connection.execute(f"create or replace view {name} as select * from {catalog}.{name}")
    derive(connection)


def _steps() -> list[tuple[str, str]]:
    derivations = [(f"sql/{name}", text) for name, text in sql_files() if name < FIRST_MACRO]
    return [*derivations, ("the comments on the analysis tables", ddl.analysis_comments())]
