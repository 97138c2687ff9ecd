"""The guard: what becomes known after the clock started may not group, select or adjust, unless it is declared.

Three patients, first dose on 1 January 2020. A responds on day 30 and is transplanted on day 50;
B responds on day 20 and never is transplanted; C never responds. All are followed to day 400.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.plans.guard import Outcome, check_plan, early_uses, judge
from blinreg.analyses.plans.model import Entry
from blinreg.analyses.plans.options import Role, names_of
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.analyses.plans.vocabulary import known_variables
from blinreg.schemas.errors import AnalysisError, GuardRefusal, UsageError
from blinreg.schemas.model import Type
from blinreg.schemas.views import VIEWS
from blinreg.schemas.views import view as view_named

START = date(2020, 1, 1)
HEAD = """
[study]
name = "guarded"
title = "Guarded"

[population.responders]
title = "Responders"
responder = true

[population.transplanted]
title = "Transplanted"
where.ever_allo_hct = { is = 1 }

[variable.remission]
label = "Remission and MRD"
levels = [{ level = "deep", where.mrd_at_response = { is = "negative" } }]

[[analysis]]
name = "guarded"
title = "Guarded"
"""


def on(day: int) -> date:
    return START + timedelta(days=day)


def three_patients() -> ViewFrames:
    response, transplant = {"A": 30, "B": 20}, {"A": 50}
    rows: dict[str, list[dict[str, Any]]] = {view.name: [] for view in VIEWS}
    for patient in "ABC":
        known = on(response.get(patient, 400))
        rows["cohort"].append(
            {"patient_id": patient, "index_date": START, "age_years": 50, "indication": "relapsed_refractory"}
        )
        rows["response"].append(
            {
                "patient_id": patient,
                "is_responder": int(patient in response),
                "response_date": known if patient in response else None,
                "response_known_date": known,
                "mrd_at_response": "negative" if patient in response else None,
                "mrd_known_date": known + timedelta(days=10) if patient in response else known,
            }
        )
        origins = {"index": 0} | ({"response": response[patient]} if patient in response else {})
        for origin, day in origins.items():
            exposed = transplant.get(patient)
            rows["exposure"].append(
                {
                    "patient_id": patient,
                    "origin": origin,
                    "origin_date": on(day),
                    "exposure": "allo_hct",
                    "exposure_days": None if exposed is None else float(exposed - day),
                    "ever": int(exposed is not None),
                    "known_date": on(400 if exposed is None else exposed),
                }
            )
            rows["endpoint"].append(
                {
                    "patient_id": patient,
                    "endpoint": "os" if origin == "index" else "os_from_response",
                    "origin": origin,
                    "origin_date": on(day),
                    "deciding_date": on(400),
                    "time_days": float(400 - day),
                    "event": 0,
                }
            )
    types = {Type.INTEGER: pl.Int64, Type.NUMBER: pl.Float64, Type.DATE: pl.Date}
    frames = {
        view.name: pl.DataFrame(
            rows[view.name], schema={column.name: types.get(column.type, pl.String) for column in view.columns}
        )
        for view in VIEWS
    }
    return read_views(frames)


def refusal(analysis: str) -> str:
    with pytest.raises(GuardRefusal) as caught:
        check_plan(parse_plan(HEAD + analysis, file="study.toml"), three_patients())
    assert caught.value.exit_code == 2
    return str(caught.value)


def endpoints_of(entry: Entry) -> set[str]:
    return set(names_of(entry.options, Role.ENDPOINT))


def is_allowed(analysis: str) -> bool:
    check_plan(parse_plan(HEAD + analysis, file="study.toml"), three_patients())
    return True


def test_ever_or_never_as_a_group_is_refused_with_patients_and_days() -> None:
    # From response: A is transplanted 20 days after it, B is known as never transplanted at last contact.
    found = refusal(
        'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "ever_allo_hct"\n'
    )

    assert found == (
        "study.toml, analysis guarded (groups by allo_hct): allo_hct becomes known 20 days (median) after the origin "
        "in 1 patient and is known to be 'never' only at last contact in 1: immortal time; declare it "
        "time_dependent, give a landmark, or say biased = true. Written right:\n"
        '    method = "simon_makuch"\n    exposure = "allo_hct"\n    # without group'
    )


def test_an_exposure_as_a_plain_covariate_is_the_same_mistake() -> None:
    found = refusal('method = "cox"\npopulation = "cohort"\nendpoint = "os"\ncovariates = ["allo_hct"]\n')

    # From the first dose: A after 50 days, B and C never.
    assert "(adjusts by allo_hct): allo_hct becomes known 50 days (median) after the origin in 1 patient" in found
    assert "'never' only at last contact in 2: immortal time" in found


def test_strata_are_a_use_too() -> None:
    found = refusal(
        'method = "cox"\npopulation = "cohort"\nendpoint = "os"\ncovariates = ["age_years"]\nstrata = ["allo_hct"]\n'
    )

    assert "stratifies by allo_hct" in found


def test_responders_with_the_clock_at_the_first_dose_are_refused() -> None:
    # Of the selected, response is known on day 30 (A) and 20 (B): median 25.
    found = refusal('method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os"\n')

    assert found == (
        "study.toml, analysis guarded (selects by is_responder): 'responder is yes' becomes known 25 days (median) "
        "after the origin in 2 patients: selection on the future (immortal time); start the clock when it is known "
        '(such as os_from_response), or say biased = true. Written right:\n    endpoint = "os_from_response"'
    )


def test_the_transplanted_as_a_population_are_refused() -> None:
    found = refusal('method = "kaplan_meier"\npopulation = "transplanted"\nendpoint = "os_from_response"\n')

    assert "selects by" in found
    assert "immortal time" in found


def test_a_variable_made_from_a_late_one_is_late() -> None:
    found = refusal(
        'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "remission"\n'
    )

    assert "mrd_at_response becomes known 10 days (median) after the origin in 2 patients" in found


def test_response_rates_by_what_comes_later_are_refused() -> None:
    found = refusal('method = "response_rate"\npopulation = "cohort"\nsubgroups = ["ever_allo_hct"]\n')

    assert "groups by allo_hct" in found


ALLOWED = {
    "time-dependent": (
        'method = "cox"\npopulation = "responders"\nendpoint = "os_from_response"\ntime_dependent = ["allo_hct"]\n'
        'covariates = ["age_years"]\n'
    ),
    "both lists name it": (
        'method = "cox"\npopulation = "cohort"\nendpoint = "os"\ntime_dependent = ["allo_hct"]\n'
        'covariates = ["allo_hct", "age_years"]\n'
    ),
    "simon-makuch": (
        'method = "simon_makuch"\npopulation = "responders"\nendpoint = "os_from_response"\nexposure = "allo_hct"\n'
    ),
    "landmark": (
        'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "ever_allo_hct"\n'
        "landmark = 60\n"
    ),
    "landmark after a late value": (
        'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "remission"\n'
        "landmark = 10\n"
    ),
    "declared as biased": (
        'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "ever_allo_hct"\n'
        "biased = true\n"
    ),
    "responders from response": ('method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\n'),
    "known at the first dose": ('method = "cox"\npopulation = "cohort"\nendpoint = "os"\ncovariates = ["age_years"]\n'),
    "description of responders": (
        'method = "table_one"\npopulation = "responders"\nvariables = ["ever_allo_hct", "age_years"]\n'
    ),
    "response as the outcome": (
        'method = "response_rate"\npopulation = "cohort"\noutcome = "is_responder"\ncategories = "remission"\n'
    ),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_a_right_plan_is_not_refused(case: str) -> None:
    assert is_allowed(ALLOWED[case])


def test_a_landmark_before_the_value_is_known_does_not_help() -> None:
    found = refusal(
        'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "remission"\n'
        "landmark = 9\n"
    )

    assert "mrd_at_response becomes known 1 days (median) after" in found


def test_a_landmark_excuses_a_selection_by_what_is_known_by_it() -> None:
    analysis = 'method = "kaplan_meier"\npopulation = "transplanted"\nendpoint = "os_from_response"\n'

    # A, the only one, is transplanted 20 days after response.
    assert "becomes known 1 days (median) after the landmark of day 19" in refusal(analysis + "landmark = 19\n")
    assert is_allowed(analysis + "landmark = 20\n")


def test_what_a_biased_analysis_uses_early_is_kept_for_the_report() -> None:
    plan = parse_plan(HEAD + ALLOWED["declared as biased"], file="study.toml")

    [early] = early_uses(plan, plan.entries[0], three_patients())

    assert (early.variable, early.n_after, early.n_never, early.median_days) == ("allo_hct", 2, 1, 20.0)


def test_a_value_without_a_date_cannot_be_shown_to_be_in_time() -> None:
    views = three_patients()
    course = pl.DataFrame(
        [{"patient_id": patient, "index_date": START, "arm": "a"} for patient in range(3)],
        schema=views["course"].schema,
    )
    plan = parse_plan(
        HEAD + 'method = "kaplan_meier"\npopulation = "cohort"\nendpoint = "os"\ngroup = "arm"\n', file="study.toml"
    )

    verdict = judge(plan, plan.entries[0], read_views({**views.frames, "course": course}))

    assert verdict.outcome is Outcome.REFUSED
    assert verdict.reason == "groups by arm): arm has no date of becoming known in 3: immortal time"
    assert verdict.corrections[0].lines == ("# without group",)


def test_every_refused_analysis_of_a_plan_is_named() -> None:
    wrong = 'method = "kaplan_meier"\npopulation = "responders"\nendpoint = "os"\n'
    second = '[[analysis]]\nname = "second"\ntitle = "Second"\n' + wrong

    assert "Refused too: second; start the clock" in refusal(wrong + second)


def test_who_enters_at_registration_and_is_not_registered_is_an_error_or_left_out() -> None:
    views = three_patients()
    registered = pl.when(pl.col("patient_id") == 0).then(pl.lit(on(10))).alias("registration_date")
    views = read_views({**views.frames, "cohort": views["cohort"].with_columns(registered)})
    analysis = 'method = "kaplan_meier"\npopulation = "cohort"\nendpoint = "os"\nentry = "registration"\n'
    plan = parse_plan(HEAD + analysis, file="study.toml")
    task = Task(plan=plan, entry=plan.entries[0], views=views, mark="")

    with pytest.raises(AnalysisError, match="day of registration is not known in 2 of 3 patients"):
        task.follow_up("os")
    found = task.follow_up("os", missing="complete_case")
    assert found.frame.rows() == [(0, 10.0, 400.0, 0)]
    assert "day of registration not known" in found.attrition.table["reason"].to_list()


@pytest.mark.parametrize(
    ("analysis", "message"),
    [
        (
            'method = "kaplan_meier"\npopulation = "cohort"\nendpoint = "os"\nentry = "enrolment"\n',
            "entry 'enrolment' is unknown; write entry = \"registration\", or leave it out",
        ),
        (
            'method = "kaplan_meier"\npopulation = "cohort"\nendpoint = "os"\ncensor_at = "relapse"\n',
            "censor_at 'relapse' is unknown; write censor_at = \"transplant\", or leave it out",
        ),
        (
            'method = "table_one"\npopulation = "cohort"\nvariables = ["age_years"]\nentry = "registration"\n',
            "entry is for analyses with an endpoint; leave entry out",
        ),
    ],
)
def test_entry_and_censoring_are_declared_in_words_that_are_known(analysis: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_plan(HEAD + analysis, file="study.toml")

    assert str(caught.value) == f"study.toml, analysis guarded: {message}"


@pytest.mark.parametrize("name", ["cohort", "response", "course", "transplant"])
def test_every_value_of_a_patient_has_a_date_of_becoming_known(name: str) -> None:
    columns = [column for column in view_named(name).columns if column.name != "patient_id"]

    assert [column.name for column in columns if not column.known_at] == []
    values = [column.name for column in columns if column.type is not Type.DATE]
    assert [column for column in values if column not in known_variables()] == []


def test_the_shipped_plan_is_biased_only_where_it_says_so(
    invented_views: Callable[..., dict[str, pl.DataFrame]],
) -> None:
    from blinreg.analyses.plans import load_plan

    plan = load_plan("realworld-2020")
    views = read_views(invented_views(60))
    verdicts = check_plan(plan, views)

    # The invented patients do not have every endpoint.
    present = set(views["endpoint"]["endpoint"])
    declared = {one.spoken_name for one in plan.judged if one.biased and endpoints_of(one) <= present}
    assert {name for name, verdict in verdicts.items() if verdict.early} == declared
