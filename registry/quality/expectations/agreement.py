"""Compare what Great Expectations found with what the gate and the rules found, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.engine import FINDING_SCHEMA, RESULT_SCHEMA
from blinreg.schemas.rules import CELL, Severity, rule

#: Columns of the counts of an expectation.
MET_SCHEMA = pl.Schema({**RESULT_SCHEMA, "is_met": pl.Boolean()})

#: Columns of what only one of the two says: of a line, or, with ``line`` null, of the counts of a rule.
DISAGREEMENT_SCHEMA = pl.Schema({**FINDING_SCHEMA, "said_by": pl.String()})

GREAT_EXPECTATIONS = "great_expectations"
RULES = "rules"

_COUNTS = ("n_rows", "n_checked", "n_bad", "n_unknown")


def counts_of(results: Mapping[str, Any]) -> pl.DataFrame:
    """Take the counts of every rule out of the results of a checkpoint; gives a frame of `MET_SCHEMA`."""
    rows = [
        {
            "rule": each["expectation_config"]["kwargs"]["rule"],
            "table": each["expectation_config"]["meta"]["table"],
            "n_rows": each["result"]["element_count"],
            "n_checked": each["result"]["n_checked"],
            "n_bad": each["result"]["unexpected_count"],
            "n_unknown": each["result"]["missing_count"],
            "is_met": each["success"],
        }
        for result in results.values()
        for each in result["results"]
    ]
    return pl.DataFrame(rows, schema=MET_SCHEMA)


def findings_of(results: Mapping[str, Any]) -> pl.DataFrame:
    """Take the bad rows of every rule out of the results of a checkpoint; gives a frame of `FINDING_SCHEMA`."""
    parts = [FINDING_SCHEMA.to_frame()]
    for result in results.values():
        for each in result["results"]:
            places = each["result"]["places"]
            if places:
                parts.append(_found(each["expectation_config"]["kwargs"]["rule"], places))
    return pl.concat(parts)


def _found(rule_id: str, places: list[Any]) -> pl.DataFrame:
    declared = rule(rule_id)
    if declared.table == CELL:
        cells = pl.DataFrame(places)
        table, line, column = (cells[name] for name in ("table_name", "line", "column_name"))
        return pl.DataFrame({"rule": rule_id, "table": table, "line": line, "column": column}, schema=FINDING_SCHEMA)
    line = pl.Series(places, dtype=pl.Int64)
    column_names = ", ".join(declared.columns)
    return pl.DataFrame(
        {"rule": rule_id, "table": declared.table, "line": line, "column": column_names}, schema=FINDING_SCHEMA
    )


def disagreements(checked: CheckedSubmission, counts: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    """Give what only one of the two says.

    Parameters
    ----------
    checked : CheckedSubmission
        What the gate and the rules found.
    counts, findings : polars.DataFrame
        What Great Expectations found.

    Returns
    -------
    polars.DataFrame
        ``rule, table, line, column, said_by``: a line that only one finds bad, and with ``line`` null a rule whose
        counts differ. Empty if they agree.
    """
    ours = checked.violations.select(FINDING_SCHEMA.names())
    theirs = _on_accepted_rows(findings, checked)
    place = FINDING_SCHEMA.names()
    return pl.concat(
        [
            DISAGREEMENT_SCHEMA.to_frame(),
            _only(theirs, ours, place, GREAT_EXPECTATIONS),
            _only(ours, theirs, place, RULES),
            _only(_counted(counts), _counted(checked.results), ["rule", *_COUNTS], GREAT_EXPECTATIONS),
            _only(_counted(checked.results), _counted(counts), ["rule", *_COUNTS], RULES),
        ]
    )


def _on_accepted_rows(findings: pl.DataFrame, checked: CheckedSubmission) -> pl.DataFrame:
    """Leave out warnings about rows that were not accepted, as the check does."""
    warning = [rule_id for rule_id in findings["rule"].unique() if rule(rule_id).severity is Severity.WARN]
    is_warning = pl.col("rule").is_in(warning)
    out = pl.concat(
        pl.DataFrame({"line": lines}).select(pl.lit(table.name).alias("table"), pl.col("line").cast(pl.Int64))
        for table in checked.tables
        for lines in (table.quarantined, table.held_back)
    )
    told = findings.filter(is_warning).join(out, on=["table", "line"], how="anti")
    return pl.concat([findings.filter(~is_warning), told])


def _counted(counts: pl.DataFrame) -> pl.DataFrame:
    return counts.select("rule", "table", pl.lit(None, pl.Int64).alias("line"), pl.lit("").alias("column"), *_COUNTS)


def _only(these: pl.DataFrame, those: pl.DataFrame, keys: list[str], said_by: str) -> pl.DataFrame:
    return (
        these.join(those, on=keys, how="anti", nulls_equal=True)
        .select(FINDING_SCHEMA.names())
        .with_columns(pl.lit(said_by).alias("said_by"))
    )
