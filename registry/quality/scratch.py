"""A registry to try a submission on: in memory, thrown away, with what the rules may know of a real one.

It takes over the ledger, the limits of the rules and, of other sites, the rows that the rules on uniqueness
read. It is a registry in every way that loading looks at, so that a trial goes the way of a load.
"""

from __future__ import annotations

import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import duckdb
import polars as pl

from blinreg.registry.derive import run_step
from blinreg.registry.frames import query_frame
from blinreg.registry.journal import NO_PREVIOUS, Entry
from blinreg.registry.ledger import LedgerRow, write_row
from blinreg.registry.manifest import Manifest
from blinreg.registry.paths import RegistryPaths
from blinreg.registry.quality.catalogue import write_catalogue
from blinreg.registry.quality.segments import segments_ddl
from blinreg.registry.store import CATALOG, Registry
from blinreg.schemas import ledger as ledger_schema
from blinreg.schemas.ledger import LAYOUT_VERSION, LEDGER_SCHEMA
from blinreg.schemas.render import ddl
from blinreg.schemas.rules.store import QUALITY_SCHEMA, quality_ddl
from blinreg.schemas.tables import table

#: Of patients at other sites, the rules on uniqueness read these rows.
_READ_ELSEWHERE = {"patient": "true", "treatment_cycle": "agent = 'blinatumomab'"}

#: Nobody reads the comments of tables that are thrown away, and they are half of the statements.
_COMMENT = re.compile(r"^comment on .*;$", re.MULTILINE)

_INCOMING = "incoming_scratch"

#: Stands in the layout for a derivation that was never made.
_UNDERIVED = "0" * 64


def ledger_before(
    ledger: tuple[LedgerRow, ...], manifest: Manifest, *, as_loaded: bool = False
) -> tuple[LedgerRow, ...]:
    """Give the ledger as it was before a submission that is in it; else as it is.

    Parameters
    ----------
    ledger : tuple of LedgerRow
        What was received.
    manifest : Manifest
        The submission.
    as_loaded : bool
        Whether that holds for one that was replaced since, too. If not, only for the current one of its site,
        which loading leaves as it is; one that was replaced is refused.
    """
    accepted = [row for row in ledger if row.outcome == "accepted" and row.site_id == manifest.site_id]
    same = [row for row in (accepted if as_loaded else accepted[-1:]) if row.content_sha256 == manifest.content_sha256]
    if not same:
        return ledger
    return tuple(row for row in ledger if row.site_id != manifest.site_id or row.sequence < same[-1].sequence)


@contextmanager
def scratch_registry(base: Registry | None, ledger: tuple[LedgerRow, ...], site_id: str) -> Iterator[Registry]:
    """Make a registry in memory, open for writing; what is loaded into it is gone afterwards.

    Parameters
    ----------
    base : Registry, optional
        The real registry; nothing in it changes.
    ledger : tuple of LedgerRow
        Its submissions.
    site_id : str
        Site whose submission will be tried; of it only the ledger is taken over.
    """
    with tempfile.TemporaryDirectory(prefix="blinreg-validate-") as folder:
        paths = RegistryPaths(Path(folder) / "registry.duckdb")
        paths.submissions.mkdir()
        connection = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "temp_directory": str(paths.spill),
            },
        )
        try:
            connection.execute(f"attach ':memory:' as {CATALOG}")
            connection.execute(f"use {CATALOG}")
            _build(connection)
            registry_id = uuid.uuid4().hex
            connection.execute(
                f"insert into {LEDGER_SCHEMA}.layout values (?, ?, ?, ?)",
                [registry_id, LAYOUT_VERSION, version("blinreg"), _UNDERIVED],
            )
            for row in ledger:
                write_row(connection, row)
            _write_journal(paths.journal, registry_id, ledger)
            if base is not None:
                _take_over(base, connection, site_id)
            yield Registry(paths, connection, is_writable=True)
        finally:
            connection.close()


def _build(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what loading writes to and reads, and nothing of what is derived."""
    for name, text in (
        ("schemas", ddl.schemas_ddl()),
        ("submitted tables", ddl.storage_ddl()),
        ("ledger", ledger_schema.ledger_ddl()),
        ("quality rules", quality_ddl()),
        ("segments of findings", segments_ddl()),
        ("current views", ddl.current_ddl()),
    ):
        run_step(connection, name, _COMMENT.sub("", text))
    write_catalogue(connection)


def _write_journal(path: Path, registry_id: str, ledger: tuple[LedgerRow, ...]) -> None:
    said = [("created", {"registry_id": registry_id}), *(("committed", dict(row.facts)) for row in ledger)]
    previous = NO_PREVIOUS
    with path.open("wb") as file:
        for number, (kind, facts) in enumerate(said, start=1):
            entry = Entry(number=number, kind=kind, facts=facts, previous=previous)
            file.write(entry.line())
            previous = entry.sha256


def _take_over(base: Registry, connection: duckdb.DuckDBPyConnection, site_id: str) -> None:
    cursor = base.cursor()
    # Earlier versions of blinreg had no limits.
    known = "select 1 from duckdb_tables() where schema_name = ? and table_name = 'threshold' and not temporary"
    if cursor.execute(f"{known} and database_name = ?", [QUALITY_SCHEMA, CATALOG]).fetchall():
        _insert(connection, f"{QUALITY_SCHEMA}.threshold", query_frame(cursor, f"from {QUALITY_SCHEMA}.threshold"))
    for name, condition in _READ_ELSEWHERE.items():
        columns = ", ".join([*table(name).column_names, *(column for column, _, _ in ddl.ORIGIN_COLUMNS)])
        rows = query_frame(
            cursor,
            f"select {columns} from current.{name} where {condition} and submission_id in "
            f"(select submission_id from {LEDGER_SCHEMA}.current_submission where site_id <> ?)",
            [site_id],
        )
        _insert(connection, f"submitted.{name}", rows)


def _insert(connection: duckdb.DuckDBPyConnection, target: str, rows: pl.DataFrame) -> None:
    if rows.is_empty():
        return
    connection.register(_INCOMING, rows.to_arrow())
    connection.execute(f"insert into {target} by name select * from {_INCOMING}")
    connection.unregister(_INCOMING)
