"""What was given with the first course, what came after the response, and what history says: patient by patient.

Days count from the first dose of blinatumomab (day 0).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]
Registry = Any
RegistryWith = Callable[..., Registry]

# One cycle of 28 days.
CYCLE = {"start_date": 0, "stop_date": 28, "cycle_number": 1}
RESPONSE = {"assessment_date": 28, "response": "cr"}
RELAPSE = {"event_type": "relapse"}
ALIVE = {"last_contact_date": 400, "vital_status": "alive"}
DIED = {"last_contact_date": 300, "vital_status": "dead", "death_date": 300}
#: The last day seen: only then is it known that the course is over and nothing was added to it.
OVER = 400


def drug(agent_class: str, start: int, stop: int | None = None) -> Row:
    return {"agent": f"a_{agent_class}", "agent_class": agent_class, "start_date": start, "stop_date": stop}


def patients(cases: Mapping[str, Tables], **usual: Row) -> Tables:
    """Put the rows of several patients together; a table that a patient does not mention has the usual row."""
    usual = {"treatment_cycle": CYCLE, "follow_up": ALIVE} | usual
    tables: Tables = {}
    for name, case in cases.items():
        for table, rows in ({table: [row] for table, row in usual.items()} | case).items():
            tables.setdefault(table, []).extend({"patient_id": name} | row for row in rows)
    return tables


def test_what_was_given_with_the_course(registry_with: RegistryWith) -> None:
    given = {
        "NOTHING": [],
        "TKI_BEFORE": [drug("tki", -90, 400)],
        "TKI_LATER": [drug("tki", 5, 60)],
        "LAST_DAY": [drug("chemotherapy", 28, 28)],
        "TWO": [drug("intrathecal", 3, 3), drug("chemotherapy", 1, 2)],
        # The day after the course, and the day before the first dose, are not with it.
        "OUTSIDE": [drug("chemotherapy", 29, 60), drug("tki", -90, -1)],
        # An antibody and a corticosteroid are no chemotherapy.
        "OTHER": [drug("anti_cd20", 2, 2), drug("corticosteroid", 0, 1)],
    }
    registry = registry_with(**patients({name: {"drug_exposure": rows} for name, rows in given.items()}))

    flags = ("combination", "chemotherapy_with_course", "intrathecal_with_course", "anti_cd20_with_course")
    found = {
        row["patient_id"]: (*(row[name] for name in flags), row["combination_known_date"])
        for row in registry.rows("course")
    }
    assert found == {
        "NOTHING": (0, 0, 0, 0, OVER),
        "TKI_BEFORE": (1, 0, 0, 0, 0),
        "TKI_LATER": (1, 0, 0, 0, 5),
        "LAST_DAY": (1, 1, 0, 0, 28),
        "TWO": (1, 1, 1, 0, 1),
        "OUTSIDE": (0, 0, 0, 0, OVER),
        "OTHER": (0, 0, 0, 1, OVER),
    }


def test_a_course_without_an_end_goes_on_until_the_end_of_observation(registry_with: RegistryWith) -> None:
    registry = registry_with(
        treatment_cycle=[{"start_date": 0}], drug_exposure=[drug("chemotherapy", 390, 395)], follow_up=[ALIVE]
    )
    assert registry.one("course")["combination"] == 1
    registry.cut_off(389)
    assert registry.one("course")["combination"] == 0


def test_only_interruptions_of_the_course_for_an_adverse_event_count(registry_with: RegistryWith) -> None:
    def interruption(start: int, cause: str = "adverse_event", agent: str = "blinatumomab") -> Row:
        return {"agent": agent, "start_date": start, "end_date": start + 2, "cause": cause}

    registry = registry_with(
        treatment_cycle=[CYCLE, {"start_date": 200, "stop_date": 228, "course_number": 2, "cycle_number": 1}],
        dose_interruption=[
            interruption(3),
            interruption(28),
            interruption(10, "technical"),
            interruption(12, agent="ponatinib"),
            interruption(205),
        ],
        follow_up=[ALIVE],
    )
    assert registry.one("course")["n_interruptions"] == 2


def test_the_first_thing_after_the_response(registry_with: RegistryWith) -> None:
    relapse, transplant = [RELAPSE | {"event_date": 90}], "transplant"
    cases: dict[str, tuple[Tables, tuple[str, int]]] = {
        "NOTHING": ({}, ("nothing", 400)),
        "GRAFT": ({transplant: [{"transplant_date": 60}], "disease_event": relapse}, ("allo_hct", 60)),
        "SAME_DAY": ({transplant: [{"transplant_date": 90}], "disease_event": relapse}, ("relapse", 90)),
        "CELLS": ({"drug_exposure": [drug("car_t", 70, 70), drug("donor_lymphocytes", 80, 80)]}, ("car_t", 70)),
        "LYMPHOCYTES": ({"drug_exposure": [drug("donor_lymphocytes", 28, 28)]}, ("donor_lymphocytes", 28)),
        # Cells before the response are not what came after it.
        "EARLY": ({"drug_exposure": [drug("car_t", 27, 27)]}, ("nothing", 400)),
        "DEAD": ({"follow_up": [DIED]}, ("death", 300)),
        "DEAD_THAT_DAY": ({"follow_up": [DIED], "drug_exposure": [drug("car_t", 300, 300)]}, ("car_t", 300)),
        "FAILED": (
            {"follow_up": [DIED], "disease_assessment": [RESPONSE | {"response": "no_response"}]},
            ("no_response", 300),
        ),
    }
    registry = registry_with(
        **patients({name: tables for name, (tables, _) in cases.items()}, disease_assessment=RESPONSE)
    )

    found = {row["patient_id"]: (row["after_response"], row["after_response_date"]) for row in registry.rows("course")}
    assert found == {name: expected for name, (_, expected) in cases.items()}


def test_a_cause_of_death_is_that_of_a_death_within_observation(registry_with: RegistryWith) -> None:
    toxic = DIED | {"cause_of_death": "blinatumomab_toxicity"}
    registry = registry_with(
        **patients({"TOXIC": {"follow_up": [toxic]}, "UNSAID": {"follow_up": [DIED]}, "ALIVE": {}})
    )
    causes = {row["patient_id"]: row["cause_of_death"] for row in registry.rows("course")}
    assert causes == {"TOXIC": "blinatumomab_toxicity", "UNSAID": "unknown", "ALIVE": None}
    registry.cut_off(299)
    assert {row["cause_of_death"] for row in registry.rows("course")} == {None}


def test_history_at_the_first_dose(registry_with: RegistryWith) -> None:
    def relapse(day: int, is_cns: str) -> Row:
        return RELAPSE | {"event_date": day, "is_cns": is_cns}

    def inhibitors(*agents: str, start: int = -5) -> list[Row]:
        return [{"agent": agent, "agent_class": "tki", "start_date": start} for agent in agents]

    lines = [
        {"regimen": regimen, "start_date": day}
        for regimen, day in (("hyper_cvad", -300), ("flag_ida", -100), ("blinatumomab", 0))
    ]
    registry = registry_with(
        **patients(
            {
                "SAID": {"baseline": [{"n_prior_lines": 3}], "line_of_therapy": lines},
                "COUNTED": {"baseline": [{}], "line_of_therapy": lines, "disease_event": [relapse(-10, "yes")]},
                "ONE": {"drug_exposure": inhibitors("dasatinib"), "disease_event": [relapse(-10, "no")]},
                "SEVERAL": {"drug_exposure": inhibitors("dasatinib", "ponatinib")},
                "RARE": {"drug_exposure": inhibitors("asciminib")},
                "LATER": {"drug_exposure": inhibitors("imatinib", start=1), "disease_event": [relapse(90, "yes")]},
            }
        )
    )
    names = ("n_prior_lines", "n_earlier_lines", "tki_agent_at_start", "tki_at_start", "cns_at_earlier_event")
    found = {row["patient_id"]: tuple(row[name] for name in names) for row in registry.rows("cohort")}
    assert found == {
        "SAID": (3, 3, "none", 0, 0),
        # Where the baseline is silent, the lines before that of blinatumomab are counted.
        "COUNTED": (None, 2, "none", 0, 1),
        "ONE": (None, None, "dasatinib", 1, 0),
        "SEVERAL": (None, None, "several", 1, 0),
        "RARE": (None, None, "other", 1, 0),
        "LATER": (None, None, "none", 0, 0),
    }
