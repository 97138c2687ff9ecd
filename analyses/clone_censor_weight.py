"""Clone, censor, weight: survival if all were exposed within a period of grace, and if nobody were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Unpack

import numpy as np
import polars as pl

from blinreg.analyses.clone_tables import (
    EXPOSED,
    NOT_EXPOSED,
    clones_at_risk,
    curve_table,
    model_table,
    notes_of,
    percentile_limits,
    reading,
    step_table,
    strategy_table,
)
from blinreg.analyses.clone_weights import (
    Decisions,
    ExposureModel,
    Patients,
    Refit,
    Steps,
    cut_steps,
    decisions,
    fit_exposure,
    weighted_sums,
)
from blinreg.analyses.design import build_design, covariate_columns, standardise
from blinreg.analyses.inference import check_conf_level
from blinreg.analyses.inputs import Floats, Missing, Rows, complete_rows, counting_process, to_frame
from blinreg.analyses.risk_table import EVENTS_FIRST
from blinreg.schemas.errors import AnalysisError, InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from blinreg.analyses.plotting.curves import FigureOptions

#: Share of resamples that must have somebody in each strategy.
_USABLE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class CloneCensorWeight:
    """Survival under two strategies: exposed by the last day of grace, and not exposed by then.

    Attributes
    ----------
    table : polars.DataFrame
        ``measure`` ("survival" at ``time``, or "restricted_mean" up to it), ``time``, then ``exposed``,
        ``not_exposed``, ``difference`` (exposed minus not) and ``ratio`` (of the risks, 1 - survival; of the
        means), each with ``_lower`` and ``_upper``. Null where the follow-up of a strategy does not reach;
        limits are null without resamples.
    strategies : polars.DataFrame
        ``strategy, n_clones, n_events, n_artificially_censored, n_after_grace`` (clones still followed after the
        last day of grace), ``effective_sample_size`` (of these, (sum w)^2 / sum w^2) and ``largest_weight``.
    curves : polars.DataFrame
        ``group`` (the strategy), ``time, n_at_risk, n_events, n_censored, n_left, weighted_at_risk,
        weighted_events, survival, lower, upper``. Counts are of clones, unweighted: `n_censored` at the end of
        follow-up, `n_left` artificially, on leaving the strategy. Who leaves on day 0 was never at risk.
    steps : polars.DataFrame
        ``first_day, last_day, n_at_risk, n_exposed`` of each step of the days of grace.
    model : polars.DataFrame
        ``term, coef, odds_ratio``: daily odds of exposure, one level a step (at covariates 0), then covariates;
        a step without exposures has no level.
    n, n_events, n_missing : int
        Patients, events at any time, rows left out as incomplete.
    grace, step : int
        Last day of grace, and days a step.
    replicates, n_used, seed : int
        Resamples asked for, those that could be used, and what drew them.
    ties, interval_type, conf_level, time_unit
        How the numbers were made.
    reference : dict of str to str
        Reference level of each categorical covariate.
    notes : tuple of str
        What a reader must know: the strategies in words, few exposures in the last step, resamples left out.
    """

    table: pl.DataFrame
    strategies: pl.DataFrame
    curves: pl.DataFrame
    steps: pl.DataFrame
    model: pl.DataFrame
    n: int
    n_events: int
    n_missing: int
    grace: int
    step: int
    replicates: int
    n_used: int
    seed: int
    ties: str
    interval_type: str
    conf_level: float
    time_unit: str
    reference: dict[str, str]
    notes: tuple[str, ...]

    def plot(self, ax: Axes | None = None, **options: Unpack[FigureOptions]) -> Axes:
        """Draw both curves with the numbers of clones at risk.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default a new figure.
        **options
            labels, axis_unit, title and more: see `blinreg.analyses.plotting.curves.draw_curves`.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from blinreg.analyses.plotting.curves import draw_curves, new_axes

        return draw_curves(
            ax if ax is not None else new_axes(),
            self.curves,
            time_unit=self.time_unit,
            at_risk=partial(clones_at_risk, self.curves),
            **options,
        )


def clone_censor_weight(
    rows: Rows,
    covariates: Sequence[str] = (),
    *,
    grace: int,
    step: int,
    times: Sequence[float] = (),
    tau: float | None = None,
    id: str | None = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    exposure: str = "exposure_days",
    reference: Mapping[str, str] | None = None,
    missing: Missing = "refuse",
    conf_level: float = 0.95,
    replicates: int = 500,
    seed: int = 1,
) -> CloneCensorWeight:
    """Estimate survival if everybody were exposed by the last day of grace, and if nobody were.

    Each patient is cloned into both strategies, censored on leaving one, and weighted by the inverse of
    the probability, given the covariates, to have followed it.

    Parameters
    ----------
    rows : Rows
        One row a patient, followed from the origin: polars, pandas or Arrow table, or DuckDB relation.
    covariates : sequence of str
        Columns known at the origin that may explain both exposure and event; as for `blinreg.analyses.logistic`.
    grace : int
        Last day of grace, from the origin. Nobody is censored artificially after it.
    step : int
        Days within which the odds of exposure on a day stay the same; divides `grace`.
    times : sequence of float
        Days at which the curves are read off.
    tau : float, optional
        Day up to which restricted means count.
    id, start, stop, event, missing
        See `blinreg.analyses.kaplan_meier`. `start` must be 0 in all rows; None says so.
    exposure : str
        Column with the day of exposure, a whole number; null: it never came. One on the day
        on which follow-up ends, or later, did not come in time to count.
    reference : mapping of str to str, optional
        Reference level of categorical covariates.
    conf_level : float
        Of the limits.
    replicates : int
        Bootstrap resamples of patients; 0 for no limits.
    seed : int
        The same seed draws the same resamples.

    Returns
    -------
    CloneCensorWeight

    Raises
    ------
    InputError
        The rows break a rule, or nobody follows one of the strategies (positivity).
    AnalysisError
        The model of exposure has an infinite coefficient (separation), named by term.

    Notes
    -----
    Cain et al., International Journal of Biostatistics 2010;6(2):18; Hernan, BMJ 2018;360:k182; Maringe et al.,
    International Journal of Epidemiology 2020;49:1719-1729. "Exposed" is the strategy: as patients do until the last
    step; those left are exposed in it, on the days on which such patients are. The weights change daily, so that
    a death within a step counts as what it was. Limits are percentiles of resamples of patients in which the
    model of exposure is fitted again. R: ``glm(binomial)`` on patient-days, ``survfit(weights = )``.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 2, 3, 4], "tstop": [9, 40, 30, 60], "event": [1, 1, 1, 0],
    ...                      "exposure_days": [None, 5, None, None]})
    >>> found = clone_censor_weight(rows, grace=10, step=10, times=[30], start=None, replicates=0)
    >>> [round(share, 4) for share in found.table.select("exposed", "not_exposed").row(0)]
    [0.954, 0.3333]
    """
    check_conf_level(conf_level)
    steps = cut_steps(grace, step)
    used = covariate_columns(covariates) if covariates else []
    named = [name for name in (id, start, stop, event, *used) if name is not None]
    frame, n_missing = _complete(to_frame(rows, [*named, exposure]), exposure, missing)
    # Resamples are drawn in the order of patients, whatever the order of rows.
    frame = frame if id is None else frame.sort(id)
    design = build_design(frame, covariates, reference=reference) if covariates else None
    matrix = np.empty((frame.height, 0)) if design is None else design.matrix
    x, scale = standardise(matrix)
    patients = _patients(frame, x, id=id, start=start, stop=stop, event=event, exposure=exposure)
    made = decisions(patients, steps)
    _check_positivity(patients, made, steps, np.ones(frame.height))
    terms = () if design is None else design.terms
    fitted = fit_exposure(patients, made, steps, terms)
    stops = np.concatenate([patients.stop, *patients.clone_stops(grace)])
    grid = np.unique(stops[stops > 0])
    read = reading(grid, patients, grace, times, tau)
    sums = weighted_sums(patients, fitted, steps, grid, np.ones(frame.height))
    resampled = _resample(patients, made, steps, fitted, grid, replicates=replicates, seed=seed)
    return CloneCensorWeight(
        table=read.table(sums.survival(), resampled, conf_level),
        strategies=strategy_table(patients, fitted, steps),
        curves=curve_table(grid, sums, patients, grace, percentile_limits(resampled, conf_level)),
        steps=step_table(made, steps),
        model=model_table(fitted, steps, terms, matrix.mean(axis=0), scale),
        n=frame.height,
        n_events=int(patients.event.sum()),
        n_missing=n_missing,
        grace=grace,
        step=step,
        replicates=replicates,
        n_used=len(resampled),
        seed=seed,
        ties=EVENTS_FIRST,
        interval_type="percentile bootstrap",
        conf_level=conf_level,
        time_unit="days",
        reference={} if design is None else design.reference,
        notes=tuple(notes_of(made, steps, replicates, len(resampled))),
    )


def _complete(frame: pl.DataFrame, exposure: str, missing: Missing) -> tuple[pl.DataFrame, int]:
    """Take complete rows; a day of exposure that is missing is one that never comes."""
    if not frame[exposure].dtype.is_numeric() and frame[exposure].dtype != pl.Null:
        raise InputError(
            f"column {exposure} is {frame[exposure].dtype}, the day of exposure must be a number",
            next_step="count days from the origin, and leave it empty where there was no exposure",
        )
    days = frame[exposure].cast(pl.Float64).fill_nan(None).fill_null(np.inf)
    wrong = int((days.is_finite() & ((days < 0) | (days != days.floor()))).sum())
    if wrong:
        raise InputError(
            f"column {exposure} must be a whole day from 0 on: {wrong} of {frame.height} are not",
            next_step="who was exposed before the origin has no strategy to choose: leave these patients out; "
            "round half days up, as an exposure counts from just after its day",
        )
    return complete_rows(frame.with_columns(days), missing)


def _patients(
    frame: pl.DataFrame,
    covariates: Floats,
    *,
    id: str | None,  # noqa: A002 - the field's name for the column
    start: str | None,
    stop: str,
    event: str,
    exposure: str,
) -> Patients:
    checked, extra = counting_process(frame, id=id, start=start, stop=stop, event=event, extra=[exposure])
    if checked.n_subjects < frame.height:
        raise InputError(
            f"{frame.height} rows are of {checked.n_subjects} patients: a patient has one row here",
            next_step="give the day of exposure in a column and do not cut rows at it",
        )
    late = int(np.count_nonzero(checked.start))
    if late:
        raise InputError(
            f"{late} of {frame.height} patients come under observation after the origin: nobody saw what those did "
            "who left before, so that no weight can make up for them",
            next_step="use cox with the exposure as a time-dependent covariate, which knows delayed entry",
        )
    days = extra[exposure].to_numpy()
    return Patients(
        stop=checked.stop,
        event=checked.event == 1,
        exposed_on=np.where(days < checked.stop, days, np.inf),
        covariates=covariates,
    )


def _check_positivity(patients: Patients, made: Decisions, steps: Steps, counts: Floats) -> None:
    missing = _without_followers(patients, steps, counts)
    first, last = int(steps.first[-1]), int(steps.last[-1])
    if missing == EXPOSED:
        n_left = int(made.count(steps)[0][-1])
        raise InputError(
            f"nobody is exposed from day {first} to day {last}, so that nobody stands for the {n_left} patients who "
            "are then still unexposed (positivity)",
            next_step="choose a wider step, or other days of grace",
        )
    if missing == NOT_EXPOSED:
        raise InputError(
            f"nobody is followed unexposed after day {last}, so that nobody follows the strategy without exposure "
            "(positivity)",
            next_step="choose fewer days of grace",
        )


def _without_followers(patients: Patients, steps: Steps, counts: Floats) -> str:
    """Name the strategy that nobody follows to its end; empty if there is none."""
    in_last = (steps.first[-1] <= patients.exposed_on) & (patients.exposed_on <= steps.grace)
    if not counts[in_last].any():
        return EXPOSED
    never = (patients.exposed_on > steps.grace) & (patients.stop > steps.grace)
    return "" if counts[never].any() else NOT_EXPOSED


def _resample(
    patients: Patients,
    made: Decisions,
    steps: Steps,
    fitted: ExposureModel,
    grid: Floats,
    *,
    replicates: int,
    seed: int,
) -> Floats:
    """Draw patients with replacement and estimate again: curves (b, 2, m) of resamples that have both strategies."""
    rng = np.random.default_rng(seed)
    n = len(patients.stop)
    refit = Refit(patients, made, steps, fitted)
    curves = []
    for _ in range(replicates):
        counts = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        if not _without_followers(patients, steps, counts):
            curves.append(weighted_sums(patients, refit(counts), steps, grid, counts).survival())
    if len(curves) < _USABLE * replicates:
        raise AnalysisError(
            f"{replicates - len(curves)} of {replicates} resamples have nobody in one of the strategies, so that "
            "limits would be those of the others only",
            next_step="choose a wider step, so that more are exposed in the last one, or replicates = 0 for no limits",
        )
    return np.array(curves).reshape(len(curves), 2, len(grid))
