"""What logistic refuses, in which words, and what it stamps on a result."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import logistic
from blinreg.schemas.errors import AnalysisError, InputError


def cohort(n: int = 60, **columns: Any) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    age = np.round(rng.normal(45, 12, n), 1)
    data = {
        "responded": rng.random(n) < 1 / (1 + np.exp(0.05 * (age - 45))),
        "age": age,
        "ph_positive": rng.random(n) < 0.4,
        "sex": rng.choice(["female", "male"], n),
    }
    return pl.DataFrame(data | columns)


def refusal(rows: Any, covariates: Any, kind: type[Exception] = InputError, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        logistic(rows, options.pop("outcome", "responded"), covariates, **options)
    return str(caught.value)


def test_result_is_stamped() -> None:
    result = logistic(cohort(), "responded", ["age", "sex"], conf_level=0.9)
    assert result.table.columns == ["term", "coef", "se", "odds_ratio", "lower", "upper", "z", "p_value"]
    assert result.table["term"].to_list() == ["(intercept)", "age", "sex[male]"]
    assert (result.interval_type, result.conf_level, result.reference) == ("wald", 0.9, {"sex": "female"})
    assert (result.n_rows, result.n_events) == (60, int(cohort()["responded"].sum()))
    assert result.likelihood_ratio_test.df == result.wald_test.df == 2
    assert result.converged


def test_two_by_two_table_by_hand() -> None:
    """Cells 10 5 / 4 12: odds ratio 10*12/(5*4) = 6, variance 1/10 + 1/5 + 1/4 + 1/12."""
    rows = pl.DataFrame({"y": [1] * 10 + [0] * 5 + [1] * 4 + [0] * 12, "x": [1] * 15 + [0] * 16})
    row = logistic(rows, "y", ["x"]).table.row(1, named=True)
    assert row["odds_ratio"] == pytest.approx(6, rel=1e-12)
    assert row["se"] == pytest.approx(np.sqrt(1 / 10 + 1 / 5 + 1 / 4 + 1 / 12), rel=1e-12)


def test_units_of_a_covariate() -> None:
    first = logistic(cohort(), "responded", ["age", "sex"])
    other = logistic(cohort().with_columns(pl.col("age") * 12 + 500), "responded", ["age", "sex"])
    slope, shifted = first.table["coef"], other.table["coef"]
    assert shifted[1] * 12 == pytest.approx(slope[1], rel=1e-9)
    assert shifted[0] + shifted[1] * 500 == pytest.approx(slope[0], rel=1e-9)
    assert other.log_likelihood.fitted == pytest.approx(first.log_likelihood.fitted, rel=1e-12)


@pytest.mark.parametrize("outcome", [0, 1])
def test_outcome_that_never_varies(outcome: int) -> None:
    assert refusal(cohort(responded=[outcome] * 60), ["age"]).startswith(
        f"outcome responded is {outcome} in all 60 rows"
    )


def test_outcome_of_text() -> None:
    assert "outcome sex is String; an outcome is a boolean, or 1 and 0" in refusal(cohort(), ["age"], outcome="sex")


def test_outcome_of_other_numbers() -> None:
    message = refusal(cohort(grade=[0, 1, 2] * 20), ["age"], outcome="grade")
    assert message.startswith("outcome grade is neither 0 nor 1 in 20 of 60 rows")


def test_complete_separation_is_named() -> None:
    rows = cohort().with_columns(score=pl.col("responded").cast(pl.Float64) * 3 + pl.col("age") / 100)
    message = refusal(rows, ["score"], AnalysisError)
    assert message.startswith("the estimate of score is infinite (separation)")


def test_quasi_separation_is_named() -> None:
    rows = cohort().with_columns(ph_positive=pl.col("ph_positive") & pl.col("responded"))
    message = refusal(rows, ["age", "ph_positive", "sex"], AnalysisError)
    assert message.startswith("the estimate of ph_positive is infinite (separation)")


def test_constant_and_collinear_terms() -> None:
    assert refusal(cohort(one=[1] * 60), ["age", "one"]).startswith("the term one is constant in all rows")
    rows = cohort().with_columns(months=pl.col("age") * 12 + 3)
    assert refusal(rows, ["age", "sex", "months"]).startswith("the term months is a linear combination of age (")


def test_missing_values_are_refused_or_counted() -> None:
    rows = cohort().with_columns(responded=pl.when(pl.col("age") < 35).then(None).otherwise("responded"))
    n_missing = rows["responded"].null_count()
    assert f"values are missing in {n_missing} of 60 rows (responded {n_missing})" in refusal(rows, ["age"])
    assert logistic(rows, "responded", ["age"], missing="complete_case").n_missing == n_missing


def test_plot_leaves_the_intercept_out() -> None:
    axes = logistic(cohort(), "responded", ["age", "sex"]).plot()
    texts = [label.get_text() for label in axes.get_yticklabels()] + [text.get_text() for text in axes.texts]
    assert any("age" in text for text in texts)
    assert not any("intercept" in text for text in texts)
