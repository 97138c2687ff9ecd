"""Blinatumomab itself: cycles and interruptions of the infusion, in days from the first dose.

A cycle is 28 days of infusion in 42 days (2020 multicenter real-world study, Methods).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.courses import CYCLE_DAYS, INFUSION_DAYS, NEVER, TERM_CATEGORY
from blinreg.synthetic.records.columns import Codes, constant, frame, slots, yes_no
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Flags, Numbers, Stream

MOST_CYCLES = 5
#: Conditioning starts about a week before the graft.
CONDITIONING_DAYS = 8
#: An adverse event counts as one on treatment up to so many days after the last day of an infusion.
ON_TREATMENT_AFTER_DAYS = 30
#: Shortest last cycle that is made room for, so that three interruptions fit into it.
SHORTEST_INFUSION_DAYS = 6
#: Micrograms per day: the target dose, and the reduced dose of a first cycle (printed with "/kg", which is an error).
TARGET_DOSE, REDUCED_DOSE = 28, 9

STOPS = Codes("completed", "transplant", "progression", "death", "adverse_event", "ongoing")
_STOPPED_FOR = ("neurotoxicity", "hepatotoxicity", "crs", "infection", "pain")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """Cycles, one column each.

    ``stop`` never comes for a cycle that goes on; ``last_infusion`` is the last day of the cycle on which it was
    given and the patient alive.
    """

    n_cycles: Numbers
    is_cycle: Flags
    start: Numbers
    stop: Numbers
    last_infusion: Numbers
    reason: Numbers

    def of_last(self, values: Numbers) -> Numbers:
        """Give the value of the last cycle."""
        return np.asarray(values[np.arange(len(values)), self.n_cycles - 1])


def is_stopped(subjects: Subjects) -> Flags:
    """Whether an adverse event ended blinatumomab for good."""
    flags = [subjects.courses.flag(f"stopped_for_{category}") for category in _STOPPED_FOR]
    return np.asarray(np.any(flags, axis=0))


def _latest_stop(subjects: Subjects, earliest: Numbers) -> Numbers:
    """Last day of infusion after which the events after transplant do not count as on treatment any more.

    It is given where the infusion can end so early at all.
    """
    courses = subjects.courses
    names = ("transplant_veno_occlusive_disease_day", "transplant_infection_day")
    days = [courses.day(name) - ON_TREATMENT_AFTER_DAYS - 1 for name in names]
    possible = [np.where(day >= earliest + SHORTEST_INFUSION_DAYS, day, NEVER) for day in days]
    return np.minimum(*possible)


def draw_cycles(subjects: Subjects) -> Cycles:
    """Draw the days of the cycles, and why the last one ended."""
    courses = subjects.courses
    draws = subjects.draws(Stream.DETAIL_CYCLES)
    n_cycles = courses.whole("n_cycles")
    earliest = (n_cycles - 1) * CYCLE_DAYS
    latest_stop = _latest_stop(subjects, earliest)
    # Cycles are late only where that leaves half an infusion to the last one.
    room = np.minimum(subjects.first_limit, latest_stop) - INFUSION_DAYS // 2 - earliest
    # What the interruptions of a single cycle need of it (see draw_interruptions).
    needed = np.where(n_cycles == 1, 2 * courses.whole("n_interruptions"), 0)
    delays = np.stack([np.zeros(len(subjects), np.int64), *(draws.whole(0, 6) for _ in range(MOST_CYCLES - 1))], axis=1)
    start = np.arange(MOST_CYCLES) * CYCLE_DAYS + np.minimum(np.cumsum(delays, axis=1), np.maximum(room, 0)[:, None])
    last_start = start[np.arange(len(start)), n_cycles - 1]
    planned = last_start + INFUSION_DAYS - 1
    before_graft = np.maximum(subjects.transplant - CONDITIONING_DAYS, last_start + np.maximum(3, needed))
    ends = np.stack(
        [
            planned,
            np.minimum(before_graft, latest_stop),
            subjects.failure,
            np.where(subjects.is_dead, subjects.end, NEVER),
        ]
    )
    reason, stop = ends.argmin(axis=0), ends.min(axis=0)
    severe = _stop_for_event(subjects, draws.whole(2, 6), draws.whole(3, 20))
    severe = np.clip(last_start + severe, last_start + np.maximum(2, needed), np.minimum(stop, subjects.last_day_alive))
    stopped = is_stopped(subjects)
    reason = np.where(stopped, STOPS.position("adverse_event"), reason)
    stop = np.where(stopped, severe, stop)
    goes_on = stop > subjects.end
    reason, stop = np.where(goes_on, STOPS.position("ongoing"), reason), np.where(goes_on, NEVER, stop)
    number = np.arange(MOST_CYCLES)
    is_last = number == (n_cycles - 1)[:, None]
    is_cycle = number < n_cycles[:, None]
    all_stops = np.where(is_last, stop[:, None], start + INFUSION_DAYS - 1)
    return Cycles(
        n_cycles=n_cycles,
        is_cycle=is_cycle,
        start=start,
        stop=all_stops,
        last_infusion=np.minimum(all_stops, subjects.last_day_alive[:, None]),
        reason=np.where(is_last, reason[:, None], STOPS.position("completed")),
    )


def _stop_for_event(subjects: Subjects, in_crs: Numbers, otherwise: Numbers) -> Numbers:
    """Day of the cycle on which an adverse event ends it: early for cytokine release syndrome."""
    return np.where(subjects.courses.flag("stopped_for_crs"), in_crs, otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruptions:
    """Interruptions of the infusion, one row each, by patient and day.

    ``who`` is the position of the patient, ``cycle`` the number of the cycle from 0, ``rank`` counts the
    interruptions of the patient from 0. ``is_event`` says whether an adverse event caused it.
    """

    who: Numbers
    rank: Numbers
    cycle: Numbers
    start: Numbers
    resume: Numbers
    is_event: Flags


def draw_interruptions(subjects: Subjects, cycles: Cycles) -> Interruptions:
    """Draw when the infusion was interrupted, and when it was resumed.

    The days of a cycle are shared out among the interruptions of a patient, so that they never overlap.
    """
    courses = subjects.courses
    n = courses.whole("n_interruptions")
    who = np.repeat(subjects.everybody, n)
    rank = np.arange(len(who)) - np.repeat(np.cumsum(n) - n, n)
    draws = subjects.draws(Stream.DETAIL_CYCLES).of_rows(who, rank)
    second_length = cycles.last_infusion[who, 1] - cycles.start[who, 1]
    may_be_second = (cycles.n_cycles[who] > 1) & (second_length >= SHORTEST_INFUSION_DAYS)
    cycle = (draws.chance(subjects.details.second_cycle_interrupted) & may_be_second).astype(np.int64)
    length = cycles.last_infusion[who, cycle] - cycles.start[who, cycle]
    width = np.maximum(length // n[who], 2)
    # Not on the first day, where the infusion is long enough.
    first = cycles.start[who, cycle] + rank * width + (length > width * n[who])
    start = first + ((width - 1) * draws.uniform() ** 1.7).astype(np.int64)
    resume = start + draws.whole(1, np.minimum(6, first + width - 1 - start))
    order = np.lexsort((start, who))
    has_event = np.any([courses.whole(f"grade_{term}") != 0 for term in TERM_CATEGORY], axis=0)
    return Interruptions(
        who=who,
        rank=rank,
        cycle=cycle[order],
        start=start[order],
        resume=resume[order],
        is_event=has_event[who],
    )


def cycle_rows(subjects: Subjects, cycles: Cycles) -> pl.DataFrame:
    """Write the table ``treatment_cycle``."""
    courses = subjects.courses
    who, number = slots(cycles.is_cycle)
    n = len(who)
    start, stop = cycles.start[who, number], cycles.stop[who, number]
    is_mrd = subjects.is_mrd[who]
    is_after_response = start > subjects.response[who]
    is_reduced = courses.is_code("dosing", "reduced")[who] & (number == 0)
    return frame(
        "treatment_cycle",
        {
            "patient_id": subjects.patient_id(who),
            "course_number": constant(1, n),
            "cycle_number": pl.Series(number + 1),
            "agent": constant("blinatumomab", n),
            "phase": Codes("induction", "consolidation").at(is_mrd | is_after_response),
            "indication": Codes("relapsed_refractory", "mrd").at(is_mrd),
            "dosing": courses.frame["dosing"].gather(who.astype(np.uint32)),
            "dose": pl.Series(np.where(is_reduced, REDUCED_DOSE, TARGET_DOSE)),
            "dose_unit": constant("ug_per_day", n),
            "start_date": subjects.dates(who, start),
            "stop_date": subjects.dates(who, stop),
            "stop_reason": STOPS.at(cycles.reason[who, number]),
        },
    )


def interruption_rows(subjects: Subjects, found: Interruptions) -> pl.DataFrame:
    """Write the table ``dose_interruption``."""
    n = len(found.who)
    draws = subjects.draws(Stream.DETAIL_EXPOSURE).of_rows(found.who, 1000 + found.rank)
    is_technical = draws.chance(subjects.details.technical_interruption)
    causes = Codes("adverse_event", "technical", "other")
    return frame(
        "dose_interruption",
        {
            "patient_id": subjects.patient_id(found.who),
            "interruption_number": pl.Series(found.rank + 1),
            "agent": constant("blinatumomab", n),
            "start_date": subjects.dates(found.who, found.start),
            "end_date": subjects.dates(found.who, found.resume),
            "cause": causes.at(np.where(found.is_event, 0, np.where(is_technical, 1, 2))),
            "resumed": yes_no(np.ones(n, dtype=np.bool_)),
        },
    )
