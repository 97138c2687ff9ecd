"""Show SQLAlchemy, and so Great Expectations, a DuckDB database that this process has open.

Great Expectations takes an address, reads a result after it gave its connection back, and knows no DuckDB. The
address is ``duckdb+held://<name>``, where the name was given by `hold`; results are read in full at once. Statements
that only read are all that it can run: there are no transactions and no reflection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import duckdb
from sqlalchemy.dialects import registry
from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy
from sqlalchemy.engine.default import DefaultDialect, DefaultExecutionContext
from sqlalchemy.engine.url import URL
from sqlalchemy.pool import Pool, StaticPool

#: Databases that can be reached by name now.
_HELD: dict[str, duckdb.DuckDBPyConnection] = {}


@contextmanager
def hold(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Make a database reachable for as long as the context lasts; gives its address.

    Examples
    --------
    >>> import sqlalchemy
    >>> with hold(duckdb.connect()) as address:
    ...     with sqlalchemy.create_engine(address).connect() as session:
    ...         result = session.execute(sqlalchemy.text("select [2, 3] as lines"))
    ...     result.fetchall()  # after the session was closed
    [([2, 3],)]
    """
    name = f"database{uuid4().hex}"
    _HELD[name] = connection
    try:
        yield f"duckdb+held://{name}"
    finally:
        del _HELD[name]


class _ReadAtOnce(DefaultExecutionContext):
    """A statement whose result outlives its connection."""

    def post_exec(self) -> None:
        """Read what the database holds ready, before the connection is given back."""
        description = self.cursor.description
        if description:
            self.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                self.cursor, description, self.cursor.fetchall()
            )


class HeldDuckDB(DefaultDialect):
    """The dialect: DuckDB reached through a connection that is there already."""

    name = "duckdb"
    driver = "held"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    execution_ctx_cls = _ReadAtOnce

    @classmethod
    def import_dbapi(cls) -> Any:
        """Give the module of the database."""
        return duckdb

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """Use one connection."""
        return StaticPool

    def create_connect_args(self, url: URL) -> Any:
        """Take the name out of the address."""
        return [], {"name": url.host}

    def connect(self, *_: Any, **parameters: Any) -> Any:
        """Open a session on the database of that name."""
        return _HELD[parameters["name"]].cursor()

    def initialize(self, connection: Any) -> None:
        """Ask the database nothing: all that matters of it is known."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Leave nothing to roll back: nothing is written."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Leave nothing to commit: nothing is written."""


registry.register("duckdb.held", __name__, HeldDuckDB.__name__)
