"""Weighted sums of Cox coefficients, and tests of several terms together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.cox_regression.fit import fit_cox
from blinreg.analyses.cox_regression.kept import KeptRows
from blinreg.analyses.cox_regression.likelihood import CoxLikelihood
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.inference import ChiSquared, chi_squared, quadratic_test, wald_columns
from blinreg.analyses.proportional_hazards import covariate_groups
from blinreg.schemas.errors import InputError, nearest

if TYPE_CHECKING:
    from blinreg.analyses.cox_regression.result import CoxResult

Weights = Mapping[str, float] | Sequence[Mapping[str, float]] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CoxContrasts:
    """Weighted sums of coefficients.

    Attributes
    ----------
    table : polars.DataFrame
        contrast (the sum written out), estimate (log hazard ratio), se, hazard_ratio, lower, upper, z, p_value.
    variance : ndarray, shape (k, k)
        Covariance of the estimates.
    wald_test : ChiSquared
        All contrasts zero; contrasts that follow from each other cost no degree of freedom.
    n, n_events : int
    ties : str
    variance_type : str
        "model" or "robust".
    interval_type : str
        "wald".
    conf_level : float
    """

    table: pl.DataFrame
    variance: Array
    wald_test: ChiSquared
    n: int
    n_events: int
    ties: str
    variance_type: str
    interval_type: str
    conf_level: float


@dataclass(frozen=True, slots=True, eq=False)
class TermTests:
    """Tests that several coefficients are zero, given the other terms.

    Attributes
    ----------
    table : polars.DataFrame
        test ("wald", "score", "likelihood_ratio"), statistic, df, p_value.
    terms : tuple of str
        The coefficients tested.
    wald_test : ChiSquared
        With the robust variance where there is one.
    score_test, likelihood_ratio_test : ChiSquared
        Rows taken as independent.
    variance_type : str
        "model" or "robust", of the Wald test.
    n, n_events : int
    ties : str
    """

    table: pl.DataFrame
    terms: tuple[str, ...]
    wald_test: ChiSquared
    score_test: ChiSquared
    likelihood_ratio_test: ChiSquared
    variance_type: str
    n: int
    n_events: int
    ties: str


def cox_contrast(result: CoxResult, weights: Weights) -> CoxContrasts:
    r"""Estimate weighted sums of the coefficients of a Cox model.

    Parameters
    ----------
    result : CoxResult
        A fitted model.
    weights : mapping, sequence of mappings, or array (k, p)
        ``{"donor[haploidentical]": 1, "donor[matched]": -1}`` compares two levels. Terms not named
        have weight 0; the columns of an array are the terms in the order of the result's table.

    Returns
    -------
    CoxContrasts

    Raises
    ------
    InputError
        An unknown term, weights that are all zero or not finite, an array of another shape.

    Notes
    -----
    Estimate c'b, variance c' V c, V the robust variance of a clustered fit. R:
    ``c %*% coef(fit)`` and ``c %*% vcov(fit) %*% c``; ``multcomp::glht(fit, linfct = c)`` without adjustment.

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": range(6), "tstop": [1, 2, 3, 4, 5, 6], "event": [1] * 6,
    ...                      "age": [5.0, 3.0, 4.0, 1.0, 3.0, 2.0]})
    >>> fit = cox(rows, ["age"], start=None)
    >>> ten_years = fit.contrast({"age": 10})
    >>> ten_years.table["contrast"][0], bool(ten_years.table["estimate"][0] == 10 * fit.table["coef"][0])
    ('10 age', True)
    """
    terms = result.table["term"].to_list()
    matrix = _matrix(weights, terms)
    estimate = matrix @ result.table["coef"].to_numpy()
    variance = matrix @ result.used_variance @ matrix.T
    se = np.sqrt(np.maximum(np.diag(variance), 0.0))
    columns = wald_columns(estimate, se, ratio_name="hazard_ratio", conf_level=result.conf_level)
    return CoxContrasts(
        table=pl.DataFrame(
            {"contrast": [_written(row, terms) for row in matrix], "estimate": estimate, "se": se} | columns
        ),
        variance=variance,
        wald_test=quadratic_test(estimate, variance),
        n=result.n_subjects,
        n_events=result.n_events,
        ties=result.ties,
        variance_type=_variance_type(result),
        interval_type="wald",
        conf_level=result.conf_level,
    )


def joint_test(result: CoxResult, terms: Sequence[str]) -> TermTests:
    r"""Test several terms of a Cox model together.

    Parameters
    ----------
    result : CoxResult
        A fitted model.
    terms : sequence of str
        Terms as in the result's table, or covariates: ``"donor"`` stands for all its levels.

    Returns
    -------
    TermTests

    Raises
    ------
    InputError
        An unknown or no term; the fit kept no rows, which score and likelihood-ratio test need
        (``contrast`` gives the Wald test without them).
    AnalysisError
        The model without the terms has an infinite estimate (monotone likelihood), named by term.

    Notes
    -----
    Wald: b' V^-1 b of the terms. Score: U' I^-1 U at the maximum of the model without them.
    Likelihood ratio: twice the difference to that model. The last two take rows as independent: in a
    clustered fit read the Wald test. R: ``anova(without, fit)`` for the likelihood ratio; the score test is
    ``coxph(..., init = c(coef(without), 0), iter = 0)$score``.

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": range(6), "tstop": [1, 2, 3, 4, 5, 6], "event": [1] * 6,
    ...                      "age": [5.0, 3.0, 4.0, 1.0, 3.0, 2.0]})
    >>> fit = cox(rows, ["age"], start=None)
    >>> fit.test_terms(["age"]).score_test == fit.score_test
    True
    """
    names = result.table["term"].to_list()
    tested = _chosen(result, terms, names)
    wald = quadratic_test(result.table["coef"].to_numpy()[tested], result.used_variance[np.ix_(tested, tested)])
    if len(tested) == len(names):
        score, ratio = result.score_test, result.likelihood_ratio_test
    else:
        if result.kept is None:
            raise InputError(
                "the fit kept no rows, and score and likelihood-ratio tests of some terms need them",
                next_step="fit again with cox(..., keep_rows=True), or use contrast for the Wald test",
            )
        score, ratio = _against_without(result, result.kept, tested)
    tests = {"wald": wald, "score": score, "likelihood_ratio": ratio}
    return TermTests(
        table=pl.DataFrame(
            [(name, test.statistic, test.df, test.p_value) for name, test in tests.items()],
            schema=["test", "statistic", "df", "p_value"],
            orient="row",
        ),
        terms=tuple(names[j] for j in tested),
        wald_test=wald,
        score_test=score,
        likelihood_ratio_test=ratio,
        variance_type=_variance_type(result),
        n=result.n_subjects,
        n_events=result.n_events,
        ties=result.ties,
    )


def _against_without(result: CoxResult, kept: KeptRows, tested: list[int]) -> tuple[ChiSquared, ChiSquared]:
    """Score and likelihood-ratio test against the model without the tested terms."""
    names, rows = result.table["term"].to_list(), kept.likelihood.rows
    others = [j for j in range(len(names)) if j not in tested]
    fewer = replace(rows, x=np.asfortranarray(rows.x[:, others]), scale=rows.scale[others])
    without = fit_cox(CoxLikelihood(fewer, result.ties), [names[j] for j in others])
    coef = np.zeros(len(names))
    coef[others] = without.coef
    at = kept.likelihood(coef * rows.scale)
    # The score of the other terms is zero there, so the form needs no conditioning.
    statistic = quadratic_test(at.score, at.information).statistic
    gain = 2 * (result.log_likelihood.fitted - without.log_likelihood.fitted)
    return chi_squared(statistic, len(tested)), chi_squared(gain, len(tested))


def _chosen(result: CoxResult, terms: Sequence[str], names: list[str]) -> list[int]:
    """List the coefficients that terms or covariates name, in the order of the table."""
    wanted = [terms] if isinstance(terms, str) else list(terms)
    if not wanted:
        raise InputError("no term is named", next_step=f"name some of {', '.join(names)}")
    groups = {} if result.kept is None else covariate_groups(result)
    chosen: set[int] = set()
    for term in wanted:
        if term in names:
            chosen.add(names.index(term))
        elif term in groups:
            chosen.update(groups[term])
        else:
            raise InputError(f"{term!r} is not a term of the fit", next_step=nearest(term, [*names, *groups]))
    return sorted(chosen)


def _matrix(weights: Weights, terms: list[str]) -> Array:
    if isinstance(weights, Mapping):
        weights = [weights]
    if isinstance(weights, np.ndarray):
        matrix = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        if matrix.ndim != 2 or matrix.shape[1] != len(terms):
            raise InputError(
                f"weights of shape {weights.shape} do not fit {len(terms)} terms",
                next_step="give a row a contrast and a column a term, in the order of the table",
            )
    else:
        matrix = np.array([_row(row, terms) for row in weights], dtype=np.float64).reshape(len(weights), len(terms))
    if not len(matrix) or not np.isfinite(matrix).all() or not np.abs(matrix).sum(axis=1).all():
        raise InputError("every contrast needs finite weights that are not all zero")
    return matrix


def _row(weights: Mapping[str, float], terms: list[str]) -> list[float]:
    unknown = [term for term in weights if term not in terms]
    if unknown:
        raise InputError(f"{unknown[0]!r} is not a term of the fit", next_step=nearest(unknown[0], terms))
    return [float(weights.get(term, 0.0)) for term in terms]


def _written(row: Array, terms: list[str]) -> str:
    """Write a contrast out: ``a - b + 0.5 c``."""
    parts = []
    for weight, term in zip(row.tolist(), terms, strict=True):
        if weight:
            size = "" if abs(weight) == 1 else f"{abs(weight):g} "
            parts.append(f"{'-' if weight < 0 else '+'} {size}{term}")
    text = " ".join(parts)
    return text.removeprefix("+ ")


def _variance_type(result: CoxResult) -> str:
    return "model" if result.robust_variance is None else "robust"
