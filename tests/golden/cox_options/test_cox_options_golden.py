"""Cox models with weights, offset, factors, recurrent events, clusters and strata, against R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cox

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())

VETERAN: dict[str, Any] = {"data": "veteran", "id": "id", "start": None, "stop": "time", "event": "status"}
BLADDER: dict[str, Any] = {"data": "bladder2", "id": "id", "start": "start", "stop": "stop", "event": "event"}
CGD: dict[str, Any] = {"data": "cgd", "id": "id", "event": "status", "reference": {"treat": "placebo"}}
# R sorts levels by the locale (autosomal before X-linked); here capitals come first.
INHERIT = {"reference": {"treat": "placebo", "inherit": "autosomal"}}
RECURRENT = ["rx", "number", "size"]

MODELS: dict[str, dict[str, Any]] = {
    "veteran_weights": VETERAN | {"covariates": ["trt", "karno", "age"], "weights": "copies"},
    "veteran_share_cluster": VETERAN | {"covariates": ["trt", "karno", "age"], "weights": "share", "cluster": "id"},
    "veteran_share_cluster_strata": VETERAN
    | {"covariates": ["trt", "karno"], "weights": "share", "cluster": "id", "strata": ["celltype"]},
    "veteran_offset": VETERAN | {"covariates": ["trt", "age"], "offset": "known"},
    "veteran_offset_weights_strata": VETERAN
    | {"covariates": ["trt", "age"], "offset": "known", "weights": "copies", "strata": ["celltype"]},
    "veteran_factor": VETERAN | {"covariates": ["celltype", "karno"]},
    "veteran_factor_squamous": VETERAN | {"covariates": ["celltype", "karno"], "reference": {"celltype": "squamous"}},
    "veteran_factor_interaction": VETERAN
    | {"covariates": ["karno", "celltype", "karno:celltype"], "reference": {"celltype": "squamous"}},
    "bladder_recurrent": BLADDER | {"covariates": RECURRENT},
    "bladder_recurrent_cluster": BLADDER | {"covariates": RECURRENT, "cluster": "id"},
    "bladder_pwp": BLADDER | {"covariates": RECURRENT, "cluster": "id", "strata": "enum"},
    "cgd_recurrent_cluster": CGD
    | INHERIT
    | {"covariates": ["treat", "sex", "age", "inherit", "steroids", "propylac"], "cluster": "id"},
    "cgd_strata_cluster_centre": CGD
    | {"covariates": ["treat", "age", "weight"], "cluster": "centre", "strata": ["hospital"]},
    "cgd_two_strata": CGD
    | {"covariates": ["treat", "age", "treat:age"], "cluster": "id", "strata": ["sex", "inherit"]},
    "cgd_factor_by_factor": CGD | INHERIT | {"covariates": ["treat", "inherit", "treat:inherit"]},
}


def test_every_model_of_the_script_is_here() -> None:
    assert set(EXPECTED) - {"meta"} == set(MODELS)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", MODELS)
def test_model(name: str, ties: str) -> None:
    truth = EXPECTED[name][ties]
    options = dict(MODELS[name])
    rows = pl.read_csv(DATA / f"{options.pop('data')}.csv", infer_schema_length=None)
    result = cox(rows, options.pop("covariates"), ties=ties, **options)
    assert_allclose(result.table["coef"], truth["coef"], rtol=1e-8, atol=1e-12)
    assert_allclose(result.variance, truth["var"], rtol=1e-7, atol=1e-12)
    found = [result.log_likelihood.null, result.log_likelihood.fitted, result.score_test.statistic]
    assert_allclose(found, [*truth["loglik"], truth["score_test"]], rtol=1e-8, atol=1e-12)
    assert_allclose(result.wald_test.statistic, truth["wald"], rtol=1e-8)
    assert (result.n_rows, result.n_events) == (truth["n"], truth["nevent"])
    assert (result.robust_variance is not None) == ("robust_var" in truth)
    if result.robust_variance is not None and result.robust_score_test is not None:
        assert_allclose(result.robust_variance, truth["robust_var"], rtol=1e-7, atol=1e-12)
        assert_allclose(result.robust_score_test.statistic, truth["robust_score"], rtol=1e-8)


def test_terms_of_a_factor_are_its_levels_in_order() -> None:
    rows = pl.read_csv(DATA / "veteran.csv", infer_schema_length=None)
    result = cox(rows, ["celltype", "karno"], id="id", start=None, stop="time", event="status")
    assert result.table["term"].to_list() == [
        "celltype[large]",
        "celltype[smallcell]",
        "celltype[squamous]",
        "karno",
    ]
    assert result.reference == {"celltype": "adeno"}
