"""State occupation on small data by hand, its refusals and its figure."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import multistate
from blinreg.schemas.errors import InputError


@pytest.fixture
def rows() -> pl.DataFrame:
    """Four in response: p1 transplanted on day 10 and dead on 30, p2 relapsed on 20, p3 censored on 25, p4 on 40."""
    lines = [
        ("p1", 0, 10, "response", "transplant"),
        ("p1", 10, 30, "transplant", "death"),
        ("p2", 0, 20, "response", "relapse"),
        ("p2", 20, 35, "relapse", "death"),
        ("p3", 0, 25, "response", None),
        ("p4", 0, 40, "response", None),
    ]
    return pl.DataFrame(lines, schema=["patient_id", "tstart", "tstop", "from_state", "to_state"], orient="row")


ORDER = ["response", "transplant", "relapse", "death"]


def by_state(found: Any, time: float, column: str = "probability") -> list[float]:
    values: list[float] = found.table.filter(pl.col("time") == time)[column].to_list()
    return values


def test_probabilities_by_hand(rows: pl.DataFrame) -> None:
    """Day 20: 3 in response, one relapses: 3/4 * 1/3 moves. Days 30 and 35: the transplanted and the relapsed die."""
    found = multistate(rows, states=ORDER, tau=40)
    np.testing.assert_allclose(by_state(found, 10), [3 / 4, 1 / 4, 0, 0])
    np.testing.assert_allclose(by_state(found, 20), [1 / 2, 1 / 4, 1 / 4, 0])
    np.testing.assert_allclose(by_state(found, 30), [1 / 2, 0, 1 / 4, 1 / 4])
    np.testing.assert_allclose(by_state(found, 40), [1 / 2, 0, 0, 1 / 2])
    assert by_state(found, 25, "n_in_state") == [2, 1, 1, 0]
    assert by_state(found, 35, "n_entered") == [0, 0, 0, 1]
    np.testing.assert_allclose(found.mean_time["mean_time"], [10 + 7.5 + 10, 5, 15 / 4, 5 / 4 + 5 / 2])
    np.testing.assert_allclose(found.mean_time["mean_time"].sum(), 40)
    assert (found.n, found.n_transitions, found.states, found.se_type) == (
        4,
        4,
        tuple(ORDER),
        "infinitesimal_jackknife",
    )
    moves = {tuple(row[1:3]): row[3] for row in found.transitions.rows()}
    assert moves == {
        ("response", "transplant"): 1,
        ("response", "relapse"): 1,
        ("transplant", "death"): 1,
        ("relapse", "death"): 1,
    }


def test_the_first_standard_error_is_binomial(rows: pl.DataFrame) -> None:
    for variance in ("infinitesimal_jackknife", "greenwood"):
        found = multistate(rows, states=ORDER, variance=variance)
        np.testing.assert_allclose(by_state(found, 10, "se"), [np.sqrt(3 / 64), np.sqrt(3 / 64), 0, 0], atol=1e-15)


def test_states_carried_on_are_those_given(rows: pl.DataFrame) -> None:
    given = multistate(rows).table
    carried = multistate(
        rows.drop("from_state").sample(fraction=1, shuffle=True, seed=3), from_state=None, initial="response"
    )
    assert carried.table.equals(given)


def test_the_order_of_states_is_where_people_begin_and_then_by_name(rows: pl.DataFrame) -> None:
    assert multistate(rows).states == ("response", "death", "relapse", "transplant")


def test_entering_the_state_one_is_in_is_no_transition(rows: pl.DataFrame) -> None:
    again = rows.with_columns(
        to_state=pl.when(pl.col("patient_id") == "p3").then(pl.lit("response")).otherwise("to_state")
    )
    assert multistate(again).table.equals(multistate(rows).table)


def test_a_text_for_censored_and_whole_numbers_for_states(rows: pl.DataFrame) -> None:
    marked = rows.with_columns(pl.col("to_state").fill_null("alive"))
    assert multistate(marked, censored="alive").table.equals(multistate(rows).table)
    codes = {"response": 0, "transplant": 1, "relapse": 2, "death": 3}
    numbered = rows.with_columns(pl.col("from_state", "to_state").replace_strict(codes, return_dtype=pl.Int64))
    assert multistate(numbered).states == ("0", "1", "2", "3")


def test_groups_are_estimated_apart(rows: pl.DataFrame) -> None:
    twice = pl.concat(
        [rows.with_columns(pl.col("patient_id") + site, site=pl.lit(site)) for site in ("n", "s")]
    ).with_columns(early=pl.col("tstart") < 0)
    found = multistate(twice, by="site", states=ORDER)
    alone = multistate(rows, states=ORDER).table.drop("group")
    for site in ("n", "s"):
        assert found.table.filter(pl.col("group") == site).drop("group").equals(alone)


def test_reading_off(rows: pl.DataFrame) -> None:
    found = multistate(rows, states=ORDER)
    read = found.at([5, 25, 50]).filter(pl.col("state") == "response")
    assert read["probability"].to_list() == [1.0, 0.5, None]
    assert found.at([50], extend=True)["probability"].to_list() == by_state(found, 40)
    assert found.at([-1])["probability"].to_list() == [None] * 4
    assert found.mean_time.is_empty()


def test_without_any_transition() -> None:
    still = pl.DataFrame(
        {"patient_id": [1, 2], "tstop": [5, 9], "to_state": [None, None]}, schema_overrides={"to_state": pl.String}
    )
    found = multistate(still, from_state=None, start=None, tau=9)
    assert found.table["probability"].to_list() == [1.0, 1.0]
    assert found.table["se"].to_list() == [0.0, 0.0]
    assert found.mean_time["mean_time"].to_list() == [9.0]
    assert found.transitions.is_empty()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"from_state": "relapse"}, {}, "1 rows of 1 subjects are in another state than the row before led to "),
        ({"tstart": 12, "from_state": "relapse"}, {}, r"\(0 follow at once, 1 after a gap\)"),
        ({"tstart": 8}, {}, "rows of one subject must not overlap"),
        ({"from_state": None}, {}, r"values are missing in 1 of 6 rows \(from_state 1\)"),
        ({}, {"states": ["response", "transplant", "relapse"]}, "states lists 3 states but not death"),
        ({}, {"states": [*ORDER, "death"]}, "states repeats"),
        ({}, {"tau": 41}, "tau=41 is not within the follow-up of group all"),
        ({}, {"tau": 0}, "tau=0 is not within the follow-up"),
        ({}, {"variance": "robust"}, "variance='robust' is unknown; use one of infinitesimal_jackknife, greenwood"),
        ({}, {"conf_type": "logit"}, "conf_type='logit' is unknown"),
        ({}, {"to_state": "tostate"}, "no column is called tostate"),
    ],
)
def test_refusals(rows: pl.DataFrame, change: dict[str, Any], options: dict[str, Any], message: str) -> None:
    """Changes are to the second row of p1."""
    of_row = (pl.col("patient_id") == "p1") & (pl.col("tstart") == 10)
    changed = rows.with_columns(
        pl.when(of_row).then(pl.lit(value)).otherwise(name).cast(rows[name].dtype).alias(name)
        for name, value in change.items()
    )
    with pytest.raises(InputError, match=message):
        multistate(changed, **options)


def test_a_mean_time_beyond_the_end_is_known_where_all_have_died(rows: pl.DataFrame) -> None:
    dead = rows.with_columns(pl.col("to_state").fill_null("death"))
    assert multistate(dead, tau=1000).mean_time["mean_time"].sum() == pytest.approx(1000)


def test_the_figure(rows: pl.DataFrame) -> None:
    found = multistate(rows, states=ORDER)
    axes = found.plot(labels={"response": "in response"}, note="Invented data")
    words = {text.get_text() for text in axes.texts}
    assert {"in response", "transplant", "relapse", "death", "Number in state"} <= words
    areas = axes.collections
    assert len(areas) == 4
    assert len({tuple(area.get_facecolor()[0]) for area in areas}) == 4
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in areas]
    assert max(tops) == pytest.approx(1)
    with pytest.raises(InputError, match="'north' is not a group; use one of 'all'"):
        found.plot(group="north")
