"""Can a person go from empty tables to a loaded submission without counting rows or copying hashes?"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from blinreg.registry.loading import load_submission
from blinreg.registry.sealing import seal
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected, UsageError
from blinreg.schemas.render.template import write_template

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
CUTOFF = date(2026, 6, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my-site"
    write_template(path)
    with (path / "patient.csv").open("a", encoding="utf-8") as file:
        file.write("P-01,my-site,1980,female,b_all,2019,negative,no,no,no,\n")
    with (path / "follow_up.csv").open("a", encoding="utf-8") as file:
        file.write("P-01,2026-05-01,,alive,,,cutoff\n")
    return path


def test_a_sealed_folder_loads(folder: Path, registry: Registry) -> None:
    made = seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)
    assert made.submission_id == "my-site-20260701T093000Z"
    assert {name: rows for name, rows in made.rows.items() if rows} == {"patient": 1, "follow_up": 1}
    result = load_submission(registry, folder)
    assert (result.n_rows, result.n_accepted) == (2, 2)


def test_sealing_again_keeps_site_and_cutoff_and_takes_a_new_name(folder: Path, registry: Registry) -> None:
    seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)
    load_submission(registry, folder)
    with (folder / "patient.csv").open("a", encoding="utf-8") as file:
        file.write("P-02,my-site,1981,male,b_all,2019-05,negative,no,no,no,\n")
    made = seal(folder, created_at=NOW.replace(hour=10))
    assert made.submission_id == "my-site-20260701T103000Z"
    assert made.rows["patient"] == 2
    manifest = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    assert (manifest["site_id"], manifest["data_cutoff_date"]) == ("my-site", "2026-06-30")
    assert load_submission(registry, folder).n_accepted == 3


@pytest.mark.parametrize("kind", ["parquet", "xlsx"])
def test_other_formats_are_counted(folder: Path, kind: str, registry: Registry) -> None:
    frame = pl.read_csv(folder / "patient.csv", infer_schema=False)
    (folder / "patient.csv").unlink()
    if kind == "parquet":
        frame.write_parquet(folder / "patient.parquet")
    else:
        frame.write_excel(folder / "patient.xlsx", autofit=False)
    assert seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW).rows["patient"] == 1
    assert load_submission(registry, folder).n_accepted == 2


def test_site_and_cutoff_are_asked_for(folder: Path) -> None:
    with pytest.raises(UsageError, match="the site or the data cutoff is not known; give --site and --cutoff"):
        seal(folder, site_id="my-site", created_at=NOW)


def test_a_file_that_is_no_table_is_named(folder: Path) -> None:
    (folder / "patients.csv").write_text("patient_id\n", encoding="utf-8")
    with pytest.raises(
        UsageError, match=r"patients.csv is named as no table; rename it or take it out; did you mean patient"
    ):
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)


def test_two_files_of_one_table_are_named(folder: Path) -> None:
    pl.read_csv(folder / "patient.csv", infer_schema=False).write_parquet(folder / "patient.parquet")
    with pytest.raises(UsageError, match=r"patient.csv and patient.parquet are both the table patient"):
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)


def test_a_file_with_other_columns_is_refused_and_nothing_is_written(folder: Path) -> None:
    before = (folder / "submission.json").read_bytes()
    (folder / "gvhd.csv").write_text("patient_id,onset\n", encoding="utf-8")
    with pytest.raises(SubmissionRejected, match=r"gvhd.csv"):
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)
    assert (folder / "submission.json").read_bytes() == before


def test_a_site_id_that_would_be_refused_on_loading_is_refused_now(folder: Path) -> None:
    with pytest.raises(SubmissionRejected, match="site_id must match"):
        seal(folder, site_id="My Site", data_cutoff_date=CUTOFF, created_at=NOW)


def test_a_folder_that_is_not_sealed_yet_says_how(folder: Path, registry: Registry) -> None:
    with pytest.raises(SubmissionRejected, match=r"submission.json is not filled in yet; `blinreg seal FOLDER"):
        load_submission(registry, folder)


def test_lines_of_separators_only_are_no_rows(folder: Path, registry: Registry) -> None:
    with (folder / "patient.csv").open("a", encoding="utf-8") as file:
        file.write("\n,,,,,,,,,,\r\n,,,,,,,,,,\n")
    assert seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW).rows["patient"] == 1
    result = load_submission(registry, folder)
    assert (result.n_accepted, result.n_quarantined) == (2, 0)


def test_a_workbook_that_is_open_is_said_to_be_open(folder: Path) -> None:
    (folder / "~$patient.xlsx").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"patient\.xlsx is open in a spreadsheet program; save and close it"):
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)


def test_an_added_column_is_to_be_taken_out(folder: Path) -> None:
    path = folder / "patient.csv"
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([header + ",surname", *(row + ",Muster" for row in rows)]) + "\n", encoding="utf-8")
    with pytest.raises(SubmissionRejected, match=r"unknown surname \(no such column: take it out\)") as caught:
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)
    assert "Muster" not in str(caught.value)


def test_spaces_in_a_header_are_named(folder: Path) -> None:
    path = folder / "patient.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",site_id,", ", site_id,"), encoding="utf-8")
    with pytest.raises(SubmissionRejected, match="spaces around site_id"):
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)


def test_a_file_that_is_no_parquet_is_named(folder: Path) -> None:
    (folder / "patient.csv").rename(folder / "patient.parquet")
    with pytest.raises(SubmissionRejected, match=r"patient\.parquet is not a Parquet file"):
        seal(folder, site_id="my-site", data_cutoff_date=CUTOFF, created_at=NOW)
