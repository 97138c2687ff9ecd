"""Cox models on the Stanford heart transplants and 137 bone-marrow transplants, against R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cox
from blinreg.analyses.cox_regression.result import CoxResult

GOLDEN = Path(__file__).parents[1]
EXPECTED: dict[str, Any] = json.loads((GOLDEN / "heart/heart_reference.json").read_text())
BMT: dict[str, Any] = json.loads((GOLDEN / "bmt/bmt_reference.json").read_text())
DATA_SETS = sorted(EXPECTED["cox"])
TIES = ["efron", "breslow"]

# R's formulas, spelled out in the order of R's terms.
COVARIATES = {
    "main": ["age", "year", "surgery", "transplant"],
    "tx": ["transplant"],
    "kp1": ["age", "transplant", "surgery", "year", "age:transplant"],
    "kp2": ["year", "transplant", "year:transplant"],
    "kp3": ["age", "year", "transplant", "age:transplant", "year:transplant"],
    "kp4": ["year", "surgery", "transplant", "year:transplant", "surgery:transplant"],
    "kp5": ["age", "surgery", "transplant", "age:transplant", "surgery:transplant"],
    "kp6": ["transplant", "age", "surgery", "year", "transplant:age", "transplant:surgery"],
    "full": ["transplant", "age", "year", "surgery", "transplant:age", "transplant:year", "transplant:surgery"],
    "strat": ["age", "year", "transplant"],
}


def read(name: str) -> pl.DataFrame:
    return pl.read_csv(GOLDEN / f"data/{name}.csv", infer_schema_length=None)


def fit(name: str, formula: str, ties: Any, cluster: str | None = None) -> CoxResult:
    return cox(
        read(name),
        COVARIATES[formula],
        id="id",
        start="start",
        stop="stop",
        strata=["surgery"] if formula == "strat" else (),
        cluster=cluster,
        ties=ties,
    )


def statistics(result: CoxResult) -> list[float]:
    tests = (result.score_test, result.wald_test, result.likelihood_ratio_test)
    return [result.log_likelihood.null, result.log_likelihood.fitted, *(test.statistic for test in tests)]


def expected_statistics(truth: dict[str, Any]) -> list[float]:
    return [*truth["loglik"], truth["score_test"], truth["wald"], truth["lrt"]]


def test_every_model_of_the_reference_is_here() -> None:
    assert all(set(EXPECTED["cox"][name]) == set(COVARIATES) for name in DATA_SETS)
    assert sorted(EXPECTED["cox_cluster"]) == DATA_SETS
    assert sum(len(EXPECTED["cox"][name][f]) for name in DATA_SETS for f in COVARIATES) == 80


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("formula", COVARIATES)
@pytest.mark.parametrize("name", DATA_SETS)
def test_model(name: str, formula: str, ties: str) -> None:
    truth = EXPECTED["cox"][name][formula][ties]
    result = fit(name, formula, ties)
    assert result.table["term"].to_list() == np.atleast_1d(truth["terms"]).tolist()
    assert_allclose(result.table["coef"], np.atleast_1d(truth["coef"]), rtol=1e-8, atol=1e-12)
    assert_allclose(result.table["se"], np.atleast_1d(truth["se"]), rtol=1e-7, atol=1e-12)
    assert_allclose(result.variance, truth["var"], rtol=1e-7, atol=1e-12)
    assert_allclose(statistics(result), expected_statistics(truth), rtol=1e-8, atol=1e-12)
    assert (result.n_rows, result.n_events) == (truth["n"], truth["nevent"])
    assert result.n_subjects == 103


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("name", DATA_SETS)
def test_cluster_robust(name: str, ties: str) -> None:
    truth = EXPECTED["cox_cluster"][name][ties]
    result = fit(name, "main", ties, cluster="id")
    assert_allclose(result.table["coef"], truth["coef"], rtol=1e-8, atol=1e-12)
    assert_allclose(result.table["se"], truth["se"], rtol=1e-7)
    assert_allclose(result.table["robust_se"], truth["robust_se"], rtol=1e-7)
    assert_allclose(result.robust_variance, truth["robust_var"], rtol=1e-7, atol=1e-12)
    assert_allclose(statistics(result), expected_statistics(truth), rtol=1e-8, atol=1e-12)
    assert result.robust_score_test is not None
    assert_allclose(result.robust_score_test.statistic, truth["robust_score"], rtol=1e-8)
    assert result.n_clusters == 103


@pytest.mark.parametrize("model", sorted(name for name in BMT if name.startswith("cox_")))
def test_bone_marrow_transplants(model: str) -> None:
    truth = BMT[model]
    stratified = model == "cox_platelet_strata"
    result = cox(
        read("bmt_counting_process"),
        list(truth["coef"]),
        id="id",
        event="relapse_or_death",
        strata=["aml_low", "aml_high"] if stratified else (),
        ties="breslow" if model.endswith("breslow") else "efron",
    )
    assert result.table["term"].to_list() == list(truth["coef"])
    assert_allclose(result.table["coef"], list(truth["coef"].values()), rtol=1e-8, atol=1e-12)
    assert_allclose(result.table["se"], list(truth["se"].values()), rtol=1e-7)
    log_likelihood = [result.log_likelihood.null, result.log_likelihood.fitted]
    assert_allclose([*log_likelihood, result.score_test.statistic], [*truth["loglik"], truth["score"]], rtol=1e-8)
    assert (result.n_rows, result.n_events) == (truth["n"], truth["nevent"])
