"""What was given beside and after blinatumomab: other drugs, cells, and the next line of therapy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blinreg.synthetic.baseline import Baseline
from blinreg.synthetic.course import Course
from blinreg.synthetic.draws import Draws, Weights
from blinreg.synthetic.history import INOTUZUMAB, History
from blinreg.synthetic.parameters import TreatmentParameters
from blinreg.synthetic.safety import Event

CAR_T = "tisagenlecleucel"
NEXT_REGIMEN = Weights.of({INOTUZUMAB: 0.36, "flag_ida": 0.22, "mini_hyper_cvd": 0.24, CAR_T: 0.18})

#: Days from the start of a regimen with CAR-T cells to the infusion.
CAR_T_AFTER_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLine:
    """The line of therapy after blinatumomab, in days from its first dose; ``end_day`` may lie after observation."""

    regimen: str
    start_day: int
    end_day: int
    response_day: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A drug or cells; ``stop_day`` is nothing while it goes on."""

    agent: str
    agent_class: str
    start_day: int
    stop_day: int | None


def draw_next_line(
    draws: Draws,
    course: Course,
    parameters: TreatmentParameters,
    *,
    last_assessment_day: int | None,
    is_in_remission_at_transplant: bool,
) -> NextLine | None:
    """Draw the next line after relapse, progression or non-response.

    Parameters
    ----------
    draws : Draws
        The patient's stream for later treatment.
    course : Course
        Disease and observation. A transplant after relapse follows a next line.
    parameters : TreatmentParameters
        How often there is a next line.
    last_assessment_day : int, optional
        Last assessment; for non-responders without documented progression the next line follows it.
    is_in_remission_at_transplant : bool
        Whether a transplant after relapse found a remission: then the next line led to it.
    """
    path = course.path
    is_given = draws.chance(parameters.next_line_after_failure)
    regimen = draws.choice(NEXT_REGIMEN)
    wait, length, before_transplant = draws.whole(5, 25), draws.whole(20, 60), draws.whole(8, 14)
    has_failed = not course.response.is_responder and not course.baseline.is_mrd_indication
    assessed = last_assessment_day if has_failed else None
    failure_days = [day for day in (path.relapse_day, path.progression_day, assessed) if day is not None]
    transplants = [day for day in path.transplant_days if path.relapse_day is not None and day > path.relapse_day]
    if not failure_days or not (is_given or transplants):
        return None
    start_day = max(*failure_days, course.cycles[-1].stop_day) + wait
    end_day, response_day = start_day + length, None
    if transplants:
        response_day = transplants[0] - before_transplant if is_in_remission_at_transplant else None
        end_day = min(end_day, transplants[0] - before_transplant)
    if start_day > course.observation.last_day_alive:
        return None
    return NextLine(regimen=regimen, start_day=start_day, end_day=end_day, response_day=response_day)


def _with_blinatumomab(draws: Draws, course: Course) -> list[Exposure]:
    baseline, path = course.baseline, course.path
    last_stop = course.cycles[-1].stop_day
    before, after = draws.whole(0, 21), draws.whole(30, 400)
    ends = [last_stop + after, path.death_day]
    ends += [day - 8 for day in path.transplant_days[:1]]
    ends += [day for day in (path.relapse_day, path.progression_day) if day is not None]
    given = []
    if baseline.tki:
        given.append(Exposure(agent=baseline.tki, agent_class="tki", start_day=-before, stop_day=min(ends)))
    start_day = draws.whole(1, 7)
    during = min(start_day, last_stop), last_stop
    for is_given, agent, agent_class in (
        (baseline.has_active_cns, "intrathecal_methotrexate", "intrathecal"),
        (baseline.with_chemotherapy, "vincristine", "chemotherapy"),
        (baseline.with_rituximab, "rituximab", "anti_cd20"),
    ):
        if is_given:
            given.append(Exposure(agent=agent, agent_class=agent_class, start_day=during[0], stop_day=during[1]))
    return given


def _before_blinatumomab(draws: Draws, baseline: Baseline, history: History) -> list[Exposure]:
    """Inotuzumab of an earlier line, and the first tyrosine kinase inhibitor of Ph-positive disease."""
    agent = "imatinib" if draws.chance(0.45) else "dasatinib"
    given = [
        Exposure(agent=INOTUZUMAB, agent_class="anti_cd22", start_day=line.start_day, stop_day=line.end_day)
        for line in history.lines
        if line.regimen == INOTUZUMAB
    ]
    if baseline.is_ph_positive:
        first = history.lines[0]
        stop_day = min(first.end_day, -22)  # before the inhibitor given with blinatumomab
        given.append(Exposure(agent=agent, agent_class="tki", start_day=first.start_day, stop_day=stop_day))
    return given


def _for_events(events: Sequence[Event]) -> list[Exposure]:
    """Corticosteroids and tocilizumab for adverse events; one exposure a day and agent."""
    given: dict[tuple[str, int], Exposure] = {}
    for event in events:
        if event.corticosteroid:
            given.setdefault(
                ("dexamethasone", event.onset_day),
                Exposure(
                    agent="dexamethasone",
                    agent_class="corticosteroid",
                    start_day=event.onset_day,
                    stop_day=min(event.onset_day + 3, event.resolution_day),
                ),
            )
        if event.tocilizumab:
            given.setdefault(
                ("tocilizumab", event.onset_day),
                Exposure(
                    agent="tocilizumab",
                    agent_class="tocilizumab",
                    start_day=event.onset_day,
                    stop_day=event.onset_day,
                ),
            )
    return list(given.values())


def _cells_in_remission(draws: Draws, course: Course, parameters: TreatmentParameters) -> list[Exposure]:
    """CAR-T cells or donor lymphocytes for a few in remission who are not transplanted; they do not censor."""
    baseline, path = course.baseline, course.path
    has_car_t, has_dli = draws.chance(parameters.car_t_in_remission), draws.chance(parameters.dli_in_remission)
    day = path.response_day + draws.whole(80, 160)
    limit = path.death_day if path.relapse_day is None else path.relapse_day
    if not course.response.is_responder or path.transplant_days or day >= limit - 30:
        return []
    if has_dli and baseline.has_prior_allo_hct:
        return [Exposure(agent="donor_lymphocytes", agent_class="donor_lymphocytes", start_day=day, stop_day=day)]
    if has_car_t and not baseline.is_mrd_indication:
        return [Exposure(agent=CAR_T, agent_class="car_t", start_day=day, stop_day=day)]
    return []


def _of_next_line(line: NextLine | None) -> list[Exposure]:
    if line is None:
        return []
    if line.regimen == CAR_T:
        day = line.start_day + CAR_T_AFTER_DAYS
        return [Exposure(agent=CAR_T, agent_class="car_t", start_day=day, stop_day=day)]
    if line.regimen == INOTUZUMAB:
        return [Exposure(agent=INOTUZUMAB, agent_class="anti_cd22", start_day=line.start_day, stop_day=line.end_day)]
    return []


def draw_exposures(
    draws: Draws,
    course: Course,
    history: History,
    parameters: TreatmentParameters,
    *,
    events: Sequence[Event],
    next_line: NextLine | None,
) -> list[Exposure]:
    """Draw all other drugs and cells, by the day they were started.

    Parameters
    ----------
    draws : Draws
        The patient's stream for later treatment, after the next line was drawn from it.
    course, history : Course, History
        The patient so far.
    parameters : TreatmentParameters
        How often cells are given in remission.
    events : sequence of Event
        Adverse events, some with corticosteroids and tocilizumab.
    next_line : NextLine, optional
        The next line, some with CAR-T cells or inotuzumab.
    """
    given = [
        *_before_blinatumomab(draws, course.baseline, history),
        *_with_blinatumomab(draws, course),
        *_for_events(events),
        *_cells_in_remission(draws, course, parameters),
        *_of_next_line(next_line),
    ]
    seen = [exposure for exposure in given if exposure.start_day <= course.observation.last_day_alive]
    return sorted(seen, key=lambda exposure: (exposure.start_day, exposure.agent))
