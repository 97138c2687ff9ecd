"""What the disease assessments found: marrow, residual disease, relapse and progression.

The findings follow from the course of the disease and are drawn in agreement with it: a complete
remission has at most 5% blasts and recovered counts, some have exactly 5%, which the definition allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blinreg.synthetic.baseline import Baseline
from blinreg.synthetic.course import Course
from blinreg.synthetic.disease import Path, Response
from blinreg.synthetic.draws import Draws, Weights
from blinreg.synthetic.observation import Observation
from blinreg.synthetic.parameters import DiseaseParameters, ResponseParameters

FOLLOW_UP_DAYS = 90
EARLY_MARROW_DAY = 14

#: What the assessment before a later response may look like.
BEFORE_RESPONSE = Weights.of({"pr": 0.3, "stable": 0.3, "no_response": 0.4})


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A haematologic assessment, on a day counted from the first dose."""

    day: int
    timepoint: str
    response: str
    marrow_blast_percent: int
    platelets_per_ul: int
    anc_per_ul: int
    extramedullary_response: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MrdSample:
    """A sample for residual disease; ``level`` is a fraction of cells, given if disease was found."""

    day: int
    method: str
    result: str
    level: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiseaseEvent:
    """A relapse or another event of the disease."""

    day: int
    event_type: str
    is_marrow: bool
    is_cns: bool
    is_extramedullary: bool
    cd19_status: str


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the assessments of a patient found, each in the order of time."""

    assessments: tuple[Assessment, ...]
    samples: tuple[MrdSample, ...]
    events: tuple[DiseaseEvent, ...]


def _blasts(draws: Draws, response: str, parameters: ResponseParameters) -> int:
    exactly_five = draws.chance(parameters.exactly_five_percent)
    in_remission, above = draws.whole(0, 4), draws.whole(6, 95)
    if response in {"cr", "cri"}:
        return 5 if exactly_five else in_remission
    return draws.whole(6, 24) if response == "pr" else above


def _counts(draws: Draws, response: str) -> tuple[int, int]:
    """Platelets and neutrophils per microlitre; complete remission needs more than 100 000 and 1000."""
    share, other = draws.uniform(), draws.uniform()
    if response == "cr":
        return 101_000 + 1000 * int(200 * share), 1010 + 10 * int(500 * other)
    return 8000 + 1000 * int(85 * share), 50 + 10 * int(90 * other)


def _assessment(
    draws: Draws, baseline: Baseline, planned: tuple[int, str, str], parameters: ResponseParameters
) -> Assessment:
    day, timepoint, response = planned
    blasts = _blasts(draws, response, parameters)
    platelets, neutrophils = _counts(draws, response)
    outside = response if baseline.has_extramedullary else ""
    return Assessment(
        day=day,
        timepoint=timepoint,
        response=response,
        marrow_blast_percent=blasts,
        platelets_per_ul=platelets,
        anc_per_ul=neutrophils,
        extramedullary_response={"cri": "cr"}.get(outside, outside),
    )


def _failure_day(path: Path) -> int | None:
    """Day of relapse or progression."""
    return path.relapse_day if path.relapse_day is not None else path.progression_day


def _last_regular_day(path: Path, observation: Observation) -> int:
    """Last day on which the disease is looked at as planned: before failure, end of observation and graft."""
    failure = _failure_day(path)
    return min(
        observation.last_day_alive,
        observation.end_day if failure is None else failure - 1,
        *(day - 1 for day in path.transplant_days[:1]),
    )


def _after_cycles(draws: Draws, course: Course, last_day: int) -> list[tuple[int, str, str]]:
    """Day, timepoint and response at the end of each given cycle."""
    planned = []
    response = course.response
    before = draws.choice(BEFORE_RESPONSE)
    # The remission of the MRD indication is there from the start; other remissions need their cycle.
    has_to_wait = response.is_responder and not course.baseline.is_mrd_indication
    for cycle in course.cycles:
        day = course.schedule.assessment_days[cycle.number - 1]
        found = before if has_to_wait and cycle.number < response.cycle else response.best_response
        if day <= last_day:
            planned.append((day, f"end_of_cycle_{cycle.number}", found))
    return planned


def _haematologic(draws: Draws, course: Course) -> list[tuple[int, str, str]]:
    """Day, timepoint and response of every assessment."""
    path, last_day_alive = course.path, course.observation.last_day_alive
    planned = _after_cycles(draws, course, _last_regular_day(path, course.observation))
    dies_before_planned = path.death_day <= path.response_day
    if not planned and last_day_alive >= EARLY_MARROW_DAY + 2 and dies_before_planned:
        planned.append((EARLY_MARROW_DAY + draws.whole(0, 2), "day_15", "no_response"))
    if path.progression_day is not None and path.progression_day <= last_day_alive:
        planned.append((path.progression_day, "progression", "progression"))
    if course.response.best_response in {"cr", "cri"}:
        planned += _follow_up(draws, course, [day for day, _, _ in planned])
    if path.relapse_day is not None and path.relapse_day <= last_day_alive:
        planned.append((path.relapse_day, "relapse", "progression"))
    return planned


def _follow_up(draws: Draws, course: Course, taken: Sequence[int]) -> list[tuple[int, str, str]]:
    """Visits in remission, every three months, until shortly before relapse or the end of observation."""
    relapse_day = course.path.relapse_day
    last_day = course.observation.last_day_alive
    last_day = last_day if relapse_day is None else min(last_day, relapse_day - 15)
    visits = []
    day = course.path.response_day + FOLLOW_UP_DAYS + draws.whole(-10, 10)
    while day <= last_day:
        if all(abs(day - other) > 10 for other in taken):
            visits.append((day, "follow_up", course.response.best_response))
        day += FOLLOW_UP_DAYS + draws.whole(-10, 10)
    return visits


def _level(draws: Draws, result: str) -> float | None:
    exponent = 1.5 + 2.3 * draws.uniform()
    return float(f"{10**-exponent:.1e}") if result == "positive" else None


def _mrd_result(baseline: Baseline, response: Response, path: Path, day: int) -> str:
    """Residual disease on a day in remission."""
    if path.molecular_relapse_day is not None and day >= path.molecular_relapse_day:
        return "positive"
    if baseline.is_mrd_indication and day < path.response_day:
        return "positive"
    if response.is_mrd_negative is None:
        return "not_assessed"
    return "negative" if response.is_mrd_negative else "positive"


def _samples(draws: Draws, course: Course, days_in_remission: Sequence[int]) -> list[MrdSample]:
    """Samples at the first dose (MRD indication) and with the assessments in remission."""
    baseline, response, path = course.baseline, course.response, course.path
    days = list(days_in_remission)
    if response.is_mrd_negative is None:
        days = days[:1]
    if path.molecular_relapse_day is not None and path.molecular_relapse_day <= course.observation.last_day_alive:
        days.append(path.molecular_relapse_day)
    if baseline.is_mrd_indication:
        days.insert(0, -draws.whole(3, 14))
    samples = []
    has_pcr = baseline.is_ph_positive and draws.chance(0.6)
    for day in sorted(set(days)):
        result = _mrd_result(baseline, response, path, day)
        pcr = "positive" if draws.chance(0.25) else result
        flow_level, pcr_level = _level(draws, result), _level(draws, pcr)
        samples.append(MrdSample(day=day, method="flow", result=result, level=flow_level))
        if has_pcr and result != "not_assessed":
            samples.append(MrdSample(day=day, method="pcr", result=pcr, level=pcr_level))
    return samples


def _events(
    draws: Draws, path: Path, response: Response, parameters: DiseaseParameters, last_assessment: int | None
) -> list[DiseaseEvent]:
    cd19_negative, cd19_unknown = draws.chance(parameters.cd19_negative_relapse), draws.chance(0.2)
    is_cns, only_outside = draws.chance(parameters.cns_at_later_relapse), draws.chance(0.3)
    is_extramedullary = draws.chance(0.06)
    is_marrow = not (only_outside and (is_cns or is_extramedullary))
    fails = draws.chance(0.4)
    events = []
    if path.molecular_relapse_day is not None:
        events.append(
            DiseaseEvent(
                day=path.molecular_relapse_day,
                event_type="molecular_relapse",
                is_marrow=True,
                is_cns=False,
                is_extramedullary=False,
                cd19_status="unknown",
            )
        )
    failure = _failure_day(path)
    if failure is not None:
        seen = "negative" if cd19_negative else "positive"
        events.append(
            DiseaseEvent(
                day=failure,
                event_type="relapse" if path.relapse_day is not None else "progression",
                is_marrow=is_marrow,
                is_cns=is_cns,
                is_extramedullary=is_extramedullary,
                cd19_status="unknown" if cd19_unknown else seen,
            )
        )
    has_not_responded = response.best_response in {"pr", "stable", "no_response"}
    if has_not_responded and failure is None and fails and last_assessment is not None:
        events.append(
            DiseaseEvent(
                day=last_assessment,
                event_type="treatment_failure",
                is_marrow=True,
                is_cns=False,
                is_extramedullary=False,
                cd19_status="unknown",
            )
        )
    return events


def draw_findings(
    draws: Draws, course: Course, *, response_parameters: ResponseParameters, disease_parameters: DiseaseParameters
) -> Findings:
    """Draw the findings of every assessment while the patient is observed.

    Parameters
    ----------
    draws : Draws
        The patient's stream for assessments.
    course : Course
        Disease, treatment and observation.
    response_parameters, disease_parameters
        How often 5% blasts, CNS involvement and loss of CD19 are seen.
    """
    assessments = tuple(
        _assessment(draws, course.baseline, planned, response_parameters)
        for planned in sorted(_haematologic(draws, course))
    )
    samples = _samples(draws, course, [found.day for found in assessments if found.response in {"cr", "cri"}])
    last_assessment = assessments[-1].day if assessments else None
    events = _events(draws, course.path, course.response, disease_parameters, last_assessment)
    last_day = course.observation.last_day_alive
    return Findings(assessments, tuple(samples), tuple(event for event in events if event.day <= last_day))
