"""Sums over risk sets: by differences, by the tree, and by definition."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from blinreg.analyses import cox
from blinreg.analyses.cox_regression.grid import place
from blinreg.analyses.cox_regression.sums import Intervals, TreeIntervals, loses_digits


@st.composite
def grids(draw: st.DrawFn) -> Intervals:
    """Rows on a grid of one to four segments, each with an empty last slot."""
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    segments = np.concatenate([[0], np.cumsum(sizes)]).astype(np.intp)
    first, last = [], []
    for begin, end in pairwise(segments.tolist()):
        for _ in range(draw(st.integers(0, 6))):
            low = draw(st.integers(begin, end - 1))
            first.append(low)
            last.append(draw(st.integers(low, end - 1)))
    low, high = np.array(first, dtype=np.intp), np.array(last, dtype=np.intp)
    begins = segments[np.searchsorted(segments, low, side="right") - 1]
    return Intervals(low, high, np.flatnonzero(low > begins), segments)


@settings(max_examples=150, deadline=None)
@given(grids(), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 6.0]))
def test_both_ways_are_the_definition(grid: Intervals, seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    per_row = np.exp(spread * rng.normal(size=len(grid.first)))
    per_slot = np.exp(spread * rng.normal(size=grid.n_slots))
    inside = (grid.first[:, None] <= np.arange(grid.n_slots)) & (np.arange(grid.n_slots) < grid.last[:, None])
    slot_sums = [math.fsum(column) for column in (inside * per_row[:, None]).T]
    row_sums = [math.fsum(row) for row in inside * per_slot]
    tree = TreeIntervals(grid.first, grid.last, grid.segments)
    # The tree never subtracts, so every sum of positive numbers is right to its last digits.
    assert_allclose(tree.per_slot(per_row), slot_sums, rtol=1e-14)
    assert_allclose(tree.per_row(per_slot), row_sums, rtol=1e-14)
    # Differences are right relative to the largest sum.
    assert_allclose(grid.per_slot(per_row), slot_sums, atol=1e-13 * (1 + per_row.sum()))
    assert_allclose(grid.per_row(per_slot), row_sums, atol=1e-13 * (1 + per_slot.sum()))


def test_lost_digits_are_noticed() -> None:
    segments = np.array([0, 4], dtype=np.intp)
    assert loses_digits(np.array([1e-9, 5.0, 4.0, 0.0]), segments)
    assert loses_digits(np.array([-1e-17, 5.0, 4.0, 0.0]), segments)
    assert not loses_digits(np.array([5.0, 4.0, 1e-9, 0.0]), segments)
    assert not loses_digits(np.array([1e-9, 0.0, 4.0, 0.0]), np.array([0, 2, 4], dtype=np.intp))


def test_extreme_relative_risks_with_delayed_entry_keep_their_digits() -> None:
    """Early risk sets 1e13 times lighter than later ones: plain differences have no digit left of them."""
    rng = np.random.default_rng(8)
    n = 40
    late = np.arange(n) >= n // 2
    start = np.where(late, 20, 0)
    rows = pl.DataFrame(
        {
            "patient_id": np.arange(n),
            "tstart": start,
            "tstop": start + rng.integers(1, 15, n),
            "event": (rng.random(n) < 0.7).astype(int),
            "age": rng.normal(size=n),
            "era": late.astype(int),
            "known": np.where(late, 30.0, 0.0),
        }
    )
    # No early risk set meets a late one, so the strata say the same without the extreme.
    extreme = cox(rows, ["age"], offset="known")
    stratified = cox(rows, ["age"], strata=["era"])
    assert_allclose(extreme.table["coef"], stratified.table["coef"], rtol=1e-10)
    assert_allclose(extreme.variance, stratified.variance, rtol=1e-10)
    assert_allclose(extreme.log_likelihood.fitted, stratified.log_likelihood.fitted, rtol=1e-12)


def test_rows_never_at_risk_at_an_event_are_left_out_of_the_sums() -> None:
    rows = place(
        start=np.array([0.0, 2.0, 5.0]),
        stop=np.array([2.0, 4.5, 6.0]),
        event=np.array([True, False, True]),
        x=np.array([[1.0], [2.0], [4.0]]),
        stratum=np.zeros(3, dtype=np.intp),
        weight=np.ones(3),
        offset=np.zeros(3),
    )
    assert rows.position.tolist() == [0, 2]
    assert rows.slot_time[:2].tolist() == [2.0, 6.0]
    assert np.isnan(rows.slot_time[2])
