"""Is every submission that cannot be trusted refused whole, with a message that says what to do?"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter

from blinreg.registry.loading import load_submission
from blinreg.registry.read_xlsx import Problem, XlsxFile, read_xlsx
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected, UsageError
from blinreg.schemas.tables import table

Make = Callable[..., Any]


@pytest.fixture
def folder(make_submission: Make, patient: Make, follow_up: Make) -> Path:
    """Write a submission that would be accepted."""
    made: Path = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]})
    return made


def manifest_of(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "submission.json").read_text())
    return said


def write_manifest(folder: Path, said: object) -> None:
    (folder / "submission.json").write_text(json.dumps(said))


def announce(folder: Path, name: str, *, rows: int | None = None) -> None:
    """Correct the list of files after a file was changed."""
    said = manifest_of(folder)
    for file in said["files"]:
        if file["path"] == name:
            file["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
            file["rows"] = file["rows"] if rows is None else rows
    write_manifest(folder, said)


def refusal(registry: Registry, folder: Path) -> str:
    with pytest.raises(SubmissionRejected) as caught:
        load_submission(registry, folder)
    reason = registry.connection.execute("select reason from ledger.submission order by sequence desc").fetchall()[0][0]
    assert reason == str(caught.value)
    assert list(registry.paths.submissions.iterdir()) == []
    assert registry.connection.execute("select count(*) from submitted.patient").fetchall() == [(0,)]
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"submission_id": None}, "submission_id must match"),
        ({"submission_id": "a b"}, "submission_id must match"),
        ({"site_id": "Site A"}, "site_id must match"),
        ({"site_id": "x'; drop table patient; --"}, "site_id must match"),
        ({"created_at": "yesterday"}, "created_at must be a date and time such as 2020-05-01T09:30:00Z"),
        ({"created_at": "0001-01-01T00:00:00+14:00"}, "created_at must be a date and time"),
        ({"created_at": "2999-01-01T00:00:00Z"}, "created_at lies in the future"),
        ({"data_cutoff_date": "2020-05"}, "data_cutoff_date must be a whole date such as 2020-04-30"),
        ({"data_cutoff_date": "2020-02-30"}, "data_cutoff_date must be a whole date"),
        ({"data_cutoff_date": "2020-06-02"}, "data_cutoff_date is later than created_at"),
        ({"schema_version": "9.9"}, "schema_version must be '1.0'"),
        ({"synthetic": "yes"}, "synthetic must be true or false"),
        ({"files": []}, "files must be a list of one object a table"),
        ({"cutoff": "2020-05-31"}, "unknown key 'cutoff', did you mean data_cutoff_date?"),
    ],
)
def test_a_wrong_value_in_the_list_is_named(
    registry: Registry, folder: Path, change: dict[str, Any], message: str
) -> None:
    write_manifest(folder, manifest_of(folder) | change)
    assert message in refusal(registry, folder)


@pytest.mark.parametrize(
    "key", ["submission_id", "site_id", "created_at", "data_cutoff_date", "schema_version", "files"]
)
def test_a_missing_key_is_named(registry: Registry, folder: Path, key: str) -> None:
    said = manifest_of(folder)
    del said[key]
    write_manifest(folder, said)
    assert f"{key} is missing" in refusal(registry, folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"table": "patients"}, "no table is called 'patients', did you mean patient or patient_characteristic?"),
        ({"table": ["patient"]}, "no table is called"),
        ({"path": "../patient.csv"}, "path must be the plain name of a file in the folder"),
        ({"path": "/etc/passwd"}, "path must be the plain name of a file in the folder"),
        ({"path": "sub/patient.csv"}, "path must be the plain name of a file in the folder"),
        ({"path": "*.csv"}, "path must be the plain name of a file in the folder"),
        ({"path": "C:\\patient.csv"}, "path must be the plain name of a file in the folder"),
        ({"path": "a..csv"}, "path must be the plain name of a file in the folder"),
        ({"path": "patient.pkl"}, "path must end in .csv, .parquet or .xlsx"),
        ({"path": "follow_up.csv"}, "2 tables name the same file"),
        ({"table": "follow_up"}, "table follow_up has 2 files, one is allowed"),
        ({"table": "baseline"}, "required table patient is missing"),
        ({"sha256": "abc"}, "sha256 must be 64 lower-case hexadecimal digits"),
        ({"rows": -1}, "rows must be a whole number"),
        ({"rows": True}, "rows must be a whole number"),
        ({"rows": 10**30}, "rows must be a whole number"),
        ({"size": 3}, "files, number 1: unknown key 'size'"),
    ],
)
def test_a_wrong_entry_in_the_list_of_files_is_named(
    registry: Registry, folder: Path, change: dict[str, Any], message: str
) -> None:
    said = manifest_of(folder)
    said["files"][0] |= change
    write_manifest(folder, said)
    assert message in refusal(registry, folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "submission.json is not JSON"),
        (b"[]", "submission.json is not a JSON object"),
        (b'{"site_id": "a", "site_id": "b"}', "submission.json says 'site_id' more than once"),
        (b'{"site_id": "\xff"}', "submission.json is not UTF-8 text: byte 14"),
        (b"[" * 100_000, "submission.json is not JSON"),
        (b" " * (1 << 20) + b"{}", "submission.json is larger than"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(registry: Registry, folder: Path, text: bytes, message: str) -> None:
    (folder / "submission.json").write_bytes(text)
    assert message in refusal(registry, folder)


def test_a_folder_without_a_list_is_refused(registry: Registry, folder: Path) -> None:
    (folder / "submission.json").unlink()
    assert "the folder has no submission.json" in refusal(registry, folder)


def test_a_folder_that_does_not_exist_is_a_slip_and_not_a_submission(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder nowhere"):
        load_submission(registry, tmp_path / "nowhere")
    assert registry.connection.execute("select count(*) from ledger.submission").fetchall() == [(0,)]


def test_a_file_that_is_not_the_one_announced_is_refused(registry: Registry, folder: Path) -> None:
    with (folder / "patient.csv").open("a") as file:
        file.write("\n")
    assert "patient.csv is not the file that submission.json names" in refusal(registry, folder)


def test_another_number_of_rows_is_refused(registry: Registry, folder: Path) -> None:
    announce(folder, "patient.csv", rows=2)
    assert "patient.csv has 1 rows and submission.json says 2" in refusal(registry, folder)


def test_a_missing_file_is_refused(registry: Registry, folder: Path) -> None:
    (folder / "patient.csv").unlink()
    assert "patient.csv is named in submission.json and not in the folder" in refusal(registry, folder)


def test_a_file_that_nobody_announced_is_refused(registry: Registry, folder: Path) -> None:
    (folder / "transplant.csv").write_text("x")
    assert "submission.json does not name (transplant.csv)" in refusal(registry, folder)


@pytest.mark.parametrize("name", ["patient.csv", "submission.json"])
def test_links_are_refused(registry: Registry, folder: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    (folder / name).rename(outside)
    (folder / name).symlink_to(outside)
    assert f"{name} is a link" in refusal(registry, folder)


def test_pipes_are_refused_without_waiting(registry: Registry, folder: Path) -> None:
    (folder / "patient.csv").unlink()
    os.mkfifo(folder / "patient.csv")
    assert "patient.csv is not a plain file" in refusal(registry, folder)


def test_every_faulty_file_is_named_at_once(registry: Registry, folder: Path) -> None:
    for name in ("patient.csv", "follow_up.csv"):
        (folder / name).write_text("nothing\n")
        announce(folder, name)
    said = refusal(registry, folder)
    assert "patient.csv" in said
    assert "follow_up.csv" in said


def test_wrong_columns_are_named_with_the_nearest(registry: Registry, folder: Path) -> None:
    text = (folder / "patient.csv").read_text()
    (folder / "patient.csv").write_text(text.replace("ph_status", "ph_state").replace("kmt2a_rearranged", "disease"))
    announce(folder, "patient.csv")
    said = refusal(registry, folder)
    for part in ("missing ph_status", "missing kmt2a_rearranged", "2 times disease", "unknown ph_state (did you mean"):
        assert part in said


def test_a_file_without_a_header_does_not_show_its_first_patient(registry: Registry, folder: Path) -> None:
    (folder / "patient.csv").write_text("SYN-SECRET,site-a,1980,female,b_all,2019-05-02,,,,,\n")
    announce(folder, "patient.csv", rows=0)
    said = refusal(registry, folder)
    assert "the header is missing" in said
    assert "SECRET" not in said


@pytest.mark.parametrize(
    ("encode", "message"),
    [
        (lambda text: text.replace(",", ";").encode(), "separated by semicolons; commas are expected"),
        (lambda text: text.replace(",", "\t").encode(), "separated by tabs; commas are expected"),
        (lambda text: text.encode("utf-16"), "is UTF-16 text; save it as 'CSV UTF-8'"),
        (lambda text: text.replace("P01", "M\u00fcller").encode("latin-1"), "is not UTF-8 text: byte"),
        (lambda text: text.replace("P01", '"P01').encode(), "line 2: a quotation mark is opened and not closed"),
        (lambda text: text.replace("P01", 'P"0"1').encode(), "line 2: a quotation mark inside a field"),
        (lambda text: text.replace("P01", "P01,").encode(), "line 2 has 12 fields and the header 11"),
        (lambda text: text.replace("P01,", "").encode(), "line 2 has 10 fields and the header 11"),
        (lambda text: text.replace("P01", "P\0").encode(), "line 2 holds a zero byte"),
        (lambda text: text.replace("\n", "\r").encode(), "line ends of CR only"),
        (lambda _: b"", "patient.csv is empty"),
    ],
)
def test_a_csv_file_that_is_not_as_agreed_is_refused(
    registry: Registry, folder: Path, encode: Callable[[str], bytes], message: str
) -> None:
    path = folder / "patient.csv"
    path.write_bytes(encode(path.read_text()))
    announce(folder, "patient.csv")
    assert message in refusal(registry, folder)


def test_a_parquet_file_that_is_none_is_refused(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    tables = {"patient": [patient("P01")], "follow_up": [follow_up("P01")]}
    folder = make_submission(tables, formats={"patient": "parquet"})
    (folder / "patient.parquet").write_bytes(b"PAR1 nothing PAR1")
    announce(folder, "patient.parquet")
    assert "patient.parquet is not a Parquet file" in refusal(registry, folder)


def test_a_parquet_column_of_lists_is_refused(registry: Registry, make_submission: Make, follow_up: Make) -> None:
    frame = pl.DataFrame([dict.fromkeys(table("patient").column_names, "x")]).with_columns(sex=pl.lit(["a"]).implode())
    folder = make_submission({"patient": frame, "follow_up": [follow_up("P01")]}, formats={"patient": "parquet"})
    assert "patient.parquet: column sex holds List" in refusal(registry, folder)


def xlsx_problem(path: Path, **limits: int) -> str:
    file = XlsxFile(definition=table("patient"), path=path.name, file=path)
    result = read_xlsx([file], **limits)["patient"]
    assert isinstance(result, Problem)
    return result.text


def write_sheet(path: Path, *, sheets: tuple[str, ...] = ("patient",), formula: str = "") -> None:
    book = xlsxwriter.Workbook(path)
    for name in sheets:
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, table("patient").column_names)
        sheet.write_row(1, 0, ["P01", "site-a"])
        if formula:
            sheet.write_formula(1, 2, formula, None, "#DIV/0!")
    book.close()


def test_an_archive_that_unpacks_to_too_much_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (20 << 20))
    assert "bomb.xlsx unpacks to more than 200 times its size" in xlsx_problem(path)


def test_an_archive_that_lies_about_its_size_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "liar.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (20 << 20))
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        position = content.index(signature) + offset
        content[position : position + 4] = (1000).to_bytes(4, "little")
    path.write_bytes(content)
    assert "liar.xlsx is not an XLSX file" in xlsx_problem(path)


def test_an_archive_of_many_parts_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "parts.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(2001):
            archive.writestr(f"{number}.xml", b"")
    assert "has 2001 parts" in xlsx_problem(path)


def test_a_text_file_called_xlsx_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.xlsx"
    path.write_text("patient_id\n")
    assert xlsx_problem(path) == "text.xlsx is not an XLSX file"


def test_a_workbook_without_the_tables_sheet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.xlsx"
    write_sheet(path, sheets=("one", "two"))
    assert xlsx_problem(path) == "two.xlsx has 2 sheets and none is called patient"


def test_a_cell_with_an_error_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "error.xlsx"
    write_sheet(path, formula="=1/0")
    assert "error.xlsx has 1 cells that hold an Excel error" in xlsx_problem(path)


def test_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.xlsx"
    xlsxwriter.Workbook(path).close()
    assert xlsx_problem(path) == "empty.xlsx is empty: it has no header"


def test_the_reading_process_is_stopped_by_its_limits(tmp_path: Path) -> None:
    path = tmp_path / "patient.xlsx"
    write_sheet(path)
    said = xlsx_problem(path, memory_bytes=48 << 20)
    assert re.fullmatch(
        r"patient.xlsx (could not be read within 120 s and 48 MB|cannot be read .*|needs more .*)", said
    )


def test_a_list_wrong_in_a_thousand_places_gives_a_message_that_can_be_read(registry: Registry, folder: Path) -> None:
    said = json.loads((folder / "submission.json").read_text())
    (folder / "submission.json").write_text(json.dumps({**said, **{f"key_{number}": 1 for number in range(1000)}}))
    with pytest.raises(SubmissionRejected, match="and 980 more") as caught:
        load_submission(registry, folder)
    assert len(str(caught.value)) < 3000


def test_a_submission_without_patients_does_not_empty_its_site(
    registry: Registry, folder: Path, make_submission: Make
) -> None:
    load_submission(registry, folder)
    nobody = make_submission({"patient": [], "follow_up": []}, submission_id="submission-2")
    with pytest.raises(SubmissionRejected, match="the table patient has no rows"):
        load_submission(registry, nobody)
    assert registry.connection.execute("select count(*) from current.patient").fetchall() == [(1,)]


def test_a_submission_of_which_no_patient_is_accepted_does_not_empty_its_site(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    def write(number: int, **values: str) -> Path:
        names = ["SECRET1", "SECRET2"]
        made: Path = make_submission(
            {"patient": [patient(name, **values) for name in names], "follow_up": [follow_up(name) for name in names]},
            submission_id=f"s{number}",
            created_at=f"2020-06-0{number}T10:00:00Z",
        )
        return made

    # Nothing counts yet that could be lost: the site is told of every row.
    assert load_submission(registry, write(1, sex="?")).exit_code == 3
    assert load_submission(registry, write(2)).exit_code == 0
    kept = sorted(registry.paths.submissions.iterdir())
    with pytest.raises(SubmissionRejected) as caught:
        load_submission(registry, write(3, sex="?", birth_year="1800"))
    message = str(caught.value)
    assert message.startswith(
        "none of the 2 rows of patient.csv can be accepted, and all that the site sent before would count no longer: "
        "2 rows, line 2 first: birth_year out of range"
    )
    assert "(patient.sex.code)" in message
    assert "SECRET" not in message
    assert caught.value.exit_code == 4
    assert sorted(registry.paths.submissions.iterdir()) == kept
    counting = registry.connection.execute("select patient_id from current.patient order by all").fetchall()
    assert counting == [("SECRET1",), ("SECRET2",)]
    assert load_submission(registry, write(4, birth_year="1980")).exit_code == 0
