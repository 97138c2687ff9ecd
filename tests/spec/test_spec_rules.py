"""Does each rule say of its own examples what its declaration says? A row that passes, one that fails, one unknown.

The examples stand beside the rules in ``schemas/rules/*.toml`` and in docs/rules.md. All are put into one
database, each with patients of its own, and judged by the SQL that a load runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl
import pytest

from blinreg.registry.frames import query_frame
from blinreg.registry.quality.engine import make_contexts, run_rules
from blinreg.registry.quality.staging import CELL_SCHEMA, database, insert, persons, stage
from blinreg.schemas.model import Type
from blinreg.schemas.rules import CELL, CONTEXTS, RULES, Example, Expected, Origin, Rule
from blinreg.schemas.rules.sql import SubmissionFacts, context_parts, contexts_of, judged
from blinreg.schemas.tables import TABLES, table

DECLARED = [rule for rule in RULES if rule.origin is Origin.DECLARED]
DTYPES = {Type.INTEGER: pl.Int32, Type.NUMBER: pl.Float64}
VERDICTS = {Expected.PASSES: False, Expected.FAILS: True, Expected.UNKNOWN: None}

Cases = list[tuple[Rule, int, Example]]

FACTS = SubmissionFacts(
    site_id="site-a",
    created_date=date(2020, 6, 1),
    data_cutoff_date=date(2020, 5, 31),
    sent_tables=tuple(definition.name for definition in TABLES),
)


class Bench:
    """A database filled with examples; `verdicts` says what the rules find in them."""

    def __init__(self, cases: Cases) -> None:
        self.connection = database()
        self.cases = cases
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.line_of = {number: self._place(number, rule, example) for rule, number, example in cases}
        self._fill()
        self.rules = list({rule.id: rule for rule, _, _ in cases}.values())
        make_contexts(self.connection, self.rules)

    def _place(self, number: int, rule: Rule, example: Example) -> int:
        """Give an example patients of its own and lines; the judged row stands after the others."""

        def own(row: Any) -> dict[str, Any]:
            named = {"patient_id": "SYN-001", **row}
            return {**named, "patient_id": f"{named['patient_id']}-{number}"}

        for name, rows in example.tables.items():
            for row in rows:
                self._add(name, own(row))
        if rule.table not in {"patient", CELL} and "patient" not in example.tables:
            self._add("patient", own({}))
        if rule.table == CELL or rule.id.startswith("patient.patient_id.looks"):
            return self._add(rule.table, dict(example.row))
        return self._add(rule.table, own(example.row))

    def _add(self, name: str, row: dict[str, Any]) -> int:
        rows = self.rows.setdefault(name, [])
        rows.append({**row, "source_line": len(rows) + 2})
        return len(rows) + 1

    def _fill(self) -> None:
        for name, rows in self.rows.items():
            if name == CELL:
                frame = pl.DataFrame([{**dict.fromkeys(CELL_SCHEMA.names()), **row} for row in rows], CELL_SCHEMA)
                insert(self.connection, "sent.cell", frame)
            elif name == "elsewhere_person":
                given = pl.DataFrame(rows).with_columns(pl.col("diagnosis_date", "first_dose").str.to_date())
                insert(self.connection, "elsewhere.person", persons(given))
            elif name == "elsewhere_claimed":
                insert(self.connection, "elsewhere.claimed", pl.DataFrame(rows).select("patient_id"))
            else:
                definition = table(name)
                schema = {column.name: DTYPES.get(column.type, pl.String) for column in definition.columns}
                schema["source_line"] = pl.Int64
                empty = dict.fromkeys(schema)
                stage(self.connection, definition, pl.DataFrame([{**empty, **row} for row in rows], schema=schema))

    def verdicts(self) -> dict[int, bool | None]:
        """Judge every example by its rule."""
        found: dict[int, bool | None] = {}
        for name in {rule.table for rule in self.rules}:
            group = [rule for rule in self.rules if rule.table == name]
            frame = query_frame(self.connection, judged(group, f"sent.{name}", CONTEXTS, FACTS))
            by_line = {row["line"]: row for row in frame.iter_rows(named=True)}
            place = {rule.id: position for position, rule in enumerate(group)}
            for rule, number, _ in self.cases:
                if rule.table == name:
                    found[number] = by_line[self.line_of[number]][f"r{place[rule.id]}"]
        return found


def numbered(rules: Sequence[Rule]) -> Cases:
    examples = ((rule, example) for rule in rules for example in rule.examples)
    return [(rule, number, example) for number, (rule, example) in enumerate(examples)]


CASES = numbered(DECLARED)


def compares_patients(rule: Rule) -> bool:
    return any(not context.by_patient for context in contexts_of(rule, CONTEXTS))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench([case for case in CASES if not compares_patients(case[0])])
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def verdicts(bench: Bench) -> dict[int, bool | None]:
    found = bench.verdicts()
    for rule, number, example in CASES:
        if compares_patients(rule):
            alone = Bench([(rule, number, example)])
            found |= alone.verdicts()
            alone.connection.close()
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].id}-{case[2].expected}")
def test_the_rule_says_of_its_example_what_its_declaration_says(
    case: tuple[Rule, int, Example], verdicts: dict[int, bool | None]
) -> None:
    _, number, example = case
    assert verdicts[number] is VERDICTS[example.expected]


def test_a_load_finds_the_rows_that_the_examples_call_bad(bench: Bench) -> None:
    """The counts and the list of bad rows come from the same scan."""
    for rule in bench.rules:
        outcome = run_rules(bench.connection, [rule], FACTS, schema="sent")
        expected = {
            bench.line_of[number]
            for its, number, example in bench.cases
            if its is rule and example.expected is Expected.FAILS
        }
        if rule.report == "rows":
            assert expected <= set(outcome.findings["line"])
            assert outcome.results["n_bad"][0] == outcome.findings.height
        else:
            assert outcome.findings.is_empty()
            assert outcome.results["n_bad"][0] >= len(expected)


def test_a_context_has_one_row_for_each_judged_row(bench: Bench) -> None:
    """A second row would count a judged row twice."""
    named = {context.name: context for rule in bench.rules for context in contexts_of(rule, CONTEXTS)}
    assert len(named) > 10
    for context in named.values():
        key = ", ".join(f"{context.name}__{column}" for column in context.key)
        query = f"select count(*) - count(distinct ({key})) from context_{context.name}"
        assert bench.connection.execute(query).fetchall() == [(0,)], context.name


def test_a_context_by_patient_says_the_same_of_some_patients_at_a_time(bench: Bench) -> None:
    named = {context.name: context for rule in bench.rules for context in contexts_of(rule, CONTEXTS)}
    by_patient = [context for context in named.values() if context.by_patient]
    assert len(by_patient) > 10
    n_divided = 0
    for context in by_patient:
        everything = f"select * from context_{context.name} order by all"
        whole = bench.connection.execute(everything).fetchall()
        first, *others = context_parts(context, 3)
        bench.connection.execute(first)
        n_divided += bench.connection.execute(everything).fetchall() != whole
        for part in others:
            bench.connection.execute(part)
        assert bench.connection.execute(everything).fetchall() == whole, context.name
    assert n_divided > 8


@pytest.mark.parametrize("rule", DECLARED, ids=lambda rule: rule.id)
def test_every_rule_has_a_patient_who_passes_one_who_fails_and_one_unknown(rule: Rule) -> None:
    shown = {example.expected for example in rule.examples}
    assert shown >= {Expected.PASSES, Expected.FAILS}
    assert (Expected.UNKNOWN in shown) != bool(rule.no_unknown)


def test_an_unknown_value_is_never_bad() -> None:
    """With nothing but a key in the row, only rules about missing values may fire."""
    connection = database()
    for definition in TABLES:
        schema = {column.name: DTYPES.get(column.type, pl.String) for column in definition.columns}
        row = {**dict.fromkeys(schema), "patient_id": "SYN-001", "source_line": 2}
        stage(connection, definition, pl.DataFrame([row], schema={**schema, "source_line": pl.Int64}))
    rules = [rule for rule in DECLARED if rule.table != CELL and rule.report == "rows"]
    make_contexts(connection, rules)
    fired = set(run_rules(connection, rules, FACTS, schema="sent").findings["rule"])
    connection.close()
    categories = {rule.id: rule.category.value for rule in rules}
    assert {categories[rule_id] for rule_id in fired} <= {"completeness"}
