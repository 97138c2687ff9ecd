"""All published times to event, tests and models of the 227, compiled, in the order of ``survival_targets.TARGETS``.

In stages, from cheap to dear, so that the annealing can turn a bad change down before it fits a model.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.calibration.kernels import (
    Z95,
    Rows,
    composed,
    cox_fit,
    event_steps,
    limits_of_median,
    log_rank_p,
    mantel_byar_p,
    median_of,
    renew_order,
    survival_at,
)
from blinreg.synthetic.calibration.survival_cohort import Column, Days, Fixed, Flags, Floats, Group
from blinreg.synthetic.calibration.survival_targets import DAYS_PER_MONTH, STAGES
from blinreg.synthetic.courses import NEVER

_NEVER = int(NEVER)
_RESPONSE, _RELAPSE, _PROGRESSION = int(Column.RESPONSE), int(Column.RELAPSE), int(Column.PROGRESSION)
_TRANSPLANT, _END, _DEAD, _AGE = int(Column.TRANSPLANT), int(Column.END), int(Column.DEAD), int(Column.AGE)
_PH, _KMT2A, _REFRACTORY = int(Group.PH), int(Group.KMT2A), int(Group.REFRACTORY)
_TKI, _RESPONDERS, _ALL = int(Group.TKI), int(Group.RESPONDERS), int(Group.ALL)
_TWO_YEARS = 24 * DAYS_PER_MONTH
_EARLY = 100  # days after transplant

# Times: from the first dose to death and to relapse, progression or death; from response to relapse or death and to
# death; from transplant to death and to relapse or death.
_OS, _EFS, _RFS, _OS_RESPONSE, _OS_TRANSPLANT, _PFS_TRANSPLANT = range(6)
_N_TIMES = 6
# What is read off a curve.
_MEDIAN, _MEDIAN_AND_LIMITS, _MEDIAN_AND_TWO_YEARS = range(3)

#: Curves in the order of the targets: time, group, what is read off.
_CURVES = np.array(
    [
        (_OS, Group.ALL, _MEDIAN_AND_LIMITS),
        (_OS, Group.RESPONDERS, _MEDIAN_AND_LIMITS),
        (_OS, Group.NOT_TRANSPLANTED, _MEDIAN_AND_LIMITS),
        (_OS, Group.NOT_PH, _MEDIAN_AND_LIMITS),
        (_RFS, Group.RESPONDERS, _MEDIAN_AND_LIMITS),
        (_RFS, Group.RESPONDERS_NOT_TRANSPLANTED, _MEDIAN_AND_LIMITS),
        (_EFS, Group.NOT_TRANSPLANTED, _MEDIAN_AND_LIMITS),
        (_OS, Group.PH, _MEDIAN_AND_TWO_YEARS),
        (_OS, Group.PH_TKI, _MEDIAN_AND_TWO_YEARS),
        (_OS, Group.PH_NO_TKI, _MEDIAN),
        (_OS, Group.KMT2A, _MEDIAN),
        (_OS, Group.NOT_KMT2A, _MEDIAN),
        (_OS, Group.REFRACTORY, _MEDIAN),
        (_OS, Group.NOT_REFRACTORY, _MEDIAN),
        (_RFS, Group.RESPONDERS_PH_TKI, _MEDIAN_AND_TWO_YEARS),
        (_RFS, Group.RESPONDERS_PH_NO_TKI, _MEDIAN),
        (_OS_TRANSPLANT, Group.TRANSPLANTED, _MEDIAN_AND_TWO_YEARS),
        (_PFS_TRANSPLANT, Group.TRANSPLANTED, _MEDIAN_AND_TWO_YEARS),
    ],
    dtype=np.int64,
)
_CURVES_END, _TESTS_END, _OS_MODEL_END, _RESPONDER_MODEL_END, _ALL_END = STAGES
N_STATISTICS = _ALL_END
_OS_PRINTED, _RFS_PRINTED = 4, 2


class Work(NamedTuple):
    """Days and orders that are kept from one evaluation to the next.

    ``time``, ``event``, ``order`` (6, n); ``member`` (groups, n); ``switch`` (2, n) and ``order_switch``
    (2, transplanted): day of transplant from the first dose, and from response; ``steps`` (3, n);
    ``beta``, ``se`` (3, 9): of the models for OS, OS from response, RFS, where the next fit starts.
    """

    time: Days
    event: Flags
    order: Days
    switch: Days
    order_switch: Days
    steps: Days
    beta: Floats
    se: Floats


def work_for(fixed: Fixed) -> Work:
    """Make the working arrays."""
    n = len(fixed.block)
    return Work(
        time=np.full((_N_TIMES, n), NEVER, dtype=np.int64),
        event=np.zeros((_N_TIMES, n), dtype=np.uint8),
        order=np.tile(np.arange(n), (_N_TIMES, 1)),
        switch=np.full((2, n), NEVER, dtype=np.int64),
        order_switch=np.tile(np.arange(fixed.n_transplanted), (2, 1)),
        steps=np.empty((3, n), dtype=np.int64),
        beta=np.zeros((3, fixed.x_os.shape[1] + 1)),
        se=np.ones((3, fixed.x_os.shape[1] + 1)),
    )


@composed
def renew(course: NDArray[np.int64], fixed: Fixed, work: Work) -> None:
    """Bring the times and their orders up to date with the courses."""
    time, event = work.time, work.event
    for i in range(len(fixed.block)):
        end, dead, response = course[i, _END], course[i, _DEAD], course[i, _RESPONSE]
        first = min(course[i, _RELAPSE], course[i, _PROGRESSION])
        failed = 1 if first != _NEVER else dead
        first = min(first, end)
        time[_OS, i], event[_OS, i] = end, dead
        time[_EFS, i], event[_EFS, i] = first, failed
        if response != _NEVER:
            time[_RFS, i], event[_RFS, i] = first - response, failed
            time[_OS_RESPONSE, i], event[_OS_RESPONSE, i] = end - response, dead
        transplant = course[i, _TRANSPLANT]
        if transplant != _NEVER:
            time[_OS_TRANSPLANT, i], event[_OS_TRANSPLANT, i] = end - transplant, dead
            time[_PFS_TRANSPLANT, i], event[_PFS_TRANSPLANT, i] = first - transplant, failed
            work.switch[0, i], work.switch[1, i] = transplant, transplant - response
        decades = (course[i, _AGE] - 48) / 10.0
        fixed.x_os[i, 0] = decades
        if i < len(fixed.x_rfs):
            fixed.x_rfs[i, 0] = decades
    for k in range(_N_TIMES):
        renew_order(time[k], work.order[k])
    for k in range(2):
        renew_order(work.switch[k], work.order_switch[k])


@composed
def curves(fixed: Fixed, work: Work, out: Floats) -> int:
    """Fill in what is read off the curves; returns how many statistics that are."""
    at = 0
    for row in range(len(_CURVES)):
        axis, group, what = _CURVES[row, 0], _CURVES[row, 1], _CURVES[row, 2]
        k = event_steps(work.time[axis], work.event[axis], work.order[axis], fixed.member[group], work.steps)
        out[at] = median_of(work.steps, k) / DAYS_PER_MONTH
        at += 1
        if what == _MEDIAN_AND_LIMITS:
            lower, upper = limits_of_median(work.steps, k)
            out[at], out[at + 1] = lower / DAYS_PER_MONTH, upper / DAYS_PER_MONTH
            at += 2
        if what == _MEDIAN_AND_TWO_YEARS:
            out[at] = 100.0 * survival_at(work.steps, k, _TWO_YEARS)
            at += 1
    return at


@composed
def middle(ordered: Days, n: int) -> float:
    """Median of the first n of an ordered list."""
    return float(ordered[(n - 1) // 2] + ordered[n // 2]) / 2.0


@composed
def follow_up(fixed: Fixed, work: Work, out: Floats) -> None:
    """Median, shortest and longest follow-up of the survivors: of the 227, and with the MRD indication."""
    alive, both = work.steps[0], work.steps[1]
    n = 0
    for a in work.order[_OS]:
        if work.event[_OS, a] == 0:
            alive[n] = work.time[_OS, a]
            n += 1
    extra = fixed.mrd_alive
    i, j = 0, 0
    total = min(n + len(extra), len(both))
    for k in range(total):
        if j >= len(extra) or (i < n and alive[i] <= extra[j]):
            both[k] = alive[i]
            i += 1
        else:
            both[k] = extra[j]
            j += 1
    for ordered, m, at in ((alive, n, 0), (both, total, 3)):
        out[at] = middle(ordered, m) / DAYS_PER_MONTH
        out[at + 1] = ordered[0] / DAYS_PER_MONTH
        out[at + 2] = ordered[m - 1] / DAYS_PER_MONTH


@composed
def transplant_counts(course: NDArray[np.int64], fixed: Fixed, work: Work, out: Floats) -> None:
    """Days from response to transplant; early deaths without relapse; relapses without transplant."""
    gaps, n = work.steps[2], fixed.n_transplanted
    early = 0
    for k in range(n):
        a = work.order_switch[1, k]
        gaps[k] = work.switch[1, a]
        soon = course[a, _END] - course[a, _TRANSPLANT] <= _EARLY
        if soon and course[a, _DEAD] == 1 and course[a, _RELAPSE] == _NEVER:
            early += 1
    relapsed = 0
    for i in range(n, fixed.n_responders):
        if course[i, _RELAPSE] != _NEVER:
            relapsed += 1
    out[0] = middle(gaps, n) / DAYS_PER_MONTH
    out[1], out[2] = gaps[0] / DAYS_PER_MONTH, gaps[n - 1] / DAYS_PER_MONTH
    out[3], out[4] = early, relapsed


@composed
def curve_stage(course: NDArray[np.int64], fixed: Fixed, work: Work, out: Floats) -> None:
    """Statistics of the first stage: curves, follow-up and counts."""
    at = curves(fixed, work, out)
    follow_up(fixed, work, out[at:])
    transplant_counts(course, fixed, work, out[at + 6 :])


@composed
def test_stage(fixed: Fixed, work: Work, out: Floats) -> None:
    """P values of the log-rank tests and of Mantel and Byar's, from position `_CURVES_END`."""
    at = _CURVES_END
    member = fixed.member
    for group in (_PH, _KMT2A, _REFRACTORY):
        out[at] = log_rank_p(work.time[_OS], work.event[_OS], work.order[_OS], member[_ALL], member[group])
        at += 1
    for axis in (_OS, _RFS):
        both = member[_PH] if axis == _OS else member[_PH] * member[_RESPONDERS]
        out[at] = log_rank_p(work.time[axis], work.event[axis], work.order[axis], both, member[_TKI])
        at += 1
    n = fixed.n_responders
    out[at] = mantel_byar_p(rows_of(work, _OS_RESPONSE, 1, n))


@composed
def rows_of(work: Work, axis: int, origin: int, n: int) -> Rows:
    """Rows of the first n patients: a time, and the transplant from the first dose (0) or from response (1)."""
    return Rows(
        work.time[axis, :n],
        work.event[axis, :n],
        work.order[axis, :n],
        work.switch[origin, :n],
        work.order_switch[origin],
    )


@composed
def wald_p(beta: float, se: float) -> float:
    """Two-sided P of a coefficient."""
    return math.erfc(abs(beta / se) / math.sqrt(2.0))


@composed
def write_terms(beta: Floats, se: Floats, out: Floats) -> int:
    """Write ratio, limits and P of each coefficient; returns how many numbers."""
    for k in range(len(beta)):
        b, s = beta[k], se[k]
        out[4 * k] = math.exp(b)
        out[4 * k + 1] = math.exp(b - Z95 * s)
        out[4 * k + 2] = math.exp(b + Z95 * s)
        out[4 * k + 3] = wald_p(b, s)
    return 4 * len(beta)


@composed
def os_model(fixed: Fixed, work: Work, tolerance: float, out: Floats) -> bool:
    """Cox model of OS: transplant, age, first remission (3), CNS, earlier transplant, Ph, KMT2A."""
    beta, se = work.beta[0], work.se[0]
    done = cox_fit(rows_of(work, _OS, 0, len(fixed.block)), fixed.x_os, beta, se, tolerance)
    at = _TESTS_END + write_terms(beta[:3], se[:3], out[_TESTS_END:])
    at += write_terms(beta[7:8], se[7:8], out[at:])
    out[at], out[at + 1], out[at + 2] = wald_p(beta[8], se[8]), wald_p(beta[5], se[5]), wald_p(beta[6], se[6])
    return done


@composed
def responder_model(fixed: Fixed, work: Work, tolerance: float, out: Floats) -> bool:
    """Cox model of OS from response, with the same terms."""
    n, beta, se = fixed.n_responders, work.beta[1], work.se[1]
    done = cox_fit(rows_of(work, _OS_RESPONSE, 1, n), fixed.x_os[:n], beta, se, tolerance)
    write_terms(beta[:1], se[:1], out[_OS_MODEL_END:])
    return done


@composed
def rfs_model(fixed: Fixed, work: Work, tolerance: float, out: Floats) -> bool:
    """Cox model of RFS: transplant, age, CNS, KMT2A, MRD-positive response, first remission (3)."""
    n = fixed.n_responders
    beta, se = work.beta[2, :8], work.se[2, :8]
    done = cox_fit(rows_of(work, _RFS, 1, n), fixed.x_rfs, beta, se, tolerance)
    at = _RESPONDER_MODEL_END + write_terms(beta[2:4], se[2:4], out[_RESPONDER_MODEL_END:])
    out[at] = wald_p(beta[1], se[1])
    for k in range(4):
        out[at + 1 + k] = wald_p(beta[4 + k], se[4 + k])
    return done


@composed
def all_statistics(course: NDArray[np.int64], fixed: Fixed, work: Work, out: Floats) -> bool:
    """Fill ``out`` (90,) with every statistic, the models to full precision; false where one does not converge."""
    renew(course, fixed, work)
    curve_stage(course, fixed, work, out)
    test_stage(fixed, work, out)
    first = os_model(fixed, work, 1e-10, out)
    second = responder_model(fixed, work, 1e-10, out)
    return rfs_model(fixed, work, 1e-10, out) and first and second
