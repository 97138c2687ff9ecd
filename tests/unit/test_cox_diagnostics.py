"""What the methods of a fitted Cox model refuse, in which words, and what they stamp on their results."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cox, proportional_hazards_test
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.analyses.plotting.residuals import natural_spline, smooth_residuals
from blinreg.schemas.errors import AnalysisError, InputError


def cohort(n: int = 60, **columns: Any) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    data = {
        "patient_id": [f"p{i:03d}" for i in range(n)],
        "tstart": np.zeros(n),
        "tstop": rng.integers(1, 40, n).astype(float),
        "event": (rng.random(n) < 0.7).astype(int),
        "age": np.round(rng.normal(45, 12, n), 1),
        "allo_hct": rng.integers(0, 2, n),
        "donor": rng.choice(["matched", "haploidentical", "cord_blood"], n),
        "site": rng.choice(["a", "b"], n),
    }
    return pl.DataFrame(data | columns)


@pytest.fixture
def fit() -> CoxResult:
    return cox(cohort(), ["age", "allo_hct"])


def path(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"tstart": [0, 10], "tstop": [10, 30], "age": [50, 50], "allo_hct": [0, 1]} | columns)


def test_a_fit_keeps_arrays_of_its_own_not_the_frame() -> None:
    rows = cohort()
    alive = weakref.ref(rows)
    result = cox(rows, ["age"])
    del rows
    gc.collect()
    assert alive() is None
    assert result.residuals().height == 60


@pytest.mark.parametrize(
    "method",
    [
        lambda r: r.residuals(),
        lambda r: r.baseline(),
        lambda r: r.predict_survival(path()),
        lambda r: r.concordance(),
        lambda r: r.exact_score_test,
        lambda r: r.test_terms(["age"]),
        proportional_hazards_test,
    ],
)
def test_a_fit_without_rows_says_how_to_have_them(method: Any) -> None:
    result = cox(cohort(), ["age", "allo_hct"], keep_rows=False)
    with pytest.raises(InputError, match=r"kept no rows.*keep_rows=True"):
        method(result)
    assert result.contrast({"age": 10}).table.height == 1
    assert result.test_terms(["age", "allo_hct"]).score_test == result.score_test


def test_many_rows_are_kept_on_request_only() -> None:
    n = 50_000
    rows = cohort(n, patient_id=np.arange(n))
    assert cox(rows, ["age"]).kept is None
    kept = cox(rows, ["age"], keep_rows=True)
    assert kept.residuals().height == n
    assert_allclose(kept.table["coef"], cox(rows, ["age"]).table["coef"], rtol=1e-9)


def test_results_are_stamped() -> None:
    result = cox(cohort(), ["age", "allo_hct"], ties="breslow", time_unit="months", cluster="site", conf_level=0.9)
    baseline, curve = result.baseline(), result.predict_survival(path())
    assert (baseline.ties, baseline.time_unit, baseline.variance_type, baseline.n) == (
        "breslow",
        "months",
        "robust",
        60,
    )
    assert (curve.ties, curve.time_unit, curve.conf_level, curve.conf_type) == ("breslow", "months", 0.9, "log-log")
    assert curve.variance_type == "robust"
    assert (result.concordance().variance_by, result.concordance().conf_level) == ("site", 0.9)
    test = proportional_hazards_test(result)
    assert (test.transform, test.ties, test.n_events, test.time_unit) == ("km", "breslow", result.n_events, "months")
    assert result.contrast({"age": 1}).variance_type == "robust"


def test_residuals_by_subject_carry_the_ids(fit: CoxResult) -> None:
    found = fit.residuals("dfbeta", by="id")
    assert found.columns == ["patient_id", "age", "allo_hct"]
    assert found["patient_id"].to_list() == [f"p{i:03d}" for i in range(60)]
    assert fit.residuals("dfbeta").columns == ["row", "age", "allo_hct"]


def test_ids_that_are_codes() -> None:
    rows = cohort().with_columns(pl.col("patient_id").cast(pl.Categorical))
    found = cox(rows.reverse(), ["age"]).residuals(by="id").with_columns(pl.col("patient_id").cast(pl.String))
    expected = cox(cohort(), ["age"]).residuals(by="id")
    assert_allclose(found.sort("patient_id")["residual"], expected["residual"], atol=1e-12)


def test_rows_left_out_have_no_residual() -> None:
    rows = cohort().with_columns(age=pl.when(pl.col("patient_id") < "p003").then(None).otherwise("age"))
    found = cox(rows, ["age"], missing="complete_case").residuals(by="id")
    assert found["patient_id"].to_list() == [f"p{i:03d}" for i in range(3, 60)]


def test_a_term_called_like_a_column_of_the_residuals_keeps_its_name() -> None:
    rows = cohort().rename({"age": "time"})
    found = cox(rows, ["time"]).residuals("schoenfeld")
    assert found.columns == ["row", "stratum", "time_", "time"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "pearson"}, "kind='pearson' is unknown"),
        ({"by": "site"}, "by='site' is unknown"),
        ({"kind": "schoenfeld", "by": "id"}, "Schoenfeld residuals are one an event"),
    ],
)
def test_residuals_refused(fit: CoxResult, options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit.residuals(**options)


def test_baseline_at_the_mean_leaves_indicators_at_zero(fit: CoxResult) -> None:
    baseline = fit.baseline(at="mean")
    assert baseline.values["allo_hct"] == 0
    assert baseline.values["age"] == pytest.approx(float(cohort()["age"].to_numpy().mean()))
    ratio = baseline.table["cumulative_hazard"] / fit.baseline().table["cumulative_hazard"]
    assert_allclose(ratio, np.exp(baseline.values["age"] * fit.table["coef"][0]), rtol=1e-10)
    with pytest.raises(InputError, match="at='median' is unknown"):
        fit.baseline(at="median")  # type: ignore[arg-type]


def test_large_covariates_do_not_spoil_the_baseline() -> None:
    far = cox(cohort().with_columns(pl.col("age") + 1000), ["age"])
    near = cox(cohort(), ["age"])
    factor = np.exp(-1000 * near.table["coef"][0])
    assert_allclose(far.baseline().table["hazard"], near.baseline().table["hazard"] * factor, rtol=1e-6)


def test_a_stratum_without_an_event_has_no_baseline() -> None:
    rows = cohort().with_columns(event=pl.when(pl.col("site") == "b").then(0).otherwise("event"))
    result = cox(rows, ["age"], strata="site")
    assert result.baseline().table["stratum"].unique().to_list() == ["a"]
    flat = result.predict_survival(pl.DataFrame({"tstart": [0], "tstop": [20], "age": [50], "site": ["b"]}))
    assert flat.table["survival"].to_list() == [1.0]


def test_a_path_ends_where_it_or_the_follow_up_ends(fit: CoxResult) -> None:
    short = fit.predict_survival(path(tstop=[10.0, 20.5])).table
    assert short["time"][-1] == 20.5
    assert short["n_events"][-1] == 0
    long = fit.predict_survival(path(tstop=[10, 5000])).table
    assert long["time"][-1] == cohort()["tstop"].max()


def test_a_later_start_is_conditional(fit: CoxResult) -> None:
    whole = fit.predict_survival(path()).at([10, 30])["survival"]
    later = fit.predict_survival(path()[1:])
    assert later.start["start"].to_list() == [10.0]
    read = later.at([5, 10, 30])["survival"]
    assert read[0] is None
    assert read[1] == 1.0
    assert read[2] == pytest.approx(whole[1] / whole[0], rel=1e-12)


def test_several_paths(fit: CoxResult) -> None:
    both = pl.concat([path(who=["late"] * 2), path(who=["never"] * 2, allo_hct=[0, 0])])
    found = fit.predict_survival(both.sample(fraction=1.0, shuffle=True, seed=2), by="who")
    assert found.start["group"].to_list() == ["late", "never"]
    alone = fit.predict_survival(path()).table
    assert_allclose(found.table.filter(pl.col("group") == "late")["survival"], alone["survival"], rtol=1e-14)
    axes = found.plot(title="Predicted", note="Synthetic data")
    assert axes.get_ylabel() == "Predicted survival"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"tstart": [0, 12]}, "1 overlap or leave a gap"),
        ({"tstart": [0, 8]}, "1 overlap or leave a gap"),
        ({"tstop": [10, 10]}, "tstop must be after the start: 1 rows"),
        ({"age": [50, None]}, "values are missing in 1 of 2 rows"),
        ({"age": ["old", "old"]}, "covariate age is text in the path"),
    ],
)
def test_paths_refused(fit: CoxResult, columns: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit.predict_survival(path(**columns))


def test_a_path_needs_known_levels_strata_and_the_offset() -> None:
    result = cox(cohort(known=np.zeros(60)), ["donor"], strata="site", offset="known")
    base: dict[str, Any] = {"tstart": [0], "tstop": [9], "donor": ["matched"], "site": ["a"], "known": [0.0]}
    assert result.predict_survival(pl.DataFrame(base)).table["stratum"][0] == "a"
    with pytest.raises(InputError, match="'machted' is not a level of donor in the fit; did you mean matched"):
        result.predict_survival(pl.DataFrame(base | {"donor": ["machted"]}))
    with pytest.raises(InputError, match="stratum z was not in the fit"):
        result.predict_survival(pl.DataFrame(base | {"site": ["z"]}))
    with pytest.raises(InputError, match="no column is called known"):
        result.predict_survival(pl.DataFrame(base).drop("known"))


def test_the_offset_of_a_path_multiplies_its_hazard() -> None:
    result = cox(cohort(known=np.tile([0.0, 0.5, 1.0], 20)), ["age"], offset="known")
    base: dict[str, Any] = {"tstart": [0], "tstop": [30], "age": [50]}
    zero, one = (result.predict_survival(pl.DataFrame(base | {"known": [k]})).table for k in (0.0, 1.0))
    assert_allclose(one["cumulative_hazard"] / zero["cumulative_hazard"], np.e, rtol=1e-12)


@pytest.mark.parametrize("transform", ["km", "rank", "identity", "log"])
def test_plot_of_the_proportional_hazards_test(transform: Any) -> None:
    test = proportional_hazards_test(cox(cohort(), ["donor", "age"]), transform=transform)
    assert test.table["term"].to_list() == ["donor", "age", "GLOBAL"]
    assert test.table["df"].to_list() == [2, 1, 3]
    assert test.flat["donor"] == 1.0
    axes = test.plot(term="age", title="Age")
    assert axes.get_ylabel() == "Coefficient of age"
    assert "Proportional hazards: P" in axes.texts[0].get_text()
    assert test.plot().get_ylabel() == "Effect of donor (fitted = 1)"
    assert len(axes.get_lines()[0].get_xdata()) == test.n_events  # type: ignore[arg-type]


def test_proportional_hazards_refused(fit: CoxResult) -> None:
    with pytest.raises(InputError, match="transform='sqrt' is unknown"):
        proportional_hazards_test(fit, transform="sqrt")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="per='row' is unknown"):
        proportional_hazards_test(fit, per="row")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'ages' is not a term of the test; did you mean age"):
        proportional_hazards_test(fit).plot(term="ages")
    early = cox(cohort().with_columns(pl.col("tstart", "tstop") - 10), ["age"])
    with pytest.raises(InputError, match="rows stop at or before time 0"):
        proportional_hazards_test(early, transform="log")
    once = cox(cohort(tstop=np.full(60, 7.0)), ["age"])
    with pytest.raises(InputError, match="all events are at one time"):
        proportional_hazards_test(once)


def test_a_covariate_that_varies_at_one_event_time_has_no_test() -> None:
    rows = pl.DataFrame(
        {
            "patient_id": range(8),
            "tstop": [1.0, 2, 3, 4, 5, 6, 7, 8],
            "event": [0, 1, 1, 1, 1, 1, 1, 1],
            "age": [3.0, 5, 1, 4, 2, 6, 3, 1],
            "early": [1, 0, 0, 0, 0, 0, 0, 0],
        }
    )
    # Two at day 1: one event each way, so that the estimate is finite; none of them later.
    more = pl.DataFrame({"patient_id": [8, 9], "tstop": [1.0, 1.0], "event": [1, 1], "age": [2.0, 4], "early": [1, 0]})
    result = cox(pl.concat([rows, more]), ["age", "early"], start=None)
    row = proportional_hazards_test(result).table.filter(pl.col("term") == "early").row(0, named=True)
    assert (row["chi_squared"], row["df"], row["p_value"]) == (None, 0, None)
    assert proportional_hazards_test(result).table["df"].to_list() == [1, 0, 1]


def test_a_covariate_constant_in_a_stratum_has_no_residual_there() -> None:
    rows = cohort().with_columns(allo_hct=pl.when(pl.col("site") == "b").then(0).otherwise("allo_hct"))
    test = proportional_hazards_test(cox(rows, ["age", "allo_hct"], strata="site"))
    where = test.residuals.group_by("stratum").agg(pl.col("allo_hct").null_count()).sort("stratum")
    counts = test.residuals["stratum"].value_counts().sort("stratum")["count"].to_list()
    assert where["allo_hct"].to_list() == [0, counts[1]]
    assert test.plot(term="allo_hct").get_ylabel() == "Coefficient of allo_hct"


def test_a_smooth_needs_event_times(fit: CoxResult) -> None:
    test = proportional_hazards_test(fit)
    with pytest.raises(InputError, match="at least 2 degrees of freedom"):
        smooth_residuals(test, "age", df=1)
    with pytest.raises(InputError, match="too few for 40 degrees of freedom"):
        smooth_residuals(test, "age", df=40)


def test_natural_splines_are_linear_beyond_the_knots() -> None:
    knots = np.array([0.0, 1.0, 2.0, 4.0])
    outside = natural_spline(np.array([4.0, 5.0, 6.0]), knots)
    assert_allclose(outside[2] - outside[1], outside[1] - outside[0], atol=1e-12)
    assert np.linalg.matrix_rank(natural_spline(np.linspace(0, 4, 9), knots)) == 4


def test_no_comparable_pair() -> None:
    rows = pl.DataFrame({"patient_id": [1, 2, 3, 4], "tstart": [0, 0, 5, 5], "tstop": [5, 5, 9, 9]})
    rows = rows.with_columns(event=pl.Series([1, 1, 1, 1]), age=pl.Series([1.0, 2.0, 3.0, 5.0]))
    # Everybody at risk has the event at once; only ties are left.
    with pytest.raises(InputError, match="no pair is comparable"):
        cox(rows.with_columns(age=pl.col("age")), ["age"], ties="breslow").concordance()


def test_contrasts() -> None:
    result = cox(cohort(), ["donor", "age"], reference={"donor": "matched"})
    levels = result.contrast({"donor[haploidentical]": 1, "donor[cord_blood]": -1})
    assert levels.table["contrast"].to_list() == ["- donor[cord_blood] + donor[haploidentical]"]
    other = cox(cohort(), ["donor", "age"], reference={"donor": "cord_blood"}).table
    expected = other.filter(pl.col("term") == "donor[haploidentical]")
    found = levels.table.row(0, named=True)
    for ours, theirs in {"estimate": "coef", "se": "se", "lower": "lower", "p_value": "p_value"}.items():
        assert found[ours] == pytest.approx(expected[theirs][0], rel=1e-8)
    both = result.contrast(np.array([[1.0, 0, 0], [0, 1, 0]]))
    assert both.wald_test == result.test_terms(["donor"]).wald_test
    twice = result.contrast([{"age": 1}, {"age": 10}])
    assert twice.wald_test.df == 1
    assert twice.table["contrast"].to_list() == ["age", "10 age"]


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"agee": 1}, "'agee' is not a term of the fit; did you mean age"),
        ({"age": 0}, "finite weights that are not all zero"),
        ([], "finite weights that are not all zero"),
        ({"age": float("nan")}, "finite weights that are not all zero"),
        (np.ones((1, 3)), r"weights of shape \(1, 3\) do not fit 2 terms"),
    ],
)
def test_contrasts_refused(fit: CoxResult, weights: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fit.contrast(weights)


def test_joint_tests_take_covariates_or_terms() -> None:
    result = cox(cohort(), ["donor", "age"])
    named = result.test_terms(["donor"])
    assert named.terms == ("donor[haploidentical]", "donor[matched]")
    assert named.table.equals(result.test_terms(["donor[matched]", "donor[haploidentical]"]).table)
    assert named.table["test"].to_list() == ["wald", "score", "likelihood_ratio"]
    without = cox(cohort(), ["age"])
    gain = 2 * (result.log_likelihood.fitted - without.log_likelihood.fitted)
    assert named.likelihood_ratio_test.statistic == pytest.approx(gain, rel=1e-9)
    with pytest.raises(InputError, match="'dono' is not a term of the fit; did you mean donor"):
        result.test_terms(["dono"])
    with pytest.raises(InputError, match="no term is named"):
        result.test_terms([])


def test_a_clustered_fit_tests_terms_by_the_robust_variance() -> None:
    result = cox(cohort(), ["donor", "age"], cluster="patient_id")
    found = result.test_terms(["age"])
    row = result.table.filter(pl.col("term") == "age").row(0, named=True)
    assert found.wald_test.statistic == pytest.approx((row["coef"] / row["robust_se"]) ** 2, rel=1e-12)
    assert found.variance_type == "robust"


@pytest.mark.parametrize("option", ["weights", "offset"])
def test_no_exact_score_test_of_weights_or_offset(option: str) -> None:
    rows = cohort(extra=np.tile([1.0, 2.0], 30))
    with pytest.raises(InputError, match="not defined for a fit with weights or an offset"):
        _ = cox(rows, ["age"], **{option: "extra"}).exact_score_test  # type: ignore[arg-type]


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("n", [2_000, 60_000])
@pytest.mark.parametrize("options", [{}, {"strata": ["site"]}, {"cluster": "patient_id"}])
def test_monotone_likelihood_is_named_in_every_way_to_fit(n: int, ties: Any, options: Any) -> None:
    rows = cohort(n, patient_id=np.arange(n), flag=(np.arange(n) % 7 == 0).astype(int))
    rows = rows.with_columns(event=pl.when(pl.col("flag") == 1).then(0).otherwise("event"))
    with pytest.raises(AnalysisError, match=r"the estimate of flag is infinite \(monotone likelihood\)"):
        cox(rows, ["age", "flag", "allo_hct"], ties=ties, **options)
