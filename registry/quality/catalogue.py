"""The rules of this version of blinreg, as the registry lists them for readers of SQL."""

from __future__ import annotations

from functools import cache

import duckdb
import polars as pl

from blinreg.schemas.rules import RULES, Rule
from blinreg.schemas.rules.store import QUALITY_SCHEMA, RULE

_INCOMING = "incoming_rules"


@cache
def catalogue_rows() -> pl.DataFrame:
    """Give every rule as ``quality.rule`` holds it."""
    rows = [_row(rule) for rule in RULES]
    numbers = {"max_rows": pl.Int64, "max_percent": pl.Float64, "min_percent": pl.Float64, "min_checked": pl.Int64}
    return pl.DataFrame(rows, schema={name: numbers.get(name, pl.String) for name in RULE.column_names})


def _row(rule: Rule) -> dict[str, str | int | float | None]:
    return {
        "rule": rule.id,
        "title": rule.title,
        "table": rule.table,
        "severity": rule.severity.value,
        "category": rule.category.value,
        "context": rule.context,
        "report": rule.report,
        "message": rule.message,
        "reason": rule.reason,
        "source": rule.source or None,
        "max_rows": rule.threshold.max_rows,
        "max_percent": rule.threshold.max_percent,
        "min_percent": rule.threshold.min_percent,
        "min_checked": rule.threshold.min_checked,
    }


def write_catalogue(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill ``quality.rule``, which is empty."""
    connection.register(_INCOMING, catalogue_rows().to_arrow())
    connection.execute(f"insert into {QUALITY_SCHEMA}.rule select * from {_INCOMING}")
    connection.unregister(_INCOMING)
