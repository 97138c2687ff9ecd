"""What must hold for Gray's test and the Fine-Gray model on any data."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import numpy as np
import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from blinreg.analyses import cox, cumulative_incidence, fine_gray, fine_gray_rows, gray, log_rank
from blinreg.schemas.errors import BlinregError, InputError

RUNS = settings(max_examples=50, deadline=None)
SUBJECT = st.tuples(
    st.integers(1, 20).map(lambda halves: halves / 2),  # length of follow-up
    st.integers(0, 2),  # 0 censored, else the cause
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["north", "south"]),
    st.integers(0, 9).map(lambda tenths: tenths / 10),  # a covariate
    st.integers(0, 6).map(lambda halves: halves / 2),  # entry
)
SUBJECTS = st.lists(SUBJECT, min_size=6, max_size=30)
Subjects = list[tuple[Any, ...]]


def cohort(subjects: Subjects, *, entry: bool = False, competing: bool = True) -> pl.DataFrame:
    rows = pl.DataFrame(
        [(number, *subject) for number, subject in enumerate(subjects)],
        schema=["patient_id", "length", "event", "arm", "centre", "x", "tstart"],
        orient="row",
    )
    if not entry:
        rows = rows.with_columns(tstart=pl.lit(0.0))
    if not competing:
        rows = rows.with_columns(event=(pl.col("event") == 1).cast(pl.Int64))
    return rows.with_columns(tstop=pl.col("tstart") + pl.col("length"))


def shuffled(rows: pl.DataFrame, random: Any) -> pl.DataFrame:
    order = list(range(rows.height))
    random.shuffle(order)
    names = [f"patient {number}" for number in range(rows.height)]
    random.shuffle(names)
    return rows.with_columns(patient_id=pl.Series(names))[order]


def split(rows: pl.DataFrame, day: float) -> pl.DataFrame:
    spans = (pl.col("tstart") < day) & (pl.col("tstop") > day)
    return pl.concat(
        [
            rows.filter(~spans),
            rows.filter(spans).with_columns(tstop=pl.lit(day), event=pl.lit(0, dtype=pl.Int64)),
            rows.filter(spans).with_columns(tstart=pl.lit(day)),
        ]
    )


def comparable(rows: pl.DataFrame) -> bool:
    return bool((rows["event"] == 1).any()) and rows["arm"].n_unique() > 1


def same_test(found: Any, expected: Any) -> None:
    assert found.df == expected.df
    if expected.chi_squared is not None:
        assert_allclose(found.chi_squared, expected.chi_squared, rtol=1e-7, atol=1e-9)


@RUNS
@given(SUBJECTS, st.randoms(use_true_random=False), st.sampled_from([0.0, 1.0, 2.0]))
def test_gray_does_not_depend_on_order_or_names(subjects: Subjects, random: Any, rho: float) -> None:
    rows = cohort(subjects)
    assume(comparable(rows))
    expected = gray(rows, "arm", strata=["centre"], rho=rho)
    found = gray(shuffled(rows, random), "arm", strata=["centre"], rho=rho)
    assert_allclose(found.score, expected.score, rtol=1e-12, atol=1e-12)
    same_test(found, expected)


@RUNS
@given(SUBJECTS)
def test_gray_does_not_depend_on_which_group_comes_last(subjects: Subjects) -> None:
    """The groups enter alike: under every naming the score of a group is the same, and so is the test."""
    rows = cohort(subjects)
    assume(comparable(rows))
    expected = gray(rows, "arm")
    assert_allclose(expected.score.sum(), 0, atol=1e-9)
    for names in permutations("abc"):
        renamed = rows.with_columns(arm=pl.col("arm").replace(dict(zip("abc", names, strict=True))))
        found = gray(renamed, "arm")
        back = dict(zip(names, "abc", strict=True))
        score = dict(zip(map(back.get, found.table["group"]), found.table["score"], strict=True))
        assert_allclose([score[group] for group in expected.table["group"]], expected.score, atol=1e-9)
        same_test(found, expected)


@RUNS
@given(SUBJECTS)
def test_without_competing_events_the_score_of_gray_is_the_log_rank_test_s(subjects: Subjects) -> None:
    rows = cohort(subjects, competing=False)
    assume(comparable(rows))
    for strata in ([], ["centre"]):
        test = log_rank(rows, "arm", strata=strata)
        assert_allclose(gray(rows, "arm", strata=strata).score, test.observed - test.expected, atol=1e-9)


@RUNS
@given(SUBJECTS, st.integers(1, 18).map(lambda halves: halves / 2))
def test_splitting_rows_changes_nothing(subjects: Subjects, day: float) -> None:
    rows = cohort(subjects)
    assume(comparable(rows))
    pieces = split(rows, day)
    assert_allclose(gray(pieces, "arm").score, gray(rows, "arm").score, atol=1e-12)
    late = cohort(subjects, entry=True)
    whole, cut = weighted_risk_set(late), weighted_risk_set(split(late, day))
    if whole is not None:
        assert cut is not None
        assert_allclose(cut, whole, rtol=1e-10)


def weighted_risk_set(rows: pl.DataFrame) -> list[tuple[float, float]] | None:
    """The weighted size and sum of x of the risk set at each event time; None where no weight exists."""
    try:
        made = fine_gray_rows(rows, ["x"])
    except InputError:
        return None
    sums = []
    for time in made.filter(pl.col("fg_event") == 1)["fg_stop"].unique().sort():
        at_risk = made.filter((pl.col("fg_start") < time) & (pl.col("fg_stop") >= time))
        sums.append((float(at_risk["fg_weight"].sum()), float((at_risk["fg_weight"] * at_risk["x"]).sum())))
    return sums


@RUNS
@given(SUBJECTS)
def test_the_weighted_rows_give_back_the_cumulative_incidence(subjects: Subjects) -> None:
    """A weighted product-limit estimate on them is 1 - F (Geskus, Biometrics 2011;67:39-49)."""
    rows = cohort(subjects)
    assume(comparable(rows))
    made = fine_gray_rows(rows)
    estimate = cumulative_incidence(rows)
    free = 1.0
    for time in made.filter(pl.col("fg_event") == 1)["fg_stop"].unique().sort():
        at_risk = made.filter((pl.col("fg_start") < time) & (pl.col("fg_stop") >= time))
        events = at_risk.filter((pl.col("fg_stop") == time) & (pl.col("fg_event") == 1)).height
        free *= 1 - events / float(at_risk["fg_weight"].sum())
        curve = estimate.at([time]).filter(pl.col("cause") == 1)
        assert_allclose(curve["cumulative_incidence"][0], 1 - free, atol=1e-9)


@RUNS
@given(SUBJECTS, st.booleans())
def test_without_competing_events_fine_gray_is_cox(subjects: Subjects, entry: bool) -> None:
    rows = cohort(subjects, entry=entry, competing=False)
    assume(comparable(rows))
    try:
        expected = cox(rows, ["x"], cluster="patient_id", strata=["centre"])
    except BlinregError as error:
        with np.testing.assert_raises(type(error)):
            fine_gray(rows, ["x"], strata=["centre"])
        return
    found = fine_gray(rows, ["x"], strata=["centre"])
    assert found.largest_weight == 1
    assert found.n_weighted_rows == rows.height
    ours = found.table.rename({"subdistribution_hazard_ratio": "hazard_ratio"}).drop("term").to_numpy()
    assert_allclose(ours, expected.table.drop("term").to_numpy(), rtol=1e-9, atol=1e-9)


@RUNS
@given(SUBJECTS, st.randoms(use_true_random=False))
def test_fine_gray_does_not_depend_on_order_or_names(subjects: Subjects, random: Any) -> None:
    rows = cohort(subjects, entry=True)
    assume(comparable(rows))
    try:
        expected = fine_gray(rows, ["x"])
    except BlinregError:
        assume(False)
    found = fine_gray(shuffled(rows, random), ["x"])
    assert_allclose(found.table["coef"], expected.table["coef"], rtol=1e-7, atol=1e-8)
    assert_allclose(found.table["robust_se"], expected.table["robust_se"], rtol=1e-6, atol=1e-8)
