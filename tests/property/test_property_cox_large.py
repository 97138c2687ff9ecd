"""Many rows: whatever the data, the batches, the threads and the order, the kernel's fit is numpy's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from blinreg.analyses import cox, inputs
from blinreg.analyses.compact import compact_numbers, distinct, distinct_places, join, ranks
from blinreg.analyses.cox_regression import chunks, data, reading
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.schemas.errors import AnalysisError

COVARIATES = ["age", "allo_hct"]


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Patients in one to three rows on days, half days or any times, with ties, gaps and late entry."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    unit = draw(st.sampled_from([1.0, 0.5, 0.1]))
    rows = []
    for patient in range(draw(st.integers(20, 60))):
        cuts = np.unique(rng.integers(0, 30, rng.integers(2, 5)))
        age, site = round(float(rng.normal(45, 15)), 1), int(rng.integers(0, 3))
        rows += [
            {
                "patient_id": patient,
                "tstart": float(low) * unit,
                "tstop": float(high) * unit,
                "event": int(rng.random() < 0.4),
                "age": age,
                "allo_hct": k,
                "site": site,
                "copies": float(rng.integers(1, 4)),
                "known": round(float(rng.normal()), 2),
            }
            for k, (low, high) in enumerate(pairwise(cuts.tolist()))
        ]
    return pl.DataFrame(rows)


@contextmanager
def many(*, chunk: int = 16, batch: int = 7, memory: int = 2**30) -> Iterator[None]:
    """Make every fit one of many rows."""
    with pytest.MonkeyPatch.context() as small:
        small.setattr(data, "KERNEL_ROWS", 1)
        small.setattr(chunks, "CHUNK_ROWS", chunk)
        small.setattr(inputs, "BATCH_ROWS", batch)
        small.setattr(reading, "MEMORY_BYTES", memory)
        yield


def numbers(result: CoxResult) -> NDArray[np.float64]:
    robust = [] if result.robust_variance is None else result.robust_variance.ravel()
    tests = [result.score_test.statistic, result.log_likelihood.null, result.log_likelihood.fitted]
    return np.concatenate([result.table["coef"].to_numpy(), result.variance.ravel(), robust, tests])


def fitted(rows: Any, **options: Any) -> CoxResult | str:
    try:
        return cox(rows, COVARIATES, **options)
    except AnalysisError as error:
        return str(error)


OPTIONS = st.fixed_dictionaries(
    {"ties": st.sampled_from(["efron", "breslow"])},
    optional={
        "strata": st.just(["site"]),
        "cluster": st.sampled_from(["patient_id", "site"]),
        "weights": st.just("copies"),
        "offset": st.just("known"),
    },
)


@settings(max_examples=40, deadline=None)
@given(cohorts(), OPTIONS, st.integers(1, 40), st.integers(0, 1000))
def test_the_kernel_is_numpy(rows: pl.DataFrame, options: dict[str, Any], chunk: int, seed: int) -> None:
    small = fitted(rows, **options)
    with many(chunk=chunk):
        large = fitted(rows, **options)
        shuffled = fitted(rows.sample(fraction=1.0, shuffle=True, seed=seed), threads=2, **options)
    if isinstance(small, str) or float(small.table["se"].max()) > 20:  # type: ignore[arg-type]
        return
    assert isinstance(large, CoxResult)
    assert isinstance(shuffled, CoxResult)
    assert_allclose(numbers(large), numbers(small), rtol=1e-8, atol=1e-9)
    assert_allclose(numbers(shuffled), numbers(small), rtol=1e-8, atol=1e-9)
    assert (large.n_subjects, large.n_clusters, large.notes) == (small.n_subjects, small.n_clusters, small.notes)
    assert (shuffled.n_subjects, shuffled.notes) == (small.n_subjects, small.notes)


@settings(max_examples=15, deadline=None)
@given(cohorts(), OPTIONS, st.integers(1, 30))
def test_batches_and_threads_change_nothing(rows: pl.DataFrame, options: dict[str, Any], batch: int) -> None:
    options.pop("cluster", None)
    with duckdb.connect() as connection:
        relation = connection.from_arrow(rows.to_arrow())
        with many(batch=batch):
            kept, again = (fitted(relation, threads=threads, **options) for threads in (1, 2))
        with many(batch=batch, memory=0):
            streamed, twice = (fitted(relation, threads=threads, **options) for threads in (1, 2))
    for one, other in ((kept, again), (streamed, twice)):
        if isinstance(one, CoxResult) and isinstance(other, CoxResult):
            assert numbers(one).tobytes() == numbers(other).tobytes()
        else:
            assert one == other
    if isinstance(kept, CoxResult) and float(kept.table["se"].max()) < 20:  # type: ignore[arg-type]
        assert isinstance(streamed, CoxResult)
        assert_allclose(numbers(streamed), numbers(kept), rtol=1e-8, atol=1e-9)


VALUES = st.one_of(
    st.lists(st.integers(0, 255)),
    st.lists(st.integers(-(2**40), 2**40)),
    st.lists(st.booleans()),
    st.lists(st.floats(allow_nan=False)),
    st.lists(st.floats(allow_nan=False, width=32)),
    st.lists(st.integers(-300, 300).map(float)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=3))
def test_compact_columns_hold_the_values_exactly(parts: list[list[Any]]) -> None:
    columns = [pl.Series(part, strict=False) if part else pl.Series([], dtype=pl.Int64) for part in parts]
    found = join([compact_numbers(column).values for column in columns])
    assert found.astype(np.float64).tolist() == [float(value) for part in parts for value in part]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1), st.lists(st.integers(-60, 60)), st.booleans())
def test_tables_are_searches(values: list[int], among: list[int], whole: bool) -> None:
    given_values = np.array(values, dtype=np.int16 if whole else np.float64)
    sorted_among = np.unique(np.array(among, dtype=np.float64))
    assert distinct(given_values).tolist() == sorted(set(values))
    for side in ("left", "right"):
        expected = np.searchsorted(sorted_among, given_values, side=side)  # type: ignore[call-overload]
        assert ranks(given_values, sorted_among, side=side).tolist() == expected.tolist()


@pytest.mark.parametrize("order", [1, -1])
def test_a_cohort_split_over_two_frames_is_the_cohort(order: int) -> None:
    rows = pl.DataFrame(
        {"patient_id": range(40), "tstop": [k % 9 + 1 for k in range(40)], "event": [k % 3 for k in range(40)]}
    ).with_columns(event=pl.col("event") == 1, age=pl.col("patient_id") * 7 % 11, allo_hct=pl.col("patient_id") % 2)
    halves = [rows.head(20), rows.tail(20)][::order]
    with many():
        first, second = (cox(given_rows, COVARIATES, start=None) for given_rows in (rows, pl.concat(halves)))
    assert_allclose(numbers(second), numbers(first), rtol=1e-10)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.one_of(st.integers(-50, 50), st.just(2**40)), min_size=1),
    st.sampled_from([1.0, 0.5, 0.1]),
    st.booleans(),
)
def test_places_are_those_of_sorting(values: list[int], step: float, whole: bool) -> None:
    given_values = np.array(values * 5, dtype=np.int64) if whole else np.array(values * 5, dtype=np.float64) * step
    found, place = distinct_places(given_values)
    expected, expected_place = np.unique(given_values, return_inverse=True)
    assert found.tolist() == expected.tolist()
    assert place.tolist() == expected_place.tolist()
