"""Small random changes of the courses of a cohort, compiled: what the annealing tries.

A change touches one or two patients and keeps every count: courses are exchanged within a block only, ages among
the transplanted or among the others, and who was transplanted, responded or relapsed without transplant stays so.
The random numbers are SplitMix64's, the same on every machine and for every version of the compiler.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.calibration.kernels import composed
from blinreg.synthetic.calibration.survival_cohort import (
    N_COURSE_COLUMNS,
    Block,
    Column,
    Days,
    Fixed,
    Status,
)
from blinreg.synthetic.courses import NEVER

State = NDArray[np.uint64]

_NEVER = int(NEVER)
_RESPONSE, _RELAPSE, _PROGRESSION = int(Column.RESPONSE), int(Column.RELAPSE), int(Column.PROGRESSION)
_TRANSPLANT, _END, _DEAD, _AGE = int(Column.TRANSPLANT), int(Column.END), int(Column.DEAD), int(Column.AGE)
_TRANSPLANTED, _RESPONDER, _NONRESPONDER = int(Block.TRANSPLANTED), int(Block.RESPONDER), int(Block.NONRESPONDER)
_CYCLES, _STATUS, _CONTINUING = int(Column.CYCLES), int(Column.STATUS), int(Status.CONTINUING)
_GOLDEN, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53

#: Kinds of change and how often each is tried, of 100.
EXCHANGE, MOVE_END, MOVE_RELAPSE, CHANGE_STATE, EXCHANGE_AGES, MOVE_RESPONSE, REDRAW, MOVE_ALL = range(8)
_SHARES = np.cumsum(np.array([30, 24, 10, 10, 8, 8, 5, 5])) / 100.0


@composed
def uniform(state: State) -> float:
    """Draw from [0, 1)."""
    state[0] += _GOLDEN
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    z ^= z >> np.uint64(31)
    return float(z >> np.uint64(11)) * _TO_UNIT


@composed
def below(state: State, n: int) -> int:
    """Draw a whole number from 0 to n - 1."""
    return int(uniform(state) * n)


@composed
def stretched(state: State, length: int) -> int:
    """Draw a length near the given one: two changes of three are of 2%, the others of 25%, and a day or two."""
    scale = 0.02 if uniform(state) < 0.65 else 0.25
    normal = math.sqrt(-2.0 * math.log(1.0 - uniform(state))) * math.cos(2.0 * math.pi * uniform(state))
    return round(length * math.exp(scale * normal)) + below(state, 5) - 2


@composed
def draw_change(state: State) -> int:
    """Draw a kind of change."""
    u = uniform(state)
    for kind in range(len(_SHARES)):
        if u < _SHARES[kind]:
            return kind
    return EXCHANGE


@composed
def draw_partner(state: State, fixed: Fixed, i: int, kind: int) -> int:
    """Draw a patient to exchange with: of the same block for courses, also transplanted or not for ages."""
    n, k = len(fixed.block), fixed.n_transplanted
    if kind == EXCHANGE_AGES:
        return below(state, k) if i < k else k + below(state, n - k)
    j = below(state, n)
    while fixed.block[j] != fixed.block[i]:
        j = below(state, n)
    return j


@composed
def exchange(course: Days, i: int, j: int, first: int, last: int) -> None:
    """Exchange the columns from ``first`` to before ``last`` of two patients."""
    for k in range(first, last):
        kept = course[i, k]
        course[i, k] = course[j, k]
        course[j, k] = kept


@composed
def change_one(course: Days, fixed: Fixed, i: int, kind: int, state: State) -> None:
    """Change the course of one patient."""
    row = course[i]
    if kind == MOVE_END:
        row[_END] = stretched(state, row[_END])
    elif kind == MOVE_RELAPSE:
        move_relapse(row, state)
    elif kind == CHANGE_STATE:
        change_state(row, fixed.block[i], state)
    elif kind == MOVE_RESPONSE:
        move_response(row, state)
    elif kind == MOVE_ALL:
        move_all(row, stretched(state, row[_END]) - row[_END])
    elif fixed.block[i] == _NONRESPONDER:
        row[_END] = 12 + below(state, 700)


@composed
def move_relapse(row: Days, state: State) -> None:
    """Move relapse, or the progression of a non-responder."""
    if row[_RELAPSE] != _NEVER:
        row[_RELAPSE] = row[_RESPONSE] + stretched(state, row[_RELAPSE] - row[_RESPONSE])
    elif row[_PROGRESSION] != _NEVER:
        row[_PROGRESSION] = stretched(state, row[_PROGRESSION])


@composed
def change_state(row: Days, block: int, state: State) -> None:
    """Let a patient die or live, or relapse or not (transplanted), or progress or not (non-responder)."""
    if uniform(state) < 0.5:
        if row[_STATUS] != _CONTINUING:
            row[_DEAD] = 1 - row[_DEAD]
    elif block == _TRANSPLANTED:
        latest = row[_END] - row[_TRANSPLANT]
        row[_RELAPSE] = row[_TRANSPLANT] + 10 + below(state, latest) if row[_RELAPSE] == _NEVER else _NEVER
    elif block == _NONRESPONDER:
        row[_PROGRESSION] = 14 + below(state, row[_END]) if row[_PROGRESSION] == _NEVER else _NEVER


@composed
def move_response(row: Days, state: State) -> None:
    """Move response or transplant."""
    if row[_RESPONSE] == _NEVER:
        return
    if row[_TRANSPLANT] != _NEVER and uniform(state) < 0.6:
        row[_TRANSPLANT] += below(state, 31) - 15
    else:
        row[_RESPONSE] += below(state, 13) - 6


@composed
def move_all(row: Days, days: int) -> None:
    """Move relapse and end together."""
    row[_END] += days
    if row[_RELAPSE] != _NEVER:
        row[_RELAPSE] += days


class Undo(NamedTuple):
    """Positions (m,) of the patients touched, and their former rows (m, columns)."""

    touched: Days
    saved: Days


@composed
def propose(course: Days, fixed: Fixed, state: State, undo: Undo, at: int) -> int:
    """Make one random change; rows are saved before they are touched, from ``at`` on. Returns how many are, in all."""
    kind, i = draw_change(state), below(state, len(course))
    undo.touched[at] = i
    undo.saved[at] = course[i]
    if kind not in (EXCHANGE, EXCHANGE_AGES):
        change_one(course, fixed, i, kind, state)
        return at + 1
    j = draw_partner(state, fixed, i, kind)
    undo.touched[at + 1] = j
    undo.saved[at + 1] = course[j]
    if kind == EXCHANGE_AGES:
        exchange(course, i, j, _AGE, _AGE + 1)
    elif uniform(state) < 0.2:
        exchange(course, i, j, _END, _DEAD + 1)
    else:
        exchange(course, i, j, 0, N_COURSE_COLUMNS)
    return at + 2


@composed
def take_back(course: Days, undo: Undo, n: int) -> None:
    """Restore the rows saved, the last first."""
    for k in range(n - 1, -1, -1):
        course[undo.touched[k]] = undo.saved[k]
