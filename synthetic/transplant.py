"""Transplants and graft-versus-host disease, those before blinatumomab included."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blinreg.synthetic.course import Course
from blinreg.synthetic.disease import Path
from blinreg.synthetic.draws import Draws
from blinreg.synthetic.history import History
from blinreg.synthetic.parameters import TransplantParameters

#: Acute disease begins within, chronic after 100 days of the transplant (printed definition).
GVHD_DIVIDE_DAYS = 100
LATEST_CHRONIC_DAYS = 420
REMISSION_NUMBER = {1: "cr1", 2: "cr2"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transplant:
    """An allogeneic transplant, in days from the first dose of blinatumomab.

    The recovery days may lie after the end of observation. ``gvhd`` holds type, day of onset and grade.
    """

    number: int
    day: int
    donor: str
    graft_source: str
    conditioning: str
    n_alkylators: int
    remission_status: str
    neutrophil_recovery_day: int
    platelet_recovery_day: int
    gvhd: tuple[tuple[str, int, int], ...]


def _graft_source(draws: Draws, donor: str) -> str:
    is_marrow = draws.chance(0.35 if donor == "haploidentical" else 0.12)
    if donor == "cord_blood":
        return "cord"
    return "marrow" if is_marrow else "blood"


def _conditioning(draws: Draws, age_years: int, parameters: TransplantParameters) -> tuple[str, int]:
    chance = parameters.myeloablative_under_55 if age_years < 55 else parameters.myeloablative_from_55
    is_myeloablative = draws.chance(chance)
    is_reduced = draws.chance(0.85)
    if is_myeloablative:
        return "myeloablative", draws.whole(1, 2)
    return ("reduced_intensity", 1) if is_reduced else ("nonmyeloablative", draws.whole(0, 1))


def _gvhd(draws: Draws, day: int, last_day: int, parameters: TransplantParameters) -> tuple[tuple[str, int, int], ...]:
    acute, chronic = parameters.acute_gvhd, parameters.chronic_gvhd
    if day < 0:  # what happened before blinatumomab is recorded less often
        acute, chronic = parameters.prior_gvhd, parameters.prior_gvhd / 2
    found = []
    has_acute, acute_day, acute_grade = draws.chance(acute), day + draws.whole(12, 95), draws.whole(1, 4)
    has_chronic = draws.chance(chronic)
    chronic_day, chronic_grade = day + draws.whole(GVHD_DIVIDE_DAYS + 5, LATEST_CHRONIC_DAYS), draws.whole(1, 3)
    if has_acute and acute_day <= last_day:
        found.append(("acute", acute_day, acute_grade))
    if has_chronic and chronic_day <= last_day:
        found.append(("chronic", chronic_day, chronic_grade))
    return tuple(found)


def draw_transplants(
    draws: Draws, course: Course, history: History, parameters: TransplantParameters
) -> tuple[Transplant, ...]:
    """Draw the details of every transplant of the patient.

    Parameters
    ----------
    draws : Draws
        The patient's stream for transplants.
    course, history : Course, History
        Days of the transplants after and before the first dose; age decides about the conditioning.
    parameters : TransplantParameters
        Donors, conditioning, GVHD.

    Returns
    -------
    tuple of Transplant
        Transplants while the patient was observed, in their order; GVHD after observation is left out.
    """
    last_day = course.observation.last_day_alive
    days = [*history.transplant_days, *(day for day in course.path.transplant_days if day <= last_day)]
    made = []
    for number, day in enumerate(days, start=1):
        donor = draws.choice(parameters.donor)
        source = _graft_source(draws, donor)
        conditioning, n_alkylators = _conditioning(draws, course.baseline.age_years, parameters)
        status = _remission_status(draws, history, course.path, day)
        neutrophils = draws.whole(12, 26)
        observed_until = _relapse_after(history, day) if day < 0 else last_day
        made.append(
            Transplant(
                number=number,
                day=day,
                donor=donor,
                graft_source=source,
                conditioning=conditioning,
                n_alkylators=n_alkylators,
                remission_status=status,
                neutrophil_recovery_day=day + neutrophils,
                platelet_recovery_day=day + neutrophils + draws.whole(0, 18),
                gvhd=_gvhd(draws, day, min([observed_until, *(later - 1 for later in days[number:])]), parameters),
            )
        )
    return tuple(made)


def _relapse_after(history: History, day: int) -> int:
    """Day of the relapse that followed a transplant before blinatumomab; its GVHD is recorded before that."""
    return min(line.failure_day for line in history.lines if line.failure_day is not None and line.failure_day > day)


def _remission_status(draws: Draws, history: History, path: Path, day: int) -> str:
    is_in_remission = draws.chance(0.7)
    n_remissions = sum(line.is_remission and line.response_day < day for line in history.lines)
    if day > 0:
        n_remissions += 1
        if path.relapse_day is not None and day > path.relapse_day:
            if not is_in_remission:
                return "not_in_remission"
            n_remissions += 1
    return REMISSION_NUMBER.get(n_remissions, "cr3_or_later")


def first_after_index(transplants: Sequence[Transplant]) -> Transplant | None:
    """First transplant after the first dose of blinatumomab, if there was one."""
    return next((transplant for transplant in transplants if transplant.day > 0), None)
