"""What is judged by which rules: the steps of a check, each as batches of rows with their rules.

The rows are staged as the rules found them. Other rows than the bad ones take part in a verdict, so that
a row that was rejected in an earlier step must be gone from a later one, as it was in the check.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import duckdb
import polars as pl

from blinreg.registry.quality.check import CheckedSubmission, CheckedTable, SubmissionContext
from blinreg.registry.quality.engine import is_related, make_contexts
from blinreg.registry.quality.expectations.column_rules import column_rules
from blinreg.registry.quality.staging import CELL_SCHEMA, cells, database, insert, persons, reject, stage
from blinreg.schemas.rules import CELL, CONTEXTS, RULES, Context, Rule, Severity
from blinreg.schemas.rules.sql import SubmissionFacts, contexts_of, is_checked, verdict

#: How a rule says where a row is.
_LINE = "source_line"
_CELL = "struct_pack(line := source_line, table_name := table_name, column_name := column_name)"


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


def make_batches(
    checked: CheckedSubmission, context: SubmissionContext
) -> tuple[duckdb.DuckDBPyConnection, tuple[Batch, ...]]:
    """Stage a submission step by step.

    Parameters
    ----------
    checked : CheckedSubmission
        The submission after the rules.
    context : SubmissionContext
        What the rules knew beside its rows.

    Returns
    -------
    tuple
        A database with the rows of every batch, to be closed by the caller, and the batches.
    """
    connection = database()
    try:
        return connection, tuple(_batches(connection, checked, context))
    except BaseException:
        connection.close()
        raise


def _batches(
    connection: duckdb.DuckDBPyConnection, checked: CheckedSubmission, context: SubmissionContext
) -> Iterator[Batch]:
    names = tuple(table.source.definition.name for table in checked.tables)
    facts = SubmissionFacts(
        site_id=context.site_id,
        created_date=context.created_date,
        data_cutoff_date=context.data_cutoff_date,
        sent_tables=names,
    )
    rules = [rule for rule in RULES if rule.predicate and rule.table in {CELL, *names}]
    related = [rule for rule in rules if is_related(rule)]
    own = [rule for rule in rules if not is_related(rule)]
    connection.execute("create schema written; create schema batch")
    _stage(connection, checked, context)
    for table in checked.tables:
        definition = table.source.definition
        yield _batch(
            connection, column_rules(definition), facts, step=Step.COLUMNS, relation=f"written.{definition.name}"
        )
    yield from _by_table(connection, own, facts, step=Step.ROWS, schema="sent")
    _reject(connection, checked.violations, of_related=False)
    make_contexts(connection, related)
    rejecting = [rule for rule in related if rule.severity is not Severity.WARN]
    yield from _by_table(connection, rejecting, facts, step=Step.RELATED, schema="sound")
    _reject(connection, checked.violations, of_related=True)
    warning = [rule for rule in related if rule.severity is Severity.WARN]
    make_contexts(connection, warning)
    yield from _by_table(connection, warning, facts, step=Step.RELATED_WARNINGS, schema="sound")


def _stage(connection: duckdb.DuckDBPyConnection, checked: CheckedSubmission, context: SubmissionContext) -> None:
    texts = [CELL_SCHEMA.to_frame()]
    for table in checked.tables:
        definition, frame = table.source.definition, table.source.frame
        stage(connection, definition, table.typed)
        columns = ", ".join(f"{name} varchar" for name in definition.column_names)
        connection.execute(f"create table written.{definition.name} ({columns}, source_line bigint)")
        insert(connection, f"written.{definition.name}", frame, ", ".join([*definition.column_names, "source_line"]))
        texts.append(cells(definition, frame, _refused_cells(table, checked.violations)))
    insert(connection, f"sent.{CELL}", pl.concat(texts))
    insert(connection, "elsewhere.claimed", pl.DataFrame({"patient_id": context.claimed}))
    insert(connection, "elsewhere.person", persons(context.persons))


def _refused_cells(table: CheckedTable, violations: pl.DataFrame) -> pl.DataFrame:
    """Give what the gate found in a table: the findings of the rules on its columns."""
    rule_ids = [rule.id for rule in column_rules(table.source.definition)]
    return violations.filter(pl.col("rule").is_in(rule_ids))


def _reject(connection: duckdb.DuckDBPyConnection, violations: pl.DataFrame, *, of_related: bool) -> None:
    """Take out of ``sound`` the rows that were rejected by rules that look beyond their row, or by the others."""
    related = [rule.id for rule in RULES if is_related(rule)]
    found = violations.filter(
        pl.col("severity") == Severity.REJECT_ROW.value, pl.col("rule").is_in(related) == of_related
    )
    for name, part in found.group_by("table"):
        reject(connection, str(name[0]), part["line"].unique())


def _by_table(
    connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], facts: SubmissionFacts, *, step: Step, schema: str
) -> Iterator[Batch]:
    for name in dict.fromkeys(rule.table for rule in rules):
        of_table = [rule for rule in rules if rule.table == name]
        yield _batch(connection, of_table, facts, step=step, relation=f"{schema}.{name}")


def _batch(
    connection: duckdb.DuckDBPyConnection,
    rules: Sequence[Rule],
    facts: SubmissionFacts,
    *,
    step: Step,
    relation: str,
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
        f"create {kind} {batch.relation} as select {', '.join(columns)} from {relation} as judged_row\n"
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
