"""Adverse events on treatment and after transplant, what was done about them, and the interruptions they caused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.synthetic.course import Course
from blinreg.synthetic.draws import Draws
from blinreg.synthetic.parameters import EventParameters, SafetyParameters, TransplantParameters
from blinreg.synthetic.treatment import Cycle

#: Longest duration in days, by category of the event.
LONGEST_DAYS = {"crs": 6, "neurotoxicity": 10, "hepatotoxicity": 21, "infection": 14, "pain": 14, "other": 14}

#: In these categories the printed rows of terms add up to the patients with any: one term a patient.
ONE_TERM_A_PATIENT = frozenset({"neurotoxicity", "hepatotoxicity"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An adverse event, in days from the first dose.

    ``grade`` is nothing where it was not graded; ``resolution_day`` may lie after the end of
    observation; ``resume_day`` is given for interruptions.
    """

    term: str
    grade: int | None
    onset_day: int
    resolution_day: int
    cycle_number: int | None
    action: str = "none"
    is_fatal: bool = False
    corticosteroid: bool = False
    tocilizumab: bool = False
    resume_day: int | None = None

    @property
    def category(self) -> str:
        """Category of the term."""
        return TERM_CATEGORY[self.term]

    @property
    def is_severe(self) -> bool:
        """Whether the event was graded 3 or more."""
        return self.grade is not None and self.grade >= 3


def _resolution(draws: Draws, term: str, onset_day: int) -> int:
    return onset_day + draws.whole(1, LONGEST_DAYS[TERM_CATEGORY[term]])


def _reasons_for_stopping(draws: Draws, course: Course) -> list[Event]:
    """Events of a severe course: on the day of the stop or the day before it."""
    severe, path, last = course.severe, course.path, course.cycles[-1]
    if severe is None:
        return []
    is_fatal = severe.days_to_death is not None and course.observation.is_dead
    events = []
    for rank, term in enumerate(severe.terms):
        onset_day = max(last.start_day, last.stop_day - draws.whole(0, 1))
        kills = is_fatal and rank == 0
        grade = 4 if severe.days_to_death is not None else 3
        events.append(
            Event(
                term=term,
                grade=5 if kills else grade,
                onset_day=onset_day,
                resolution_day=path.death_day if kills else _resolution(draws, term, onset_day),
                cycle_number=last.number,
                action="discontinued",
                is_fatal=kills,
            )
        )
    return events


def _grade(draws: Draws, kind: EventParameters, *, has_tki: bool) -> int | None:
    is_severe = draws.chance(kind.severe / kind.any) and (kind.tki_severe or not has_tki)
    is_second = draws.chance(0.45)
    is_fourth = draws.chance(0.15)
    if kind.term == "stroke":
        return None  # printed: two strokes without a grade
    if not is_severe:
        return 2 if is_second else 1
    # A neurological event of grade 4 would have to end the treatment; CRS of grade 4 did in the one printed case.
    return 4 if is_fourth and TERM_CATEGORY[kind.term] in {"hepatotoxicity", "infection"} else 3


def _one_event(draws: Draws, kind: EventParameters, cycles: Sequence[Cycle], *, has_tki: bool) -> Event | None:
    happens = draws.chance(kind.any * (kind.tki_ratio if has_tki else 1.0))
    in_first = draws.chance(kind.in_cycle_one)
    cycle = cycles[0] if in_first else cycles[draws.whole(min(1, len(cycles) - 1), len(cycles) - 1)]
    onset_day = min(cycle.start_day + draws.whole(kind.first_day, kind.last_day), cycle.stop_day)
    grade = _grade(draws, kind, has_tki=has_tki)
    resolution_day = _resolution(draws, kind.term, onset_day)
    if not happens:
        return None
    return Event(
        term=kind.term,
        grade=grade,
        onset_day=onset_day,
        resolution_day=resolution_day,
        cycle_number=cycle.number,
    )


def _interruption_chance(event: Event, parameters: SafetyParameters) -> float:
    if event.term == "crs" and event.is_severe:
        return 1.0  # printed: in grade 3 CRS blinatumomab was held
    if event.is_severe:
        return parameters.interrupted_if_severe
    return parameters.interrupted_if_grade_2 if event.grade == 2 else parameters.interrupted_if_grade_1


def _interrupt(draws: Draws, events: list[Event], cycles: Sequence[Cycle], parameters: SafetyParameters) -> list[Event]:
    """Let events interrupt the infusion, where there is time to resume it and it is not interrupted already."""
    stops = {cycle.number: cycle.stop_day for cycle in cycles}
    acted: list[Event] = []
    for event in sorted(events, key=lambda event: (not (event.term == "crs" and event.is_severe), event.onset_day)):
        wanted = draws.chance(_interruption_chance(event, parameters))
        held = _held(draws, event, stops[event.cycle_number or 0], acted) if wanted else None
        if held is None:
            # Severe CRS without any action would contradict itself: where there is no room to hold, it was milder.
            is_severe_crs = event.term == "crs" and event.is_severe
            acted.append(replace(event, grade=2) if is_severe_crs else event)
        else:
            acted += [held, *_again(draws, held, stops[event.cycle_number or 0], acted, parameters)]
    return acted


def _held(draws: Draws, event: Event, stop_day: int, acted: Sequence[Event]) -> Event | None:
    """Return the event with an interruption of one to six days, if there is room for it in the infusion."""
    resume_day = min(event.onset_day + draws.whole(1, 6), stop_day - 1)
    is_free = all(
        resume_day < other.onset_day or event.onset_day > other.resume_day
        for other in acted
        if other.resume_day is not None
    )
    return (
        replace(event, action="interrupted", resume_day=resume_day)
        if is_free and resume_day > event.onset_day
        else None
    )


def _again(
    draws: Draws, first: Event, stop_day: int, acted: Sequence[Event], parameters: SafetyParameters
) -> list[Event]:
    """Let the event come back, milder, when the infusion is resumed: up to two more interruptions."""
    found: list[Event] = []
    last = first
    while len(found) < 2 and draws.chance(parameters.interrupted_again):
        onset_day = max(last.resume_day or 0, last.resolution_day) + draws.whole(1, 2)
        milder = replace(
            last,
            grade=None if last.grade is None else min(last.grade, 2),
            onset_day=onset_day,
            resolution_day=_resolution(draws, last.term, onset_day),
        )
        held = _held(draws, milder, stop_day, acted)
        if held is None:
            break
        found.append(held)
        last = held
    return found


def _treat(draws: Draws, event: Event, parameters: SafetyParameters) -> Event:
    """Give corticosteroids, and tocilizumab with them for CRS."""
    steroid = draws.chance(parameters.steroid_for_crs)
    tocilizumab = draws.chance(parameters.tocilizumab_if_severe if event.is_severe else parameters.tocilizumab_if_mild)
    if event.category == "crs":
        return replace(
            event, corticosteroid=steroid or tocilizumab or event.is_fatal, tocilizumab=tocilizumab or event.is_fatal
        )
    return replace(event, corticosteroid=event.category == "neurotoxicity" and event.is_severe)


def draw_events(
    draws: Draws, course: Course, parameters: SafetyParameters, *, not_evaluable: frozenset[str]
) -> list[Event]:
    """Draw the adverse events on treatment.

    Parameters
    ----------
    draws : Draws
        The patient's stream for safety.
    course : Course
        For the cycles given, during which every event begins, the severe course, whose events end the
        last cycle, and the tyrosine kinase inhibitor, under which there was less toxicity.
    parameters : SafetyParameters
        How often and how severe.
    not_evaluable : frozenset of str
        Categories that could not be assessed: no event of them is drawn.

    Returns
    -------
    list of Event
        Events that began while the patient was observed, in the order of their onset.
    """
    reasons = _reasons_for_stopping(draws, course)
    has_tki = bool(course.baseline.tki)
    taken = not_evaluable | {event.category for event in reasons}
    others: list[Event] = []
    for kind in parameters.event:
        event = _one_event(draws, kind, course.cycles, has_tki=has_tki)
        if event and event.category not in taken:
            others.append(event)
            taken |= {event.category} & ONE_TERM_A_PATIENT
    events = [*reasons, *_interrupt(draws, others, course.cycles, parameters)]
    treated = [_treat(draws, event, parameters) for event in events]
    seen = [event for event in treated if event.onset_day <= course.observation.end_day]
    return sorted(seen, key=lambda event: event.onset_day)


def draw_events_after_transplant(
    draws: Draws, transplant_day: int, parameters: TransplantParameters, *, last_day: int
) -> list[Event]:
    """Draw infections and veno-occlusive disease after a transplant, up to ``last_day``."""
    events = []
    chances = (
        ("infection", parameters.infection, 90),
        ("veno_occlusive_disease", parameters.veno_occlusive_disease, 30),
    )
    for term, chance, latest in chances:
        happens = draws.chance(chance)
        onset_day = transplant_day + draws.whole(6, latest)
        grade = 3 if draws.chance(0.5) else 2
        resolution_day = _resolution(draws, term, onset_day)
        if happens and onset_day <= last_day:
            events.append(
                Event(term=term, grade=grade, onset_day=onset_day, resolution_day=resolution_day, cycle_number=None)
            )
    return events
