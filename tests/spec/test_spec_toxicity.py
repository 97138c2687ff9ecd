"""How adverse events are counted: categories, scales, windows, reasons for stopping, denominators.

Days count from the first dose of blinatumomab (day 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blinreg.schemas.codes import TERM_CATEGORY

Registry = Any
RegistryWith = Callable[..., Registry]

# One cycle of 28 days: on treatment until day 28 + 30 = 58.
CYCLE = {"start_date": 0, "stop_date": 28}
ALIVE = {"last_contact_date": 400, "vital_status": "alive"}


def event(day: int, term: str, grade: int | None = None, scale: str | None = "ctcae_5", **more: Any) -> dict[str, Any]:
    return {"onset_date": day, "term": term, "grade": grade, "grade_scale": scale} | more


def test_every_term_has_the_category_of_the_definitions(registry_with: RegistryWith) -> None:
    rows = registry_with().rows("derived.toxicity_category")
    assert {row["term"]: row["category"] for row in rows} == dict(TERM_CATEGORY)


def test_highest_grade_of_a_category(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE],
        adverse_event=[event(2, "headache", 1), event(5, "seizure", 3), event(9, "encephalopathy", 3)],
        follow_up=[ALIVE],
    )
    row = registry.one("toxicity", period="on_treatment")
    assert (row["category"], row["n_events"], row["max_grade"]) == ("neurotoxicity", 3, 3)
    assert (row["first_onset_days"], row["max_grade_date"]) == (2, 5)


def test_ungraded_stroke_is_an_event_and_not_a_grade(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[CYCLE], adverse_event=[event(4, "stroke", None, None)], follow_up=[ALIVE])
    row = registry.one("toxicity", period="on_treatment")
    assert (row["category"], row["grade_scale"]) == ("neurotoxicity", "no_scale")
    assert (row["n_events"], row["n_ungraded"], row["max_grade"], row["max_grade_date"]) == (1, 1, None, None)


def test_scales_are_not_pooled(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE],
        adverse_event=[event(1, "crs", 2, "lee_2014"), event(3, "crs", 1, "astct_2019")],
        follow_up=[ALIVE],
    )
    rows = registry.rows("toxicity", period="on_treatment")
    assert {row["grade_scale"]: row["max_grade"] for row in rows} == {"lee_2014": 2, "astct_2019": 1}


def test_window_closes_thirty_days_after_the_last_day(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE],
        adverse_event=[event(-1, "pain", 1), event(58, "infection", 3), event(59, "crs", 3)],
        follow_up=[ALIVE],
    )
    assert [row["category"] for row in registry.rows("toxicity", period="on_treatment")] == ["infection"]


def test_cycles_share_out_the_window(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE, {"start_date": 42, "stop_date": 70}],
        adverse_event=[event(41, "infection", 2), event(42, "infection", 4), event(100, "infection", 3)],
        follow_up=[ALIVE],
    )
    grades = {row["period"]: (row["n_events"], row["max_grade"]) for row in registry.rows("toxicity")}
    # Day 41 is the last of cycle 1, day 100 = 70 + 30 the last on treatment.
    assert grades == {"on_treatment": (3, 4), "cycle_1": (1, 2), "cycle_2_or_later": (2, 4)}


def test_gap_before_retreatment_is_not_on_treatment(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE, {"start_date": 200, "stop_date": 228, "course_number": 2, "cycle_number": 1}],
        adverse_event=[event(100, "infection", 3), event(210, "crs", 2)],
        follow_up=[ALIVE],
    )
    rows = [(row["period"], row["category"]) for row in registry.rows("toxicity")]
    assert sorted(rows) == [("cycle_2_or_later", "crs"), ("on_treatment", "crs")]


def test_cycle_without_a_stop_goes_on(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[{"start_date": 0}],
        adverse_event=[event(80, "infection", 3)],
        follow_up=[{"last_contact_date": 90, "vital_status": "alive"}],
    )
    assert registry.one("toxicity", period="on_treatment")["max_grade"] == 3


def test_events_after_transplant_have_their_own_period(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE],
        transplant=[{"transplant_date": 100}],
        adverse_event=[event(99, "infection", 3), event(100, "veno_occlusive_disease", 4)],
        follow_up=[ALIVE],
    )
    row = registry.one("toxicity")
    assert (row["period"], row["category"], row["max_grade"]) == ("post_transplant", "hepatotoxicity", 4)


def test_denominators_are_the_patients_stated_to_be_assessable(registry_with: RegistryWith) -> None:
    names = ["WITH", "WITHOUT", "NOT", "UNSTATED"]
    registry = registry_with(
        treatment_cycle=[CYCLE | {"patient_id": name, "cycle_number": 1} for name in names],
        adverse_event=[event(3, "crs", 2, patient_id="WITH"), event(3, "crs", 1, patient_id="UNSTATED")],
        toxicity_assessment=[
            {"patient_id": "WITH", "category": "crs"},
            {"patient_id": "WITHOUT", "category": "crs"},
            {"patient_id": "NOT", "category": "crs", "evaluable": "no"},
        ],
        follow_up=[ALIVE | {"patient_id": name} for name in names],
    )
    rows = registry.rows("toxicity", category="crs", period="on_treatment")
    assert {row["patient_id"]: (row["grade_scale"], row["n_events"], row["is_evaluable"]) for row in rows} == {
        "WITH": ("ctcae_5", 1, 1),
        "WITHOUT": ("no_event", 0, 1),
        "UNSTATED": ("ctcae_5", 1, None),
    }
    # Nobody had a second cycle, so nobody is counted without an event in one.
    assert registry.rows("toxicity", period="cycle_2_or_later") == []


def test_two_reasons_for_stopping_are_two_rows(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE],
        adverse_event=[
            event(5, "seizure", 3, action="interrupted"),
            event(20, "encephalopathy", 3, action="discontinued"),
            event(21, "seizure", 2, action="discontinued"),
            event(20, "crs", 4, action="discontinued"),
        ],
        follow_up=[ALIVE],
    )
    rows = [(row["category"], row["discontinuation_date"], row["n_events"]) for row in registry.rows("discontinuation")]
    assert rows == [("crs", 20, 1), ("neurotoxicity", 20, 2)]


def test_attrition_from_submitted_to_analysed(registry_with: RegistryWith) -> None:
    """Seven patients are sent, and one is left for the transplant question.

    FOLLOWED is analysed; LOST was last seen on the day of response; FAILED did not respond;
    UNSEEN has no row of follow-up; MRD was treated for residual disease; GRAFTED had a
    transplant and no blinatumomab; BAD was not accepted.
    """
    treated = ["FOLLOWED", "LOST", "FAILED", "UNSEEN", "MRD"]
    registry = registry_with(
        treatment_cycle=[
            {"start_date": 0, "patient_id": name, "cycle_number": 1} | ({"indication": "mrd"} if name == "MRD" else {})
            for name in treated
        ],
        disease_assessment=[
            {"patient_id": name, "assessment_date": 28, "response": "no_response" if name == "FAILED" else "cr"}
            for name in treated
        ],
        transplant=[{"patient_id": "GRAFTED", "transplant_date": 10}],
        follow_up=[
            {"patient_id": name, "last_contact_date": 28 if name == "LOST" else 300, "vital_status": "alive"}
            for name in [*treated, "GRAFTED"]
            if name != "UNSEEN"
        ],
    )
    registry.execute(
        """
        insert into quality.quarantine_patient by name
        select 'BAD' as patient_id, 'sub-1' as submission_id, 'patient.csv' as source_file, 9 as source_line,
            'quarantined' as disposition
        """
    )
    steps = {row["step"]: (row["n_patients"], row["n_excluded"]) for row in registry.rows("attrition")}
    assert steps == {
        "submitted": (7, 0),
        "accepted": (6, 1),
        "with_blinatumomab": (5, 1),
        "relapsed_refractory": (4, 1),
        "with_follow_up": (3, 1),
        "responder": (2, 1),
        "responder_with_follow_up": (1, 1),
    }


def test_single_events_keep_their_scale_their_treatment_and_their_outcome(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[CYCLE],
        adverse_event=[
            event(2, "crs", 1, corticosteroid="no", tocilizumab="unknown"),
            event(6, "crs", 3, corticosteroid="yes"),
            event(7, "crs", 2, "lee_2014"),
            event(9, "headache", None, outcome="fatal"),
            event(12, "stroke", 5),
            event(90, "headache", 2),
        ],
        follow_up=[ALIVE],
    )
    columns = ("term", "grade_scale", "n_events", "n_ungraded", "max_grade", "max_grade_date", "first_onset_date")
    flags = ("corticosteroid", "tocilizumab", "is_fatal")
    rows = registry.rows("toxicity_term", period="on_treatment")
    assert [tuple(row[name] for name in columns + flags) for row in rows] == [
        ("crs", "ctcae_5", 2, 0, 3, 6, 2, 1, 0, 0),
        ("crs", "lee_2014", 1, 0, 2, 7, 7, 0, 0, 0),
        ("headache", "ctcae_5", 1, 1, None, None, 9, 0, 0, 1),
        ("stroke", "ctcae_5", 1, 0, 5, 12, 12, 0, 0, 1),
    ]
    assert {row["category"] for row in rows} == {"crs", "neurotoxicity"}
