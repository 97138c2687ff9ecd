"""Are random numbers those of the patient and the purpose, and of the shape that was asked for?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from blinreg.synthetic.streams import Curve, Draws, Stream, Weights

MANY = np.arange(20_000, dtype=np.int64)


def draws(stream: Stream = Stream.BASELINE, numbers: NDArray[np.int64] = MANY, seed: int = 3) -> Draws:
    return Draws((0, seed), stream, numbers)


def test_streams_do_not_touch_each_other() -> None:
    first = [draws(stream, np.arange(50), seed).uniform() for stream in Stream for seed in (2020, 2021)]
    values = np.concatenate(first)
    assert len(np.unique(values)) == len(values)


def test_a_patient_does_not_depend_on_the_others() -> None:
    together, some = draws(numbers=np.arange(260)), draws(numbers=np.array([250, 3, 77]))
    for _ in range(3):
        assert some.uniform().tolist() == together.uniform()[[250, 3, 77]].tolist()


def test_rows_of_a_patient_do_not_depend_on_the_others() -> None:
    patient, row = np.array([0, 0, 1, 2]), np.array([0, 1, 0, 7])
    together = draws(numbers=np.array([4, 5, 6])).of_rows(patient, row)
    alone = draws(numbers=np.array([6])).of_rows(np.array([0]), np.array([7]))
    for _ in range(3):
        values = together.uniform()
        assert len(np.unique(values)) == 4
        assert alone.uniform()[0] == values[3]


def test_numbers_are_what_they_were() -> None:
    """The numbers are part of a seed's meaning; a change here changes every cohort."""
    found = draws(numbers=np.array([0, 1, 10**9]), seed=2**63 - 1).uniform().tolist()
    assert found == [0.22741965383632268, 0.18980945625045686, 0.26257828569298947]


def test_uniform_is_uniform_and_successive_draws_are_not_related() -> None:
    one = draws()
    first, second = one.uniform(), one.uniform()
    assert np.histogram(first, bins=10, range=(0, 1))[0] == pytest.approx(np.full(10, 2_000), abs=200)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.03
    assert abs(np.corrcoef(first, draws(Stream.DISEASE).uniform())[0, 1]) < 0.03


def test_weights_and_curve() -> None:
    drawn = draws().choice(Weights.of({"a": 3, "b": 1, "never": 0}))
    assert set(drawn.tolist()) == {0, 1}
    assert (drawn == 0).mean() == pytest.approx(0.75, abs=0.02)
    curve = Curve(((0.0, 10.0), (0.5, 20.0), (1.0, 100.0)))
    assert [float(curve.at(probability)) for probability in (0.0, 0.25, 0.5, 1.0)] == [10, 15, 20, 100]
    assert float(np.median(draws().value(curve))) == pytest.approx(20, abs=0.5)


def test_whole_includes_both_ends() -> None:
    assert set(draws().whole(3, 5).tolist()) == {3, 4, 5}
    assert set(draws().whole(3, 1).tolist()) == {3}


def test_chance_and_waiting_time() -> None:
    assert draws().chance(0.3).mean() == pytest.approx(0.3, abs=0.015)
    waiting = draws().waiting()
    assert (waiting > 0.5).mean() == pytest.approx(np.exp(-0.5), abs=0.015)
    assert (waiting > 2).mean() == pytest.approx(np.exp(-2), abs=0.015)
