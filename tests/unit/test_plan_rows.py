"""From views to the rows of an analysis: populations, variables, landmark, missing values, attrition."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.schemas.errors import AnalysisError, InputError

Views = dict[str, pl.DataFrame]
PLAN = """
[study]
name = "rows"
title = "Rows"

[population.rr]
title = "Relapsed or refractory"
where.indication = { is = "relapsed_refractory" }

[population.rr_responders]
title = "Responders"
from = "rr"
responder = true

[variable.age_decades]
label = "Age, per 10 years"
column = "age_years"
per = 10

[variable.salvage]
label = "Salvage"
levels = [
    { level = "later", where.n_prior_lines = { at_least = 3 } },
    { level = "first", where.n_prior_lines = { is = 1 } },
]

[[analysis]]
name = "any"
title = "Any"
method = "kaplan_meier"
population = "rr_responders"
endpoint = "os_from_response"
"""


@pytest.fixture
def views(invented_views: Callable[..., Views]) -> ViewFrames:
    return read_views(invented_views(120))


@pytest.fixture
def task(views: ViewFrames) -> Task:
    plan = parse_plan(PLAN, file="rows.toml")
    return Task(plan=plan, entry=plan.entries[0], views=views, mark="Synthetic data")


def test_every_loss_is_counted_with_its_reason(task: Task, views: ViewFrames) -> None:
    rows = task.follow_up("os_from_response")

    joined = views["cohort"].join(views["response"].drop("indication"), on="patient_id")
    rr = joined.filter(pl.col("indication") == "relapsed_refractory")
    responders = rr.filter(pl.col("is_responder") == 1)
    table = rows.attrition.table
    assert table["n_patients"].to_list()[:3] == [120, rr.height, responders.height]
    assert table["n_patients"][-1] == rows.frame["patient_id"].n_unique()
    assert table["reason"].to_list()[:3] == [
        "",
        'not "Indication: relapsed refractory"',
        'not "Is responder: yes"',
    ]
    lost = table["n_patients"].shift(1).fill_null(120) - table["n_patients"]
    assert lost.to_list() == table["n_excluded"].to_list()


def test_patients_without_the_origin_and_without_follow_up_are_told_apart(
    invented_views: Callable[..., Views],
) -> None:
    frames = invented_views(60)
    excluded = frames["endpoint"].filter(pl.col("endpoint") == "os_from_response")["patient_id"][0]
    row = frames["endpoint"].filter((pl.col("endpoint") == "os_from_response") & (pl.col("patient_id") == excluded))
    frames["endpoint"] = frames["endpoint"].join(row, on=["patient_id", "endpoint"], how="anti")
    frames["endpoint_exclusion"] = pl.concat(
        [
            frames["endpoint_exclusion"],
            row.select("patient_id", "endpoint", "origin", "origin_date").with_columns(reason=pl.lit("no_follow_up")),
        ]
    )
    plan = parse_plan(PLAN.replace('"rr_responders"', '"cohort"'), file="rows.toml")
    task = Task(plan=plan, entry=plan.entries[0], views=read_views(frames), mark="")

    step = task.follow_up("os_from_response").attrition.table.row(-1, named=True)

    n_without = 60 - frames["response"].filter(pl.col("is_responder") == 1).height
    assert step["reason"] == f"no response: {n_without}; no follow up: 1"
    assert step["n_excluded"] == n_without + 1


def test_rows_join_variables_made_in_the_plan(task: Task, views: ViewFrames) -> None:
    frame = task.follow_up("os_from_response", fixed=["age_decades", "salvage"], missing="complete_case").frame

    checked = frame.join(views["cohort"].select("patient_id", "age_years", "n_prior_lines"), on="patient_id")
    assert (checked["age_decades"] * 10 - checked["age_years"]).abs().max() < 1e-9
    assert set(checked.filter(pl.col("n_prior_lines") >= 3)["salvage"]) == {"later"}
    assert set(checked.filter(pl.col("n_prior_lines") == 1)["salvage"]) == {"first"}
    # No level fits two prior lines: the variable is not known there, and the patient is left out.
    assert checked.filter(pl.col("n_prior_lines") == 2).height == 0
    assert frame["salvage"].dtype == pl.Enum(["later", "first"])


def test_missing_values_are_refused_unless_the_plan_says_otherwise(task: Task) -> None:
    with pytest.raises(AnalysisError, match=r"values are missing in \d+ of \d+ patients .*Karnofsky percent not known"):
        task.follow_up("os_from_response", fixed=["karnofsky_percent"])

    rows = task.follow_up("os_from_response", fixed=["karnofsky_percent"], missing="complete_case")

    assert rows.frame["karnofsky_percent"].null_count() == 0
    assert "Karnofsky percent not known" in rows.attrition.table["reason"][-1]


def test_a_fact_asked_for_and_not_known_is_missing(task: Task, views: ViewFrames) -> None:
    unknown = views["cohort"].filter(pl.col("ph_status") == "unknown")["patient_id"]
    assert unknown.len() > 0

    frame = task.follow_up("os_from_response", fixed=["ph_status"], missing="complete_case").frame

    assert not set(frame["patient_id"]) & set(unknown)


def test_a_landmark_freezes_exposures_and_keeps_times_from_the_origin(task: Task, views: ViewFrames) -> None:
    frame = task.follow_up("os_from_response", fixed=["ever_allo_hct"], landmark=60).frame

    begun = views["exposure"].filter(
        (pl.col("origin") == "response") & (pl.col("exposure") == "allo_hct") & (pl.col("exposure_days") <= 60)
    )
    assert frame["tstart"].unique().to_list() == [60.0]
    assert (frame["tstop"] > 60).all()
    assert set(frame.filter(pl.col("ever_allo_hct") == "yes")["patient_id"]) <= set(begun["patient_id"])
    assert not set(frame.filter(pl.col("ever_allo_hct") == "no")["patient_id"]) & set(begun["patient_id"])


def test_time_dependent_rows_are_cut_at_a_landmark(task: Task) -> None:
    whole = task.follow_up("os_from_response", time_dependent=["allo_hct"]).frame
    cut = task.follow_up("os_from_response", time_dependent=["allo_hct"], landmark=60).frame

    assert (cut["tstart"] >= 60).all()
    expected = whole.filter(pl.col("tstop") > 60)
    assert cut["tstop"].to_list() == expected["tstop"].to_list()
    assert cut["event"].sum() == expected["event"].sum()


def test_competing_events_are_not_censored_silently(task: Task) -> None:
    with pytest.raises(AnalysisError, match="use method cumulative_incidence"):
        task.follow_up("allo_hct")

    assert set(task.follow_up("allo_hct", competing=True).frame["event"]) == {0, 1, 2}


def test_an_endpoint_nobody_has_is_named(task: Task) -> None:
    with pytest.raises(AnalysisError, match=r"endpoint duration_of_remission .* has 0 origins in the data"):
        task.follow_up("duration_of_remission")


def test_the_order_of_the_rows_of_a_view_does_not_matter(invented_views: Callable[..., Views]) -> None:
    frames = invented_views(40)
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in frames.items()}

    for name, frame in read_views(frames).frames.items():
        assert frame.equals(read_views(shuffled)[name]), name


def test_a_view_that_lacks_a_column_or_is_unknown_is_refused(invented_views: Callable[..., Views]) -> None:
    frames = invented_views(5)

    with pytest.raises(InputError, match="age_years"):
        read_views(frames | {"cohort": frames["cohort"].drop("age_years")})
    with pytest.raises(InputError, match="the analysis view toxicity was not given"):
        read_views({name: frame for name, frame in frames.items() if name != "toxicity"})
    with pytest.raises(InputError, match="no analysis view is called 'cohorts'"):
        read_views(frames | {"cohorts": frames["cohort"]})


def test_nobody_left_is_an_error_not_an_empty_curve(views: ViewFrames) -> None:
    plan = parse_plan(PLAN.replace('"relapsed_refractory"', '"mrd"', 1), file="rows.toml")
    empty = read_views({**views.frames, "cohort": views["cohort"].filter(pl.col("indication") != "mrd")})
    task = Task(plan=plan, entry=plan.entries[0], views=empty, mark="")

    with pytest.raises(AnalysisError, match="nobody of population rr_responders is left"):
        task.follow_up("os_from_response")
