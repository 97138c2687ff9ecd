"""Deal out by seed what the publication leaves free: the order of the patients, their sites, their first days.

Every published number is a function of the courses, counted from the first dose, so none of this moves it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.synthetic.courses import Courses, Placement
from blinreg.synthetic.streams import Curve, Draws, Stream
from blinreg.synthetic.studies import Study

#: Those in contact at the cutoff were last seen within so many days before it (plausible: a visit every two months).
LAST_VISIT_DAYS = 55


def permute(courses: Courses, study: Study, seed: int) -> tuple[Courses, Placement]:
    """Give calibrated courses the numbers, sites and first days of a seed.

    Parameters
    ----------
    courses : Courses
        As many patients as the study's sites have in sum.
    study : Study
        For the sites, accrual and data cutoff.
    seed : int
        Seed of the cohort.

    Returns
    -------
    tuple of Courses and Placement
        The same courses in another order, numbered anew from 0, and where and when they were treated.

    Raises
    ------
    ValueError
        If the sites do not add up to the patients, or a course is longer than accrual start to data cutoff.

    Examples
    --------
    >>> from blinreg.synthetic.calibrated import load_calibrated
    >>> from blinreg.synthetic.studies import load_study
    >>> courses, placement = permute(load_calibrated("realworld-2020"), load_study("realworld-2020"), seed=7)
    >>> [int(n) for n in np.bincount(placement.site)]
    [42, 36, 31, 27, 24, 21, 17, 14, 11, 9, 7]
    """
    numbers = np.arange(len(courses), dtype=np.int64)
    draws = Draws(study.entropy(seed), Stream.PLAN, numbers)
    order = np.argsort(draws.uniform(), kind="stable")
    frame = courses.frame[order].with_columns(number=pl.Series(numbers))
    ordered = Courses(frame.select(courses.frame.columns))
    site = _deal_sites(frame["karnofsky_percent"].is_null().to_numpy(), study, draws)
    days = _first_days(ordered, study, Draws(study.entropy(seed), Stream.CALENDAR, numbers))
    return ordered, Placement(site=site, index_date=np.datetime64(study.accrual_start, "D") + days)


def _deal_sites(is_missing: NDArray[np.bool_], study: Study, draws: Draws) -> NDArray[np.int64]:
    """Fill each site, with patients whose Karnofsky score is missing in proportion to what the site leaves out."""
    sizes = np.array([site.n_patients for site in study.sites], dtype=np.int64)
    if sizes.sum() != len(is_missing):
        raise ValueError("the patients of the sites do not add up to the calibrated courses")
    rates = np.array([site.karnofsky_missing for site in study.sites])
    n_missing = _apportion(sizes * rates, sizes, int(is_missing.sum()))
    site = np.empty(len(is_missing), dtype=np.int64)
    rank = draws.uniform()
    for members, places in ((is_missing, n_missing), (~is_missing, sizes - n_missing)):
        who = np.flatnonzero(members)
        site[who[np.argsort(rank[who], kind="stable")]] = np.repeat(np.arange(len(sizes)), places)
    return site


def _apportion(shares: NDArray[np.float64], most: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Split a total in proportion, whole numbers by largest remainder, nobody above their most."""
    exact = np.minimum(shares * (total / shares.sum()), most)
    given: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    while given.sum() < total:
        remainder = np.where(given < most, exact - given, -np.inf)
        given[int(np.argmax(remainder))] += 1
    return given


def _first_days(courses: Courses, study: Study, draws: Draws) -> NDArray[np.int64]:
    """Draw days from the start of accrual to the first dose, so that nothing comes after the data cutoff.

    Those in contact at the cutoff were last seen within two months before it and those lost earlier, as far as their
    time under observation lets them; deaths come by the accrual of the study.
    """
    at_cutoff = (study.data_cutoff_date - study.accrual_start).days - courses.whole("end_day")
    if at_cutoff.min() < 0:
        n_longer = int((at_cutoff < 0).sum())
        raise ValueError(f"{n_longer} courses are longer than the time from accrual to the data cutoff")
    last = np.minimum(at_cutoff, (study.accrual_end - study.accrual_start).days)
    earlier = np.maximum(at_cutoff - LAST_VISIT_DAYS, 0)
    near_cutoff = draws.whole(earlier, last)
    latest = np.where(courses.is_code("end_reason", "lost", "withdrew"), np.clip(earlier - 1, 0, last), last)
    uniform = draws.uniform()
    rr, mrd = (_before(curve, latest, uniform) for curve in (study.accrual.rr, study.accrual.mrd_indication))
    accrued = np.where(courses.flag("is_mrd_indication"), mrd, rr)
    days = np.where(courses.is_code("end_reason", "cutoff"), near_cutoff, np.minimum(accrued, latest))
    return days.astype(np.int64)


def _before(accrual: Curve, last: NDArray[np.int64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw from the accrual, given that it is not after a last day."""
    shares, days = zip(*accrual.points, strict=True)
    return np.floor(accrual.at(uniform * np.interp(last + 1, days, shares))).astype(np.int64)
