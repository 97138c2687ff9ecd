"""Ask the database a question and get a polars frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import polars as pl


def query_frame(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
) -> pl.DataFrame:
    """Run one query.

    Examples
    --------
    >>> query_frame(duckdb.connect(), "select ? as days", [30]).row(0)
    (30,)
    """
    frame: pl.DataFrame = connection.sql(query, params=parameters).pl()
    return frame
