"""What must hold of a Cox fit on any data, and agreement with the likelihood written out in full."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from blinreg.analyses import cox
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.schemas.errors import AnalysisError, InputError

Array = NDArray[np.float64]
COVARIATES = ["age", "allo_hct"]
TIES = st.sampled_from(["efron", "breslow"])


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Patients with delayed entry, ties, an exposure that starts later, two strata, weights and an offset."""
    n = draw(st.integers(12, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = []
    for patient in range(n):
        entry = int(rng.integers(0, 6)) if rng.random() < 0.4 else 0
        end = entry + int(rng.integers(1, 12))
        transplant = entry + int(rng.integers(1, 12))
        shared = {
            "patient_id": patient,
            "age": float(np.round(rng.normal(45, 15), 1)),
            "site": int(rng.integers(0, 2)),
            "copies": float(rng.integers(1, 4)),
            "known": float(np.round(rng.normal(), 2)),
        }
        event = int(rng.random() < 0.7)
        cuts = [entry, transplant, end] if transplant < end else [entry, end]
        rows += [
            {
                **shared,
                "tstart": low,
                "tstop": high,
                "event": event if high == end else 0,
                "allo_hct": int(low == transplant),
            }
            for low, high in pairwise(cuts)
        ]
    return pl.DataFrame(rows)


def fit(rows: pl.DataFrame, covariates: list[str] = COVARIATES, **options: Any) -> CoxResult:
    """Fit, or discard a cohort that has no finite estimate."""
    try:
        result = cox(rows, covariates, **options)
    except AnalysisError:
        assume(False)
        raise
    # Nearly monotone data have estimates in name only; their digits are not compared.
    assume(float(result.table["se"].max()) < 20)  # type: ignore[arg-type]
    return result


def numbers(result: CoxResult) -> Array:
    tests = (result.score_test, result.wald_test, result.likelihood_ratio_test)
    return np.concatenate(
        [
            result.table.select("coef", "se", "lower", "upper", "z").to_numpy().ravel(),
            [result.log_likelihood.null, result.log_likelihood.fitted],
            [test.statistic for test in tests],
            [] if result.robust_variance is None else result.robust_variance.ravel(),
        ]
    )


def assert_same(first: CoxResult, second: CoxResult) -> None:
    assert_allclose(numbers(second), numbers(first), rtol=1e-8, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(cohorts(), TIES, st.integers(0, 10_000))
def test_order_names_and_days_do_not_matter(rows: pl.DataFrame, ties: str, seed: int) -> None:
    options: dict[str, Any] = {"ties": ties, "cluster": "patient_id", "strata": ["site"]}
    first = fit(rows, **options)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    renamed = shuffled.with_columns("p" + (pl.col("patient_id") * 7919 % 104_729).cast(pl.String).alias("patient_id"))
    shifted = renamed.with_columns(pl.col("tstart", "tstop") + 365)
    assert_same(first, fit(shifted, **options))


@settings(max_examples=40, deadline=None)
@given(cohorts(), TIES, st.data())
def test_splitting_rows_changes_nothing(rows: pl.DataFrame, ties: str, data: st.DataObject) -> None:
    options: dict[str, Any] = {"ties": ties, "cluster": "patient_id", "offset": "known"}
    day = data.draw(st.one_of(st.integers(1, 16), st.integers(1, 32).map(lambda half: half / 2)))
    rows = rows.with_columns(pl.col("tstart", "tstop").cast(pl.Float64))
    inside = (pl.col("tstart") < day) & (day < pl.col("tstop"))
    split = pl.concat(
        [
            rows.filter(~inside),
            rows.filter(inside).with_columns(tstop=pl.lit(float(day)), event=pl.lit(0, pl.Int64)),
            rows.filter(inside).with_columns(tstart=pl.lit(float(day))),
        ]
    )
    assert_same(fit(rows, **options), fit(split, **options))


@settings(max_examples=40, deadline=None)
@given(cohorts(), TIES, st.floats(0.01, 100), st.floats(-1000, 1000))
def test_units_of_a_covariate(rows: pl.DataFrame, ties: str, factor: float, shift: float) -> None:
    first = fit(rows, ties=ties, weights="copies")
    other = fit(rows.with_columns(pl.col("age") * factor + shift), ties=ties, weights="copies")
    scale = np.array([factor, 1.0])
    assert_allclose(other.table["coef"].to_numpy() * scale, first.table["coef"], rtol=1e-7, atol=1e-9)
    assert_allclose(other.variance * np.outer(scale, scale), first.variance, rtol=1e-6, atol=1e-12)
    assert_allclose(other.log_likelihood.fitted, first.log_likelihood.fitted, rtol=1e-9)
    assert_allclose(other.score_test.statistic, first.score_test.statistic, rtol=1e-6)


@settings(max_examples=30, deadline=None)
@given(cohorts(), st.floats(-500, 500))
def test_a_constant_offset_changes_nothing(rows: pl.DataFrame, constant: float) -> None:
    first = fit(rows, strata=["site"])
    assert_same(first, fit(rows.with_columns(c=pl.lit(constant)), strata=["site"], offset="c"))


@settings(max_examples=30, deadline=None)
@given(cohorts())
def test_whole_weights_are_copies_under_breslow(rows: pl.DataFrame) -> None:
    weighted = fit(rows, ties="breslow", weights="copies")
    copies = pl.concat(
        [rows.filter(pl.col("copies") > k).with_columns(patient_id=pl.col("patient_id") * 10 + k) for k in range(3)]
    )
    repeated = fit(copies, ties="breslow")
    assert_allclose(repeated.table["coef"], weighted.table["coef"], rtol=1e-8, atol=1e-9)
    assert_allclose(repeated.variance, weighted.variance, rtol=1e-7, atol=1e-12)


def partial_likelihood(rows: pl.DataFrame, coef: Array, ties: str) -> tuple[float, Array, Array]:
    """Log-likelihood, score and information by definition: one loop over event times and tied deaths."""
    start, stop = rows["tstart"].to_numpy(), rows["tstop"].to_numpy()
    event, site = rows["event"].to_numpy() == 1, rows["site"].to_numpy()
    x, weight = rows.select(COVARIATES).to_numpy().astype(float), rows["copies"].to_numpy()
    predictor = x @ coef + rows["known"].to_numpy()
    w = weight * np.exp(predictor)
    value, score, information = 0.0, np.zeros(2), np.zeros((2, 2))
    for stratum in np.unique(site):
        for day in np.unique(stop[event & (site == stratum)]):
            at_risk = (site == stratum) & (start < day) & (stop >= day)
            failing = at_risk & event & (stop == day)
            value += float(weight[failing] @ predictor[failing])
            score += weight[failing] @ x[failing]
            d = int(failing.sum())
            for k in range(d):
                share = k / d if ties == "efron" else 0.0
                risk = w * (at_risk - share * failing)
                mean = risk @ x / risk.sum()
                each = weight[failing].sum() / d
                value -= each * float(np.log(risk.sum()))
                score -= each * mean
                information += each * ((x.T * risk) @ x / risk.sum() - np.outer(mean, mean))
    return value, score, information


@settings(max_examples=40, deadline=None)
@given(cohorts(), TIES)
def test_the_fit_is_the_maximum_of_the_likelihood(rows: pl.DataFrame, ties: str) -> None:
    result = fit(rows, ties=ties, strata=["site"], weights="copies", offset="known")
    coef = result.table["coef"].to_numpy()
    value, score, information = partial_likelihood(rows, coef, ties)
    assert_allclose(result.log_likelihood.fitted, value, rtol=1e-9)
    # The gradient in units of its own standard error.
    assert np.abs(score / np.sqrt(np.diag(information))).max() < 1e-6
    assert_allclose(result.variance, np.linalg.inv(information), rtol=1e-6, atol=1e-12)
    null, null_score, null_information = partial_likelihood(rows, np.zeros(2), ties)
    assert_allclose(result.log_likelihood.null, null, rtol=1e-9)
    expected = null_score @ np.linalg.solve(null_information, null_score)
    assert_allclose(result.score_test.statistic, expected, rtol=1e-6, atol=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.integers(4, 9), st.integers(0, 2**32 - 1), TIES)
def test_an_infinite_estimate_is_reported_exactly_when_there_is_one(n: int, seed: int, ties: str) -> None:
    """A direction in which every event has the highest predictor of its risk set, found by linear programming."""
    from scipy.optimize import linprog

    rng = np.random.default_rng(seed)
    rows = pl.DataFrame(
        {
            "patient_id": np.arange(n),
            "tstart": rng.integers(0, 3, n),
            "tstop": rng.integers(3, 8, n),
            "event": (rng.random(n) < 0.6).astype(int),
            "age": rng.integers(0, 4, n),
            "allo_hct": rng.integers(0, 2, n),
        }
    )
    start, stop, event = (rows[name].to_numpy() for name in ("tstart", "tstop", "event"))
    x = rows.select(COVARIATES).to_numpy().astype(float)
    above = [x[i] - x[j] for i in np.flatnonzero(event) for j in range(n) if start[j] < stop[i] <= stop[j] and i != j]
    assume(above)
    differences = np.array(above)
    best = linprog(-differences.sum(axis=0), A_ub=-differences, b_ub=np.zeros(len(above)), bounds=(-1, 1))
    reported = ""
    try:
        cox(rows, COVARIATES, ties=ties)
    except InputError:
        assume(False)
    except AnalysisError as error:
        reported = str(error)
    assert ("monotone likelihood" in reported) == bool(reported) == (-best.fun > 1e-9)


@settings(max_examples=30, deadline=None)
@given(cohorts(), TIES)
def test_clusters_change_the_robust_variance_only(rows: pl.DataFrame, ties: str) -> None:
    result = fit(rows, ties=ties, cluster="patient_id")
    assert result.robust_variance is not None
    eigenvalues = np.linalg.eigvalsh(result.robust_variance)
    assert (eigenvalues > 0).all()
    by_site = fit(rows, ties=ties, cluster="site")
    assert_allclose(by_site.table["coef"], result.table["coef"], rtol=1e-12)
    # Two clusters have scores that sum to zero: the variance has rank one.
    assert by_site.robust_variance is not None
    assert np.linalg.matrix_rank(by_site.robust_variance, tol=1e-9 * np.trace(by_site.robust_variance)) <= 1


@pytest.mark.parametrize("seed", [3])
def test_agrees_with_lifelines(seed: int) -> None:
    from lifelines import CoxTimeVaryingFitter

    rng = np.random.default_rng(seed)
    n = 120
    end, transplant = rng.exponential(300, n) + 1, rng.exponential(200, n) + 1
    rows = []
    for i in range(n):
        age, event = float(rng.normal()), int(rng.random() < 0.7)
        cuts = [0.0, float(transplant[i]), float(end[i])] if transplant[i] < end[i] else [0.0, float(end[i])]
        rows += [(i, low, high, event if high == cuts[-1] else 0, age, int(low > 0)) for low, high in pairwise(cuts)]
    frame = pl.DataFrame(rows, schema=["patient_id", "tstart", "tstop", "event", *COVARIATES], orient="row")
    theirs = CoxTimeVaryingFitter().fit(
        frame.to_pandas(), id_col="patient_id", event_col="event", start_col="tstart", stop_col="tstop"
    )
    ours = cox(frame, COVARIATES)
    assert_allclose(ours.table["coef"], theirs.summary.loc[COVARIATES, "coef"], rtol=1e-4)
    assert_allclose(ours.table["se"], theirs.summary.loc[COVARIATES, "se(coef)"], rtol=1e-4)
