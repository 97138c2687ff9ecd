"""Rows about what was given: cycles, interruptions, other drugs, transplants, graft-versus-host disease."""

from __future__ import annotations

from collections.abc import Iterator

from blinreg.synthetic.rows import Calendar, Row, yes_no
from blinreg.synthetic.simulation import Patient
from blinreg.synthetic.treatment import Cycle

#: Micrograms per day: the target dose, and the reduced dose of a first cycle (printed with "/kg", which is an error).
TARGET_DOSE, REDUCED_DOSE = 28, 9


def _phase(patient: Patient, cycle: Cycle) -> str:
    if patient.baseline.is_mrd_indication:
        return "consolidation"
    is_after_response = patient.response.is_responder and cycle.number > patient.response.cycle
    return "consolidation" if is_after_response else "induction"


def cycle_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``treatment_cycle``."""
    for cycle in patient.cycles:
        is_reduced = patient.dosing == "reduced" and cycle.number == 1
        stop_date = calendar.date_if_seen(cycle.stop_day)
        yield {
            "patient_id": patient.patient_id,
            "course_number": 1,
            "cycle_number": cycle.number,
            "agent": "blinatumomab",
            "phase": _phase(patient, cycle),
            "indication": "mrd" if patient.baseline.is_mrd_indication else "relapsed_refractory",
            "dosing": patient.dosing,
            "dose": REDUCED_DOSE if is_reduced else TARGET_DOSE,
            "dose_unit": "ug_per_day",
            "start_date": calendar.date(cycle.start_day),
            "stop_date": stop_date,
            "stop_reason": cycle.stop_reason if stop_date else "ongoing",
        }


def interruption_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``dose_interruption``: one for each adverse event that interrupted the infusion."""
    interrupting = [event for event in patient.events if event.resume_day is not None]
    for number, event in enumerate(interrupting, start=1):
        end_date = calendar.date_if_seen(event.resume_day)
        yield {
            "patient_id": patient.patient_id,
            "interruption_number": number,
            "agent": "blinatumomab",
            "start_date": calendar.date(event.onset_day),
            "end_date": end_date,
            "cause": "adverse_event",
            "resumed": yes_no(end_date is not None),
        }


def exposure_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``drug_exposure``."""
    for exposure in patient.exposures:
        yield {
            "patient_id": patient.patient_id,
            "agent": exposure.agent,
            "start_date": calendar.date(exposure.start_day),
            "agent_class": exposure.agent_class,
            "stop_date": calendar.date_if_seen(exposure.stop_day),
        }


def transplant_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``transplant``, those before blinatumomab first."""
    alive = Calendar(calendar.index_date, patient.observation.last_day_alive)
    for transplant in patient.transplants:
        yield {
            "patient_id": patient.patient_id,
            "transplant_number": transplant.number,
            "transplant_date": calendar.date(transplant.day),
            "transplant_type": "allogeneic",
            "donor": transplant.donor,
            "graft_source": transplant.graft_source,
            "conditioning": transplant.conditioning,
            "n_alkylators": transplant.n_alkylators,
            "remission_status": transplant.remission_status,
            "neutrophil_recovery_date": alive.date_if_seen(transplant.neutrophil_recovery_day),
            "platelet_recovery_date": alive.date_if_seen(transplant.platelet_recovery_day),
        }


def gvhd_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``gvhd``; chronic disease is graded by NIH 2014, acute by the site's scale."""
    for transplant in patient.transplants:
        for kind, day, grade in transplant.gvhd:
            yield {
                "patient_id": patient.patient_id,
                "transplant_number": transplant.number,
                "gvhd_type": kind,
                "onset_date": calendar.date(day),
                "grade": grade,
                "grade_scale": patient.place.site.gvhd_scale if kind == "acute" else "nih_2014",
            }
