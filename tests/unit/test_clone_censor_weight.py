"""Is clone, censor, weight right: by hand, against the truth of a simulator, and in what it refuses?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import clone_censor_weight, kaplan_meier
from blinreg.schemas.errors import AnalysisError, InputError

GRACE, STEP, HORIZON = 60, 20, 365
#: Daily probabilities of exposure, of the event before it and of the event after it, by fitness.
FIT, FRAIL = 1, 0
World = Mapping[int, tuple[float, float, float]]
HELPS: World = {FIT: (0.03, 0.002, 0.001), FRAIL: (0.008, 0.010, 0.006)}
DOES_NOTHING: World = {FIT: (0.03, 0.001, 0.001), FRAIL: (0.006, 0.012, 0.012)}
QUIET = {"start": None, "replicates": 0}


def drawn(world: World, n: int) -> pl.DataFrame:
    """Draw patients: decided upon at the end of day 0, event or not on day 1, decided upon at its end, and so on."""
    rng = np.random.default_rng(20)
    fit = (rng.random(n) < 0.5).astype(int)
    exposure, before, after = (np.array([world[FRAIL][i], world[FIT][i]])[fit] for i in range(3))
    day = rng.geometric(exposure) - 1
    unexposed = rng.geometric(before)
    stop = np.where(day < unexposed, day + rng.geometric(after), unexposed)
    last = rng.integers(200, 1000, n)
    frame = pl.DataFrame({"fit": fit, "day": day, "event": stop <= last, "tstop": np.minimum(stop, last)})
    is_seen = pl.col("day") < pl.col("tstop")
    return frame.with_columns(pl.when(is_seen).then("day").alias("exposure_days")).with_row_index("patient_id")


def truth(world: World, *, is_exposed: bool, step: int = STEP) -> float:
    """Survival if the strategy is imposed on everybody: day by day, without any draw."""
    survival = 0.0
    first = GRACE - step + 1 if step < GRACE else 0
    for exposure, before, after in world.values():
        unexposed, exposed = 1.0, 0.0
        for day in range(HORIZON):
            chance = exposure
            if is_exposed and first <= day <= GRACE:
                # Exposure in the last step is certain; its day is drawn as nature draws it.
                chance = exposure / (1 - (1 - exposure) ** (GRACE + 1 - day))
            elif not is_exposed and day <= GRACE:
                chance = 0.0
            exposed, unexposed = exposed + unexposed * chance, unexposed * (1 - chance)
            exposed, unexposed = exposed * (1 - after), unexposed * (1 - before)
        survival += 0.5 * (unexposed + exposed)
    return survival


def survival_of(rows: pl.DataFrame, covariates: list[str], **options: Any) -> tuple[float, float]:
    given = QUIET | {"grace": GRACE, "step": STEP, "times": [HORIZON]} | options
    return clone_censor_weight(rows, covariates, **given).table.select("exposed", "not_exposed").row(0)


@pytest.mark.parametrize("step", [STEP, GRACE])
def test_it_finds_the_truth_of_a_simulator(step: int) -> None:
    expected = (truth(HELPS, is_exposed=True, step=step), truth(HELPS, is_exposed=False))

    # Standard errors are 0.006 at most.
    assert survival_of(drawn(HELPS, 40_000), ["fit"], step=step) == pytest.approx(expected, abs=0.015)


def test_no_effect_is_found_where_there_is_none_and_others_find_one() -> None:
    rows = drawn(DOES_NOTHING, 40_000)
    expected = truth(DOES_NOTHING, is_exposed=True)
    assert expected == pytest.approx(truth(DOES_NOTHING, is_exposed=False))

    exposed, not_exposed = survival_of(rows, ["fit"])
    ever = rows.with_columns(pl.col("exposure_days").is_not_null().alias("ever"))
    naive = kaplan_meier(ever, by="ever", start=None).at([HORIZON])["survival"]
    # Cloned and censored without a model of who is exposed.
    crude, crude_not = survival_of(rows, [])

    assert (exposed, not_exposed) == pytest.approx((expected, expected), abs=0.015)
    assert naive[1] - naive[0] > 0.4
    assert crude - crude_not > 0.1


def by_hand() -> pl.DataFrame:
    """Six patients, grace of 4 days in steps of 2: exposed on days 1 and 3, never, and one who dies that day."""
    return pl.DataFrame(
        {
            "patient_id": [1, 2, 3, 4, 5, 6],
            "tstop": [10.0, 12.0, 20.0, 3.0, 15.0, 4.0],
            "event": [1, 0, 1, 1, 1, 0],
            "exposure_days": [1.0, 3.0, None, 3.0, None, None],
        }
    )


def test_a_few_patients_by_hand() -> None:
    found = clone_censor_weight(by_hand(), grace=4, step=2, times=[3, 10, 15], tau=10, **QUIET)

    # Decisions of days 0 to 2: six patients, one exposed on day 1: 2 + 5 * 3 = 17 days, so 1/17 a day. Of days 3
    # and 4: patient 4 dies on day 3 and is not decided upon; 2 is exposed on day 3; 3 and 5 on both days, 6 on
    # day 3 only, for its follow-up ends on day 4: 1 + 2 + 2 + 1 = 6 days, one exposure.
    assert found.steps.rows() == [(0, 2, 6, 1), (3, 4, 4, 1)]
    assert found.model["odds_ratio"].to_list() == pytest.approx([1 / 16, 1 / 5])
    curves = {name: part for (name,), part in found.curves.group_by("group", maintain_order=True)}
    # Not exposed, all weights alike. Day 3: 1 of 5; day 4: nobody of 3; day 15: 1 of 2; day 20: the last.
    without = curves["not exposed"]
    assert without.select("time", "n_at_risk", "n_events", "n_censored", "n_left").rows() == [
        (1.0, 6, 0, 0, 1),
        (3.0, 5, 1, 0, 1),
        (4.0, 3, 0, 1, 0),
        (10.0, 2, 0, 0, 0),
        (12.0, 2, 0, 0, 0),
        (15.0, 2, 1, 0, 0),
        (20.0, 1, 1, 0, 0),
    ]
    assert without["survival"].to_list() == pytest.approx([1.0, 0.8, 0.8, 0.8, 0.8, 0.4, 0.0])
    # To be exposed. Day 3: all weigh 1, 1 of 6 dies. P(exposed on day 3 or 4) = 1 - (5/6)^2 = 11/36: patient 2
    # weighs 36/11 from then on; those left after day 3 (1/6) / (11/36) = 6/11; 1 always weighs 1.
    exposed = curves["exposed"]
    assert exposed["time"].to_list() == [1, 3, 4, 10, 12]
    assert exposed["weighted_at_risk"].to_list() == pytest.approx(
        [6, 6, 1 + 36 / 11 + 3 * 6 / 11, 1 + 36 / 11, 36 / 11]
    )
    at_ten = 5 / 6 * (1 - 11 / 47)
    assert found.table["exposed"].to_list()[:2] == pytest.approx([5 / 6, at_ten])
    # Of the exposed nobody is followed to day 15, so that nothing can be said of it.
    assert found.table.row(2)[2] is None
    assert found.table.row(3, named=True)["exposed"] == pytest.approx(3 + 7 * 5 / 6)
    assert found.table.row(3, named=True)["not_exposed"] == pytest.approx(3 + 7 * 0.8)
    assert found.table["ratio"][0] == pytest.approx((1 / 6) / (1 / 5))
    strategies = {row["strategy"]: row for row in found.strategies.iter_rows(named=True)}
    assert strategies["exposed"] == {
        "strategy": "exposed",
        "n_clones": 6,
        "n_events": 2,
        "n_artificially_censored": 2,
        "n_after_grace": 2,
        "effective_sample_size": pytest.approx((47 / 11) ** 2 / (1 + (36 / 11) ** 2)),
        "largest_weight": pytest.approx(36 / 11),
    }
    assert strategies["not exposed"]["n_artificially_censored"] == 2
    assert strategies["not exposed"]["largest_weight"] == pytest.approx((17 / 16) ** 3 * (6 / 5) ** 2)
    assert "until day 2 patients do as they do; whoever is left is exposed from day 3 to day 4" in found.notes[0]
    assert found.notes[1].startswith("Only 1 patient was exposed from day 3 to day 4")
    assert found.table["difference_lower"].null_count() == 4


def test_exposure_on_the_last_day_of_follow_up_does_not_count() -> None:
    rows = by_hand()
    never = rows.with_columns(pl.when(pl.col("patient_id") != 4).then("exposure_days").alias("exposure_days"))

    options = QUIET | {"grace": 4, "step": 2, "times": [3, 10]}
    assert clone_censor_weight(rows, **options).table.equals(clone_censor_weight(never, **options).table)


@pytest.fixture(scope="module")
def some() -> pl.DataFrame:
    """A hundred patients, with another covariate."""
    rows = drawn(HELPS, 100)
    return rows.with_columns(pl.Series("site", ["a", "b", "c", "d"] * 25))


def test_limits_are_drawn_from_the_seed_alone(some: pl.DataFrame) -> None:
    options: dict[str, Any] = {"grace": 60, "step": 30, "times": [180], "tau": 180, "start": None, "replicates": 60}
    found = clone_censor_weight(some, ["fit", "site"], **options)
    again = clone_censor_weight(some.sample(fraction=1, shuffle=True, seed=1), ["fit", "site"], **options)
    other = clone_censor_weight(some, ["fit", "site"], seed=2, **options)

    assert found.table.equals(again.table)
    assert found.table["difference"].equals(other.table["difference"])
    assert not found.table["difference_lower"].equals(other.table["difference_lower"])
    for name in ("exposed", "not_exposed", "difference", "ratio"):
        assert (found.table[name + "_lower"] <= found.table[name]).all()
        assert (found.table[name] <= found.table[name + "_upper"]).all()
    assert (found.n, found.replicates, found.n_used, found.seed) == (100, 60, 60, 1)
    assert found.model["term"].to_list()[2:] == ["fit", "site[b]", "site[c]", "site[d]"]
    assert found.plot(axis_unit="months").get_xlabel() == "Time (months)"


def test_a_resample_that_lacks_a_level_still_counts(some: pl.DataFrame) -> None:
    rare = some.with_columns(pl.when(pl.col("patient_id").is_in([1, 2, 3])).then(1).otherwise(0).alias("rare"))
    is_exposed = rare.filter(pl.col("rare") == 1)["exposure_days"].is_not_null()
    assert is_exposed.any()

    found = clone_censor_weight(rare, ["rare"], grace=60, step=30, times=[180], start=None, replicates=40)

    assert found.n_used == 40
    assert found.table["difference_lower"][0] is not None


REFUSED: Mapping[str, tuple[dict[str, Any], str]] = {
    "a step that does not divide": ({"grace": 60, "step": 25}, "grace=60 is not a whole number of steps of 25 days"),
    "no exposure in the last step": ({"grace": 6, "step": 2}, "nobody is exposed from day 5 to day 6, so that nobody"),
    "all exposed or gone": ({"grace": 20, "step": 20}, "nobody is followed unexposed after day 20"),
    "tau beyond follow-up": (
        {"tau": 18},
        "tau=18 is not within the follow-up of both strategies, which ends on day 12",
    ),
    "time before the origin": ({"times": [-1]}, "times must not be before the origin"),
    "a confidence level in percent": ({"conf_level": 95}, "conf_level must be a share"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    options, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        clone_censor_weight(by_hand(), **(QUIET | {"grace": 4, "step": 2} | options))
    assert message in str(caught.value)


ROWS: Mapping[str, tuple[pl.Expr, str]] = {
    "delayed entry": (pl.lit(1.0).alias("tstart"), "6 of 6 patients come under observation after the origin"),
    "two rows of a patient": (pl.lit(1).alias("patient_id"), "rows of one subject must not overlap"),
    "half a day": (pl.col("exposure_days") + 0.5, "must be a whole day from 0 on: 3 of 6 are not"),
    "before the origin": (pl.col("exposure_days") - 2, "must be a whole day from 0 on: 1 of 6 are not"),
    "a date": (pl.lit("2020-01-01").alias("exposure_days"), "the day of exposure must be a number"),
}


@pytest.mark.parametrize("name", ROWS)
def test_refused_rows(name: str) -> None:
    change, message = ROWS[name]
    rows = by_hand().with_columns(pl.lit(0.0).alias("tstart")).with_columns(change)
    with pytest.raises(InputError) as caught:
        clone_censor_weight(rows, grace=4, step=2, replicates=0)
    assert message in str(caught.value)


def test_rows_that_follow_each_other_are_refused_too() -> None:
    cut = pl.DataFrame(
        {"patient_id": [1, 1], "tstart": [0, 5], "tstop": [5, 9], "event": [0, 1], "exposure_days": [5.0, 5.0]}
    )
    with pytest.raises(InputError, match="2 rows are of 1 patients: a patient has one row here"):
        clone_censor_weight(cut, grace=4, step=2, replicates=0)


def test_a_covariate_that_tells_who_is_exposed_is_named(some: pl.DataFrame) -> None:
    early = (pl.col("exposure_days") <= 60).fill_null(value=False)
    rows = some.with_columns(early.cast(pl.Int64).alias("planned"))
    with pytest.raises(AnalysisError, match=r"the estimate of planned is infinite \(separation\)"):
        clone_censor_weight(rows, ["planned"], grace=60, step=30, **QUIET)


def test_too_few_resamples_are_no_limits() -> None:
    with pytest.raises(AnalysisError, match="of 50 resamples have nobody in one of the strategies"):
        clone_censor_weight(by_hand(), grace=4, step=2, start=None, replicates=50)


def test_missing_covariates_are_refused_or_counted(some: pl.DataFrame) -> None:
    gaps = some.with_columns(pl.when(pl.col("patient_id") > 4).then("fit").alias("fit"))
    options: dict[str, Any] = QUIET | {"grace": 60, "step": 30}
    with pytest.raises(InputError, match="values are missing in 5 of 100 rows"):
        clone_censor_weight(gaps, ["fit"], **options)

    found = clone_censor_weight(gaps, ["fit"], missing="complete_case", **options)
    assert (found.n, found.n_missing) == (95, 5)
