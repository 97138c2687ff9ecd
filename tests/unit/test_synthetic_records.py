"""Are the records of a course what a hospital would send for it? One course at a time, read by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.schemas.model import Type
from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic.courses import SCHEMA, Courses, Placement, impossible_orders
from blinreg.synthetic.records import records
from blinreg.synthetic.records.columns import DAY, FRAME_TYPE, MONTH, YEAR, Codes, dates, frame
from blinreg.synthetic.records.details import load_details
from blinreg.synthetic.records.subjects import patient_names
from blinreg.synthetic.studies import load_study

STUDY = load_study("realworld-2020")
INDEX = np.datetime64("2016-03-01")

#: A responder of relapsed disease, alive after two cycles and two years.
USUAL: dict[str, Any] = {
    "number": 0,
    "age_years": 48,
    "karnofsky_percent": 90,
    "wbc_1e9_per_l": 4.2,
    "blood_blast_percent": 0.2,
    "cytogenetic_abnormality": "no",
    "has_marrow_disease": True,
    "n_prior_lines": 2,
    "is_n_prior_lines_recorded": True,
    "cr1_class": "under_1_year",
    "cr1_days": 200,
    "prior_allo_hct": "no",
    "dosing": "standard",
    "n_cycles": 2,
    "tki": "none",
    "best_response": "cr",
    "mrd_result": "negative",
    "response_day": 30,
    "end_day": 730,
    "end_reason": "cutoff",
    "cause_of_death": "none",
    "fatal_term": "none",
    "donor": "none",
    "evaluable_crs": True,
    "evaluable_neurotoxicity": True,
    "evaluable_hepatotoxicity": True,
}

#: Without response: what changes.
UNRESPONSIVE = {"best_response": "no_response", "mrd_result": "none", "response_day": None, "n_cycles": 1}


def died(day: int, cause: str = "disease") -> dict[str, Any]:
    return {"end_day": day, "is_dead": True, "end_reason": "death", "cause_of_death": cause}


def courses_of(*changes: dict[str, Any]) -> Courses:
    """Courses that differ from the usual one; flags are false and counts 0 where nothing is said."""
    rows = []
    for number, change in enumerate(changes):
        empty: dict[str, Any] = {
            name: False if kind == pl.Boolean() else 0 if name.startswith(("grade_", "n_")) else None
            for name, kind in SCHEMA.items()
        }
        rows.append({**empty, **USUAL, "number": number, **change})
    made = Courses(pl.DataFrame(rows, schema=dict(SCHEMA), orient="row"))
    assert impossible_orders(made) == {}
    return made


def written(*changes: dict[str, Any], seed: int = 1, site: int = 0) -> dict[str, pl.DataFrame]:
    """Tables of courses, with days from the first dose in place of dates of whole days."""
    courses = courses_of(*changes)
    n = len(courses)
    placement = Placement(np.full(n, site), np.full(n, INDEX))
    tables = records(courses, placement, study=STUDY, seed=seed)
    index = pl.lit(INDEX.item())
    return {
        name: rows.with_columns(
            (pl.col(column.name).str.to_date("%Y-%m-%d", strict=False) - index).dt.total_days().alias(column.name)
            for column in table(name).columns
            if column.type is Type.DATE
        )
        for name, rows in tables.items()
    }


def test_tables_have_the_columns_of_the_definitions_and_their_order() -> None:
    courses = courses_of({}, {"transplant_day": 60, "donor": "cord_blood", "acute_gvhd_day": 90, "n_interruptions": 1})
    tables = records(courses, Placement(np.zeros(2, np.int64), np.full(2, INDEX)), study=STUDY, seed=1)
    assert list(tables) == [definition.name for definition in TABLES if definition.name in tables]
    for name, rows in tables.items():
        expected = {column.name: FRAME_TYPE[column.type] for column in table(name).columns}
        assert dict(rows.schema) == expected
        assert list(rows.columns) == list(expected)


def test_one_place_is_needed_for_each_course() -> None:
    with pytest.raises(ValueError, match="2 courses and 1 places"):
        records(courses_of({}, {}), Placement(np.array([0]), np.array([INDEX])), study=STUDY, seed=1)


def test_names_have_as_many_digits_as_they_need() -> None:
    names = patient_names(np.array([0, 9998, 9999, 9_999_999]))
    assert names.to_list() == ["SYN-0001", "SYN-9999", "SYN-10000", "SYN-10000000"]


def test_dates_to_the_day_the_month_and_the_year() -> None:
    day = int(np.datetime64("2000-02-29").astype(np.int64))
    first, last = (int(np.datetime64(text).astype(np.int64)) for text in ("1850-01-01", "2199-12-31"))
    assert dates(np.full(3, day), np.array([DAY, MONTH, YEAR])).to_list() == ["2000-02-29", "2000-02", "2000"]
    assert dates(np.array([first - 1, first, last, last + 1])).to_list() == [None, "1850-01-01", "2199-12-31", None]


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(ValueError, match=r"enrolment has no columns \['when'\]"):
        frame("enrolment", {"patient_id": pl.Series(["SYN-0001"]), "when": pl.Series(["2019"])})


def test_codes_know_their_positions() -> None:
    codes = Codes("a", "b")
    assert codes.position("b") == 1
    assert codes.at(np.array([1, 0, -1])).to_list() == ["b", "a", None]


def test_details_of_a_study_are_read_whole() -> None:
    assert load_details("realworld-2020").ecog.names == ("0", "1", "2")
    with pytest.raises(FileNotFoundError):
        load_details("no-such-study")


def test_age_and_year_of_birth_agree() -> None:
    tables = written(
        *({"age_years": 18 + number} for number in range(60)), {"transplant_day": 400, "donor": "cord_blood"}
    )
    start = tables["baseline"].filter(timepoint="blinatumomab_start")
    age = 2016 - tables["patient"]["birth_year"] - start["age_years"]
    assert set(age.to_list()) == {0, 1}
    assert tables["baseline"].filter(timepoint="transplant")["age_years"].is_in([49, 50]).all()


def test_death_on_the_third_day() -> None:
    """Everything has to happen on the days before it."""
    tables = written({**UNRESPONSIVE, **died(3), "grade_crs": 2, "n_interruptions": 1})
    cycle, event = tables["treatment_cycle"].row(0, named=True), tables["adverse_event"].row(0, named=True)
    assert (cycle["start_date"], cycle["stop_date"], cycle["stop_reason"]) == (0, 3, "death")
    held = tables["dose_interruption"].row(0, named=True)
    assert 0 <= held["start_date"] < held["end_date"] <= 2
    assert (event["onset_date"], event["action"]) == (held["start_date"], "interrupted")
    assessment = tables["disease_assessment"].row(0, named=True)
    assert assessment["assessment_date"] <= 2
    assert assessment["response"] == "no_response"
    assert tables["follow_up"].row(0, named=True)["death_date"] == 3


def test_what_goes_on_has_no_end() -> None:
    tables = written({**UNRESPONSIVE, "end_day": 10, "end_reason": "lost", "with_rituximab": True})
    cycle = tables["treatment_cycle"].row(0, named=True)
    assert (cycle["stop_date"], cycle["stop_reason"]) == (None, "ongoing")
    assert tables["drug_exposure"].filter(agent="rituximab")["stop_date"].to_list() == [None]
    assert tables["line_of_therapy"].filter(line_number=3)["end_date"].to_list() == [None]
    assert tables["line_of_therapy"].height == 3
    assert tables["follow_up"]["end_reason"].to_list() == ["lost"]


def test_two_reasons_for_stopping() -> None:
    change = {"grade_seizure": 3, "grade_headache": 1, "grade_pain": 2, "stopped_for_pain": True}
    tables = written({**change, "stopped_for_neurotoxicity": True})
    last = tables["treatment_cycle"].row(-1, named=True)
    assert (last["cycle_number"], last["stop_reason"]) == (2, "adverse_event")
    ended = tables["adverse_event"].filter(action="discontinued")
    assert set(ended["term"].to_list()) == {"seizure", "pain"}
    assert (last["stop_date"] - ended["onset_date"]).is_between(0, 1).all()
    assert ended["cycle_number"].to_list() == [2, 2]


def test_an_event_that_comes_back_is_milder() -> None:
    tables = written({"grade_crs": 4, "grade_pain": 1, "n_interruptions": 3})
    events = tables["adverse_event"].filter(action="interrupted")
    assert events["term"].to_list() == ["crs"] * 3
    assert sorted(events["grade"].to_list()) == [2, 2, 4]
    assert tables["adverse_event"].filter(term="pain")["action"].to_list() == ["none"]
    held = tables["dose_interruption"]
    assert held["interruption_number"].to_list() == [1, 2, 3]
    assert (held["start_date"][1:] > held["end_date"][:-1]).all()
    assert sorted(events["onset_date"].to_list()) == held["start_date"].to_list()


def test_interruptions_without_an_event_have_another_cause() -> None:
    causes = written(*({"n_interruptions": 1} for _ in range(40)))["dose_interruption"]["cause"]
    assert set(causes.to_list()) == {"technical", "other"}


def test_events_without_a_grade_have_no_scale() -> None:
    events = written({"grade_stroke": -1, "grade_crs": 2}, site=2)["adverse_event"]
    found = {row["term"]: (row["grade"], row["grade_scale"]) for row in events.iter_rows(named=True)}
    assert found == {"stroke": (None, None), "crs": (2, STUDY.sites[2].crs_scale)}


def test_the_fatal_event_ends_on_the_day_of_death() -> None:
    toxic = {**UNRESPONSIVE, **died(40, "blinatumomab_toxicity"), "fatal_term": "sepsis", "grade_sepsis": 5}
    tables = written({**toxic, "stopped_for_infection": True, "grade_infection": 3})
    event = tables["adverse_event"].filter(outcome="fatal").row(0, named=True)
    assert (event["term"], event["grade"], event["resolution_date"], event["action"]) == (
        *("sepsis", 5, 40),
        "discontinued",
    )
    assert tables["adverse_event"].filter(term="infection")["action"].to_list() == ["none"]


def test_infection_soon_after_transplant_is_not_one_on_treatment() -> None:
    """The infusion before it ended more than 30 days earlier, which is how long events count as on treatment."""
    tables = written({"n_cycles": 1, "transplant_day": 36, "donor": "cord_blood", "transplant_infection_day": 41})
    stop = tables["treatment_cycle"].row(0, named=True)
    assert stop["stop_date"] == 41 - 31
    assert stop["stop_reason"] == "transplant"
    event = tables["adverse_event"].row(0, named=True)
    assert (event["onset_date"], event["cycle_number"]) == (41, None)
    assert tables["transplant"]["graft_source"].to_list() == ["cord"]


def test_residual_disease_at_response() -> None:
    tables = written({"mrd_result": "positive"}, {"mrd_result": "not_assessed"}, {})
    at_response = tables["mrd_assessment"].filter(sample_date=30, method="flow")
    assert at_response["result"].to_list() == ["positive", "not_assessed", "negative"]
    assert at_response["level"].is_not_null().to_list() == [True, False, False]
    assert at_response["sensitivity"].to_list() == [0.0001, None, 0.0001]
    assert tables["mrd_assessment"].filter(patient_id="SYN-0002").height == 1


def test_molecular_relapse_has_a_sample() -> None:
    tables = written({"molecular_relapse_day": 100, "relapse_day": 130})
    samples = tables["mrd_assessment"].filter(pl.col("sample_date") >= 100)
    assert samples["result"].to_list() == ["positive"] * samples.height
    assert 100 in samples["sample_date"]
    events = tables["disease_event"].filter(pl.col("event_date") > 0)
    assert events["event_type"].to_list() == ["molecular_relapse", "relapse"]


def test_mrd_indication_is_in_remission_and_positive_before_its_response() -> None:
    mrd = {"is_mrd_indication": True, "dosing": "mrd", "n_prior_lines": 1, "cr1_class": "ongoing", "cr1_days": None}
    tables = written({**mrd, "response_day": 75, "has_marrow_disease": False})
    assert set(tables["disease_assessment"]["response"].to_list()) == {"cr"}
    samples = tables["mrd_assessment"].filter(method="flow")
    before = pl.col("sample_date") < 75
    assert set(samples.filter(before)["result"].to_list()) == {"positive"}
    assert samples.filter(before)["sample_date"].min() < 0
    assert set(samples.filter(~before)["result"].to_list()) == {"negative"}
    assert "disease_event" not in tables
    assert tables["line_of_therapy"]["best_response"].to_list() == ["cr", "cr"]


def test_earlier_lines_and_the_transplant_among_them() -> None:
    change = {"n_prior_lines": 3, "prior_allo_hct": "yes", "has_prior_inotuzumab": True, "has_cns_at_relapse": True}
    tables = written(*(change for _ in range(30)))
    lines = tables["line_of_therapy"].filter(pl.col("line_number") <= 3)
    assert lines.filter(pl.col("regimen").str.contains("inotuzumab")).height == 30
    assert lines.filter(line_number=1)["best_response"].to_list() == ["cr"] * 30
    earlier = tables["transplant"]
    assert earlier.height == 30
    assert (earlier["transplant_date"] < 0).all()
    relapses = tables["disease_event"].filter(pl.col("event_date") < 0)
    assert relapses.filter(is_cns="yes").group_by("patient_id").len()["len"].to_list() == [1] * 30
    first = relapses.group_by("patient_id", maintain_order=True).first()["event_date"]
    start = lines.filter(line_number=1)["response_date"]
    assert (first - start).to_list() == [200] * 30


def test_some_early_dates_are_partial() -> None:
    n = 600
    placement = Placement(np.zeros(n, np.int64), np.full(n, INDEX))
    tables = records(courses_of(*({} for _ in range(n))), placement, study=STUDY, seed=3)
    lengths = tables["patient"]["diagnosis_date"].str.len_chars()
    parameters = STUDY.records
    assert (lengths == 4).mean() == pytest.approx(parameters.year_only_diagnosis, abs=0.03)
    assert (lengths == 7).mean() == pytest.approx(parameters.month_only_diagnosis, abs=0.05)
    starts = tables["line_of_therapy"].filter(pl.col("line_number") == 1)["start_date"].str.len_chars()
    assert (starts == 7).mean() == pytest.approx(parameters.month_only_first_line, abs=0.04)


def test_tyrosine_kinase_inhibitor_over_the_first_dose() -> None:
    ph = {"is_ph_positive": True, "cytogenetic_abnormality": "yes"}
    drugs = written({**ph, "tki": "ponatinib"}, ph)["drug_exposure"].filter(agent_class="tki")
    given = drugs.filter((pl.col("start_date") <= 0) & (pl.col("stop_date").fill_null(10_000) >= 0))
    assert given.select("patient_id", "agent").rows() == [("SYN-0001", "ponatinib")]
    assert drugs.filter(pl.col("start_date") < -21).height == 2


def test_transplant_after_relapse_follows_another_line() -> None:
    tables = written({"relapse_day": 80, "transplant_day": 150, "donor": "matched_related", "n_cycles": 1})
    line = tables["line_of_therapy"].filter(line_number=4).row(0, named=True)
    assert 80 < line["start_date"] < 150
    before_transplant = tables["baseline"].filter(timepoint="transplant").row(0, named=True)
    assert (before_transplant["n_prior_lines"], before_transplant["assessment_date"]) == (4, 143)


def test_a_seed_draws_details_and_leaves_the_course() -> None:
    one, other = written({"grade_crs": 2}, seed=1), written({"grade_crs": 2}, seed=2)
    assert (
        one["follow_up"]
        .drop("last_disease_assessment_date")
        .equals(other["follow_up"].drop("last_disease_assessment_date"))
    )
    assert one["adverse_event"]["grade"].to_list() == other["adverse_event"]["grade"].to_list() == [2]
    assert not one["disease_assessment"].equals(other["disease_assessment"])
