"""Do the views keep their promises for patients nobody thought of, in whatever order things happened?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blinreg.schemas.model import Type
from blinreg.schemas.tables import TABLES
from blinreg.schemas.views import VIEWS
from blinreg.schemas.views.clinical import CUT_EXPOSURE

RegistryWith = Callable[..., Any]
Tables = dict[str, list[dict[str, Any]]]

#: The tables of which rows are drawn.
DRAWN = (
    "treatment_cycle",
    "disease_assessment",
    "mrd_assessment",
    "disease_event",
    "transplant",
    "gvhd",
    "follow_up",
)

DAYS = st.integers(min_value=-60, max_value=700)
PARTIAL = st.sampled_from(["2018", "2019", "2019-01", "2019-04", "2019-11", "2020-02"])
DATES = st.one_of(DAYS, DAYS, DAYS, PARTIAL)


@st.composite
def patients(draw: st.DrawFn) -> Tables:
    """Draw the rows of one patient; the order of events is free, so some contradict each other."""
    has_dose = draw(st.booleans()) or draw(st.booleans())
    indication = draw(st.sampled_from(["relapsed_refractory", "relapsed_refractory", "mrd"]))
    starts = sorted(draw(st.sets(st.integers(0, 200), min_size=1, max_size=3))) if has_dose else []
    cycles = [{"start_date": day, "indication": indication} for day in starts]
    assessments = [
        {"assessment_date": day, "response": draw(st.sampled_from(["cr", "cri", "pr", "no_response"]))}
        for day in draw(st.lists(DATES, max_size=3, unique=True))
    ]
    samples = [
        {"sample_date": day, "result": draw(st.sampled_from(["negative", "positive"]))}
        for day in draw(st.lists(DATES, max_size=2, unique=True))
    ]
    events = [
        {"event_date": day, "event_type": draw(st.sampled_from(["relapse", "progression", "molecular_relapse"]))}
        for day in draw(st.lists(DATES, max_size=2, unique=True))
    ]
    transplants = [
        {"transplant_date": day, "platelet_recovery_date": draw(st.one_of(st.none(), DATES))}
        for day in draw(st.lists(DATES, max_size=2))
    ]
    gvhd = [
        {"transplant_number": number, "gvhd_type": kind, "onset_date": draw(DATES)}
        for number in range(1, len(transplants) + 1)
        for kind in draw(st.sets(st.sampled_from(["acute", "chronic"])))
    ]
    is_dead = draw(st.booleans())
    end = draw(DATES)
    follow_up = {"last_contact_date": end, "vital_status": "dead" if is_dead else "alive"}
    if is_dead:
        follow_up |= {"death_date": end, "cause_of_death": draw(st.sampled_from(["disease", "transplant_related"]))}
    return {
        "treatment_cycle": cycles,
        "disease_assessment": assessments,
        "mrd_assessment": samples,
        "disease_event": events,
        "transplant": transplants,
        "gvhd": gvhd,
        "follow_up": [follow_up] if draw(st.integers(0, 9)) else [],
    }


def together(cohort: list[Tables]) -> Tables:
    """Number the patients and put their rows into one set of tables."""
    tables: Tables = {"patient": [{"patient_id": f"PAT{number:03d}"} for number in range(len(cohort))]}
    for number, one in enumerate(cohort):
        for table, rows in one.items():
            tables.setdefault(table, []).extend(row | {"patient_id": f"PAT{number:03d}"} for row in rows)
    return tables


def check_counting_process(registry: Any) -> None:
    """Rows follow each other from 0 to the endpoint's time; one event at most, in the last; exposures stay on."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(registry.rows("counting_process"), key=lambda row: row["tstart"]):
        rows.setdefault((row["patient_id"], row["endpoint"]), []).append(row)
    endpoints = {(row["patient_id"], row["endpoint"]): row for row in registry.rows("endpoint")}
    assert rows.keys() == endpoints.keys()
    for key, stretches in rows.items():
        assert stretches[0]["tstart"] == 0
        assert all(before["tstop"] == after["tstart"] for before, after in pairwise(stretches))
        assert all(row["tstart"] < row["tstop"] for row in stretches)
        assert sum(row["tstop"] - row["tstart"] for row in stretches) == endpoints[key]["time_days"]
        assert [row["event"] for row in stretches[:-1]] == [0] * (len(stretches) - 1)
        assert stretches[-1]["event"] == endpoints[key]["event"]
        for name in CUT_EXPOSURE:
            assert all(before[name] <= after[name] for before, after in pairwise(stretches))
        assert all(row["allo_hct_in_remission"] <= row["allo_hct"] for row in stretches)


def check_everybody_is_accounted_for(registry: Any) -> None:
    """Who has an origin is in the endpoint or in its exclusions, and not in both."""
    origin_of = {row["endpoint"]: row["origin"] for row in registry.rows("derived.endpoint_source")}
    entitled = {
        (row["patient_id"], endpoint)
        for row in registry.rows("derived.origin")
        for endpoint, origin in origin_of.items()
        if origin == row["origin"]
    }
    counted = [(row["patient_id"], row["endpoint"]) for row in registry.rows("endpoint")]
    excluded = [(row["patient_id"], row["endpoint"]) for row in registry.rows("endpoint_exclusion")]
    assert sorted(counted + excluded) == sorted(entitled)
    responders = {row["patient_id"] for row in registry.rows("response") if row["is_responder"]}
    assert responders == {patient for patient, endpoint in entitled if endpoint == "os_from_response"}


def check_lineage(registry: Any) -> None:
    """The row that decided is in the registry, belongs to the patient and is current."""
    stored = {
        (name, row["submission_id"], row["source_file"], row["source_line"], row["patient_id"])
        for name in DRAWN
        for row in registry.rows(f"staging.{name}")
    }
    columns = ("source_table", "source_submission_id", "source_file", "source_line", "patient_id")
    for row in registry.rows("endpoint"):
        assert tuple(row[column] for column in columns) in stored


def check_imputed_dates(registry: Any) -> None:
    """A completed date lies within what the site sent."""
    for table in (definition for definition in TABLES if definition.name in DRAWN):
        for name in (column.name for column in table.columns if column.type is Type.DATE):
            for row in registry.rows(f"staging.{table.name}"):
                if row[name] is None:
                    assert row[f"{name}_earliest"] is None
                else:
                    assert row[f"{name}_earliest"] <= row[name] <= row[f"{name}_latest"]


def check_nothing_seen_is_lost(registry: Any) -> None:
    """Everything on record of a living patient lies within observation, so that no event is lost."""
    ends = {row["patient_id"]: row["last_seen_date"] for row in registry.rows("derived.observation_end")}
    living = {row["patient_id"] for row in registry.rows("staging.follow_up") if row["vital_status"] == "alive"}
    for table, column in (("disease_event", "event_date"), ("transplant", "transplant_date"), ("gvhd", "onset_date")):
        for row in registry.rows(f"staging.{table}"):
            if row["patient_id"] in living:
                assert row[column] <= ends[row["patient_id"]]


def check_keys(registry: Any) -> None:
    """No view has two rows with the key of its definition."""
    for view in VIEWS:
        keys = [tuple(row[name] for name in view.key) for row in registry.rows(view.name)]
        assert len(keys) == len(set(keys)), view.name


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(cohort=st.lists(patients(), min_size=12, max_size=30))
def test_promises_hold_for_random_patients(registry_with: RegistryWith, cohort: list[Tables]) -> None:
    registry = registry_with(**together(cohort))
    check_counting_process(registry)
    check_everybody_is_accounted_for(registry)
    check_lineage(registry)
    check_imputed_dates(registry)
    check_nothing_seen_is_lost(registry)
    check_keys(registry)
