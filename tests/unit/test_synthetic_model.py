"""Do the parts of the synthetic cohort do what they say: parameters, streams, hazards, plan?"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from importlib import resources

import pytest

from blinreg.schemas.errors import UsageError
from blinreg.synthetic.draws import Curve, Draws, Stream, Weights
from blinreg.synthetic.hazards import Hazard
from blinreg.synthetic.parameters import load_parameters
from blinreg.synthetic.plan import plan
from blinreg.synthetic.simulation import simulate

PARAMETERS = load_parameters("realworld-2020")


def hazard(*, cuts: tuple[float, ...] = (10.0, 20.0), per_day: tuple[float, ...] = (0.1, 0.0, 0.05)) -> Hazard:
    return Hazard(clock="test", cuts=cuts, per_day=per_day, log_hazard_ratio={"kmt2a": math.log(2), "tki": -math.inf})


def test_time_spends_the_cumulative_hazard() -> None:
    # 0.5 is spent at 0.1 a day on day 5; 1 is all there is before day 20, the rest comes at 0.05 a day.
    assert hazard().time(0.5) == pytest.approx(5)
    assert hazard().time(1.5) == pytest.approx(30)
    assert hazard().time(1.5, ratio=2.0) == pytest.approx(7.5)
    assert hazard().time(0.5, after=5.0) == pytest.approx(10)
    assert hazard().time(0.5, after=25.0) == pytest.approx(35)


def test_a_hazard_that_ends_may_never_happen() -> None:
    ends = hazard(cuts=(10.0,), per_day=(0.1, 0.0))
    assert ends.time(0.99) < 10
    assert ends.time(1.01) == math.inf


def test_ratio_multiplies_what_the_patient_has() -> None:
    assert hazard().ratio({"kmt2a": 0.0, "tki": 0.0}) == 1
    assert hazard().ratio({"kmt2a": 1.0, "tki": 0.0}) == pytest.approx(2)
    assert hazard().ratio({"kmt2a": 1.0, "tki": 1.0}) == 0


def test_times_follow_the_survival_curve() -> None:
    draws = Draws((0, 1), Stream.DISEASE, 0)
    times = [hazard().time(draws.waiting()) for _ in range(20_000)]
    alive_at_5 = sum(time > 5 for time in times) / len(times)
    alive_at_40 = sum(time > 40 for time in times) / len(times)
    assert alive_at_5 == pytest.approx(math.exp(-0.5), abs=0.015)
    assert alive_at_40 == pytest.approx(math.exp(-2), abs=0.015)


def test_hazards_in_the_file_name_known_covariates_and_fit() -> None:
    given = {"clock": "x", "cuts": [1], "per_day": [0.1, 0.2], "hazard_ratio": {"tki": 0.5}}
    assert Hazard.of(given).log_hazard_ratio["tki"] == pytest.approx(math.log(0.5))
    with pytest.raises(ValueError, match="unknown covariates"):
        Hazard.of({**given, "hazard_ratio": {"karnofsky": 2}})
    with pytest.raises(ValueError, match="rates do not fit"):
        Hazard.of({**given, "per_day": [0.1]})


def test_unknown_study_gives_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="no synthetic study is called 'realword-2020'; did you mean realworld-2020"):
        load_parameters("realword-2020")


def test_every_parameter_says_where_it_comes_from() -> None:
    """On its own line, or in a comment above the entries in which the key recurs."""
    text = resources.files("blinreg.synthetic").joinpath("realworld_2020.toml").read_text(encoding="utf-8")
    comments = " ".join(line for line in text.splitlines() if line.startswith("#"))
    assigned = [line for line in text.splitlines() if re.match(r"\w+ = .*[0-9]", line) and '= "' not in line]
    assert len(assigned) > 150
    for line in assigned:
        key, _, value = line.partition(" = ")
        is_commented = "#" in value
        assert is_commented or re.search(rf"\b{key}\b", comments), key


def test_sites_must_add_up() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        replace(PARAMETERS, site=PARAMETERS.site[:-1])


def test_streams_do_not_touch_each_other() -> None:
    first = [Draws((35, 2020), stream, number).uniform() for stream in Stream for number in range(50)]
    assert len(set(first)) == len(first)


def test_weights_and_curve() -> None:
    draws = Draws((0, 3), Stream.BASELINE, 0)
    weights = Weights.of({"a": 3, "b": 1, "never": 0})
    counted = Counter(draws.choice(weights) for _ in range(8000))
    assert set(counted) == {"a", "b"}
    assert counted["a"] / 8000 == pytest.approx(0.75, abs=0.02)
    curve = Curve(((0.0, 10.0), (0.5, 20.0), (1.0, 100.0)))
    assert [curve.at(probability) for probability in (0.0, 0.25, 0.5, 1.0)] == [10, 15, 20, 100]


def test_whole_includes_both_ends() -> None:
    draws = Draws((0, 4), Stream.BASELINE, 0)
    assert {draws.whole(3, 5) for _ in range(300)} == {3, 4, 5}
    assert draws.whole(3, 1) == 3


@pytest.mark.parametrize("seed", [0, 2020])
def test_counts_by_design_are_exact(seed: int) -> None:
    places = plan(PARAMETERS, seed, 0)
    sizes = Counter(place.site.id for place in places)
    assert sizes == {site.id: site.n_patients for site in PARAMETERS.site}
    assert sum(place.is_mrd_indication for place in places) == 12
    left_out = Counter(category for place in places for category in place.not_evaluable)
    # The printed denominators are 236, 236 and 238 of 239.
    assert left_out == {"crs": 3, "neurotoxicity": 3, "hepatotoxicity": 1}
    assert places != plan(PARAMETERS, seed + 1, 0)
    assert places != plan(PARAMETERS, seed, 1)


def test_a_patient_does_not_depend_on_the_others() -> None:
    together = list(simulate(PARAMETERS, 11, range(260)))
    assert list(simulate(PARAMETERS, 11, [250, 3, 77])) == [together[250], together[3], together[77]]
    assert next(simulate(PARAMETERS, 12, [3])) != together[3]
