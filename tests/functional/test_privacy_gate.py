"""Is a file that says who a patient is refused, without being repeated or kept, and nothing else taken for one?"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blinreg.registry.header_privacy import identifying_kind
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.ledger import LEDGER
from blinreg.schemas.rules.store import QUALITY
from blinreg.schemas.tables import TABLES
from blinreg.schemas.views import VIEWS

Make = Callable[..., Any]

#: Headers in the languages of hospitals, and the kind that the message names.
IDENTIFYING = {
    "patient_name": "name of a person",
    "Vorname": "name of a person",
    "Pr\u00e9nom": "name of a person",
    "MRN": "record or insurance number",
    "Fallnummer": "record or insurance number",
    "dob": "full date of birth",
    "DateOfBirth": "full date of birth",
    "Geburtsdatum": "full date of birth",
    "E-Mail": "telephone number, e-mail or web address",
    "Telefon-Nr.": "telephone number, e-mail or web address",
    "Stra\u00dfe": "postal address",
    "ZIP code": "postal address",
    "Bemerkungen": "free text",
}

#: Headers of other people's tables that say nothing of who a patient is.
ORDINARY = ["drug_name", "regimen_name", "site_name", "gene_name", "birth_cohort", "sample_id", "test_text_code", "age"]

#: Names of patients that registries and trials give.
PSEUDONYMS = [
    "SYN-0001",
    "A12-003",
    "P01",
    "site01-0001",
    "BLIN_2019_0042",
    "20190502-001",
    "555-010-0199",
    "123-45-6789",
    "7f3a9c2e",
    "UKE-19560312",
]

#: Names of drugs, regimens and findings that free text holds.
FREE_TEXT = [
    "blinatumomab",
    "hyper-CVAD",
    "FLAG-IDA",
    "HiDAC 3 g/m2 days 1-5",
    "GRAALL-2014/B",
    "POMP 6-MP/MTX",
    "mini-hyper-CVD + inotuzumab 0.9 mg/m2",
    "R-DHAP, then ponatinib",
    "46,XY,t(9;22)(q34;q11.2)[20]",
    "45,XX,-7,der(19)t(1;19)(q23;p13.3)[12]/46,XX[8]",
    "BM MRD 10e-4, 8-colour flow",
]


@pytest.fixture
def folder(make_submission: Make, patient: Make, follow_up: Make) -> Path:
    """Write a submission that would be accepted."""
    made: Path = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]})
    return made


def seal_again(folder: Path, name: str) -> None:
    said = json.loads((folder / "submission.json").read_text())
    for file in said["files"]:
        if file["path"] == name:
            file["sha256"] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "submission.json").write_text(json.dumps(said))


def kept(registry: Registry) -> list[str]:
    return sorted(path.name for path in registry.paths.submissions.iterdir())


@pytest.mark.parametrize("header", IDENTIFYING)
def test_a_column_that_says_who_a_patient_is_refuses_the_file_and_is_not_kept(
    registry: Registry, folder: Path, header: str
) -> None:
    path = folder / "patient.csv"
    first, second = path.read_text().splitlines()
    path.write_text(f"{first},{header}\n{second},SECRET\n", encoding="utf-8")
    seal_again(folder, path.name)
    with pytest.raises(SubmissionRejected) as caught:
        load_submission(registry, folder)
    said = str(caught.value)
    assert f"patient.csv: wrong columns: column 12 may tell who a patient is ({IDENTIFYING[header]})" in said
    assert "a refused file is not kept, only its hash" in said
    assert "SECRET" not in said
    assert caught.value.exit_code == 4
    assert kept(registry) == []
    told = registry.journal.read()[-1]
    assert len(told.facts["content_sha256"]) == 64
    assert "SECRET" not in registry.paths.journal.read_text()


def test_no_column_of_ours_and_no_ordinary_one_is_taken_for_an_identifier() -> None:
    relations = (*TABLES, *VIEWS, *LEDGER, *QUALITY)
    names = {column.name for relation in relations for column in relation.columns}
    assert len(names) > 100
    # What blinreg itself writes of a file or a rule, and no site sends.
    ours = {"path", "message", "reason", "title"}
    assert [name for name in sorted(names - ours) if identifying_kind(name)] == []
    assert [name for name in ORDINARY if identifying_kind(name)] == []


@pytest.mark.parametrize("spelled", ["Patient_ID", "PATIENT-ID", "patientId", "Patient ID"])
def test_a_column_that_is_spelled_otherwise_is_named_as_it_should_be(
    registry: Registry, folder: Path, spelled: str
) -> None:
    path = folder / "patient.csv"
    path.write_text(path.read_text().replace("patient_id", spelled))
    seal_again(folder, path.name)
    with pytest.raises(SubmissionRejected, match=r"missing patient_id, patient_id is spelled otherwise \(lower case"):
        load_submission(registry, folder)


def test_what_a_killed_load_left_of_a_refused_submission_goes_too(registry: Registry, folder: Path) -> None:
    path = folder / "patient.csv"
    path.write_text(path.read_text().replace("P01", "SECRET, Anna").replace("SECRET, Anna", '"Testperson, Anna"'))
    seal_again(folder, path.name)
    left = registry.paths.submissions / f"{hashlib.sha256(path.read_bytes()).hexdigest()}.csv"
    shutil.copyfile(path, left)
    shutil.copyfile(path, registry.paths.submissions / "incoming-abcdef")
    with pytest.raises(SubmissionRejected, match=r"patient\.csv line 2 column patient_id"):
        load_submission(registry, folder)
    assert kept(registry) == []


def test_a_refusal_does_not_take_away_what_an_accepted_submission_sent(
    registry: Registry, folder: Path, make_submission: Make, patient: Make
) -> None:
    load_submission(registry, folder)
    before = kept(registry)
    follow_up = (folder / "follow_up.csv").read_bytes()
    second = make_submission(
        {"patient": [patient("P01", birth_year="1956-03-12")], "follow_up": []},
        submission_id="submission-2",
        created_at="2020-07-01T00:00:00Z",
    )
    (second / "follow_up.csv").write_bytes(follow_up)
    said = json.loads((second / "submission.json").read_text())
    said["files"][1] |= {"sha256": hashlib.sha256(follow_up).hexdigest(), "rows": 1}
    (second / "submission.json").write_text(json.dumps(said))
    with pytest.raises(SubmissionRejected, match="full date of birth"):
        load_submission(registry, second)
    assert kept(registry) == before


def test_pseudonyms_and_names_of_drugs_are_not_taken_for_persons(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    lines = [
        {"patient_id": "P01", "line_number": str(number), "start_date": f"2018-{number:02}-05", "regimen": text}
        for number, text in enumerate(FREE_TEXT, start=1)
    ]
    characteristics = [
        {"patient_id": "P01", "characteristic": f"remark_{number}", "value": text}
        for number, text in enumerate(FREE_TEXT, start=1)
    ]
    result = load_submission(
        registry,
        make_submission(
            {
                "patient": [patient(name) for name in PSEUDONYMS],
                "patient_characteristic": characteristics,
                "line_of_therapy": lines,
                "follow_up": [follow_up(name) for name in PSEUDONYMS],
            }
        ),
    )
    # A regimen is a word of ours: another is held out, and what it says is judged as free text is.
    assert set(result.violations.filter(severity="reject_row")["rule"]) == {"line_of_therapy.regimen.pattern"}
    assert not [rule for rule in result.violations["rule"] if rule.startswith("privacy.")]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("43587", "the serial number of a date in a spreadsheet, not a date in the form YYYY-MM-DD: format the column"),
        ("43587.5", "the serial number of a date in a spreadsheet"),
        ("02.05.2019", "not a date in the form YYYY-MM-DD, or YYYY-MM or YYYY where the rest is not known"),
        ("2019-13", "no such day in the calendar"),
    ],
)
def test_a_date_of_a_spreadsheet_is_told_from_other_wrong_dates(
    registry: Registry, make_submission: Make, patient: Make, value: str, message: str
) -> None:
    rows = [patient("P01", diagnosis_date=value), patient("P02", diagnosis_date="2019-05-02")]
    result = load_submission(registry, make_submission({"patient": rows, "follow_up": []}))
    ((column, said),) = result.violations.filter(line=2).select("column", "message").rows()
    assert column == "diagnosis_date"
    assert said.startswith(message)
    assert value not in said
