"""Do the estimators agree with R on data that nobody has looked at? Simulated here, the same for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cox, cumulative_incidence, kaplan_meier, log_rank, logistic, mantel_byar, simon_makuch

SEEDS = (11, 239, 2020)
SINGLE: dict[str, Any] = {"id": "id", "start": None, "stop": "time"}
SPLIT: dict[str, Any] = {"id": "id"}
MODELS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strata": {"strata": ["centre"]},
    "cluster": {"cluster": "id"},
    "weights": {"weights": "copies"},
    "weights_cluster_strata": {"weights": "share", "cluster": "id", "strata": ["centre"]},
}


def single(rng: np.random.Generator, n: int = 180) -> pl.DataFrame:
    """One row a patient: months, so that many events fall together, two causes, three arms."""
    arm = rng.choice(["a", "b", "c"], n)
    age = rng.integers(18, 80, n)
    event, censored = rng.exponential(12 + 6 * (arm == "c"), n), rng.exponential(20, n)
    status = (event <= censored).astype(int)
    marker = rng.normal(size=n).round(3)
    chance = 1 / (1 + np.exp(-(0.5 * marker + 0.4 * (arm == "b") - 0.02 * (age - 50))))
    return pl.DataFrame(
        {
            "id": np.arange(n),
            "arm": arm,
            "age": age,
            "centre": rng.integers(1, 4, n),
            "marker": marker,
            "time": np.ceil(np.minimum(event, censored)).astype(int),
            "status": status,
            "cause": status * rng.integers(1, 3, n),
            "responded": (rng.random(n) < chance).astype(int),
        }
    )


def split(rng: np.random.Generator, n: int = 110) -> pl.DataFrame:
    """Rows (tstart, tstop] of days: delayed entry for some, a transplant for some, few events on one day."""
    rows = []
    for patient in range(n):
        entry = int(rng.integers(0, 40)) * int(rng.random() < 0.3)
        end = entry + 1 + int(rng.exponential(90))
        event, transplant = int(rng.random() < 0.7), entry + 1 + int(rng.exponential(60))
        fixed = (int(rng.integers(18, 80)), int(rng.integers(1, 4)), int(rng.integers(1, 4)), 0.5 + patient % 9 / 4)
        if transplant < end:
            rows += [(patient, entry, transplant, 0, 0, *fixed), (patient, transplant, end, event, 1, *fixed)]
        else:
            rows.append((patient, entry, end, event, 0, *fixed))
    names = ["id", "tstart", "tstop", "event", "allo_hct", "age", "centre", "copies", "share"]
    return pl.DataFrame(rows, schema=names, orient="row")


@pytest.fixture(scope="module")
def said(run_r: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Data sets and R's answers by seed; R starts once."""
    folders = {seed: tmp_path_factory.mktemp(f"seed_{seed}") for seed in SEEDS}
    found: dict[int, dict[str, Any]] = {}
    for seed, folder in folders.items():
        rng = np.random.default_rng(seed)
        found[seed] = {"single": single(rng), "split": split(rng)}
        for name, frame in found[seed].items():
            frame.write_csv(folder / f"{name}.csv")
    run_r(Path(__file__).with_name("fresh_data.R"), *folders.values())
    for seed, folder in folders.items():
        found[seed]["r"] = json.loads((folder / "r.json").read_text())
    return found


@pytest.fixture(params=SEEDS)
def case(request: pytest.FixtureRequest, said: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return said[request.param]


def test_the_data_have_what_is_compared(case: dict[str, Any]) -> None:
    at_once = Counter(case["split"].filter(pl.col("event") == 1)["tstop"].to_list())
    assert sum(n > 1 for n in at_once.values()) >= 5
    assert max(at_once.values()) <= 5  # R's exact ties take all subsets of the risk set
    assert case["split"]["allo_hct"].sum() >= 20
    assert case["split"].filter(pl.col("tstart") > 0, pl.col("allo_hct") == 0).height >= 15
    assert max(Counter(case["single"].filter(pl.col("status") == 1)["time"].to_list()).values()) >= 8
    assert set(case["single"]["cause"]) == {0, 1, 2}


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("model", MODELS)
def test_cox(case: dict[str, Any], model: str, ties: Any) -> None:
    expected = case["r"]["cox"][ties][model]
    found = cox(case["split"], ["allo_hct", "age"], ties=ties, **SPLIT, **MODELS[model])
    assert_allclose(found.table["coef"], expected["coef"], rtol=1e-8, atol=1e-12)
    assert_allclose(found.variance, expected["var"], rtol=1e-7, atol=1e-12)
    statistics = [found.log_likelihood.null, found.log_likelihood.fitted, found.score_test.statistic]
    assert_allclose(statistics, [*expected["loglik"], expected["score"]], rtol=1e-8)
    if "cluster" in MODELS[model]:
        assert found.robust_score_test is not None
        assert_allclose(found.robust_variance, expected["robust_var"], rtol=1e-7, atol=1e-12)
        assert_allclose(found.robust_score_test.statistic, expected["robust_score"], rtol=1e-8)
    else:
        assert expected["robust_var"] is None


def assert_same_curves(found: pl.DataFrame, expected: dict[str, Any]) -> None:
    for column in ("group", "time", "n_at_risk", "n_events"):
        assert found[column].to_list() == expected[column]
    assert_allclose(found["survival"], expected["survival"], rtol=1e-8, atol=1e-12)
    for column in ("se", "lower", "upper"):
        # At a survival of 0 or 1 there is no interval here; R's differ with its type.
        inside = found["survival"].is_between(0, 1, closed="none").to_numpy()
        theirs = np.array(expected[column], dtype=float)[inside]
        assert_allclose(found[column].to_numpy()[inside], theirs, rtol=1e-7, atol=1e-12)
        assert inside.sum() > 20


@pytest.mark.parametrize("conf_type", ["log-log", "log", "plain"])
def test_kaplan_meier(case: dict[str, Any], conf_type: Any) -> None:
    found = kaplan_meier(case["single"], by="arm", event="status", conf_type=conf_type, **SINGLE)
    assert_same_curves(found.table, case["r"]["kaplan_meier"][conf_type])


def test_simon_makuch(case: dict[str, Any]) -> None:
    assert_same_curves(simon_makuch(case["split"], "allo_hct", **SPLIT).table, case["r"]["delayed"])


@pytest.mark.parametrize("strata", [[], ["centre"]])
def test_mantel_byar_is_the_exact_score_test(case: dict[str, Any], strata: list[str]) -> None:
    found = mantel_byar(case["split"], "allo_hct", strata=strata, **SPLIT)
    assert_allclose(found.chi_squared, case["r"]["mantel_byar"]["strata" if strata else "plain"], rtol=1e-8)


@pytest.mark.parametrize("strata", [[], ["centre"]])
def test_log_rank(case: dict[str, Any], strata: list[str]) -> None:
    expected = case["r"]["log_rank"]["strata" if strata else "plain"]
    found = log_rank(case["single"], "arm", event="status", strata=strata, **SINGLE)
    assert_allclose(found.observed, expected["observed"], rtol=1e-8)
    assert_allclose(found.expected, expected["expected"], rtol=1e-8)
    assert_allclose(found.variance, expected["variance"], rtol=1e-7, atol=1e-12)
    assert_allclose(found.chi_squared, expected["chi_squared"], rtol=1e-8)


def test_cumulative_incidence(case: dict[str, Any]) -> None:
    expected = case["r"]["cumulative_incidence"]
    curves = cumulative_incidence(case["single"], by="arm", event="cause", **SINGLE)
    found = curves.at(expected["times"], extend=True).sort("group", "time")
    for cause in (1, 2):
        ours = found.filter(pl.col("cause") == cause)
        assert ours.height == 12
        theirs = {name: np.array(expected[name], dtype=float)[:, cause - 1] for name in ("estimate", "se")}
        assert_allclose(ours["cumulative_incidence"], theirs["estimate"], rtol=1e-8, atol=1e-12)
        assert_allclose(ours["se"], theirs["se"], rtol=1e-7, atol=1e-12)
        inside = (ours["cumulative_incidence"] > 0).to_numpy()
        for limit in ("lower", "upper"):
            limits = np.array(expected[limit], dtype=float)[:, cause - 1][inside]
            assert_allclose(ours[limit].to_numpy()[inside], limits, rtol=1e-7)


def test_logistic(case: dict[str, Any]) -> None:
    expected = case["r"]["logistic"]
    found = logistic(case["single"], "responded", ["age", "marker", "arm"])
    assert_allclose(found.table["coef"], expected["coef"], rtol=1e-8, atol=1e-12)
    assert_allclose(found.variance, expected["var"], rtol=1e-7, atol=1e-12)
    assert_allclose(found.log_likelihood.fitted, expected["loglik"], rtol=1e-8)
