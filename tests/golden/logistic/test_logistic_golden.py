"""Logistic regression against R's glm."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import logistic

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())

LUNG = ["age", "sex", "ecog", "karnofsky", "weight_loss"]
# The order of levels in R's cgd, and of its locale.
CGD_REFERENCE = {"treat": "placebo", "sex": "male", "inherit": "X-linked"}
MODELS: dict[str, dict[str, Any]] = {
    "infert_numbers": {
        "data": "infert",
        "outcome": "case",
        "covariates": ["age", "parity", "spontaneous", "induced"],
    },
    "infert_factor": {
        "data": "infert",
        "outcome": "case",
        "covariates": ["education", "spontaneous", "induced"],
    },
    "infert_factor_reference": {
        "data": "infert",
        "outcome": "case",
        "covariates": ["age", "education", "spontaneous"],
        "reference": {"education": "12+ yrs"},
    },
    "lung_complete": {
        "data": "lung",
        "outcome": "dead_by_1_year",
        "covariates": LUNG,
        "missing": "complete_case",
    },
    "cgd_factor": {
        "data": "cgd_entry",
        "outcome": "infected",
        "covariates": ["treat", "sex", "age", "inherit"],
        "reference": CGD_REFERENCE,
    },
    "cgd_interaction": {
        "data": "cgd_entry",
        "outcome": "infected",
        "covariates": ["treat", "age", "treat:age"],
    },
}


def test_every_model_of_the_script_is_here() -> None:
    assert set(EXPECTED) - {"meta"} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_model(name: str) -> None:
    truth = EXPECTED[name]
    options = dict(MODELS[name])
    rows = pl.read_csv(DATA / f"{options.pop('data')}.csv", infer_schema_length=None)
    result = logistic(rows, options.pop("outcome"), options.pop("covariates"), **options)
    assert_allclose(result.table["coef"], truth["coef"], rtol=1e-8, atol=1e-12)
    assert_allclose(result.variance, truth["var"], rtol=1e-7, atol=1e-12)
    found = [result.log_likelihood.null, result.log_likelihood.fitted]
    assert_allclose(found, truth["loglik"], rtol=1e-8)
    assert_allclose(result.likelihood_ratio_test.statistic, 2 * (truth["loglik"][1] - truth["loglik"][0]), rtol=1e-8)
    limits = result.table.select(pl.col("lower", "upper").log()).to_numpy()
    assert_allclose(limits, truth["interval"], rtol=1e-7, atol=1e-12)
    assert_allclose(result.table["p_value"], truth["p"], rtol=1e-6)
    assert result.n_rows == truth["n"]
    assert result.n_rows + result.n_missing == rows.height


def test_interval_at_another_level() -> None:
    truth = EXPECTED["cgd_factor"]
    rows = pl.read_csv(DATA / "cgd_entry.csv")
    result = logistic(rows, "infected", ["treat", "sex", "age", "inherit"], reference=CGD_REFERENCE, conf_level=0.9)
    limits = result.table.select(pl.col("lower", "upper").log()).to_numpy()
    assert_allclose(limits, truth["interval90"], rtol=1e-7, atol=1e-12)
    assert result.interval_type == "wald"
