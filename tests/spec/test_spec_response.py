"""What counts as a response to blinatumomab, from when, and what is known at the first dose.

Days count from the first dose of blinatumomab (day 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Registry = Any
RegistryWith = Callable[..., Registry]

DOSE = {"start_date": 0}
MRD_DOSE = {"start_date": 0, "indication": "mrd", "dosing": "mrd"}
ALIVE = {"last_contact_date": 400, "vital_status": "alive"}


def assessed(day: int, response: str, **columns: Any) -> dict[str, Any]:
    return {"assessment_date": day, "response": response} | columns


def sample(day: int, result: str, **columns: Any) -> dict[str, Any]:
    return {"sample_date": day, "result": result} | columns


@pytest.mark.parametrize("response", ["cr", "crh", "cri"])
def test_complete_remissions_are_responses(registry_with: RegistryWith, response: str) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[assessed(14, "pr"), assessed(28, response), assessed(70, response)],
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["is_responder"], row["response_date"], row["best_response"]) == (1, 28, response)
    assert row["response_known_date"] == 28


@pytest.mark.parametrize("response", ["mlfs", "pr", "stable", "no_response", "progression"])
def test_anything_less_is_not_a_response(registry_with: RegistryWith, response: str) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[assessed(28, response)], follow_up=[ALIVE])
    row = registry.one("response")
    assert (row["is_responder"], row["is_evaluable"], row["response_date"]) == (0, 1, None)
    # That no response came, and that nothing better did, is known only at the end.
    assert (row["best_response_known_date"], row["response_known_date"]) == (400, 400)
    assert row["evaluable_known_date"] == 28


def test_remission_with_exactly_five_percent_blasts_is_one(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[assessed(28, "cr", marrow_blast_percent=5.0)],
        follow_up=[ALIVE],
    )
    assert registry.one("response")["is_responder"] == 1


def test_best_response_may_come_after_the_first_remission(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[assessed(28, "cri"), assessed(70, "cr"), assessed(112, "cr")],
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["response_date"], row["best_response"], row["best_response_known_date"]) == (28, "cr", 70)


def test_patient_never_assessed_is_not_evaluable_and_no_responder(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE, DOSE | {"patient_id": "PAT2", "cycle_number": 1}],
        disease_assessment=[assessed(28, "not_evaluable") | {"patient_id": "PAT2"}],
        follow_up=[ALIVE, ALIVE | {"patient_id": "PAT2"}],
    )
    assert [(row["is_evaluable"], row["is_responder"]) for row in registry.rows("response")] == [(0, 0), (0, 0)]


def test_assessment_before_the_first_dose_does_not_count(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[assessed(-100, "cr"), assessed(-1, "no_response")],
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["is_responder"], row["best_response"], row["is_evaluable"]) == (0, None, 0)


def test_response_after_the_next_line_is_not_credited(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        line_of_therapy=[
            {"start_date": -300, "regimen": "hyper_cvad"},
            {"start_date": 0, "regimen": "blinatumomab"},
            {"start_date": 50, "regimen": "inotuzumab_ozogamicin"},
        ],
        # Day 49 is the last day before the next line; the remission of day 50 belongs to that line.
        disease_assessment=[assessed(49, "pr"), assessed(50, "cr")],
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["is_responder"], row["best_response"]) == (0, "pr")


def test_blinatumomab_is_not_its_own_next_line(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE, {"start_date": 42}],
        # The line was written down some days after the first infusion.
        line_of_therapy=[{"start_date": 3, "regimen": "blinatumomab+ponatinib"}],
        disease_assessment=[assessed(70, "cr")],
        follow_up=[ALIVE],
    )
    assert registry.one("response")["response_date"] == 70


def test_retreatment_does_not_make_a_responder(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE, {"start_date": 200, "course_number": 2, "cycle_number": 1}],
        disease_assessment=[assessed(28, "no_response"), assessed(230, "cr")],
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["index_date"], row["is_responder"], row["best_response"]) == (0, 0, "no_response")


def test_marrow_of_the_transplant_day_was_taken_before_the_graft(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[assessed(40, "cr"), assessed(70, "cr")],
        transplant=[{"transplant_date": 40}],
        follow_up=[ALIVE],
    )
    assert registry.one("response")["response_date"] == 40


def test_mrd_indication_responds_by_mrd_negativity(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[MRD_DOSE],
        # In haematologic remission from the start: that is not the response.
        disease_assessment=[assessed(14, "cr")],
        mrd_assessment=[sample(14, "positive"), sample(28, "negative"), sample(70, "negative")],
        disease_event=[{"event_date": 128, "event_type": "relapse"}],
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["response_basis"], row["is_responder"], row["response_date"]) == ("mrd", 1, 28)
    # Relapse-free survival starts at the first MRD-negative sample: 128 - 28 = 100 days.
    assert registry.endpoint("rfs") == (100, 1, "relapse")
    assert registry.one("endpoint", endpoint="rfs")["origin_date"] == 28


def test_mrd_indication_without_a_negative_sample_is_no_response(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[MRD_DOSE, MRD_DOSE | {"patient_id": "PAT2", "cycle_number": 1}],
        disease_assessment=[assessed(14, "cr"), assessed(14, "cr") | {"patient_id": "PAT2"}],
        mrd_assessment=[sample(28, "positive"), sample(28, "indeterminate") | {"patient_id": "PAT2"}],
        follow_up=[ALIVE, ALIVE | {"patient_id": "PAT2"}],
    )
    rows = {row["patient_id"]: (row["is_evaluable"], row["is_responder"]) for row in registry.rows("response")}
    # The second patient has no sample that decides anything.
    assert rows == {"PAT": (1, 0), "PAT2": (0, 0)}


@pytest.mark.parametrize(
    ("samples", "expected", "known"),
    [
        ([sample(28, "negative")], "negative", 28),
        # Negative if any sample near the response was: 14 days before to 42 days after day 28.
        ([sample(28, "positive"), sample(70, "negative")], "negative", 70),
        ([sample(14, "negative"), sample(28, "positive")], "negative", 14),
        # That none of them was is known when samples stop to count.
        ([sample(28, "positive"), sample(71, "negative")], "positive", 70),
        ([sample(13, "negative"), sample(28, "positive")], "positive", 70),
        # A missing sample is not a negative one.
        ([], "not_assessed", 70),
        ([sample(28, "not_assessed")], "not_assessed", 70),
        ([sample(28, "indeterminate")], "not_assessed", 70),
    ],
)
def test_residual_disease_at_response(
    registry_with: RegistryWith, samples: list[dict[str, Any]], expected: str, known: int
) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[assessed(28, "cr")],
        mrd_assessment=samples,
        follow_up=[ALIVE],
    )
    row = registry.one("response")
    assert (row["mrd_at_response"], row["mrd_known_date"]) == (expected, known)


def test_cohort_knows_nothing_that_came_later(registry_with: RegistryWith) -> None:
    registry = registry_with(
        patient=[{"ph_status": "positive", "cns_at_diagnosis": "no"}],
        treatment_cycle=[DOSE, {"start_date": -400, "agent": "inotuzumab_ozogamicin", "course_number": 2}],
        baseline=[{"assessment_date": 1, "age_years": 44, "karnofsky_percent": 80, "prior_allo_hct": "no"}],
        drug_exposure=[
            {"agent": "dasatinib", "agent_class": "tki", "start_date": -90, "stop_date": -10},
            {"agent": "ponatinib", "agent_class": "tki", "start_date": 5},
        ],
        disease_event=[{"event_date": 60, "event_type": "relapse", "is_cns": "yes"}],
        follow_up=[ALIVE],
    )
    row = registry.one("cohort")
    # Age and history may be written down later; the performance status of the day after the first dose is not baseline.
    assert (row["age_years"], row["prior_allo_hct"], row["karnofsky_percent"]) == (44, "no", None)
    # One kinase inhibitor was stopped before, the other started after the first dose; the CNS relapse came later.
    assert (row["tki_at_start"], row["prior_inotuzumab"], row["cns_history"]) == (0, 1, "unknown")


def test_cns_history(registry_with: RegistryWith) -> None:
    def patient(name: str, at_diagnosis: str, at_start: str, at_relapse: str | None) -> dict[str, list[dict[str, Any]]]:
        events = [{"event_date": -30, "event_type": "relapse", "is_cns": at_relapse}] if at_relapse else []
        tables = {
            "patient": [{"cns_at_diagnosis": at_diagnosis}],
            "treatment_cycle": [DOSE],
            "baseline": [{"cns_disease": at_start}],
            "disease_event": events,
        }
        return {table: [row | {"patient_id": name} for row in rows] for table, rows in tables.items()}

    patients = [
        patient("DIAGNOSIS", "yes", "no", "no"),
        patient("RELAPSE", "no", "no", "yes"),
        patient("START", "no", "yes", None),
        patient("NEVER", "no", "no", "no"),
        patient("UNCLEAR", "no", "no", "unknown"),
        patient("UNASKED", "unknown", "no", None),
    ]
    tables = {table: [row for one in patients for row in one[table]] for table in patients[0]}
    history = {row["patient_id"]: row["cns_history"] for row in registry_with(**tables).rows("cohort")}
    assert history == {
        "DIAGNOSIS": "yes",
        "RELAPSE": "yes",
        "START": "yes",
        "NEVER": "no",
        "UNCLEAR": "unknown",
        "UNASKED": "unknown",
    }
