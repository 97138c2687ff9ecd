"""Terms of a design: names, order, contrasts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from blinreg.analyses.design import build_design, standardise

FRAME = pl.DataFrame(
    {
        "age": [30, 40, 50, 60],
        "sex": ["male", "female", "male", "female"],
        "donor": ["cord_blood", "matched", "haploidentical", "matched"],
    }
)


def test_interaction_of_factors_has_the_first_factors_levels_fastest() -> None:
    """R: model.matrix(~ donor:sex) names donorhaploidentical:sexmale before donormatched:sexmale."""
    design = build_design(FRAME, ["donor:sex", "age"])
    assert design.terms == ("donor[haploidentical]:sex[male]", "donor[matched]:sex[male]", "age")
    assert design.matrix.tolist() == [[0, 0, 30], [0, 0, 40], [1, 0, 50], [0, 0, 60]]
    assert design.reference == {"donor": "cord_blood", "sex": "female"}


def test_three_way_interaction_of_numbers() -> None:
    frame = FRAME.with_columns(a=pl.Series([1, 2, 3, 4]), b=pl.Series([True, False, True, True]))
    design = build_design(frame, ["age:a:b"])
    assert design.terms == ("age:a:b",)
    assert design.matrix.ravel().tolist() == [30, 0, 150, 240]


def test_reference_of_a_covariate_in_an_interaction_only() -> None:
    assert build_design(FRAME, ["age:sex"], reference={"sex": "male"}).terms == ("age:sex[female]",)


def test_constant_columns_become_exactly_zero() -> None:
    matrix = np.column_stack([np.full(7, 0.1), np.arange(7.0), np.full(7, 1e300)])
    scaled, scale = standardise(matrix)
    assert (scaled[:, [0, 2]] == 0).all()
    assert scale.tolist() == [1.0, 2.0, 1.0]
    assert np.mean(scaled[:, 1] ** 2) == pytest.approx(1.0, rel=1e-14)


def test_columns_are_centred_within_strata() -> None:
    scaled, scale = standardise(np.array([[1.0], [3.0], [10.0], [14.0]]), np.array([0, 0, 1, 1]), n_strata=2)
    assert (scaled * scale).ravel().tolist() == [-1.0, 1.0, -2.0, 2.0]
