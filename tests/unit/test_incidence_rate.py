"""Incidence rates: by hand, edges, stamps, refusals."""

from __future__ import annotations

from math import inf
from typing import Any

import polars as pl
import pytest

from blinreg.analyses import incidence_rate
from blinreg.schemas.errors import InputError


@pytest.fixture
def follow_up() -> pl.DataFrame:
    """p1 has two events, the second after transplant; p2 is transplanted; p3 is not and has none."""
    return pl.DataFrame(
        {
            "patient_id": ["p1", "p1", "p2", "p2", "p3"],
            "tstart": [0.0, 100.0, 0.0, 50.5, 0.0],
            "tstop": [100.0, 200.0, 50.5, 100.0, 49.5],
            "event": [1, 1, 0, 0, 0],
            "allo_hct": [0, 1, 0, 1, 0],
        }
    )


def test_time_and_events_by_hand(follow_up: pl.DataFrame) -> None:
    found = incidence_rate(follow_up, by="allo_hct")
    assert found.table.select("group", "n", "n_events", "person_time").rows() == [(0, 3, 1, 200.0), (1, 2, 1, 149.5)]
    assert found.table["rate"].to_list() == [1 / 200, 1 / 149.5]
    assert found.ratios.select("group", "reference").rows() == [(1, 0)]
    assert found.ratios["rate_ratio"].to_list() == pytest.approx([200 / 149.5])
    assert (found.n, found.n_events, found.n_missing) == (3, 2, 0)


def test_units(follow_up: pl.DataFrame) -> None:
    per_day = incidence_rate(follow_up)
    per_100_years = incidence_rate(follow_up, per="100 patient-years")
    assert per_100_years.table["rate"][0] == pytest.approx(per_day.table["rate"][0] * 36525)
    months = follow_up.with_columns(pl.col("tstart", "tstop") / 30.4375)
    same = incidence_rate(months, per="patient-month", time_unit="months").table["rate"][0]
    assert same == pytest.approx(per_day.table["rate"][0] * 30.4375)


def test_result_is_stamped(follow_up: pl.DataFrame) -> None:
    gap = follow_up.with_columns(event=pl.Series([1, 1, None, 0, 0]))
    found = incidence_rate(gap, per="patient-year", conf_level=0.9, missing="complete_case")
    assert (found.per, found.interval_type, found.ratio_interval_type) == (
        "patient-year",
        "garwood",
        "exact conditional",
    )
    assert (found.conf_level, found.time_unit, found.n_missing) == (0.9, "days", 1)
    assert found.table["group"].to_list() == ["all"]
    assert found.ratios.is_empty()


def test_no_events(follow_up: pl.DataFrame) -> None:
    """The upper limit of no events in T is -log(0.025) / T; without any events there is no ratio."""
    from math import log

    quiet = follow_up.with_columns(event=pl.lit(0))
    found = incidence_rate(quiet, by="allo_hct")
    assert found.table["lower"].to_list() == [0.0, 0.0]
    assert found.table["upper"][0] == pytest.approx(-log(0.025) / 200)
    assert found.ratios.row(0)[2:] == (None, None, None, None)


def test_a_group_without_events_has_one_limit(follow_up: pl.DataFrame) -> None:
    rows = follow_up.with_columns(event=pl.Series([1, 0, 0, 0, 0]))
    low = incidence_rate(rows, by="allo_hct").ratios.row(0, named=True)
    assert low["rate_ratio"] == low["lower"] == 0
    assert low["upper"] < inf
    high = incidence_rate(rows, by="allo_hct", reference=1).ratios.row(0, named=True)
    assert high["rate_ratio"] == high["upper"] == inf
    assert high["p_value"] == pytest.approx(low["p_value"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"per": "1000 patient-years"}, "per='1000 patient-years' is unknown; use one of patient-day"),
        ({"time_unit": "weeks"}, "time_unit='weeks' is unknown; use days, months or years"),
        ({"reference": 1}, "reference=1 is given and no groups; name their column as `by`"),
        ({"by": "allo_hct", "reference": 2}, "reference=2 is not a group of column allo_hct; use one of 0, 1"),
        ({"conf_level": 1.0}, "conf_level must be a share"),
        ({"stop": "tstart"}, "tstart must be after tstart"),
    ],
)
def test_refusals(follow_up: pl.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        incidence_rate(follow_up, **options)
    assert message in str(caught.value)
