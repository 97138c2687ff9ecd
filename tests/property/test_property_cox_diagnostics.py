"""What must hold of residuals, hazards and tests after a Cox fit on any data, and agreement with direct definitions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from blinreg.analyses import cox, mantel_byar, proportional_hazards_test
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.analyses.ranked_sums import ranked_sums
from blinreg.schemas.errors import AnalysisError, InputError

Array = NDArray[np.float64]
COVARIATES = ["age", "allo_hct"]
TIES = st.sampled_from(["efron", "breslow"])


@st.composite
def cohorts(draw: st.DrawFn) -> pl.DataFrame:
    """Patients with delayed entry, ties, an exposure that starts later, two sites and whole weights."""
    n = draw(st.integers(12, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = []
    for patient in range(n):
        entry = int(rng.integers(0, 6)) if rng.random() < 0.4 else 0
        end, transplant = entry + int(rng.integers(1, 12)), entry + int(rng.integers(1, 12))
        shared = {"patient_id": patient, "age": float(rng.integers(-2, 4)), "site": int(rng.integers(0, 2))}
        shared["copies"] = float(rng.integers(1, 4))
        event = int(rng.random() < 0.7)
        cuts = [entry, transplant, end] if transplant < end else [entry, end]
        for low, high in pairwise(cuts):
            row = {"tstart": float(low), "tstop": float(high), "event": event if high == end else 0}
            rows.append(shared | row | {"allo_hct": int(low == transplant)})
    return pl.DataFrame(rows)


def fit(rows: pl.DataFrame, covariates: list[str] = COVARIATES, **options: Any) -> CoxResult:
    """Fit, or discard a cohort that has no finite estimate."""
    try:
        result = cox(rows, covariates, **options)
    except (AnalysisError, InputError):
        assume(False)
        raise
    assume(float(result.table["se"].max()) < 20)  # type: ignore[arg-type]
    return result


def split_at(rows: pl.DataFrame, day: float) -> pl.DataFrame:
    inside = (pl.col("tstart") < day) & (day < pl.col("tstop"))
    before = rows.filter(inside).with_columns(tstop=pl.lit(float(day)), event=pl.lit(0, pl.Int64))
    after = rows.filter(inside).with_columns(tstart=pl.lit(float(day)))
    return pl.concat([rows.filter(~inside), before, after])


def by_subject(result: CoxResult, kind: Any) -> Array:
    return result.residuals(kind, by="id").sort("patient_id").drop("patient_id").to_numpy()


def numbers(result: CoxResult) -> list[Array]:
    """Everything that may not depend on how rows are given."""
    path = pl.DataFrame({"tstart": [0, 6], "tstop": [6, 12], "age": [1.0, 1.0], "allo_hct": [0, 1]})
    concordance = result.concordance()
    curve = result.predict_survival(path.with_columns(site=pl.lit(0)))
    tested = proportional_hazards_test(result).table
    return [
        by_subject(result, "martingale"),
        by_subject(result, "score"),
        by_subject(result, "dfbeta"),
        result.baseline().table.select("time", "n_at_risk", "n_events", "cumulative_hazard", "se").to_numpy(),
        curve.table.select("time", "survival", "se", "lower", "upper").to_numpy().astype(float),
        np.array([concordance.concordance, concordance.se]),
        tested.select("chi_squared", "df").to_numpy().astype(float),
    ]


def assert_same(first: CoxResult, second: CoxResult) -> None:
    for left, right in zip(numbers(first), numbers(second), strict=True):
        assert_allclose(right, left, rtol=1e-6, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(cohorts(), TIES, st.booleans(), st.integers(0, 10_000), st.integers(1, 15))
def test_order_and_splits_do_not_matter(rows: pl.DataFrame, ties: str, stratified: bool, seed: int, day: int) -> None:
    options: dict[str, Any] = {"ties": ties, "strata": ["site"] if stratified else (), "weights": "copies"}
    first = fit(rows, **options)
    assume(first.n_events > 4)
    assert_same(first, fit(split_at(rows, day).sample(fraction=1.0, shuffle=True, seed=seed), **options))


@settings(max_examples=40, deadline=None)
@given(cohorts(), st.booleans())
def test_exact_score_test_is_mantel_byar(rows: pl.DataFrame, stratified: bool) -> None:
    strata = ["site"] if stratified else []
    result = fit(rows, ["allo_hct"], strata=strata)
    expected = mantel_byar(rows, strata=strata)
    assert expected.chi_squared is not None
    assert_allclose(result.exact_score_test.statistic, expected.chi_squared, rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(cohorts(), TIES)
def test_residuals_add_up(rows: pl.DataFrame, ties: str) -> None:
    result = fit(rows, ties=ties, weights="copies")
    weight = rows["copies"].to_numpy()
    assert_allclose(weight @ result.residuals("martingale")["residual"].to_numpy(), 0, atol=1e-8)
    score = result.residuals("score", weighted=True).drop("row").to_numpy()
    assert_allclose(score.sum(axis=0), 0, atol=1e-7)
    events = result.residuals("schoenfeld", weighted=True).drop("row", "stratum", "time").to_numpy()
    assert_allclose(events.sum(axis=0), 0, atol=1e-7)
    # A weight of two is two rows: dfbeta of all weights is the sum over the copies.
    assert_allclose(result.residuals("dfbeta").drop("row").to_numpy(), score @ result.variance, atol=1e-9)


def cumulative_hazard(rows: pl.DataFrame, path: pl.DataFrame, coef: Array) -> float:
    """Breslow's estimate along a path by its definition: at each event time, one over the sum of the relative risks."""
    x, risk = path.select(COVARIATES).to_numpy(), np.exp(rows.select(COVARIATES).to_numpy() @ coef)
    start, stop, event = (rows[name].to_numpy() for name in ("tstart", "tstop", "event"))
    total = 0.0
    for row, (low, high) in zip(x, path.select("tstart", "tstop").iter_rows(), strict=True):
        for time in np.unique(stop[(event == 1) & (low < stop) & (stop <= high)]):
            at_risk = (start < time) & (time <= stop)
            total += np.exp(row @ coef) * event[stop == time].sum() / risk[at_risk].sum()
    return total


@settings(max_examples=30, deadline=None)
@given(cohorts())
def test_path_against_its_definition(rows: pl.DataFrame) -> None:
    result = fit(rows, ties="breslow")
    path = pl.DataFrame({"tstart": [0, 5], "tstop": [5, 18], "age": [1.0, 2.0], "allo_hct": [0, 1]})
    last = result.predict_survival(path).table.row(-1, named=True)
    coef = result.table["coef"].to_numpy()
    assert_allclose(last["cumulative_hazard"], cumulative_hazard(rows, path, coef), rtol=1e-8)
    # The variance: Breslow's own part, and the numerical derivative by the coefficients.
    step = 1e-5
    slope = np.array(
        [
            (cumulative_hazard(rows, path, coef + h) - cumulative_hazard(rows, path, coef - h)) / (2 * step)
            for h in np.eye(2) * step
        ]
    )
    own, before = 0.0, 0.0
    for row in result.predict_survival(path).table.filter(pl.col("n_events") > 0).iter_rows(named=True):
        own += (row["cumulative_hazard"] - before) ** 2 / row["n_events"]
        before = row["cumulative_hazard"]
    expected = np.sqrt(own + slope @ result.variance @ slope)
    assert_allclose(last["se"] / last["survival"], expected, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(cohorts(), TIES, st.booleans())
def test_concordance_against_all_pairs(rows: pl.DataFrame, ties: str, stratified: bool) -> None:
    result = fit(rows, ties=ties, weights="copies", strata=["site"] if stratified else ())
    # Whole covariates: equal predictors are equal to the last digit here as well.
    coef = result.table["coef"].to_numpy()
    risk = coef[0] * rows["age"].to_numpy() + coef[1] * rows["allo_hct"].to_numpy()
    start, stop, event, weight = (rows[name].to_numpy() for name in ("tstart", "tstop", "event", "copies"))
    site = rows["site"].to_numpy() if stratified else np.zeros(rows.height)
    kinds = {"n_concordant": 0.0, "n_discordant": 0.0, "n_tied_risk": 0.0, "n_tied_time": 0.0, "n_tied_both": 0.0}
    for i in np.flatnonzero(event):
        for j in range(rows.height):
            pair = weight[i] * weight[j]
            if i == j or site[i] != site[j] or not start[j] < stop[i] <= stop[j]:
                continue
            same = abs(risk[i] - risk[j]) < 1e-9
            if event[j] and stop[j] == stop[i]:
                kinds["n_tied_both" if same else "n_tied_time"] += pair / 2
            else:
                kinds["n_tied_risk" if same else "n_concordant" if risk[i] > risk[j] else "n_discordant"] += pair
    assume(sum(list(kinds.values())[:3]) > 0)
    assert_allclose(result.concordance().table.select(list(kinds)).to_numpy().ravel(), list(kinds.values()))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-5, 5)), min_size=1, max_size=40))
def test_ranked_sums_against_all_pairs(items: list[tuple[int, float]]) -> None:
    rank, weight = np.array([r for r, _ in items]), np.array([w for _, w in items])
    found = ranked_sums(rank.astype(np.intp), weight)
    for k in range(len(items)):
        before = rank[:k]
        expected = [weight[:k][before < rank[k]].sum(), weight[:k][before == rank[k]].sum()]
        expected.append(weight[:k][before > rank[k]].sum())
        assert_allclose([values[k] for values in found], expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(cohorts(), TIES, st.floats(0.01, 100), st.floats(-1000, 1000))
def test_units_do_not_matter(rows: pl.DataFrame, ties: str, factor: float, shift: float) -> None:
    first = fit(rows, ties=ties)
    other = fit(rows.with_columns(pl.col("age") * factor + shift), ties=ties)
    scale = np.array([factor, 1.0])
    assert_allclose(by_subject(other, "martingale"), by_subject(first, "martingale"), atol=1e-6)
    assert_allclose(
        by_subject(other, "score"), by_subject(first, "score") * scale, rtol=1e-5, atol=1e-5 * factor + 1e-6
    )
    tests = [proportional_hazards_test(result).table["chi_squared"].to_numpy() for result in (first, other)]
    assert_allclose(tests[1], tests[0], rtol=1e-4, atol=1e-6)
    assert_allclose(
        other.test_terms(["age"]).table["statistic"], first.test_terms(["age"]).table["statistic"], rtol=1e-5, atol=1e-7
    )
