"""Measuring a target on a cohort, with the estimators of this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from blinreg.analyses.fidelity.cohort import Cohort, choose
from blinreg.analyses.fidelity.target import Model, Target
from blinreg.analyses.survival_curves import SurvivalCurves
from blinreg.schemas.errors import AnalysisError

_LIMITS = {"ratio": ("hazard_ratio", "odds_ratio"), "lower": ("lower",), "upper": ("upper",), "p": ("p_value",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Achieved:
    """What a cohort has.

    Attributes
    ----------
    value : float or None
        None: not reached, or not to be had.
    n, of : int
        Patients who are counted, and of how many.
    problem : str
        Why there is no value; empty where not reaching it is the answer.
    """

    value: float | None
    n: int = 0
    of: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Measures targets on one cohort; every model is fitted once, every curve drawn once."""

    cohort: Cohort
    _fits: dict[str, pl.DataFrame | str] = field(default_factory=dict, repr=False)
    _curves: dict[tuple[str, str], SurvivalCurves | None] = field(default_factory=dict, repr=False)

    def measure(self, target: Target) -> Achieved:
        """Measure one target that `check_targets` has passed.

        Raises
        ------
        AnalysisError
            An estimator refuses the data: one group, nobody alive.
        """
        of = self.cohort.patients(target.population).height
        if not of:
            return Achieved(value=None, problem="the cohort has nobody in this population")
        return _MEASURE[target.measure](self, target, of)

    def count(self, target: Target, of: int) -> Achieved:
        """Patients for whom the condition is true."""
        n = choose(self.cohort.patients(target.population), target.where).height
        return Achieved(value=float(n), n=n, of=of)

    def share(self, target: Target, of: int) -> Achieved:
        """Percentage of the population for whom the condition is true."""
        n = choose(self.cohort.patients(target.population), target.where).height
        return Achieved(value=100 * n / of, n=n, of=of)

    def location(self, target: Target, of: int) -> Achieved:
        """Median, minimum or maximum of what is recorded."""
        values = self.cohort.patients(target.population).select(pl.sql_expr(target.of).cast(pl.Float64).alias("value"))
        known = values["value"].drop_nulls()
        if not known.len():
            return Achieved(value=None, of=of, problem="nothing is recorded")
        statistic = {"median": known.median, "minimum": known.min, "maximum": known.max}[target.measure]()
        return Achieved(value=float(statistic), n=known.len(), of=of)  # type: ignore[arg-type]

    def kaplan_meier(self, target: Target, of: int) -> Achieved:
        """Median (log-log limits) in months, or percentage at so many months."""
        curve = self._curve(target.of, target.population)
        if curve is None:
            return Achieved(value=None, of=of, problem="nobody has a time to this endpoint")
        month = self.cohort.definitions.days_per_month
        if target.statistic.startswith("at "):
            survival = curve.at([float(target.statistic[3:]) * month])["survival"].item()
            if survival is None:
                return Achieved(value=None, n=curve.n, of=of, problem="nobody is followed for so long")
            return Achieved(value=100 * survival, n=curve.n, of=of)
        days = curve.median[target.statistic].item()
        return Achieved(value=None if days is None else days / month, n=curve.n, of=of)

    def _curve(self, endpoint: str, population: str) -> SurvivalCurves | None:
        from blinreg.analyses import kaplan_meier

        key = (endpoint, population)
        if key not in self._curves:
            rows = self.cohort.times(endpoint, population)
            self._curves[key] = (
                kaplan_meier(rows, conf_type="log-log", start=None, stop="time_days") if rows.height else None
            )
        return self._curves[key]

    def follow_up(self, target: Target, of: int) -> Achieved:
        """Follow-up of the survivors in months."""
        from blinreg.analyses import follow_up

        rows = self.cohort.times(target.of, target.population)
        found = follow_up(rows, method="survivors", start=None, stop="time_days").table
        days = found[target.statistic].item()
        return Achieved(value=days / self.cohort.definitions.days_per_month, n=found["n_followed"].item(), of=of)

    def log_rank(self, target: Target, of: int) -> Achieved:
        """P value of the log-rank test."""
        from blinreg.analyses import log_rank

        term, _ = target.statistic.split()
        rows = self.cohort.with_term(self.cohort.times(target.of, target.population), target.population, term)
        return Achieved(value=log_rank(rows, term, start=None, stop="time_days").p_value, n=rows.height, of=of)

    def mantel_byar(self, target: Target, of: int) -> Achieved:
        """P value of the Mantel-Byar test of transplant."""
        from blinreg.analyses import mantel_byar

        patients = self.cohort.patients(target.population).select("patient_id")
        rows = self.cohort.counting_process.filter(pl.col("endpoint") == target.of).join(
            patients, on="patient_id", how="semi"
        )
        return Achieved(value=mantel_byar(rows, "allo_hct").p_value, n=rows["patient_id"].n_unique(), of=of)

    def model(self, target: Target, of: int) -> Achieved:
        """Ratio, limit or P value of a term of a model."""
        fit = self._fit(self.cohort.definitions.models[target.of])
        if isinstance(fit, str):
            return Achieved(value=None, of=of, problem=fit)
        term, statistic = target.statistic.split()
        row = fit.filter(pl.col("term") == term)
        column = next(name for name in _LIMITS[statistic] if name in fit.columns)
        return Achieved(value=row[column].item(), n=of, of=of)

    def _fit(self, model: Model) -> pl.DataFrame | str:
        """Fit a model once; a model that cannot be fitted says why, and its targets are misses."""
        if model.name not in self._fits:
            try:
                self._fits[model.name] = _fitted(model, self.cohort.model_rows(model))
            except AnalysisError as error:
                self._fits[model.name] = error.what
        return self._fits[model.name]


def _fitted(model: Model, rows: pl.DataFrame) -> pl.DataFrame:
    if model.method == "cox":
        from blinreg.analyses import cox

        return cox(rows, list(model.terms), ties="efron").table
    from blinreg.analyses import logistic

    return logistic(rows, model.outcome, list(model.terms)).table


_MEASURE: dict[str, Callable[[Measures, Target, int], Achieved]] = {
    "count": Measures.count,
    "share": Measures.share,
    "median": Measures.location,
    "minimum": Measures.location,
    "maximum": Measures.location,
    "kaplan_meier": Measures.kaplan_meier,
    "follow_up": Measures.follow_up,
    "log_rank": Measures.log_rank,
    "mantel_byar": Measures.mantel_byar,
    "cox": Measures.model,
    "logistic": Measures.model,
}


def measured(measures: Measures, target: Target) -> Achieved:
    """Measure a target; where an estimator refuses the data, the reason is the answer."""
    try:
        return measures.measure(target)
    except AnalysisError as error:
        return Achieved(value=None, problem=error.what)
