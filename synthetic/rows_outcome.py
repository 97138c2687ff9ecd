"""Rows about what happened: assessments, residual disease, relapses, adverse events, follow-up."""

from __future__ import annotations

from collections.abc import Iterator

from blinreg.synthetic.rows import Calendar, Row, yes_no
from blinreg.synthetic.safety import Event
from blinreg.synthetic.simulation import Patient
from blinreg.synthetic.transplant import first_after_index

#: Categories for which the study prints who could be assessed on treatment, and those followed after transplant.
ON_TREATMENT = ("crs", "neurotoxicity", "hepatotoxicity")
POST_TRANSPLANT = ("hepatotoxicity", "infection")

#: Limit of detection of the two methods, as a fraction of cells.
SENSITIVITY = {"flow": 0.0001, "pcr": 0.00001}


def assessment_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``disease_assessment``."""
    for found in patient.findings.assessments:
        was_counted = found.response != "not_evaluable"
        yield {
            "patient_id": patient.patient_id,
            "assessment_date": calendar.date(found.day),
            "timepoint": found.timepoint,
            "response": found.response,
            "marrow_blast_percent": found.marrow_blast_percent if was_counted else None,
            "platelets_per_ul": found.platelets_per_ul,
            "anc_per_ul": found.anc_per_ul,
            "extramedullary_response": found.extramedullary_response or None,
            "assessor": "site",
        }


def mrd_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``mrd_assessment``: local flow cytometry as in the study, and PCR in Ph-positive disease."""
    for sample in patient.findings.samples:
        yield {
            "patient_id": patient.patient_id,
            "sample_date": calendar.date(sample.day),
            "method": sample.method,
            "tissue": "marrow",
            "result": sample.result,
            "level": sample.level,
            "sensitivity": None if sample.result == "not_assessed" else SENSITIVITY[sample.method],
            "laboratory": "local",
        }


def _earlier_event_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Relapses before blinatumomab; CNS and extramedullary disease belong to the last of them."""
    baseline = patient.baseline
    failed = [line for line in patient.history.lines if line.failure_day is not None]
    last = failed[-1].number if failed else 0
    for line in failed:
        is_last = line.number == last
        has_cns = is_last and baseline.has_cns_at_relapse
        if line.failure_day is None or not (line.is_remission or has_cns):
            continue
        yield {
            "patient_id": patient.patient_id,
            "event_date": calendar.date(line.failure_day),
            "event_type": "relapse" if line.is_remission else "progression",
            "is_marrow": yes_no(baseline.has_marrow_disease or not is_last),
            "is_cns": yes_no(has_cns),
            "is_extramedullary": yes_no(is_last and baseline.has_extramedullary),
            "cd19_status": "positive",
        }


def disease_event_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``disease_event``."""
    yield from _earlier_event_rows(patient, calendar)
    for event in patient.findings.events:
        yield {
            "patient_id": patient.patient_id,
            "event_date": calendar.date(event.day),
            "event_type": event.event_type,
            "is_marrow": yes_no(event.is_marrow),
            "is_cns": yes_no(event.is_cns),
            "is_extramedullary": yes_no(event.is_extramedullary),
            "cd19_status": event.cd19_status,
        }


def _scale(patient: Patient, event: Event) -> str | None:
    if event.grade is None:
        return None
    return patient.place.site.crs_scale if event.category == "crs" else patient.place.site.grade_scale


def adverse_event_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``adverse_event``."""
    last_day = patient.observation.end_day
    for number, event in enumerate(patient.events, start=1):
        is_over = event.resolution_day <= (last_day if event.is_fatal else patient.observation.last_day_alive)
        on_treatment = event.cycle_number is not None
        outcome = "resolved" if is_over else "ongoing"
        yield {
            "patient_id": patient.patient_id,
            "event_number": number,
            "term": event.term,
            "grade": event.grade,
            "grade_scale": _scale(patient, event),
            "onset_date": calendar.date(event.onset_day),
            "resolution_date": calendar.date(event.resolution_day) if is_over else None,
            "course_number": 1 if on_treatment else None,
            "cycle_number": event.cycle_number,
            "is_serious": yes_no(event.is_severe or event.term == "stroke"),
            "relatedness": "related" if on_treatment and event.category in ON_TREATMENT else "unrelated",
            "action": event.action,
            "outcome": "fatal" if event.is_fatal else outcome,
            "corticosteroid": yes_no(event.corticosteroid),
            "tocilizumab": yes_no(event.tocilizumab),
        }


def toxicity_assessment_rows(patient: Patient) -> Iterator[Row]:
    """Write the rows of ``toxicity_assessment``: the denominators of the toxicity tables."""
    periods = [(category, "on_treatment") for category in ON_TREATMENT]
    if first_after_index(patient.transplants):
        periods += [(category, "post_transplant") for category in POST_TRANSPLANT]
    for category, period in periods:
        yield {
            "patient_id": patient.patient_id,
            "category": category,
            "period": period,
            "evaluable": yes_no(category not in patient.place.not_evaluable),
        }


def follow_up_row(patient: Patient, calendar: Calendar) -> Row:
    """Write the row of ``follow_up``."""
    observation = patient.observation
    assessed = patient.findings.assessments
    return {
        "patient_id": patient.patient_id,
        "last_contact_date": calendar.date(observation.end_day),
        "last_disease_assessment_date": calendar.date(assessed[-1].day) if assessed else None,
        "vital_status": "dead" if observation.is_dead else "alive",
        "death_date": calendar.date(observation.end_day) if observation.is_dead else None,
        "cause_of_death": patient.path.cause_of_death if observation.is_dead else None,
        "end_reason": None if observation.is_dead else observation.end_reason,
    }
