"""What a fitted Cox model keeps of its rows, and the sums over risk sets at the estimate.

Residuals, baseline hazards and tests after the fit need the rows again. A fit keeps
arrays, some 8 (terms + 13) bytes a row, and the names of the subjects, but not the caller's
frame; only times that were given as floats may share the memory of their column. Fits of
many rows keep nothing unless asked to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.analyses.cox_regression.columns import CoxColumns
from blinreg.analyses.cox_regression.likelihood import CoxLikelihood, RiskSums
from blinreg.analyses.cox_regression.sums import Array, Index
from blinreg.analyses.design import Covariate, Design, Term
from blinreg.analyses.inputs import CountingProcess
from blinreg.analyses.risk_table import Label
from blinreg.schemas.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class KeptRows:
    """The rows of a fit, in the order given and without those left out as incomplete.

    Attributes
    ----------
    likelihood : CoxLikelihood
        The rows that are at risk at some event time, on the grid of event times, with
        their covariates centred within strata and scaled.
    process : CountingProcess
        Times, events and subjects of all rows.
    ids : polars.Series or None
        The caller's name of each subject; None where each row is one.
    stratum : int array (n,)
    strata_labels : tuple of Label
        Values of the strata columns, by code.
    cluster : int array (n,) or None
    names : CoxColumns
        The columns the fit was asked for.
    terms : tuple of Term
        How each coefficient's covariate is made from columns.
    covariates : tuple of Covariate
        Type and levels of the columns.
    mean : array (p,)
        Of each term over the weighted rows; 0 for a term that takes only the values -1, 0 and 1.
    mean_offset : float
    origin_x : array (strata, p)
    origin_offset : array (strata,)
        What was taken off the covariates and the offset of each stratum.
    """

    likelihood: CoxLikelihood
    process: CountingProcess
    ids: pl.Series | None
    stratum: Index
    strata_labels: tuple[Label, ...]
    cluster: Index | None
    names: CoxColumns
    terms: tuple[Term, ...]
    covariates: tuple[Covariate, ...]
    mean: Array
    mean_offset: float
    origin_x: Array
    origin_offset: Array

    @property
    def event(self) -> NDArray[np.bool_]:
        """Rows that end in an event (n,)."""
        return np.asarray(self.process.event == 1)

    @property
    def weight(self) -> Array:
        """Case weights (n,); 1 for rows at risk at no event time, whose weight nothing depends on."""
        return self.spread(self.likelihood.rows.weight, fill=1.0)

    @property
    def weighted(self) -> bool:
        """The fit has case weights."""
        return self.names.weights is not None

    def spread(self, values: Array, *, fill: float = 0.0) -> Array:
        """Lay values of the rows at risk (m, ...) out over all rows (n, ...)."""
        out = np.full((len(self.stratum), *values.shape[1:]), fill)
        out[self.likelihood.rows.position] = values
        return out

    def at(self, coef: Array) -> RiskSums:
        """Sum over risk sets at coefficients (p,) of the covariates as given."""
        return self.likelihood.sums(coef * self.likelihood.rows.scale)

    def log_risk_at_origin(self, coef: Array, sums: RiskSums) -> Array:
        """Give the logarithm of the relative risk that the sums of each stratum give to its origin (strata,).

        It is 0 unless predictors are so large that the sums are taken relative to the largest.
        """
        rows = self.likelihood.rows
        # The row of the largest relative risk has one above zero. The last assignment of an index stays.
        order = np.argsort(sums.relative_risk, kind="stable")
        chosen = np.zeros(rows.n_strata, dtype=np.intp)
        chosen[rows.stratum[order]] = order
        risk = np.log(sums.relative_risk[chosen]) - np.log(rows.weight[chosen])
        return np.asarray(risk - rows.x[chosen] @ (coef * rows.scale) - rows.offset[chosen], dtype=np.float64)


def keep_rows(
    frame: pl.DataFrame,
    likelihood: CoxLikelihood,
    process: CountingProcess,
    design: Design,
    *,
    stratum: Index,
    strata_labels: tuple[Label, ...],
    cluster: Index | None,
    weight: Array,
    offset: Array,
    names: CoxColumns,
) -> KeptRows:
    """Take from a fit what later questions need.

    Parameters
    ----------
    frame : polars.DataFrame
        The complete rows; only the names of the subjects are copied from it.
    likelihood : CoxLikelihood
        As fitted.
    process : CountingProcess
        Of all rows.
    design : Design
        Of all rows.
    stratum : int array (n,)
        Codes.
    strata_labels : tuple of Label
        What the codes mean.
    cluster : int array (n,) or None
        Codes.
    weight, offset : array (n,)
        As given.
    names : CoxColumns
        The columns the fit was asked for.
    """
    rows, x = likelihood.rows, design.matrix
    origin_x, origin_offset = np.zeros((rows.n_strata, x.shape[1])), np.zeros(rows.n_strata)
    present, first = np.unique(rows.stratum, return_index=True)
    origin_x[present] = x[rows.position[first]] - rows.x[first] * rows.scale
    origin_offset[present] = offset[rows.position[first]] - rows.offset[first]
    subjects = np.unique(process.subject, return_index=True)[1]
    return KeptRows(
        likelihood=likelihood,
        process=process,
        ids=None if names.id is None else frame[names.id][subjects.tolist()],
        stratum=stratum,
        strata_labels=strata_labels,
        cluster=cluster,
        names=names,
        terms=design.factors,
        covariates=design.covariates,
        mean=np.where(np.isin(x, (-1.0, 0.0, 1.0)).all(axis=0), 0.0, weight @ x / weight.sum()),
        mean_offset=float(weight @ offset / weight.sum()),
        origin_x=origin_x,
        origin_offset=origin_offset,
    )


def kept_rows(kept: KeptRows | None, purpose: str) -> KeptRows:
    """Give the kept rows, or say how to have them.

    Parameters
    ----------
    kept : KeptRows or None
        Of a `CoxResult`.
    purpose : str
        What needs them, for the message.

    Raises
    ------
    InputError
        The fit did not keep its rows.
    """
    if kept is None:
        raise InputError(
            f"the fit kept no rows, and {purpose} needs them", next_step="fit again with cox(..., keep_rows=True)"
        )
    return kept
