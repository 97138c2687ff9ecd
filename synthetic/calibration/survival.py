"""Event times of the 239 whose published survival statistics are the paper's.

`fit_times` starts from a parametric draw and anneals all days of the 227 with relapsed or refractory disease
together towards 88 of the 90 statistics that are printed of them (the other two contradict their own hazard
ratios, see ``survival_targets.CONTRADICTED``); the 12 of the MRD indication are searched apart. Everything is
deterministic: one thread, random numbers of its own. `statistics` gives the numbers of any such cohort.

Annealed times have informative censoring: relapse-free survival stands above responders' overall survival only
because those who relapsed are followed longer. They are for arithmetic and software, not for inference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.calibration.mrd_arm import fit_mrd_arm, mrd_statistics
from blinreg.synthetic.calibration.survival_anneal import Cooling, aim_at, anneal, cohort_of
from blinreg.synthetic.calibration.survival_cohort import (
    Days,
    Fixed,
    Floats,
    courses_of,
    fixed_of,
    relapsed_refractory,
    with_courses,
)
from blinreg.synthetic.calibration.survival_start import start
from blinreg.synthetic.calibration.survival_statistics import N_STATISTICS, all_statistics, work_for
from blinreg.synthetic.calibration.survival_targets import CONTRADICTED, MRD_TARGETS, TARGETS

#: Weight of the strangeness of days in the objective.
_STRANGENESS = 0.01


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how hot the annealing is.

    Parameters
    ----------
    first, further : int
        Changes tried in the first round and in each further one.
    rounds : int
        Further rounds at most; they end when every target that can be hit is.
    """

    first: int = 1_200_000
    further: int = 400_000
    rounds: int = 12


def fit_times(
    skeleton: pl.DataFrame,
    *,
    seed: int = 2020,
    given_up: Collection[str] = (),
    schedule: Schedule | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> pl.DataFrame:
    """Find days of response, relapse, progression, transplant and end for the patients of a skeleton.

    Parameters
    ----------
    skeleton : polars.DataFrame
        The 239, a row a patient: blocks, covariates, ages, cycles (see ``calibration.counts``).
    seed : int
        Of the start and of the annealing.
    given_up : collection of str
        Targets that need not be hit.
    schedule : Schedule, optional
        How long to anneal.
    on_progress : callable, optional
        Is told in a line what has been reached.

    Returns
    -------
    polars.DataFrame
        The skeleton with response_day, relapse_day, progression_day, transplant_day, end_day (Int64, null where it
        did not happen) and is_dead. Ages have been exchanged among the transplanted and among the other 142,
        n_cycles and in_remission_status within blocks.

    Raises
    ------
    ValueError
        No possible course was found for a patient.
    """
    tell = on_progress or (lambda _line: None)
    mrd = fit_mrd_arm(skeleton, seed=seed, given_up=given_up)
    patients = relapsed_refractory(skeleton)
    fixed = fixed_of(patients, mrd.filter(~pl.col("is_dead"))["end_day"].to_numpy())
    course = start(patients, fixed, seed=seed)
    ignored = {*given_up, *CONTRADICTED}
    weights = np.array([0.0 if target.id in ignored else 1.0 for target in TARGETS])
    course = _annealed(course, fixed, weights, seed=seed, plan=schedule or Schedule(), tell=tell)
    found = pl.concat([with_courses(patients, course), mrd], how="diagonal_relaxed")
    return found.sort("number").select(*skeleton.columns, *DAY_COLUMNS)


#: Columns that `fit_times` adds.
DAY_COLUMNS = ("response_day", "relapse_day", "progression_day", "transplant_day", "end_day", "is_dead")


def _annealed(
    course: Days, fixed: Fixed, weights: Floats, *, seed: int, plan: Schedule, tell: Callable[[str], None]
) -> Days:
    """Anneal in rounds, with more weight on what the last round missed; returns the courses that miss least."""
    state, cohort = np.array([seed], dtype=np.uint64), cohort_of(course, fixed)
    weight, fewest, best = weights.copy(), len(TARGETS) + 1, course
    for n in range(plan.rounds + 1):
        cooling = Cooling(plan.first, 0.6, 0.002, False) if n == 0 else Cooling(plan.further, 0.05, 0.001, True)
        cost = anneal(cohort, aim_at(weight, _STRANGENESS), state, cooling)
        missed = [k for k in _missed(course, fixed) if weights[k] > 0]
        tell(f"round {n}: objective {cost:.4f}, {len(missed)} missed: {', '.join(TARGETS[k].id for k in missed)}")
        if len(missed) < fewest:
            fewest, best = len(missed), course.copy()
        if not missed:
            break
        weight[missed] = np.minimum(1.5 * weight[missed], 8.0)
    return best


def _evaluate(course: Days, fixed: Fixed) -> Floats:
    out = np.zeros(N_STATISTICS)
    if not all_statistics(course, fixed, work_for(fixed), out):
        raise ValueError("a Cox model of the cohort does not converge")
    return out


def _missed(course: Days, fixed: Fixed) -> list[int]:
    """Positions of the targets that are missed, the models fitted to full precision."""
    values = _evaluate(course, fixed)
    return [k for k, (target, value) in enumerate(zip(TARGETS, values, strict=True)) if not target.is_hit(value)]


def statistics(frame: pl.DataFrame) -> dict[str, float]:
    """Compute every statistic of ``TARGETS`` and ``MRD_TARGETS`` of a cohort with days.

    Parameters
    ----------
    frame : polars.DataFrame
        As returned by `fit_times`.

    Returns
    -------
    dict of str to float
        By target id; infinite for a median or limit that is not reached.
    """
    mrd = frame.filter(pl.col("is_mrd_indication"))
    patients = relapsed_refractory(frame)
    fixed = fixed_of(patients, mrd.filter(~pl.col("is_dead"))["end_day"].to_numpy())
    values = _evaluate(courses_of(patients), fixed)
    names = [target.id for target in TARGETS]
    return dict(zip(names, values.tolist(), strict=True)) | mrd_statistics(mrd)


def hits(values: dict[str, float]) -> dict[str, bool]:
    """Which targets the statistics hit, within their printed rounding."""
    return {target.id: target.is_hit(values[target.id]) for target in (*TARGETS, *MRD_TARGETS)}
