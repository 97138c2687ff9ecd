"""Rows for a Cox model of each transition: who is at risk, from when, with which covariates, and who has the event.

With these rows an analysis finds the planted hazard ratios again; they are made from observed courses alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.courses import NEVER, Courses, Placement
from blinreg.synthetic.model.truth import RESPONSE_WOULD_BE_SEEN_DAYS
from blinreg.synthetic.streams import Flags, Floats, Numbers
from blinreg.synthetic.studies.parameters import HazardParameters, Study


@dataclass(frozen=True, slots=True)
class _Spell:
    """Time at risk of each patient: from one day to another, the event at its end, and what changes on the way.

    ``changes`` gives the day from which a time-dependent covariate is 1.
    """

    is_at_risk: Flags
    origin: Numbers
    stop: Numbers
    event: Flags
    changes: Mapping[str, Numbers]


@dataclass(frozen=True, slots=True)
class _Days:
    """Days of the courses by short names; ``NEVER`` for what did not happen."""

    courses: Courses
    study: Study
    index_day: Numbers

    def day(self, name: str) -> Numbers:
        return self.courses.day(f"{name}_day")

    @property
    def transplant_in_remission(self) -> Numbers:
        transplant = self.day("transplant")
        return np.where(transplant < self.day("relapse"), transplant, NEVER)

    @property
    def dead(self) -> Flags:
        return self.courses.flag("is_dead")

    def stop(self, *days: Numbers) -> Numbers:
        """First of some days and the end of observation."""
        return np.asarray(np.minimum.reduce([self.day("end"), *days]), dtype=np.int64)


def _relapse(days: _Days) -> _Spell:
    relapse, response = days.day("relapse"), days.day("response")
    return _Spell(
        response < NEVER,
        response,
        days.stop(relapse),
        relapse < NEVER,
        {"transplanted": days.transplant_in_remission},
    )


def _transplant(days: _Days) -> _Spell:
    response, transplant = days.day("response"), days.transplant_in_remission
    stop = days.stop(days.day("relapse"), transplant)
    return _Spell(response < NEVER, response, stop, transplant < NEVER, {})


def _death_in_remission(days: _Days) -> _Spell:
    response, transplant, relapse = days.day("response"), days.transplant_in_remission, days.day("relapse")
    event = days.dead & (transplant == NEVER) & (relapse == NEVER)
    return _Spell(response < NEVER, response, days.stop(relapse, transplant), event, {})


def _transplant_mortality(days: _Days) -> _Spell:
    transplant, relapse = days.transplant_in_remission, days.day("relapse")
    return _Spell(transplant < NEVER, transplant, days.stop(relapse), days.dead & (relapse == NEVER), {})


def _transplant_after_relapse_day(days: _Days) -> Numbers:
    first, second, relapse = days.day("transplant"), days.day("second_transplant"), days.day("relapse")
    return np.where(first < relapse, second, first)


def _death_after_relapse(days: _Days) -> _Spell:
    relapse, transplant = days.day("relapse"), _transplant_after_relapse_day(days)
    is_at_risk = (relapse < NEVER) & (days.day("response") < NEVER)
    before = np.where(days.transplant_in_remission < NEVER, relapse, NEVER)
    event = days.dead & (transplant == NEVER)
    return _Spell(is_at_risk, relapse, days.stop(transplant), event, {"transplanted": before})


def _transplant_after_relapse(days: _Days) -> _Spell:
    relapse, transplant = days.day("relapse"), _transplant_after_relapse_day(days)
    response = days.day("response")
    last = response + days.study.disease.last_transplant_days
    is_at_risk = (relapse < NEVER) & (response < NEVER)
    return _Spell(is_at_risk, relapse, days.stop(transplant, last), transplant < NEVER, {})


def _death_without_response(days: _Days) -> _Spell:
    cutoff_day = (days.study.data_cutoff_date - days.study.accrual_start).days
    long_enough = cutoff_day - days.index_day >= RESPONSE_WOULD_BE_SEEN_DAYS
    is_at_risk = (days.day("response") == NEVER) & ~days.courses.flag("is_mrd_indication") & long_enough
    event = days.dead & ~days.courses.is_code("cause_of_death", "blinatumomab_toxicity")
    return _Spell(is_at_risk, np.zeros_like(days.index_day), days.stop(), event, {})


_SPELLS: Mapping[str, Callable[[_Days], _Spell]] = {
    "relapse": _relapse,
    "transplant": _transplant,
    "death_in_remission": _death_in_remission,
    "transplant_mortality": _transplant_mortality,
    "death_after_relapse": _death_after_relapse,
    "transplant_after_relapse": _transplant_after_relapse,
    "death_without_response": _death_without_response,
}


def covariates(courses: Courses) -> dict[str, Floats]:
    """Give the covariates of the model, fixed in time, from the courses.

    Parameters
    ----------
    courses : Courses
        Courses of patients.

    Returns
    -------
    dict of str to array of float, (n,)
        By the names of the parameter file.
    """
    cr1_days, lines = courses.day("cr1_days"), courses.whole("n_prior_lines")
    cns = courses.flag("has_cns_at_diagnosis") | courses.flag("has_cns_at_relapse") | courses.flag("has_active_cns")
    values = {
        "age_per_decade": (courses.whole("age_years") - 48) / 10,
        "age_over_72": courses.whole("age_years") > 72,
        "ph_positive": courses.flag("is_ph_positive"),
        "tki": ~courses.is_code("tki", "none"),
        "kmt2a": courses.flag("is_kmt2a_rearranged"),
        "cns_history": cns,
        "primary_refractory": courses.is_code("cr1_class", "primary_refractory"),
        "cr1_under_1_year": cr1_days < 365,
        "prior_allo_hct": courses.is_code("prior_allo_hct", "yes"),
        "two_or_more_lines": lines >= 2,
        "over_five_lines": lines > 5,
        "mrd_indication": courses.flag("is_mrd_indication"),
        "mrd_positive": courses.is_code("mrd_result", "positive"),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}


def transition_rows(study: Study, courses: Courses, placement: Placement, transition: str) -> pl.DataFrame:
    """Make the rows of a Cox model for a transition.

    Parameters
    ----------
    study : Study
        Study the courses were drawn from.
    courses, placement
        As drawn by ``draw_courses``.
    transition : str
        Name of the transition, a key of ``TRANSITIONS``.

    Returns
    -------
    polars.DataFrame
        ``patient_id``, ``tstart``, ``tstop`` in days on the transition's clock, ``event`` (0, 1) and the covariates of
        the transition; two rows where a covariate changes. Those to whom it never happens are left out.

    Examples
    --------
    >>> from blinreg.synthetic.model import draw_courses
    >>> from blinreg.synthetic.studies import load_study
    >>> study = load_study("realworld-2020")
    >>> rows = transition_rows(study, *draw_courses(study, 1, np.arange(200)), "transplant_mortality")
    >>> rows.columns[:4]
    ['patient_id', 'tstart', 'tstop', 'event']
    """
    index_day = (placement.index_date - np.datetime64(study.accrual_start, "D")).astype(np.int64)
    spell = _SPELLS[transition](_Days(courses, study, index_day))
    hazard: HazardParameters = getattr(study.hazard, transition)
    fixed = covariates(courses)
    possible = spell.is_at_risk & (spell.stop > spell.origin)
    for name, ratio in hazard.hazard_ratio.items():
        if ratio == 0:
            possible &= fixed[name] == 0
    columns = {name: fixed[name] for name, ratio in hazard.hazard_ratio.items() if ratio != 0 and name in fixed}
    return _rows(courses, spell, possible, columns)


def _rows(courses: Courses, spell: _Spell, possible: Flags, columns: Mapping[str, Floats]) -> pl.DataFrame:
    """Make one row a patient at risk, and two where the time-dependent covariate changes on the way."""
    change = np.full_like(spell.stop, NEVER)
    names = tuple(spell.changes)
    for day in spell.changes.values():
        change = np.maximum(day, spell.origin)
    goes_on = change < spell.stop

    def part(mask: Flags, start: Numbers, stop: Numbers, event: Flags, value: float) -> pl.DataFrame:
        frame = pl.DataFrame(
            {
                "patient_id": courses.numbers,
                "tstart": start - spell.origin,
                "tstop": stop - spell.origin,
                "event": event.astype(np.int64),
                **columns,
                **dict.fromkeys(names, np.full(len(courses), value)),
            }
        )
        return frame.filter(pl.Series(possible & mask))

    before = part(change > spell.origin, spell.origin, np.minimum(spell.stop, change), spell.event & ~goes_on, 0.0)
    after = part(goes_on, change, spell.stop, spell.event, 1.0)
    return pl.concat([before, after]).sort("patient_id", "tstart")


#: Covariates that the overall effect of transplant is adjusted for.
_ADJUSTED = (
    *("age_per_decade", "ph_positive", "tki", "kmt2a", "cns_history", "primary_refractory", "cr1_under_1_year"),
    *("prior_allo_hct", "two_or_more_lines", "mrd_positive"),
)


def overall_rows(courses: Courses) -> pl.DataFrame:
    """Make the rows of overall survival of responders from response, with transplant as a time-dependent exposure.

    Parameters
    ----------
    courses : Courses
        Courses of patients; those with relapsed or refractory disease and a response are kept.

    Returns
    -------
    polars.DataFrame
        ``patient_id``, ``tstart``, ``tstop``, ``event``; ``ever_allo_hct``, 1 from the start for those transplanted at
        any time (the naive comparison, which favours transplant because only those who live get one); the baseline
        covariates; and ``allo_hct``, 0 until the day of the first transplant and 1 after.
    """
    response, transplant = courses.day("response_day"), courses.day("transplant_day")
    is_at_risk = (response < NEVER) & ~courses.flag("is_mrd_indication")
    spell = _Spell(is_at_risk, response, courses.whole("end_day"), courses.flag("is_dead"), {"allo_hct": transplant})
    fixed = covariates(courses)
    ever = np.asarray(transplant < NEVER, dtype=np.float64)
    return _rows(courses, spell, is_at_risk, {"ever_allo_hct": ever, **{name: fixed[name] for name in _ADJUSTED}})
