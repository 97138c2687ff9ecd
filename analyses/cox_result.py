"""The result of a Cox regression."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.inference import ChiSquared, LogLikelihood

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True, eq=False)
class CoxResult:
    """A fitted Cox model, with every convention it was fitted under.

    Attributes
    ----------
    table : polars.DataFrame
        A row a term: ``term, coef, se, robust_se, hazard_ratio, lower, upper, z,
        p_value``. Where ``robust_se`` is not null it is the one the interval, z
        and P value use.
    log_likelihood : LogLikelihood
        Partial log-likelihood, null and fitted.
    score_test, likelihood_ratio_test, wald_test : ChiSquared
        All coefficients zero. The score and likelihood-ratio tests take rows as
        independent; the Wald test uses the robust variance where there is one.
    robust_score_test : ChiSquared or None
        With the variance between clusters; None without ``cluster``.
    variance : array (p, p)
        Inverse information.
    robust_variance : array (p, p) or None
        Sandwich over clusters.
    n_rows, n_subjects, n_events : int
        Used in the fit. Events are counted, not weighted.
    n_clusters : int or None
    n_missing : int
        Rows left out as incomplete, on request only.
    ties : str
        "efron" or "breslow".
    interval_type : str
        "wald": symmetric on the scale of the coefficient.
    conf_level : float
    time_unit : str
    strata : tuple of str
    cluster : str or None
    reference : dict of str to str
        Reference level of each categorical covariate.
    converged : bool
        True; a fit that does not converge is an error.
    n_iterations : int
        Newton steps.
    notes : tuple of str
        What a reader of the numbers must know; empty mostly.
    """

    table: pl.DataFrame
    log_likelihood: LogLikelihood
    score_test: ChiSquared
    likelihood_ratio_test: ChiSquared
    wald_test: ChiSquared
    robust_score_test: ChiSquared | None
    variance: NDArray[np.float64]
    robust_variance: NDArray[np.float64] | None
    n_rows: int
    n_subjects: int
    n_events: int
    n_clusters: int | None
    n_missing: int
    ties: str
    interval_type: str
    conf_level: float
    time_unit: str
    strata: tuple[str, ...]
    cluster: str | None
    reference: dict[str, str]
    converged: bool
    n_iterations: int
    notes: tuple[str, ...]

    def plot(
        self,
        ax: Axes | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        title: str | None = None,
        note: str | None = None,
    ) -> Axes:
        """Draw the hazard ratios and their intervals as a forest plot.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        labels : mapping, optional
            Text for each term.
        title, note : str, optional
            Text above the figure; small print under it, such as "Synthetic data".
        """
        from blinreg.analyses.plot import forest_plot

        return forest_plot(
            self.table,
            estimate="hazard_ratio",
            ax=ax,
            labels=labels,
            conf_level=self.conf_level,
            title=title,
            note=note,
        )
