"""Run rules: one scan a table counts for every rule; a second one, over bad rows only, says which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import duckdb
import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.rules import CELL, CONTEXTS, Context, Rule
from blinreg.schemas.rules.sql import (
    CELL_PLACE,
    SubmissionFacts,
    bad_rows,
    context_parts,
    contexts_of,
    counts,
    judged,
)

T = TypeVar("T")

#: Sessions at once, and rows of a table from which on there is one.
_N_SESSIONS = 2
_LARGE_ROWS = 1_000_000

#: The chart joins all that is known of a patient: of 1.1 million at once it did not fit into the memory of the rules.
PATIENTS_AT_ONCE = 400_000

#: Columns of what is found: the rule, and where the bad row is.
FINDING_SCHEMA = pl.Schema({"rule": pl.String(), "table": pl.String(), "line": pl.Int64(), "column": pl.String()})

#: Columns of the counts of a rule.
RESULT_SCHEMA = pl.Schema(
    {
        "rule": pl.String(),
        "table": pl.String(),
        "n_rows": pl.Int64(),
        "n_checked": pl.Int64(),
        "n_bad": pl.Int64(),
        "n_unknown": pl.Int64(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What rules say of rows.

    Parameters
    ----------
    findings : polars.DataFrame
        ``rule, table, line, column``: one row a rule and bad row, but for rules that report a share.
    results : polars.DataFrame
        ``rule, table, n_rows, n_checked, n_bad, n_unknown``. Checked are the rows that the rule is
        about and whose verdict is known; unknown those that it is about and whose verdict is not.
    """

    findings: pl.DataFrame
    results: pl.DataFrame


def is_related(rule: Rule) -> bool:
    """Tell whether a rule looks beyond its row, so that it can be misled by rows that are wrong."""
    return bool(contexts_of(rule, CONTEXTS))


def make_contexts(connection: duckdb.DuckDBPyConnection, rules: Iterable[Rule]) -> None:
    """Make the tables of the contexts that the rules name, of many patients in parts."""
    needed = {context.name: context for rule in rules for context in contexts_of(rule, CONTEXTS)}
    n_patients = connection.execute("select count(*) from sent.patient").fetchall()[0][0]
    n_parts = 1 + n_patients // PATIENTS_AT_ONCE
    _in_parallel(connection, [partial(_make, context=context, n_parts=n_parts) for context in needed.values()])


def _make(connection: duckdb.DuckDBPyConnection, context: Context, n_parts: int) -> None:
    for part in context_parts(context, n_parts):
        _run(connection, f"context {context.name}", part)


def run_rules(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], facts: SubmissionFacts, *, schema: str
) -> Outcome:
    """Run rules on the rows of their tables; the contexts that they name must have been made.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Database with ``<schema>.T`` for every table of the rules.
    rules : sequence of Rule
        Rules with a predicate.
    facts : SubmissionFacts
        What they know of the submission.
    schema : str
        ``sent`` or ``sound``.

    Raises
    ------
    BlinregError
        If a rule cannot be evaluated. It is a fault of blinreg.
    """
    names = dict.fromkeys(rule.table for rule in rules)
    parts = [
        partial(_run_on_table, schema=schema, rules=[rule for rule in rules if rule.table == name], facts=facts)
        for name in names
    ]
    outcomes = _in_parallel(connection, parts)
    return Outcome(
        findings=pl.concat([FINDING_SCHEMA.to_frame(), *(outcome.findings for outcome in outcomes)]),
        results=pl.concat([RESULT_SCHEMA.to_frame(), *(outcome.results for outcome in outcomes)]),
    )


def _in_parallel(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[Callable[[duckdb.DuckDBPyConnection], T]]
) -> list[T]:
    """Run parts, each in a session of its own: DuckDB gives a table of few rows to one processor only.

    A large one it shares out itself, and memory is for one such table at a time.
    """
    largest = connection.execute("select coalesce(max(estimated_size), 0) from duckdb_tables()").fetchall()[0][0]
    sessions = [connection.cursor() for _ in parts]
    try:
        with ThreadPoolExecutor(max_workers=_N_SESSIONS if largest < _LARGE_ROWS else 1) as pool:
            return list(pool.map(lambda part, session: part(session), parts, sessions))
    finally:
        for session in sessions:
            session.close()


def _run_on_table(
    connection: duckdb.DuckDBPyConnection, schema: str, rules: Sequence[Rule], facts: SubmissionFacts
) -> Outcome:
    name = rules[0].table
    what = f"the rules of {name}"
    place = CELL_PLACE if name == CELL else ()
    scan = judged(rules, f"{schema}.{name}", CONTEXTS, facts, place=place)
    results = _results(rules, _run(connection, what, counts(rules, scan)))
    broken = [
        number
        for number, (rule, n_bad) in enumerate(zip(rules, results["n_bad"], strict=True))
        if n_bad and rule.report == "rows"
    ]
    if not broken:
        return Outcome(findings=FINDING_SCHEMA.to_frame(), results=results)
    found = _run(connection, what, bad_rows(broken, scan, place=place))
    return Outcome(findings=_findings(rules, broken, found), results=results)


def _results(rules: Sequence[Rule], counted: pl.DataFrame) -> pl.DataFrame:
    """Give the one row of counts as one row a rule."""
    n_rows, *numbers = counted.row(0)
    rows = []
    for position, rule in enumerate(rules):
        n_about, n_bad, n_unknown = numbers[3 * position : 3 * position + 3]
        rows.append((rule.id, rule.table, n_rows, n_about - n_unknown, n_bad, n_unknown))
    return pl.DataFrame(rows, schema=RESULT_SCHEMA, orient="row")


def _findings(rules: Sequence[Rule], broken: Sequence[int], found: pl.DataFrame) -> pl.DataFrame:
    """Name rule, table and columns of every bad row; the rows of ``cell`` say themselves where they stand."""
    number = pl.col("number")
    if rules[0].table == CELL:
        table_name, column = pl.col("table_name"), pl.col("column_name")
    else:
        table_name = pl.lit(rules[0].table)
        column = number.replace_strict({n: ", ".join(rules[n].columns) for n in broken}, return_dtype=pl.String)
    return found.select(
        number.replace_strict({n: rules[n].id for n in broken}, return_dtype=pl.String).alias("rule"),
        table_name.cast(pl.String).alias("table"),
        pl.col("line").cast(pl.Int64),
        column.alias("column"),
    )


def _run(connection: duckdb.DuckDBPyConnection, what: str, query: str) -> pl.DataFrame:
    try:
        if query.startswith(("create", "insert")):
            connection.execute(query)
            return pl.DataFrame()
        return query_frame(connection, query)
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException) as error:
        raise BlinregError(f"{what} cannot be run: {error}") from error
    except duckdb.Error as error:
        # The message of an error at run time may quote a value.
        raise BlinregError(f"{what} failed: {type(error).__name__}") from None
