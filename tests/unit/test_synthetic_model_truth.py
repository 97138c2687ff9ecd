"""Are the planted hazard ratios found again by the right analysis, and missed by the naive one?"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import cox, mantel_byar
from blinreg.synthetic.courses import Courses, Placement
from blinreg.synthetic.model import draw_courses, truth
from blinreg.synthetic.model.transitions import overall_rows, transition_rows
from blinreg.synthetic.model.truth import TRANSITIONS
from blinreg.synthetic.studies import load_study

STUDY = load_study("realworld-2020")
TRUTH = truth(STUDY)
N = 50_000


@cache
def population() -> tuple[Courses, Placement]:
    return draw_courses(STUDY, 11, np.arange(N))


@pytest.mark.parametrize("transition", list(TRANSITIONS))
def test_transition_specific_cox_finds_the_planted_ratios(transition: str) -> None:
    rows = transition_rows(STUDY, *population(), transition)
    fit = cox(rows, rows.columns[4:])
    planted = TRUTH.of(transition)
    assert fit.n_events > 50
    for term in fit.table.iter_rows(named=True):
        expected = planted.get(term["term"], 0.0)
        assert abs(term["coef"] - expected) < 4 * term["se"], f"{term['term']}: {term['coef']} for {expected}"


def test_the_ratios_that_matter_are_found_with_little_error() -> None:
    rows = transition_rows(STUDY, *population(), "relapse")
    table = cox(rows, rows.columns[4:]).table
    assert table.filter(pl.col("term") == "transplanted")["se"][0] < 0.05


def test_overall_effect_is_its_large_sample_value_and_not_a_planted_ratio() -> None:
    rows = overall_rows(population()[0])
    values = TRUTH.large_sample_values
    fit = cox(rows, ["allo_hct"]).table.row(0, named=True)
    assert abs(fit["coef"] - values["log_hazard_ratio"]) < 4 * fit["se"]
    test = mantel_byar(rows)
    assert test.log_hazard_ratio is not None
    assert test.log_hazard_ratio_se is not None
    assert abs(test.log_hazard_ratio - values["mantel_byar_log_hazard_ratio"]) < 4 * test.log_hazard_ratio_se
    # The standard error of the large-sample value is 0.002.
    assert abs(values["log_hazard_ratio"] - TRUTH.of("relapse")["transplanted"]) > 0.02


def test_naive_analysis_by_ever_and_never_misses() -> None:
    rows = overall_rows(population()[0])
    naive = cox(rows, ["ever_allo_hct"]).table.row(0, named=True)
    # Those who live long enough get a transplant: the time that they had to survive is credited to it.
    assert naive["coef"] < TRUTH.large_sample_values["log_hazard_ratio"] - 4 * naive["se"]
    assert abs(naive["coef"] - TRUTH.large_sample_values["naive_log_hazard_ratio"]) < 4 * naive["se"]


def test_truth_is_that_of_the_parameter_file() -> None:
    assert TRUTH.of("relapse")["transplanted"] == math.log(STUDY.hazard.relapse.hazard_ratio["transplanted"])
    assert ("transplant", "mrd_indication") in TRUTH.never
    assert {effect.transition for effect in TRUTH.effects} <= set(TRANSITIONS)
    plain = TRUTH.as_json()
    assert set(plain["transitions"]) == set(TRANSITIONS)
    assert len(plain["effects"]) == len(TRUTH.effects)


def test_rows_of_a_transition_by_hand() -> None:
    courses, placement = population()
    frame = courses.frame
    rows = transition_rows(STUDY, courses, placement, "relapse")
    someone = frame.filter(
        (pl.col("transplant_day") < pl.col("relapse_day")) & pl.col("response_day").is_not_null()
    ).row(0, named=True)
    found = rows.filter(pl.col("patient_id") == someone["number"]).sort("tstart")
    to_transplant = someone["transplant_day"] - someone["response_day"]
    to_relapse = someone["relapse_day"] - someone["response_day"]
    assert found.select("tstart", "tstop", "event", "transplanted").rows() == [
        (0, to_transplant, 0, 0.0),
        (to_transplant, to_relapse, 1, 1.0),
    ]
