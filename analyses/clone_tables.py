"""What clone, censor, weight says: curves, what is read off them, clones and weights, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from blinreg.analyses.clone_weights import Decisions, ExposureModel, Patients, Steps, WeightedSums, clone_weights
from blinreg.analyses.inference import term_table
from blinreg.analyses.inputs import Floats, Integers
from blinreg.schemas.errors import InputError

NOT_EXPOSED, EXPOSED = "not exposed", "exposed"
STRATEGIES = (NOT_EXPOSED, EXPOSED)
#: With fewer exposures in the last step the curve of the exposed rests on these few.
FEW_EXPOSED = 20


def percentile_limits(samples: Floats, conf_level: float) -> Floats:
    """Percentiles (2, ...) over the first axis; NaN where a resample has no finite value, or without resamples."""
    if not len(samples):
        return np.full((2, *samples.shape[1:]), np.nan)
    tail = (1 - conf_level) / 2
    known = np.isfinite(samples).all(axis=0)
    found = np.quantile(np.where(known, samples, 0.0), [tail, 1 - tail], axis=0)
    return np.where(known, found, np.nan)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What is read off the curves: survival at times, and the mean up to tau.

    Attributes
    ----------
    grid : ndarray (m,)
        Times of the steps.
    times : ndarray (q,)
    tau : float, optional
    ends : ndarray (2,)
        Last follow-up of each strategy.
    """

    grid: Floats
    times: Floats
    tau: float | None
    ends: Floats

    def table(self, survival: Floats, resampled: Floats, conf_level: float) -> pl.DataFrame:
        """Read off curves (2, m), and their limits off those of resamples (b, 2, m): a row a measure."""
        found = self._measure(survival[None])[0]
        lower, upper = percentile_limits(self._measure(resampled), conf_level)
        unknown = np.isnan(found)
        measures = [("survival", time) for time in self.times.tolist()]
        measures += [("restricted_mean", self.tau)] if self.tau is not None else []
        columns: dict[str, Any] = {
            "measure": pl.Series([name for name, _ in measures], dtype=pl.String),
            "time": pl.Series([time for _, time in measures], dtype=pl.Float64),
        }
        for place, name in enumerate(("exposed", "not_exposed", "difference", "ratio")):
            for suffix, values in (("", found), ("_lower", lower), ("_upper", upper)):
                columns[name + suffix] = np.where(unknown, np.nan, values)[:, place]
        return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))

    def _measure(self, survival: Floats) -> Floats:
        """Exposed, not exposed, difference, ratio of every measure: (b, measures, 4)."""
        padded = np.concatenate([np.ones((*survival.shape[:2], 1)), survival], axis=2)
        at = padded[:, :, np.searchsorted(self.grid, self.times, side="right")]
        last = padded[0, :, -1] if len(padded) else np.ones(2)
        reached = (self.times <= self.ends[:, None]) | (last[:, None] == 0)
        at = np.where(reached, at, np.nan)
        parts = [_contrast(at, 1 - at)]
        if self.tau is not None:
            widths = np.diff(np.clip(np.concatenate(([0.0], self.grid, [np.inf])), 0.0, self.tau))
            mean = (padded @ widths)[:, :, None]
            parts.append(_contrast(mean, mean))
        return np.concatenate(parts, axis=1)


def _contrast(values: Floats, compared: Floats) -> Floats:
    """Put (b, 2, q) values side by side, with the ratio of what is compared: (b, q, 4)."""
    without, exposed = values[:, 0], values[:, 1]
    # Without any event in a strategy there is no ratio of risks.
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = compared[:, 1] / compared[:, 0]
    return np.stack([exposed, without, exposed - without, np.where(np.isfinite(ratio), ratio, np.nan)], axis=2)


def reading(grid: Floats, patients: Patients, grace: int, times: Sequence[float], tau: float | None) -> Reading:
    """Say what is read off.

    Raises
    ------
    InputError
        A time is before the origin, or the follow-up of a strategy does not reach `tau`.
    """
    ends = np.array([stops.max() for stops in patients.clone_stops(grace)])
    wanted = np.asarray(times, dtype=np.float64)
    if (wanted < 0).any():
        raise InputError("times must not be before the origin", next_step="count days from the origin")
    if tau is not None and not 0 < tau <= ends.min():
        raise InputError(
            f"tau={tau:g} is not within the follow-up of both strategies, which ends on day {ends.min():g}",
            next_step="choose an earlier tau: the area beyond is unknown",
        )
    return Reading(grid, wanted, tau, ends)


def curve_table(grid: Floats, sums: WeightedSums, patients: Patients, grace: int, limits: Floats) -> pl.DataFrame:
    """Give both curves, with their clones as they were and as they weigh."""
    survival = sums.survival()
    frames = []
    for arm, stops in enumerate(patients.clone_stops(grace)):
        kept = grid <= stops.max()
        stayed = stops == patients.stop
        columns = {
            "time": grid,
            "n_at_risk": len(stops) - np.searchsorted(np.sort(stops), grid, side="left"),
            "n_events": _count_at(grid, stops[stayed & patients.event]),
            "n_censored": _count_at(grid, stops[stayed & ~patients.event]),
            "n_left": _count_at(grid, stops[~stayed & (stops > 0)]),
            "weighted_at_risk": sums.at_risk[arm],
            "weighted_events": sums.events[arm],
            "survival": survival[arm],
            "lower": limits[0, arm],
            "upper": limits[1, arm],
        }
        frame = pl.DataFrame({name: column[kept] for name, column in columns.items()})
        frames.append(frame.select(pl.lit(STRATEGIES[arm]).alias("group"), *columns))
    return pl.concat(frames).with_columns(pl.col("lower", "upper").fill_nan(None))


def _count_at(grid: Floats, stops: Floats) -> Integers:
    return np.bincount(np.searchsorted(grid, stops), minlength=len(grid))


def clones_at_risk(curves: pl.DataFrame, times: Sequence[float]) -> pl.DataFrame:
    """Count the clones at risk at times, as the rows of the curves have it."""
    frames = []
    for (group,), curve in curves.group_by("group", maintain_order=True):
        counts = np.append(curve["n_at_risk"].to_numpy(), 0)
        at = np.searchsorted(curve["time"].to_numpy(), times, side="left")
        frames.append(pl.DataFrame({"group": group, "time": list(map(float, times)), "n_at_risk": counts[at]}))
    return pl.concat(frames)


def strategy_table(patients: Patients, fitted: ExposureModel, steps: Steps) -> pl.DataFrame:
    """Count the clones of each strategy and sum up their weights."""
    unexposed = fitted.log_unexposed(patients)
    final = clone_weights(unexposed, patients.exposed_on, steps, np.array([steps.grace + 1.0]))
    rows = []
    for arm, stops in enumerate(patients.clone_stops(steps.grace)):
        after = (stops == patients.stop) & (stops > steps.grace)
        weights = final[arm][after, 0]
        rows.append(
            {
                "strategy": STRATEGIES[arm],
                "n_clones": len(stops),
                "n_events": int(patients.event[stops == patients.stop].sum()),
                "n_artificially_censored": int(np.count_nonzero(stops < patients.stop)),
                "n_after_grace": int(np.count_nonzero(after)),
                "effective_sample_size": float(weights.sum() ** 2 / (weights @ weights)) if weights.size else 0.0,
                "largest_weight": _largest(unexposed, patients, steps, arm),
            }
        )
    return pl.DataFrame(rows)


def _largest(unexposed: Floats, patients: Patients, steps: Steps, arm: int) -> float:
    """Largest weight that a clone ever has: that at its end without exposure, that from exposure on with it."""
    if arm == 0:
        decided = steps.decided(patients.clone_stops(steps.grace)[0])
        return float(np.exp(-(unexposed * decided.T).sum(axis=1)).max())
    final = clone_weights(unexposed, patients.exposed_on, steps, np.array([steps.grace + 1.0]))[1]
    return max(1.0, float(final.max()))


def step_table(made: Decisions, steps: Steps) -> pl.DataFrame:
    """Count who could be exposed in each step, and who was."""
    n_at_risk, n_exposed = made.count(steps)
    return pl.DataFrame(
        {"first_day": steps.first, "last_day": steps.last, "n_at_risk": n_at_risk, "n_exposed": n_exposed}
    )


def model_table(
    fitted: ExposureModel, steps: Steps, terms: tuple[str, ...], mean: Floats, scale: Floats
) -> pl.DataFrame:
    """Levels and coefficients back from centred and scaled covariates."""
    coef = fitted.coef / scale
    used = np.isfinite(fitted.levels)
    days = zip(steps.first[used].tolist(), steps.last[used].tolist(), strict=True)
    names = [f"day {first} to {last}" for first, last in days]
    values = np.concatenate([fitted.levels[used] - mean @ coef, coef])
    return term_table([*names, *terms], {"coef": values, "odds_ratio": np.exp(values)})


def notes_of(made: Decisions, steps: Steps, replicates: int, n_used: int) -> list[str]:
    """Say what the strategies are, and what makes their comparison weak."""
    first, last = int(steps.first[-1]), steps.grace
    course = f"until day {first - 1} patients do as they do; whoever is left" if first else "everybody"
    found = [
        f"Exposed: {course} is exposed from day {first} to day {last}, on the days on which such patients are. "
        f"Not exposed: nobody is until day {last}. After day {last} patients of both do as they do."
    ]
    n_exposed = int(made.count(steps)[1][-1])
    if n_exposed < FEW_EXPOSED:
        found.append(
            f"Only {n_exposed} {'patient was' if n_exposed == 1 else 'patients were'} exposed from day {first} to day "
            f"{last} and stand for all who were left: the curve of the exposed is imprecise."
        )
    if n_used < replicates:
        found.append(
            f"Limits are of {n_used} of {replicates} resamples; in the others nobody followed one of the strategies."
        )
    return found
