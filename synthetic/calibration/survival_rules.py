"""What a course must be to be possible, and how far the days of a cohort are from looking like days of patients.

The first is checked after every change, patient by patient, and is as strict as ``courses.IMPOSSIBLE`` or stricter.
The second enters the objective with a small weight. Published medians and limits pin a curve at a few points only;
without it the annealing may put many patients on the few days that matter, or leave holes in the curve.
"""

from __future__ import annotations

import math

import numpy as np

from blinreg.synthetic.calibration.kernels import composed
from blinreg.synthetic.calibration.survival_cohort import Block, Column, Days, Fixed, Status
from blinreg.synthetic.calibration.survival_statistics import Work
from blinreg.synthetic.courses import CYCLE_DAYS, DAYS_BEFORE_TRANSPLANT, NEVER

_NEVER = int(NEVER)
_RESPONSE, _RELAPSE, _PROGRESSION = int(Column.RESPONSE), int(Column.RELAPSE), int(Column.PROGRESSION)
_TRANSPLANT, _END, _DEAD = int(Column.TRANSPLANT), int(Column.END), int(Column.DEAD)
_CYCLES, _STATUS = int(Column.CYCLES), int(Column.STATUS)
_TRANSPLANTED, _RESPONDER = int(Block.TRANSPLANTED), int(Block.RESPONDER)
_NOT_EVALUABLE = int(Block.NOT_EVALUABLE)
_CONTINUING, _DLI, _RELAPSED = int(Status.CONTINUING), int(Status.DLI), int(Status.RELAPSED)

#: Longest and shortest observation: follow-up of 1 to 52 months among survivors; nobody dies in the first days.
LAST_DAY, FIRST_DEATH, FIRST_CENSORING = 1590, 6, 20
#: The first marrow is looked at after two weeks, the last that shows a first response four months on.
RESPONSE_DAYS = (14, 120)
#: From response to transplant: 0.2 to 13.2 months.
TRANSPLANT_GAP = (5, 403)
#: A toxic death comes on treatment; who could not be evaluated was lost or died before the second marrow.
LAST_TOXIC_DEATH, LAST_NOT_EVALUABLE = 60, 120
#: Progression as the best response is seen by the end of the third cycle.
LAST_PROGRESSION = 130
#: Relapses are not on the heels of response or transplant, and death is not on those of relapse.
AFTER_RESPONSE, AFTER_TRANSPLANT, BEFORE_END = 10, 10, 5


@composed
def is_possible(row: Days, block: int, is_toxic_death: int, must_progress: int, may_have_dli: int) -> bool:
    """Whether a course can be that of a patient of the block."""
    end = row[_END]
    shortest = FIRST_DEATH if row[_DEAD] == 1 else FIRST_CENSORING
    if end < shortest or end > LAST_DAY or not fits_treatment(row):
        return False
    if block == _TRANSPLANTED:
        return is_possible_remission(row) and is_possible_transplant(row)
    if block == _RESPONDER:
        return is_possible_remission(row) and is_possible_status(row, may_have_dli)
    return bool(is_possible_failure(row, block, is_toxic_death, must_progress))


@composed
def is_possible_failure(row: Days, block: int, is_toxic_death: int, must_progress: int) -> bool:
    """Whether progression and end are those of a patient without response."""
    progression, end = row[_PROGRESSION], row[_END]
    if is_toxic_death:
        return bool(row[_DEAD] == 1 and end <= LAST_TOXIC_DEATH and progression == _NEVER)
    if block == _NOT_EVALUABLE:
        return bool(end <= LAST_NOT_EVALUABLE and progression == _NEVER)
    if must_progress:
        return bool(14 <= progression <= min(LAST_PROGRESSION, end - BEFORE_END))
    return bool(progression == _NEVER or 14 <= progression <= end - BEFORE_END)


@composed
def fits_treatment(row: Days) -> bool:
    """Whether the cycles have been given before treatment ended."""
    stop = min(row[_END], row[_TRANSPLANT] - DAYS_BEFORE_TRANSPLANT)
    stop = min(stop, row[_RELAPSE], row[_PROGRESSION])
    return bool((row[_CYCLES] - 1) * CYCLE_DAYS + 3 <= stop)


@composed
def is_possible_remission(row: Days) -> bool:
    """Whether response and relapse are in order, and the response came with the cycles given."""
    response, relapse, end = row[_RESPONSE], row[_RELAPSE], row[_END]
    if response < RESPONSE_DAYS[0] or response > min(RESPONSE_DAYS[1], row[_CYCLES] * CYCLE_DAYS + 14):
        return False
    if response > end - 2:
        return False
    return bool(relapse == _NEVER or response + AFTER_RESPONSE <= relapse <= end - BEFORE_END)


@composed
def is_possible_transplant(row: Days) -> bool:
    """Whether the transplant came in remission, and before everything after it."""
    transplant, relapse = row[_TRANSPLANT], row[_RELAPSE]
    gap = transplant - row[_RESPONSE]
    if gap < TRANSPLANT_GAP[0] or gap > TRANSPLANT_GAP[1] or transplant > row[_END] - BEFORE_END:
        return False
    return bool(relapse == _NEVER or relapse >= transplant + AFTER_TRANSPLANT)


@composed
def is_possible_status(row: Days, may_have_dli: int) -> bool:
    """Whether what became of a remission without transplant agrees with relapse and end."""
    status, relapse, end = row[_STATUS], row[_RELAPSE], row[_END]
    if status == _RELAPSED:
        return bool(relapse != _NEVER)
    if relapse != _NEVER or (status == _DLI and may_have_dli == 0):
        return False
    if status == _CONTINUING:
        return bool(row[_DEAD] == 0)
    return bool(end - row[_RESPONSE] >= 30)


@composed
def lumps(ordered: Days, n: int) -> float:
    """How many of the ordered days have three others within a day and a half and 2% of their length, by degree."""
    excess = 0.0
    for i in range(n - 3):
        width = 1.5 + 0.02 * ordered[i]
        spread = ordered[i + 3] - ordered[i]
        if spread < width:
            excess += 1.0 - spread / width
    return excess


@composed
def holes(ordered: Days, n: int, until: int) -> float:
    """How far successive days, up to ``until``, are more than 15 days and 15% of their length apart."""
    excess = 0.0
    for i in range(n - 1):
        if ordered[i] > until:
            break
        excess += max(0.0, (ordered[i + 1] - ordered[i]) / (15.0 + 0.15 * ordered[i]) - 1.0)
    return excess


@composed
def strangeness(course: Days, fixed: Fixed, work: Work, scratch: Days) -> float:
    """Lumps and holes of deaths, ends of follow-up, relapses and transplants; call after `renew`.

    ``scratch`` (n,) is overwritten.
    """
    total = 0.0
    for dead in range(2):
        n = 0
        for a in work.order[0]:
            if work.event[0, a] == dead:
                scratch[n] = work.time[0, a]
                n += 1
        total += lumps(scratch, n) + holes(scratch, n, 700)
    n = 0
    for a in work.order[2, : fixed.n_responders]:
        if course[a, _RELAPSE] != _NEVER:
            scratch[n] = work.time[2, a]
            n += 1
    total += lumps(scratch, n) + holes(scratch, n, 400)
    n = fixed.n_transplanted
    for k in range(n):
        scratch[k] = work.switch[1, work.order_switch[1, k]]
    return total + lumps(scratch, n) + repeats(course, fixed) + unevenness(course, fixed)


@composed
def unevenness(course: Days, fixed: Fixed) -> float:
    """How much more than by chance the deaths of successive months differ: after transplant, other responders, others.

    Differences of months count beyond 1.5 times their Poisson standard error and one death, in the first 10 months.
    """
    count = np.zeros((3, 10), dtype=np.int64)
    for i in range(len(course)):
        month = (course[i, _END] - (course[i, _TRANSPLANT] if fixed.block[i] == _TRANSPLANTED else 0)) // 30
        if course[i, _DEAD] == 1 and month < 10:
            count[min(fixed.block[i], 2), month] += 1
    excess = 0.0
    for block in range(3):
        for month in range(9):
            one, other = count[block, month], count[block, month + 1]
            excess += max(0.0, abs(one - other) - 1.0 - 1.5 * math.sqrt(one + other))
    return excess


@composed
def repeats(course: Days, fixed: Fixed) -> float:
    """How many responders more than eight share a day of response, and how short the time from relapse to death is."""
    excess = 0.0
    count = np.zeros(RESPONSE_DAYS[1] + 1, dtype=np.int64)
    hasty = 0
    n_dead = 0
    for i in range(fixed.n_responders):
        count[course[i, _RESPONSE]] += 1
        if course[i, _RELAPSE] != _NEVER and course[i, _DEAD] == 1:
            n_dead += 1
            hasty += 1 if course[i, _END] - course[i, _RELAPSE] < 21 else 0
    for day in range(len(count)):
        excess += max(0, count[day] - 9)
    return excess + max(0.0, hasty - 0.2 * n_dead)
