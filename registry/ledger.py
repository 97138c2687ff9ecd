"""Read and write the ledger: the rows of ``ledger.submission`` and what they say to the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from blinreg.schemas.ledger import LEDGER_SCHEMA, SUBMISSION, quote_name

#: What the journal repeats of a row of the ledger; by these the two are compared.
JOURNAL_FACTS = (
    "sequence",
    "submission_id",
    "site_id",
    "content_sha256",
    "outcome",
    "n_rows",
    "n_quarantined",
    "n_held_back",
    "actor",
)

_COLUMNS = ", ".join(quote_name(name) for name in SUBMISSION.column_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One submission in the ledger; times are UTC without a zone."""

    sequence: int
    submission_id: str | None
    site_id: str | None
    content_sha256: str | None
    created_at: datetime | None
    data_cutoff_date: date | None
    schema_version: str | None
    is_synthetic: bool | None
    outcome: str
    reason: str | None
    received_at: datetime
    actor: str
    n_rows: int
    n_quarantined: int
    n_held_back: int

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the journal says of this row."""
        values = asdict(self)
        return {name: values[name] for name in JOURNAL_FACTS} | {"received_at": self.received_at.isoformat()}


def read_ledger(connection: duckdb.DuckDBPyConnection) -> tuple[LedgerRow, ...]:
    """Read the whole ledger in the order of receipt."""
    rows = connection.execute(f"select {_COLUMNS} from {LEDGER_SCHEMA}.submission order by sequence").fetchall()
    return tuple(LedgerRow(**dict(zip(SUBMISSION.column_names, row, strict=True))) for row in rows)


def write_row(connection: duckdb.DuckDBPyConnection, row: LedgerRow) -> None:
    """Add a row to the ledger, inside the caller's transaction."""
    values = asdict(row)
    marks = ", ".join("?" for _ in SUBMISSION.column_names)
    connection.execute(
        f"insert into {LEDGER_SCHEMA}.submission ({_COLUMNS}) values ({marks})",
        [values[name] for name in SUBMISSION.column_names],
    )


def accepted_of(ledger: tuple[LedgerRow, ...], site_id: str) -> LedgerRow | None:
    """Find the submission of a site that counts now."""
    found = [row for row in ledger if row.outcome == "accepted" and row.site_id == site_id]
    return found[-1] if found else None


def next_sequence(ledger: tuple[LedgerRow, ...]) -> int:
    """Give the number of the next submission."""
    return ledger[-1].sequence + 1 if ledger else 1
