"""Blinatumomab itself: planned and given cycles, and the severe courses that end it early.

A cycle is 28 days of infusion in 42 days (printed). Days are counted from the first dose.
"""

from __future__ import annotations

from dataclasses import dataclass

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.synthetic.baseline import Baseline
from blinreg.synthetic.disease import Path, Response
from blinreg.synthetic.draws import Draws
from blinreg.synthetic.parameters import SafetyParameters, TreatmentParameters

INFUSION_DAYS = 28
CYCLE_DAYS = 42
MOST_CYCLES = 5

#: Conditioning starts about a week before the graft; no infusion is started that could not run for a week.
DAYS_BEFORE_TRANSPLANT = 8
SHORTEST_CYCLE = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Severe:
    """A severe course: blinatumomab is stopped for good, and the patient may die of it.

    Parameters
    ----------
    terms : tuple of str
        Adverse events that led to it; two of different categories for some.
    day_in_cycle : int
        Day of the stop, from the first day of the cycle.
    days_to_death : int, optional
        Days from the stop to death; nothing for the survivors.
    """

    terms: tuple[str, ...]
    day_in_cycle: int
    days_to_death: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Days on which cycles would start, and on which the marrow would be assessed after each."""

    start_days: tuple[int, ...]
    assessment_days: tuple[int, ...]
    n_cycles: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """A cycle that was given; ``stop_day`` is its last day of infusion."""

    number: int
    start_day: int
    stop_day: int
    stop_reason: str


def draw_severe(draws: Draws, parameters: SafetyParameters, *, not_evaluable: frozenset[str]) -> Severe | None:
    """Draw whether toxicity ends the treatment, by which events, and whether it is fatal.

    Reasons in categories that could not be assessed for the patient are left out.
    """
    is_fatal = draws.chance(parameters.fatal)
    is_stopped = draws.chance(parameters.discontinued)
    first = draws.choice(parameters.fatal_term if is_fatal else parameters.discontinuation_term)
    second = draws.choice(parameters.discontinuation_term)
    has_second = draws.chance(parameters.second_reason) and not is_fatal
    day_in_cycle = draws.whole(2, 6) if first == "crs" else draws.whole(3, 20)
    days_to_death = draws.whole(2, 14) if is_fatal else None
    terms = [first]
    if has_second and TERM_CATEGORY[second] != TERM_CATEGORY[first]:
        terms.append(second)
    kept = tuple(term for term in terms if TERM_CATEGORY[term] not in not_evaluable)
    if not kept or not (is_fatal or is_stopped):
        return None
    return Severe(terms=kept, day_in_cycle=day_in_cycle, days_to_death=days_to_death)


def draw_schedule(draws: Draws, response: Response, parameters: TreatmentParameters) -> Schedule:
    """Draw the calendar of cycles and of the assessments that follow each."""
    starts = [0]
    for _ in range(1, MOST_CYCLES):
        starts.append(starts[-1] + CYCLE_DAYS + draws.whole(0, 6))
    assessments = [start + draws.whole(INFUSION_DAYS - 2, INFUSION_DAYS + 9) for start in starts]
    responds = response.is_responder or response.best_response == "cr"
    n_cycles = int(draws.choice(parameters.n_cycles_responder if responds else parameters.n_cycles_non_responder))
    return Schedule(tuple(starts), tuple(assessments), max(n_cycles, response.cycle))


def draw_dosing(draws: Draws, baseline: Baseline, parameters: TreatmentParameters) -> str:
    """Draw the dosing scheme: the MRD scheme for the MRD indication, else standard or reduced."""
    is_reduced = draws.chance(parameters.reduced_dosing)
    if baseline.is_mrd_indication:
        return "mrd"
    return "reduced" if is_reduced else "standard"


def _end_of_infusion(start_day: int, path: Path) -> tuple[int, str]:
    """Last day and reason of a cycle that starts on ``start_day``; the earliest reason counts."""
    ends = [(start_day + INFUSION_DAYS - 1, "completed")]
    if path.transplant_days:
        ends.append((path.transplant_days[0] - DAYS_BEFORE_TRANSPLANT, "transplant"))
    ends += [(day, "progression") for day in (path.relapse_day, path.progression_day) if day is not None]
    ends.append((path.death_day, "death"))
    return min(ends, key=lambda end: end[0])


def give_cycles(schedule: Schedule, path: Path, severe: Severe | None, response: Response) -> tuple[Cycle, ...]:
    """Give the planned cycles until the disease, a transplant, death or toxicity ends the treatment.

    Parameters
    ----------
    schedule : Schedule
        Planned days.
    path : Path
        Course of the disease.
    severe : Severe, optional
        A severe course; it ends the cycle in which the response is decided, or the first.
    response : Response
        For the cycle of the response.
    """
    n_planned = min(schedule.n_cycles, response.cycle) if severe else schedule.n_cycles
    given: list[Cycle] = []
    for number, start_day in enumerate(schedule.start_days[:n_planned], start=1):
        stop_day, reason = _end_of_infusion(start_day, path)
        if number > 1 and stop_day < start_day + SHORTEST_CYCLE:
            break
        given.append(Cycle(number=number, start_day=start_day, stop_day=stop_day, stop_reason=reason))
        if reason != "completed":
            break
    if severe:
        last = given[-1]
        stop_day = min(last.start_day + severe.day_in_cycle, last.stop_day)
        given[-1] = Cycle(number=last.number, start_day=last.start_day, stop_day=stop_day, stop_reason="adverse_event")
    return tuple(given)
