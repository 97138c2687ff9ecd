"""The 12 patients of the MRD indication: days that give the published survival, by a seeded random search.

Twelve patients are few enough to draw whole arms until one fits. Printed are OS 34.7 months (8.8-34.7), RFS of the
nine with MRD response not reached (54% at 2 years), and follow-up of 4 to 32 months, median 6. The RFS leaves no
choice of order: with nine at risk, only events at risk sets of 7, 6 and 4 give 54% (`risk_sets_of_rfs`), and a
fourth event would bring the curve below one half. So six responders are alive without relapse, and the death at 34.7
months, later than any survivor is seen, is that of a non-responder or after a relapse.

The upper limit of OS is printed as 34.7 too. A log-log limit needs a curve above 0, so that somebody would be at risk
after that day, and with at most six deaths no curve of twelve has fallen far enough by then
(`least_upper_limit`). The study's software presumably took the curve's fall to 0 for a limit; here, as in R, the
limit is not reached.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import exp, log

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.synthetic.calibration.survival_targets import CONTRADICTED, DAYS_PER_MONTH, MRD_TARGETS
from blinreg.synthetic.courses import CYCLE_DAYS, NEVER

Days = NDArray[np.int64]
Flags = NDArray[np.uint8]

_N, _N_RESPONDERS = 12, 9
#: Days that print as 34.7 and as 8.8 months.
_MEDIAN_DAYS, _LOWER_DAYS = (1055, 1057), (267, 269)
#: Days that print as the shortest and longest follow-up of survivors, 4 and 32 months.
_SHORTEST, _LONGEST = (107, 136), (959, 989)
_TWO_YEARS = 24 * DAYS_PER_MONTH
_MOST_TRIES = 400_000


@dataclass(frozen=True, slots=True)
class _Arm:
    """Days of the twelve, in the order of the skeleton."""

    response: Days
    relapse: Days
    end: Days
    dead: Flags


def fit_mrd_arm(skeleton: pl.DataFrame, *, seed: int, given_up: Collection[str] = ()) -> pl.DataFrame:
    """Find days for the patients of the MRD indication.

    Parameters
    ----------
    skeleton : polars.DataFrame
        All patients; those with is_mrd_indication are used.
    seed : int
        Of the search.
    given_up : collection of str
        Targets that need not be hit.

    Returns
    -------
    polars.DataFrame
        The 12 with the day columns and is_dead, as `survival.fit_times` adds them.

    Raises
    ------
    ValueError
        None of the arms drawn hits every target that is not given up.
    """
    patients = skeleton.filter(pl.col("is_mrd_indication")).sort("number")
    responds = (patients["block"].cast(pl.String) == "mrd_responder").to_numpy()
    treated = (patients["n_cycles"].to_numpy() - 1) * CYCLE_DAYS + 3
    random = np.random.Generator(np.random.PCG64(seed))
    wanted = [target for target in MRD_TARGETS if target.id not in {*given_up, *CONTRADICTED}]
    for _ in range(_MOST_TRIES):
        arm = _draw(random, responds)
        if not _is_possible(arm, responds, treated):
            continue
        values = _statistics(arm, responds)
        if all(target.is_hit(values[target.id]) for target in wanted):
            return _with_days(patients, arm)
    raise ValueError(f"none of {_MOST_TRIES} arms drawn hits every printed number of the MRD indication")


def _draw(random: np.random.Generator, responds: NDArray[np.bool_]) -> _Arm:
    """Draw an arm in the order that the printed RFS leaves: censored twice, two events, censored, event, censored."""
    censored = np.sort(np.append(random.integers(*_SHORTEST), random.integers(110, 420, 5)))
    response = random.integers(21, 50, _N_RESPONDERS)
    end, relapse = np.full(_N_RESPONDERS, NEVER), np.full(_N_RESPONDERS, NEVER)
    alive = np.array([0, 1, 4, 6, 7, 8])
    end[alive] = censored
    end[8] = random.integers(*_LONGEST)
    rfs = censored - response[alive]
    relapse[2:4] = response[2:4] + _between(random, rfs[1], rfs[2], 2)
    relapse[5] = response[5] + _between(random, rfs[2], rfs[3], 1)[0]
    others = np.array([2, 3, 5, *range(_N_RESPONDERS, _N)])
    end, relapse = np.append(end, np.full(3, NEVER)), np.append(relapse, np.full(3, NEVER))
    fates = random.permutation(np.array([0, 1, 2, 2, 3, 3]))
    dead = np.zeros(_N, dtype=np.uint8)
    dead[others] = fates < 3
    choices = np.stack(
        [random.integers(*_MEDIAN_DAYS, 6, endpoint=True), random.integers(*_LOWER_DAYS, 6, endpoint=True)]
    )
    drawn = np.stack([random.integers(150, 900, 6), random.integers(110, 900, 6)])
    end[others] = np.concatenate([choices, drawn])[fates, np.arange(6)]
    arm = _Arm(np.append(response, np.full(3, NEVER)), relapse, end, dead)
    return _placed(random, responds, arm)


def _between(random: np.random.Generator, low: int, high: int, n: int) -> Days:
    """Draw days strictly between two others; none is possible where there is no room (the arm is then turned down)."""
    return random.integers(low + 1, max(high, low + 2), n)


def _placed(random: np.random.Generator, responds: NDArray[np.bool_], arm: _Arm) -> _Arm:
    """Give the courses to the patients: the first nine to those who respond, in random order."""
    place = np.empty(_N, dtype=np.int64)
    place[np.flatnonzero(responds)] = random.permutation(_N_RESPONDERS)
    place[np.flatnonzero(~responds)] = random.permutation(np.arange(_N_RESPONDERS, _N))
    return _Arm(arm.response[place], arm.relapse[place], arm.end[place], arm.dead[place])


def _is_possible(arm: _Arm, responds: NDArray[np.bool_], treated: Days) -> bool:
    """Whether the order of events is possible in every patient."""
    relapses = arm.relapse != NEVER
    possible = treated <= np.minimum(arm.end, arm.relapse)
    possible &= ~relapses | ((arm.relapse + 21 <= arm.end) & (arm.relapse >= arm.response + 14))
    return bool((possible & (~responds | (arm.response + 14 <= arm.end))).all())


def _statistics(arm: _Arm, responds: NDArray[np.bool_]) -> dict[str, float]:
    """Compute what is printed of the arm."""
    from blinreg.synthetic.calibration.kernels import event_steps, limits_of_median, median_of, survival_at

    everybody = np.ones(len(arm.end), dtype=np.uint8)
    steps = np.empty((3, len(arm.end)), dtype=np.int64)
    k = event_steps(arm.end, arm.dead, np.argsort(arm.end), everybody, steps)
    lower, upper = limits_of_median(steps, k)
    found = {
        "mrd_os_months_median": median_of(steps, k),
        "mrd_os_months_ci_lower": lower,
        "mrd_os_months_ci_upper": upper,
    }
    first = np.minimum(arm.relapse, arm.end)
    failed = np.where(arm.relapse != NEVER, 1, arm.dead).astype(np.uint8)
    time = np.where(responds, first - np.where(responds, arm.response, 0), NEVER).astype(np.int64)
    k = event_steps(time, failed, np.argsort(time), responds.astype(np.uint8), steps)
    two_years = 100 * survival_at(steps, k, _TWO_YEARS) if time[responds].max() >= _TWO_YEARS else float("nan")
    found["mrd_rfs_median"] = median_of(steps, k)
    alive = arm.end[arm.dead == 0]
    found |= {
        "fu_mrd_median": float(np.median(alive)),
        "fu_mrd_min": float(alive.min()),
        "fu_mrd_max": float(alive.max()),
    }
    months = {name: days / DAYS_PER_MONTH for name, days in found.items()}
    return months | {"mrd_rfs_2y": two_years}


def _with_days(patients: pl.DataFrame, arm: _Arm) -> pl.DataFrame:
    def days(values: Days) -> pl.Series:
        return pl.Series([None if value == NEVER else value for value in values.tolist()], dtype=pl.Int64)

    nothing = pl.lit(None, dtype=pl.Int64)
    return patients.with_columns(
        response_day=days(arm.response),
        relapse_day=days(arm.relapse),
        progression_day=nothing,
        transplant_day=nothing,
        end_day=pl.Series(arm.end, dtype=pl.Int64),
        is_dead=pl.Series(arm.dead == 1),
    )


def mrd_statistics(patients: pl.DataFrame) -> dict[str, float]:
    """Compute what is printed of the patients of the MRD indication, by target id."""

    def days(name: str) -> Days:
        return np.asarray(patients[name].fill_null(NEVER).to_numpy(), dtype=np.int64)

    arm = _Arm(
        days("response_day"), days("relapse_day"), days("end_day"), patients["is_dead"].cast(pl.UInt8).to_numpy()
    )
    return _statistics(arm, patients["response_day"].is_not_null().to_numpy())


def risk_sets_of_rfs() -> list[tuple[int, ...]]:
    """Sizes of the risk sets at the events of nine patients whose curve ends at 53.5% to 54.5%.

    Events of one day count as one after the other, which gives the same curve.

    Examples
    --------
    >>> risk_sets_of_rfs()
    [(7, 6, 4)]
    """
    found = []
    for n_events in range(1, _N_RESPONDERS):
        for sizes in combinations(range(_N_RESPONDERS, 0, -1), n_events):
            survival = Fraction(1)
            for size in sizes:
                survival *= Fraction(size - 1, size)
            if Fraction(535, 1000) <= survival <= Fraction(545, 1000):
                found.append(sizes)
    return found


def least_upper_limit(*, most_deaths: int = 6) -> float:
    """Least value of the upper log-log 95% limit of the survival of twelve patients, while somebody is at risk.

    All orders of deaths and censorings are tried in which the last to be seen dies, because no survivor is seen
    after 32 months and the limit is printed at 34.7; read before that death, as the curve is then still above 0.
    Six deaths at most, because the printed RFS leaves six responders alive.

    Examples
    --------
    >>> least_upper_limit() > 0.5
    True
    """
    from blinreg.synthetic.calibration.kernels import Z95

    least = 1.0
    for n_deaths in range(1, most_deaths + 1):
        for deaths in combinations(range(_N, 1, -1), n_deaths - 1):
            survival, greenwood = 1.0, 0.0
            for size in deaths:
                survival *= 1 - 1 / size
                greenwood += 1 / (size * (size - 1))
                least = min(least, survival ** exp(Z95 * greenwood**0.5 / log(survival)))
    return least
