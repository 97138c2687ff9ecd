"""Which rows of a submission are accepted, and what is said of the others?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blinreg.registry.loading import load_submission
from blinreg.registry.status import delta, status, violations
from blinreg.registry.store import Registry

Make = Callable[..., Any]


def ids(registry: Registry, table: str) -> list[str]:
    rows = registry.connection.execute(f"select patient_id from current.{table} order by all").fetchall()
    return [row[0] for row in rows]


def found(frame: pl.DataFrame) -> list[tuple[str, str, int]]:
    return frame.select("rule", "file", "line").rows()


def test_four_faulty_rows_are_shown_and_the_rest_is_loaded(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission(
        {
            "patient": [patient("P01"), patient("P02"), patient("P03"), patient("P02"), patient("P05", sex="f")],
            "transplant": [
                {
                    "patient_id": "P01",
                    "transplant_number": "1",
                    "transplant_date": "2019-02-30",
                    "transplant_type": "allogeneic",
                },
                {
                    "patient_id": "P02",
                    "transplant_number": "1",
                    "transplant_date": "2019-03",
                    "transplant_type": "allogeneic",
                },
            ],
            "follow_up": [follow_up("P01"), follow_up("P02"), follow_up("P03"), follow_up("P99")],
        }
    )
    result = load_submission(registry, folder)
    assert found(result.violations) == [
        ("patient.key.duplicate", "patient.csv", 5),
        ("patient.sex.code", "patient.csv", 6),
        ("transplant.transplant_date.calendar", "transplant.csv", 2),
        ("follow_up.patient.orphan", "follow_up.csv", 5),
    ]
    assert (result.outcome, result.exit_code) == ("loaded", 3)
    assert (result.n_rows, result.n_quarantined, result.n_held_back, result.n_accepted) == (11, 4, 0, 7)
    assert ids(registry, "patient") == ["P01", "P02", "P03"]
    assert ids(registry, "transplant") == ["P02"]
    assert ids(registry, "follow_up") == ["P01", "P02", "P03"]
    assert violations(registry).equals(result.violations)


def test_no_message_holds_a_value(registry: Registry, make_submission: Make, patient: Make, follow_up: Make) -> None:
    folder = make_submission(
        {
            "patient": [
                patient("P01", sex="secret1", birth_year="secret2", diagnosis_date="secret3"),
                patient("secret 4", site_id="secret5"),
            ],
            "baseline": [{"patient_id": "secret6", "timepoint": "transplant", "wbc_1e9_per_l": "77777,5"}],
            "follow_up": [follow_up("P01")],
        }
    )
    result = load_submission(registry, folder)
    said = " ".join(result.violations["message"])
    assert result.violations.height == 7
    assert "secret" not in said
    assert "77777" not in said
    assert "decimal comma" in said
    assert "female, male, unknown" in said


def test_rows_of_a_quarantined_patient_are_held_back_and_counted_apart(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    transplant = {"transplant_number": "1", "transplant_date": "2019-04-01", "transplant_type": "allogeneic"}
    gvhd = {"transplant_number": "1", "gvhd_type": "acute", "onset_date": "2019-05-01"}
    folder = make_submission(
        {
            "patient": [patient("P01"), patient("P02", sex="?")],
            "transplant": [{"patient_id": "P01", **transplant}, {"patient_id": "P02", **transplant}],
            "gvhd": [{"patient_id": "P01", **gvhd}, {"patient_id": "P02", **gvhd}],
            "follow_up": [follow_up("P01"), follow_up("P02", vital_status="?")],
            "enrolment": [{"patient_id": "P02", "study_id": "trial-1"}],
            "enrolment_stratum": [{"patient_id": "P02", "study_id": "trial-1", "factor": "age", "level": "under_65"}],
        }
    )
    result = load_submission(registry, folder)
    assert found(result.violations) == [
        ("patient.sex.code", "patient.csv", 3),
        ("follow_up.vital_status.code", "follow_up.csv", 3),
    ]
    assert (result.n_quarantined, result.n_held_back) == (2, 4)
    kept = registry.connection.execute(
        "select patient_id, transplant_date, source_line, disposition from quality.quarantine_transplant"
    ).fetchall()
    assert kept == [("P02", "2019-04-01", 3, "held_back")]
    assert ids(registry, "gvhd") == ["P01"]


def test_a_child_of_a_quarantined_transplant_is_held_back_though_its_patient_is_accepted(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission(
        {
            "patient": [patient("P01")],
            "transplant": [
                {
                    "patient_id": "P01",
                    "transplant_number": "1",
                    "transplant_date": "2019-13-01",
                    "transplant_type": "allogeneic",
                }
            ],
            "gvhd": [
                {"patient_id": "P01", "transplant_number": "01", "gvhd_type": "acute", "onset_date": "2019-05-01"},
                {"patient_id": "P01", "transplant_number": "2", "gvhd_type": "acute", "onset_date": "2019-05-01"},
            ],
            "follow_up": [follow_up("P01")],
        }
    )
    result = load_submission(registry, folder)
    assert found(result.violations) == [
        ("transplant.transplant_date.calendar", "transplant.csv", 2),
        ("gvhd.transplant.orphan", "gvhd.csv", 3),
    ]
    assert (result.n_quarantined, result.n_held_back) == (2, 1)


def test_the_first_of_two_rows_keeps_the_key_even_when_another_column_is_wrong(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission({"patient": [patient("P01", sex="?"), patient("P01")], "follow_up": [follow_up("P01")]})
    result = load_submission(registry, folder)
    assert found(result.violations) == [
        ("patient.sex.code", "patient.csv", 2),
        ("patient.key.duplicate", "patient.csv", 3),
    ]
    assert result.n_held_back == 1


def test_numbers_that_are_written_differently_are_one_key(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    line = {"patient_id": "P01"}
    folder = make_submission(
        {
            "patient": [patient("P01")],
            "line_of_therapy": [{**line, "line_number": "1"}, {**line, "line_number": "01"}],
            "follow_up": [follow_up("P01")],
        }
    )
    assert found(load_submission(registry, folder).violations) == [
        ("line_of_therapy.key.duplicate", "line_of_therapy.csv", 3)
    ]


def test_nothing_can_be_later_than_the_submission(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    late = ["2020-06-02", "2020-07", "2021"]
    possible = ["2020-06-01", "2020-06", "2020"]
    patients = [patient(f"P{number:02}", diagnosis_date=day) for number, day in enumerate(possible + late)]
    folder = make_submission({"patient": patients, "follow_up": [follow_up(f"P{number:02}") for number in range(6)]})
    result = load_submission(registry, folder)
    assert found(result.violations) == [("patient.diagnosis_date.future", "patient.csv", line) for line in (5, 6, 7)]
    assert ids(registry, "patient") == ["P00", "P01", "P02"]


def test_the_sites_own_calendar_day_decides_what_is_later(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission(
        {"patient": [patient("P01", diagnosis_date="2020-06-02")], "follow_up": [follow_up("P01")]},
        created_at="2020-06-02T01:00:00+10:00",
    )
    assert load_submission(registry, folder).exit_code == 0
    assert str(status(registry).sites["created_at"][0]) == "2020-06-01 15:00:00"


def test_a_patient_without_follow_up_is_a_warning(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    result = load_submission(
        registry, make_submission({"patient": [patient("P01"), patient("P02")], "follow_up": [follow_up("P01")]})
    )
    assert found(result.violations) == [("patient.follow_up.absent", "patient.csv", 3)]
    assert (result.n_warnings, result.n_quarantined, result.exit_code) == (1, 0, 1)
    assert ids(registry, "patient") == ["P01", "P02"]


def test_a_patient_of_another_site_is_quarantined_until_that_site_lets_go(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    def send(site: str, name: str, *patients: str, month: int = 6) -> Any:
        rows = [patient(patient_id, site_id=site) for patient_id in patients]
        folder = make_submission(
            {"patient": rows, "follow_up": [follow_up(patient_id) for patient_id in patients]},
            site_id=site,
            submission_id=name,
            created_at=f"2020-{month:02}-01T00:00:00Z",
        )
        return load_submission(registry, folder)

    send("site-a", "a1", "P01", "P02")
    claim = send("site-b", "b1", "P02", "P03")
    assert found(claim.violations) == [("patient.patient_id.claimed", "patient.csv", 2)]
    assert (claim.n_quarantined, claim.n_held_back) == (1, 1)
    assert registry.connection.execute("select site_id from current.patient where patient_id = 'P02'").fetchall() == [
        ("site-a",)
    ]
    send("site-a", "a2", "P01", month=7)
    assert send("site-b", "b2", "P02", "P03", month=8).exit_code == 0


def test_a_site_submits_its_own_patients_only(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission(
        {
            "patient": [patient("P01"), patient("P02", site_id="site-b")],
            "follow_up": [follow_up("P01"), follow_up("P02")],
        }
    )
    result = load_submission(registry, folder)
    assert found(result.violations) == [("patient.site_id.other_site", "patient.csv", 3)]
    assert result.n_held_back == 1


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_stored_values_and_lines_do_not_depend_on_the_format(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make, kind: str
) -> None:
    baseline = [
        {
            "patient_id": "P01",
            "timepoint": "blinatumomab_start",
            "assessment_date": "2019-05",
            "age_years": "41",
            "wbc_1e9_per_l": "5.25",
        }
    ]
    tables = {
        "patient": [patient("P01", diagnosis_date="2019"), patient("P02", sex="?")],
        "baseline": baseline,
        "follow_up": [follow_up("P01"), follow_up("P02")],
    }
    result = load_submission(registry, make_submission(tables, formats=dict.fromkeys(tables, kind)))
    assert found(result.violations) == [("patient.sex.code", f"patient.{kind}", 3)]
    stored = registry.connection.execute(
        "select age_years, wbc_1e9_per_l, assessment_date, assessment_date_earliest, "
        "assessment_date_latest, source_line "
        "from current.baseline"
    ).fetchall()
    assert [tuple(str(value) for value in row) for row in stored] == [
        ("41", "5.25", "2019-05", "2019-05-01", "2019-05-31", "2")
    ]


def test_what_fell_away_is_listed_with_its_reason(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    first = {
        "patient": [patient("P01"), patient("P02"), patient("P03")],
        "follow_up": [follow_up("P01"), follow_up("P02"), follow_up("P03")],
    }
    assert load_submission(registry, make_submission(first, submission_id="s1")).dropped.is_empty()
    second = {
        "patient": [patient("P01"), patient("P02", sex="?"), patient("P04")],
        "follow_up": [follow_up("P01"), follow_up("P02"), follow_up("P04")],
    }
    result = load_submission(registry, make_submission(second, submission_id="s2", created_at="2020-07-01T00:00:00Z"))
    assert result.dropped.rows() == [("patient", 1, 1, 0), ("follow_up", 1, 0, 1)]
    assert delta(registry, "s2", "follow_up").rows() == [("P02", "held_back"), ("P03", "absent")]
    assert delta(registry, "s1", "follow_up").is_empty()
    assert status(registry).dropped.rows() == [("site-a", "patient", 1, 1, 0), ("site-a", "follow_up", 1, 0, 1)]


def test_a_folder_of_a_site_of_twenty_five_loads_with_its_lines(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make, tmp_path: Path
) -> None:
    names = [f"P{number:02}" for number in range(25)]
    folder = make_submission(
        {"patient": [patient(name) for name in names], "follow_up": [follow_up(name) for name in names]}
    )
    steps: list[str] = []
    result = load_submission(registry, folder, on_progress=steps.append)
    assert (result.n_accepted, result.exit_code) == (50, 0)
    assert steps == [
        "copying files",
        "reading patient",
        "reading follow_up",
        "checking rows",
        "storing rows",
        "deriving",
        "committing",
        "reading back",
        "done",
    ]
    lines = registry.connection.execute("select source_line from current.patient order by patient_id").fetchall()
    assert [line for (line,) in lines] == list(range(2, 27))
