"""Decide which rows of a submission are accepted.

A row is *quarantined* for what it says itself, and *held back* when it is sound and the
row it belongs to was not accepted.

The rules run in three steps. First the gate and the rules that judge a row by itself, its key and
its parent. Then those that judge it by other rows: a row that was rejected in the first step is no
evidence against another. If these reject rows too, the warnings among them are taken again from
what is left. Warnings are about accepted rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from blinreg.registry.originals import refuse_together
from blinreg.registry.quality.checked import CheckedSubmission, CheckedTable
from blinreg.registry.quality.engine import RESULT_SCHEMA, Outcome, is_related, make_contexts, run_rules
from blinreg.registry.quality.staging import (
    cells,
    database,
    hold_back,
    insert,
    lines_of,
    persons,
    reject,
    stage,
)
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table, Type
from blinreg.schemas.render.gate import VIOLATION_SCHEMA, gate_violations
from blinreg.schemas.rules import CELL, RULES, Origin, Rule, Severity
from blinreg.schemas.rules.sql import SubmissionFacts

__all__ = ["CheckedSubmission", "CheckedTable", "SubmissionContext", "check_submission", "typed_rows"]

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
    spill : Path, optional
        Folder for rows that do not fit into memory; without it they have to.
    """

    site_id: str
    created_date: date
    data_cutoff_date: date
    claimed: pl.Series
    persons: pl.DataFrame
    spill: Path | None = None


@dataclass(slots=True, kw_only=True)
class _Gated:
    """What the gate counted in a table, block by block."""

    source: SubmittedTable
    n_rows: int = 0
    n_empty: Counter[str] = field(default_factory=Counter)
    violations: list[pl.DataFrame] = field(default_factory=list)

    @property
    def definition(self) -> Table:
        return self.source.definition

    def add(self, block: _GatedBlock) -> None:
        self.n_rows += block.typed.height
        self.n_empty.update(block.n_empty)
        self.violations.append(block.violations)


@dataclass(frozen=True, slots=True, kw_only=True)
class _GatedBlock:
    """Some rows of a table after the gate."""

    position: int
    typed: pl.DataFrame
    cells: pl.DataFrame
    violations: pl.DataFrame
    n_empty: Mapping[str, int]


def check_submission(
    tables: Sequence[SubmittedTable],
    context: SubmissionContext,
    *,
    on_progress: Callable[[str], None] | None = None,
) -> CheckedSubmission:
    """Read every table, and run the gate and the rules on it.

    Parameters
    ----------
    tables : sequence of SubmittedTable
        Parents before children.
    context : SubmissionContext
        What the rules may know beside the rows.
    on_progress : callable, optional
        Told each step as a short text.

    Raises
    ------
    SubmissionRejected
        With what is wrong in every file that is not as agreed, not in the first only.
    """
    progress = on_progress or _silent
    connection = database(context.spill, n_rows=sum(table.file.rows for table in tables))
    try:
        gated = _staged(connection, tables, context, progress)
        progress("checking rows")
        facts = SubmissionFacts(
            site_id=context.site_id,
            created_date=context.created_date,
            data_cutoff_date=context.data_cutoff_date,
            sent_tables=tuple(table.definition.name for table in gated),
        )
        outcomes = _run(connection, gated, facts)
        checked = _disposed(connection, gated)
    except BaseException:
        connection.close()
        raise
    found = [each for table in gated for each in table.violations] + [_violations(outcome) for outcome in outcomes]
    violations = pl.concat([VIOLATION_SCHEMA.to_frame(), *found])
    results = pl.concat([*(_gate_results(table) for table in gated), *(outcome.results for outcome in outcomes)])
    return CheckedSubmission(tables=checked, violations=_on_record(violations, checked), results=results)


def _silent(_: str) -> None:
    """Say nothing."""


def typed_rows(definition: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Cast the numbers of a table; text that is no number becomes null."""
    return frame.with_columns(
        pl.col(column.name).cast(_TYPED[column.type], strict=False)
        for column in definition.columns
        if column.type in _TYPED
    )


def _gate(position: int, definition: Table, rows: pl.DataFrame) -> _GatedBlock:
    gate = gate_violations(definition, rows)
    n_empty = rows.select(definition.column_names).null_count().row(0, named=True)
    return _GatedBlock(
        position=position,
        typed=typed_rows(definition, _without_bad_cells(rows, gate)),
        cells=cells(definition, rows, gate),
        violations=gate,
        n_empty=n_empty,
    )


def _without_bad_cells(frame: pl.DataFrame, gate: pl.DataFrame) -> pl.DataFrame:
    """Empty the cells that the gate refused: no further rule has anything to say about them."""
    bad = {str(name[0]): part["line"] for name, part in gate.group_by("column")}
    return frame.with_columns(
        pl.when(~pl.col("source_line").is_in(lines.implode())).then(pl.col(name)).alias(name)
        for name, lines in bad.items()
    )


def _gated_blocks(
    tables: Sequence[SubmittedTable], problems: list[SubmissionRejected], progress: Callable[[str], None]
) -> Iterator[_GatedBlock]:
    for position, table in enumerate(tables):
        progress(f"reading {table.definition.name}")
        try:
            for block in table.blocks():
                yield _gate(position, table.definition, block)
        except SubmissionRejected as rejection:
            problems.append(rejection)


def _ahead(blocks: Iterator[_GatedBlock]) -> Iterator[_GatedBlock]:
    """Read and gate the next block while one is stored."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = pool.submit(next, blocks, None)
            yield block


def _staged(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[SubmittedTable],
    context: SubmissionContext,
    progress: Callable[[str], None],
) -> list[_Gated]:
    gated = [_Gated(source=table) for table in tables]
    problems: list[SubmissionRejected] = []
    for block in _ahead(_gated_blocks(tables, problems, progress)):
        table = gated[block.position]
        table.add(block)
        if problems:
            continue
        stage(connection, table.definition, block.typed)
        reject(connection, table.definition.name, block.violations["line"].unique())
        insert(connection, f"sent.{CELL}", block.cells)
    refuse_together(problems)
    insert(connection, "elsewhere.claimed", pl.DataFrame({"patient_id": context.claimed}))
    insert(connection, "elsewhere.person", persons(context.persons))
    return gated


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
    name, n_rows = table.definition.name, table.n_rows
    n_bad = Counter(rule for found in table.violations for rule in found["rule"])
    rows = []
    for rule in RULES:
        if rule.origin is Origin.COLUMN and rule.table == name:
            n_empty = 0 if rule.id.endswith(".required") else table.n_empty[rule.columns[0]]
            counts = {"n_rows": n_rows, "n_checked": n_rows - n_empty, "n_unknown": n_empty}
            rows.append({"rule": rule.id, "table": name, "n_bad": n_bad[rule.id], **counts})
    return pl.DataFrame(rows, schema=RESULT_SCHEMA)


def _disposed(connection: duckdb.DuckDBPyConnection, gated: Sequence[_Gated]) -> tuple[CheckedTable, ...]:
    """Settle every row, parents first, so that one pass settles grandchildren too."""
    out: set[str] = set()
    checked = []
    for table in gated:
        name = table.definition.name
        for key in table.definition.foreign_keys:
            if key.table in out:
                hold_back(connection, table.definition, key)
        settled = CheckedTable(
            source=table.source,
            n_rows=table.n_rows,
            quarantined=lines_of(connection, "rejected", name),
            held_back=lines_of(connection, "held_back", name),
            connection=connection,
        )
        if settled.n_quarantined or settled.n_held_back:
            out.add(name)
        checked.append(settled)
    return tuple(checked)


def _on_record(violations: pl.DataFrame, checked: Sequence[CheckedTable]) -> pl.DataFrame:
    """Order the violations and drop the warnings about rows that were not accepted."""
    out = pl.concat(
        pl.DataFrame({"line": pl.concat([table.quarantined, table.held_back])}).select(
            pl.lit(table.name).alias("table"), "line"
        )
        for table in checked
    )
    is_warning = pl.col("severity") == Severity.WARN.value
    warnings = violations.filter(is_warning).join(out, on=["table", "line"], how="anti", maintain_order="left")
    order = {table.name: position for position, table in enumerate(checked)}
    return pl.concat([violations.filter(~is_warning), warnings]).sort(
        pl.col("table").replace_strict(order, return_dtype=pl.Int32), "line", maintain_order=True
    )
