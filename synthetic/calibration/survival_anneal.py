"""Simulated annealing of the courses of the 227 towards the published numbers, compiled.

The objective is the weighted sum of how far each statistic is outside its rounding window, plus a small weight
times the strangeness of the days. A change is judged against a bound drawn beforehand (the present objective plus
an exponential variate times the temperature, which is Metropolis' rule), so that the sum can stop as soon as it
passes the bound: most changes are turned down before a model is fitted.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.calibration.kernels import composed
from blinreg.synthetic.calibration.survival_cohort import Days, Fixed, Floats
from blinreg.synthetic.calibration.survival_moves import State, Undo, propose, take_back, uniform
from blinreg.synthetic.calibration.survival_rules import is_possible, strangeness
from blinreg.synthetic.calibration.survival_statistics import (
    N_STATISTICS,
    Work,
    curve_stage,
    os_model,
    renew,
    responder_model,
    rfs_model,
    test_stage,
    work_for,
)
from blinreg.synthetic.calibration.survival_targets import STAGES, TARGETS, Kind

_NUMBER, _RATIO = int(Kind.NUMBER), int(Kind.RATIO)
_NOT_REACHED, _NOT_SIGNIFICANT = int(Kind.NOT_REACHED), int(Kind.NOT_SIGNIFICANT)
_ENDS = np.array((0, *STAGES), dtype=np.int64)
#: Windows are a little narrower than the rounding, so that a hit is not on its edge.
_INSIDE = 0.97
#: A miss costs this much however small it is.
_STEP = 0.03
#: Precision of coefficients while annealing.
_ROUGH = 3e-4


class Aim(NamedTuple):
    """What the statistics are to be: arrays in the order of `TARGETS`, and the weight of strangeness."""

    printed: Floats
    half_width: Floats
    kind: NDArray[np.int64]
    weight: Floats
    strangeness: float


class Cohort(NamedTuple):
    """The courses, what does not change, and the arrays that an evaluation fills."""

    course: Days
    fixed: Fixed
    work: Work
    out: Floats
    scratch: Days


class Cooling(NamedTuple):
    """How many changes are tried, the temperature at the beginning and the end, and whether to end without a miss."""

    n_tries: int
    hot: float
    cold: float
    ends_without_miss: bool


def cohort_of(course: Days, fixed: Fixed) -> Cohort:
    """Make the arrays for annealing these courses in place."""
    return Cohort(course, fixed, work_for(fixed), np.zeros(N_STATISTICS), np.empty(len(course), dtype=np.int64))


def aim_at(weights: Floats, strangeness_weight: float) -> Aim:
    """Aim at the published numbers with these weights."""
    return Aim(
        printed=np.array([target.printed for target in TARGETS]),
        half_width=np.array([target.half_width for target in TARGETS]),
        kind=np.array([int(target.kind) for target in TARGETS], dtype=np.int64),
        weight=weights,
        strangeness=strangeness_weight,
    )


@composed
def miss_of(value: float, printed: float, half_width: float, kind: int) -> float:
    """How badly a statistic misses its target; 0 for a hit."""
    if kind == _NOT_REACHED:
        return 0.0 if value == math.inf else 1.5
    if not value < math.inf:
        return 3.0
    if kind == _NUMBER:
        excess = (abs(value - printed) - half_width * _INSIDE) / max(0.15 * abs(printed), 0.3)
    elif kind == _NOT_SIGNIFICANT:
        excess = 3.0 * (printed * 1.02 - value) / printed
    elif abs(value - printed) <= half_width * _INSIDE:
        return 0.0
    else:
        excess = max(abs(math.log(max(value, 1e-6) / printed)) - 0.9 * half_width / printed, 1e-3)
        return _STEP + excess * (3.0 if kind == _RATIO else 1.0)
    return 0.0 if excess <= 1e-12 else _STEP + min(excess, 4.0)


@composed
def cost_between(out: Floats, aim: Aim, first: int, last: int) -> float:
    """Weighted misses of the statistics from ``first`` to before ``last``."""
    cost = 0.0
    for k in range(first, last):
        if aim.weight[k] > 0.0:
            cost += aim.weight[k] * miss_of(out[k], aim.printed[k], aim.half_width[k], aim.kind[k])
    return cost


@composed
def cost_of(cohort: Cohort, aim: Aim, bound: float) -> float:
    """Objective of the courses, or some number above ``bound`` where it is above."""
    course, fixed, work, out = cohort.course, cohort.fixed, cohort.work, cohort.out
    renew(course, fixed, work)
    curve_stage(course, fixed, work, out)
    cost = cost_between(out, aim, _ENDS[0], _ENDS[1])
    if cost <= bound:
        cost += aim.strangeness * strangeness(course, fixed, work, cohort.scratch)
    if cost <= bound:
        test_stage(fixed, work, out)
        cost += cost_between(out, aim, _ENDS[1], _ENDS[2])
    for model in range(3):
        if cost > bound:
            return cost
        if not fit(model, fixed, work, out):
            return math.inf
        cost += cost_between(out, aim, _ENDS[2 + model], _ENDS[3 + model])
    return cost


@composed
def fit(model: int, fixed: Fixed, work: Work, out: Floats) -> bool:
    """Fit one of the three models roughly, from where the last fit ended."""
    if model == 0:
        return os_model(fixed, work, _ROUGH, out)
    if model == 1:
        return responder_model(fixed, work, _ROUGH, out)
    return rfs_model(fixed, work, _ROUGH, out)


@composed
def all_possible(course: Days, fixed: Fixed, touched: Days, n: int) -> bool:
    """Whether the courses of the patients touched can be."""
    for k in range(n):
        a = touched[k]
        if not is_possible(
            course[a], fixed.block[a], fixed.is_toxic_death[a], fixed.must_progress[a], fixed.may_have_dli[a]
        ):
            return False
    return True


@composed
def n_changes(state: State) -> int:
    """Draw how many changes are made at once."""
    u = uniform(state)
    return 1 if u < 0.65 else (2 if u < 0.92 else 3)


@composed
def anneal(cohort: Cohort, aim: Aim, state: State, cooling: Cooling) -> float:
    """Anneal the courses in place; the best found are left there. Returns their objective."""
    course, fixed, work = cohort.course, cohort.fixed, cohort.work
    undo = Undo(np.empty(6, dtype=np.int64), np.empty((6, course.shape[1]), dtype=np.int64))
    kept_beta = work.beta.copy()
    cost = cost_of(cohort, aim, math.inf)
    best, best_course = cost, course.copy()
    for t in range(cooling.n_tries):
        temperature = cooling.hot * (cooling.cold / cooling.hot) ** (t / cooling.n_tries)
        n = 0
        for _ in range(n_changes(state)):
            n = propose(course, fixed, state, undo, n)
        bound = cost - temperature * math.log(1.0 - uniform(state))
        found = math.inf
        if all_possible(course, fixed, undo.touched, n):
            kept_beta[:] = work.beta
            found = cost_of(cohort, aim, bound)
        if found > bound:
            take_back(course, undo, n)
            work.beta[:] = kept_beta
            continue
        cost = found
        kept_beta[:] = work.beta
        if cost < best:
            best = cost
            best_course[:] = course
            if cooling.ends_without_miss and cost_between(cohort.out, aim, 0, N_STATISTICS) == 0.0:
                break
    course[:] = best_course
    return best
