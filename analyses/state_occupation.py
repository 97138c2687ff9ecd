"""The Aalen-Johansen estimator of state occupation, with two variances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from blinreg.analyses.inputs import Flags, Floats, Integers

Variance = Literal["infinitesimal_jackknife", "greenwood"]

#: Code of "no state was entered".
NONE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Spells:
    """Time spent in one state without interruption, one element each.

    Attributes
    ----------
    subject : ndarray of int64, shape (n,)
        Codes 0 .. n_subjects - 1.
    start, stop : ndarray of float64, shape (n,)
        Interval (start, stop].
    state, entered : ndarray of int64, shape (n,)
        The state, and the one entered at `stop`; -1 for none.
    """

    subject: Integers
    start: Floats
    stop: Floats
    state: Integers
    entered: Integers

    def of(self, chosen: Flags) -> Spells:
        """Take some of the spells; subjects are coded anew."""
        return Spells(
            np.unique(self.subject[chosen], return_inverse=True)[1].astype(np.int64),
            self.start[chosen],
            self.stop[chosen],
            self.state[chosen],
            self.entered[chosen],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Occupation:
    """Probability of each state (S) after each time (T) at which a spell ends.

    Attributes
    ----------
    time : ndarray of float64, shape (T,)
    n_in_state, n_entered : ndarray of int64, shape (T, S)
        Under observation in the state just before the time; entering it at the time.
    probability, se : ndarray of float64, shape (T, S)
    initial, initial_se : ndarray of float64, shape (S,)
        Just before the first transition.
    mean_time, mean_time_se : ndarray of float64, shape (S,), or None
        Restricted to tau; None without tau, the standard error also without the jackknife.
    transitions : ndarray of int64, shape (S, S)
        Counts, from the row's state to the column's.
    """

    time: Floats
    n_in_state: Integers
    n_entered: Integers
    probability: Floats
    se: Floats
    initial: Floats
    initial_se: Floats
    mean_time: Floats | None
    mean_time_se: Floats | None
    transitions: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The times with a transition: at risk (K, S) and the transition matrices (K, S, S)."""

    time: Floats
    at_risk: Integers
    matrix: Floats


def state_occupation(spells: Spells, n_states: int, *, variance: Variance, tau: float | None) -> Occupation:
    """Estimate the probability of being in each state over time.

    Parameters
    ----------
    spells : Spells
        At least one; not overlapping within a subject.
    n_states : int
        Number of states.
    variance : {"infinitesimal_jackknife", "greenwood"}
        Between subjects, in time subjects x transition times; or from the sums alone.
    tau : float or None
        Time, from 0, up to which mean times in the states are taken.

    Returns
    -------
    Occupation

    Notes
    -----
    Aalen and Johansen, Scandinavian Journal of Statistics 1978;5:141-150: p(t) = p(t-) H(t), H(t) the
    matrix of the observed shares of transitions. Jackknife: the derivative U of p to each subject's
    weight follows U(t) = U(t-) H(t) + p_j(t-) / n_j (e_k - H_j(t)) for a subject at risk in state j that
    is in k afterwards; the variance is the sum of U^2. Greenwood-type: Andersen, Borgan, Gill
    and Keiding, Statistical Models Based on Counting Processes (1993), IV.4.1.3.

    Examples
    --------
    >>> one = np.zeros(2, dtype=np.int64)
    >>> spells = Spells(np.arange(2), np.zeros(2), np.array([3.0, 5.0]), one, np.array([1, -1]))
    >>> state_occupation(spells, 2, variance="greenwood", tau=None).probability.tolist()
    [[0.5, 0.5], [0.5, 0.5]]
    """
    time = np.unique(spells.stop)
    at_risk = _at_risk(spells, time, n_states)
    moves = _moves(spells, time, n_states)
    places = np.flatnonzero(moves.sum(axis=(1, 2)))
    steps = _Steps(time[places], at_risk[places], _matrices(at_risk[places], moves[places]))
    first = steps.time[0] if places.size else time[-1]
    initial_rows = (spells.start < first) & (spells.stop >= first)
    initial = np.bincount(spells.state[initial_rows], minlength=n_states) / np.count_nonzero(initial_rows)

    probability = np.empty((places.size + 1, n_states))
    probability[0] = initial
    for place, matrix in enumerate(steps.matrix):
        probability[place + 1] = probability[place] @ matrix
    mean_time = mean_se = None
    lengths = None if tau is None else _lengths(steps.time, tau)
    if lengths is not None:
        mean_time = lengths @ probability
    if variance == "greenwood":
        covariance = np.diag(initial) - np.outer(initial, initial)
        se = _greenwood(steps, probability, covariance / np.count_nonzero(initial_rows))
    else:
        se, mean_se = _jackknife(spells, steps, probability, initial_rows, lengths)
    latest = np.searchsorted(steps.time, time, side="right")
    return Occupation(
        time=time,
        n_in_state=at_risk,
        n_entered=moves.sum(axis=1),
        probability=probability[latest],
        se=se[latest],
        initial=initial,
        initial_se=se[0],
        mean_time=mean_time,
        mean_time_se=mean_se,
        transitions=moves.sum(axis=0),
    )


def _at_risk(spells: Spells, time: Floats, n_states: int) -> Integers:
    """Count start < time <= stop, shape (T, S)."""
    moves = np.zeros((time.size + 1) * n_states, dtype=np.int64)
    begin = np.searchsorted(time, spells.start, side="right")
    end = np.searchsorted(time, spells.stop, side="right")
    moves += np.bincount(begin * n_states + spells.state, minlength=moves.size)
    moves -= np.bincount(end * n_states + spells.state, minlength=moves.size)
    counts: Integers = np.cumsum(moves.reshape(-1, n_states), axis=0)[:-1]
    return counts


def _moves(spells: Spells, time: Floats, n_states: int) -> Integers:
    """Count transitions, shape (T, S, S)."""
    moving = spells.entered != NONE
    place = np.searchsorted(time, spells.stop[moving])
    cell = (place * n_states + spells.state[moving]) * n_states + spells.entered[moving]
    counted = np.bincount(cell, minlength=time.size * n_states * n_states)
    return counted.reshape(time.size, n_states, n_states).astype(np.int64, copy=False)


def _matrices(at_risk: Integers, moves: Integers) -> Floats:
    """Turn counts into transition matrices; a state with nobody at risk is kept."""
    shares = moves / np.maximum(at_risk, 1)[:, :, None]
    stay = 1 - shares.sum(axis=2)
    states = np.arange(at_risk.shape[1])
    shares[:, states, states] = stay
    return shares


def _lengths(time: Floats, tau: float) -> Floats:
    """Measure the stretches of 0 to tau on which the probabilities are constant, shape (K + 1,)."""
    edges = np.clip(np.concatenate(([0.0], time, [tau])), 0.0, tau)
    return np.diff(edges)


def _greenwood(steps: _Steps, probability: Floats, covariance: Floats) -> Floats:
    se = np.empty_like(probability)
    se[0] = np.sqrt(np.diag(covariance))
    for place, (matrix, n) in enumerate(zip(steps.matrix, steps.at_risk, strict=True)):
        share = probability[place] ** 2 / np.maximum(n, 1)
        multinomial = np.diag(share @ matrix) - matrix.T @ (share[:, None] * matrix)
        covariance = matrix.T @ covariance @ matrix + multinomial
        se[place + 1] = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return se


def _jackknife(
    spells: Spells, steps: _Steps, probability: Floats, initial_rows: Flags, lengths: Floats | None
) -> tuple[Floats, Floats | None]:
    """Give the standard errors, shape (K + 1, S), and those of the mean times."""
    n_states = probability.shape[1]
    unit = np.eye(n_states)
    influence = np.zeros((int(spells.subject.max()) + 1, n_states))
    initial_states = unit[spells.state[initial_rows]] - probability[0]
    influence[spells.subject[initial_rows]] = initial_states / np.count_nonzero(initial_rows)
    area = None if lengths is None else influence * lengths[0]
    begin = _by_place(np.searchsorted(steps.time, spells.start, side="right"), steps.time.size)
    end_place = np.searchsorted(steps.time, spells.stop, side="right")
    end = _by_place(end_place, steps.time.size)
    seen = np.searchsorted(steps.time, spells.start, side="right") < end_place
    state = np.full(influence.shape[0], NONE, dtype=np.int64)
    se = np.empty_like(probability)
    se[0] = _spread(influence)
    for place, (time, matrix, n) in enumerate(zip(steps.time, steps.matrix, steps.at_risk, strict=True)):
        state[spells.subject[end[place]]] = NONE
        entering = begin[place][seen[begin[place]]]
        state[spells.subject[entering]] = spells.state[entering]
        influence = influence @ matrix
        weight = probability[place] / np.maximum(n, 1)
        stay = weight[:, None] * (unit - matrix)
        present = np.flatnonzero(state != NONE)
        influence[present] += stay[state[present]]
        ending = end[place + 1]
        moving = ending[(spells.stop[ending] == time) & (spells.entered[ending] != NONE)]
        change = unit[spells.entered[moving]] - unit[spells.state[moving]]
        influence[spells.subject[moving]] += weight[spells.state[moving], None] * change
        se[place + 1] = _spread(influence)
        if area is not None and lengths is not None:
            area += influence * lengths[place + 1]
    return se, None if area is None else _spread(area)


def _by_place(place: npt.NDArray[np.intp], n_places: int) -> list[npt.NDArray[np.intp]]:
    """List the spells of each place 0 .. n_places."""
    order = np.argsort(place, kind="stable")
    return np.split(order, np.searchsorted(place[order], np.arange(1, n_places + 1)))


def _spread(influence: Floats) -> Floats:
    spread: Floats = np.sqrt(np.einsum("ij,ij->j", influence, influence))
    return spread
