"""Write a checked submission into the database, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import duckdb
import polars as pl
import pyarrow as pa

from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.ledger import LEDGER_SCHEMA, SUBMISSION_FILE, VIOLATION, quote_name
from blinreg.schemas.model import Table
from blinreg.schemas.render.ddl import quote
from blinreg.schemas.rules.store import RULE_RESULT

#: Name under which rows on their way in are known to the connection.
_INCOMING = "incoming_rows"


def store(connection: duckdb.DuckDBPyConnection, submission_id: str, checked: CheckedSubmission) -> None:
    """Store accepted rows typed, the others as sent, with the files and what was found.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        In a transaction.
    submission_id : str
        Submission of the rows.
    checked : CheckedSubmission
        The rows after the rules.
    """
    for table in checked.tables:
        origin = {"submission_id": submission_id, "source_file": table.source.file.path}
        _insert(connection, f"submitted.{table.name}", table.accepted_batches(), origin)
        _check_key(connection, table.source.definition, submission_id)
        for held_out in table.held_out_blocks():
            _insert(connection, f"quality.quarantine_{table.name}", _arrow(held_out), origin)
    _insert(connection, f"{LEDGER_SCHEMA}.submission_file", _arrow(_files(submission_id, checked)))
    _insert(connection, "quality.violation", _arrow(violation_rows(submission_id, checked)))
    _insert(connection, "quality.rule_result", _arrow(result_rows(submission_id, checked)))


def _check_key(connection: duckdb.DuckDBPyConnection, definition: Table, submission_id: str) -> None:
    """Check that no two stored rows of a submission have the same key; no two submissions have the same name."""
    twice = (
        f"select 1 from submitted.{definition.name} where submission_id = ? "
        f"group by {', '.join(definition.key)} having count(*) > 1 limit 1"
    )
    if connection.execute(twice, [submission_id]).fetchall():
        raise BlinregError(f"rows for submitted.{definition.name} that the rules had accepted have the same key")


def violation_rows(submission_id: str, checked: CheckedSubmission) -> pl.DataFrame:
    """Give the violations as ``quality.violation`` holds them."""
    files = {table.source.definition.name: table.source.file.path for table in checked.tables}
    return checked.violations.with_columns(
        submission_id=pl.lit(submission_id),
        file=pl.col("table").replace_strict(files, return_dtype=pl.String),
    ).select(VIOLATION.column_names)


def result_rows(submission_id: str, checked: CheckedSubmission) -> pl.DataFrame:
    """Give the counts of the rules as ``quality.rule_result`` holds them."""
    return checked.results.with_columns(submission_id=pl.lit(submission_id)).select(RULE_RESULT.column_names)


def _files(submission_id: str, checked: CheckedSubmission) -> pl.DataFrame:
    rows = [
        {
            "submission_id": submission_id,
            "table": table.source.definition.name,
            "path": table.source.file.path,
            "sha256": table.source.file.sha256,
            "n_rows": table.n_rows,
            "n_quarantined": table.n_quarantined,
            "n_held_back": table.n_held_back,
        }
        for table in checked.tables
    ]
    return pl.DataFrame(rows).select(SUBMISSION_FILE.column_names)


def _arrow(rows: pl.DataFrame) -> pa.RecordBatchReader:
    return rows.to_arrow(compat_level=pl.CompatLevel.newest()).to_reader()


def _insert(
    connection: duckdb.DuckDBPyConnection,
    target: str,
    rows: pa.RecordBatchReader,
    constants: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Append rows to a table, a batch at a time, with the same value in every row of some columns."""
    columns = ", ".join([*map(quote_name, rows.schema.names), *constants])
    values = ", ".join([*map(quote_name, rows.schema.names), *map(quote, constants.values())])
    connection.register(_INCOMING, rows)
    try:
        connection.execute(f"insert into {target} ({columns}) select {values} from {_INCOMING}")
    except (duckdb.ConstraintException, duckdb.ConversionException):
        # DuckDB's message quotes the row.
        raise BlinregError(f"the database refused rows for {target} that the rules had accepted") from None
    # Not after a failure: an aborted transaction takes no further statement, and ends with its session.
    connection.unregister(_INCOMING)
