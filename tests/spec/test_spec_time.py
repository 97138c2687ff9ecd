"""The rules of time: from when, until when, and what decides on one day.

Days count from the first dose of blinatumomab (day 0) unless a test says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Registry = Any
RegistryWith = Callable[..., Registry]

DOSE = {"start_date": 0}
REMISSION = {"assessment_date": 28, "response": "cr"}


def alive(day: int) -> dict[str, Any]:
    return {"last_contact_date": day, "vital_status": "alive"}


def dead(day: int, cause: str = "disease") -> dict[str, Any]:
    return {"last_contact_date": day, "vital_status": "dead", "death_date": day, "cause_of_death": cause}


def relapse(day: int) -> dict[str, Any]:
    return {"event_date": day, "event_type": "relapse"}


def transplant(day: int, **columns: Any) -> dict[str, Any]:
    return {"transplant_date": day} | columns


def test_time_is_whole_days_from_the_named_origin(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[REMISSION], follow_up=[dead(400)])
    # From the first dose: 400 - 0. From the remission on day 28: 400 - 28 = 372.
    assert registry.endpoint("os") == (400, 1, "death")
    assert registry.endpoint("os_from_response") == (372, 1, "death")


def test_who_is_alive_is_censored_at_last_contact(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], follow_up=[alive(300)])
    assert registry.endpoint("os") == (300, 0, "last_contact")


def test_event_comes_before_censoring_on_one_day(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[relapse(200)],
        follow_up=[alive(200)],
    )
    # Relapse and last contact on day 200: a relapse after 200 - 28 = 172 days, not a censoring.
    assert registry.endpoint("rfs") == (172, 1, "relapse")


def test_relapse_and_death_on_one_day_is_a_relapse(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        transplant=[transplant(60)],
        disease_event=[relapse(200)],
        follow_up=[dead(200)],
    )
    assert registry.endpoint("rfs") == (172, 1, "relapse")
    assert registry.endpoint("duration_of_remission") == (172, 1, "relapse")
    # After transplant (200 - 60 = 140 days) the relapse competes: this death is not a non-relapse death.
    assert registry.endpoint("non_relapse_mortality") == (140, 2, "relapse")


def test_event_on_the_origin_day_is_moved_to_half_a_day(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], follow_up=[dead(0)])
    row = registry.one("endpoint", endpoint="os")
    assert (row["time_days"], row["event"], row["is_origin_day_event"]) == (0.5, 1, 1)
    assert registry.stretches("os") == [(0, 0.5, 1)]


def test_censoring_on_the_origin_day_leaves_the_analysis(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[REMISSION], follow_up=[alive(28)])
    # Response and last contact on day 28: no time at risk after response, 28 days after the first dose.
    assert registry.rows("endpoint", endpoint="os_from_response") == []
    assert registry.one("endpoint_exclusion", endpoint="os_from_response")["reason"] == "censored_on_origin_day"
    assert registry.endpoint("os") == (28, 0, "last_contact")


def test_no_row_of_follow_up_leaves_the_analysis(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[REMISSION], disease_event=[relapse(90)])
    # The relapse is known, but nobody knows until when the patient was watched.
    assert registry.rows("endpoint") == []
    assert {row["reason"] for row in registry.rows("endpoint_exclusion")} == {"no_follow_up"}
    assert {row["endpoint"] for row in registry.rows("endpoint_exclusion")} == {
        "os",
        "efs",
        "os_from_response",
        "rfs",
        "rfs_molecular",
        "duration_of_remission",
        "allo_hct",
    }


def test_exposure_counts_from_just_after_its_day(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], transplant=[transplant(100)], follow_up=[dead(400)])
    assert registry.stretches("os", "allo_hct") == [(0, 100, 0, 0), (100, 400, 1, 1)]


def test_death_on_the_day_of_transplant_is_unexposed(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], disease_assessment=[REMISSION], transplant=[transplant(100)], follow_up=[dead(100)]
    )
    # One row, from response on day 28 to death on day 100 (72 days), without transplant ...
    assert registry.stretches("os_from_response", "allo_hct") == [(0, 72, 1, 0)]
    # ... but in the cumulative incidence of transplant, the transplant of that day did happen.
    assert registry.endpoint("allo_hct") == (72, 1, "allo_hct")


def test_death_on_the_day_after_transplant_is_exposed(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], transplant=[transplant(100)], follow_up=[dead(101)])
    assert registry.stretches("os", "allo_hct") == [(0, 100, 0, 0), (100, 101, 1, 1)]


def test_response_and_transplant_on_one_day_is_exposed_from_the_start(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], disease_assessment=[REMISSION], transplant=[transplant(28)], follow_up=[dead(128)]
    )
    assert registry.stretches("os_from_response", "allo_hct") == [(0, 100, 1, 1)]
    # As an event the transplant of day 0 is moved to half a day.
    assert registry.endpoint("allo_hct") == (0.5, 1, "allo_hct")


def test_relapse_and_transplant_on_one_day_is_relapse_first(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[relapse(100)],
        transplant=[transplant(100)],
        follow_up=[dead(300)],
    )
    # The relapse, after 72 days, is one without transplant.
    assert registry.stretches("rfs", "allo_hct") == [(0, 72, 1, 0)]
    # The transplant is one after relapse: an exposure, but not one in continuous remission.
    assert registry.stretches("os_from_response", "allo_hct", "allo_hct_in_remission") == [
        (0, 72, 0, 0, 0),
        (72, 272, 1, 1, 0),
    ]


def test_transplant_after_relapse_is_an_exposure_but_not_in_remission(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[relapse(80)],
        transplant=[transplant(100)],
        follow_up=[dead(300)],
    )
    assert registry.one("exposure", origin="response", exposure="allo_hct")["exposure_days"] == 72
    in_remission = registry.one("exposure", origin="response", exposure="allo_hct_in_remission")
    assert (in_remission["exposure_days"], in_remission["ever"]) == (None, 0)


def test_transplant_in_continuous_remission_is_both(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        # A relapse before the origin is the reason for treatment; one after the transplant changes nothing.
        disease_event=[relapse(-30), relapse(200)],
        transplant=[transplant(100)],
        follow_up=[dead(300)],
    )
    for origin in ("index", "response"):
        assert registry.one("exposure", origin=origin, exposure="allo_hct_in_remission")["exposure_date"] == 100


def test_never_exposed_is_known_only_at_the_end(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE, DOSE | {"patient_id": "PAT2", "cycle_number": 1}],
        transplant=[transplant(100)],
        follow_up=[alive(300), alive(250) | {"patient_id": "PAT2"}],
    )
    ever = registry.one("exposure", patient_id="PAT", origin="index", exposure="allo_hct")
    never = registry.one("exposure", patient_id="PAT2", origin="index", exposure="allo_hct")
    assert (ever["ever"], ever["known_date"]) == (1, 100)
    assert (never["ever"], never["known_date"]) == (0, 250)


def test_death_after_the_data_cutoff_is_censored_at_it(registry_with: RegistryWith) -> None:
    registry = registry_with(cutoff=365, treatment_cycle=[DOSE], follow_up=[dead(400)])
    assert registry.endpoint("os") == (365, 0, "analysis_cutoff")


def test_death_on_the_day_of_the_cutoff_counts(registry_with: RegistryWith) -> None:
    registry = registry_with(cutoff=365, treatment_cycle=[DOSE], follow_up=[dead(365)])
    assert registry.endpoint("os") == (365, 1, "death")


def test_last_contact_on_the_day_of_the_cutoff_is_the_reason(registry_with: RegistryWith) -> None:
    registry = registry_with(cutoff=365, treatment_cycle=[DOSE], follow_up=[alive(365)])
    assert registry.endpoint("os") == (365, 0, "last_contact")


def test_analysis_cutoff_can_be_brought_forward_and_not_put_off(registry_with: RegistryWith) -> None:
    registry = registry_with(
        cutoff=365,
        treatment_cycle=[DOSE],
        disease_assessment=[{"assessment_date": 150, "response": "cr"}],
        transplant=[transplant(180)],
        follow_up=[dead(400)],
    )
    registry.cut_off(200)
    assert registry.endpoint("os") == (200, 0, "analysis_cutoff")
    # On day 170 the transplant of day 180 has not happened, ...
    registry.cut_off(170)
    assert registry.one("exposure", origin="index", exposure="allo_hct")["ever"] == 0
    # ... and on day 100 the response of day 150 has not either.
    registry.cut_off(100)
    assert registry.one("response")["is_responder"] == 0
    # A later day than the site's own cutoff opens nothing.
    registry.cut_off(399)
    assert registry.endpoint("os") == (365, 0, "analysis_cutoff")


def test_cutoff_before_the_first_dose_leaves_the_analysis(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], follow_up=[dead(400)])
    registry.cut_off(-1)
    assert registry.rows("endpoint") == []
    assert registry.one("endpoint_exclusion", endpoint="os")["reason"] == "ends_before_origin"


def test_two_sites_each_have_their_own_cutoff(registry_with: RegistryWith) -> None:
    registry = registry_with(cutoff=300, treatment_cycle=[DOSE], follow_up=[dead(320)])
    registry.add_submission("sub-2", site_id="site_b", cutoff=350, sequence=2)
    registry.add(
        "sub-2",
        patient=[{"patient_id": "PAT2", "site_id": "site_b"}],
        treatment_cycle=[DOSE | {"patient_id": "PAT2"}],
        follow_up=[dead(320) | {"patient_id": "PAT2"}],
    )
    # Both died on day 320: after the first site's cutoff, before the second one's.
    assert registry.endpoint("os", "PAT") == (300, 0, "analysis_cutoff")
    assert registry.endpoint("os", "PAT2") == (320, 1, "death")


def test_what_is_recorded_after_last_contact_extends_observation(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[relapse(250)],
        follow_up=[alive(200)],
    )
    # Last contact says day 200, but a relapse was found on day 250: the patient was seen then.
    row = registry.one("endpoint", endpoint="os")
    assert (row["time_days"], row["event"], row["reason"]) == (250, 0, "last_contact")
    assert row["source_table"] == "disease_event"
    assert registry.endpoint("rfs") == (222, 1, "relapse")


def test_nothing_after_death_counts(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[relapse(250)],
        transplant=[transplant(260)],
        follow_up=[dead(200)],
    )
    assert registry.endpoint("rfs") == (172, 1, "death")
    assert registry.endpoint("allo_hct") == (172, 2, "death")
    assert registry.one("exposure", origin="index", exposure="allo_hct")["ever"] == 0


def test_death_without_a_date_is_dated_on_last_contact_and_marked(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], follow_up=[dead(200) | {"death_date": None}])
    row = registry.one("endpoint", endpoint="os")
    assert (row["time_days"], row["event"], row["is_imputed_date"]) == (200, 1, 1)


@pytest.mark.parametrize("agent_class", ["car_t", "donor_lymphocytes"])
def test_cells_given_later_do_not_censor(registry_with: RegistryWith, agent_class: str) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        drug_exposure=[{"start_date": 120, "agent_class": agent_class}],
        follow_up=[dead(400)],
    )
    assert registry.endpoint("os") == (400, 1, "death")
    assert registry.endpoint("rfs") == (372, 1, "death")


def test_as_of_an_earlier_submission(registry_with: RegistryWith) -> None:
    registry = registry_with(cutoff=365, treatment_cycle=[DOSE], follow_up=[alive(360)])
    registry.add_submission("sub-2", cutoff=730, sequence=2)
    registry.add("sub-2", treatment_cycle=[DOSE], follow_up=[dead(500)])
    assert registry.endpoint("os") == (500, 1, "death")
    registry.as_of("sub-1")
    assert registry.endpoint("os") == (360, 0, "last_contact")


def test_patient_missing_from_the_newest_submission_is_gone(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], follow_up=[alive(360)])
    registry.add_submission("sub-2", sequence=2)
    registry.add("sub-2", patient=[{"patient_id": "PAT2"}])
    # A submission is the site's full state.
    assert registry.rows("cohort") == []
    assert registry.rows("endpoint") == []
