"""The result of a Cox regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.inference import ChiSquared, LogLikelihood

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.cox_regression.baseline import CoxBaseline
    from blinreg.analyses.cox_regression.concordance import CoxConcordance
    from blinreg.analyses.cox_regression.contrast import CoxContrasts, TermTests
    from blinreg.analyses.cox_regression.kept import KeptRows
    from blinreg.analyses.cox_regression.prediction import PredictedSurvival
    from blinreg.analyses.cox_regression.residuals import ResidualKind
    from blinreg.analyses.inputs import Rows
    from blinreg.analyses.intervals import ConfType


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
    kept : KeptRows or None
        What the methods below need of the rows, in arrays of the result's own; None for fits
        of many rows unless ``cox(..., keep_rows=True)``.
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
    kept: KeptRows | None = field(default=None, repr=False)

    @property
    def used_variance(self) -> NDArray[np.float64]:
        """The variance that intervals and Wald tests use: robust where there is one."""
        return self.variance if self.robust_variance is None else self.robust_variance

    @property
    def exact_score_test(self) -> ChiSquared:
        """The score test with exact ties: see `blinreg.analyses.cox_regression.exact.exact_score_test`."""
        from blinreg.analyses.cox_regression.exact import exact_score_test

        return exact_score_test(self)

    def baseline(self, *, at: Literal["zero", "mean"] = "zero") -> CoxBaseline:
        """Estimate the baseline hazard: see `blinreg.analyses.cox_regression.baseline.cox_baseline`."""
        from blinreg.analyses.cox_regression.baseline import cox_baseline

        return cox_baseline(self, at=at)

    def predict_survival(
        self, path: Rows, *, by: str | None = None, conf_type: ConfType = "log-log", conf_level: float | None = None
    ) -> PredictedSurvival:
        """Predict survival along a path of covariates: see `cox_regression.prediction.predict_survival`."""
        from blinreg.analyses.cox_regression.prediction import predict_survival

        return predict_survival(self, path, by=by, conf_type=conf_type, conf_level=conf_level)

    def residuals(
        self, kind: ResidualKind = "martingale", *, by: Literal["row", "id"] = "row", weighted: bool | None = None
    ) -> pl.DataFrame:
        """Work out residuals: see `blinreg.analyses.cox_regression.residuals.cox_residuals`."""
        from blinreg.analyses.cox_regression.residuals import cox_residuals

        return cox_residuals(self, kind, by=by, weighted=weighted)

    def concordance(self) -> CoxConcordance:
        """Count concordant pairs: see `blinreg.analyses.cox_regression.concordance.cox_concordance`."""
        from blinreg.analyses.cox_regression.concordance import cox_concordance

        return cox_concordance(self)

    def contrast(
        self, weights: Mapping[str, float] | Sequence[Mapping[str, float]] | NDArray[np.float64]
    ) -> CoxContrasts:
        """Estimate weighted sums of coefficients: see `blinreg.analyses.cox_regression.contrast.cox_contrast`."""
        from blinreg.analyses.cox_regression.contrast import cox_contrast

        return cox_contrast(self, weights)

    def test_terms(self, terms: Sequence[str]) -> TermTests:
        """Test several terms together: see `blinreg.analyses.cox_regression.contrast.joint_test`."""
        from blinreg.analyses.cox_regression.contrast import joint_test

        return joint_test(self, terms)

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
        from blinreg.analyses.plotting.curves import forest_plot

        return forest_plot(
            self.table,
            estimate="hazard_ratio",
            ax=ax,
            labels=labels,
            conf_level=self.conf_level,
            title=title,
            note=note,
        )
