"""Write a checked submission into the database, inside the caller's transaction."""

from __future__ import annotations

import duckdb
import polars as pl

from blinreg.registry.quality.check import CheckedSubmission, CheckedTable
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.ledger import LEDGER_SCHEMA, SUBMISSION_FILE, VIOLATION, quote_name
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
        name = table.source.definition.name
        _insert(connection, f"submitted.{name}", _with_origin(table.accepted, submission_id, table))
        _insert(connection, f"quality.quarantine_{name}", _with_origin(table.held_out, submission_id, table))
    _insert(connection, f"{LEDGER_SCHEMA}.submission_file", _files(submission_id, checked))
    _insert(connection, "quality.violation", violation_rows(submission_id, checked))
    _insert(connection, "quality.rule_result", result_rows(submission_id, checked))


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


def _with_origin(rows: pl.DataFrame, submission_id: str, table: CheckedTable) -> pl.DataFrame:
    return rows.with_columns(submission_id=pl.lit(submission_id), source_file=pl.lit(table.source.file.path))


def _files(submission_id: str, checked: CheckedSubmission) -> pl.DataFrame:
    rows = [
        {
            "submission_id": submission_id,
            "table": table.source.definition.name,
            "path": table.source.file.path,
            "sha256": table.source.file.sha256,
            "n_rows": table.typed.height,
            "n_quarantined": table.n_quarantined,
            "n_held_back": table.n_held_back,
        }
        for table in checked.tables
    ]
    return pl.DataFrame(rows).select(SUBMISSION_FILE.column_names)


def _insert(connection: duckdb.DuckDBPyConnection, target: str, rows: pl.DataFrame) -> None:
    if rows.is_empty():
        return
    columns = ", ".join(quote_name(name) for name in rows.columns)
    connection.register(_INCOMING, rows.to_arrow())
    try:
        connection.execute(f"insert into {target} ({columns}) select {columns} from {_INCOMING}")
    except (duckdb.ConstraintException, duckdb.ConversionException):
        # DuckDB's message quotes the row.
        raise BlinregError(f"the database refused rows for {target} that the rules had accepted") from None
    # Not after a failure: an aborted transaction takes no further statement, and ends with its session.
    connection.unregister(_INCOMING)
