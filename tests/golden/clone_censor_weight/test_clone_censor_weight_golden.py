"""Clone, censor, weight against R: the model of exposure, the weights, the weighted curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import clone_censor_weight
from blinreg.analyses.clone_weights import clone_weights, cut_steps

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
STEPS = {"three_steps": 20, "one_step": 60}
COVARIATES = ["age", "surgery"]


@pytest.fixture(scope="module")
def patients() -> pl.DataFrame:
    """One row a patient."""
    rows = pl.read_csv(HERE.parent / "data/jasa1.csv")
    transplanted = pl.col("start").filter(pl.col("transplant") == 1)
    return rows.group_by("id", maintain_order=True).agg(
        pl.col("stop").max(),
        pl.col("event").max(),
        transplanted.min().ceil().alias("exposure_days"),
        pl.col(COVARIATES).first(),
    )


@pytest.mark.parametrize("name", STEPS)
def test_model_and_curves(name: str, patients: pl.DataFrame) -> None:
    options: dict[str, Any] = {"id": "id", "start": None, "stop": "stop", "replicates": 0}
    found = clone_censor_weight(
        patients, COVARIATES, grace=60, step=STEPS[name], times=[30, 90, 365], tau=365, **options
    )

    assert_allclose(found.model["coef"], EXPECTED[name]["coef"], rtol=1e-8)
    for arm in ("exposed", "not_exposed"):
        truth = EXPECTED[name][arm]
        curve = found.curves.filter(pl.col("group") == arm.replace("_", " ")).join(
            pl.DataFrame({"time": truth["time"]}), on="time", maintain_order="left"
        )
        assert curve.height == len(truth["time"])
        assert_allclose(curve["survival"], truth["survival"], rtol=1e-8, atol=1e-12)
        assert_allclose(curve["weighted_at_risk"], truth["at_risk"], rtol=1e-8)
        assert_allclose(found.table[arm], [*truth["at"], truth["mean"]], rtol=1e-8)


@pytest.mark.parametrize("name", STEPS)
def test_weights(name: str, patients: pl.DataFrame) -> None:
    steps = cut_steps(60, STEPS[name])
    *levels, age, surgery = EXPECTED[name]["coef"]
    odds = np.array(levels) + patients.select(pl.col("age") * age + pl.col("surgery") * surgery).to_numpy()
    day = patients["exposure_days"].fill_null(np.inf).to_numpy()
    exposed_on = np.where(day < patients["stop"].to_numpy(), day, np.inf)
    weights = clone_weights(-np.logaddexp(0, odds), exposed_on, steps, np.array([16.0, 46.0, 61.0]))

    for arm, found in zip(("not_exposed", "exposed"), weights, strict=True):
        truth = EXPECTED[name][arm]["weights"]
        row = np.searchsorted(patients["id"].to_numpy(), truth["id"])
        column = np.searchsorted([15, 45, 60], truth["start"])
        assert_allclose(found[row, column], truth["w"], rtol=1e-8)
        assert len(row) > 100
