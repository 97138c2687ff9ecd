"""Do the compiled statistics of the calibration give what the analyses give?"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import cox, kaplan_meier, log_rank, mantel_byar
from blinreg.synthetic.calibration import kernels
from blinreg.synthetic.courses import NEVER

SEEDS = range(6)


class Cohort:
    """Random patients with tied days, an exposure that begins later for some, and covariates."""

    def __init__(self, seed: int, n: int = 120, longest: int = 90) -> None:
        random = np.random.default_rng(seed)
        self.end = random.integers(2, longest, n).astype(np.int64)
        self.event = (random.random(n) < 0.6).astype(np.uint8)
        self.member = (random.random(n) < 0.8).astype(np.uint8)
        self.group = (random.random(n) < 0.4).astype(np.uint8)
        begins = random.integers(1, longest, n)
        self.switch = np.where(begins < self.end, begins, NEVER).astype(np.int64)
        self.x = np.column_stack([random.normal(size=n), random.random(n) < 0.3, random.random(n) < 0.5]).astype(float)
        self.order = np.argsort(self.end, kind="stable")
        ever = np.flatnonzero(self.switch != NEVER)
        self.order_switch = ever[np.argsort(self.switch[ever], kind="stable")]

    def compiled_rows(self) -> kernels.Rows:
        return kernels.Rows(self.end, self.event, self.order, self.switch, self.order_switch)

    def rows(self) -> pl.DataFrame:
        """Rows (tstart, tstop] for the analyses."""
        one = pl.DataFrame(
            {"patient_id": np.arange(len(self.end)), "tstart": 0, "tstop": self.end, "event": self.event, "hct": 0}
            | {f"x{j}": self.x[:, j] for j in range(3)}
        ).with_columns(switch=pl.Series(self.switch))
        never = pl.col("switch") == NEVER
        before = one.with_columns(
            tstop=pl.min_horizontal("switch", "tstop"), event=pl.when(never).then("event").otherwise(0)
        )
        after = one.filter(~never).with_columns(tstart="switch", hct=1)
        return pl.concat([before, after], how="vertical_relaxed").drop("switch")


@pytest.mark.parametrize("seed", SEEDS)
def test_median_limits_and_curve_are_those_of_kaplan_meier(seed: int) -> None:
    cohort = Cohort(seed, n=40)
    steps = np.empty((3, 40), dtype=np.int64)
    k = kernels.event_steps(cohort.end, cohort.event, cohort.order, cohort.member, steps)
    inside = cohort.member == 1
    rows = pl.DataFrame({"tstop": cohort.end[inside], "event": cohort.event[inside]})
    curves = kaplan_meier(rows, id=None, start=None)
    printed = curves.median.row(0, named=True)
    found = (kernels.median_of(steps, k), *kernels.limits_of_median(steps, k))
    assert found == tuple(math.inf if printed[name] is None else printed[name] for name in ("median", "lower", "upper"))
    for time in (5, 17.5, 44):
        expected = curves.at([time])["survival"][0]
        assert kernels.survival_at(steps, k, time) == pytest.approx(expected, abs=1e-12)


def test_a_curve_flat_at_one_half_has_its_median_in_the_middle() -> None:
    time, event = np.array([1, 2, 3, 4], dtype=np.int64), np.array([1, 1, 0, 1], dtype=np.uint8)
    member, steps = np.ones(4, dtype=np.uint8), np.empty((3, 4), dtype=np.int64)
    k = kernels.event_steps(time, event, np.arange(4), member, steps)
    assert kernels.median_of(steps, k) == 3.0
    event[3] = 0
    k = kernels.event_steps(time, event, np.arange(4), member, steps)
    assert kernels.median_of(steps, k) == 2.0


@pytest.mark.parametrize("seed", SEEDS)
def test_log_rank_p_is_that_of_the_analysis(seed: int) -> None:
    cohort = Cohort(seed)
    inside = cohort.member == 1
    columns = {"tstop": cohort.end, "event": cohort.event, "group": cohort.group}
    expected = log_rank(pl.DataFrame(columns).filter(pl.Series(inside)), "group", id=None, start=None).p_value
    found = kernels.log_rank_p(cohort.end, cohort.event, cohort.order, cohort.member, cohort.group)
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_mantel_byar_p_is_that_of_the_analysis(seed: int) -> None:
    cohort = Cohort(seed)
    expected = mantel_byar(cohort.rows(), "hct").p_value
    found = kernels.mantel_byar_p(cohort.compiled_rows())
    assert found == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_cox_model_with_a_late_exposure_is_that_of_the_analysis(seed: int) -> None:
    cohort = Cohort(seed)
    fit = cox(cohort.rows(), ["hct", "x0", "x1", "x2"]).table
    beta, se = np.zeros(4), np.empty(4)
    assert kernels.cox_fit(cohort.compiled_rows(), cohort.x, beta, se, 1e-10)
    np.testing.assert_allclose(beta, fit["coef"].to_numpy(), atol=1e-8)
    np.testing.assert_allclose(se, fit["se"].to_numpy(), atol=1e-8)


def test_an_order_is_renewed_after_changes() -> None:
    random = np.random.default_rng(3)
    time = random.integers(0, 50, 60).astype(np.int64)
    order = np.arange(60)
    for _ in range(3):
        kernels.renew_order(time, order)
        assert (np.diff(time[order]) >= 0).all()
        assert sorted(order.tolist()) == list(range(60))
        time[random.integers(0, 60, 5)] = random.integers(0, 50, 5)
