"""Weighted tests, follow-up, restricted means, landmarks and state occupation equal their definitions on any rows."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from blinreg.analyses import (
    check_counting_process,
    cumulative_incidence,
    follow_up,
    kaplan_meier,
    landmark,
    log_rank,
    multistate,
    rmst,
    simon_makuch,
)
from blinreg.schemas.errors import InputError

HALF_DAYS = st.integers(0, 16).map(lambda halves: halves / 2)
LENGTHS = st.integers(1, 16).map(lambda halves: halves / 2)
#: Entry, time in the first and the second state (0: never in it), what ends it (0 nothing, 1, 2), group.
PATIENTS = st.lists(
    st.tuples(HALF_DAYS, LENGTHS, HALF_DAYS, st.integers(0, 2), st.sampled_from(["a", "b", "c"])),
    min_size=2,
    max_size=20,
)
RUNS = settings(max_examples=50, deadline=None)


def rows_of(patients: list[Any], *, delayed: bool = True) -> pl.DataFrame:
    lines: list[tuple[Any, ...]] = []
    for number, (entry, first, second, end, group) in enumerate(patients):
        begin = entry if delayed else 0.0
        lines.append((number, begin, begin + first, 0 if second else end, 0, group))
        if second:
            lines.append((number, begin + first, begin + first + second, end, 1, group))
    names = ["patient_id", "tstart", "tstop", "cause", "allo_hct", "arm"]
    frame = pl.DataFrame(lines, schema=names, orient="row")
    return frame.with_columns(event=pl.col("cause").clip(0, 1))


def last_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a subject, from entry to the end."""
    return rows.group_by("patient_id", maintain_order=True).agg(
        pl.col("tstart").min(), pl.col("tstop").max(), pl.col("event").max(), pl.col("arm").first()
    )


@RUNS
@given(PATIENTS, st.sampled_from([(0, 0), (1, 0), (0, 1), (0.5, 2)]))
def test_weighted_log_rank_equals_its_definition(patients: list[Any], powers: tuple[float, float]) -> None:
    rows = rows_of(patients)
    groups = sorted(rows["arm"].unique())
    assume(len(groups) > 1)
    found = log_rank(rows, "arm", rho=powers[0], gamma=powers[1])
    observed, expected = np.zeros(len(groups)), np.zeros(len(groups))
    variance, survival = np.zeros((len(groups), len(groups))), 1.0
    for time in sorted(rows.filter(pl.col("event") == 1)["tstop"].unique()):
        at_risk = rows.filter((pl.col("tstart") < time) & (pl.col("tstop") >= time))
        dying = at_risk.filter((pl.col("tstop") == time) & (pl.col("event") == 1))
        n, d = at_risk.height, dying.height
        share = np.array([at_risk.filter(pl.col("arm") == group).height for group in groups]) / n
        weight = survival ** powers[0] * (1 - survival) ** powers[1]
        observed += weight * np.array([dying.filter(pl.col("arm") == group).height for group in groups])
        expected += weight * d * share
        if n > 1:
            variance += weight**2 * d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
        survival *= 1 - d / n
    np.testing.assert_allclose(found.observed, observed, atol=1e-12)
    np.testing.assert_allclose(found.expected, expected, atol=1e-12)
    np.testing.assert_allclose(found.variance, variance, atol=1e-12)
    trend = log_rank(rows, "arm", rho=powers[0], gamma=powers[1], trend=True)
    scores = np.arange(1, len(groups) + 1)
    spread = scores @ variance @ scores
    if spread > 1e-9:
        assert trend.z is not None
        np.testing.assert_allclose(trend.z, scores @ (observed - expected) / spread**0.5, atol=1e-9)


@RUNS
@given(PATIENTS)
def test_reverse_kaplan_meier_exchanges_events_and_ends(patients: list[Any]) -> None:
    rows = rows_of(patients)
    whole = last_rows(rows)
    assume(whole["event"].min() == 0)
    found = follow_up(rows, by="arm")
    exchanged = kaplan_meier(whole.with_columns((1 - pl.col("event")).alias("event")), by="arm")
    columns = ["group", "median", "lower", "upper"]
    assert_frame_equal(found.table.select(columns), exchanged.median.select(columns))
    survivors = follow_up(rows, method="survivors").table.row(0, named=True)
    times = whole.filter(pl.col("event") == 0)["tstop"]
    assert survivors["median"] == times.median()
    assert (survivors["shortest"], survivors["longest"]) == (times.min(), times.max())


@RUNS
@given(PATIENTS, st.integers(1, 30))
def test_a_restricted_mean_is_the_area_under_the_curve(patients: list[Any], halves: int) -> None:
    rows, tau = rows_of(patients), halves / 2
    curves = kaplan_meier(rows)
    assume(tau <= curves.table["time"].max())
    found = rmst(rows, tau=tau).table.row(0, named=True)
    steps = curves.at(np.arange(0, tau, 0.5).tolist())["survival"]
    np.testing.assert_allclose(found["rmst"], steps.sum() * 0.5, atol=1e-9)
    assert 0 <= found["se"] <= tau


@RUNS
@given(PATIENTS, HALF_DAYS)
def test_a_landmark_analysis_is_a_log_rank_test_of_frozen_groups(patients: list[Any], day: float) -> None:
    rows = rows_of(patients)
    at = rows.filter((pl.col("tstart") <= day) & (pl.col("tstop") > day)).select("patient_id", group="allo_hct")
    assume(at.height)
    whole = last_rows(rows).join(at, on="patient_id").with_columns(tstart=pl.lit(day))
    found = landmark(rows, landmarks=[day])
    assert found.table["n"].sum() == at.height
    later = rows.filter(pl.col("tstop") > day)["patient_id"].n_unique()
    assert found.patients.select("n", "n_not_observed").row(0) == (at.height, later - at.height)
    if whole["group"].n_unique() == 2:
        expected = log_rank(whole, "group")
        np.testing.assert_allclose(found.table["expected"], expected.expected, atol=1e-12)
        assert found.table["p_value"][0] == expected.p_value


def with_states(rows: pl.DataFrame) -> pl.DataFrame:
    goes_on = pl.col("patient_id") == pl.col("patient_id").shift(-1)
    ended = pl.when(pl.col("cause") > 0).then(pl.format("cause {}", "cause"))
    to = pl.when(goes_on.fill_null(value=False)).then(pl.lit("exposed")).otherwise(ended)
    now = pl.when(pl.col("allo_hct") == 1).then(pl.lit("exposed")).otherwise(pl.lit("start"))
    return rows.with_columns(to_state=to, from_state=now)


@RUNS
@given(PATIENTS)
def test_state_occupation_equals_the_product_of_transition_matrices(patients: list[Any]) -> None:
    rows = with_states(rows_of(patients))
    names = ["start", "exposed", "cause 1", "cause 2"]
    moving = rows.filter(pl.col("to_state").is_not_null())
    assume(moving.height)
    first = moving["tstop"].min()
    present = rows.filter((pl.col("tstart") < first) & (pl.col("tstop") >= first))
    state = np.array([present.filter(pl.col("from_state") == name).height for name in names]) / present.height
    covariance = (np.diag(state) - np.outer(state, state)) / present.height
    given_order: Any = {"states": names}
    greenwood = multistate(rows, variance="greenwood", **given_order).table
    jackknife = multistate(rows, **given_order).table
    for time in sorted(rows["tstop"].unique()):
        matrix, multinomial = np.eye(4), np.zeros((4, 4))
        for place, name in enumerate(names):
            at_risk = rows.filter((pl.col("tstart") < time) & (pl.col("tstop") >= time), pl.col("from_state") == name)
            leaving = at_risk.filter(pl.col("tstop") == time)["to_state"]
            if at_risk.height:
                matrix[place] = [(leaving == to).sum() / at_risk.height for to in names]
                matrix[place, place] = 1 - matrix[place].sum()
                row = matrix[place]
                multinomial += state[place] ** 2 * (np.diag(row) - np.outer(row, row)) / at_risk.height
        covariance = matrix.T @ covariance @ matrix + multinomial
        state = state @ matrix
        here = greenwood.filter(pl.col("time") == time)
        np.testing.assert_allclose(here["probability"], state, atol=1e-12)
        np.testing.assert_allclose(here["se"], np.sqrt(np.maximum(np.diag(covariance), 0)), atol=1e-7)
        np.testing.assert_allclose(here["probability"].sum(), 1)
    assert_frame_equal(
        greenwood.select("time", "state", "probability"), jackknife.select("time", "state", "probability")
    )


@RUNS
@given(PATIENTS)
def test_with_one_transition_each_both_variances_are_that_of_cumulative_incidence(patients: list[Any]) -> None:
    rows = with_states(rows_of([(*patient[:2], 0.0, *patient[3:]) for patient in patients], delayed=False))
    assume(rows["cause"].max() > 0)
    expected = cumulative_incidence(rows, event="cause").table
    for variance in ("greenwood", "infinitesimal_jackknife"):
        found = multistate(rows, variance=variance).table
        for cause in expected["cause"].unique():
            ours = found.filter(pl.col("state") == f"cause {cause}")
            theirs = expected.filter(pl.col("cause") == cause)
            np.testing.assert_allclose(ours["probability"], theirs["cumulative_incidence"], atol=1e-12)
            np.testing.assert_allclose(ours["se"], theirs["se"], atol=1e-7)


@RUNS
@given(PATIENTS, st.integers(1, 6))
def test_the_risk_set_is_enough_where_it_says(patients: list[Any], minimum: int) -> None:
    rows = rows_of(patients)
    curves = simon_makuch(rows, min_at_risk=minimum)
    for group, begin, until, most in curves.enough_at_risk.iter_rows():
        state = rows.filter(pl.col("allo_hct") == group)
        spans = {
            quarter / 4: state.filter((pl.col("tstart") < quarter / 4) & (pl.col("tstop") >= quarter / 4)).height
            for quarter in range(1, 120)
        }
        assert max(spans.values()) == most
        enough = [time for time, n in spans.items() if n >= minimum]
        if not enough:
            assert (begin, until) == (None, None)
        else:  # times are on half days: counts between them are seen at the quarters
            assert begin < min(enough) <= begin + 0.25
            assert max(enough) == until


@RUNS
@given(PATIENTS, st.data())
def test_the_check_accepts_what_the_estimators_accept(patients: list[Any], data: st.DataObject) -> None:
    rows = rows_of(patients)
    damaged = data.draw(st.integers(0, rows.height - 1))
    change = data.draw(st.sampled_from(["tstart", "tstop"]))
    by = data.draw(st.integers(-4, 4).map(lambda halves: halves / 2))
    event = data.draw(st.booleans())
    number = pl.int_range(pl.len()) == damaged
    rows = rows.with_columns(
        pl.when(number).then(pl.col(change) + by).otherwise(change).alias(change),
        pl.when(number & event).then(1).otherwise("event").alias("event"),
    )
    if check_counting_process(rows).is_accepted:
        kaplan_meier(rows, by="allo_hct")
    else:
        with pytest.raises(InputError):
            kaplan_meier(rows, by="allo_hct")
