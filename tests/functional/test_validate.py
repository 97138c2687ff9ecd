"""Does a site learn what is wrong, what changed and what it does, and does loading agree to the last row?"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blinreg.registry.cli.main import main
from blinreg.registry.loading import load_submission, load_submissions
from blinreg.registry.quality.review import Review, review_submission
from blinreg.registry.store import Registry

Row = Mapping[str, str]
Tables = Mapping[str, Sequence[Row]]


def write_submission(folder: Path, tables: Tables, **manifest: Any) -> Path:
    """Write a submission folder; every row of a table names the same columns."""
    folder.mkdir(parents=True)
    files = []
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        pl.DataFrame(rows).pipe(_with_all_columns, name).write_csv(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append({"table": name, "path": path.name, "sha256": sha256, "rows": len(rows)})
    said = {
        "submission_id": folder.name,
        "site_id": "site-a",
        "created_at": "2020-06-01T10:00:00Z",
        "data_cutoff_date": "2020-05-31",
        "schema_version": "1.0",
        "synthetic": True,
        "files": files,
        **manifest,
    }
    (folder / "submission.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


def _with_all_columns(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    from blinreg.schemas.tables import table

    return frame.select(
        pl.col(column) if column in frame.columns else pl.lit(None, pl.String).alias(column)
        for column in table(name).column_names
    )


def patient(name: str, site: str = "site-a", sex: str = "female") -> Row:
    return {"patient_id": name, "site_id": site, "sex": sex, "disease": "b_all", "birth_year": "1970"}


def cycle(name: str, stop: str = "2019-01-31", number: str = "1") -> Row:
    return {
        "patient_id": name,
        "course_number": "1",
        "cycle_number": number,
        "agent": "blinatumomab",
        "start_date": "2019-01-10",
        "stop_date": stop,
    }


def alive(name: str, day: str = "2020-01-10") -> Row:
    return {"patient_id": name, "last_contact_date": day, "vital_status": "alive", "death_date": ""}


def dead(name: str, day: str) -> Row:
    return {"patient_id": name, "last_contact_date": day, "vital_status": "dead", "death_date": day}


FIRST: Tables = {
    "patient": [patient("A-01", sex="woman"), patient("A-02"), patient("A-03")],
    "treatment_cycle": [cycle("A-01"), cycle("A-02"), cycle("A-03", number="2")],
    "follow_up": [alive("A-01"), alive("A-02"), alive("A-03")],
}

#: A-01 is corrected, A-02 has died, A-03 is as before, A-04 is new; a stop that is no day of the calendar.
SECOND: Tables = {
    "patient": [patient("A-04"), patient("A-01"), patient("A-02"), patient("A-03")],
    "treatment_cycle": [cycle("A-01"), cycle("A-02"), cycle("A-03", number="2"), cycle("A-04", stop="=2019-02-30")],
    "follow_up": [alive("A-01"), dead("A-02", "2019-06-10"), alive("A-03"), alive("A-04")],
}

ELSEWHERE: Tables = {
    "patient": [patient(f"B-{number:02d}", "site-b") for number in range(12)],
    "treatment_cycle": [cycle(f"B-{number:02d}") for number in range(12)],
    "follow_up": [alive(f"B-{number:02d}") for number in range(12)],
}


@dataclass(frozen=True)
class World:
    """A registry with two sites, and what one of them sends next."""

    registry: Path
    second: Path
    before: str
    review: Review


def files_sha256(registry: Path) -> str:
    parts = sorted(path for path in registry.parent.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in parts)).hexdigest()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    (folder / "registry").mkdir()
    registry = folder / "registry" / "r.duckdb"
    others = write_submission(folder / "others", ELSEWHERE, site_id="site-b")
    first = write_submission(folder / "first", FIRST)
    with Registry.create(registry) as opened:
        load_submissions(opened, [others, first])
    second = write_submission(
        folder / "second", SECOND, created_at="2020-09-01T10:00:00Z", data_cutoff_date="2020-08-31"
    )
    before = files_sha256(registry)
    return World(registry, second, before, review_submission(second, registry=registry))


@pytest.fixture(scope="module")
def loaded(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the registry into which the second submission was loaded."""
    folder = tmp_path_factory.mktemp("loaded") / "registry"
    shutil.copytree(world.registry.parent, folder)
    with Registry.open(folder / "r.duckdb", write=True) as registry:
        load_submission(registry, world.second)
    return folder / "r.duckdb"


def test_nothing_of_the_registry_changes(world: World) -> None:
    assert files_sha256(world.registry) == world.before


def test_findings_say_where_what_and_how_to_fix_it(world: World) -> None:
    found = world.review.findings
    assert found.select("rule", "line", "column", "value", "patient_id", "status").rows() == [
        ("treatment_cycle.stop_date.date", 5, "stop_date", "=2019-02-30", "A-04", "new"),
        (
            "treatment_cycle.cycle_number.gap",
            4,
            "course_number, cycle_number",
            "course_number=1, cycle_number=2",
            "A-03",
            "persisting",
        ),
    ]
    assert found["message"][0].startswith("not a date in the form YYYY-MM-DD")
    assert all(found["how_to_fix"])
    assert world.review.resolved.select("rule", "value", "patient_id").rows() == [
        ("patient.sex.code", "woman", "A-01"),
    ]
    assert (world.review.verdict, world.review.exit_code) == ("quarantined", 3)


def test_loading_agrees_to_the_last_row(world: World, loaded: Path) -> None:
    with Registry.open(loaded) as registry:
        stored = registry.connection.sql(
            'select rule, severity, "table", file, line from quality.violation '
            "where submission_id = 'second' order by all"
        ).fetchall()
        delta = registry.connection.sql(
            "select rule, status from quality.violation_delta where submission_id = 'second' order by all"
        ).fetchall()
        counts = registry.connection.sql(
            "select n_quarantined, n_held_back from ledger.submission where submission_id = 'second'"
        ).fetchall()
    assert sorted(world.review.findings.select("rule", "severity", "table", "file", "line").rows()) == stored
    here = [*world.review.findings.select("rule", "status").rows(), ("patient.sex.code", "resolved")]
    assert sorted(here) == delta
    assert [(world.review.n_quarantined, world.review.n_held_back)] == counts


def test_a_review_after_loading_is_the_same(world: World, loaded: Path) -> None:
    again = review_submission(world.second, registry=loaded)
    assert again.is_loaded
    for name in ("findings", "resolved", "rules", "changes", "completeness", "timeliness", "distributions", "effects"):
        assert getattr(again, name).equals(getattr(world.review, name)), name


def test_changes_name_rows_and_values(world: World) -> None:
    assert sorted(world.review.changes.rows(), key=str) == sorted(
        [
            ("patient", "A-04", None, None, None, "added"),
            ("treatment_cycle", "A-04, 1, 1", None, None, None, "added"),
            ("follow_up", "A-04", None, None, None, "added"),
            ("patient", "A-01", "sex", "woman", "female", "changed"),
            ("follow_up", "A-02", "last_contact_date", "2020-01-10", "2019-06-10", "changed"),
            ("follow_up", "A-02", "vital_status", "alive", "dead", "changed"),
            ("follow_up", "A-02", "death_date", None, "2019-06-10", "changed"),
        ],
        key=str,
    )


def test_effects_are_those_of_the_sites_own_patients(world: World) -> None:
    """A-01 was held out before; A-04's only cycle is held out now. A year is 365 days, to A-02's death are 151."""
    os = world.review.effects.row(by_predicate=pl.col("endpoint") == "os", named=True)
    assert (os["n_patients_before"], os["events_before"], os["person_days_before"]) == (2, 0, 2 * 365)
    assert (os["n_patients_after"], os["events_after"], os["person_days_after"]) == (3, 1, 2 * 365 + 151)
    assert (os["median_months_before"], os["median_months_after"]) == (None, None)


def test_completeness_and_timeliness_stand_beside_the_other_sites(world: World) -> None:
    sent = world.review.completeness.filter((pl.col("table") == "follow_up") & (pl.col("column") == "death_date"))
    assert sent.select("n_rows", "n_missing", "percent", "percent_other_sites").rows() == [(4, 3, 75.0, 100.0)]
    measures = {row[0]: row[1:] for row in world.review.timeliness.rows()}
    assert measures["from the last submission's data cutoff to this one's"] == (92.0, "days", None)
    assert measures["behind the newest data cutoff of any site"] == (0.0, "days", 92.0)


def test_other_sites_are_shares_and_quantiles(world: World) -> None:
    birth = world.review.distributions.row(by_predicate=pl.col("variable") == "patient.birth_year", named=True)
    assert (birth["site_n"], birth["others_n"], birth["others_p50"]) == (4, 12, 1970.0)
    sex = world.review.distributions.filter(pl.col("variable") == "patient.sex")
    assert sex.select("level", "site_percent", "others_percent").rows() == [("female", 100.0, 100.0)]


def test_without_a_registry_there_is_nothing_to_compare_with(world: World) -> None:
    review = review_submission(world.second, with_effects=False)
    assert (review.verdict, review.previous_submission_id) == ("quarantined", "")
    assert set(review.findings["status"]) == {"new"}
    assert review.changes.is_empty()
    assert review.completeness["percent_other_sites"].null_count() == review.completeness.height


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Give a submission with an e-mail address as the name of a patient, who has other faults too."""
    name = "a.testperson@example.org"
    return write_submission(
        tmp_path / "private",
        {
            "patient": [patient(name, sex="woman"), patient("A-02")],
            "follow_up": [alive(name, "2020-13-01"), alive("A-02")],
        },
    )


def test_a_private_value_is_in_no_file(private: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "review"
    assert main(["validate", str(private), "--out", str(out)]) == 4
    said = capsys.readouterr()
    written = [path for path in out.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"index.html", "findings.csv", "review.json", "patient.csv"}
    texts = [path.read_text(encoding="utf-8") for path in written]
    assert not [text for text in (said.out, said.err, *texts) if "testperson" in text]
    assert "E-mail address  patient:2" in said.out


def test_a_file_that_cannot_be_read_is_a_rejection_with_a_page(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(world.second, folder)
    (folder / "patient.csv").write_text("patient_id\nA-01\n", encoding="utf-8")
    review = review_submission(folder, registry=world.registry)
    assert (review.verdict, review.exit_code, review.findings.height) == ("rejected", 4, 0)
    assert "patient.csv is not the file that submission.json names" in review.rejection
    out = tmp_path / "review"
    assert main(["validate", str(folder), "--registry", str(world.registry), "--out", str(out), "--quiet"]) == 4
    assert "patient.csv is not the file" in (out / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "review"
    arguments = ["validate", str(world.second), "--registry", str(world.registry), "--out", str(out), "--quiet"]
    assert main(arguments) == 3
    return out


def test_files_of_a_review(written: Path) -> None:
    with (written / "findings.csv").open(encoding="utf-8", newline="") as file:
        findings = list(csv.DictReader(file))
    assert list(findings[0]) == [
        "rule", "severity", "table", "file", "line", "column", "message", "how_to_fix", "status"
    ]  # fmt: skip
    assert [row["line"] for row in findings] == ["5", "4"]
    with (written / "failing_rows" / "treatment_cycle.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # A spreadsheet would carry out what begins with a sign of equality.
    assert [(row["source_line"], row["disposition"], row["stop_date"]) for row in rows] == [
        ("5", "quarantined", "'=2019-02-30")
    ]
    data = json.loads((written / "review.json").read_text(encoding="utf-8"))
    assert (data["verdict"], data["n_new"], data["n_persisting"], data["n_resolved"]) == ("quarantined", 1, 1, 1)
    assert len(data["changes"]) == 7
    assert "SYNTHETIC" in (written / "index.html").read_text(encoding="utf-8")


def test_an_earlier_review_is_replaced_and_nothing_else(written: Path, world: World, tmp_path: Path) -> None:
    out = tmp_path / "review"
    shutil.copytree(written, out)
    (out / "failing_rows" / "gvhd.csv").write_text("of an earlier review", encoding="utf-8")
    assert main(["validate", str(world.second), "--out", str(out), "--quiet"]) == 3
    assert not (out / "failing_rows" / "gvhd.csv").exists()
    assert main(["validate", str(world.second), "--out", str(world.second), "--quiet"]) == 2


def test_terminal_says_the_worst_first_and_what_to_do(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(world.second), "--registry", str(world.registry), "--quiet"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[:6] == [
        "site-a: second, synthetic",
        "ROWS NOT ACCEPTED: 1 of 12",
        "  1 quarantined, 0 held back with them, 1 warning",
        "since first:",
        "  findings: 1 new, 1 persisting, 1 resolved",
        "  values and rows that changed: 7",
    ]
    assert lines.index("  rows not accepted") < lines.index("  to be checked")
    assert lines[-1] == "next: correct these rows in the files, seal the folder, validate it again"
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80


def test_json_has_no_values_of_patients(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(world.second), "--json", "--quiet"]) == 3
    said = capsys.readouterr().out
    assert json.loads(said)["n_quarantined"] == 1
    assert "2019-02-30" not in said
    assert "A-04" not in said


def test_load_writes_the_same_page_for_each_submission(
    written: Path, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry = tmp_path / "registry"
    shutil.copytree(world.registry.parent, registry)
    third = write_submission(
        tmp_path / "third", SECOND, created_at="2020-12-01T10:00:00Z", data_cutoff_date="2020-11-30"
    )
    out = tmp_path / "pages"
    folders = [str(world.second), str(third)]
    assert main(["load", *folders, "--registry", str(registry / "r.duckdb"), "--out", str(out), "--quiet"]) == 3
    assert (out / "second" / "findings.csv").read_bytes() == (written / "findings.csv").read_bytes()
    # The second counts no longer: it is shown as it was when it was loaded.
    then = json.loads((out / "second" / "review.json").read_text(encoding="utf-8"))
    assert (then["previous_submission_id"], then["n_new"]) == ("first", 1)
    data = json.loads((out / "third" / "review.json").read_text(encoding="utf-8"))
    assert (data["previous_submission_id"], data["n_new"], data["n_persisting"]) == ("second", 0, 2)
    assert "page: " in capsys.readouterr().out


@pytest.fixture
def own(loaded: Path, tmp_path: Path) -> Path:
    """Give a copy of the loaded registry of the test's own."""
    shutil.copytree(loaded.parent, tmp_path / "own")
    return tmp_path / "own" / "r.duckdb"


RunJson = Callable[..., dict[str, Any]]


@pytest.fixture
def run_json(capsys: pytest.CaptureFixture[str]) -> RunJson:
    def run(*arguments: object) -> dict[str, Any]:
        assert main([*map(str, arguments), "--json", "--quiet"]) == 0
        said: dict[str, Any] = json.loads(capsys.readouterr().out)
        return said

    return run


def test_limits_change_verdicts_without_a_run(own: Path, run_json: RunJson) -> None:
    rule = "treatment_cycle.cycle_number.gap"

    def verdicts(*arguments: object) -> dict[str, str]:
        return {row["site_id"]: row["verdict"] for row in run_json("threshold", own, rule, *arguments)["verdicts"]}

    assert verdicts() == {"site-a": "too_many", "site-b": "passed"}
    assert verdicts("--count", 5) == {"site-a": "passed", "site-b": "passed"}
    assert verdicts("--site", "site-a", "--percent", 1) == {"site-a": "too_many"}
    assert verdicts("--site", "site-a", "--reset") == {"site-a": "passed"}
    assert verdicts("--reset") == {"site-a": "too_many", "site-b": "passed"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["no.such.rule", "--count", "1"],
        ["patient.sex.code", "--site", "site-x", "--count", "1"],
        ["patient.sex.code", "--percent", "101"],
        ["patient.sex.code", "--percent", "10", "--reset"],
    ],
)
def test_limits_that_would_do_nothing_are_refused(own: Path, arguments: list[str]) -> None:
    assert main(["threshold", str(own), *arguments, "--quiet"]) == 2


def test_steward_sees_who_is_late_and_who_is_worse(own: Path, run_json: RunJson, tmp_path: Path) -> None:
    out = tmp_path / "steward"
    said = run_json("steward", "--registry", own, "--late-after", 90, "--out", out)
    sites = {row["site_id"]: row for row in said["sites"]}
    assert said["as_of"] == "2020-08-31"
    assert (sites["site-b"]["is_late"], sites["site-b"]["days_since"], sites["site-b"]["verdict"]) == (
        True,
        92,
        "clean",
    )
    assert (sites["site-a"]["is_late"], sites["site-a"]["verdict"]) == (False, "quarantined")
    # 2 findings in 12 rows after 2 in 9: fewer a row.
    assert (sites["site-a"]["n_findings"], sites["site-a"]["n_findings_before"]) == (2, 2)
    assert sites["site-a"]["is_worse"] is False
    assert {(row["rule"], row["n_bad"], row["n_bad_before"]) for row in said["worst_rules"]} == {
        ("treatment_cycle.stop_date.date", 1, 0),
        ("treatment_cycle.cycle_number.gap", 1, 1),
    }
    assert "site-b" in (out / "index.html").read_text(encoding="utf-8")


def test_a_registry_without_submissions_has_nothing_for_its_steward(registry_path: Path) -> None:
    assert main(["steward", "--registry", str(registry_path), "--quiet"]) == 2
