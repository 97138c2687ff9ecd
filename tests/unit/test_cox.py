"""What cox refuses, in which words, and what it stamps on a result."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cox
from blinreg.schemas.errors import AnalysisError, InputError


def cohort(n: int = 40, **columns: Any) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    data = {
        "patient_id": np.arange(n),
        "tstart": np.zeros(n, dtype=int),
        "tstop": rng.integers(1, 30, n),
        "event": (rng.random(n) < 0.7).astype(int),
        "age": np.round(rng.normal(45, 12, n), 1),
        "allo_hct": rng.integers(0, 2, n),
        "donor": rng.choice(["matched", "haploidentical", "cord_blood"], n),
    }
    return pl.DataFrame(data | columns)


def refusal(rows: Any, covariates: Any, kind: type[Exception] = InputError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        cox(rows, covariates, **options)
    return str(caught.value)


def test_result_is_stamped() -> None:
    result = cox(cohort(), ["age", "donor"], time_unit="months", ties="breslow", conf_level=0.9)
    assert result.table.columns == [
        "term",
        "coef",
        "se",
        "robust_se",
        "hazard_ratio",
        "lower",
        "upper",
        "z",
        "p_value",
    ]
    assert (result.ties, result.interval_type, result.conf_level, result.time_unit) == (
        "breslow",
        "wald",
        0.9,
        "months",
    )
    assert (result.n_rows, result.n_subjects, result.n_missing) == (40, 40, 0)
    assert result.reference == {"donor": "cord_blood"}
    assert result.converged
    assert result.n_iterations < 10
    assert (result.robust_variance, result.robust_score_test, result.n_clusters) == (None, None, None)
    assert result.table["robust_se"].null_count() == 3
    assert result.wald_test.df == 3
    assert result.notes == ()


def test_intervals_follow_the_standard_error_in_use() -> None:
    plain = cox(cohort(), ["age"]).table.row(0, named=True)
    clustered = cox(cohort(), ["age"], cluster="donor").table.row(0, named=True)
    width = {"plain": 1.959963984540054 * plain["se"], "robust": 1.959963984540054 * clustered["robust_se"]}
    assert plain["upper"] == pytest.approx(np.exp(plain["coef"] + width["plain"]))
    assert clustered["lower"] == pytest.approx(np.exp(plain["coef"] - width["robust"]))
    assert clustered["z"] == pytest.approx(plain["coef"] / clustered["robust_se"])
    assert clustered["se"] == plain["se"]


def test_a_death_on_the_transplant_day_is_unexposed() -> None:
    """Three patients; the second is transplanted on day 5, when the first dies: exp(b) = sqrt(3) by hand.

    Day 5 has four at risk, none exposed but the one transplanted on day 3; day 8 two,
    one exposed, who dies: 1 - e/(3+e) - e/(1+e) = 0.
    """
    rows = pl.DataFrame(
        [(1, 0, 5, 1, 0), (2, 0, 5, 0, 0), (2, 5, 6, 0, 1), (3, 0, 9, 1, 0), (4, 0, 3, 0, 0), (4, 3, 8, 1, 1)],
        schema=["patient_id", "tstart", "tstop", "event", "allo_hct"],
        orient="row",
    )
    assert cox(rows, ["allo_hct"]).table["coef"][0] == pytest.approx(np.log(3) / 2, rel=1e-12)


@pytest.mark.parametrize("kind", ["lazy", "duckdb", "pandas", "arrow"])
def test_every_kind_of_frame(kind: str) -> None:
    rows = cohort()
    given: Any = {
        "lazy": rows.lazy,
        "duckdb": lambda: duckdb.from_arrow(rows.to_arrow()),
        "pandas": rows.to_pandas,
        "arrow": rows.to_arrow,
    }[kind]()
    assert cox(given, ["age", "donor"]).table.equals(cox(rows, ["age", "donor"]).table)


def test_booleans_are_zero_and_one() -> None:
    rows = cohort()
    as_boolean = rows.with_columns(pl.col("allo_hct", "event").cast(pl.Boolean))
    assert cox(as_boolean, ["allo_hct"]).table.equals(cox(rows, ["allo_hct"]).table)


def test_enum_and_categorical_are_like_text() -> None:
    rows = cohort()
    expected = cox(rows, ["donor"]).table
    for dtype in (pl.Categorical, pl.Enum(["matched", "haploidentical", "cord_blood"])):
        assert cox(rows.with_columns(pl.col("donor").cast(dtype)), ["donor"]).table.equals(expected)


def test_one_name_may_stand_alone() -> None:
    assert cox(cohort(), "age", strata="donor").strata == ("donor",)


def test_reference_level_is_chosen() -> None:
    result = cox(cohort(), ["donor"], reference={"donor": "matched"})
    assert result.table["term"].to_list() == ["donor[cord_blood]", "donor[haploidentical]"]
    assert result.reference == {"donor": "matched"}


def test_unknown_reference_level_names_the_nearest() -> None:
    message = refusal(cohort(), ["donor"], reference={"donor": "machted"})
    assert "reference 'machted' is not a level of donor; did you mean matched?" in message


def test_reference_of_a_number() -> None:
    assert "covariate age is Float64, so it has no reference level" in refusal(
        cohort(), ["age"], reference={"age": "45"}
    )


def test_reference_of_no_covariate() -> None:
    message = refusal(cohort(), ["age", "donor"], reference={"doner": "matched"})
    assert message == "reference names doner, not among the covariates; did you mean donor?"


def test_absent_column_names_the_nearest() -> None:
    assert "no column is called alo_hct; alo_hct: did you mean allo_hct?" in refusal(cohort(), ["alo_hct"])


def test_no_covariates() -> None:
    assert refusal(cohort(), []).startswith("no covariate is named")


def test_repeated_covariate() -> None:
    assert refusal(cohort(), ["age", "age"]).startswith("covariates name age more than once")


def test_date_covariate() -> None:
    rows = cohort().with_columns(started=pl.date(2019, 1, 1))
    assert "covariate started is Date; a covariate is a number, a boolean or text" in refusal(rows, ["started"])


def test_infinite_covariate() -> None:
    rows = cohort().with_columns(age=pl.when(pl.col("patient_id") == 3).then(float("inf")).otherwise("age"))
    assert "covariate age has 1 infinite values" in refusal(rows, ["age"])


def test_text_that_identifies_is_no_covariate() -> None:
    rows = cohort(60).with_columns(name="p" + pl.col("patient_id").cast(pl.String))
    message = refusal(rows, ["name"])
    assert "covariate name has 60 different texts, more than 50" in message
    assert "p17" not in message


def test_unknown_ties() -> None:
    assert refusal(cohort(), ["age"], ties="exact") == "ties='exact' is unknown; use 'efron' or 'breslow'"


@pytest.mark.parametrize("level", [95, 0, 1, -0.5])
def test_conf_level(level: float) -> None:
    assert "conf_level must be a share strictly between 0 and 1" in refusal(cohort(), ["age"], conf_level=level)


def test_no_event() -> None:
    message = refusal(cohort(event=[0] * 40), ["age"])
    assert message.startswith("no event in 40 rows of 40 subjects (event is never 1)")


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_weights_must_be_positive(value: float) -> None:
    rows = cohort(share=[value, value] + [1.0] * 38)
    assert "weights share are not positive in 2 of 40 rows" in refusal(rows, ["age"], weights="share")


@pytest.mark.parametrize("role", ["weights", "offset"])
def test_weights_and_offset_are_numbers(role: str) -> None:
    assert f"{role} donor is String, not a number" in refusal(cohort(), ["age"], **{role: "donor"})


@pytest.mark.parametrize("role", ["weights", "offset"])
def test_weights_and_offset_are_finite(role: str) -> None:
    rows = cohort(extra=[float("inf")] + [1.0] * 39)
    assert f"{role} extra has infinite values" in refusal(rows, ["age"], **{role: "extra"})


def test_an_offset_beyond_double_precision() -> None:
    rows = cohort().with_columns(extra=pl.when(pl.col("tstop") > 15).then(0.0).otherwise(5000.0))
    assert "the offset differs between rows at risk by more" in refusal(rows, ["age"], offset="extra")


def test_one_cluster() -> None:
    message = refusal(cohort(centre=[1] * 40), ["age"], cluster="centre")
    assert message.startswith("cluster centre has one value only")


def test_missing_values_are_refused_or_counted() -> None:
    rows = cohort().with_columns(age=pl.when(pl.col("patient_id") < 3).then(None).otherwise("age"))
    assert "values are missing in 3 of 40 rows (age 3)" in refusal(rows, ["age", "allo_hct"])
    result = cox(rows, ["age", "allo_hct"], missing="complete_case")
    assert (result.n_rows, result.n_missing) == (37, 3)
    assert result.table.equals(cox(rows.drop_nulls(), ["age", "allo_hct"]).table)


def test_overlapping_rows() -> None:
    rows = cohort().with_columns(patient_id=pl.col("patient_id") // 2)
    assert "rows of one subject must not overlap" in refusal(rows, ["age"])


def test_constant_covariate() -> None:
    message = refusal(cohort(arm=[1.7] * 40), ["age", "arm"])
    assert message.startswith("the term arm is constant among those at risk whenever an event happens")
    assert refusal(cohort(arm=["a"] * 40), ["age", "arm"]).startswith("covariate arm is constant")


def test_covariate_constant_within_strata() -> None:
    rows = cohort().with_columns(risk=pl.col("allo_hct") * 0.3 + 7.1)
    assert refusal(rows, ["age", "risk"], strata=["allo_hct"]).startswith("the term risk is constant among")


def test_collinear_covariates_are_named() -> None:
    rows = cohort().with_columns(sum_of=pl.col("age") * 0.1 + pl.col("allo_hct") * 3, other=pl.col("age").sin())
    message = refusal(rows, ["other", "age", "allo_hct", "sum_of"])
    assert message == (
        "the term sum_of is a linear combination of age, allo_hct (collinear), so their effects cannot be told apart; "
        "leave out sum_of or one of age, allo_hct"
    )


def test_nearly_collinear_covariates_are_fitted() -> None:
    rng = np.random.default_rng(5)
    rows = cohort(200).with_columns(near=pl.col("age") + 1e-3 * pl.Series(rng.normal(size=200)))
    result = cox(rows, ["age", "near"])
    assert result.converged
    only = cox(rows, ["age"])
    assert result.log_likelihood.fitted >= only.log_likelihood.fitted
    # The two carry one effect between them.
    assert result.table["coef"].sum() == pytest.approx(only.table["coef"][0], abs=0.02)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_monotone_likelihood_is_named(ties: str) -> None:
    rows = cohort().with_columns(flag=((pl.col("event") == 1) & (pl.col("patient_id") % 3 == 0)).cast(pl.Int64))
    # No event among the flagged: the coefficient of flag goes to minus infinity.
    rows = rows.with_columns(event=pl.when(pl.col("flag") == 1).then(0).otherwise("event"))
    message = refusal(rows, ["age", "flag", "allo_hct"], AnalysisError, ties=ties)
    assert message.startswith("the estimate of flag is infinite (monotone likelihood)")
    assert "join levels, leave it out" in message


def test_monotone_likelihood_of_a_level() -> None:
    rows = cohort().with_columns(event=pl.when(pl.col("donor") == "haploidentical").then(0).otherwise("event"))
    message = refusal(rows, ["donor", "age"], AnalysisError)
    assert re.match(r"the estimate of donor\[haploidentical\] is infinite", message)


def test_rare_but_finite_effects_are_fitted() -> None:
    rows = pl.DataFrame(
        {
            "patient_id": range(2000),
            "tstart": [0] * 2000,
            "tstop": [i % 400 + 1 for i in range(2000)],
            "event": [1] * 1000 + [0] * 998 + [1, 0],
            "rare": [0] * 1000 + [1] * 1000,
        }
    )
    result = cox(rows, ["rare"])
    assert -9 < result.table["coef"][0] < -5
    assert result.table["se"][0] == pytest.approx(1.0, abs=0.05)


def test_repeated_events_without_cluster_are_noted() -> None:
    rows = pl.DataFrame(
        {
            "patient_id": [1, 1, 2, 2, 3, 4, 5],
            "tstart": [0, 4, 0, 6, 0, 0, 0],
            "tstop": [4, 9, 6, 8, 7, 5, 9],
            "event": [1, 1, 1, 1, 1, 0, 0],
            "age": [30, 30, 45, 45, 41, 56, 39],
        }
    )
    assert cox(rows, ["age"]).notes == (
        "2 subjects have more than one event and no cluster is named: "
        "the standard errors take their events as independent",
    )
    assert cox(rows, ["age"], cluster="patient_id").notes == ()


def test_sampling_weights_without_cluster_are_noted() -> None:
    rows = cohort(share=[0.5, 1.5] * 20)
    assert len(cox(rows, ["age"], weights="share").notes) == 1
    assert cox(rows, ["age"], weights="share", cluster="patient_id").notes == ()


def test_large_values_need_no_centring_by_the_caller() -> None:
    rows = cohort()
    shifted = rows.with_columns(age=pl.col("age") + 1e7)
    assert_allclose(cox(shifted, ["age"]).table["coef"], cox(rows, ["age"]).table["coef"], rtol=1e-6)


def test_units_far_apart_do_not_cost_the_wald_test_its_degrees_of_freedom() -> None:
    rows = cohort()
    result = cox(rows, ["age", "allo_hct"], cluster="donor")
    wild = cox(rows.with_columns(pl.col("age") * 1e-9, pl.col("allo_hct") * 1e9), ["age", "allo_hct"], cluster="donor")
    assert wild.wald_test.df == result.wald_test.df == 2
    assert wild.wald_test.statistic == pytest.approx(result.wald_test.statistic, rel=1e-8)


def test_fewer_clusters_than_terms_cost_degrees_of_freedom() -> None:
    rows = cohort(site=[0, 1] * 20)
    result = cox(rows, ["age", "allo_hct"], cluster="site")
    assert result.wald_test.df == 1
    assert result.likelihood_ratio_test.df == 2
    assert result.n_clusters == 2


def test_plot_has_a_line_for_each_term() -> None:
    axes = cox(cohort(), ["age", "allo_hct"]).plot()
    texts = [label.get_text() for label in axes.get_yticklabels()] + [text.get_text() for text in axes.texts]
    assert any("allo_hct" in text for text in texts)
