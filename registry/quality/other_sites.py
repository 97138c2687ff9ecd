"""What a site may see of the others: shares and quantiles over many patients, never a patient.

Counts under eleven patients are left out, and so is what they could be worked out from; for synthetic
patients nothing is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from blinreg.registry.ledger import LedgerRow
from blinreg.registry.store import Registry

#: Fewer patients than this are not told of.
FEWEST = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSites:
    """The current submissions of the other sites.

    Parameters
    ----------
    cursor : duckdb.DuckDBPyConnection
        Session on the registry that holds them.
    rows : tuple of LedgerRow
        One a site.
    """

    cursor: duckdb.DuckDBPyConnection
    rows: tuple[LedgerRow, ...]

    @property
    def submission_ids(self) -> list[str]:
        """Names of the submissions."""
        return [str(row.submission_id) for row in self.rows]

    @property
    def fewest(self) -> int:
        """Fewest patients that may be told of: any number, if all of them are invented."""
        return 1 if all(row.is_synthetic for row in self.rows) else FEWEST


def other_sites(base: Registry | None, ledger: Sequence[LedgerRow], site_id: str) -> OtherSites | None:
    """Find the other sites' current submissions; ``None`` if there are none."""
    newest = {row.site_id: row for row in ledger if row.outcome == "accepted" and row.site_id != site_id}
    if base is None or not newest:
        return None
    return OtherSites(cursor=base.cursor(), rows=tuple(newest.values()))
