"""Are times drawn from piecewise-constant hazards those of the closed form?"""

from __future__ import annotations

import math

import numpy as np
import pytest

from blinreg.synthetic.model.hazards import Hazard
from blinreg.synthetic.streams import Draws, Stream
from blinreg.synthetic.studies.parameters import HazardParameters

PARAMETERS = HazardParameters(
    clock="response",
    cuts=(10.0, 100.0, 400.0),
    per_day=(0.0, 0.01, 0.002, 0.0),
    hazard_ratio={"tki": 0.5, "kmt2a": 2.0, "age_over_72": 0.0},
)
HAZARD = Hazard.of(PARAMETERS)


def test_cumulative_hazard_is_the_area_under_the_rates() -> None:
    # By hand: nothing to day 10, then 0.01 a day to day 100 (0.9), then 0.002 a day to day 400 (0.6).
    assert HAZARD.cumulative(np.array([5.0, 10.0, 60.0, 100.0, 250.0, 400.0, 9000.0])) == pytest.approx(
        [0.0, 0.0, 0.5, 0.9, 1.2, 1.5, 1.5]
    )


def test_time_spends_the_waiting_time() -> None:
    waiting = np.array([0.5, 0.9, 1.2, 1.5001])
    assert HAZARD.time(waiting, np.ones(4)) == pytest.approx([60.0, 100.0, 250.0, math.inf])
    assert HAZARD.time(waiting[:3], np.full(3, 2.0)) == pytest.approx([35.0, 55.0, 70.0])


def test_hazard_before_entry_is_not_spent() -> None:
    time = HAZARD.time(np.array([0.3, 0.3, 0.3]), np.ones(3), after=np.array([0.0, 50.0, 399.0]))
    assert time == pytest.approx([40.0, 80.0, math.inf])


def test_no_time_lies_in_a_piece_without_hazard() -> None:
    hazard = Hazard.of(
        HazardParameters(clock="index", cuts=(5.0, 10.0, 20.0), per_day=(0.1, 0.0, 0.1, 0.0), hazard_ratio={})
    )
    waiting = Draws((0, 1), Stream.DISEASE, np.arange(5000)).waiting()
    time = hazard.time(waiting, np.ones(5000))
    finite = time[np.isfinite(time)]
    assert not np.any((finite > 5) & (finite < 10))
    assert finite.max() <= 20
    assert np.isinf(time).mean() == pytest.approx(math.exp(-1.5), abs=0.02)


def test_ratio_multiplies_effects_and_can_be_never() -> None:
    covariates = {
        "tki": np.array([0.0, 1.0, 1.0, 0.0]),
        "kmt2a": np.array([0.0, 0.0, 1.0, 1.0]),
        "age_over_72": np.array([0.0, 0.0, 0.0, 1.0]),
    }
    ratio = HAZARD.ratio(covariates)
    assert ratio == pytest.approx([1.0, 0.5, 1.0, 0.0])
    assert math.isinf(HAZARD.time(np.array([1e-9]), ratio[3:])[0])


def test_drawn_times_have_the_survival_function_of_the_hazard() -> None:
    n = 200_000
    time = HAZARD.time(Draws((0, 2), Stream.DISEASE, np.arange(n)).waiting(), np.full(n, 0.7))
    for day in (30.0, 80.0, 150.0, 390.0):
        expected = math.exp(-0.7 * float(HAZARD.cumulative(np.array([day]))[0]))
        assert (time > day).mean() == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(n))


def test_rates_have_to_fit_the_cuts() -> None:
    with pytest.raises(ValueError, match="one rate more"):
        HazardParameters(clock="index", cuts=(1.0,), per_day=(0.1,), hazard_ratio={})
