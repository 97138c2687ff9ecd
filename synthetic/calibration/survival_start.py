"""Where the annealing starts: courses drawn from a small parametric multi-state model, all of them possible.

Weibull times from response to relapse, from transplant to relapse and from the first dose to death without response,
with proportional hazards; exponential times from relapse to death; log-normal times to response and transplant. The
blocks decide who responds, is transplanted and relapses, so that the model only says when. Its parameters need not
be near anything: they give the days the shape of days, and the annealing moves them to the published numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.calibration.survival_cohort import (
    Block,
    Column,
    Days,
    Fixed,
    Floats,
    Status,
    statuses_of,
)
from blinreg.synthetic.calibration.survival_rules import (
    AFTER_RESPONSE,
    AFTER_TRANSPLANT,
    BEFORE_END,
    LAST_DAY,
    RESPONSE_DAYS,
    TRANSPLANT_GAP,
    is_possible,
)
from blinreg.synthetic.calibration.survival_targets import DAYS_PER_MONTH
from blinreg.synthetic.courses import CYCLE_DAYS, DAYS_BEFORE_TRANSPLANT, NEVER
from blinreg.synthetic.streams import Draws, Stream

#: Log hazard ratios of the start: age per decade, first remission (<1, 1-2, >2 years), CNS, earlier HCT, Ph, KMT2A.
_EFFECTS = np.array([0.1, 0.5, 0.2, 0.0, 0.3, 0.0, -0.8, 0.6])
#: Deaths in remission early after transplant (printed: 6 within 100 days).
_EARLY_DEATHS = 6


@dataclass(frozen=True, slots=True)
class _Draw:
    """Random numbers of the patients: uniform and standard exponential, and one over the relative hazard."""

    kind: Floats
    place: Floats
    relapse: Floats
    death: Floats
    scale: Floats
    censoring: Days


def start(patients: pl.DataFrame, fixed: Fixed, *, seed: int) -> Days:
    """Draw a table of courses for the patients of `survival_cohort.relapsed_refractory`.

    Parameters
    ----------
    patients : polars.DataFrame
        With n_cycles, age_years and in_remission_status.
    fixed : Fixed
        Their blocks and covariates.
    seed : int
        Of the draws.

    Returns
    -------
    array of int64, shape (n, columns)

    Raises
    ------
    ValueError
        No course was found for a patient: the cycles leave no room.
    """
    n = patients.height
    draws = Draws((2020, seed), Stream.DISEASE, np.arange(n))
    table = np.full((n, len(Column)), NEVER, dtype=np.int64)
    table[:, Column.CYCLES] = patients["n_cycles"].to_numpy()
    table[:, Column.AGE] = patients["age_years"].to_numpy()
    table[:, Column.STATUS] = statuses_of(patients)
    covariates = fixed.x_os.copy()
    covariates[:, 0] = (table[:, Column.AGE] - 48) / 10
    hazard = covariates @ _EFFECTS
    follow_up = DAYS_PER_MONTH * (1 + 51 * draws.uniform() ** 1.55)
    draw = _Draw(
        draws.uniform(),
        draws.uniform(),
        draws.waiting(),
        draws.waiting(),
        np.exp(hazard.mean() - hazard),
        np.clip(follow_up.astype(np.int64), 31, LAST_DAY - 7),
    )
    _add_responses(table, fixed, draws)
    early = np.argsort(draw.kind[: fixed.n_transplanted], kind="stable")[:_EARLY_DEATHS]
    for i in range(n):
        row, block = table[i], fixed.block[i]
        if block == Block.TRANSPLANTED:
            _after_transplant(row, draw, i, is_early=bool(np.isin(i, early)))
        elif block == Block.RESPONDER:
            _in_remission(row, draw, i)
        else:
            _without_response(row, draw, i, fixed)
    bad = [i for i in range(n) if not is_possible(table[i], *_rules_of(fixed, i))]
    if bad:
        raise ValueError(f"no possible course for {len(bad)} of {n} patients: check their cycles and blocks")
    return table


def _rules_of(fixed: Fixed, i: int) -> tuple[int, int, int, int]:
    return (
        int(fixed.block[i]),
        int(fixed.is_toxic_death[i]),
        int(fixed.must_progress[i]),
        int(fixed.may_have_dli[i]),
    )


def _treated_until(row: Days) -> int:
    return int((row[Column.CYCLES] - 1) * CYCLE_DAYS + 3)


def _add_responses(table: Days, fixed: Fixed, draws: Draws) -> None:
    """Draw days of response, and of transplant; the shortest and the longest wait are the printed ones."""
    n, k = fixed.n_responders, fixed.n_transplanted
    cycles = table[:, Column.CYCLES]
    days = np.round(34 * np.exp(0.35 * _normal(draws))).astype(np.int64)
    latest = np.minimum(RESPONSE_DAYS[1], cycles * CYCLE_DAYS + 14)
    table[:n, Column.RESPONSE] = np.clip(days, RESPONSE_DAYS[0], latest)[:n]
    gap = np.round(52 * np.exp(0.75 * _normal(draws))).astype(np.int64)[:k]
    response = table[:k, Column.RESPONSE]
    needed = (cycles[:k] - 1) * CYCLE_DAYS + 3 + DAYS_BEFORE_TRANSPLANT - response
    gap = np.clip(gap, np.maximum(TRANSPLANT_GAP[0] + 1, needed), TRANSPLANT_GAP[1] - 1)
    gap[np.argmax(gap)] = TRANSPLANT_GAP[1] - 1
    gap[np.argmin(gap + 1000 * (needed > TRANSPLANT_GAP[0] + 1))] = TRANSPLANT_GAP[0] + 1
    table[:k, Column.TRANSPLANT] = response + gap


def _normal(draws: Draws) -> Floats:
    """Draw from the standard normal distribution (Box and Muller)."""
    radius = np.sqrt(2 * draws.waiting())
    return np.asarray(radius * np.cos(2 * np.pi * draws.uniform()), dtype=np.float64)


def _finish(row: Days, death: float, censoring: int, earliest: int) -> None:
    """Let death or the end of observation come first, but not before a day."""
    seen = max(int(censoring), earliest)
    row[Column.DEAD] = int(death <= seen and death <= LAST_DAY)
    row[Column.END] = min(max(int(min(death, seen)), earliest), LAST_DAY)


def _after_transplant(row: Days, draw: _Draw, i: int, *, is_early: bool) -> None:
    transplant = int(row[Column.TRANSPLANT])
    if is_early:
        row[Column.END], row[Column.DEAD] = transplant + 8 + int(85 * draw.place[i]), 1
        return
    relapse = transplant + AFTER_TRANSPLANT + int(200 * draw.relapse[i] * draw.scale[i])
    death = float("inf")
    if draw.kind[i] < 0.4 and relapse + BEFORE_END < draw.censoring[i]:
        row[Column.RELAPSE] = relapse
        death = relapse + 10 + 150 * draw.death[i]
    earliest = transplant + 10 if row[Column.RELAPSE] == NEVER else relapse + BEFORE_END
    _finish(row, death, int(draw.censoring[i]), max(earliest, 31))


def _in_remission(row: Days, draw: _Draw, i: int) -> None:
    response, treated = int(row[Column.RESPONSE]), _treated_until(row)
    if row[Column.STATUS] != Status.RELAPSED:
        _finish(row, float("inf"), int(draw.censoring[i]), max(response + 40, treated))
        return
    relapse = max(response + AFTER_RESPONSE + int(140 * draw.relapse[i] * draw.scale[i]), treated)
    relapse = min(relapse, LAST_DAY - 60)
    row[Column.RELAPSE] = relapse
    _finish(row, relapse + 10 + 130 * draw.death[i], int(draw.censoring[i]), relapse + 12)


def _without_response(row: Days, draw: _Draw, i: int, fixed: Fixed) -> None:
    treated = _treated_until(row)
    if fixed.is_toxic_death[i]:
        row[Column.END], row[Column.DEAD] = 12 + int(35 * draw.place[i]), 1
        return
    if fixed.block[i] == Block.NOT_EVALUABLE:
        row[Column.END], row[Column.DEAD] = 31 + int(60 * draw.place[i]), int(draw.kind[i] < 0.6)
        return
    begin = treated
    if fixed.must_progress[i]:
        row[Column.PROGRESSION] = begin = max(treated, 20 + int(45 * draw.place[i]))
    _finish(row, begin + 14 + 200 * draw.death[i] * draw.scale[i], int(draw.censoring[i]), begin + 32)
