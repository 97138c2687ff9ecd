"""Newton-Raphson: where it stops, and how it says that it cannot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from blinreg.analyses.newton import Evaluation, Maximum, inverse, maximise, of_matrix
from blinreg.schemas.errors import AnalysisError

Array = NDArray[np.float64]


def accept(*_: object) -> None:
    """Find nothing wrong."""


def climb(evaluate: Callable[[Array], Evaluation], matrix: Array) -> Maximum:
    return maximise(evaluate, n_terms=matrix.shape[1], reach=of_matrix(matrix), check_start=accept, check_flat=accept)


def test_a_step_that_overshoots_is_halved() -> None:
    """-log cosh is concave, but full steps from a start this far out diverge."""

    def evaluate(coef: Array) -> Evaluation:
        at = coef - 2.0
        value = -float(np.logaddexp(at, -at)[0])
        return Evaluation(value, -np.tanh(at), np.diag(1 / np.cosh(at) ** 2))

    found = climb(evaluate, np.ones((1, 1)))
    assert found.coef[0] == pytest.approx(2.0, rel=1e-12)
    assert found.converged


def test_without_a_maximum_it_says_so() -> None:
    """log(1 + b) rises for ever and never becomes flat in units of its own curvature."""

    def evaluate(coef: Array) -> Evaluation:
        return Evaluation(float(np.log1p(coef[0])), 1 / (1 + coef), np.diag(1 / (1 + coef) ** 2))

    with pytest.raises(AnalysisError, match="did not converge in 60 Newton steps; look for terms"):
        climb(evaluate, np.ones((1, 1)))


def test_information_that_vanishes_on_the_way() -> None:
    def evaluate(coef: Array) -> Evaluation:
        information = np.array([[1.0, 0.0], [0.0, 1.0]]) if not coef.any() else np.array([[1.0, 1.0], [1.0, 1.0]])
        return Evaluation(float(coef.sum()), np.ones(2), information)

    with pytest.raises(AnalysisError, match="the information matrix became singular during the fit"):
        climb(evaluate, np.eye(2))


def test_inverse_of_badly_scaled_information() -> None:
    scale = np.array([1e-8, 1.0, 1e9])
    correlation = np.array([[1.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 1.0]])
    found = inverse(correlation * np.outer(scale, scale))
    assert found * np.outer(scale, scale) == pytest.approx(np.linalg.inv(correlation), rel=1e-12)
    assert (found == found.T).all()


def test_a_step_is_no_longer_than_relative_risks_can_be() -> None:
    """A slope with hardly any curvature points 1e9 away; the predictor moves by 10 at a time."""
    visited: list[float] = []

    def evaluate(coef: Array) -> Evaluation:
        visited.append(float(coef[0]))
        at = coef[0] - 35.0
        return Evaluation(-at * at, np.array([-2 * at]), np.array([[1e-9]]))

    found = climb(evaluate, np.array([[2.0], [-1.0]]))
    assert visited[:8] == [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]
    assert found.coef[0] == 35.0
