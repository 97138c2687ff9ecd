"""An analysis in words: who, from when, what must be known by then, and how many are left."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from blinreg.analyses.plans.explain import Explanation, explain_analysis
from blinreg.analyses.plans.guard import Outcome
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import ViewFrames, read_views

Views = dict[str, pl.DataFrame]
PLAN = """
[study]
name = "told"
title = "Told"

[population.rr]
title = "Relapsed or refractory disease"
where.indication = { is = "relapsed_refractory" }

[population.rr_responders]
title = "Responders"
from = "rr"
responder = true

[variable.fit]
label = "Fitness"
levels = [
    { level = "fit", where = { karnofsky_percent = { at_least = 80 }, age_years = { less_than = 60 } } },
    { level = "responding", where.is_responder = { is = 1 } },
]

[words.indication]
relapsed_refractory = "relapsed or refractory"

[[analysis]]
name = "model"
title = "Model"
method = "cox"
population = "rr_responders"
endpoint = "os_from_response"
time_dependent = ["allo_hct"]
covariates = ["age_years"]
entry = "registration"
censor_at = "transplant"

[[analysis]]
name = "frozen"
title = "Frozen"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"
landmark = 60
group = "ever_allo_hct"

[[analysis]]
name = "fit"
title = "Fit"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"
group = "fit"
missing = "complete_case"

[[analysis]]
name = "rate"
title = "Rate"
method = "response_rate"
population = "rr"

[[analysis]]
name = "described"
title = "Described"
method = "table_one"
population = "rr"
variables = ["donor"]

[[analysis]]
name = "by_status"
title = "By Karnofsky status"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"
group = "karnofsky_percent"
"""


@pytest.fixture(scope="module")
def views(invented_views: Callable[..., Views]) -> ViewFrames:
    return read_views(invented_views(80))


def told(name: str, views: ViewFrames | None = None) -> Explanation:
    plan = parse_plan(PLAN, file="told.toml")
    return explain_analysis(plan, plan.entry(name), views)


def test_the_population_is_told_step_by_step() -> None:
    assert told("model").population == (
        "patients with a first dose of blinatumomab",
        "Relapsed or refractory disease: Indication: relapsed or refractory",
        "Responders: Is responder: yes",
    )


def test_the_clock_is_told_with_every_rule_that_moves_it(views: ViewFrames) -> None:
    clock = told("model", views).clock

    assert clock[0] == "os_from_response: overall survival from response"
    assert clock[1].startswith("the clock starts at the response: ")
    assert clock[2].startswith("allo_hct is time-dependent (first allogeneic transplant after the origin")
    assert clock[3:] == (
        "a patient registered after the origin is at risk from registration on",
        "follow-up ends at transplant",
    )


def test_a_landmark_moves_the_clock_and_freezes_exposures() -> None:
    found = told("frozen")

    assert found.clock[1].startswith("the clock starts at day 60 after the origin of the endpoint (landmark)")
    assert "ever/never exposures are those begun by that day" in found.clock[2]
    assert found.uses == ("groups by Ever allo hct; known: by day 60 after the origin",)


def test_a_variable_of_the_plan_is_known_when_its_sources_are() -> None:
    [use] = told("fit").uses

    assert use == (
        "groups by Fitness; known: day of the first dose of blinatumomab; day on which response is known: the "
        "response; for non-responders the last contact"
    )


def test_what_has_no_clock_says_so() -> None:
    assert told("rate").clock == (
        "shares are counted from the first dose: groups and covariates must be known by then",
    )
    assert told("described").clock == ("nothing is compared over time: values may have become known at any time",)


def test_with_data_come_the_verdict_and_the_attrition(views: ViewFrames) -> None:
    found = told("frozen", views)
    plan = parse_plan(PLAN, file="told.toml")
    rows = Task(plan=plan, entry=found.entry, views=views, mark="").follow_up(
        "os", fixed=["ever_allo_hct"], landmark=60
    )

    assert found.verdict is not None
    assert found.verdict.outcome is Outcome.ACCEPTED
    assert found.attrition is not None
    assert found.attrition.rows() == rows.attrition.table.rows()
    assert found.failure == ""


def test_what_is_refused_or_would_fail_is_told_and_not_raised(views: ViewFrames) -> None:
    refused, failing = told("fit", views), told("by_status", views)

    assert refused.verdict is not None
    assert refused.verdict.outcome is Outcome.REFUSED
    assert failing.attrition is None
    assert failing.failure.startswith("values are missing in ")


def test_without_data_there_is_neither() -> None:
    found = told("frozen")

    assert (found.verdict, found.attrition, found.failure) == (None, None, "")
