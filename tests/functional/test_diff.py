"""Does `blinreg diff` tell what a site changed, from folders of any format and from a registry?"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from blinreg.registry.cli.main import main
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry

Row = Mapping[str, str | None]
MakeSubmission = Callable[..., Path]
MakeRow = Callable[..., Row]

EVENT = {"patient_id": "P01", "event_number": "1", "term": "crs", "grade": "2", "onset_date": "2019-05"}


def tables(patient: MakeRow, follow_up: MakeRow, *names: str, **event: str) -> dict[str, list[Row]]:
    return {
        "patient": [patient(name) for name in names],
        "follow_up": [follow_up(name) for name in names],
        "adverse_event": [{**EVENT, **event}],
    }


@pytest.fixture
def two(make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow) -> tuple[Path, Path]:
    """Give two submissions of a site: P02 left, P03 came, an event was graded anew."""
    first = make_submission(tables(patient, follow_up, "P01", "P02"), submission_id="first")
    after = tables(patient, follow_up, "P01", "P03", grade="3", onset_date="2019-05-02")
    formats = {"patient": "xlsx", "adverse_event": "parquet"}
    return first, make_submission(after, submission_id="second", created_at="2020-07-01T10:00:00Z", formats=formats)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_summary_counts_by_table_and_names_the_columns(
    two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", *map(str, two), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "A  first: site site-a, data to 2020-05-31, synthetic"
    lines = {tuple(line.split()) for line in said.splitlines()}
    assert ("patient", "2", "2", "1", "1", "0", "0") in lines
    assert ("adverse_event", "1", "1", "0", "0", "1", "2") in lines
    assert ("adverse_event.grade", "1") in lines
    assert "next: --out DIR writes every row and value as CSV" in said
    # Values are in the files; a terminal may be looked at by others.
    assert "2019-05-02" not in said
    assert all(len(line) <= 80 for line in said.splitlines())


def test_files_hold_every_row_and_value(two: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "changes"
    assert main(["diff", *map(str, two), "--out", str(out), "--quiet"]) == 0
    values = read_csv(out / "values.csv")
    assert [(row["table"], row["key"], row["column"], row["before"], row["after"], row["kind"]) for row in values] == [
        ("adverse_event", "P01, 1", "grade", "2", "3", "changed"),
        ("adverse_event", "P01, 1", "onset_date", "2019-05", "2019-05-02", "changed"),
    ]
    rows = [(row["table"], row["key"], row["kind"]) for row in read_csv(out / "rows.csv")]
    assert rows == [
        ("patient", "P02", "removed"),
        ("patient", "P03", "added"),
        ("adverse_event", "P01, 1", "changed"),
        ("follow_up", "P02", "removed"),
        ("follow_up", "P03", "added"),
    ]
    assert [row["patient_id"] for row in read_csv(out / "added_patient.csv")] == ["P03"]
    assert [row["source_line"] for row in read_csv(out / "removed_patient.csv")] == ["3"]
    assert {path.name for path in out.iterdir()} == {
        "tables.csv",
        "rows.csv",
        "values.csv",
        *(f"{kind}_{table}.csv" for kind in ("added", "removed") for table in ("patient", "follow_up")),
    }


@pytest.mark.parametrize("kind", ["xlsx", "parquet"])
def test_another_format_is_no_difference(
    make_submission: MakeSubmission,
    patient: MakeRow,
    follow_up: MakeRow,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    rows = tables(patient, follow_up, "P01", "P02")
    first = make_submission(rows, submission_id="first")
    second = make_submission(rows, submission_id="second", formats=dict.fromkeys(rows, kind))
    assert main(["diff", str(first), str(second), "--json", "--quiet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["is_same"]
    assert {table["table"]: table["n_rows_after"] for table in said["tables"]} == {
        "patient": 2,
        "adverse_event": 1,
        "follow_up": 2,
    }


@pytest.fixture
def wrong(make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow) -> Path:
    """Give a submission whose event has a grade that there is not."""
    after = tables(patient, follow_up, "P01", "P02", grade="9")
    return make_submission(after, submission_id="wrong", created_at="2020-06-15T10:00:00Z")


def test_submissions_of_a_registry_are_compared_as_sent(
    two: tuple[Path, Path], wrong: Path, registry_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that was quarantined was sent too."""
    with Registry.open(registry_path, write=True) as registry:
        load_submission(registry, two[0])
        assert load_submission(registry, wrong).n_quarantined == 1
    words = ["--registry", str(registry_path), "--json", "--quiet"]
    assert main(["diff", "first", "wrong", *words]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["columns"] == [{"table": "adverse_event", "column": "grade", "n": 1}]
    assert main(["diff", "first", str(two[0]), *words]) == 0
    assert json.loads(capsys.readouterr().out)["is_same"]


def test_unknown_names_are_errors_with_a_next_step(
    two: tuple[Path, Path], registry_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", "first", str(two[0])]) == 2
    assert "give --registry R for a submission id" in capsys.readouterr().err
    with Registry.open(registry_path, write=True) as registry:
        load_submission(registry, two[0])
    assert main(["diff", "frist", "first", "--registry", str(registry_path)]) == 2
    assert "no accepted submission of registry.duckdb is called 'frist'\n  next: did you mean first?" in (
        capsys.readouterr().err
    )
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.csv").write_text("mine")
    assert main(["diff", *map(str, two), "--out", str(tmp_path / "full")]) == 2
    assert "is not an empty folder" in capsys.readouterr().err


def test_a_kept_file_that_is_lost_is_said(
    two: tuple[Path, Path], registry_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Registry.open(registry_path, write=True) as registry:
        load_submission(registry, two[0])
        for path in registry.paths.submissions.glob("*.csv"):
            path.unlink()
    assert main(["diff", "first", str(two[1]), "--registry", str(registry_path)]) == 5
    assert "lacks 3 files of first" in capsys.readouterr().err


def test_every_file_that_cannot_be_read_is_named(two: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    (two[0] / "patient.csv").write_text("surname\nx\n")
    (two[0] / "follow_up.csv").unlink()
    assert main(["diff", *map(str, two)]) == 4
    assert "follow_up.csv is named in submission.json and is no plain file" in capsys.readouterr().err
    (two[0] / "follow_up.csv").write_text("")
    assert main(["diff", *map(str, two)]) == 4
    said = capsys.readouterr().err
    assert "2 files are wrong: patient.csv: line 1 has none of the 11 columns" in said
    assert "follow_up.csv is empty" in said


def test_sites_that_differ_are_pointed_out(
    two: tuple[Path, Path],
    make_submission: MakeSubmission,
    patient: MakeRow,
    follow_up: MakeRow,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = make_submission(tables(patient, follow_up, "P01"), site_id="site-b", submission_id="other")
    assert main(["diff", str(two[0]), str(other), "--quiet"]) == 0
    assert "the sites differ" in capsys.readouterr().out


def test_no_cell_becomes_a_formula(
    make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow, tmp_path: Path
) -> None:
    first = make_submission(tables(patient, follow_up, "P01"), submission_id="first")
    second = make_submission(tables(patient, follow_up, "P01", term="=cmd()"), submission_id="second")
    assert main(["diff", str(first), str(second), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert [row["after"] for row in read_csv(tmp_path / "out/values.csv")] == ["'=cmd()"]
