"""Decide which rows of a submission are accepted.

A row is *quarantined* for what it says itself, and *held back* when it is sound and the
row it belongs to was not accepted.

The rules run in three steps. First the gate and the rules that judge a row by itself, its key and
its parent. Then those that judge it by other rows: a row that was rejected in the first step is no
evidence against another. If these reject rows too, the warnings among them are taken again from
what is left. Warnings are about accepted rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from blinreg.registry.quality.engine import RESULT_SCHEMA, Outcome, is_related, make_contexts, run_rules
from blinreg.registry.quality.staging import CELL_SCHEMA, cells, database, insert, persons, reject, stage
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.model import ForeignKey, Table, Type
from blinreg.schemas.render.gate import VIOLATION_SCHEMA, gate_violations
from blinreg.schemas.rules import CELL, RULES, Origin, Rule, Severity
from blinreg.schemas.rules.sql import SubmissionFacts

_TYPED = {Type.INTEGER: pl.Int32, Type.NUMBER: pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionContext:
    """What the rules may know beside the rows.

    Parameters
    ----------
    site_id : str
        Site of the submission.
    created_date : date
        Day on which the site made it.
    data_cutoff_date : date
        Day to which the site's data are complete.
    claimed : polars.Series
        Patients who belong to other sites now.
    persons : polars.DataFrame
        ``birth_year, sex, diagnosis_date, first_dose`` of other sites' patients who have all four.
    """

    site_id: str
    created_date: date
    data_cutoff_date: date
    claimed: pl.Series
    persons: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTable:
    """A table after the rules.

    Parameters
    ----------
    source : SubmittedTable
        The rows as sent.
    typed : polars.DataFrame
        The same rows with numbers as numbers, cells that the gate refused as null, ``source_line``
        and ``disposition``: accepted, quarantined or held_back.
    """

    source: SubmittedTable
    typed: pl.DataFrame

    @property
    def accepted(self) -> pl.DataFrame:
        """Typed rows that are accepted."""
        return self.typed.filter(pl.col("disposition") == "accepted").drop("disposition")

    @property
    def held_out(self) -> pl.DataFrame:
        """Rows that are not accepted, as sent, with their disposition."""
        return self.source.frame.with_columns(self.typed["disposition"]).filter(pl.col("disposition") != "accepted")

    @property
    def n_quarantined(self) -> int:
        """Rows quarantined for what they say."""
        return int((self.typed["disposition"] == "quarantined").sum())

    @property
    def n_held_back(self) -> int:
        """Sound rows held back with their parent."""
        return int((self.typed["disposition"] == "held_back").sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSubmission:
    """All tables of a submission after the rules, and everything that was found.

    Parameters
    ----------
    tables : tuple of CheckedTable
        Parents first.
    violations : polars.DataFrame
        ``rule, severity, table, line, column, message``, ordered by table and line.
    results : polars.DataFrame
        ``rule, table, n_rows, n_checked, n_bad, n_unknown``: every rule that was run.
    """

    tables: tuple[CheckedTable, ...]
    violations: pl.DataFrame
    results: pl.DataFrame

    @property
    def refusals(self) -> pl.DataFrame:
        """Violations for which the submission is refused whole."""
        return self.violations.filter(pl.col("severity") == Severity.REJECT_SUBMISSION.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gated:
    """A table after the gate."""

    source: SubmittedTable
    gate: pl.DataFrame
    typed: pl.DataFrame

    @property
    def definition(self) -> Table:
        return self.source.definition


def check_submission(tables: Sequence[SubmittedTable], context: SubmissionContext) -> CheckedSubmission:
    """Run the gate and the rules on every table.

    Parameters
    ----------
    tables : sequence of SubmittedTable
        Parents before children.
    context : SubmissionContext
        What the rules may know beside the rows.
    """
    gated = [_gate(table) for table in tables]
    facts = SubmissionFacts(
        site_id=context.site_id,
        created_date=context.created_date,
        data_cutoff_date=context.data_cutoff_date,
        sent_tables=tuple(table.definition.name for table in gated),
    )
    connection = _staged(gated, context)
    try:
        outcomes = _run(connection, gated, facts)
    finally:
        connection.close()
    found = [table.gate for table in gated] + [_violations(outcome) for outcome in outcomes]
    violations = pl.concat([VIOLATION_SCHEMA.to_frame(), *found])
    checked = _disposed(gated, violations)
    results = pl.concat([*(_gate_results(table) for table in gated), *(outcome.results for outcome in outcomes)])
    return CheckedSubmission(
        tables=tuple(checked.values()), violations=_on_record(violations, checked), results=results
    )


def typed_rows(definition: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Cast the numbers of a table; text that is no number becomes null."""
    return frame.with_columns(
        pl.col(column.name).cast(_TYPED[column.type], strict=False)
        for column in definition.columns
        if column.type in _TYPED
    )


def _gate(table: SubmittedTable) -> _Gated:
    gate = gate_violations(table.definition, table.frame)
    typed = typed_rows(table.definition, _without_bad_cells(table.frame, gate))
    return _Gated(source=table, gate=gate, typed=typed)


def _without_bad_cells(frame: pl.DataFrame, gate: pl.DataFrame) -> pl.DataFrame:
    """Empty the cells that the gate refused: no further rule has anything to say about them."""
    bad = {str(name[0]): part["line"] for name, part in gate.group_by("column")}
    return frame.with_columns(
        pl.when(~pl.col("source_line").is_in(lines.implode())).then(pl.col(name)).alias(name)
        for name, lines in bad.items()
    )


def _staged(gated: Sequence[_Gated], context: SubmissionContext) -> duckdb.DuckDBPyConnection:
    connection = database()
    texts = [CELL_SCHEMA.to_frame()]
    for table in gated:
        stage(connection, table.definition, table.typed)
        reject(connection, table.definition.name, table.gate["line"].unique())
        texts.append(cells(table.definition, table.source.frame, table.gate))
    insert(connection, f"sent.{CELL}", pl.concat(texts))
    insert(connection, "elsewhere.claimed", pl.DataFrame({"patient_id": context.claimed}))
    insert(connection, "elsewhere.person", persons(context.persons))
    return connection


def _run(connection: duckdb.DuckDBPyConnection, gated: Sequence[_Gated], facts: SubmissionFacts) -> list[Outcome]:
    sent = {CELL, *facts.sent_tables}
    rules = [rule for rule in RULES if rule.predicate and rule.table in sent]
    related = [rule for rule in rules if is_related(rule)]
    own = run_rules(connection, [rule for rule in rules if not is_related(rule)], facts, schema="sent")
    _reject(connection, own)
    make_contexts(connection, related)
    others = run_rules(connection, related, facts, schema="sound")
    if not _reject(connection, others):
        return [own, others]
    rejecting = [rule.id for rule in related if rule.severity is not Severity.WARN]
    warning = [rule for rule in related if rule.severity is Severity.WARN]
    make_contexts(connection, warning)
    return [own, _only(others, rejecting), run_rules(connection, warning, facts, schema="sound")]


def _only(outcome: Outcome, rule_ids: Sequence[str]) -> Outcome:
    named = pl.col("rule").is_in(rule_ids)
    return Outcome(findings=outcome.findings.filter(named), results=outcome.results.filter(named))


def _reject(connection: duckdb.DuckDBPyConnection, outcome: Outcome) -> bool:
    """Take the rows that were rejected out of ``sound``; tell whether there were any."""
    rejecting = [rule.id for rule in RULES if rule.severity is Severity.REJECT_ROW]
    bad = outcome.findings.filter(pl.col("rule").is_in(rejecting))
    for name, part in bad.group_by("table"):
        reject(connection, str(name[0]), part["line"].unique())
    return not bad.is_empty()


def _violations(outcome: Outcome) -> pl.DataFrame:
    """Add to what was found what follows from it and what to tell the site."""
    rules = _by_id(outcome.findings["rule"].unique())
    words = pl.DataFrame(
        {
            "rule": [rule.id for rule in rules],
            "severity": [rule.severity.value for rule in rules],
            "message": [rule.message for rule in rules],
        },
        schema={"rule": pl.String, "severity": pl.String, "message": pl.String},
    )
    return outcome.findings.join(words, on="rule", how="left", maintain_order="left").select(VIOLATION_SCHEMA.names())


def _by_id(rule_ids: pl.Series) -> list[Rule]:
    wanted = set(rule_ids)
    return [rule for rule in RULES if rule.id in wanted]


def _gate_results(table: _Gated) -> pl.DataFrame:
    """Count for the rules of single columns: an empty cell is unknown, but where a value is required."""
    name, n_rows = table.definition.name, table.typed.height
    bad = dict(table.gate["rule"].value_counts().iter_rows())
    rows = []
    for rule in RULES:
        if rule.origin is Origin.COLUMN and rule.table == name:
            is_empty = 0 if rule.id.endswith(".required") else table.source.frame[rule.columns[0]].null_count()
            counts = {"n_rows": n_rows, "n_checked": n_rows - is_empty, "n_unknown": is_empty}
            rows.append({"rule": rule.id, "table": name, "n_bad": bad.get(rule.id, 0), **counts})
    return pl.DataFrame(rows, schema=RESULT_SCHEMA)


def _disposed(gated: Sequence[_Gated], violations: pl.DataFrame) -> dict[str, CheckedTable]:
    """Settle every row, parents first, so that one pass settles grandchildren too."""
    rejected = violations.filter(pl.col("severity") == Severity.REJECT_ROW.value)
    checked: dict[str, CheckedTable] = {}
    for table in gated:
        name = table.definition.name
        bad = rejected.filter(pl.col("table") == name)["line"].unique()
        held_back = pl.Series(dtype=pl.Int64)
        for key in table.definition.foreign_keys:
            if key.table in checked:
                held_back = held_back.append(_withheld(table.typed, key, checked[key.table]))
        line = pl.col("source_line")
        disposition = (
            pl.when(line.is_in(bad.implode()))
            .then(pl.lit("quarantined"))
            .when(line.is_in(held_back.unique().implode()))
            .then(pl.lit("held_back"))
            .otherwise(pl.lit("accepted"))
        )
        checked[name] = CheckedTable(source=table.source, typed=table.typed.with_columns(disposition=disposition))
    return checked


def _withheld(typed: pl.DataFrame, key: ForeignKey, parent: CheckedTable) -> pl.Series:
    """Give the lines of the rows whose parent was sent and not accepted."""
    columns, theirs = list(key.columns), list(key.parent_columns)
    rows = typed.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
    unmatched = rows.join(parent.accepted, left_on=columns, right_on=theirs, how="anti", maintain_order="left")
    held = unmatched.join(parent.typed, left_on=columns, right_on=theirs, how="semi", maintain_order="left")
    return held["source_line"]


def _on_record(violations: pl.DataFrame, checked: Mapping[str, CheckedTable]) -> pl.DataFrame:
    """Order the violations and drop the warnings about rows that were not accepted."""
    accepted = pl.concat(
        table.accepted.select(pl.lit(name).alias("table"), pl.col("source_line").cast(pl.Int64).alias("line"))
        for name, table in checked.items()
    )
    is_warning = pl.col("severity") == Severity.WARN.value
    warnings = violations.filter(is_warning).join(accepted, on=["table", "line"], how="semi", maintain_order="left")
    order = {name: position for position, name in enumerate(checked)}
    return pl.concat([violations.filter(~is_warning), warnings]).sort(
        pl.col("table").replace_strict(order, return_dtype=pl.Int32), "line", maintain_order=True
    )
