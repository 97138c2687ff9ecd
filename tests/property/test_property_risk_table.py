"""Risk tables add: two hospitals' tables are the table of their pooled rows."""

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from blinreg.analyses.log_rank_sums import log_rank_sums
from blinreg.analyses.observation import observe
from blinreg.analyses.risk_table import RiskTable, merge
from blinreg.analyses.survival_curves import survival_curves

SITE = st.lists(
    st.tuples(
        st.integers(0, 12),  # entry
        st.integers(1, 12),  # days to the change of group
        st.integers(0, 12),  # days after it, 0 for none
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["a", "b", "c"]),
        st.integers(0, 3),  # cause
        st.integers(1, 3),  # stratum
    ),
    min_size=1,
    max_size=20,
)


def site_rows(patients: list[Any], site: str) -> pl.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for number, (entry, first, second, group, later, cause, stratum) in enumerate(patients):
        name = f"{site}-{number}"
        rows.append((name, entry, entry + first, 0 if second else cause, group, stratum))
        if second:
            rows.append((name, entry + first, entry + first + second, cause, later, stratum))
    return pl.DataFrame(rows, schema=["id", "start", "stop", "event", "group", "stratum"], orient="row")


def table_of(rows: pl.DataFrame, strata: tuple[str, ...] = ("stratum",)) -> RiskTable:
    return observe(
        rows,
        by="group",
        strata=strata,
        id="id",
        start="start",
        stop="stop",
        event="event",
        missing="refuse",
        causes=True,
    ).risk


def assert_same_table(found: RiskTable, expected: RiskTable) -> None:
    for name in ("groups", "strata", "causes", "n"):
        assert getattr(found, name) == getattr(expected, name), name
    for name in ("stratum", "time", "n_entered", "n_crossed", "n_censored", "n_events", "n_subjects"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@settings(max_examples=80, deadline=None)
@given(SITE, SITE)
def test_merging_two_sites_is_pooling_their_rows(north: list[Any], south: list[Any]) -> None:
    rows = [site_rows(north, "north"), site_rows(south, "south")]
    merged = merge(table_of(rows[0]), table_of(rows[1]))
    pooled = table_of(pl.concat(rows))
    if not any(rows[0]["event"].to_list() + rows[1]["event"].to_list()):
        assert pooled.causes == (1,)
    elif merged.causes != pooled.causes:  # a site without events names cause 1, which then has none
        assert set(merged.causes) == {*pooled.causes, 1}
        assert merged.n_events[:, :, 0].sum() == 0
        return
    assert_same_table(merged, pooled)
    assert_same_table(merge(table_of(rows[1]), table_of(rows[0])), merged)


@settings(max_examples=40, deadline=None)
@given(SITE, SITE)
def test_estimates_from_merged_tables_are_those_of_pooled_rows(north: list[Any], south: list[Any]) -> None:
    rows = [site_rows(north, "north"), site_rows(south, "south")]
    options: Any = {"conf_type": "log-log", "conf_level": 0.95, "time_unit": "days"}
    merged = merge(table_of(rows[0], ()), table_of(rows[1], ()))
    pooled = table_of(pl.concat(rows), ())
    assert survival_curves(merged, **options).table.equals(survival_curves(pooled, **options).table)
    np.testing.assert_array_equal(log_rank_sums(merged).variance, log_rank_sums(pooled).variance)
    weighted = [log_rank_sums(risk, rho=1, gamma=1).observed for risk in (merged, pooled)]
    np.testing.assert_array_equal(*weighted)


@settings(max_examples=80, deadline=None)
@given(SITE)
def test_at_risk_is_the_count_of_the_rows_that_span_the_time(patients: list[Any]) -> None:
    rows = site_rows(patients, "north")
    table = table_of(rows)
    at_risk = table.n_at_risk()
    for place, (stratum, time) in enumerate(zip(table.stratum, table.time, strict=True)):
        for position, group in enumerate(table.groups):
            spans = (
                (pl.col("stratum") == table.strata[stratum][0])
                & (pl.col("group") == group)
                & (pl.col("start") < time)
                & (pl.col("stop") >= time)
            )
            assert at_risk[place, position] == rows.filter(spans).height
