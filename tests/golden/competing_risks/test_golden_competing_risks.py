"""Gray's test, the Fine-Gray model and cumulative incidence against cmprsk and survival of R."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cumulative_incidence, fine_gray, fine_gray_rows, gray

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
TIMES: dict[str, Any] = {"id": "id", "start": None, "stop": "time", "event": "cause"}
ENTRY: dict[str, Any] = {"id": "id", "start": "entry", "stop": "exit", "event": "cause"}


def read(name: str) -> pl.DataFrame:
    return pl.read_csv(HERE.parent / f"data/{name}.csv", infer_schema_length=None)


def data(name: str) -> pl.DataFrame:
    """The same columns as make_competing_risks.R makes."""
    if name == "mgus2":
        progressed = pl.col("pstat") == 1
        rows = read(name).with_columns(
            cause=pl.when(progressed).then(1).otherwise(2 * pl.col("death")),
            time=pl.when(progressed).then("ptime").otherwise("futime"),
            older=(pl.col("age") >= 70).cast(pl.Int64),
            entry=12 * pl.col("age"),
        )
        return rows.with_columns(exit=pl.col("entry") + pl.col("time"))
    if name == "pbc":
        rows = read(name).with_columns(cause="status", entry=(365.25 * pl.col("age")).round())
        return rows.with_columns(exit=pl.col("entry") + pl.col("time"))
    if name == "transplant":
        return read(name).with_columns(time="futime")
    return read("bmt").with_columns(
        time="t2",
        cause=pl.when(pl.col("d3") == 0).then(0).when(pl.col("d2") == 1).then(1).otherwise(2),
        entry=pl.when(pl.col("tp") < pl.col("t2")).then("tp").otherwise(0),
        exit="t2",
    )


@pytest.mark.parametrize("truth", EXPECTED["gray"], ids=lambda truth: "-".join([truth["data"], *truth["strata"]]))
def test_gray(truth: dict[str, Any]) -> None:
    rows = data(truth["data"]).drop_nulls(truth["by"])
    for tests in truth["tests"]:
        for cause, statistic, df in zip(tests["cause"], tests["stat"], tests["df"], strict=True):
            found = gray(rows, truth["by"], cause=cause, rho=tests["rho"], strata=truth["strata"], **TIMES)
            assert_allclose(found.chi_squared, statistic, rtol=1e-8)
            assert found.df == df


@pytest.mark.parametrize(("name", "by"), [("mgus2", "sex"), ("transplant", "abo"), ("bmt", "group")])
def test_the_variance_of_cmprsk(name: str, by: str) -> None:
    truth = EXPECTED["aalen"][name]
    found = cumulative_incidence(data(name), by=by, se_type="aalen", **TIMES)
    assert found.se_type == "aalen"
    for label, estimate, variance in zip(truth["curve"], truth["est"], truth["var"], strict=True):
        group, cause = label.rsplit(" ", 1)
        curve = found.at(truth["times"], extend=True).filter(
            pl.col("group").cast(pl.String) == group, pl.col("cause") == int(cause)
        )
        known = np.array([value is not None for value in estimate])  # cmprsk stops at a group's last time
        assert known.sum() >= 5
        for column, theirs, rtol in (
            ("cumulative_incidence", estimate, 1e-8),
            ("se", np.sqrt(np.array(variance, float)), 1e-7),
        ):
            ours = curve[column].to_numpy()[known]
            assert_allclose(ours, np.array(theirs, float)[known], rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", ["mgus2", "pbc", "bmt"])
def test_cumulative_incidence_with_delayed_entry(name: str) -> None:
    truth = EXPECTED["delayed"][name]
    rows = data(name).filter(pl.col("exit") > truth["from"])
    rows = rows.with_columns(entry=pl.max_horizontal("entry", pl.lit(truth["from"])))
    found = cumulative_incidence(rows, **ENTRY).at(truth["times"])
    estimate, se = (np.array(truth[key], float) for key in ("est_r", "se"))
    jackknife = np.array(truth["se_jackknife"], float)
    for cause in (1, 2):
        ours = found.filter(pl.col("cause") == cause)
        assert_allclose(ours["cumulative_incidence"], estimate[:, cause - 1], rtol=1e-8, atol=1e-12)
        assert_allclose(ours["se"], se[:, cause - 1], rtol=1e-7, atol=1e-12)
        assert_allclose(ours["se"], jackknife[:, cause - 1], rtol=0.05)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("name", EXPECTED["fine_gray"])
def test_fine_gray(name: str, ties: Any) -> None:
    setup, truth = EXPECTED["fine_gray"][name]["setup"], EXPECTED["fine_gray"][name][ties]
    columns = ENTRY if setup["entry"] else TIMES
    rows = data(name.split("_", maxsplit=1)[0]).drop_nulls(setup["x"])
    options = {"cause": setup["cause"], "strata": setup["strata"]} | columns
    found = fine_gray(rows, setup["x"], ties=ties, **options)
    assert_allclose(found.table["coef"], truth["coef"], rtol=1e-8, atol=1e-12)
    assert_allclose(found.weighted_fit.variance, truth["var"], rtol=1e-7, atol=1e-12)
    assert_allclose(found.weighted_fit.robust_variance, truth["robust_var"], rtol=1e-7, atol=1e-12)
    assert_allclose(found.table["robust_se"], np.sqrt(np.diag(truth["robust_var"])), rtol=1e-7)
    likelihood = found.weighted_fit.log_likelihood
    assert_allclose([likelihood.null, likelihood.fitted], truth["loglik"], rtol=1e-8)
    assert_allclose(found.weighted_fit.wald_test.statistic, truth["wald"], rtol=1e-7)
    made = fine_gray_rows(rows, **options)
    assert made.height == setup["n_rows"] == found.n_weighted_rows
    assert_allclose(made["fg_weight"].sum(), setup["sum_weight"], rtol=1e-10)
    time = (made["fg_weight"] * (made["fg_stop"] - made["fg_start"])).sum()
    assert_allclose(time, setup["sum_weighted_time"], rtol=1e-10)


def test_the_weighted_rows_of_finegray() -> None:
    """Row for row, with delayed entry."""
    truth = pl.DataFrame(EXPECTED["pbc_entry_rows"], strict=False)
    rows = data("pbc").drop_nulls("bili")
    made = fine_gray_rows(rows, ["id"], cause=2, **ENTRY).filter(pl.col("id").is_in(truth["id"].unique().to_list()))
    assert made["id"].to_list() == truth["id"].to_list()
    for ours in ("start", "stop", "event", "weight"):
        assert_allclose(made[f"fg_{ours}"], truth[ours], rtol=1e-10)
    assert ((truth["weight"] - 1).abs() > 0.1).sum() > 100


@pytest.mark.parametrize("name", EXPECTED["crr"])
def test_the_coefficients_of_crr(name: str) -> None:
    """With Breslow's ties, and censorings moved off the days of events, as in the script."""
    truth = EXPECTED["crr"][name]
    rows = data(name).drop_nulls(truth["x"])
    rows = rows.with_columns(time=pl.col("time") + pl.when(pl.col("cause") == 0).then(0.25).otherwise(0.0))
    found = fine_gray(rows, truth["x"], cause=truth["cause"], ties="breslow", **TIMES)
    assert_allclose(found.table["coef"], truth["coef"], rtol=1e-8, atol=1e-12)
    # Another variance: crr counts the estimation of the weights too.
    assert_allclose(found.table["robust_se"], truth["se"], rtol=0.1)
