"""Decide which rows of a submission are accepted.

A row is *quarantined* for what it says itself, and *held back* when it is sound and the
row it belongs to was not accepted. Tables are taken parents first, so that one pass
settles grandchildren too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from blinreg.registry.quality.rules import ROW_RULES, Context, orphan, violations_of, without_follow_up
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.model import ForeignKey, Table, Type
from blinreg.schemas.render.gate import VIOLATION_SCHEMA, gate_violations

_TYPED = {Type.INTEGER: pl.Int32, Type.NUMBER: pl.Float64}


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
    """

    tables: tuple[CheckedTable, ...]
    violations: pl.DataFrame


def check_submission(tables: Sequence[SubmittedTable], context: Context) -> CheckedSubmission:
    """Run the gate and the rules on every table.

    Parameters
    ----------
    tables : sequence of SubmittedTable
        Parents before children.
    context : Context
        What the rules may know beside the rows.
    """
    checked: dict[str, CheckedTable] = {}
    found: list[pl.DataFrame] = []
    for table in tables:
        result, violations = _check_table(table, checked, context)
        checked[table.definition.name] = result
        found.append(violations)
    found += _warnings(checked)
    order = {name: position for position, name in enumerate(checked)}
    violations = pl.concat([VIOLATION_SCHEMA.to_frame(), *found]).sort(
        pl.col("table").replace_strict(order, return_dtype=pl.Int32), "line", maintain_order=True
    )
    return CheckedSubmission(tables=tuple(checked.values()), violations=violations)


def typed_rows(definition: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Cast the numbers of a table; text that is no number becomes null."""
    return frame.with_columns(
        pl.col(column.name).cast(_TYPED[column.type], strict=False)
        for column in definition.columns
        if column.type in _TYPED
    )


def _check_table(
    table: SubmittedTable, checked: Mapping[str, CheckedTable], context: Context
) -> tuple[CheckedTable, pl.DataFrame]:
    definition = table.definition
    gate = gate_violations(definition, table.frame)
    typed = typed_rows(definition, _without_bad_cells(table.frame, gate))
    found = [gate]
    for rule in ROW_RULES:
        for finding in rule.find(definition, typed, context):
            found.append(violations_of(definition, finding, severity=rule.severity))
    held_back = pl.Series(dtype=pl.Int64)
    for key in definition.foreign_keys:
        orphans, withheld = _without_parent(typed, key, checked.get(key.table))
        held_back = held_back.append(withheld)
        found.append(violations_of(definition, orphan(definition, key, orphans), severity="reject_row"))
    violations = pl.concat(found)
    line = pl.col("source_line")
    bad = violations.filter(pl.col("severity") == "reject_row")["line"].unique()
    disposition = (
        pl.when(line.is_in(bad.implode()))
        .then(pl.lit("quarantined"))
        .when(line.is_in(held_back.unique().implode()))
        .then(pl.lit("held_back"))
        .otherwise(pl.lit("accepted"))
    )
    return CheckedTable(source=table, typed=typed.with_columns(disposition=disposition)), violations


def _without_bad_cells(frame: pl.DataFrame, gate: pl.DataFrame) -> pl.DataFrame:
    """Empty the cells that the gate refused: no further rule has anything to say about them."""
    bad = {str(name[0]): part["line"] for name, part in gate.group_by("column")}
    return frame.with_columns(
        pl.when(~pl.col("source_line").is_in(lines.implode())).then(pl.col(name)).alias(name)
        for name, lines in bad.items()
    )


def _without_parent(typed: pl.DataFrame, key: ForeignKey, parent: CheckedTable | None) -> tuple[pl.Series, pl.Series]:
    """Give the lines of the rows whose parent does not exist, and of those whose parent was not accepted."""
    columns = list(key.columns)
    rows = typed.filter(pl.all_horizontal(pl.col(name).is_not_null() for name in columns))
    if parent is None:
        return rows["source_line"], rows["source_line"].clear()
    theirs = list(key.parent_columns)
    unmatched = rows.join(parent.accepted, left_on=columns, right_on=theirs, how="anti", maintain_order="left")
    orphans = unmatched.join(parent.typed, left_on=columns, right_on=theirs, how="anti", maintain_order="left")
    withheld = unmatched.join(parent.typed, left_on=columns, right_on=theirs, how="semi", maintain_order="left")
    return orphans["source_line"], withheld["source_line"]


def _warnings(checked: Mapping[str, CheckedTable]) -> list[pl.DataFrame]:
    """Run the rules on what was accepted; they warn and reject nothing."""
    patient, follow_up = checked["patient"], checked["follow_up"]
    left_out = patient.accepted.join(follow_up.accepted, on="patient_id", how="anti", maintain_order="left")
    finding = without_follow_up(left_out["source_line"])
    return [violations_of(patient.source.definition, finding, severity="warn")]
