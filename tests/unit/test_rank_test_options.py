"""Weights, trend and landmarks of the rank tests, by hand and at their edges."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import kaplan_meier, landmark, log_rank
from blinreg.schemas.errors import InputError

PLAIN: dict[str, Any] = {"id": None, "start": None, "stop": "days"}


@pytest.fixture
def arms() -> pl.DataFrame:
    """Events on days 1 (a), 2 (b), 3 (a), 4 (b); pooled survival before them 1, 3/4, 1/2, 1/4."""
    return pl.DataFrame({"days": [1, 2, 3, 4], "event": [1, 1, 1, 1], "arm": ["a", "b", "a", "b"]})


def test_weights_by_hand(arms: pl.DataFrame) -> None:
    found = log_rank(arms, "arm", rho=1, **PLAIN)
    assert found.steps["weight"].to_list() == [1, 1, 0.75, 0.75, 0.5, 0.5, 0.25, 0.25]
    np.testing.assert_allclose(found.observed, [1 + 0.5, 0.75 + 0.25])
    expected_a = 1 / 2 + 0.75 / 3 + 0.5 / 2
    np.testing.assert_allclose(found.expected, [expected_a, 2.5 - expected_a])
    np.testing.assert_allclose(found.variance[0, 0], 1 / 4 + 0.75**2 * 2 / 9 + 0.5**2 / 4)
    assert found.table["observed"].to_list() == [2, 2]
    assert found.weights == "S(t-)^1 (1 - S(t-))^0 (Fleming-Harrington, pooled S)"
    assert (found.rho, found.gamma, found.trend) == (1.0, 0.0, None)


def test_late_weights_ignore_the_first_event(arms: pl.DataFrame) -> None:
    found = log_rank(arms, "arm", gamma=1, **PLAIN)
    assert found.steps["weight"].to_list() == [0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75]


def test_weights_are_made_in_each_stratum(arms: pl.DataFrame) -> None:
    twice = pl.concat([arms.with_columns(site=pl.lit(site)) for site in ("n", "s")])
    found = log_rank(twice, "arm", strata=["site"], rho=1, **PLAIN)
    once = log_rank(arms, "arm", rho=1, **PLAIN)
    np.testing.assert_allclose(found.observed, 2 * once.observed)
    np.testing.assert_allclose(found.variance, 2 * once.variance)


def test_a_trend_over_two_groups_is_the_log_rank_test(arms: pl.DataFrame) -> None:
    trend = log_rank(arms, "arm", trend=True, **PLAIN)
    plain = log_rank(arms, "arm", **PLAIN)
    np.testing.assert_allclose([trend.chi_squared, trend.z], [plain.chi_squared, plain.z])
    assert trend.trend == {"a": 1.0, "b": 2.0}
    assert trend.direction == "a trend over arm"
    one_sided = log_rank(arms, "arm", trend={"a": 1, "b": 0}, alternative="longer", **PLAIN)
    assert one_sided.direction == "arm with a higher score lives longer"
    np.testing.assert_allclose(one_sided.z, -plain.z)
    other = log_rank(arms, "arm", alternative="longer", of="a", **PLAIN)
    np.testing.assert_allclose(one_sided.p_value, other.p_value)


def test_a_trend_without_events_has_no_p_value(arms: pl.DataFrame) -> None:
    found = log_rank(arms.with_columns(event=pl.lit(0)), "arm", trend=True, **PLAIN)
    assert (found.chi_squared, found.df, found.z, found.p_value) == (None, 0, None, None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rho": -1}, "rho=-1 is not a power of 0 or more"),
        ({"gamma": float("nan")}, "gamma=nan is not a power"),
        ({"trend": {"a": 1}}, "trend has no score for 1 of the 2 groups of column arm; score each of 'a', 'b'"),
        ({"trend": {"a": 1, "b": 1}}, "the scores of column arm are no trend"),
        ({"trend": {"a": 1, "b": float("inf")}}, "the scores of column arm are no trend"),
    ],
)
def test_refusals(arms: pl.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        log_rank(arms, "arm", **options, **PLAIN)


@pytest.fixture
def transplanted() -> pl.DataFrame:
    """p1 is exposed from day 10, p2 from day 40; p3 never; p4 dies on day 20; p5 enters on day 25; p6 pauses."""
    rows = [
        ("p1", 0, 10, 0, 0, 30),
        ("p1", 10, 60, 1, 1, 31),
        ("p2", 0, 40, 0, 0, 50),
        ("p2", 40, 90, 0, 1, 51),
        ("p3", 0, 70, 1, 0, 40),
        ("p4", 0, 20, 1, 0, 60),
        ("p5", 25, 80, 1, 1, 35),
        ("p6", 0, 15, 0, 0, 45),
        ("p6", 22, 50, 1, 0, 45),
    ]
    return pl.DataFrame(rows, schema=["patient_id", "tstart", "tstop", "event", "allo_hct", "age"], orient="row")


def test_groups_are_frozen_at_the_landmark(transplanted: pl.DataFrame) -> None:
    """At day 20+ p4 is dead, p5 not yet and p6 not under observation; p2 stays unexposed although exposed later."""
    found = landmark(transplanted, landmarks=[20], times=[65, 75])
    assert found.table.select("group", "n", "n_events").rows() == [(0, 2, 1), (1, 1, 1)]
    assert found.patients.rows() == [(20.0, 3, 1, 2)]
    unexposed = found.curves[0].table.filter(pl.col("group") == 0)
    assert unexposed["time"].to_list() == [70, 90]  # p2's follow-up counts to its end
    assert unexposed["n_crossed"].sum() == 0
    assert found.survival.filter(pl.col("group") == 0)["survival"].to_list() == [1, 0.5]


def test_the_landmark_day_itself_is_before(transplanted: pl.DataFrame) -> None:
    """Who is exposed from day 40 is exposed at 40+; who dies on day 20 is not in the analysis at 20."""
    found = landmark(transplanted, landmarks=[40, 50])
    assert found.table.select("landmark", "group", "n").rows() == [(40, 0, 2), (40, 1, 3), (50, 0, 1), (50, 1, 3)]
    assert found.patients["n_not_observed"].to_list() == [0, 0]


def test_one_group_only_is_said_and_not_refused(transplanted: pl.DataFrame) -> None:
    found = landmark(transplanted, landmarks=[0, 30], hazard_ratio=True)
    assert found.table.filter(pl.col("landmark") == 0)["p_value"].to_list() == [None]
    assert found.notes[0] == "landmark 0: all are in one group of allo_hct, nothing is compared"
    assert any(note.startswith("landmark 0: no hazard ratio") for note in found.notes)
    assert found.hazard_ratios["landmark"].unique().to_list() == [30]


def test_a_landmark_analysis_is_kaplan_meier_of_the_frozen_rows(transplanted: pl.DataFrame) -> None:
    found = landmark(transplanted, landmarks=[30], strata=["age"])
    frozen = transplanted.filter(pl.col("tstop") > 30).join(
        transplanted.filter(pl.col("tstart") <= 30, pl.col("tstop") > 30).select("patient_id", group="allo_hct"),
        on="patient_id",
    )
    expected = kaplan_meier(frozen, by="group", landmark=30)
    assert found.curves[0].table.equals(expected.table)
    assert found.strata == ("age",)
    axes = found.plot(landmark=30)
    assert axes.get_ylabel() == "Survival"
    with pytest.raises(InputError, match="there is no analysis at landmark 31; use one of 30"):
        found.plot(landmark=31)


def test_states_without_an_order_are_levels_of_the_cox_model(transplanted: pl.DataFrame) -> None:
    rows = transplanted.with_columns(arm=pl.Series(["x", "y", "x", "y", "x", "y", "y", "x", "x"]))
    found = landmark(rows, "arm", landmarks=[30], hazard_ratio=True)
    assert found.hazard_ratios["term"].to_list() == ["arm[y]"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"landmarks": []}, "landmarks must be one or more different times"),
        ({"landmarks": [30, 30]}, "landmarks must be one or more different times"),
        ({"landmarks": [30, float("inf")]}, "landmarks must be one or more different times"),
        ({"landmarks": [30], "covariates": ["age"]}, "covariates adjust a hazard ratio that was not asked for"),
        ({"landmarks": [900]}, "nobody is at risk after the landmark 900"),
        ({"landmarks": [30], "covariates": ["aeg"], "hazard_ratio": True}, "no column is called aeg"),
    ],
)
def test_landmark_refusals(transplanted: pl.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        landmark(transplanted, **options)


def test_nobody_under_observation_at_the_landmark() -> None:
    rows = pl.DataFrame({"patient_id": [1], "tstart": [10], "tstop": [20], "event": [1], "allo_hct": [0]})
    with pytest.raises(InputError, match="nobody is under observation at the landmark 5"):
        landmark(rows, landmarks=[5])
