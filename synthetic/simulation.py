"""Synthetic patients, each from the seed and the number of the patient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from blinreg.synthetic.assessments import Findings, draw_findings
from blinreg.synthetic.baseline import Baseline, draw_baseline
from blinreg.synthetic.course import Course
from blinreg.synthetic.disease import Path, Response, draw_path, draw_response
from blinreg.synthetic.draws import Draws, Stream, Streams
from blinreg.synthetic.history import History, draw_history
from blinreg.synthetic.later_treatment import Exposure, NextLine, draw_exposures, draw_next_line
from blinreg.synthetic.observation import Observation, draw_observation
from blinreg.synthetic.parameters import Parameters
from blinreg.synthetic.plan import Place, plan
from blinreg.synthetic.recording import Recorded, draw_recorded
from blinreg.synthetic.safety import Event, draw_events, draw_events_after_transplant
from blinreg.synthetic.transplant import Transplant, draw_transplants, first_after_index
from blinreg.synthetic.treatment import (
    Cycle,
    draw_dosing,
    draw_schedule,
    draw_severe,
    give_cycles,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A synthetic patient. All days are counted from the first dose of blinatumomab."""

    number: int
    patient_id: str
    place: Place
    baseline: Baseline
    recorded: Recorded
    history: History
    response: Response
    path: Path
    dosing: str
    cycles: tuple[Cycle, ...]
    observation: Observation
    findings: Findings
    transplants: tuple[Transplant, ...]
    events: tuple[Event, ...]
    next_line: NextLine | None
    exposures: tuple[Exposure, ...]


def patient_name(number: int) -> str:
    """Pseudonym of a patient; it says that the patient is synthetic.

    Examples
    --------
    >>> patient_name(0)
    'SYN-0001'
    """
    return f"SYN-{number + 1:04d}"


def _course(streams: Streams, baseline: Baseline, parameters: Parameters, not_evaluable: frozenset[str]) -> Course:
    treating = streams.of(Stream.TREATMENT)
    disease = streams.of(Stream.DISEASE)
    severe = draw_severe(treating, parameters.safety, not_evaluable=not_evaluable)
    response = draw_response(disease, baseline, parameters.response)
    if severe and severe.days_to_death is not None:
        if baseline.is_mrd_indication:  # printed: those who died of toxicity had relapsed or refractory disease
            severe = replace(severe, days_to_death=None)
        else:
            response = Response(is_responder=False, best_response="no_response", cycle=1, is_mrd_negative=None)
    schedule = draw_schedule(treating, response, parameters.treatment)
    assessment_day = schedule.assessment_days[response.cycle - 1]
    path = draw_path(disease, baseline, response, parameters, assessment_day=assessment_day)
    cycles = give_cycles(schedule, path, severe, response)
    if severe and severe.days_to_death is not None:
        death_day = min(cycles[-1].stop_day + severe.days_to_death, path.death_day)
        path = Path(response_day=path.response_day, death_day=death_day, cause_of_death="blinatumomab_toxicity")
    cutoff_day = (parameters.study.data_cutoff_date - baseline.index_date).days
    following = streams.of(Stream.FOLLOW_UP)
    observation = draw_observation(following, path, cycles, parameters.follow_up, cutoff_day=cutoff_day)
    return Course(
        baseline=baseline,
        response=response,
        path=path,
        schedule=schedule,
        severe=severe,
        dosing=draw_dosing(treating, baseline, parameters.treatment),
        cycles=cycles,
        observation=observation,
    )


def simulate(parameters: Parameters, seed: int, numbers: Iterable[int]) -> Iterator[Patient]:
    """Simulate patients, one at a time.

    Parameters
    ----------
    parameters : Parameters
        Parameters of the study.
    seed : int
        Seed of the cohort, not negative.
    numbers : iterable of int
        Numbers of the patients, from 0. A patient depends on the parameters, the seed and its own number
        only: neither on which others are made nor on their order.

    Yields
    ------
    Patient
        The patient as observed; only the course of the disease (``path``) goes on beyond the end of observation.

    Examples
    --------
    >>> from blinreg.synthetic.parameters import load_parameters
    >>> (patient,) = simulate(load_parameters("realworld-2020"), 2020, [7])
    >>> patient.patient_id, patient.cycles[0].start_day
    ('SYN-0008', 0)
    """
    plans: dict[int, tuple[Place, ...]] = {}
    for number in numbers:
        block, position = divmod(number, parameters.study.n_patients)
        if block not in plans:
            plans[block] = plan(parameters, seed, block)
        yield _patient(parameters, Streams(parameters.entropy(seed), number), plans[block][position])


def _patient(parameters: Parameters, streams: Streams, place: Place) -> Patient:
    baseline = draw_baseline(
        streams.of(Stream.BASELINE),
        parameters.baseline,
        parameters.study,
        is_mrd_indication=place.is_mrd_indication,
    )
    history = draw_history(streams.of(Stream.HISTORY), baseline, parameters.history)
    course = _course(streams, baseline, parameters, place.not_evaluable)
    return _record(streams, course, history, place, parameters)


def _record(streams: Streams, course: Course, history: History, place: Place, parameters: Parameters) -> Patient:
    """Draw what is recorded while the patient is observed."""
    findings = draw_findings(
        streams.of(Stream.ASSESSMENT),
        course,
        response_parameters=parameters.response,
        disease_parameters=parameters.disease,
    )
    transplants = draw_transplants(streams.of(Stream.TRANSPLANT), course, history, parameters.transplant)
    events = _events(streams.of(Stream.SAFETY), course, transplants, place, parameters)
    later = streams.of(Stream.LATER_TREATMENT)
    next_line = draw_next_line(
        later,
        course,
        parameters.treatment,
        last_assessment_day=findings.assessments[-1].day if findings.assessments else None,
        is_in_remission_at_transplant=bool(transplants) and transplants[-1].remission_status != "not_in_remission",
    )
    exposures = draw_exposures(later, course, history, parameters.treatment, events=events, next_line=next_line)
    missing = streams.of(Stream.MISSING)
    return Patient(
        number=streams.number,
        patient_id=patient_name(streams.number),
        place=place,
        baseline=course.baseline,
        recorded=draw_recorded(missing, course.baseline, place.site, parameters.baseline),
        history=history,
        response=course.response,
        path=course.path,
        dosing=course.dosing,
        cycles=tuple(cycle for cycle in course.cycles if cycle.start_day <= course.observation.last_day_alive),
        observation=course.observation,
        findings=findings,
        transplants=transplants,
        events=events,
        next_line=next_line,
        exposures=tuple(exposures),
    )


def _events(
    draws: Draws, course: Course, transplants: tuple[Transplant, ...], place: Place, parameters: Parameters
) -> tuple[Event, ...]:
    """Adverse events on treatment and after the first transplant that followed it."""
    events = draw_events(draws, course, parameters.safety, not_evaluable=place.not_evaluable)
    transplant = first_after_index(transplants)
    if transplant:
        last_day = course.observation.last_day_alive
        later = draw_events_after_transplant(draws, transplant.day, parameters.transplant, last_day=last_day)
        events += [event for event in later if event.category not in place.not_evaluable]
    return tuple(sorted(events, key=lambda event: event.onset_day))
