"""Compiled survival statistics for a few hundred patients, thousands of times a second.

The annealing asks for some hundred statistics after every small change of a cohort, so they are compiled and work
on days that are kept sorted from one change to the next. What they compute is what ``blinreg.analyses`` computes
(a test compares them); they have no options: Kaplan-Meier with log-log 95% limits of the median, log-rank and
Mantel-Byar tests with hypergeometric variance, Cox models with Efron's ties and one exposure that begins on a day
of its own. Days are int64; ``NEVER`` stands for no day. Nothing here allocates more than a few hundred numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.courses import NEVER

Days = NDArray[np.int64]
Flags = NDArray[np.uint8]
Floats = NDArray[np.float64]
_Function = TypeVar("_Function", bound=Callable[..., object])

#: Two-sided 95% normal quantile.
Z95 = 1.959963984540054
#: Tolerance for "the curve is at exactly one half" (square root of the machine's precision, as in R).
_FLAT = 1.4901161193847656e-08
_NEVER = int(NEVER)


def compiled(function: _Function) -> _Function:
    """Compile on first use, with a cache where there is a folder for it.

    For functions that call nothing outside this file: the cache notices a change of the file only.
    """
    try:
        made = numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder for a cache file can be written
        made = numba.njit(error_model="numpy")(function)
    return cast("_Function", made)


def composed(function: _Function) -> _Function:
    """Compile on first use in each process: for functions that call those of other files."""
    return cast("_Function", numba.njit(error_model="numpy")(function))


@compiled
def renew_order(time: Days, order: Days) -> None:
    """Bring ``order`` (positions) into ascending order of ``time``; fast where little has changed."""
    for i in range(1, len(order)):
        a = order[i]
        t = time[a]
        j = i
        while j > 0 and time[order[j - 1]] > t:
            order[j] = order[j - 1]
            j -= 1
        order[j] = a


@compiled
def event_steps(time: Days, event: Flags, order: Days, member: Flags, steps: Days) -> int:
    """Write (time, at risk, events) of each event time of the members to ``steps`` (3, n); returns how many."""
    at_risk, k, i, n = 0, 0, 0, len(order)
    for a in order:
        at_risk += member[a]
    while i < n:
        t = time[order[i]]
        leaving, failing = 0, 0
        while i < n and time[order[i]] == t:
            a = order[i]
            leaving += member[a]
            failing += member[a] * event[a]
            i += 1
        if failing > 0:
            steps[0, k], steps[1, k], steps[2, k] = t, at_risk, failing
            k += 1
        at_risk -= leaving
    return k


@compiled
def median_of(steps: Days, k: int) -> float:
    """Median survival from `event_steps`, infinite where it is not reached.

    Where the curve is flat at exactly one half this is the middle of the stretch, as in R's survival.
    """
    survival, begin = 1.0, -1.0
    for i in range(k):
        survival *= 1.0 - steps[2, i] / steps[1, i]
        if begin >= 0.0:
            return float(begin + steps[0, i]) / 2.0
        if survival < 0.5 - _FLAT:
            return float(steps[0, i])
        if survival < 0.5 + _FLAT:
            begin = float(steps[0, i])
    return begin if begin >= 0.0 else math.inf


@compiled
def limits_of_median(steps: Days, k: int) -> tuple[float, float]:
    """Times at which the log-log 95% limits of the curve reach one half, infinite where they do not.

    Where the curve is 1 or 0 there are no limits.
    """
    survival, greenwood, lower, upper = 1.0, 0.0, math.inf, math.inf
    for i in range(k):
        n, d = steps[1, i], steps[2, i]
        if n == d:
            break
        survival *= 1.0 - d / n
        greenwood += d / (n * (n - d))
        if lower < math.inf and survival > 0.5 + _FLAT:
            continue  # the upper limit is above the curve
        depth = -math.log(survival)
        factor = math.exp(Z95 * math.sqrt(greenwood) / depth)
        if lower == math.inf and math.exp(-depth * factor) < 0.5 + _FLAT:
            lower = float(steps[0, i])
        if math.exp(-depth / factor) < 0.5 + _FLAT:
            upper = float(steps[0, i])
            break
    return lower, upper


@compiled
def survival_at(steps: Days, k: int, time: float) -> float:
    """Survival at a time, from `event_steps`."""
    survival = 1.0
    for i in range(k):
        if steps[0, i] > time:
            break
        survival *= 1.0 - steps[2, i] / steps[1, i]
    return survival


@compiled
def p_of_chi_squared(chi_squared: float) -> float:
    """Upper tail of the chi-squared distribution with one degree of freedom."""
    return math.erfc(math.sqrt(chi_squared / 2.0))


@compiled
def log_rank_p(time: Days, event: Flags, order: Days, member: Flags, group: Flags) -> float:
    """P of the log-rank test of two groups among the members, with hypergeometric variance."""
    n, n1, i = 0, 0, 0
    for a in order:
        n += member[a]
        n1 += member[a] * group[a]
    difference, variance = 0.0, 0.0
    while i < len(order):
        t = time[order[i]]
        leaving, leaving1, d, d1 = 0, 0, 0, 0
        while i < len(order) and time[order[i]] == t:
            a = order[i]
            leaving += member[a]
            leaving1 += member[a] * group[a]
            d += member[a] * event[a]
            d1 += member[a] * event[a] * group[a]
            i += 1
        if d > 0:
            difference += d1 - d * n1 / n
            variance += _hypergeometric(n, n1, d)
        n -= leaving
        n1 -= leaving1
    return p_of_chi_squared(difference * difference / variance) if variance > 0.0 else 1.0


@compiled
def _hypergeometric(n: int, n1: int, d: int) -> float:
    """Variance of the events of a group of n1 out of n, given d events."""
    return d * (n1 / n) * (1.0 - n1 / n) * (n - d) / (n - 1) if n > 1 else 0.0


class Rows(NamedTuple):
    """Patients of a test or model with an exposure that begins on a day of its own.

    ``end``, ``event``, ``switch`` (n,): last day, whether it is an event, day of the exposure or ``NEVER``, before
    ``end``; ``order``, ``order_switch``: positions in ascending order of ``end``, and of those ever exposed in
    ascending order of ``switch``. A patient's rows are (0, switch] without the exposure and (switch, end] with it.
    """

    end: Days
    event: Flags
    order: Days
    switch: Days
    order_switch: Days


class Sums(NamedTuple):
    """What a sweep over the risk sets fills in.

    ``score`` (p,), ``information`` (p, p); by patient (n,): the hazard after the end and after the switch, and what
    Efron's ties spare those who fail together.
    """

    score: Floats
    information: Floats
    later_end: Floats
    later_switch: Floats
    spared: Floats


@compiled
def mantel_byar_p(rows: Rows) -> float:
    """P of the Mantel-Byar test; an event on the day of the switch is an unexposed event."""
    end, order, switch, order_switch = rows.end, rows.order, rows.switch, rows.order_switch
    n, n1, i, s = 0, 0, len(order) - 1, len(order_switch) - 1
    difference, variance = 0.0, 0.0
    while i >= 0:
        t = end[order[i]]
        while s >= 0 and switch[order_switch[s]] >= t:
            n1 -= 1
            s -= 1
        d, d1 = 0, 0
        while i >= 0 and end[order[i]] == t:
            a = order[i]
            exposed = 1 if switch[a] < t else 0
            n += 1
            n1 += exposed
            d += rows.event[a]
            d1 += rows.event[a] * exposed
            i -= 1
        if d > 0:
            difference += d1 - d * n1 / n
            variance += _hypergeometric(n, n1, d)
    return p_of_chi_squared(difference * difference / variance) if variance > 0.0 else 1.0


@compiled
def cox_pass(rows: Rows, x: Floats, beta: Floats, score: Floats, information: Floats) -> None:
    """Score and information of a Cox model at ``beta``, Efron's ties; coefficient 0 is the exposure's.

    One sweep back in time gives the sums over the risk sets; the second moments need each patient's cumulative
    hazard only.

    Parameters
    ----------
    rows : Rows
        The n patients.
    x : array (n, p - 1)
        Covariates.
    beta : array (p,)
        Coefficients.
    score : array (p,)
        Filled.
    information : array (p, p)
        Filled, both triangles.
    """
    n, q = x.shape
    ratio = math.exp(beta[0])
    w = np.empty(n)
    for a in range(n):
        eta = 0.0
        for j in range(q):
            eta += beta[j + 1] * x[a, j]
        w[a] = math.exp(eta)
    score[:] = 0.0
    information[:] = 0.0
    sums = Sums(score, information, np.zeros(n), np.zeros(n), np.zeros(n))
    total = _sweep(rows, x, w, ratio, sums)
    for a in range(n):
        after_switch = sums.later_switch[a] if rows.switch[a] != _NEVER else sums.later_end[a] + sums.spared[a]
        bare = w[a] * (total - after_switch)
        exposed = w[a] * ratio * (after_switch - sums.later_end[a] - sums.spared[a])
        _add_moments(x[a], bare, exposed, score, information)
    for j in range(q + 1):
        for h in range(j):
            information[h, j] = information[j, h]


@compiled
def _add_moments(xa: Floats, bare: float, exposed: float, score: Floats, information: Floats) -> None:
    """Take the patient's expected events off the score, and add the second moments to the information."""
    both = bare + exposed
    score[0] -= exposed
    information[0, 0] += exposed
    for j in range(len(xa)):
        xj = xa[j]
        if xj != 0.0:
            score[j + 1] -= both * xj
            information[j + 1, 0] += exposed * xj
            for h in range(j + 1):
                information[j + 1, h + 1] += both * xj * xa[h]


@compiled
def _sweep(rows: Rows, x: Floats, w: Floats, ratio: float, sums: Sums) -> float:
    """Go back in time over the risk sets; returns the total of the hazard's increments.

    ``risk`` and ``tied`` hold the sums of the weights, of those of the exposed, and of weight times covariate.
    """
    order, switch = rows.order, rows.switch
    risk, tied = np.zeros(x.shape[1] + 2), np.zeros(x.shape[1] + 2)
    i, s, total = len(order) - 1, len(rows.order_switch) - 1, 0.0
    while i >= 0:
        t = rows.end[order[i]]
        while s >= 0 and switch[rows.order_switch[s]] >= t:
            a = rows.order_switch[s]
            _add_row(risk, x[a], -w[a] * ratio, True)
            _add_row(risk, x[a], w[a], False)
            sums.later_switch[a] = total
            s -= 1
        d, last = 0, i
        tied[:] = 0.0
        while i >= 0 and rows.end[order[i]] == t:
            a = order[i]
            is_exposed = switch[a] < t
            weight = w[a] * ratio if is_exposed else w[a]
            _add_row(risk, x[a], weight, is_exposed)
            sums.later_end[a] = total
            if rows.event[a]:
                d += 1
                _add_row(tied, x[a], weight, is_exposed)
                _add_event(sums.score, x[a], is_exposed)
            i -= 1
        if d > 0:
            rise, fall = _add_event_time(d, risk, tied, sums.information)
            total += rise
            for k in range(i + 1, last + 1):
                sums.spared[order[k]] = fall * rows.event[order[k]]
    while s >= 0:
        sums.later_switch[rows.order_switch[s]] = total
        s -= 1
    return total


@compiled
def _add_row(sums: Floats, xa: Floats, weight: float, is_exposed: bool) -> None:
    """Add the weight of a row to the sums of a risk set."""
    sums[0] += weight
    if is_exposed:
        sums[1] += weight
    for j in range(len(xa)):
        sums[j + 2] += weight * xa[j]


@compiled
def _add_event(score: Floats, xa: Floats, is_exposed: bool) -> None:
    """Add the covariates of a patient who fails to the score."""
    if is_exposed:
        score[0] += 1.0
    for j in range(len(xa)):
        score[j + 1] += xa[j]


@compiled
def _add_event_time(d: int, risk: Floats, tied: Floats, information: Floats) -> tuple[float, float]:
    """Take the squared means of d tied events off ``information``; returns the hazard's rise and what is spared."""
    p = len(risk) - 1
    rise, fall = 0.0, 0.0
    mean = np.empty(p)
    for m in range(d):
        share = m / d
        scale = 1.0 / (risk[0] - share * tied[0])
        rise += scale
        fall += share * scale
        for j in range(p):
            mean[j] = (risk[j + 1] - share * tied[j + 1]) * scale
            for h in range(j + 1):
                information[j, h] -= mean[j] * mean[h]
    return rise, fall


@compiled
def _factorise(matrix: Floats) -> bool:
    """Replace the lower triangle by its Cholesky factor; false where the matrix is not positive definite."""
    for j in range(len(matrix)):
        pivot = matrix[j, j]
        for k in range(j):
            pivot -= matrix[j, k] * matrix[j, k]
        if not pivot > 1e-12:
            return False
        root = math.sqrt(pivot)
        matrix[j, j] = root
        for i in range(j + 1, len(matrix)):
            rest = matrix[i, j]
            for k in range(j):
                rest -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = rest / root
    return True


@compiled
def _solve(factor: Floats, vector: Floats) -> None:
    """Solve with a Cholesky factor, in place."""
    p = len(vector)
    for i in range(p):
        for k in range(i):
            vector[i] -= factor[i, k] * vector[k]
        vector[i] /= factor[i, i]
    for i in range(p - 1, -1, -1):
        for k in range(i + 1, p):
            vector[i] -= factor[k, i] * vector[k]
        vector[i] /= factor[i, i]


@compiled
def _standard_errors(factor: Floats, se: Floats) -> None:
    """Square roots of the diagonal of the inverse, from the Cholesky factor."""
    p = len(se)
    column = np.empty(p)
    for j in range(p):
        column[:] = 0.0
        column[j] = 1.0
        square = 0.0
        for i in range(j, p):
            for k in range(j, i):
                column[i] -= factor[i, k] * column[k]
            column[i] /= factor[i, i]
            square += column[i] * column[i]
        se[j] = math.sqrt(square)


@compiled
def cox_fit(rows: Rows, x: Floats, beta: Floats, se: Floats, tolerance: float) -> bool:
    """Fit a Cox model by Newton's method from ``beta`` (p,), in place; false where it did not converge.

    The standard errors are of the information at the last but one ``beta``, which is nearer than ``tolerance``.
    Arguments as in `cox_pass`.
    """
    p = len(beta)
    score, information = np.empty(p), np.empty((p, p))
    for _ in range(25):
        cox_pass(rows, x, beta, score, information)
        if not _factorise(information):
            return False
        _solve(information, score)
        largest = 0.0
        for j in range(p):
            step = min(max(score[j], -1.0), 1.0)
            beta[j] = min(max(beta[j] + step, -6.0), 6.0)
            largest = max(largest, abs(step))
        if largest < tolerance:
            _standard_errors(information, se)
            return True
    return False
