"""Fill an empty database with everything a registry has before its first submission."""

from __future__ import annotations

from importlib.resources import files

import duckdb

from blinreg.schemas import ledger
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.render import ddl


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


def build(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas, tables, views and macros of a registry in the current database.

    Raises
    ------
    BlinregError
        If a part cannot be built; the part is named. It is a fault of blinreg.
    """
    rendered_before = (
        ("schemas", ddl.schemas_ddl()),
        ("submitted tables", ddl.storage_ddl()),
        ("ledger", ledger.ledger_ddl()),
        ("current views", ddl.current_ddl()),
    )
    for name, text in (*rendered_before, *sql_files(), ("comments on the analysis views", ddl.analysis_comments())):
        try:
            connection.execute(text)
        except duckdb.Error as error:
            raise BlinregError(f"the registry cannot be built: {name}: {error}") from error
