"""Fill an empty database with everything a registry has before its first submission."""

from __future__ import annotations

import duckdb

from blinreg.registry.derive import FIRST_MACRO, derive, run_step, sql_files
from blinreg.schemas import ledger
from blinreg.schemas.render import ddl


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
        ("current views", ddl.current_ddl()),
    ):
        run_step(connection, name, text)
    derive(connection)
    for name, text in sql_files():
        if name >= FIRST_MACRO:
            run_step(connection, f"sql/{name}", text)
