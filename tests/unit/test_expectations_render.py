"""Are the quality rules rendered for Great Expectations what they are, and is it loaded only where it is asked for?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any

import duckdb
import polars as pl
import pytest

from blinreg.registry.manifest import ManifestFile
from blinreg.registry.quality.check import SubmissionContext, check_submission
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.engine import run_rules
from blinreg.registry.quality.expectations import ExpectationsResult, run_expectations
from blinreg.registry.quality.expectations.batches import Batch, Judgement, Step, made_batches
from blinreg.registry.quality.expectations.checkpoint import run_checkpoint, suite
from blinreg.registry.quality.expectations.column_rules import column_rules
from blinreg.registry.quality.expectations.page import PLACES_SHOWN, expectations_page
from blinreg.registry.quality.expectations.quiet import quietly
from blinreg.registry.quality.staging import PERSON_SCHEMA
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.model import Table
from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.rules import CELL, RULES, Origin, rule
from blinreg.schemas.rules.sql import SubmissionFacts
from blinreg.schemas.tables import TABLES, table

CONTEXT = SubmissionContext(
    site_id="site-a",
    created_date=date(2020, 6, 1),
    data_cutoff_date=date(2020, 5, 31),
    claimed=pl.Series(["P-ELSEWHERE"]),
    persons=PERSON_SCHEMA.to_frame(),
)

FACTS = SubmissionFacts(
    site_id="site-a",
    created_date=date(2020, 6, 1),
    data_cutoff_date=date(2020, 5, 31),
    sent_tables=("patient", "treatment_cycle", "follow_up"),
)

#: Texts that a reader of patterns, numbers or dates may take for something else.
TEXTS = (
    None,
    *("", " ", "a", "A", "é", "ſ", "a\n", "a\nb", "a\rb", "a\x00b", "x" * 80, "x" * 81, "é" * 80, "é" * 81, "P01"),
    *("0", "-0", "00", "7", "5.7", "5,7", "1e5", "1E-400", "1e400", "-1e400", "1e4000", ".5", "5.", "+5", "NaN", "inf"),
    *(
        "120",
        "120.0000000001",
        "101",
        "-1",
        "999999999",
        "9999999999",
        "1900",
        "2100",
        "1899",
        "٣",
        "１",
        "0x10",
        "1_0",
    ),
    *("2019", "2019-05", "2019-05-14", "2019-02-29", "2020-02-29", "2019-13", "2019-00", "2019-05-00", "2019-05-32"),
    *("0000-01-01", "0000", "1899-12-31", "1900-01-01", "2100-12-31", "2101-01-01", "9999", "9999-12-31", "2019-5-4"),
    *("2019-05-14T00:00", "2019/05/14", "14.05.2019", "43599", "-2019-05-14", "2019-05-14\n", "20190514"),
    *("female", "yes", "unknown", "Unknown", "crs", "o'clock", "alive", "cr", "blinatumomab", "site-a", "b_all"),
)


def texts_table(definition: Table) -> pl.DataFrame:
    """Give every column of a table every text."""
    columns = dict.fromkeys(definition.column_names, pl.Series(TEXTS, dtype=pl.String))
    return pl.DataFrame(columns).with_row_index("source_line", offset=2)


def submitted(name: str, rows: list[dict[str, str | None]]) -> SubmittedTable:
    definition = table(name)
    frame = pl.DataFrame(
        [{**dict.fromkeys(definition.column_names), **row} for row in rows],
        schema=dict.fromkeys(definition.column_names, pl.String),
    ).with_columns(source_line=pl.int_range(2, len(rows) + 2, dtype=pl.Int64))
    file = ManifestFile(table=name, path=f"{name}.synthetic.csv", sha256="0" * 64, rows=frame.height)
    return SubmittedTable(definition=definition, file=file, frame=frame)


@pytest.fixture(scope="module")
def checked() -> CheckedSubmission:
    """Six patients with a fault of each kind: of a column, of a row, of a key, of its chart, of privacy."""
    named = {"site_id": "site-a", "sex": "female", "disease": "b_all"}
    patients = [
        {**named, "patient_id": f"SYN-{number}", "birth_year": "1960", "diagnosis_date": "2018-01-01"}
        for number in range(1, 7)
    ]
    patients[1]["sex"] = "Mrs Secret"
    patients[2]["birth_year"] = "2019"
    patients[3]["patient_id"] = "SYN-1"
    patients[5]["patient_id"] = "P-ELSEWHERE"
    contact = {"last_contact_date": "2020-05-01", "vital_status": "alive"}
    dead = {"vital_status": "dead", "death_date": "2019-02-20", "last_contact_date": "2019-02-20"}
    cycle = {"course_number": "1", "agent": "blinatumomab"}
    early = {**cycle, "start_date": "2019-01-10", "stop_date": "2019-01-20"}
    late = {**cycle, "start_date": "2019-03-10", "stop_date": "2019-03-20"}
    return check_submission(
        [
            submitted("patient", patients),
            submitted(
                "treatment_cycle",
                [
                    {**early, "patient_id": "SYN-1", "cycle_number": "1"},
                    {**late, "patient_id": "SYN-1", "cycle_number": "2"},
                    {**early, "patient_id": "SYN-5", "cycle_number": "3"},
                ],
            ),
            submitted(
                "follow_up",
                [
                    {**dead, "patient_id": "SYN-1"},
                    *({**contact, "patient_id": f"SYN-{number}"} for number in (2, 3, 5)),
                ],
            ),
        ],
        CONTEXT,
    )


@pytest.fixture(scope="module")
def result(checked: CheckedSubmission) -> ExpectationsResult:
    return run_expectations(checked, FACTS, submission_id="submission-1", is_synthetic=True)


@pytest.mark.parametrize("definition", TABLES, ids=lambda definition: definition.name)
def test_the_rules_on_columns_say_in_sql_what_the_gate_says(definition: Table) -> None:
    rows = texts_table(definition)
    connection = duckdb.connect()
    connection.execute("create schema written")
    connection.register("incoming", rows.to_arrow())
    connection.execute(f"create table written.{definition.name} as from incoming")
    found = run_rules(connection, column_rules(definition), FACTS, schema="written")
    connection.close()
    gate = gate_violations(definition, rows)
    assert gate["rule"].n_unique() > 0.5 * len(column_rules(definition))
    places = ["rule", "line", "column"]
    assert sorted(found.findings.select(places).rows()) == sorted(gate.select(places).rows())


def test_every_rule_on_rows_becomes_an_expectation(checked: CheckedSubmission) -> None:
    """Of the tables that were sent; once, and with all that a reader needs."""
    with made_batches(checked, FACTS) as (_, batches):
        rendered = [each for batch in batches for each in suite(batch).expectations]
    expected = {each.id for each in RULES if each.table in {CELL, *FACTS.sent_tables}}
    rules = [each.configuration.kwargs["rule"] for each in rendered]
    assert sorted(rules) == sorted(expected)
    for each in rendered:
        declared = rule(each.configuration.kwargs["rule"])
        assert each.description == declared.title
        assert each.meta["message"] == declared.message
        assert (each.severity == "warning") == (declared.severity.value == "warn")


def test_a_suite_is_read_back_from_its_file(checked: CheckedSubmission) -> None:
    with made_batches(checked, FACTS) as (_, batches):
        batch = next(each for each in batches if each.name == "treatment_cycle.related")
    written = json.loads(json.dumps(suite(batch).to_json_dict()))
    with quietly():
        from great_expectations import ExpectationSuite

        again = ExpectationSuite(name=written["name"], expectations=written["expectations"])
    assert [each.configuration.kwargs for each in again.expectations] == [
        each.configuration.kwargs for each in suite(batch).expectations
    ]


def test_great_expectations_finds_what_the_rules_find(checked: CheckedSubmission, result: ExpectationsResult) -> None:
    assert result.disagreements.rows() == []
    assert set(result.counts["rule"]) == set(checked.results["rule"])
    found = set(result.findings.select("rule", "line").rows())
    assert found >= {
        ("patient.sex.code", 3),
        ("patient.diagnosis_date.before_birth", 4),
        ("patient.key.duplicate", 5),
        ("treatment_cycle.start_date.after_death", 3),
        ("treatment_cycle.cycle_number.gap", 4),
    }
    assert len(result.counts.filter("is_met")) == result.n_met < result.counts.height
    result.require_agreement()


def test_a_row_rejected_in_one_step_is_no_evidence_in_the_next(result: ExpectationsResult) -> None:
    n_rows = dict(result.counts.filter(pl.col("table") == "patient").select("rule", "n_rows").rows())
    assert n_rows["patient.sex.code"] == 6
    assert n_rows["patient.follow_up.absent"] < 6


def test_nothing_is_left_beside_the_rows_of_the_check(checked: CheckedSubmission, result: ExpectationsResult) -> None:
    connection = checked.tables[0].connection
    query = (
        "select distinct schema_name from duckdb_schemas() where database_name = current_database() and not internal"
    )
    assert result.counts.height > 0
    assert {name for (name,) in connection.execute(query).fetchall()} - {"main"} == {"sent", "sound", "elsewhere"}


def test_what_only_one_of_the_two_says_is_named(checked: CheckedSubmission) -> None:
    kept = checked.violations.filter(pl.col("rule") != "patient.key.duplicate")
    results = checked.results.with_columns(
        pl.when(pl.col("rule") == "patient.sex.code").then(0).otherwise("n_bad").alias("n_bad")
    )
    changed = CheckedSubmission(tables=checked.tables, violations=kept, results=results)
    result = run_expectations(changed, FACTS, submission_id="submission-1", is_synthetic=True)
    said = set(result.disagreements.select("rule", "line", "said_by").rows())
    assert said >= {
        ("patient.key.duplicate", 5, "great_expectations"),
        ("patient.sex.code", None, "great_expectations"),
        ("patient.sex.code", None, "rules"),
    }
    with pytest.raises(BlinregError, match="do not agree"):
        result.require_agreement()


def test_an_expectation_that_cannot_be_evaluated_is_an_error_without_a_value() -> None:
    connection = duckdb.connect()
    connection.execute("create schema batch; create table batch.patient_rows as select 'Mrs Secret' as sex")
    judgement = Judgement(rule=rule("patient.sex.code"), bad="cast(sex as integer) > 1", about="", place="")
    with pytest.raises(BlinregError, match=re.escape("patient.sex.code")) as raised:
        run_checkpoint(connection, [Batch(table="patient", step=Step.ROWS, judgements=(judgement,))])
    assert "Secret" not in str(raised.value)
    assert "Secret" not in str(raised.value.next_step)


@pytest.mark.parametrize(
    ("limits", "n_checked", "n_bad", "is_met"),
    [
        ({"max_rows": 0}, 10, 0, True),
        ({"max_rows": 0}, 10, 1, False),
        ({"max_rows": 2}, 10, 2, True),
        ({"max_percent": 20.0, "min_checked": 10}, 10, 2, True),
        ({"max_percent": 20.0, "min_checked": 10}, 10, 3, False),
        ({"max_percent": 20.0, "min_checked": 11}, 10, 9, True),
        ({"min_percent": 20.0}, 10, 1, False),
        ({"min_percent": 20.0}, 10, 2, True),
        ({"max_rows": 0}, 0, 0, True),
    ],
)
def test_an_expectation_is_met_within_its_limits(
    limits: Mapping[str, Any], n_checked: int, n_bad: int, *, is_met: bool
) -> None:
    from blinreg.registry.quality.expectations.rule_expectation import ExpectRuleToHold

    expectation = ExpectRuleToHold(rule="patient.sex.code", bad="false", **limits)
    assert expectation.is_met(n_checked=n_checked, n_bad=n_bad) == is_met


def test_results_and_page_hold_no_value(result: ExpectationsResult) -> None:
    data = result.as_data()
    page = expectations_page(data)
    for text in (page, json.dumps(data), *(json.dumps(each) for each in result.run.suites.values())):
        assert "Secret" not in text
        assert "SYN-" not in text
        assert "P-ELSEWHERE" not in text


def test_the_page_loads_nothing_and_says_what_is_wrong_where(result: ExpectationsResult) -> None:
    page = expectations_page(result.as_data())
    assert not re.search(r"https?://|//\w|<script|<img|<link|@import|url\(|<iframe|<form", page)
    assert "default-src 'none'" in page
    assert "Synthetic data" in page
    assert "patient, line 3" in page
    assert rule("patient.sex.code").title in page
    assert "agree on every row" in page


def test_the_page_escapes_and_cuts_long_lists(result: ExpectationsResult) -> None:
    data = json.loads(json.dumps(result.as_data()))
    data["submission_id"] = "<b>x</b>"
    (found,) = [
        each
        for each in data["results"]["patient.columns"]["results"]
        if each["expectation_config"]["kwargs"]["rule"] == "patient.sex.code"
    ]
    found["result"]["places"] = list(range(2, 100))
    page = expectations_page(data)
    assert "<b>x</b>" not in page
    assert f"and {98 - PLACES_SHOWN} more" in page


def test_a_page_says_where_the_two_do_not_agree(result: ExpectationsResult) -> None:
    data = result.as_data() | {"disagreements": [{"rule": "patient.sex.code"}], "is_synthetic": False}
    page = expectations_page(data)
    assert "do not agree" in page
    assert "Synthetic" not in page


def test_nothing_loads_great_expectations_before_it_is_run() -> None:
    code = (
        "import sys, contextlib, io\n"
        "import blinreg.registry.quality.expectations, blinreg.registry.cli.review_expectations\n"
        "from blinreg.registry.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(['validate', '--help'])\n"
        "print([name for name in ('great_expectations', 'sqlalchemy', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_rule_is_left_out_of_great_expectations_but_those_on_files_and_submissions() -> None:
    rendered = {each.id for definition in TABLES for each in column_rules(definition)}
    rendered |= {each.id for each in RULES if each.predicate}
    left = [each for each in RULES if each.id not in rendered]
    assert {each.origin for each in left} == {Origin.FILE, Origin.SUBMISSION}
