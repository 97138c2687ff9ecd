"""What each endpoint counts, what competes with it, and where a number comes from.

Days count from the first dose of blinatumomab (day 0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from blinreg.schemas.views.time_to_event import ENDPOINT_NAME

Registry = Any
RegistryWith = Callable[..., Registry]

DOSE = {"start_date": 0}
REMISSION = {"assessment_date": 28, "response": "cr"}
NO_RESPONSE = {"assessment_date": 28, "response": "no_response"}


def alive(day: int) -> dict[str, Any]:
    return {"last_contact_date": day, "vital_status": "alive"}


def dead(day: int, cause: str = "disease") -> dict[str, Any]:
    return {"last_contact_date": day, "vital_status": "dead", "death_date": day, "cause_of_death": cause}


def event(day: int, event_type: str = "relapse") -> dict[str, Any]:
    return {"event_date": day, "event_type": event_type}


def transplant(day: int, **columns: Any) -> dict[str, Any]:
    return {"transplant_date": day} | columns


def test_non_response_is_not_an_efs_event(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[NO_RESPONSE], follow_up=[alive(300)])
    assert registry.endpoint("efs") == (300, 0, "last_contact")


@pytest.mark.parametrize("event_type", ["relapse", "progression"])
def test_relapse_and_progression_are_efs_and_rfs_events(registry_with: RegistryWith, event_type: str) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[event(150, event_type)],
        follow_up=[dead(300)],
    )
    assert registry.endpoint("efs") == (150, 1, event_type)
    assert registry.endpoint("rfs") == (122, 1, event_type)
    assert registry.endpoint("duration_of_remission") == (122, 1, event_type)


def test_relapse_before_the_first_dose_is_the_reason_for_treatment(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_event=[event(-14)], follow_up=[alive(300)])
    assert registry.endpoint("efs") == (300, 0, "last_contact")


def test_molecular_relapse_is_an_event_only_where_declared(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        disease_event=[event(100, "molecular_relapse"), event(180, "relapse")],
        follow_up=[alive(300)],
    )
    assert registry.endpoint("rfs") == (152, 1, "relapse")
    assert registry.endpoint("rfs_molecular") == (72, 1, "molecular_relapse")


def test_death_before_any_response_has_no_response_endpoint(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[NO_RESPONSE], follow_up=[dead(40)])
    assert registry.endpoint("os") == (40, 1, "death")
    assert registry.endpoint("efs") == (40, 1, "death")
    assert [row["endpoint"] for row in registry.rows("endpoint")] == ["efs", "os"]
    assert registry.rows("endpoint_exclusion") == []


def test_death_in_remission_competes_with_relapse(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], disease_assessment=[REMISSION], follow_up=[dead(128, "infection")])
    # In relapse-free survival the death is the event; for the duration of remission it competes.
    assert registry.endpoint("rfs") == (100, 1, "death")
    assert registry.endpoint("duration_of_remission") == (100, 2, "death")
    assert registry.endpoint("allo_hct") == (100, 2, "death")


def test_endpoints_from_transplant(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        transplant=[transplant(100)],
        disease_event=[event(250)],
        follow_up=[dead(400)],
    )
    # Day 0 is the transplant on day 100: relapse after 150, death after 300 days.
    assert registry.endpoint("os_from_transplant") == (300, 1, "death")
    assert registry.endpoint("pfs_from_transplant") == (150, 1, "relapse")
    assert registry.endpoint("non_relapse_mortality") == (150, 2, "relapse")
    # Cause-attributed: the relapse does not end it, the death of leukaemia competes.
    assert registry.endpoint("transplant_related_mortality") == (300, 2, "other_death")


def test_transplant_related_death(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], transplant=[transplant(100)], follow_up=[dead(160, "transplant_related")]
    )
    assert registry.endpoint("transplant_related_mortality") == (60, 1, "transplant_related_death")
    assert registry.endpoint("non_relapse_mortality") == (60, 1, "death")


def test_death_on_the_day_of_transplant_from_transplant(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], transplant=[transplant(100)], follow_up=[dead(100, "transplant_related")]
    )
    assert registry.endpoint("os_from_transplant") == (0.5, 1, "death")
    assert registry.endpoint("transplant_related_mortality") == (0.5, 1, "transplant_related_death")


def test_transplant_before_blinatumomab_is_history(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], disease_assessment=[REMISSION], transplant=[transplant(-200)], follow_up=[dead(400)]
    )
    assert registry.endpoint("allo_hct") == (372, 2, "death")
    assert registry.stretches("os", "allo_hct") == [(0, 400, 1, 0)]
    assert registry.rows("endpoint", origin="transplant") == []
    assert registry.one("cohort")["prior_allo_hct"] == "yes"


def test_second_transplant_after_an_earlier_one(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        transplant=[transplant(-200), transplant(100), transplant(250)],
        follow_up=[dead(400)],
    )
    # The first transplant after the first dose is that of day 100, ...
    assert registry.endpoint("allo_hct") == (72, 1, "allo_hct")
    assert registry.stretches("os", "allo_hct") == [(0, 100, 0, 0), (100, 400, 1, 1)]
    # ... and seen from it, the exposure is the next one, 150 days later.
    assert registry.endpoint("os_from_transplant") == (300, 1, "death")
    assert registry.stretches("os_from_transplant", "allo_hct") == [(0, 150, 0, 0), (150, 300, 1, 1)]


def test_transplant_before_the_response_is_not_one_after_it(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE, {"start_date": 300, "course_number": 2, "cycle_number": 1}],
        disease_assessment=[{"assessment_date": 28, "response": "pr"}, {"assessment_date": 60, "response": "cr"}],
        transplant=[transplant(40)],
        follow_up=[dead(400)],
    )
    # A remission first seen after the graft is not credited to blinatumomab: there is no response to count from.
    assert registry.one("response")["is_responder"] == 0
    assert registry.rows("endpoint", origin="response") == []
    assert registry.stretches("os", "allo_hct") == [(0, 40, 0, 0), (40, 400, 1, 1)]


def test_autologous_transplant_is_not_allogeneic(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        transplant=[transplant(100, transplant_type="autologous")],
        follow_up=[dead(400)],
    )
    assert registry.endpoint("allo_hct") == (372, 2, "death")
    assert registry.rows("endpoint", origin="transplant") == []
    assert registry.stretches("os", "allo_hct") == [(0, 400, 1, 0)]


def test_transplant_on_the_day_of_the_first_dose_counts_from_the_start(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], transplant=[transplant(0)], follow_up=[dead(400)])
    assert registry.stretches("os", "allo_hct") == [(0, 400, 1, 1)]
    assert registry.endpoint("os_from_transplant") == (400, 1, "death")


def test_patient_without_blinatumomab_counts_from_the_first_transplant(registry_with: RegistryWith) -> None:
    registry = registry_with(
        transplant=[transplant(-50, transplant_type="autologous"), transplant(0), transplant(90)],
        gvhd=[
            {"transplant_number": 2, "gvhd_type": "acute", "onset_date": 25},
            {"transplant_number": 2, "gvhd_type": "chronic", "onset_date": 150},
        ],
        follow_up=[dead(200)],
    )
    assert registry.rows("cohort") == []
    assert [row["endpoint"] for row in registry.rows("endpoint")] == [
        "non_relapse_mortality",
        "os_from_transplant",
        "pfs_from_transplant",
        "transplant_related_mortality",
    ]
    assert registry.stretches("os_from_transplant", "allo_hct", "acute_gvhd", "chronic_gvhd") == [
        (0, 25, 0, 0, 0, 0),
        (25, 90, 0, 0, 1, 0),
        (90, 150, 0, 1, 1, 0),
        (150, 200, 1, 1, 1, 1),
    ]


def test_gvhd_of_a_transplant_before_blinatumomab_is_no_exposure(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        transplant=[transplant(-200), transplant(100, platelet_recovery_date=120)],
        gvhd=[
            {"transplant_number": 1, "gvhd_type": "chronic", "onset_date": 20},
            {"transplant_number": 2, "gvhd_type": "acute", "onset_date": 130},
        ],
        follow_up=[dead(400)],
    )
    assert registry.stretches("os", "allo_hct", "acute_gvhd", "chronic_gvhd", "platelet_recovery") == [
        (0, 100, 0, 0, 0, 0, 0),
        (100, 120, 0, 1, 0, 0, 0),
        (120, 130, 0, 1, 0, 0, 1),
        (130, 400, 1, 1, 1, 0, 1),
    ]


def test_gvhd_on_the_day_of_death_is_no_exposure(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        transplant=[transplant(100)],
        gvhd=[{"gvhd_type": "acute", "onset_date": 130}],
        follow_up=[dead(130)],
    )
    assert registry.stretches("os_from_transplant", "acute_gvhd") == [(0, 30, 1, 0)]


def test_every_endpoint_says_which_row_decided(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[REMISSION],
        # The second line below the header is the relapse that counts.
        disease_event=[event(-30), event(150)],
        follow_up=[dead(300)],
    )
    row = registry.one("endpoint", endpoint="rfs")
    assert (row["source_table"], row["source_submission_id"], row["source_file"], row["source_line"]) == (
        "disease_event",
        "sub-1",
        "disease_event.csv",
        3,
    )


def test_every_declared_endpoint_is_named_in_the_definitions(registry_with: RegistryWith) -> None:
    declared = registry_with().rows("derived.endpoint_source")
    assert {row["endpoint"] for row in declared} == set(ENDPOINT_NAME)
    assert {row["role"] for row in declared} == {"event", "competing", "censoring"}
    latest_event = max(row["priority"] for row in declared if row["role"] != "censoring")
    assert all(row["priority"] > latest_event for row in declared if row["role"] == "censoring")
    for name in ENDPOINT_NAME:
        rows = [row for row in declared if row["endpoint"] == name]
        assert len({row["origin"] for row in rows}) == 1
        assert len({row["priority"] for row in rows}) == len(rows)
        assert {row["source"] for row in rows if row["role"] == "censoring"} == {"last_contact", "analysis_cutoff"}


def test_new_endpoint_needs_rows_in_the_declaration_and_nothing_else(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        transplant=[transplant(-90), transplant(100), transplant(250)],
        disease_event=[event(300, "second_malignancy")],
        follow_up=[dead(400)],
    )
    registry.redefine(
        """
        create or replace table derived.endpoint_source as
        select endpoint, origin, role, source, priority
        from (
            values
            ('second_malignancy', 'index', 'event', 'second_malignancy', 10),
            ('second_malignancy', 'index', 'competing', 'death', 30),
            ('second_malignancy', 'index', 'censoring', 'last_contact', 90),
            ('next_transplant', 'transplant', 'event', 'allo_hct', 10),
            ('next_transplant', 'transplant', 'censoring', 'last_contact', 90),
            ('os_censored_at_transplant', 'index', 'event', 'death', 30),
            ('os_censored_at_transplant', 'index', 'censoring', 'allo_hct', 80),
            ('os_censored_at_transplant', 'index', 'censoring', 'last_contact', 90)
        ) as declaration (endpoint, origin, role, source, priority)
        """,
        file="151_derived_endpoint_source.sql",
    )
    assert registry.endpoint("second_malignancy") == (300, 1, "second_malignancy")
    # The transplant that is day 0 is not its own event: the next one comes 250 - 100 days later.
    assert registry.endpoint("next_transplant") == (150, 1, "allo_hct")
    # The transplant before the first dose censors nothing.
    assert registry.endpoint("os_censored_at_transplant") == (100, 0, "allo_hct")
    assert registry.stretches("second_malignancy", "allo_hct") == [(0, 100, 0, 0), (100, 300, 1, 1)]
