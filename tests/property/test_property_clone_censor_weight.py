"""What clone, censor, weight must say of any patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from blinreg.analyses import clone_censor_weight, kaplan_meier, rmst
from blinreg.schemas.errors import BlinregError

GRACE = 12
OPTIONS: dict[str, Any] = {"grace": GRACE, "step": 6, "times": [20], "tau": 20, "start": None, "replicates": 0}


@st.composite
def patients(draw: st.DrawFn) -> pl.DataFrame:
    """Thirty patients and more, drawn from a seed: Hypothesis varies how many, and how often they are exposed."""
    n = draw(st.integers(30, 60))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    chance = draw(st.sampled_from([0.03, 0.06, 0.1]))
    day = rng.geometric(chance, n) - 1.0
    day[rng.random(n) < 0.2] = np.nan
    return pl.DataFrame(
        {
            "patient_id": np.arange(n),
            "tstop": rng.integers(1, 60, n) - 0.5 * (rng.random(n) < 0.1),
            "event": rng.random(n) < 0.6,
            "exposure_days": day,
            "age": rng.normal(50, 10, n).round(),
        }
    )


def estimate(rows: pl.DataFrame, covariates: tuple[str, ...] = (), **options: Any) -> Any:
    """Estimate, if both strategies have somebody to the end."""
    try:
        return clone_censor_weight(rows, covariates, **(OPTIONS | options))
    except BlinregError:
        assume(condition=False)


def numbers(found: Any) -> list[float]:
    return found.table.select("exposed", "not_exposed").to_numpy().ravel().tolist()


@given(patients())
def test_order_copies_and_units_of_patients_change_nothing(rows: pl.DataFrame) -> None:
    expected = numbers(estimate(rows, ("age",)))

    assert numbers(estimate(rows.reverse(), ("age",))) == expected
    copied = pl.concat([rows, rows.with_columns(pl.col("patient_id") + 1000)])
    assert numbers(estimate(copied, ("age",))) == pytest.approx(expected, rel=1e-7)
    assert numbers(estimate(rows.with_columns(pl.col("age") / 7 + 3), ("age",))) == pytest.approx(expected, rel=1e-7)


@given(patients())
def test_without_covariates_the_unexposed_are_those_censored_at_exposure(rows: pl.DataFrame) -> None:
    """All at risk weigh alike: Kaplan-Meier of rows that end at an exposure in time."""
    found = estimate(rows)
    day = pl.col("exposure_days").fill_nan(None)
    leaves = ((day <= GRACE) & (day < pl.col("tstop"))).fill_null(value=False)
    ended = rows.with_columns(
        pl.when(leaves).then(day).otherwise("tstop").alias("tstop"), (pl.col("event") & ~leaves).alias("event")
    ).filter(pl.col("tstop") > 0)

    curve = kaplan_meier(ended, start=None)
    assert found.table["not_exposed"][0] == pytest.approx(curve.at([20])["survival"][0], rel=1e-9)
    mean = rmst(ended, tau=20, start=None).table["rmst"][0]
    assert found.table["not_exposed"][1] == pytest.approx(mean, rel=1e-9)


@given(patients())
def test_clones_add_up(rows: pl.DataFrame) -> None:
    found = estimate(rows, ("age",))

    assert found.strategies["n_clones"].to_list() == [rows.height] * 2
    for (_,), curve in found.curves.group_by("group"):
        left = curve.select(pl.col("n_at_risk") - pl.col("n_events") - pl.col("n_censored") - pl.col("n_left"))
        assert left.to_series()[:-1].to_list() == curve["n_at_risk"][1:].to_list()
        assert left.to_series()[-1] == 0
        assert (curve["survival"].diff().drop_nulls() <= 0).all()
        assert curve["survival"].is_between(0, 1).all()
    # Nobody who stays unexposed weighs less than 1, and who is exposed in the last step stands for more than one.
    assert (
        (found.curves["weighted_at_risk"] >= found.curves["n_at_risk"] * 0.999)
        .filter(found.curves["group"] == "not exposed")
        .all()
    )
    assert (found.strategies["largest_weight"] > 1).all()
    assert (found.strategies["effective_sample_size"] <= found.strategies["n_after_grace"] + 1e-9).all()
    # Whoever follows both strategies at once is counted in both until they part.
    assert found.n_events <= found.strategies["n_events"].sum()
