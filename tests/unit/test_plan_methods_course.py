"""The methods that follow patients beyond one endpoint: states, flow, exposures, follow-up, means, checks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from blinreg.analyses import clone_censor_weight, cox, follow_up, rmst
from blinreg.analyses.plans.outcome import Outcome
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.state_rows import Courses, courses
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import read_views
from blinreg.analyses.proportional_hazards import proportional_hazards_test
from blinreg.analyses.wording import DAYS_PER_MONTH
from blinreg.schemas.errors import AnalysisError, InputError
from blinreg.schemas.model import Type
from blinreg.schemas.views import VIEWS

Views = dict[str, pl.DataFrame]
INDEX_DATE = date(2016, 1, 1)
DTYPES = {Type.INTEGER: pl.Int64, Type.NUMBER: pl.Float64, Type.DATE: pl.Date}
HEAD = """
[study]
name = "course"
title = "Course"

[population.responders]
title = "Responders"
responder = true

[population.transplanted]
title = "Transplanted"
where.ever_allo_hct = { is = 1 }

[[analysis]]
name = "any"
title = "Any"
"""


@pytest.fixture(scope="module")
def views(invented_views: Callable[..., Views]) -> Views:
    return invented_views(150, seed=4)


def task_of(analysis: str, views: Views) -> Task:
    plan = parse_plan(HEAD + analysis, file="course.toml")
    return Task(plan=plan, entry=plan.entries[0], views=read_views(views), mark="Synthetic data")


def carry_out(analysis: str, views: Views) -> Outcome:
    task = task_of(analysis, views)
    return task.entry.method.run(task.entry.options, task)


def summary(analysis: str, views: Views) -> str:
    task = task_of(analysis, views)
    outcome = task.entry.method.run(task.entry.options, task)
    return task.entry.method.summarise(task.entry.options, tables(outcome))


def tables(outcome: Outcome) -> dict[str, pl.DataFrame]:
    return {table.part: table.frame for table in outcome.tables}


def four_patients() -> Views:
    """A: response 30, transplant 60, relapse 200, dead 300. B: never responds, alive at 90.

    C: response 40, relapse and death on day 100. D: response 20, transplant after relapse, alive at 500.
    """
    rows: dict[str, list[dict[str, Any]]] = {view.name: [] for view in VIEWS}
    courses_of = {
        "A": (30, 60, 200, 300, 1),
        "B": (None, None, None, 90, 0),
        "C": (40, None, 100, 100, 1),
        "D": (20, 400, 250, 500, 0),
    }
    for patient, (response, transplant, relapse, end, died) in courses_of.items():
        rows["cohort"].append({"patient_id": patient, "index_date": INDEX_DATE, "indication": "relapsed_refractory"})
        rows["response"].append(
            {
                "patient_id": patient,
                "index_date": INDEX_DATE,
                "is_responder": int(response is not None),
                "response_date": None if response is None else INDEX_DATE + timedelta(days=response),
            }
        )
        rows["exposure"].append(
            {
                "patient_id": patient,
                "origin": "index",
                "exposure": "allo_hct",
                "exposure_days": transplant,
                "ever": int(transplant is not None),
            }
        )
        for endpoint, day, event in (("os", end, died), ("efs", relapse or end, int(relapse is not None or died))):
            reason = "relapse" if endpoint == "efs" and relapse else ("death" if died else "last_contact")
            rows["endpoint"].append(
                {
                    "patient_id": patient,
                    "endpoint": endpoint,
                    "origin": "index",
                    "time_days": float(day),
                    "event": event,
                    "reason": reason,
                }
            )
    return {
        view.name: pl.DataFrame(
            rows[view.name], schema={column.name: DTYPES.get(column.type, pl.String) for column in view.columns}
        )
        for view in VIEWS
    }


@pytest.fixture(scope="module")
def four() -> Courses:
    found = courses(task_of('method = "state_occupation"\npopulation = "cohort"\n', four_patients()))
    letter = pl.col("patient_id").replace_strict(dict(enumerate("ABCD")), return_dtype=pl.String)
    return Courses(found.entries.with_columns(letter), found.ends.with_columns(letter), found.attrition)


def test_courses_are_those_worked_out_by_hand(four: Courses) -> None:
    assert four.entries.rows() == [
        ("A", "response", 30.0),
        ("A", "transplant", 60.0),
        ("A", "relapse", 200.0),
        ("A", "death", 300.0),
        # Relapse and death on one day: death counts.
        ("C", "response", 40.0),
        ("C", "death", 100.0),
        # A transplant after relapse is no state of its own.
        ("D", "response", 20.0),
        ("D", "relapse", 250.0),
    ]


def test_rows_of_a_course_have_no_gap_and_end_with_the_follow_up(four: Courses) -> None:
    assert four.rows.filter(pl.col("patient_id").is_in(["B", "D"])).rows() == [
        ("B", 0.0, 90.0, None),
        ("D", 0.0, 20.0, "response"),
        ("D", 20.0, 250.0, "relapse"),
        ("D", 250.0, 500.0, None),
    ]
    assert four.rows.filter(pl.col("patient_id") == "A")["tstop"].to_list() == [30.0, 60.0, 200.0, 300.0]


def test_state_occupation_counts_every_death_and_adds_up_to_one(views: Views) -> None:
    outcome = carry_out('method = "state_occupation"\npopulation = "cohort"\ntimes_months = [1, 3, 6]\n', views)

    found = tables(outcome)
    assert found[""].group_by("time").agg(pl.col("probability").sum())["probability"].to_list() == pytest.approx(
        [1] * 3
    )
    n_deaths = found["transitions"].filter(pl.col("to_state") == "death")["n"].sum()
    assert n_deaths == views["endpoint"].filter((pl.col("endpoint") == "os") & (pl.col("event") == 1)).height
    assert found["transitions"]["to_label"].is_in(["no response yet"]).sum() == 0


def test_the_flow_has_every_patient_once() -> None:
    found = tables(carry_out('method = "patient_flow"\npopulation = "cohort"\n', four_patients()))

    assert found[""].rows() == [
        ("Response", "Transplant", "Relapse or progression", "Dead", 1),
        ("Response", "No transplant", "Relapse or progression", "Alive at last contact", 1),
        ("Response", "No transplant", "No relapse seen", "Dead", 1),
        ("No response", "No transplant", "No relapse seen", "Alive at last contact", 1),
    ]
    assert found["flows"].group_by("stage", maintain_order=True).agg(pl.col("n").sum())["n"].to_list() == [4, 4, 4, 4]
    assert summary('method = "patient_flow"\npopulation = "cohort"\n', four_patients()) == (
        "Of 4 patients 3 responded and 1 were transplanted, of whom 1 relapsed; 2 of all died."
    )


def test_follow_up_is_measured_both_ways_in_all_and_by_group(views: Views) -> None:
    found = tables(
        carry_out('method = "follow_up"\npopulation = "cohort"\nendpoint = "os"\ngroup = "indication"\n', views)
    )[""]

    rows = views["endpoint"].filter(pl.col("endpoint") == "os")
    reverse = follow_up(rows, start=None, stop="time_days").table.row(0, named=True)
    alive = rows.filter(pl.col("event") == 0)["time_days"]
    everybody = found.filter(pl.col("group") == "all")
    assert everybody["median"].to_list() == [reverse["median"], pytest.approx(alive.median())]
    assert everybody["longest"].to_list() == [alive.max(), alive.max()]
    assert sorted(found["group"].unique()) == ["all", "mrd", "relapsed_refractory"]


def test_means_after_a_landmark_are_of_those_still_followed(views: Views) -> None:
    text = (
        'method = "rmst"\npopulation = "responders"\nendpoint = "os_from_response"\ngroup = "ever_allo_hct"\n'
        "landmark = 60\ntau_months = 12\n"
    )
    found = tables(carry_out(text, views))

    days = views["exposure"].filter((pl.col("exposure") == "allo_hct") & (pl.col("origin") == "response"))
    rows = (
        views["endpoint"]
        .filter(pl.col("endpoint") == "os_from_response")
        .join(days.select("patient_id", "exposure_days"), on="patient_id")
        .with_columns((pl.col("exposure_days") <= 60).fill_null(value=False).alias("by_day_60"))
    )
    expected = rmst(rows, tau=12 * 30.4375, by="by_day_60", landmark=60, start=None, stop="time_days").contrasts
    assert found[""]["difference"].to_list() == pytest.approx(expected["difference"].to_list())
    assert found[""]["p_value"].to_list() == pytest.approx(expected["p_value"].to_list())
    assert found["means"]["n"].sum() == rows.filter(pl.col("time_days") > 60).height
    low, high = (f"{found[''][name][0] / 30.4375:.1f}".replace("-", "−") for name in ("lower", "upper"))
    assert found[""]["in_months"][0].endswith(f"({low} to {high})")


COX = """method = "cox"
population = "cohort"
endpoint = "os"
covariates = ["age_years"]
time_dependent = ["allo_hct"]
"""


def test_every_cox_model_comes_with_the_check_of_its_assumption(views: Views) -> None:
    outcome = carry_out(COX + 'residuals = ["allo_hct"]\n', views)

    rows = views["counting_process"].filter(pl.col("endpoint") == "os").join(views["cohort"], on="patient_id")
    fit = cox(rows.sort("patient_id", "tstart"), ["allo_hct", "age_years"])
    expected = proportional_hazards_test(fit).table
    found = tables(outcome)["proportionality"]
    assert found["term"].to_list() == ["allo_hct", "age_years", "GLOBAL"]
    assert found["p_value"].to_list() == pytest.approx(expected["p_value"].to_list())
    assert [figure.part for figure in outcome.figures] == ["", "proportionality_allo_hct"]


def test_residuals_of_a_term_that_is_not_in_the_model_are_refused(views: Views) -> None:
    with pytest.raises(AnalysisError, match="residuals of sex cannot be drawn"):
        carry_out(COX + 'residuals = ["sex"]\n', views)


def test_an_exposure_has_death_as_its_competing_event(views: Views) -> None:
    text = (
        'method = "exposure_incidence"\npopulation = "responders"\nendpoint = "os_from_response"\n'
        'exposure = "allo_hct"\ncause_labels = ["transplant", "death"]\ntimes_months = [12]\n'
    )
    found = tables(carry_out(text, views))

    declared = tables(
        carry_out(
            'method = "cumulative_incidence"\npopulation = "responders"\nendpoint = "allo_hct"\n'
            'cause_labels = ["transplant", "death"]\ntimes_months = [12]\n',
            views,
        )
    )
    # The endpoint of the registry and the exposure are two ways to the same number.
    assert found[""].equals(declared[""])


CLONED = (
    'method = "clone_censor_weight"\npopulation = "responders"\nendpoint = "os_from_response"\nexposure = "allo_hct"\n'
    'covariates = ["age_years"]\nmissing = "complete_case"\nreplicates = 100\ntimes_months = [6]\ntau_months = 6\n'
    'strategy_labels = ["none in time", "transplant in time"]\ngrace_days = 60\nstep_days = 30\n'
)


def test_clones_are_those_of_the_estimator(views: Views) -> None:
    task = task_of(CLONED, views)
    outcome = task.entry.method.run(task.entry.options, task)
    found = tables(outcome)

    data = task.follow_up("os_from_response", fixed=["age_years"], missing="complete_case")
    days = task.views.exposure("allo_hct", "response").select("patient_id", "exposure_days")
    rows = data.frame.join(days, on="patient_id", how="left")
    end = 6 * DAYS_PER_MONTH
    expected = clone_censor_weight(rows, ["age_years"], grace=60, step=30, times=[end], tau=end, replicates=100)
    assert found[""].select(expected.table.columns).equals(expected.table)
    assert found[""]["label"].to_list() == [
        "Overall survival at 6 months, %",
        "Mean months without the event until 6 months",
    ]
    assert found["strategies"]["label"].to_list() == ["none in time", "transplant in time"]
    assert found["steps"]["label"].to_list() == ["0 to 30", "31 to 60"]
    assert found["model"]["term"].to_list() == ["age_years"]
    assert found["attrition"]["n_patients"][-1] == rows.height == expected.n
    said = task.entry.method.summarise(task.entry.options, found)
    assert f"at 6 months {100 * found['']['exposed'][0]:.1f}% with 'transplant in time'" in said
    assert f"difference (95% CI) {found['']['difference_text'][1]}." in said
    assert outcome.conventions["seed"] == 1
    assert "exchangeability" in outcome.notes[-1]


def test_clones_of_patients_who_enter_late_are_refused(views: Views) -> None:
    late = dict(views)
    late["cohort"] = views["cohort"].with_columns(
        (pl.col("index_date") + timedelta(days=40)).alias("registration_date")
    )
    with pytest.raises(InputError, match="come under observation after the origin"):
        carry_out(CLONED + 'entry = "registration"\n', late)


def test_times_can_be_given_in_days(views: Views) -> None:
    text = 'method = "kaplan_meier"\npopulation = "cohort"\nendpoint = "os"\ntimes_months = [12]\ndays = [100]\n'
    assert tables(carry_out(text, views))["at"]["time"].to_list() == [100.0, 365.25]


def test_what_never_happened_to_the_transplanted_is_a_row_too(views: Views) -> None:
    text = 'method = "transplants"\npopulation = "transplanted"\nvariables = ["age_years", "donor"]\n'
    found = tables(carry_out(text, views))[""]

    transplanted = views["exposure"].filter(
        (pl.col("exposure") == "allo_hct") & (pl.col("origin") == "index") & (pl.col("ever") == 1)
    )
    counts = {row["variable"]: (row["n"], row["denominator"]) for row in found.iter_rows(named=True)}
    early = views["endpoint"].filter(
        (pl.col("endpoint") == "transplant_related_mortality") & (pl.col("event") == 1) & (pl.col("time_days") <= 100)
    )
    assert counts["chronic_gvhd"] == (0, transplanted.height)
    assert counts["transplant_related_death_100_days"] == (early.height, transplanted.height)
    assert found.filter(pl.col("variable") == "donor")["n"].sum() == transplanted.height


def test_a_toxicity_that_nobody_defined_is_refused(views: Views) -> None:
    with pytest.raises(AnalysisError, match="toxicity 'baldness' is unknown"):
        carry_out('method = "transplants"\npopulation = "transplanted"\ntoxicities = ["baldness"]\n', views)


def test_pooled_scales_have_each_patient_once_at_the_highest_grade() -> None:
    grades = [("A", "ctcae_4", 2), ("A", "lee_2014", 3), ("B", "ctcae_4", 1), ("C", "no_event", None)]
    views = four_patients()
    views["toxicity"] = pl.DataFrame(
        [
            {
                "patient_id": patient,
                "category": "crs",
                "grade_scale": scale,
                "period": "on_treatment",
                "is_evaluable": 1,
                "max_grade": grade,
            }
            for patient, scale, grade in grades
        ],
        schema=views["toxicity"].schema,
    )

    found = tables(carry_out('method = "adverse_events"\npopulation = "cohort"\nscales = "pooled"\n', views))[""]

    assert found.select("n_evaluable", "n_any_grade", "n_grade_1_2", "n_grade_3_5", "is_all").rows() == [
        (3, 2, 1, 1, True)
    ]
