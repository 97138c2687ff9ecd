"""Do the gate, the rules and Great Expectations find the same bad rows, and does nothing of a patient leave with it?

A cohort with many planted faults, and the examples of all rules, are judged by all three.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from blinreg.registry.manifest import ManifestFile
from blinreg.registry.quality.check import SubmissionContext, check_submission
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.engine import run_rules
from blinreg.registry.quality.expectations import ExpectationsResult, expect_checked, run_expectations
from blinreg.registry.quality.expectations.batches import Step, made_batches
from blinreg.registry.quality.expectations.column_rules import column_rules
from blinreg.registry.quality.review import review_submission
from blinreg.registry.quality.staging import PERSON_SCHEMA
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.model import Table, Type
from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.rules import CELL, RULES, Severity
from blinreg.schemas.rules.sql import SubmissionFacts
from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic import generate

#: Share of rows with a fault.
FAULTS = 0.3

#: Positions of sites with files of different formats.
SITES = (0, 1, 4)

CONTEXT = SubmissionContext(
    site_id="site-a",
    created_date=date(2020, 6, 1),
    data_cutoff_date=date(2020, 5, 31),
    claimed=pl.Series(["SYN-900"]),
    persons=PERSON_SCHEMA.to_frame(),
)

_SOUND = {Type.TEXT: "a0", Type.INTEGER: 1, Type.NUMBER: 1, Type.DATE: "2019-06-01", Type.CODE: None}

#: Texts that break every rule on a single column in one table or another.
BAD_TEXTS = (None, "?", "a b", "5,7", "-99999", "1e300", "99.5", "2019-02-30", "1850-01-01", "x" * 81, "14.05.2019")


def text_rows(name: str, rows: list[dict[str, object]]) -> SubmittedTable:
    definition = table(name)
    columns = definition.column_names
    texts = [{column: None if row.get(column) is None else str(row[column]) for column in columns} for row in rows]
    frame = pl.DataFrame(texts, schema=dict.fromkeys(columns, pl.String)).with_columns(
        source_line=pl.int_range(2, len(rows) + 2, dtype=pl.Int64)
    )
    file = ManifestFile(table=name, path=f"{name}.synthetic.csv", sha256="0" * 64, rows=frame.height)
    return SubmittedTable(definition=definition, file=file, frame=frame)


def usual_row(definition: Table, row: Mapping[str, object]) -> dict[str, object]:
    """Complete a row of an example: of the dead, the last contact is the day of death."""
    full = {**usual(definition), **row}
    if definition.name == "follow_up" and "death_date" in row:
        died = {"vital_status": "dead", "last_contact_date": row["death_date"], "cause_of_death": "disease"}
        return {**full, **died, **row}
    return full


def faulty_rows(name: str) -> Iterator[dict[str, object]]:
    """Give a row twice, one of nobody's, and one of another site's."""
    sound = usual(table(name)) | {"patient_id": "SYN-001-0"}
    yield from (sound, sound)
    yield usual(table(name)) | {"patient_id": "SYN-900" if name == "patient" else "SYN-NOBODY"}


def telling_rows() -> Iterator[dict[str, object]]:
    """Give the texts of the privacy rules' examples as codes, where the gate refuses them."""
    for rule in RULES:
        if rule.table == CELL:
            for number, example in enumerate(rule.examples):
                yield usual(table("patient")) | {
                    "patient_id": f"SYN-{rule.id.rsplit('.', 1)[1].upper()}-{number}",
                    "sex": example.row.get("text"),
                }


def bad_column_rows(definition: Table) -> Iterator[dict[str, object]]:
    """Give a row for each column and bad text; the other columns are empty."""
    for column in definition.columns:
        for text in BAD_TEXTS:
            yield {column.name: text}


def usual(definition: Table) -> dict[str, object]:
    """Give the columns that must not be empty a sound value: without, a row is no evidence for any other rule."""
    row: dict[str, object] = {}
    for column in definition.columns:
        if column.required:
            row[column.name] = next(iter(column.codes), _SOUND[column.type])
    return row | ({"site_id": CONTEXT.site_id} if "site_id" in row else {})


def example_tables() -> list[SubmittedTable]:
    """Put the examples of all rules into one submission, each with patients of its own, and every bad text."""
    rows: dict[str, list[dict[str, object]]] = {definition.name: [] for definition in TABLES}
    examples = [(rule, example) for rule in RULES if rule.table in rows for example in rule.examples]
    for number, (rule, example) in enumerate(examples):
        given = {name: list(them) for name, them in example.tables.items()}
        given[rule.table] = [*given.get(rule.table, []), example.row]
        given.setdefault("patient", [{}])
        given.setdefault("follow_up", [{"last_contact_date": "2020-05-01", "vital_status": "alive"}])
        for name in set(given) & set(rows):
            for row in given[name]:
                patient_id = f"{row.get('patient_id', 'SYN-001')}-{number}"
                rows[name].append({**usual_row(table(name), row), "patient_id": patient_id})
    rows["patient"] += telling_rows()
    for definition in TABLES:
        rows[definition.name] += faulty_rows(definition.name)
        rows[definition.name] += bad_column_rows(definition)
    return [text_rows(name, them) for name, them in rows.items()]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("faults") / "cohort"
    paths = generate("realworld-2020", folder, faults=FAULTS).paths
    return tuple(paths[position] for position in SITES)


@pytest.fixture(scope="module")
def examples() -> CheckedSubmission:
    return check_submission(example_tables(), CONTEXT)


@pytest.fixture(scope="module")
def result(examples: CheckedSubmission) -> ExpectationsResult:
    return run_expectations(examples, facts(examples), submission_id="examples", is_synthetic=True)


def facts(checked: CheckedSubmission) -> SubmissionFacts:
    return SubmissionFacts(
        site_id=CONTEXT.site_id,
        created_date=CONTEXT.created_date,
        data_cutoff_date=CONTEXT.data_cutoff_date,
        sent_tables=tuple(each.source.definition.name for each in checked.tables),
    )


def test_the_three_agree_on_every_row_that_breaks_a_rule_on_a_column(
    examples: CheckedSubmission, result: ExpectationsResult
) -> None:
    tested = set()
    with made_batches(examples, facts(examples)) as (connection, _):
        for each in examples.tables:
            rules = column_rules(each.source.definition)
            gate = gate_violations(each.source.definition, each.source.frame)
            sql = run_rules(connection, rules, facts(examples), schema="written")
            theirs = result.findings.filter(pl.col("rule").is_in([rule.id for rule in rules]))
            places = sorted(gate.select("rule", "line").rows())
            assert sorted(sql.findings.select("rule", "line").rows()) == places
            assert sorted(theirs.select("rule", "line").rows()) == places
            tested |= set(gate["rule"])
    all_rules = {rule.id for definition in TABLES for rule in column_rules(definition)}
    assert len(tested) > 0.9 * len(all_rules)


def test_great_expectations_finds_the_bad_rows_of_every_rule_line_by_line(
    examples: CheckedSubmission, result: ExpectationsResult
) -> None:
    """Compared with what is said of the submission, and nearly every rule has something to say."""
    assert result.disagreements.rows() == []
    ran = result.counts.filter(pl.col("rule").is_in([rule.id for rule in RULES if rule.predicate]))
    broken = ran.filter(pl.col("n_bad") > 0)
    assert ran.height > 290
    assert broken.height > 0.9 * ran.height
    warned = result.findings.filter(pl.col("rule").is_in([rule.id for rule in RULES if rule.severity is Severity.WARN]))
    assert warned["rule"].n_unique() > 50


def test_each_step_is_judged_on_the_rows_that_the_rules_saw(
    examples: CheckedSubmission, result: ExpectationsResult
) -> None:
    """The rules run once more, on the very batches, by the engine's own scan."""
    with made_batches(examples, facts(examples)) as (connection, batches):
        own_batches = [batch for batch in batches if batch.step is Step.ROWS]
        own = [each.rule for batch in own_batches for each in batch.judgements]
        again = run_rules(connection, own, facts(examples), schema="sent")
    tables = {batch.table for batch in own_batches} - {CELL}
    assert len(tables) == len(TABLES)
    theirs = result.findings.filter(pl.col("rule").is_in([rule.id for rule in own]))
    columns = ["rule", "table", "line", "column"]
    assert sorted(theirs.select(columns).rows()) == sorted(again.findings.select(columns).rows())


@pytest.mark.parametrize("position", range(len(SITES)))
def test_planted_faults_are_found_alike_in_a_whole_submission(cohort: tuple[Path, ...], position: int) -> None:
    found: list[ExpectationsResult] = []
    review_submission(
        cohort[position],
        with_effects=False,
        on_checked=lambda registry, manifest, checked: found.append(expect_checked(registry, manifest, checked)),
    )
    (result,) = found
    assert result.disagreements.rows() == []
    assert result.findings["rule"].n_unique() > 60
    key = pl.read_parquet(cohort[position].parent / "answer_key.parquet")
    here = key.filter(
        pl.col("file").str.starts_with(f"{cohort[position].name}/"),
        pl.col("certain"),
        pl.col("rule").is_in(column_rule_ids()),
        pl.col("action") == "changed",
    )
    missed = here.join(result.findings, on=["rule", "table", "line"], how="anti")
    assert here.height > 20
    assert missed.select("kind", "rule", "line").rows() == []


def column_rule_ids() -> list[str]:
    return [rule.id for definition in TABLES for rule in column_rules(definition)]


@pytest.fixture(scope="module")
def validated(cohort: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[list[str]], int]:
    """Run the command in a process that writes down every try to reach the network."""
    out = tmp_path_factory.mktemp("validated") / "review"
    code = """
import json, sys
reached = []
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
        reached.append([event, str(arguments[-1])])
sys.addaudithook(watch)
from blinreg.registry.cli import main
code = main(sys.argv[1:])
print(json.dumps({"reached": reached, "code": code}))
"""
    words = ["validate", str(cohort[0]), "--out", str(out), "--great-expectations", "--quiet"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    last = json.loads(done.stdout.splitlines()[-1])
    assert "Great Expectations: " in done.stdout
    return out, last["reached"], last["code"]


def test_the_command_reaches_nothing_outside(validated: tuple[Path, list[list[str]], int]) -> None:
    """A library of it tries when it is loaded whether the machine has IPv6: on the machine itself, on no port."""
    _, reached, code = validated
    assert [each for each in reached if each != ["socket.bind", "('::1', 0)"]] == []
    assert code == 3


def test_the_written_files_hold_no_value_and_no_address(
    cohort: tuple[Path, ...], validated: tuple[Path, list[list[str]], int]
) -> None:
    folder = validated[0] / "great_expectations"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    assert {"index.html", "results.json", "patient.columns.json"} <= set(texts)
    key = pl.read_parquet(cohort[0].parent / "answer_key.parquet")
    planted = key.filter(pl.col("action") == "changed", pl.col("after").str.len_chars() > 7)["after"].unique().to_list()
    patients = key["patient_id"].drop_nulls().unique().to_list()
    assert len(planted) > 100
    code_words = " ".join(code for definition in TABLES for column in definition.columns for code in column.codes)
    leaked = {
        (name, value)
        for name, text in texts.items()
        for value in [*planted, *patients]
        if value in text and value not in code_words and not re.fullmatch(r"[0-9-]+", value)
    }
    assert leaked == set()
    dates = {value for value in planted if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value)}
    said = {day for text in texts.values() for day in re.findall(r"\d{4}-\d{2}-\d{2}", text)}
    declared = {day for rule in RULES for day in re.findall(r"\d{4}-\d{2}-\d{2}", rule.predicate + rule.applies)}
    manifest = json.loads((cohort[0] / "submission.json").read_text(encoding="utf-8"))
    known = {manifest["created_at"][:10], manifest["data_cutoff_date"], *declared}
    ran_on = {each[:10] for each in re.findall(r'"(?:run|validation)_time": "([^"]+)"', texts["results.json"])}
    assert dates
    assert said - known - ran_on == set()
    assert not re.search(r"https?://", texts["index.html"])
