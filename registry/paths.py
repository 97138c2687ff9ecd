"""Names of the files of a registry: every one begins with the name of the registry itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RegistryPaths:
    """The files of registry ``R``: ``R``, ``R.journal`` and the folder ``R.submissions``.

    Examples
    --------
    >>> RegistryPaths(Path("all.duckdb")).journal.name
    'all.duckdb.journal'
    """

    database: Path

    @property
    def journal(self) -> Path:
        """The journal, one JSON object a line."""
        return self._beside("journal")

    @property
    def submissions(self) -> Path:
        """The files of accepted submissions as received, under the hash of their content."""
        return self._beside("submissions")

    @property
    def write_ahead_log(self) -> Path:
        """DuckDB's own log of what is not yet in the file."""
        return self._beside("wal")

    @property
    def spill(self) -> Path:
        """Folder that DuckDB uses when memory is short."""
        return self._beside("tmp")

    @property
    def rules_spill(self) -> Path:
        """Folder that the rules use when memory is short."""
        return self._beside("rules.tmp")

    @property
    def recovery(self) -> str:
        """What to do when the registry is damaged, for the end of an error."""
        name = self.database.name
        return (
            f"put back a copy of {name} together with {self.journal.name}, or make a new registry out of the "
            f"submissions kept in {self.submissions.name}: blinreg rebuild {name} NEW"
        )

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(f"{self.database.name}.{suffix}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power, where the system allows it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
