"""What a fitted Cox model tells, against R: residuals, hazards, predictions, tests, concordance, contrasts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cox, proportional_hazards_test
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.analyses.plotting.residuals import smooth_residuals

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
REFERENCE: dict[str, Any] = json.loads((HERE.parent / "heart" / "heart_reference.json").read_text())

HEART: dict[str, Any] = {"id": "id", "start": "start", "stop": "stop"}
VETERAN: dict[str, Any] = {"id": "id", "start": None, "stop": "time", "event": "status"}
CGD: dict[str, Any] = {"id": "id", "event": "status", "reference": {"treat": "placebo"}}
MAIN = ["age", "year", "surgery", "transplant"]

#: Data set, covariates in R's order, options.
MODELS: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "heart_efron": ("data/heart", MAIN, HEART),
    "heart_breslow": ("data/heart", MAIN, HEART),
    "heart_strata": ("data/heart", ["age", "year", "transplant"], HEART | {"strata": ["surgery"]}),
    "veteran_factor": ("data/veteran", ["karno", "celltype", "trt"], VETERAN),
    "veteran_weights_strata": (
        "data/veteran",
        ["karno", "age"],
        VETERAN | {"weights": "copies", "strata": ["celltype"]},
    ),
    "veteran_weights_breslow": ("data/veteran", ["karno", "age", "trt"], VETERAN | {"weights": "share"}),
    "veteran_offset": ("data/veteran", ["trt", "age"], VETERAN | {"offset": "known"}),
    "cgd_cluster": ("data/cgd", ["treat", "age", "steroids"], CGD | {"cluster": "id"}),
    "bladder_strata_cluster": (
        "data/bladder2",
        ["rx", "number", "size"],
        HEART | {"strata": ["enum"], "cluster": "id"},
    ),
}
FITS: dict[str, CoxResult] = {}


def read(name: str) -> pl.DataFrame:
    return pl.read_csv(HERE.parent / f"{name}.csv", infer_schema_length=None)


def fit(name: str) -> CoxResult:
    if name not in FITS:
        data, covariates, options = MODELS[name]
        FITS[name] = cox(read(data), covariates, ties=EXPECTED["models"][name]["ties"], **options)
    return FITS[name]


def close(found: Any, expected: Any, rtol: float = 1e-8, atol: float = 1e-12) -> None:
    """Compare with R's values, which have twelve digits."""
    assert_allclose(np.asarray(found, dtype=float).squeeze(), np.asarray(expected, dtype=float), rtol=rtol, atol=atol)


def terms(frame: pl.DataFrame) -> np.ndarray[Any, Any]:
    return frame.drop(
        [name for name in ("row", "id", "stratum", "time", "transformed_time") if name in frame.columns]
    ).to_numpy()


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_model_of_the_script_is_here() -> None:
    assert set(EXPECTED["models"]) == set(MODELS)


def test_coefficients(name: str) -> None:
    close(fit(name).table["coef"], EXPECTED["models"][name]["coef"])


def test_residuals_by_row(name: str) -> None:
    for kind, values in EXPECTED["models"][name]["row"].items():
        close(terms(fit(name).residuals(kind)), values)


def test_residuals_by_subject(name: str) -> None:
    for kind, values in EXPECTED["models"][name]["id"].items():
        found = fit(name).residuals(kind, by="id")
        assert found["id"].is_sorted()
        expected = np.asarray(values, dtype=float)
        # R has no number where rounding puts a square below zero.
        ours = terms(found).squeeze()
        ours = np.where(np.isnan(expected) & (np.abs(ours) < 1e-6), np.nan, ours)
        close(ours, expected)


def test_schoenfeld_residuals(name: str) -> None:
    truth = EXPECTED["models"][name]["event"]
    for kind in ("schoenfeld", "scaled_schoenfeld"):
        found = fit(name).residuals(kind)  # type: ignore[arg-type]
        close(found["time"], truth["time"])
        close(terms(found), truth[kind])


@pytest.mark.parametrize("at", ["zero", "mean"])
def test_baseline(name: str, at: Any) -> None:
    truth = EXPECTED["models"][name]["baseline"][at]
    baseline = fit(name).baseline(at=at)
    close(baseline.table["time"], truth["time"])
    close(baseline.table["cumulative_hazard"], truth["cumhaz"])
    strata = baseline.table["stratum"].fill_null("").rank("dense").to_list()
    assert strata == truth["stratum"]


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_proportional_hazards(name: str, transform: Any) -> None:
    truth = EXPECTED["models"][name]["zph"][transform]
    found = proportional_hazards_test(fit(name), transform=transform)
    assert found.table["term"].to_list() == truth["terms"]
    close(found.table.select("chi_squared", "df", "p_value").to_numpy(), truth["table"])


def test_proportional_hazards_by_coefficient(name: str) -> None:
    truth = EXPECTED["models"][name]["zph_coefficients"]
    found = proportional_hazards_test(fit(name), per="coefficient")
    close(found.table.select("chi_squared", "df", "p_value").to_numpy(), truth["table"])


def test_residuals_of_the_proportional_hazards_test(name: str) -> None:
    truth = EXPECTED["models"][name]["zph_km"]
    found = proportional_hazards_test(fit(name))
    close(found.residuals["time"], truth["time"])
    close(found.residuals["transformed_time"], truth["x"])
    ours, theirs = terms(found.residuals), np.asarray(truth["y"], dtype=float).reshape(found.residuals.height, -1)
    # Events of one time stand in another order.
    slot = found.residuals.select(pl.struct("stratum", "time").rank("dense")).to_series().to_numpy()
    for j in range(ours.shape[1]):
        close(ours[np.lexsort((ours[:, j], slot)), j], theirs[np.lexsort((theirs[:, j], slot)), j])
    close(found.residual_variance, truth["var"], rtol=1e-7)


def test_smooth_of_the_first_term(name: str) -> None:
    truth = EXPECTED["models"][name]["smooth"]
    found = proportional_hazards_test(fit(name))
    smooth = smooth_residuals(found, found.table["term"][0])
    close(smooth["transformed_time"], truth["x"])
    close(smooth["estimate"], truth["estimate"])
    close((smooth["upper"] - smooth["lower"]) / 2, truth["half"], rtol=1e-7)


def test_concordance(name: str) -> None:
    truth = EXPECTED["models"][name]["concordance"]
    found = fit(name).concordance()
    close(found.concordance, truth["concordance"])
    close(found.se, truth["se"], rtol=1e-7)
    counts = ["n_concordant", "n_discordant", "n_tied_risk", "n_tied_time", "n_tied_both"]
    close(found.table.select(counts).to_numpy(), truth["count"])


def test_contrast(name: str) -> None:
    truth = EXPECTED["models"][name]["contrast"]
    result = fit(name)
    first, second, *_ = result.table["term"]
    found = result.contrast({first: 1, second: -2}).table
    close(
        found.select("estimate", "se", "z", "lower", "upper").to_numpy(),
        [truth[k] for k in ("estimate", "se", "z", "lower", "upper")],
        rtol=1e-7,
    )


def test_joint_tests(name: str) -> None:
    truth = EXPECTED["models"][name]
    result = fit(name)
    found = result.test_terms(result.table["term"].to_list()[1:])
    close(found.table["statistic"], [truth["joint"][k] for k in ("wald", "score", "lr")], rtol=1e-7)
    assert found.table["df"].to_list() == [len(truth["coef"]) - 1] * 3


PATHS: dict[str, dict[str, list[Any]]] = {
    "heart_efron": {
        "start": [0, 60],
        "stop": [60, 365],
        "age": [-5, -5],
        "year": [2, 2],
        "surgery": [0, 0],
        "transplant": [0, 1],
    },
    "heart_strata": {
        "start": [0, 60],
        "stop": [60, 365],
        "age": [-5, -5],
        "year": [2, 2],
        "surgery": [0, 0],
        "transplant": [0, 1],
    },
    "veteran_factor": {"time": [200], "karno": [60], "celltype": ["smallcell"], "trt": [1]},
    "cgd_cluster": {
        "tstart": [0, 100],
        "tstop": [100, 400],
        "treat": ["rIFN-g"] * 2,
        "age": [14, 14],
        "steroids": [0, 1],
    },
    "bladder_strata_cluster": {
        "start": [0, 12],
        "stop": [12, 30],
        "rx": [1, 1],
        "number": [2, 2],
        "size": [1, 1],
        "enum": [1, 2],
    },
}
PATHS["heart_breslow"] = PATHS["heart_efron"]


def test_every_path_of_the_script_is_here() -> None:
    assert {name for name, truth in EXPECTED["models"].items() if "path" in truth} == set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_predicted_survival_along_a_path(name: str) -> None:
    truth = EXPECTED["models"][name]["path"]
    curve = fit(name).predict_survival(pl.DataFrame(PATHS[name])).table.filter(pl.col("n_events") > 0)
    close(curve["time"], truth["time"])
    close(curve["cumulative_hazard"], truth["cumhaz"])
    close(curve["survival"], truth["surv"])
    close(curve["se"] / curve["survival"], truth["se_cumhaz"], rtol=1e-7)


@pytest.mark.parametrize("name", ["heart_efron", "heart_breslow"])
def test_predicted_survival_of_constant_covariates_has_the_limits_of_survfit(name: str) -> None:
    truth = EXPECTED["models"][name]["path"]["constant"]
    path = pl.DataFrame(PATHS[name]).with_columns(transplant=pl.lit(1))
    curve = fit(name).predict_survival(path).table.filter(pl.col("n_events") > 0)
    close(curve["se"] / curve["survival"], truth["se_cumhaz"], rtol=1e-7)
    for column, values in (("survival", truth["surv"]), ("lower", truth["lower"]), ("upper", truth["upper"])):
        close(curve[column], values, rtol=1e-7)


def test_log_limits() -> None:
    truth = EXPECTED["models"]["veteran_factor"]["path"]
    curve = fit("veteran_factor").predict_survival(pl.DataFrame(PATHS["veteran_factor"]), conf_type="log").table
    curve = curve.filter(pl.col("n_events") > 0)
    close(curve["lower"], truth["lower"], rtol=1e-7)
    close(curve["upper"], truth["upper"], rtol=1e-7)


EXACT: dict[str, tuple[str, list[str], dict[str, Any]]] = {
    "heart": ("data/heart", ["transplant"], HEART),
    "heart_all": ("data/heart", MAIN, HEART),
    "heart_strata": ("data/heart", ["age", "transplant"], HEART | {"strata": ["surgery"]}),
    "veteran": ("data/veteran", ["karno", "celltype", "trt"], VETERAN),
    "veteran_strata": ("data/veteran", ["karno", "trt"], VETERAN | {"strata": ["celltype"]}),
    "cgd": ("data/cgd", ["treat", "age", "steroids"], CGD),
}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", EXACT)
def test_exact_score_test(name: str, ties: Any) -> None:
    truth = EXPECTED["exact"][name]
    data, covariates, options = EXACT[name]
    found = cox(read(data), covariates, ties=ties, **options).exact_score_test
    close([found.statistic, found.p_value], [truth["statistic"], truth["p"]])
    assert found.df == truth["df"]


@pytest.mark.parametrize("name", ["heart", "jasa1", "jasa_tmerge", "heart_x2"])
def test_exact_score_test_of_the_reference(name: str) -> None:
    found = cox(read(f"data/{name}"), ["transplant"], **HEART).exact_score_test
    close(found.statistic, REFERENCE["cox_exact_tx"][name]["score_test"])


def test_heart_reference() -> None:
    result, residuals = fit("heart_efron"), REFERENCE["resid_heart_efron"]
    baseline = result.baseline().table
    close(baseline["time"], REFERENCE["baseline_heart_efron"]["time"])
    close(baseline["cumulative_hazard"], REFERENCE["baseline_heart_efron"]["cumhaz"])
    close(result.residuals("martingale")["residual"], residuals["martingale"])
    close(terms(result.residuals("score")), residuals["score"])
    close(terms(result.residuals("dfbeta", by="id")), residuals["dfbeta_id"])
    close(terms(result.residuals("schoenfeld")), residuals["schoenfeld"])
    test = proportional_hazards_test(result)
    assert test.table["term"].to_list() == REFERENCE["zph_heart_efron_km"]["rows"]
    close(test.table.select("chi_squared", "df", "p_value").to_numpy(), REFERENCE["zph_heart_efron_km"]["table"])
    close(result.concordance().concordance, REFERENCE["concordance_heart"])


@pytest.mark.parametrize("name", ["heart_efron", "heart_breslow"])
def test_older_standard_errors_of_a_path_agree_until_its_covariates_change(name: str) -> None:
    older = np.array(EXPECTED["models"][name]["path"]["survival_3.5_se_cumhaz"])
    curve = fit(name).predict_survival(pl.DataFrame(PATHS[name])).table.filter(pl.col("n_events") > 0)
    ours, before = (curve["se"] / curve["survival"]).to_numpy(), (curve["time"] <= 60).to_numpy()
    close(ours[before], older[before], rtol=1e-7)
    assert (older[~before] > 1.05 * ours[~before]).all()
