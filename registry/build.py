"""Build what a registry has beside the rows that it stores: once in an empty file, and anew after an upgrade."""

from __future__ import annotations

import duckdb

from blinreg.registry.derive import FIRST_MACRO, derive, run_step, sql_files
from blinreg.registry.quality.catalogue import write_catalogue
from blinreg.registry.quality.delta import violation_delta_ddl
from blinreg.registry.quality.segments import segments_ddl
from blinreg.schemas import ledger
from blinreg.schemas.render import ddl
from blinreg.schemas.rules.store import quality_ddl

#: Schemas that hold nothing which cannot be made again from the stored rows.
_RENEWED = ("current", "staging", "derived", "analysis")


def build(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas, tables, views and macros of a registry in the current database.

    Raises
    ------
    BlinregError
        If a part cannot be built; the part is named. It is a fault of blinreg.
    """
    for name, text in (
        ("schemas", ddl.schemas_ddl()),
        ("submitted tables", ddl.storage_ddl()),
        ("ledger", ledger.ledger_ddl()),
    ):
        run_step(connection, name, text)
    _build_over_rows(connection)


def renew(connection: duckdb.DuckDBPyConnection) -> None:
    """Make everything that stands over the stored rows again, inside the caller's transaction.

    The schemas are emptied first: what an earlier version of blinreg made and this one does
    not make any more would otherwise stay, and never change again. Objects of other people
    belong in schemas of their own.

    Raises
    ------
    BlinregError
        If a part cannot be built; the part is named. It is a fault of blinreg.
    """
    for schema in reversed(_RENEWED):
        run_step(connection, f"schema {schema}", f"drop schema {schema} cascade; create schema {schema}")
    run_step(connection, "newest submissions", ledger.current_submission_ddl())
    _build_over_rows(connection)


def _build_over_rows(connection: duckdb.DuckDBPyConnection) -> None:
    run_step(connection, "quality rules", quality_ddl())
    write_catalogue(connection)
    run_step(connection, "segments of findings", segments_ddl())
    run_step(connection, "delta of findings", violation_delta_ddl())
    run_step(connection, "current views", ddl.current_ddl())
    derive(connection)
    for name, text in sql_files():
        if name >= FIRST_MACRO:
            run_step(connection, f"sql/{name}", text)
