"""Adverse events on treatment and after transplant, and who could be assessed for them.

Every term of a course has an event of its highest grade. Events that interrupted the infusion begin with the
interruption, those that ended it on its last day or the day before; further interruptions are milder returns of an
event.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from blinreg.schemas.codes import TERM_CATEGORY as REGISTRY_CATEGORY
from blinreg.synthetic.courses import TERM_CATEGORY
from blinreg.synthetic.records.columns import Codes, frame, happened, slots, where, yes_no
from blinreg.synthetic.records.cycles import ON_TREATMENT_AFTER_DAYS, Cycles, Interruptions
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream

TERMS = Codes(*TERM_CATEGORY)
CATEGORY = {term: REGISTRY_CATEGORY[term] for term in TERMS.names}

#: Longest duration in days, by category of the event.
LONGEST_DAYS = {"crs": 6, "neurotoxicity": 10, "hepatotoxicity": 21, "infection": 14, "pain": 14}
#: Categories for which the study prints who could be assessed on treatment, and those followed after transplant.
ON_TREATMENT = ("crs", "neurotoxicity", "hepatotoxicity")
POST_TRANSPLANT = ("hepatotoxicity", "infection")
ACTIONS = Codes("none", "interrupted", "discontinued")
_NONE, _INTERRUPTED, _DISCONTINUED = range(3)
#: A milder return of an event has at most this grade.
MILD = 2
SEVERE = 3

#: Numbers of the rows' streams: events of terms from 0, returns from 100, events after transplant from 200.
_FIRST_RETURN, _FIRST_AFTER_TRANSPLANT = 100, 200

_LONGEST = np.array([LONGEST_DAYS[CATEGORY[term]] for term in TERMS.names])
_IS_RELATED = np.array([CATEGORY[term] in ON_TREATMENT for term in TERMS.names])
_CRS, _STROKE = TERMS.position("crs"), TERMS.position("stroke")
_IS_NEUROTOXICITY = np.array([CATEGORY[term] == "neurotoxicity" for term in TERMS.names])


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Adverse events, one row each. ``grade`` is -1 where it was not graded, ``cycle`` -1 outside of cycles."""

    who: Numbers
    row: Numbers
    term: Numbers
    grade: Numbers
    cycle: Numbers
    onset: Numbers
    action: Numbers
    is_fatal: Flags
    corticosteroid: Flags
    tocilizumab: Flags

    def at(self, positions: Numbers) -> Events:
        """Give the events at these positions."""
        return Events(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})


def _joined(parts: list[Events]) -> Events:
    """Put events together, by patient and onset."""
    names = [field.name for field in fields(Events)]
    whole = Events(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
    return whole.at(np.lexsort((whole.row, whole.onset, whole.who)))


def grades(subjects: Subjects) -> Numbers:
    """Highest grade of each term, one column a term."""
    return np.stack([subjects.courses.whole(f"grade_{term}") for term in TERMS.names], axis=1)


def _fatal(subjects: Subjects) -> Flags:
    """Which term killed the patient."""
    terms = subjects.courses.frame["fatal_term"].cast(pl.String)
    return np.stack([(terms == term).to_numpy() for term in TERMS.names], axis=1)


def _discontinued(subjects: Subjects, grade: Numbers, is_fatal: Flags) -> Flags:
    """Which term ended blinatumomab: the fatal or gravest of each category that did."""
    found = np.zeros(grade.shape, dtype=np.bool_)
    # An event without a grade weighs between none and the mildest.
    weight = np.where(grade < 0, 0.5, grade) + 10 * (is_fatal & (grade != 0))
    for category in LONGEST_DAYS:
        members = np.array([position for position, term in enumerate(TERMS.names) if CATEGORY[term] == category])
        gravest = members[weight[:, members].argmax(axis=1)]
        stopped = np.flatnonzero(subjects.courses.flag(f"stopped_for_{category}"))
        found[stopped, gravest[stopped]] = True
    return np.asarray(found & (grade != 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Causes:
    """Which event caused each interruption: an event of a term, or the return of one (``is_return``)."""

    term: Numbers
    is_return: Flags


def _causes(found: Interruptions, grade: Numbers, may_interrupt: Flags) -> _Causes:
    """Take the gravest events first, cytokine release syndrome of grade 3 or more before all others.

    The first interruption has an event of its own where there is one; the later ones have theirs if it was at
    least of grade 2, else the first event returns.
    """
    weight = np.where(grade < 0, 1.5, grade).astype(np.float64)
    weight[:, _CRS] += 10 * (grade[:, _CRS] >= SEVERE)
    weight = np.where(grade != 0, weight, -1.0)[found.who]
    usable = may_interrupt[found.who]
    order = np.argsort(np.where(usable, -weight, 1.0), axis=1, kind="stable")
    row = np.arange(len(found.who))
    term = order[row, found.rank]
    has_own = usable[row, term] & ((weight[row, term] >= MILD) | (found.rank == 0))
    gravest = np.where(usable[row, order[:, 0]], order[:, 0], weight.argmax(axis=1))
    return _Causes(term=np.where(has_own, term, gravest), is_return=~has_own)


def _onset(subjects: Subjects, cycles: Cycles, draws: Draws, who: Numbers, term: Numbers) -> tuple[Numbers, Numbers]:
    """Draw cycle and day of events that neither interrupted nor ended the infusion."""
    onsets = [subjects.study.records.onset[name] for name in TERMS.names]
    first, last = (np.array([getattr(one, name) for one in onsets])[term] for name in ("first_day", "last_day"))
    in_cycle_one = np.array([one.in_cycle_one for one in onsets])[term]
    is_later = ~draws.chance(in_cycle_one) & (cycles.n_cycles[who] > 1)
    cycle = np.where(is_later, draws.whole(1, cycles.n_cycles[who] - 1), 0)
    day = cycles.start[who, cycle] + draws.whole(first, last)
    return cycle, np.minimum(day, cycles.last_infusion[who, cycle])


def _events_of_terms(
    subjects: Subjects, cycles: Cycles, found: Interruptions, causes: _Causes, flags: dict[str, Flags]
) -> Events:
    """Events of the highest grade of each term."""
    grade, is_fatal, is_discontinued = grades(subjects), flags["is_fatal"], flags["is_discontinued"]
    who, term = slots(grade != 0)
    draws = subjects.draws(Stream.DETAIL_SAFETY).of_rows(who, term)
    cycle, onset = _onset(subjects, cycles, draws, who, term)
    last_cycle, last_day = cycles.n_cycles[who] - 1, cycles.of_last(cycles.last_infusion)[who]
    at_end = is_discontinued[who, term] | is_fatal[who, term]
    before = np.where(is_discontinued[who, term], draws.whole(0, 1), draws.whole(0, 3))
    cycle = np.where(at_end, last_cycle, cycle)
    onset = np.where(at_end, np.maximum(cycles.start[who, last_cycle], last_day - before), onset)
    interrupting = np.full(grade.shape, -1)
    own = np.flatnonzero(found.is_event & ~causes.is_return)
    interrupting[found.who[own], causes.term[own]] = own
    held = interrupting[who, term]
    is_held = held >= 0
    courses = subjects.courses
    is_crs = term == _CRS
    is_severe_neurotoxicity = _IS_NEUROTOXICITY[term] & (grade[who, term] >= SEVERE)
    action = np.where(is_held, _INTERRUPTED, np.where(is_discontinued[who, term], _DISCONTINUED, _NONE))
    return Events(
        who=who,
        row=term,
        term=term,
        grade=grade[who, term],
        cycle=_taken(found.cycle, held, cycle),
        onset=_taken(found.start, held, onset),
        action=action,
        is_fatal=is_fatal[who, term],
        corticosteroid=np.where(is_crs, courses.flag("crs_corticosteroid")[who], is_severe_neurotoxicity),
        tocilizumab=is_crs & courses.flag("crs_tocilizumab")[who],
    )


def _taken(values: Numbers, positions: Numbers, otherwise: Numbers) -> Numbers:
    """Values at positions; others where the position is -1."""
    return np.where(positions >= 0, np.append(values, 0)[positions], otherwise)


def _returns(found: Interruptions, causes: _Causes, grade: Numbers) -> Events:
    """Milder returns of an event, which interrupted the infusion once more."""
    chosen = np.flatnonzero(found.is_event & causes.is_return)
    who, term = found.who[chosen], causes.term[chosen]
    no = np.zeros(len(who), dtype=np.bool_)
    return Events(
        who=who,
        row=_FIRST_RETURN + found.rank[chosen],
        term=term,
        grade=np.minimum(grade[who, term], MILD),
        cycle=found.cycle[chosen],
        onset=found.start[chosen],
        action=np.full(len(who), _INTERRUPTED),
        is_fatal=no,
        corticosteroid=no,
        tocilizumab=no,
    )


def _after_transplant(subjects: Subjects, cycles: Cycles, grade: Numbers) -> list[Events]:
    """Infection and veno-occlusive disease after transplant.

    Such an event soon after the last infusion counts as one on treatment too: there it is no graver than the
    events of its category on treatment.
    """
    parts = []
    last_on_treatment = cycles.of_last(cycles.stop) + ON_TREATMENT_AFTER_DAYS
    for number, name in enumerate(("infection", "veno_occlusive_disease")):
        day = subjects.courses.day(f"transplant_{name}_day")
        who = np.flatnonzero(happened(day))
        draws = subjects.draws(Stream.DETAIL_SAFETY).of_rows(who, np.full(len(who), _FIRST_AFTER_TRANSPLANT + number))
        members = [position for position, term in enumerate(TERMS.names) if CATEGORY[term] == CATEGORY[name]]
        on_treatment = np.maximum(grade[who][:, members].max(axis=1), 1)
        drawn = np.where(draws.chance(0.5), SEVERE, MILD)
        no = np.zeros(len(who), dtype=np.bool_)
        parts.append(
            Events(
                who=who,
                row=np.full(len(who), _FIRST_AFTER_TRANSPLANT + number),
                term=np.full(len(who), TERMS.position(name)),
                grade=np.where(day[who] <= last_on_treatment[who], np.minimum(drawn, on_treatment), drawn),
                cycle=np.full(len(who), -1),
                onset=day[who],
                action=np.full(len(who), _NONE),
                is_fatal=no,
                corticosteroid=no,
                tocilizumab=no,
            )
        )
    return parts


def draw_events(subjects: Subjects, cycles: Cycles, found: Interruptions) -> Events:
    """Draw the adverse events, in the order of patients and onsets.

    Parameters
    ----------
    subjects : Subjects
        The patients, with the highest grade of each term.
    cycles, found : Cycles, Interruptions
        When the infusion was given, and interrupted.
    """
    grade = grades(subjects)
    is_fatal = _fatal(subjects) & (grade != 0)
    is_discontinued = _discontinued(subjects, grade, is_fatal)
    causes = _causes(found, grade, (grade != 0) & ~is_discontinued & ~is_fatal)
    flags = {"is_fatal": is_fatal, "is_discontinued": is_discontinued}
    return _joined(
        [
            _events_of_terms(subjects, cycles, found, causes, flags),
            _returns(found, causes, grade),
            *_after_transplant(subjects, cycles, grade),
        ]
    )


def resolution(subjects: Subjects, events: Events) -> Numbers:
    """Day on which each event was over; it may lie after the end of observation."""
    draws = subjects.draws(Stream.DETAIL_SAFETY).of_rows(events.who, 1000 + events.row)
    return np.where(events.is_fatal, subjects.end[events.who], events.onset + draws.whole(1, _LONGEST[events.term]))


def event_rows(subjects: Subjects, events: Events, over: Numbers) -> pl.DataFrame:
    """Write the table ``adverse_event``; ``over`` is the day on which each was over."""
    who = events.who
    n_before = np.searchsorted(who, who)
    is_over = (over <= subjects.last_day_alive[who]) | events.is_fatal
    on_treatment, is_graded = events.cycle >= 0, events.grade > 0
    sites = subjects.study.sites
    scales = Codes(*dict.fromkeys([*(site.crs_scale for site in sites), *(site.grade_scale for site in sites)]))
    of_site = np.array([[scales.position(s.grade_scale), scales.position(s.crs_scale)] for s in sites])
    scale = of_site[subjects.site[who], (events.term == _CRS).astype(np.int64)]
    outcome = np.where(events.is_fatal, 2, np.where(is_over, 0, 1))
    return frame(
        "adverse_event",
        {
            "patient_id": subjects.patient_id(who),
            "event_number": pl.Series(np.arange(len(who)) - n_before + 1),
            "term": TERMS.at(events.term),
            "grade": where(is_graded, events.grade),
            "grade_scale": scales.at(np.where(is_graded, scale, -1)),
            "onset_date": subjects.dates(who, events.onset),
            "resolution_date": where(is_over, subjects.dates(who, over)),
            "course_number": where(on_treatment, np.ones(len(who), dtype=np.int64)),
            "cycle_number": where(on_treatment, events.cycle + 1),
            "is_serious": yes_no((events.grade >= SEVERE) | (events.term == _STROKE) | events.is_fatal),
            "relatedness": Codes("unrelated", "related").at(on_treatment & _IS_RELATED[events.term]),
            "action": ACTIONS.at(events.action),
            "outcome": Codes("resolved", "ongoing", "fatal").at(outcome),
            "corticosteroid": yes_no(events.corticosteroid),
            "tocilizumab": yes_no(events.tocilizumab),
        },
    )


def toxicity_assessment_rows(subjects: Subjects) -> pl.DataFrame:
    """Write the table ``toxicity_assessment``: the denominators of the toxicity tables."""
    courses = subjects.courses
    always = np.ones(len(subjects), dtype=np.bool_)
    evaluable = {category: courses.flag(f"evaluable_{category}") for category in ON_TREATMENT}
    evaluable["infection"] = always
    periods = [
        *((category, "on_treatment") for category in ON_TREATMENT),
        *((category, "post_transplant") for category in POST_TRANSPLANT),
    ]
    was_transplanted = happened(subjects.transplant)
    is_row = np.stack([always if period == "on_treatment" else was_transplanted for _, period in periods], axis=1)
    who, slot = slots(is_row)
    flags = np.stack([evaluable[category] for category, _ in periods], axis=1)
    return frame(
        "toxicity_assessment",
        {
            "patient_id": subjects.patient_id(who),
            "category": Codes(*(category for category, _ in periods)).at(slot),
            "period": Codes(*(period for _, period in periods)).at(slot),
            "evaluable": yes_no(flags[who, slot]),
        },
    )
