"""Clones of two strategies, the model of exposure and the weights that make up for clones that left.

Time is in days. An exposure of day t counts from just after t, so each day ends with a decision: whoever is not
yet exposed and still under observation after day t is exposed on it, or not. The decisions of days 0 to `grace`
belong to the strategies; a row (t, t + 1] comes after decision t and before decision t + 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from blinreg.analyses.inputs import Flags, Floats, Integers
from blinreg.analyses.logistic import binomial_likelihood
from blinreg.analyses.newton import Evaluation, check_endless, check_singular, maximise, of_matrix
from blinreg.schemas.errors import InputError

#: Taken off in resamples only, where a level may lack an exposure: its log-odds then stop near -15 and do not run away.
RIDGE = 1e-6
#: Patients whose weights are worked out at once, so that a million of them need no memory of their own.
_BLOCK = 16_384


@dataclass(frozen=True, slots=True)
class Steps:
    """The days on which the strategies decide, cut into steps within which the odds of exposure stay the same.

    Attributes
    ----------
    first, last : ndarray of int64, shape (k,)
        Days of each step; the first one has day 0 as well.
    """

    first: Integers
    last: Integers

    @property
    def grace(self) -> int:
        """Day by whose end the strategies are decided."""
        return int(self.last[-1])

    @property
    def size(self) -> Integers:
        """Days in each step."""
        return self.last - self.first + 1

    def decided(self, time: Floats) -> Integers:
        """Count the days of each step that are decided before each of the times: (k, m)."""
        days = np.minimum(np.ceil(time), self.grace + 1).astype(np.int64)
        return np.asarray(np.clip(days[None, :] - self.first[:, None], 0, self.size[:, None]), dtype=np.int64)


def cut_steps(grace: int, step: int) -> Steps:
    """Cut the days up to `grace` into steps.

    Raises
    ------
    InputError
        `grace` is not a whole number of steps.

    Examples
    --------
    >>> cut_steps(90, 30).first.tolist(), cut_steps(90, 30).last.tolist()
    ([0, 31, 61], [30, 60, 90])
    """
    if step < 1 or grace < step or grace % step:
        raise InputError(
            f"grace={grace} is not a whole number of steps of {step} days",
            next_step="choose a step that divides the days of grace, such as 30 of 90",
        )
    last = np.arange(step, grace + 1, step, dtype=np.int64)
    return Steps(np.concatenate(([0], last[:-1] + 1)), last)


@dataclass(frozen=True, slots=True, eq=False)
class Patients:
    """Patients as they were: arrays of shape (n,), covariates (n, p) centred and of unit spread.

    Attributes
    ----------
    stop : ndarray of float64
        End of follow-up, in days from the origin.
    event : ndarray of bool
        Whether it ended with the event.
    exposed_on : ndarray of float64
        Day of exposure; infinite if it did not come while the patient was under observation.
    covariates : ndarray of float64
    """

    stop: Floats
    event: Flags
    exposed_on: Floats
    covariates: Floats

    def clone_stops(self, grace: int) -> tuple[Floats, Floats]:
        """End of each clone: of the strategy without exposure, and of that with it."""
        in_time = self.exposed_on <= grace
        without = np.where(in_time, np.minimum(self.exposed_on, self.stop), self.stop)
        return without, np.where(in_time, self.stop, np.minimum(self.stop, grace))


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Decisions about exposure, a row a patient and step.

    Attributes
    ----------
    patient, step : ndarray of int64, shape (r,)
    n_days, n_exposed : ndarray of float64, shape (r,)
        Days on which the patient could have been exposed, and was.
    """

    patient: Integers
    step: Integers
    n_days: Floats
    n_exposed: Floats

    def count(self, steps: Steps) -> tuple[Integers, Integers]:
        """Patients who could be exposed in each step, and those who were."""
        k = len(steps.first)
        exposed = np.bincount(self.step, weights=self.n_exposed, minlength=k)
        return np.bincount(self.step, minlength=k), exposed.astype(np.int64)


def decisions(patients: Patients, steps: Steps) -> Decisions:
    """List the decisions about patients who are not exposed yet and still under observation."""
    # Under observation after day t are those with stop > t; the day of exposure is the last that is decided.
    last = np.minimum(np.ceil(patients.stop) - 1, patients.exposed_on)[:, None]
    n_days = np.clip(np.minimum(last, steps.last) - steps.first + 1, 0, None)
    day = patients.exposed_on[:, None]
    exposed = (steps.first <= day) & (day <= steps.last)
    patient, step = np.nonzero(n_days)
    return Decisions(patient, step, n_days[patient, step], exposed[patient, step].astype(np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class ExposureModel:
    """Log-odds of exposure on a day: one level a step, and covariates.

    Attributes
    ----------
    levels : ndarray, shape (k,)
        At centred covariates; minus infinity for a step in which nobody was exposed.
    coef : ndarray, shape (p,)
        Of the centred covariates of unit spread.
    """

    levels: Floats
    coef: Floats

    def log_unexposed(self, patients: Patients) -> Floats:
        """Log of the probability to stay unexposed on one day, patient by step: (n, k)."""
        return -np.logaddexp(0.0, self.levels + (patients.covariates @ self.coef)[:, None])


def fit_exposure(patients: Patients, made: Decisions, steps: Steps, terms: tuple[str, ...]) -> ExposureModel:
    """Fit the pooled logistic model of exposure.

    Parameters
    ----------
    patients : Patients
        With p covariates.
    made : Decisions
        About these patients.
    steps : Steps
        Of the same days.
    terms : tuple of str
        Names of the covariates' terms, for messages.

    Raises
    ------
    InputError
        A term is constant or collinear.
    AnalysisError
        A coefficient is infinite (separation), named by term.
    """
    x, rows, used = _design(patients, made, steps)
    k = int(used.sum())
    names = (*(f"step {number}" for number in np.flatnonzero(used) + 1), *terms)

    def check_start(null: Evaluation) -> None:
        unit = made.n_days[rows].sum() / 4
        check_singular(null.information, names, unit=unit, hint="is constant in all patients")

    def check_flat(step: Floats) -> None:
        check_endless(
            of_matrix(x[:, k:]),
            step[k:],
            terms,
            phenomenon="separation",
            advice="{terms} tells without error who is exposed or who is not, so that nobody stands in for them "
            "(positivity): join levels, leave it out, or narrow the population",
        )

    found = maximise(
        binomial_likelihood(x, made.n_exposed[rows], made.n_days[rows]),
        n_terms=x.shape[1],
        reach=of_matrix(x),
        check_start=check_start,
        check_flat=check_flat,
    )
    levels = np.full(len(steps.first), -np.inf)
    levels[used] = found.coef[:k]
    return ExposureModel(levels, found.coef[k:])


class Refit:
    """The model of exposure fitted again, to patients counted several times or not at all.

    Parameters
    ----------
    patients : Patients
    made : Decisions
    steps : Steps
    fitted : ExposureModel
        Of all patients once: where each fit starts.
    """

    def __init__(self, patients: Patients, made: Decisions, steps: Steps, fitted: ExposureModel) -> None:
        self._x, rows, self._used = _design(patients, made, steps)
        self._patient, self._n_days, self._n_exposed = made.patient[rows], made.n_days[rows], made.n_exposed[rows]
        self._start = np.concatenate([fitted.levels[self._used], fitted.coef])
        self._k = int(self._used.sum())

    def __call__(self, counts: Floats) -> ExposureModel:
        """Fit with these counts (n,); `RIDGE` keeps every coefficient finite."""
        times = counts[self._patient]
        found = maximise(
            binomial_likelihood(self._x, times * self._n_exposed, times * self._n_days, ridge=RIDGE),
            n_terms=self._x.shape[1],
            reach=of_matrix(self._x),
            check_start=lambda _: None,
            check_flat=lambda _: None,
            start=self._start,
        )
        levels = np.full(len(self._used), -np.inf)
        levels[self._used] = found.coef[: self._k]
        return ExposureModel(levels, found.coef[self._k :])


def _design(patients: Patients, made: Decisions, steps: Steps) -> tuple[Floats, Flags, Flags]:
    """Terms of the decisions that tell anything: those of steps in which somebody was exposed."""
    used = made.count(steps)[1] > 0
    rows = used[made.step]
    levels = (made.step[rows][:, None] == np.flatnonzero(used)).astype(np.float64)
    return np.hstack([levels, patients.covariates[made.patient[rows]]]), rows, used


@dataclass(frozen=True, slots=True, eq=False)
class WeightedSums:
    """Sums of weights over clones at each time; shape (2, m), first the strategy without exposure.

    Attributes
    ----------
    at_risk, events : ndarray
    """

    at_risk: Floats
    events: Floats

    def survival(self) -> Floats:
        """Weighted product-limit curves, (2, m)."""
        share = np.divide(self.events, self.at_risk, out=np.zeros_like(self.events), where=self.at_risk > 0)
        # Both sums are the same numbers, perhaps added in another order, where all that are at risk have the event.
        return np.asarray(np.cumprod(1.0 - np.minimum(share, 1.0), axis=1), dtype=np.float64)


def clone_weights(unexposed: Floats, exposed_on: Floats, steps: Steps, time: Floats) -> tuple[Floats, Floats]:
    """Weights of the clones of some patients at some times.

    Parameters
    ----------
    unexposed : ndarray, shape (n, k)
        `ExposureModel.log_unexposed`.
    exposed_on : ndarray, shape (n,)
        Day of exposure, or infinity.
    steps : Steps
        The k steps.
    time : ndarray, shape (m,)
        After 0.

    Returns
    -------
    without, exposed : ndarray, shape (n, m)
        0 for clones that have left their strategy. They do not look at the end of follow-up.

    Notes
    -----
    Write u(d) for the probability to pass d days of the last step, of s days, unexposed. A clone without exposure
    weighs 1 / P(unexposed on all days decided). A clone to be exposed weighs 1 until the last step; there the days
    of exposure are those of patients who are exposed in it, so that P(not exposed yet) = (u(d) - u(s)) / (1 - u(s))
    after d days under the strategy, and u(d) as it was: the weight is their ratio until exposure, and 1 / (1 - u(s)),
    the ratio for each day of exposure, after it.
    """
    decided = steps.decided(time)
    begun = exposed_on[:, None] < np.minimum(np.ceil(time), steps.grace + 1)
    without = np.where(begun, 0.0, np.exp(-(unexposed @ decided)))
    last = unexposed[:, -1:]
    in_last = -np.expm1(steps.size[-1] * last)
    before = np.where(exposed_on[:, None] < steps.first[-1], 1.0, 1.0 / in_last)
    exposed = np.where(begun, before, -np.expm1((steps.size[-1] - decided[-1]) * last) / in_last)
    return without, exposed


def weighted_sums(patients: Patients, model: ExposureModel, steps: Steps, time: Floats, counts: Floats) -> WeightedSums:
    """Sum the weights of clones at risk and with the event.

    Parameters
    ----------
    patients : Patients
        All of them, also those that count 0 times.
    model : ExposureModel
        Of their exposure.
    steps : Steps
        Of the days of grace.
    time : ndarray, shape (m,)
        Increasing, every end of follow-up among them.
    counts : ndarray, shape (n,)
        How often each patient counts.
    """
    unexposed = model.log_unexposed(patients)
    n_early = int(np.searchsorted(time, steps.grace, side="right"))
    at_risk, events = np.zeros((2, len(time))), np.zeros((2, len(time)))
    # After the days of grace no weight changes: one of each clone, and sums from the end.
    end = np.searchsorted(time, patients.stop)
    final = clone_weights(unexposed, patients.exposed_on, steps, np.array([steps.grace + 1.0]))
    for arm, weight in enumerate(final):
        counted = counts * weight[:, 0]
        at_risk[arm] = np.bincount(end, weights=counted, minlength=len(time))[::-1].cumsum()[::-1]
        events[arm] = np.bincount(end, weights=counted * patients.event, minlength=len(time))
    at_risk[:, :n_early] = events[:, :n_early] = 0.0
    early = time[:n_early]
    for block in _blocks(len(patients.stop)):
        stop = patients.stop[block, None]
        is_event = (stop == early) & patients.event[block, None]
        for arm, weight in enumerate(clone_weights(unexposed[block], patients.exposed_on[block], steps, early)):
            at_risk[arm, :n_early] += counts[block] @ (weight * (stop >= early))
            events[arm, :n_early] += counts[block] @ (weight * is_event)
    return WeightedSums(at_risk, events)


def _blocks(n: int) -> Iterator[slice]:
    for first in range(0, n, _BLOCK):
        yield slice(first, min(first + _BLOCK, n))
