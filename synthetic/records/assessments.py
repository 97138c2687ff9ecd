"""Haematologic assessments: when the disease was looked at, and what the marrow and the counts showed.

The findings are drawn in agreement with the course: a complete remission has at most 5% blasts and recovered
counts, and some have exactly 5%, which the definition allows.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from blinreg.synthetic.courses import CYCLE_DAYS, INFUSION_DAYS, NEVER
from blinreg.synthetic.records.columns import Codes, constant, frame, happened, slots, where
from blinreg.synthetic.records.cycles import MOST_CYCLES, Cycles
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream

#: Days between the visits in remission, and by how many a visit is early or late.
FOLLOW_UP_DAYS, VISIT_SLACK_DAYS = 90, 10
#: Assessments closer together than this are one.
LEAST_DAYS_APART = 10
#: The last visit in remission lies so many days before a relapse.
DAYS_BEFORE_RELAPSE = 15
#: Day of an early look at the marrow, of those who do not reach the end of the first cycle.
EARLY_MARROW_DAY = 14
#: An assessment so long after the start of a cycle belongs to its end.
END_OF_CYCLE_DAY = 20

RESPONSES = Codes("cr", "cri", "pr", "stable", "no_response", "progression", "not_evaluable")
_CR, _CRI, _PR = (RESPONSES.position(name) for name in ("cr", "cri", "pr"))
_PROGRESSION, _NOT_EVALUABLE = RESPONSES.position("progression"), RESPONSES.position("not_evaluable")

TIMEPOINTS = Codes(
    *(f"end_of_cycle_{number}" for number in range(1, MOST_CYCLES + 1)),
    "day_15",
    "early",
    "interim",
    "response",
    "follow_up",
    "relapse",
    "progression",
)
#: Numbers of the rows' streams: slots from 0, visits in remission from 100.
_FIRST_VISIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessments:
    """Assessments, one row each, by patient and day; ``response`` and ``timepoint`` are positions."""

    who: Numbers
    row: Numbers
    day: Numbers
    response: Numbers
    timepoint: Numbers

    def at(self, positions: Numbers) -> Assessments:
        """Give the assessments at these positions."""
        return Assessments(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})

    @property
    def is_remission(self) -> Flags:
        """Which assessments found a complete remission."""
        return np.asarray(self.response <= _CRI)

    def last_day(self, n_patients: int) -> Numbers:
        """Day of each patient's last assessment; it never comes without any."""
        found = np.full(n_patients, NEVER)
        found[self.who] = self.day  # by day within the patient: the last one stays
        return found

    def first_best_day(self, subjects: Subjects) -> Numbers:
        """Day of the first assessment of each patient's best response."""
        found = np.full(len(subjects), NEVER)
        best = np.flatnonzero(self.response == _best(subjects)[self.who])[::-1]
        found[self.who[best]] = self.day[best]
        return found


def _best(subjects: Subjects) -> Numbers:
    return subjects.courses.code("best_response")


def _after_cycles(subjects: Subjects, cycles: Cycles, draws: Draws) -> Numbers:
    """Days at the ends of the given cycles, before failure and graft; others never come."""
    last = np.minimum(np.minimum(subjects.last_day_alive, subjects.failure - 1), subjects.transplant - 1)
    planned = np.stack([draws.whole(INFUSION_DAYS - 2, INFUSION_DAYS + 9) for _ in range(MOST_CYCLES)], axis=1)
    day = cycles.start + planned
    early = np.minimum(EARLY_MARROW_DAY + draws.whole(0, 2), last)
    day[:, 0] = np.where((day[:, 0] > last) & ~happened(subjects.response), early, day[:, 0])
    return np.where(cycles.is_cycle & (day <= last[:, None]), day, NEVER)


def _slots(subjects: Subjects, cycles: Cycles, draws: Draws) -> Assessments:
    """Assessments at the ends of cycles, of the response, and of relapse or progression."""
    best, response = _best(subjects)[:, None], subjects.response[:, None]
    after = _after_cycles(subjects, cycles, draws)
    before = np.array([RESPONSES.position(name) for name in subjects.details.before_response.names])
    before = before[draws.choice(subjects.details.before_response)]
    waits = happened(subjects.response) & ~subjects.is_mrd  # the MRD indication is in remission from the start
    found = np.where(waits[:, None] & (after < response), before[:, None], best)
    shows_progression = happened(subjects.failure) & (best[:, 0] != _NOT_EVALUABLE)
    # Progression as the best response was seen first when it is dated, if it is.
    is_first_progression = (best[:, 0] == _PROGRESSION) & shows_progression
    is_apart = (np.abs(after - response) > LEAST_DAYS_APART) & ~is_first_progression[:, None]
    day = np.column_stack(
        [np.where(is_apart, after, NEVER), response, np.where(shows_progression, subjects.failure, NEVER)]
    )
    found = np.column_stack([found, best, np.full(len(subjects), _PROGRESSION)])
    who, slot = slots(happened(day))
    return Assessments(
        who=who, row=slot, day=day[who, slot], response=found[who, slot], timepoint=np.full(len(who), -1)
    )


def _visits(subjects: Subjects, taken: Assessments, draws: Draws) -> Assessments:
    """Visits in remission, every three months, until shortly before relapse or the end of observation."""
    first = np.full(len(subjects), NEVER)
    remissions = np.flatnonzero(taken.is_remission)[::-1]
    first[taken.who[remissions]] = taken.day[remissions]
    last = np.minimum(subjects.last_day_alive, subjects.failure - DAYS_BEFORE_RELAPSE)
    n = np.where(happened(first), np.maximum((last + VISIT_SLACK_DAYS - first) // FOLLOW_UP_DAYS, 0), 0)
    who = np.repeat(subjects.everybody, n)
    number = np.arange(len(who)) - np.repeat(np.cumsum(n) - n, n)
    drawn = draws.of_rows(who, _FIRST_VISIT + number).whole(-VISIT_SLACK_DAYS, VISIT_SLACK_DAYS)
    day = first[who] + FOLLOW_UP_DAYS * (number + 1) + drawn
    keep = (day <= last[who]) & ~_is_near(who, day, taken)
    return Assessments(
        who=who[keep],
        row=_FIRST_VISIT + number[keep],
        day=day[keep],
        response=_best(subjects)[who[keep]],
        timepoint=np.full(int(keep.sum()), TIMEPOINTS.position("follow_up")),
    )


#: Patients are told apart on one axis of days by this many days each.
_AXIS = 1 << 20


def _is_near(who: Numbers, day: Numbers, taken: Assessments) -> Flags:
    """Whether another assessment of the patient lies within the days in which two would be one."""
    axis = np.sort(taken.who * _AXIS + taken.day)
    point = who * _AXIS + day
    next_one = np.searchsorted(axis, point - LEAST_DAYS_APART)
    return np.append(axis, np.iinfo(np.int64).max)[next_one] <= point + LEAST_DAYS_APART


def _timepoints(subjects: Subjects, cycles: Cycles, found: Assessments) -> Numbers:
    """Name the occasions: the end of the cycle that it belongs to, or what was found."""
    started = cycles.is_cycle[found.who] & (cycles.start[found.who] <= found.day[:, None])
    cycle = np.maximum(started.sum(axis=1) - 1, 0)
    since = found.day - cycles.start[found.who, cycle]
    is_first = cycle == 0
    name = np.full(len(found.who), TIMEPOINTS.position("interim"))
    name[is_first & (since < EARLY_MARROW_DAY)] = TIMEPOINTS.position("early")
    name[is_first & (since >= EARLY_MARROW_DAY)] = TIMEPOINTS.position("day_15")
    name[found.day == subjects.response[found.who]] = TIMEPOINTS.position("response")
    name = np.where((since >= END_OF_CYCLE_DAY) & (since < CYCLE_DAYS), cycle, name)
    name[found.day == subjects.failure[found.who]] = TIMEPOINTS.position("progression")
    name[found.day == subjects.relapse[found.who]] = TIMEPOINTS.position("relapse")
    return np.where(found.timepoint >= 0, found.timepoint, name)


def draw_assessments(subjects: Subjects, cycles: Cycles) -> Assessments:
    """Draw the assessments of every patient while observed, in the order of patients and days."""
    draws = subjects.draws(Stream.DETAIL_ASSESSMENT)
    slots = _slots(subjects, cycles, draws)
    parts = [slots, _visits(subjects, slots, draws)]
    both = Assessments(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Assessments)}
    )
    ordered = both.at(np.argsort(both.who * _AXIS + both.day, kind="stable"))
    named = _timepoints(subjects, cycles, ordered)
    return Assessments(who=ordered.who, row=ordered.row, day=ordered.day, response=ordered.response, timepoint=named)


def assessment_rows(subjects: Subjects, found: Assessments) -> pl.DataFrame:
    """Write the table ``disease_assessment``."""
    who, response = found.who, found.response
    draws = subjects.draws(Stream.DETAIL_ASSESSMENT).of_rows(who, 10_000 + found.row)
    exactly_five = draws.chance(subjects.study.records.exactly_five_percent)
    in_remission = np.where(exactly_five, 5, draws.whole(0, 4))
    above = draws.whole(6, np.where(response == _PR, 24, 95))
    # Complete remission needs more than 100 000 platelets and 1000 neutrophils.
    is_cr = response == _CR
    platelets = np.where(is_cr, 101_000, 8000) + 1000 * draws.whole(0, np.where(is_cr, 199, 84))
    neutrophils = np.where(is_cr, 1010, 50) + 10 * draws.whole(0, np.where(is_cr, 499, 89))
    outside = np.where(response == _CRI, _CR, response)
    has_outside = subjects.courses.flag("has_extramedullary")[who]
    return frame(
        "disease_assessment",
        {
            "patient_id": subjects.patient_id(who),
            "assessment_date": subjects.dates(who, found.day),
            "timepoint": TIMEPOINTS.at(found.timepoint),
            "response": RESPONSES.at(response),
            "marrow_blast_percent": where(
                response != _NOT_EVALUABLE, np.where(found.is_remission, in_remission, above)
            ),
            "platelets_per_ul": pl.Series(platelets),
            "anc_per_ul": pl.Series(neutrophils),
            "extramedullary_response": RESPONSES.at(np.where(has_outside, outside, -1)),
            "assessor": constant("site", len(who)),
        },
    )
