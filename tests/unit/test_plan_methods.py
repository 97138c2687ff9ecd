"""Methods of plans hand their rows to the estimators and lose nothing on the way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from blinreg.analyses import cox, cumulative_incidence, kaplan_meier, mantel_byar, response_rate
from blinreg.analyses.plans.methods import METHODS
from blinreg.analyses.plans.outcome import Outcome
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import read_views
from blinreg.schemas.model import Type
from blinreg.schemas.views import view

Views = dict[str, pl.DataFrame]
HEAD = """
[study]
name = "methods"
title = "Methods"

[population.responders]
title = "Responders"
responder = true

[variable.salvage]
label = "Salvage"
levels = [
    { level = "second or later", where.n_prior_lines = { at_least = 2 } },
    { level = "first", where.n_prior_lines = { is = 1 } },
]

[[analysis]]
name = "any"
title = "Any"
"""


@pytest.fixture(scope="module")
def views(invented_views: Callable[..., Views]) -> Views:
    return invented_views(150, seed=4)


def carry_out(analysis: str, views: Views) -> Outcome:
    plan = parse_plan(HEAD + analysis, file="methods.toml")
    [entry] = plan.entries
    return entry.method.run(entry.options, Task(plan=plan, entry=entry, views=read_views(views), mark="Synthetic data"))


def tables(outcome: Outcome) -> dict[str, pl.DataFrame]:
    return {table.part: table.frame for table in outcome.tables}


def responder_rows(views: Views) -> pl.DataFrame:
    return views["counting_process"].filter(pl.col("endpoint") == "os_from_response")


def test_the_cox_model_is_that_of_the_counting_process_rows(views: Views) -> None:
    outcome = carry_out(
        'method = "cox"\npopulation = "responders"\nendpoint = "os_from_response"\n'
        'time_dependent = ["allo_hct"]\ncovariates = ["age_years", "primary_refractory"]\nties = "breslow"\n',
        views,
    )

    rows = responder_rows(views).join(views["cohort"], on="patient_id").sort("patient_id", "tstart")
    fit = cox(rows, ["allo_hct", "age_years", "primary_refractory"], ties="breslow")
    found = tables(outcome)[""]
    assert found["term"].to_list() == ["allo_hct", "age_years", "primary_refractory[yes]"]
    assert found["hazard_ratio"].to_list() == fit.table["hazard_ratio"].to_list()
    assert found["p_value"].to_list() == fit.table["p_value"].to_list()
    assert found["label"][2] == "Primary refractory: yes vs no"
    assert outcome.conventions["ties"] == "breslow"


def test_levels_of_a_variable_made_in_the_plan_come_in_its_order(views: Views) -> None:
    text = 'method = "cox"\npopulation = "cohort"\nendpoint = "os"\ncovariates = ["salvage"]\n'

    default = tables(carry_out(text, views))[""]
    chosen = tables(carry_out(text + 'reference = { salvage = "first" }\n', views))[""]

    assert chosen["term"].to_list() == ["salvage[second or later]"]
    assert default["term"].to_list() == ["salvage[first]"]
    assert chosen["coef"][0] == pytest.approx(-default["coef"][0], rel=1e-9)


def test_simon_makuch_comes_with_the_mantel_byar_test(views: Views) -> None:
    outcome = carry_out(
        'method = "simon_makuch"\npopulation = "responders"\nendpoint = "os_from_response"\nexposure = "allo_hct"\n'
        'state_labels = ["before", "after"]\n',
        views,
    )

    test = mantel_byar(responder_rows(views).sort("patient_id", "tstart"))
    found = tables(outcome)[""]
    assert found["label"].to_list() == ["before", "after"]
    assert found["observed"][1] == test.observed
    assert found["p_value"].unique().to_list() == [test.p_value]


def test_kaplan_meier_reads_months_off_in_days(views: Views) -> None:
    outcome = carry_out(
        'method = "kaplan_meier"\npopulation = "cohort"\nendpoint = "os"\ntimes_months = [6]\nconf_type = "plain"\n',
        views,
    )

    rows = views["endpoint"].filter(pl.col("endpoint") == "os")
    curves = kaplan_meier(rows, start=None, stop="time_days", conf_type="plain")
    found = tables(outcome)
    assert found["at"]["time"].to_list() == [6 * 30.4375]
    assert found["at"]["survival"][0] == curves.at([6 * 30.4375])["survival"][0]
    assert found[""]["median"][0] == curves.median["median"][0]
    assert found[""]["label"].to_list() == ["All patients"]
    assert found["curve"].drop("group", "label").equals(curves.table.drop("group"))


def test_cumulative_incidence_has_the_competing_event(views: Views) -> None:
    outcome = carry_out(
        'method = "cumulative_incidence"\npopulation = "responders"\nendpoint = "allo_hct"\n'
        'cause_labels = ["transplant", "death"]\ntimes_months = [12]\n',
        views,
    )

    rows = views["endpoint"].filter(pl.col("endpoint") == "allo_hct").sort("patient_id")
    expected = cumulative_incidence(rows, start=None, stop="time_days").at([365.25])
    found = tables(outcome)[""]
    assert found["cause"].to_list() == ["transplant", "death"]
    assert found["cumulative_incidence"].to_list() == expected["cumulative_incidence"].to_list()


def test_cumulative_incidence_by_group_names_the_groups(views: Views) -> None:
    outcome = carry_out(
        'method = "cumulative_incidence"\npopulation = "responders"\nendpoint = "allo_hct"\n'
        'group = "primary_refractory"\ntimes_months = [6]\n',
        views,
    )

    assert tables(outcome)[""].select("label", "cause").rows() == [
        ("yes", "event"),
        ("yes", "competing event"),
        ("no", "event"),
        ("no", "competing event"),
    ]


def test_response_rates_have_every_patient_as_denominator(views: Views) -> None:
    outcome = carry_out(
        'method = "response_rate"\npopulation = "cohort"\ncategories = "best_response"\nsubgroups = ["ph_status"]\n',
        views,
    )

    found = tables(outcome)[""]
    expected = response_rate(views["response"], "is_responder").table.row(0, named=True)
    assert found.row(0, named=True)["upper"] == expected["upper"]
    categories = found.filter(pl.col("variable") == "best_response")
    assert set(categories["n"]) == {150}
    assert categories["n_responders"].sum() == 150
    subgroups = found.filter(pl.col("variable") == "ph_status")
    assert subgroups["n"].sum() == views["cohort"].filter(pl.col("ph_status") != "unknown").height


def test_table_one_shows_yes_and_keeps_no_in_the_tidy_table(views: Views) -> None:
    outcome = carry_out(
        'method = "table_one"\npopulation = "cohort"\ngroup = "indication"\n'
        'variables = ["prior_allo_hct", "age_years", "tki_at_start"]\n',
        views,
    )

    found = tables(outcome)
    assert found[""]["label"].to_list() == ["Prior allo hct", "Age years", "Tki at start"]
    assert set(found["tidy"].filter(pl.col("variable") == "tki_at_start")["level"]) == {"no", "yes"}
    n_tki = int(views["cohort"]["tki_at_start"].sum())
    assert found[""].row(2, named=True)["n_all"] == n_tki
    by_group = found["tidy"].filter((pl.col("variable") == "age_years") & (pl.col("group") != "all"))
    assert by_group["n"].sum() == 150


def toxicity_views(views: Views) -> Views:
    """Five patients: graded on two scales, an ungraded event, no event, and one who could not be assessed."""
    rows: list[dict[str, Any]] = [
        {"patient_id": "SYN0000", "grade_scale": "ctcae_4", "max_grade": 2, "is_evaluable": 1},
        {"patient_id": "SYN0000", "grade_scale": "lee_2014", "max_grade": 3, "is_evaluable": 1},
        {"patient_id": "SYN0001", "grade_scale": "ctcae_4", "max_grade": 5, "is_evaluable": 1},
        {"patient_id": "SYN0002", "grade_scale": "no_scale", "max_grade": None, "is_evaluable": 1},
        {"patient_id": "SYN0003", "grade_scale": "no_event", "max_grade": None, "is_evaluable": 1},
        {"patient_id": "SYN0004", "grade_scale": "ctcae_4", "max_grade": 4, "is_evaluable": 0},
    ]
    common = {"category": "crs", "period": "on_treatment", "n_events": 1, "n_ungraded": 0}
    types = {Type.INTEGER: pl.Int64, Type.NUMBER: pl.Float64, Type.DATE: pl.Date}
    schema = {column.name: types.get(column.type, pl.String) for column in view("toxicity").columns}
    dates = {"first_onset_date": date(2020, 1, 1)}
    return views | {"toxicity": pl.DataFrame([common | dates | row for row in rows], schema=schema)}


def test_adverse_events_keep_scales_apart_and_count_each_patient_once(views: Views) -> None:
    outcome = carry_out('method = "adverse_events"\npopulation = "cohort"\n', toxicity_views(views))

    found = tables(outcome)[""].select(
        "scale", "n_evaluable", "n_any_grade", "n_grade_1_2", "n_grade_3_5", "n_grade_5", "n_ungraded", "is_all"
    )
    # Evaluable are SYN0000 to SYN0003. SYN0000 has an event on two scales and is one patient of any grade.
    assert found.rows() == [
        ("any scale", 4, 3, None, None, None, None, True),
        ("CTCAE 4", 4, 2, 1, 1, 1, 0, False),
        ("Lee 2014", 4, 1, 0, 1, 0, 0, False),
        ("not stated", 4, 1, 0, 0, 0, 1, False),
    ]


def test_a_single_scale_needs_no_pooled_row(views: Views) -> None:
    one = toxicity_views(views)
    one["toxicity"] = one["toxicity"].filter(pl.col("grade_scale").is_in(["ctcae_4", "no_event"]))

    [row] = tables(carry_out('method = "adverse_events"\npopulation = "cohort"\n', one))[""].to_dicts()

    assert (row["scale"], row["n_evaluable"], row["n_any_grade"], row["is_all"]) == ("CTCAE 4", 3, 2, True)


def test_two_reasons_for_stopping_are_one_patient(views: Views) -> None:
    stops = pl.DataFrame(
        [
            {"patient_id": "SYN0000", "category": "neurotoxicity"},
            {"patient_id": "SYN0000", "category": "pain"},
            {"patient_id": "SYN0001", "category": "pain"},
        ],
        schema=views["discontinuation"].schema,
    )

    found = tables(carry_out('method = "consequences"\npopulation = "cohort"\n', views | {"discontinuation": stops}))

    assert found["stopped"].select("label", "n_stopped", "n_patients").rows() == [
        ("Any adverse event", 2, 150),
        ("Neurotoxicity", 1, 150),
        ("Pain", 2, 150),
    ]


def test_every_method_has_a_file_of_its_name() -> None:
    for name, method in METHODS.items():
        assert method.name == name
        assert method.run.__module__ == f"blinreg.analyses.plans.methods.{name}"
