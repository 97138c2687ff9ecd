"""What is judged by which rules: the steps of a check, each as batches of rows with their rules.

The rows are where the check left them. Other rows than the bad ones take part in a verdict, so that a
row that was rejected in an earlier step must be gone from a later one, as it was in the check.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

import duckdb
import polars as pl

from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.engine import is_related
from blinreg.registry.quality.expectations.column_rules import column_rules
from blinreg.registry.quality.staging import insert
from blinreg.schemas.rules import CELL, CONTEXTS, RULES, Context, Rule, Severity, Threshold
from blinreg.schemas.rules.sql import SubmissionFacts, context_table, contexts_of, is_checked, verdict
from blinreg.schemas.tables import TABLES

#: Rows that a step was given, in what the contexts of the rules are read from.
_SOUND = re.compile(r"\bsound\.")

#: How a rule says where a row is.
_LINE = "source_line"
_CELL = "struct_pack(line := source_line, table_name := table_name, column_name := column_name)"


#: Schemas that are made beside those of the check.
_SCHEMAS = ("written", "related", "related_warnings", "batch")


class Step(StrEnum):
    """When rules are run: the later ones do not see the rows that the earlier ones rejected."""

    COLUMNS = "columns"
    ROWS = "rows"
    RELATED = "related"
    RELATED_WARNINGS = "related_warnings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A rule as SQL on the rows of a batch.

    Parameters
    ----------
    rule : Rule
        The rule.
    bad : str
        True for a bad row, null if that cannot be known, false for a sound row and for one that is not judged.
    about : str
        True for a row that the rule is about; empty if it is about all.
    place : str
        Where a row is; empty if bad rows are only counted.
    """

    rule: Rule
    bad: str
    about: str
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of one table, and the rules that are run on them in one step.

    Parameters
    ----------
    table : str
        The table.
    step : Step
        The step.
    judgements : tuple of Judgement
        The rules.
    """

    table: str
    step: Step
    judgements: tuple[Judgement, ...]

    @property
    def name(self) -> str:
        """Name of the batch and of its suite."""
        return f"{self.table}.{self.step.value}"

    @property
    def relation(self) -> str:
        """Its rows in the database."""
        return f"batch.{self.table}_{self.step.value}"


@contextmanager
def made_batches(
    checked: CheckedSubmission, facts: SubmissionFacts, limits: Mapping[str, Threshold] | None = None
) -> Iterator[tuple[duckdb.DuckDBPyConnection, tuple[Batch, ...]]]:
    """Put the rows of every batch beside those of the check; they are gone afterwards.

    Parameters
    ----------
    checked : CheckedSubmission
        The submission after the rules.
    facts : SubmissionFacts
        What the rules knew of it.
    limits : mapping of str to Threshold, optional
        Limits by rule; a rule that is not in it has its usual ones.

    Yields
    ------
    tuple
        The database of the check, and the batches.
    """
    connection = checked.tables[0].connection.cursor()
    try:
        for name in _SCHEMAS:
            connection.execute(f"create schema {name}")
        yield connection, tuple(_batches(connection, checked, facts, limits or {}))
    finally:
        for name in reversed(_SCHEMAS):
            connection.execute(f"drop schema if exists {name} cascade")
        connection.close()


def _batches(
    connection: duckdb.DuckDBPyConnection,
    checked: CheckedSubmission,
    facts: SubmissionFacts,
    limits: Mapping[str, Threshold],
) -> Iterator[Batch]:
    def limited(rules: Iterable[Rule]) -> list[Rule]:
        return [replace(rule, threshold=limits.get(rule.id, rule.threshold)) for rule in rules]

    rules = limited(rule for rule in RULES if rule.predicate and rule.table in {CELL, *facts.sent_tables})
    related = [rule for rule in rules if is_related(rule)]
    for table in checked.tables:
        definition = table.source.definition
        relation = f"written.{definition.name}"
        columns = ", ".join([*definition.column_names, "source_line"])
        connection.execute(
            f"create table {relation} ({', '.join(f'{name} varchar' for name in definition.column_names)}, "
            "source_line bigint)"
        )
        for block in table.source.blocks():
            insert(connection, relation, block, columns)
        yield _batch(connection, limited(column_rules(definition)), facts, step=Step.COLUMNS, schema="written")
    own = [rule for rule in rules if not is_related(rule)]
    yield from _by_table(connection, own, facts, step=Step.ROWS, schema="sent")
    rejecting = [rule for rule in related if rule.severity is not Severity.WARN]
    warning = [rule for rule in related if rule.severity is Severity.WARN]
    # The rules of the first of these do not see what those before rejected, those of the second not what it did.
    ids_before = [rule.id for rule in RULES if not is_related(rule)]
    for step, of_step, before in ((Step.RELATED, rejecting, ids_before), (Step.RELATED_WARNINGS, warning, None)):
        _leave(connection, checked, schema=step.value, rejected_by=before)
        _make_contexts(connection, of_step, schema=step.value)
        yield from _by_table(connection, of_step, facts, step=step, schema=step.value)


def _leave(
    connection: duckdb.DuckDBPyConnection,
    checked: CheckedSubmission,
    *,
    schema: str,
    rejected_by: Sequence[str] | None,
) -> None:
    """Make the rows that are left after some rules, or after all, as views of a schema."""
    found = checked.violations.filter(pl.col("severity") == Severity.REJECT_ROW.value)
    if rejected_by is not None:
        found = found.filter(pl.col("rule").is_in(rejected_by))
    connection.execute(f"create table {schema}.rejected (table_name varchar, line bigint)")
    insert(connection, f"{schema}.rejected", found.select("table", pl.col("line").cast(pl.Int64)).unique())
    for definition in TABLES:
        name = definition.name
        connection.execute(
            f"create view {schema}.{name} as select * from sent.{name} as row where row.source_line not in "
            f"(select line from {schema}.rejected where table_name = '{name}')"
        )


def _make_contexts(connection: duckdb.DuckDBPyConnection, rules: Iterable[Rule], *, schema: str) -> None:
    """Make what the rules read of other rows, out of the rows that their step was given."""
    needed = {context.name: context for rule in rules for context in contexts_of(rule, CONTEXTS)}
    for context in needed.values():
        connection.execute(_SOUND.sub(f"{schema}.", context_table(context)))


def _by_table(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], facts: SubmissionFacts, *, step: Step, schema: str
) -> Iterator[Batch]:
    for name in dict.fromkeys(rule.table for rule in rules):
        of_table = [rule for rule in rules if rule.table == name]
        yield _batch(connection, of_table, facts, step=step, schema=schema)


def _batch(
    connection: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    facts: SubmissionFacts,
    *,
    step: Step,
    schema: str,
) -> Batch:
    """Put the rows of a batch where they stay as they are now, with what the rules read of other rows."""
    columns = ["judged_row.*"]
    judgements = []
    for rule in rules:
        judgement = _judgement(rule, facts)
        if _looks_around(judgement.bad):
            columns.append(f'{judgement.bad} as "{rule.id}"')
            judgement = Judgement(rule=rule, bad=f'"{rule.id}"', about=judgement.about, place=judgement.place)
        judgements.append(judgement)
    used = [context for context in CONTEXTS if any(context in contexts_of(rule, CONTEXTS) for rule in rules)]
    columns += [f"context_{context.name}.*" for context in used]
    batch = Batch(table=rules[0].table, step=step, judgements=tuple(judgements))
    kind = "table" if used else "view"
    connection.execute(
        f"create {kind} {batch.relation} as select {', '.join(columns)} from {schema}.{batch.table} as judged_row\n"
        + "\n".join(_joins(used))
    )
    return batch


def _judgement(rule: Rule, facts: SubmissionFacts) -> Judgement:
    place = _CELL if rule.table == CELL else _LINE
    return Judgement(
        rule=rule,
        bad=verdict(rule, CONTEXTS, facts),
        about=is_checked(rule, CONTEXTS, facts) if rule.applies else "",
        place=place if rule.report == "rows" else "",
    )


def _looks_around(sql: str) -> bool:
    """Tell whether a verdict needs the place of the row among others, which no aggregate can ask for."""
    return " over (" in sql


def _joins(contexts: Iterable[Context]) -> Iterator[str]:
    for context in contexts:
        condition = " and ".join(f"judged_row.{name} = {context.name}__{name}" for name in context.key)
        yield f"left join context_{context.name} on {condition}"
