"""Gray's test and the Fine-Gray model on small data: by hand, stamps, refusals."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from blinreg.analyses import cumulative_incidence, fine_gray, fine_gray_rows, fine_gray_weights, gray
from blinreg.schemas.errors import InputError

PLAIN: dict[str, Any] = {"id": None, "start": None, "stop": "days", "event": "cause"}


@pytest.fixture
def trial() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "days": [5.0, 8.0, 12.0, 20.0, 21.0, 30.5],
            "cause": [1, 2, 1, 1, 2, 0],
            "arm": ["a", "a", "a", "b", "b", "b"],
            "age": [60, 50, None, 40, 45, 55],
        }
    )


def test_the_score_of_gray_by_hand(trial: pl.DataFrame) -> None:
    """Day 5: 1 - 3/6. Day 12: n/S (1 - F) is 1 / (1/3) (2/3) = 2 in a and 3 in b, so 1 - 2/5. Day 20: a is empty."""
    test = gray(trial, "arm", **PLAIN)
    assert test.score.tolist() == pytest.approx([1.1, -1.1])
    assert test.table.select("group", "n", "n_events", "n_competing").rows() == [("a", 3, 2, 1), ("b", 3, 1, 1)]


def test_gray_is_stamped(trial: pl.DataFrame) -> None:
    rows = trial.with_columns(arm=pl.when(pl.col("age").is_null()).then(None).otherwise("arm"))
    test = gray(rows, "arm", cause=2, rho=1, missing="complete_case", time_unit="weeks", **PLAIN)
    assert (test.n, test.n_events, test.n_competing, test.n_missing) == (5, 2, 2, 1)
    assert (test.cause, test.rho, test.df, test.strata) == (2, 1.0, 1, ())
    assert (test.ties, test.time_unit) == ("hypergeometric", "weeks")


def test_gray_of_a_group_without_events_at_risk_has_no_value() -> None:
    """Arm b is over before anything happens: nothing is compared, and nothing is made up."""
    rows = pl.DataFrame({"days": [1, 2, 5, 6], "cause": [0, 0, 1, 2], "arm": ["b", "b", "a", "a"]})
    test = gray(rows, "arm", **PLAIN)
    assert (test.chi_squared, test.p_value, test.df) == (None, None, 0)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"cause": 3}, "nobody of 6 subjects has the event 3 (cause is never 3)"),
        ({"arm": "a"}, {}, "column arm has one value in the 6 subjects at risk"),
        ({}, {"start": "entry"}, "5 spells start after 0; Gray's test has no delayed entry"),
    ],
)
def test_refusals_of_gray(trial: pl.DataFrame, change: dict[str, str], options: dict[str, Any], message: str) -> None:
    rows = trial.with_columns(**{name: pl.lit(value) for name, value in change.items()})
    rows = rows.with_columns(entry=pl.Series([0, 1, 2, 3, 3, 3]))
    with pytest.raises(InputError) as caught:
        gray(rows, "arm", **(PLAIN | options))
    assert message in str(caught.value)


def test_gray_refuses_groups_that_change() -> None:
    rows = pl.DataFrame(
        {
            "patient_id": [1, 1, 2, 3],
            "tstart": [0, 4, 0, 0],
            "tstop": [4, 9, 7, 8],
            "event": [0, 1, 2, 1],
            "arm": [0, 1, 0, 1],
        }
    )
    with pytest.raises(InputError, match="column arm or a stratum changes 1 times within subjects"):
        gray(rows, "arm")


def test_weights_by_hand() -> None:
    """After the competing event on day 2, 1 of 5 and then 1 of 2 are censored: 4/5 and 2/5 of it stay at risk."""
    rows = pl.DataFrame({"days": [2, 3, 4, 5, 6, 7], "cause": [2, 0, 1, 1, 0, 1]})
    made = fine_gray_rows(rows, **PLAIN).filter(pl.col("fg_row") == 0)
    assert made.select("fg_start", "fg_stop", "fg_event").rows() == [(0, 3, 0), (3, 6, 0), (6, 7, 0)]
    assert made["fg_weight"].to_list() == pytest.approx([1, 4 / 5, 2 / 5])


def test_weights_of_delayed_entry_by_hand() -> None:
    """Of the 3 under observation after day 4 one had just entered: who left before counts 3/2 from then on."""
    rows = pl.DataFrame({"entry": [0, 0, 0, 4], "days": [2, 9, 9, 9], "cause": [2, 1, 1, 1]})
    made = fine_gray_rows(rows, **(PLAIN | {"start": "entry"})).filter(pl.col("fg_row") == 0)
    assert made.select("fg_start", "fg_stop").rows() == [(0, 4), (4, 9)]
    assert made["fg_weight"].to_list() == pytest.approx([1, 3 / 2])


def test_an_entry_on_the_first_day_that_anybody_leaves_counts() -> None:
    """One of 3 enters on day 2, when the first leaves; no splitting of rows may decide whether that counts."""
    rows = pl.DataFrame({"entry": [0, 0, 0, 2], "days": [2, 9, 9, 9], "cause": [2, 1, 1, 1]})
    made = fine_gray_rows(rows, **(PLAIN | {"start": "entry"})).filter(pl.col("fg_row") == 0)
    assert made["fg_weight"].to_list() == pytest.approx([1, 3 / 2])


def test_columns_are_carried_to_the_weighted_rows(trial: pl.DataFrame) -> None:
    made = fine_gray_rows(trial, ["age"], strata="arm", missing="complete_case", **PLAIN)
    assert made.columns == ["fg_row", "fg_subject", "fg_start", "fg_stop", "fg_event", "fg_weight", "arm", "age"]
    assert made["age"].null_count() == 0
    assert made["fg_event"].sum() == 2


def test_fine_gray_is_stamped(trial: pl.DataFrame) -> None:
    fit = fine_gray(trial, ["age"], cause=2, ties="breslow", missing="complete_case", conf_level=0.9, **PLAIN)
    assert (fit.n, fit.n_events, fit.n_competing, fit.n_missing) == (5, 2, 2, 1)
    assert (fit.cause, fit.ties, fit.conf_level, fit.se_type) == (2, "breslow", 0.9, "sandwich")
    assert (fit.interval_type, fit.time_unit, fit.strata) == ("wald", "days", ())
    assert fit.largest_weight == 1
    assert "subdistribution_hazard_ratio" in fit.table.columns
    assert fit.plot().get_xlabel() == "Subdistribution hazard ratio (logarithmic axis)"


def test_case_weights_multiply_the_weights(trial: pl.DataFrame) -> None:
    """The same weight for all changes no coefficient; the sandwich does not mistake it for more subjects."""
    rows = trial.drop_nulls().with_columns(copies=2)
    once, twice = (fine_gray(rows, ["age"], weights=column, **PLAIN) for column in (None, "copies"))
    for column in ("coef", "robust_se"):
        assert twice.table[column].to_list() == pytest.approx(once.table[column].to_list())


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({"tstart": [0, 4, 0, 0]}, {}, "1 rows start after a gap in their subject's follow-up"),
        ({"centre": [0, 1, 0, 0]}, {"strata": ["centre"]}, "the strata change 1 times within subjects"),
        ({"event": [0, 2, 2, 2]}, {}, "nobody of 3 subjects has the event 1"),
        ({"fg_stop": [0, 1, 0, 0]}, {"columns": ["fg_stop"]}, "columns are called fg_stop"),
    ],
)
def test_refusals_of_fine_gray(columns: dict[str, list[int]], options: dict[str, Any], message: str) -> None:
    rows = {
        "patient_id": [1, 1, 2, 3],
        "tstart": [0, 3, 0, 0],
        "tstop": [3, 9, 7, 8],
        "event": [0, 1, 2, 1],
        "x": [1, 2, 3, 4],
    }
    with pytest.raises(InputError) as caught:
        fine_gray_rows(pl.DataFrame(rows | columns), **options)
    assert message in str(caught.value)


def test_no_weight_is_carried_over_an_empty_risk_set() -> None:
    """On day 2 everybody left is censored; two enter on day 3."""
    rows = pl.DataFrame({"entry": [0, 0, 3, 3], "days": [1, 2, 5, 6], "cause": [2, 0, 1, 1]})
    with pytest.raises(InputError, match="the risk set empties and fills again"):
        fine_gray_rows(rows, **(PLAIN | {"start": "entry"}))
    without = rows.filter(pl.col("cause") != 2)
    assert fine_gray_rows(without, **(PLAIN | {"start": "entry"}))["fg_weight"].to_list() == [1, 1, 1]


def test_too_many_weighted_rows_are_refused(trial: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_gray_weights, "MAX_WEIGHTED_ROWS", 5)
    with pytest.raises(InputError, match="the weighted rows would be more than 5"):
        fine_gray_rows(trial, **PLAIN)


def test_an_unknown_standard_error_is_refused(trial: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="se_type='jackknife' is unknown; use 'greenwood' or 'aalen'"):
        cumulative_incidence(trial, se_type="jackknife", **PLAIN)
