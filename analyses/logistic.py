"""Logistic regression by maximum likelihood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.binary_outcome import binary_outcome
from blinreg.analyses.design import build_design, covariate_columns, standardise
from blinreg.analyses.inference import (
    ChiSquared,
    LogLikelihood,
    check_conf_level,
    chi_squared,
    quadratic_test,
    term_table,
    wald_columns,
)
from blinreg.analyses.inputs import Missing, Rows, complete_rows, to_frame
from blinreg.analyses.newton import Evaluation, Maximum, check_endless, check_singular, inverse, maximise, of_matrix
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
INTERCEPT = "(intercept)"


@dataclass(frozen=True, slots=True, eq=False)
class LogisticResult:
    """A fitted logistic model.

    Attributes
    ----------
    table : polars.DataFrame
        A row a term, the intercept first: ``term, coef, se, odds_ratio, lower, upper,
        z, p_value``.
    log_likelihood : LogLikelihood
        ``null`` has the intercept alone.
    likelihood_ratio_test, wald_test : ChiSquared
        All coefficients but the intercept zero.
    variance : array (p + 1, p + 1)
    n_rows, n_events, n_missing : int
        ``n_events`` counts outcome 1; ``n_missing`` rows left out, on request only.
    interval_type : str
        "wald": coef -+ z se, exponentiated (not profile likelihood).
    conf_level : float
    reference : dict of str to str
        Reference level of each categorical covariate.
    converged : bool
        True; a fit that does not converge is an error.
    n_iterations : int
        Newton steps.
    """

    table: pl.DataFrame
    log_likelihood: LogLikelihood
    likelihood_ratio_test: ChiSquared
    wald_test: ChiSquared
    variance: Array
    n_rows: int
    n_events: int
    n_missing: int
    interval_type: str
    conf_level: float
    reference: dict[str, str]
    converged: bool
    n_iterations: int

    def plot(
        self,
        ax: Axes | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        title: str | None = None,
        note: str | None = None,
    ) -> Axes:
        """Draw the odds ratios and their intervals as a forest plot, without the intercept.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        labels : mapping, optional
            Text for each term.
        title, note : str, optional
            Text above the figure; small print under it, such as "Synthetic data".
        """
        from blinreg.analyses.plotting.curves import forest_plot

        return forest_plot(
            self.table.filter(pl.col("term") != INTERCEPT),
            estimate="odds_ratio",
            ax=ax,
            labels=labels,
            conf_level=self.conf_level,
            title=title,
            note=note,
        )


def logistic(
    rows: Rows,
    outcome: str,
    covariates: Sequence[str],
    *,
    reference: Mapping[str, str] | None = None,
    missing: Missing = "refuse",
    conf_level: float = 0.95,
) -> LogisticResult:
    """Fit a logistic regression, one row a patient.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation.
    outcome : str
        Column, boolean or 0/1.
    covariates : sequence of str
        Columns: numbers, booleans (0/1), or text, which becomes a term
        ``name[level]`` for each level but the reference; ``"a:b"`` is an interaction.
    reference : mapping of str to str, optional
        Reference level of categorical covariates; otherwise the first in sorted order.
    missing : {"refuse", "complete_case"}
        What to do with rows in which a named column has no value.
    conf_level : float
        Of the Wald limits.

    Returns
    -------
    LogisticResult

    Raises
    ------
    InputError
        The columns break a rule; the outcome never varies; a constant or collinear term.
    AnalysisError
        A coefficient is infinite (separation), named by term.

    Notes
    -----
    R: ``glm(outcome ~ age + sex, family = binomial)`` with ``confint.default``.

    Examples
    --------
    >>> rows = pl.DataFrame({"cr": [1, 1, 0, 1, 0, 0], "age": [30, 40, 35, 60, 55, 70]})
    >>> logistic(rows, "cr", ["age"]).table["term"].to_list()
    ['(intercept)', 'age']
    """
    conf_level = check_conf_level(conf_level)
    frame, n_missing = complete_rows(to_frame(rows, [outcome, *covariate_columns(covariates)]), missing)
    y = binary_outcome(frame[outcome])
    n, n_events = len(y), int(y.sum())
    if n_events in (0, n):
        raise InputError(
            f"outcome {outcome} is {int(y[0])} in all {n} rows, so there is nothing to explain",
            next_step="check how the outcome was derived",
        )
    design = build_design(frame, covariates, reference=reference)
    x, scale = standardise(design.matrix)
    maximum = _maximise(x, y, design.terms)
    # Back from centred and scaled covariates: the intercept takes up the means.
    back = np.diag(np.concatenate([[1.0], 1.0 / scale]))
    back[0, 1:] = -design.matrix.mean(axis=0) / scale
    coef = back @ maximum.coef
    variance = back @ inverse(maximum.fitted.information) @ back.T
    null = n_events * np.log(n_events / n) + (n - n_events) * np.log1p(-n_events / n)
    se = np.sqrt(np.diag(variance))
    columns = {"coef": coef, "se": se} | wald_columns(coef, se, ratio_name="odds_ratio", conf_level=conf_level)
    return LogisticResult(
        table=term_table((INTERCEPT, *design.terms), columns),
        log_likelihood=LogLikelihood(float(null), maximum.fitted.log_likelihood),
        likelihood_ratio_test=chi_squared(2 * (maximum.fitted.log_likelihood - null), len(design.terms)),
        wald_test=quadratic_test(coef[1:], variance[1:, 1:]),
        variance=variance,
        n_rows=n,
        n_events=n_events,
        n_missing=n_missing,
        interval_type="wald",
        conf_level=conf_level,
        reference=design.reference,
        converged=maximum.converged,
        n_iterations=maximum.n_iterations,
    )


def binomial_likelihood(
    x: Array, successes: Array, trials: Array, *, ridge: float = 0.0
) -> Callable[[Array], Evaluation]:
    """Make the log-likelihood of a logistic model, for `blinreg.analyses.newton.maximise`.

    Parameters
    ----------
    x : array (n, p)
        Terms, the intercept among them.
    successes, trials : array (n,)
        Of each row.
    ridge : float
        ``ridge / 2`` times the sum of squared coefficients is taken off.

    Returns
    -------
    callable
        Coefficients (p,) to `Evaluation`.

    Examples
    --------
    >>> found = binomial_likelihood(np.ones((1, 1)), np.array([1.0]), np.array([4.0]))(np.zeros(1))
    >>> found.score.tolist(), found.information.tolist()
    ([-1.0], [[1.0]])
    """

    def evaluate(coef: Array) -> Evaluation:
        predictor = x @ coef
        # log(1 + e^t) and e^t / (1 + e^t) without overflow on either side.
        above = np.logaddexp(0.0, predictor)
        log_likelihood = float(successes @ predictor - trials @ above - ridge / 2 * (coef @ coef))
        probability = np.exp(predictor - above)
        information = (x * (trials * probability * np.exp(-above))[:, None]).T @ x + ridge * np.eye(x.shape[1])
        return Evaluation(log_likelihood, x.T @ (successes - trials * probability) - ridge * coef, information)

    return evaluate


def _maximise(x: Array, y: Array, terms: Sequence[str]) -> Maximum:
    with_intercept = np.column_stack([np.ones(len(y)), x])

    def check_start(null: Evaluation) -> None:
        check_singular(null.information, (INTERCEPT, *terms), unit=len(y) / 4, hint="is constant in all rows")

    def check_flat(step: Array) -> None:
        check_endless(
            of_matrix(x),
            step[1:],
            terms,
            phenomenon="separation",
            advice="{terms} tells the outcome without error in some rows: join levels, leave it out, "
            "or describe it by counts",
        )

    return maximise(
        binomial_likelihood(with_intercept, y, np.ones(len(y))),
        n_terms=with_intercept.shape[1],
        reach=of_matrix(with_intercept),
        check_start=check_start,
        check_flat=check_flat,
    )
