"""Is a patient of the model the same, whatever the chunks, their order, the number of patients and of threads?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blinreg.synthetic.courses import Courses, impossible_orders
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.studies import load_study

STUDY = load_study("realworld-2020")
N = 400


def drawn(seed: int, numbers: list[int] | range) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    courses, placement = draw_courses(STUDY, seed, np.array(numbers, dtype=np.int64))
    places = zip(placement.site.tolist(), placement.index_date.astype(str).tolist(), strict=True)
    return courses.frame, list(places)


@pytest.fixture(scope="module")
def everybody() -> dict[int, tuple[pl.DataFrame, list[tuple[int, str]]]]:
    return {seed: drawn(seed, range(N)) for seed in (0, 7)}


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(st.integers(0, N - 1), min_size=1, max_size=60, unique=True),
    seed=st.sampled_from([0, 7]),
)
def test_a_patient_depends_on_seed_and_number_only(
    everybody: dict[int, tuple[pl.DataFrame, list[tuple[int, str]]]], numbers: list[int], seed: int
) -> None:
    frame, places = drawn(seed, numbers)
    all_frames, all_places = everybody[seed]
    assert frame.equals(all_frames[numbers])
    assert places == [all_places[number] for number in numbers]


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(1, N - 1), max_size=6, unique=True),
    threads=st.integers(1, 4),
)
def test_chunks_and_threads_change_nothing(
    everybody: dict[int, tuple[pl.DataFrame, list[tuple[int, str]]]], cuts: list[int], threads: int
) -> None:
    bounds = [0, *sorted(cuts), N]
    chunks = [range(first, last) for first, last in pairwise(bounds)]
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda chunk: drawn(7, chunk), chunks))
    frame, places = everybody[7]
    assert pl.concat([part for part, _ in parts]).equals(frame)
    assert [place for _, part in parts for place in part] == places


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31), first=st.integers(0, 2**40))
def test_no_order_of_events_is_impossible(seed: int, first: int) -> None:
    frame, _ = drawn(seed, range(first, first + 300))
    assert impossible_orders(Courses(frame)) == {}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_another_seed_is_another_cohort(seed: int) -> None:
    here, there = drawn(seed, range(50))[0], drawn(seed + 1, range(50))[0]
    assert not here["age_years"].equals(there["age_years"])
    assert not here["end_day"].equals(there["end_day"])
