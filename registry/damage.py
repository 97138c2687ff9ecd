"""Tell a file that cannot be read any more from every other failure of the database."""

from __future__ import annotations

import duckdb


def is_corrupt(error: BaseException | None) -> bool:
    """Tell whether DuckDB found a block whose checksum is wrong; it notices when the block is first read.

    Its message holds two checksums and a place in the file, and no value.

    Examples
    --------
    >>> is_corrupt(duckdb.Error("Corrupt database file: computed checksum 1 does not match stored checksum 2"))
    True
    """
    return isinstance(error, duckdb.Error) and "Corrupt database file" in str(error)
