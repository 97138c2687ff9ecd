"""Hazards of a fitted Cox model: at fixed covariates per stratum, and the sums a path is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from blinreg.analyses.cox_regression.kept import KeptRows, kept_rows
from blinreg.analyses.cox_regression.likelihood import RiskSums
from blinreg.analyses.cox_regression.residuals import stratum_text
from blinreg.analyses.cox_regression.sums import Array, Index
from blinreg.schemas.errors import InputError

if TYPE_CHECKING:
    from blinreg.analyses.cox_regression.result import CoxResult


@dataclass(frozen=True, slots=True, eq=False)
class CoxBaseline:
    """The baseline hazard of each stratum.

    Attributes
    ----------
    table : polars.DataFrame
        stratum (null without strata), time, n_at_risk, n_events, hazard, cumulative_hazard, se (of the
        cumulative hazard), survival; one row an event time. A stratum without an event has no rows.
    at : str
        "zero" or "mean".
    values : dict of str to float
        The terms the hazard is at.
    offset : float
        The offset it is at.
    n, n_events : int
        Subjects, events.
    ties : str
        "efron" or "breslow": the rule for ties of the fit, which the hazard follows.
    variance_type : str
        "model" or "robust": the variance of the coefficients in `se`.
    time_unit : str
    """

    table: pl.DataFrame
    at: str
    values: dict[str, float]
    offset: float
    n: int
    n_events: int
    ties: str
    variance_type: str
    time_unit: str


@dataclass(frozen=True, slots=True, eq=False)
class HazardPath:
    """Hazard added up over a sequence of slots: increments, sums and standard errors of the sums, each (k,)."""

    hazard: Array
    cumulative: Array
    se: Array


class FittedHazard:
    """The hazard of a fit for any covariates in any stratum.

    Parameters
    ----------
    result : CoxResult
    kept : KeptRows
        Of the result.
    """

    def __init__(self, result: CoxResult, kept: KeptRows) -> None:
        self.kept = kept
        rows = kept.likelihood.rows
        coef = result.table["coef"].to_numpy()
        self.sums: RiskSums = kept.at(coef)
        self._log_risk = kept.log_risk_at_origin(coef, self.sums)
        self._coef = coef * rows.scale
        self._variance = result.used_variance * np.outer(rows.scale, rows.scale)
        c = self.sums.c
        self._mean = c[0, 2][:, None] * self.sums.s1 - c[1, 2][:, None] * self.sums.t1
        self.n_at_risk = np.rint(rows.intervals.per_slot(np.ones(len(rows.x)))).astype(np.int64)
        self.n_events = np.bincount(rows.event_slot, minlength=rows.intervals.n_slots).astype(np.int64, copy=False)

    def slots(self, stratum: int) -> Index:
        """List the slots of a stratum, in order of time."""
        segments = self.kept.likelihood.rows.intervals.segments
        return np.arange(segments[stratum], segments[stratum + 1] - 1)

    def along(self, slot: Index, x: Array, offset: Array) -> HazardPath:
        """Add the hazard up over slots.

        Parameters
        ----------
        slot : int array (k,)
            In the order lived through; they may be of several strata.
        x : array (k, p)
            Covariates at each, on their own scale.
        offset : array (k,)
            At each.

        Notes
        -----
        With risk r = exp(x'b), the increment is r c_01 (see `cox_likelihood`). The variance of the
        cumulative hazard is the sum of r^2 c_02 plus g' V g, where g is its derivative by the
        coefficients: the sum of r (x c_01 - [c_02 S1 - c_12 T1]).
        """
        kept, rows = self.kept, self.kept.likelihood.rows
        stratum = rows.slot_stratum[slot]
        scaled = (x - kept.origin_x[stratum]) / rows.scale
        with np.errstate(over="ignore"):
            risk = np.exp(scaled @ self._coef + offset - kept.origin_offset[stratum] + self._log_risk[stratum])
            hazard = risk * self.sums.c[0, 1][slot]
            slope = scaled * hazard[:, None] - self._mean[slot] * risk[:, None]
            added = np.cumsum(slope, axis=0)
            variance = np.cumsum(risk**2 * self.sums.c[0, 2][slot]) + ((added @ self._variance) * added).sum(axis=1)
        return HazardPath(hazard, np.cumsum(hazard), np.sqrt(variance))


def cox_baseline(result: CoxResult, *, at: Literal["zero", "mean"] = "zero") -> CoxBaseline:
    r"""Estimate the baseline hazard of each stratum.

    Parameters
    ----------
    result : CoxResult
        A fitted model with its rows kept.
    at : {"zero", "mean"}
        All covariates zero; or at their (weighted) means over the rows, where indicators (terms with
        only the values -1, 0 and 1) stay at zero, since nobody is half transplanted. The offset
        likewise: zero, or its mean.

    Returns
    -------
    CoxBaseline

    Raises
    ------
    InputError
        Unknown ``at``; the fit kept no rows.

    Notes
    -----
    Breslow, J R Stat Soc B 1972;34:216-217; for Efron's rule the tied events share the risk set as in the
    likelihood. Standard error: Tsiatis, Ann Stat 1981;9:93-108. R: ``basehaz(fit, centered = FALSE)`` is at zero,
    R's default ``centered = TRUE`` at the mean; ``survfit(fit, newdata)$std.err`` the standard error.

    Examples
    --------
    >>> from blinreg.analyses import cox
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4, 4], "tstart": [0, 0, 0, 0, 3],
    ...     "tstop": [5, 6, 9, 3, 8], "event": [1, 0, 1, 0, 1], "allo_hct": [0, 0, 0, 0, 1]})
    >>> cox(rows, ["allo_hct"]).baseline().table["cumulative_hazard"].round(4).to_list()
    [0.2113, 0.5774, 1.5774]
    """
    if at not in ("zero", "mean"):
        raise InputError(f"at={at!r} is unknown", next_step="use 'zero' or 'mean'")
    kept = kept_rows(result.kept, "the baseline hazard")
    fitted = FittedHazard(result, kept)
    values = kept.mean if at == "mean" else np.zeros(len(kept.terms))
    offset = kept.mean_offset if at == "mean" else 0.0
    frames = [_stratum(fitted, code, values, offset) for code in range(len(kept.strata_labels))]
    return CoxBaseline(
        table=pl.concat(frames),
        at=at,
        values={term.name: float(value) for term, value in zip(kept.terms, values, strict=True)},
        offset=offset,
        n=result.n_subjects,
        n_events=result.n_events,
        ties=result.ties,
        variance_type="model" if result.robust_variance is None else "robust",
        time_unit=result.time_unit,
    )


def _stratum(fitted: FittedHazard, code: int, values: Array, offset: float) -> pl.DataFrame:
    kept = fitted.kept
    slots = fitted.slots(code)
    path = fitted.along(slots, np.tile(values, (len(slots), 1)), np.full(len(slots), offset))
    label = stratum_text(kept.strata_labels[code]) if kept.names.strata else None
    return pl.DataFrame(
        {
            "stratum": pl.Series([label] * len(slots), dtype=pl.String),
            "time": kept.likelihood.rows.slot_time[slots],
            "n_at_risk": fitted.n_at_risk[slots],
            "n_events": fitted.n_events[slots],
            "hazard": path.hazard,
            "cumulative_hazard": path.cumulative,
            "se": path.se,
            "survival": np.exp(-path.cumulative),
        }
    )
