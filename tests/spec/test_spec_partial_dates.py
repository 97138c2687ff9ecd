"""What becomes of dates without a day or without a month.

The middle of the part of the interval that agrees with the known order of events; if
there is no such part, the middle of the interval. Day 0 is 1 January 2019.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

Registry = Any
RegistryWith = Callable[..., Registry]

DAY_0 = date(2019, 1, 1)
DOSE = {"start_date": 0}
ALIVE = {"last_contact_date": "2020-12-31", "vital_status": "alive"}


def day(text: str) -> int:
    return (date.fromisoformat(text) - DAY_0).days


def test_year_and_month_become_the_middle_of_the_month(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], disease_event=[{"event_date": "2019-05", "event_type": "relapse"}], follow_up=[ALIVE]
    )
    # 1 to 31 May: the middle day is the 16th.
    row = registry.one("staging.disease_event")
    assert (row["event_date"], row["event_date_is_imputed"]) == (day("2019-05-16"), True)
    endpoint = registry.one("endpoint", endpoint="efs")
    assert (endpoint["time_days"], endpoint["is_imputed_date"]) == (day("2019-05-16"), 1)


def test_year_becomes_the_middle_of_the_year(registry_with: RegistryWith) -> None:
    registry = registry_with(patient=[{"diagnosis_date": "2017"}], treatment_cycle=[DOSE], follow_up=[ALIVE])
    # 365 days: 1 January and half of the 364 days to 31 December is 2 July.
    assert registry.one("staging.patient")["diagnosis_date"] == day("2017-07-02")


def test_whole_date_is_left_as_it_is(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE], disease_event=[{"event_date": "2019-05-01", "event_type": "relapse"}], follow_up=[ALIVE]
    )
    row = registry.one("staging.disease_event")
    assert (row["event_date"], row["event_date_is_imputed"]) == (day("2019-05-01"), False)
    assert registry.one("endpoint", endpoint="efs")["is_imputed_date"] == 0


def test_missing_date_stays_missing(registry_with: RegistryWith) -> None:
    registry = registry_with(treatment_cycle=[DOSE], transplant=[{"transplant_date": 100}], follow_up=[ALIVE])
    row = registry.one("staging.transplant")
    assert (row["platelet_recovery_date"], row["platelet_recovery_date_is_imputed"]) == (None, None)
    assert registry.one("staging.treatment_cycle")["stop_date"] is None


def test_diagnosis_comes_before_the_first_treatment(registry_with: RegistryWith) -> None:
    registry = registry_with(
        patient=[{"diagnosis_date": "2018"}],
        treatment_cycle=[DOSE],
        line_of_therapy=[{"start_date": "2018-01-21", "regimen": "hyper_cvad"}],
        follow_up=[ALIVE],
    )
    # Between 1 and 21 January 2018.
    assert registry.one("staging.patient")["diagnosis_date"] == day("2018-01-11")


def test_response_comes_after_the_first_dose(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[{"start_date": "2019-05-21"}],
        disease_assessment=[{"assessment_date": "2019-05", "response": "cr"}],
        follow_up=[ALIVE],
    )
    # Between 21 and 31 May.
    assert registry.one("response")["response_date"] == day("2019-05-26")


def test_relapse_comes_after_the_remission(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[{"start_date": "2019-04-01"}],
        disease_assessment=[{"assessment_date": "2019-05-25", "response": "cr"}],
        disease_event=[{"event_date": "2019-05", "event_type": "relapse"}],
        follow_up=[ALIVE],
    )
    # Between 25 and 31 May: 28 May, three days after the remission.
    assert registry.endpoint("rfs") == (3, 1, "relapse")


def test_gvhd_and_recovery_come_after_their_transplant(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        transplant=[{"transplant_date": "2019-05-15", "platelet_recovery_date": "2019-05"}],
        gvhd=[{"onset_date": "2019-05"}],
        follow_up=[ALIVE],
    )
    # Between 15 and 31 May.
    assert registry.one("staging.gvhd")["onset_date"] == day("2019-05-23")
    assert registry.one("staging.transplant")["platelet_recovery_date"] == day("2019-05-23")


def test_transplant_comes_before_what_follows_it(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        transplant=[{"transplant_date": "2019-05"}, {"transplant_date": "2019"}],
        gvhd=[{"onset_date": "2019-05-11"}, {"transplant_number": 2, "onset_date": "2019-12"}],
        follow_up=[{"last_contact_date": "2019-12-31", "vital_status": "alive"}],
    )
    first, second = registry.rows("staging.transplant")
    # The first between 1 and 11 May; of the second only the year is known.
    assert first["transplant_date"] == day("2019-05-06")
    assert second["transplant_date"] == day("2019-07-02")


@pytest.mark.parametrize(
    ("prior", "expected"), [("no", "2019-11-15"), ("yes", "2019-05-17"), ("unknown", "2019-07-02")]
)
def test_baseline_says_on_which_side_of_the_first_dose_a_transplant_was(
    registry_with: RegistryWith, prior: str, expected: str
) -> None:
    registry = registry_with(
        treatment_cycle=[{"start_date": "2019-10-01"}],
        baseline=[{"prior_allo_hct": prior}],
        transplant=[{"transplant_date": "2019"}],
        follow_up=[{"last_contact_date": "2020-03-01", "vital_status": "alive"}],
    )
    # No earlier transplant: 1 October and half of the 91 days to 31 December. An earlier one: 1 January and half of
    # the 272 days to 30 September. Not known: the middle of the year.
    assert registry.one("staging.transplant")["transplant_date"] == day(expected)
    assert len(registry.rows("endpoint", endpoint="os_from_transplant")) == (prior == "no")


def test_lines_start_in_their_order(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        line_of_therapy=[
            {"start_date": "2018-03-01", "regimen": "hyper_cvad"},
            {"start_date": "2018", "regimen": "flag"},
            {"start_date": "2018-05-01", "regimen": "inotuzumab_ozogamicin"},
        ],
        follow_up=[ALIVE],
    )
    # Between 1 March and 1 May: 61 days, half is 30.
    assert registry.rows("staging.line_of_therapy")[1]["start_date"] == day("2018-03-31")


def test_stop_comes_after_start(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[{"start_date": "2019-05-20", "stop_date": "2019-05"}],
        drug_exposure=[{"agent_class": "tki", "start_date": "2019-06", "stop_date": "2019-06"}],
        follow_up=[{"last_contact_date": "2019-06-21", "vital_status": "alive"}],
    )
    # Between 20 and 31 May, half of 11 days is 5.
    assert registry.one("staging.treatment_cycle")["stop_date"] == day("2019-05-25")
    # Start and stop in the same month, last seen on 21 June: both on the 11th, neither after the other.
    drug = registry.one("staging.drug_exposure")
    assert (drug["start_date"], drug["stop_date"]) == (day("2019-06-11"), day("2019-06-11"))


def test_death_comes_after_everything_on_record(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[{"assessment_date": "2019-05-21", "response": "cr"}],
        follow_up=[{"last_contact_date": "2019-05-25", "vital_status": "dead", "death_date": "2019-05"}],
    )
    # Known alive on 25 May: between 25 and 31 May.
    assert registry.endpoint("os") == (day("2019-05-28"), 1, "death")


def test_last_contact_comes_after_everything_on_record(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_assessment=[{"assessment_date": "2019-11", "response": "cr"}],
        follow_up=[{"last_contact_date": "2019", "vital_status": "alive"}],
    )
    # The assessment is put on 16 November; between then and 31 December lie 45 days, half is 22.
    assert registry.endpoint("os") == (day("2019-12-08"), 0, "last_contact")


def test_event_comes_before_last_contact(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        disease_event=[{"event_date": "2019-05", "event_type": "relapse"}],
        follow_up=[{"last_contact_date": "2019-05-11", "vital_status": "alive"}],
    )
    # Between 1 and 11 May.
    assert registry.endpoint("efs") == (day("2019-05-06"), 1, "relapse")


def test_dates_in_conflict_keep_the_middle_of_their_own_interval(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[DOSE],
        transplant=[{"transplant_date": "2019-08-01"}],
        # Onset before the transplant, relapse after the last contact: no day agrees with the order.
        gvhd=[{"onset_date": "2019-05"}],
        disease_event=[{"event_date": "2019-12", "event_type": "relapse"}],
        follow_up=[{"last_contact_date": "2019-10-01", "vital_status": "alive"}],
    )
    assert registry.one("staging.gvhd")["onset_date"] == day("2019-05-16")
    # The relapse shows that the patient was seen later than said: observation reaches to it.
    assert registry.endpoint("efs") == (day("2019-12-16"), 1, "relapse")
    assert registry.endpoint("os") == (day("2019-12-16"), 0, "last_contact")
