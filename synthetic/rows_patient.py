"""Rows about who the patient is and what came before: patient, baseline, characteristics, lines, enrolment."""

from __future__ import annotations

from collections.abc import Iterator

from blinreg.synthetic.rows import Calendar, Row, yes_no
from blinreg.synthetic.simulation import Patient
from blinreg.synthetic.transplant import first_after_index

#: Order of responses from best to worst.
BEST_FIRST = ("cr", "cri", "pr", "stable", "no_response", "progression", "not_evaluable")

#: A partial date is given only where its month or year ends this long before the first dose.
LEAST_DAYS_BEFORE_INDEX = 31


def _early_precision(calendar: Calendar, day: int, precision: str) -> str:
    """Keep the whole date where the partial one could mean a day close to the first dose or after it."""
    length = {"day": 0, "month": 31, "year": 366}[precision]
    return precision if day + length < -LEAST_DAYS_BEFORE_INDEX else "day"


def patient_row(patient: Patient, calendar: Calendar) -> Row:
    """Write the row of ``patient``."""
    baseline, history = patient.baseline, patient.history
    precision = _early_precision(calendar, history.diagnosis_day, history.diagnosis_precision)
    return {
        "patient_id": patient.patient_id,
        "site_id": patient.place.site.id,
        "birth_year": baseline.birth_year,
        "sex": baseline.sex,
        "disease": "b_all",
        "diagnosis_date": calendar.date(history.diagnosis_day, precision),
        "ph_status": "positive" if baseline.is_ph_positive else "negative",
        "kmt2a_rearranged": yes_no(baseline.is_kmt2a_rearranged),
        "cytogenetic_abnormality": baseline.cytogenetic_abnormality,
        "cns_at_diagnosis": yes_no(baseline.has_cns_at_diagnosis),
    }


def baseline_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``baseline``: the first dose and the first transplant after it."""
    baseline, recorded = patient.baseline, patient.recorded
    common = {
        "patient_id": patient.patient_id,
        "primary_refractory": yes_no(baseline.is_primary_refractory),
        "cr1_duration_days": baseline.cr1_days,
    }
    yield {
        **common,
        "timepoint": "blinatumomab_start",
        "assessment_date": calendar.date(recorded.assessment_day),
        "age_years": baseline.age_years,
        "karnofsky_percent": recorded.karnofsky_percent,
        "ecog": recorded.ecog,
        "wbc_1e9_per_l": recorded.wbc_1e9_per_l,
        "blood_blast_percent": recorded.blood_blast_percent,
        "marrow_blast_percent": baseline.marrow_blast_percent,
        "marrow_disease": yes_no(baseline.has_marrow_disease),
        "cns_disease": yes_no(baseline.has_active_cns),
        "extramedullary_disease": yes_no(baseline.has_extramedullary),
        "n_prior_lines": recorded.n_prior_lines,
        "prior_allo_hct": recorded.prior_allo_hct,
    }
    transplant = first_after_index(patient.transplants)
    if transplant is None:
        return
    in_remission = transplant.remission_status != "not_in_remission"
    next_line = patient.next_line
    after_next_line = next_line is not None and next_line.start_day < transplant.day
    yield {
        **common,
        "timepoint": "transplant",
        "assessment_date": calendar.date(transplant.day - 7),
        "age_years": baseline.age_on(calendar.day(transplant.day)),
        "karnofsky_percent": recorded.karnofsky_percent,
        "marrow_disease": yes_no(not in_remission),
        "cns_disease": "no",
        "extramedullary_disease": "no",
        "n_prior_lines": None if recorded.n_prior_lines is None else recorded.n_prior_lines + 1 + after_next_line,
        "prior_allo_hct": recorded.prior_allo_hct,
    }


def characteristic_rows(patient: Patient) -> Iterator[Row]:
    """Write the rows of ``patient_characteristic``."""
    baseline = patient.baseline
    karyotype = {"yes": "other_abnormality", "no": "normal", "unknown": "unknown"}[baseline.cytogenetic_abnormality]
    if baseline.is_ph_positive:
        karyotype = "t(9;22)"
    if baseline.is_kmt2a_rearranged:
        karyotype = "t(4;11)"
    for characteristic, value in (("race", baseline.race), ("cd22", baseline.cd22), ("karyotype", karyotype)):
        yield {"patient_id": patient.patient_id, "characteristic": characteristic, "value": value}


def _prior_line_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    for line in patient.history.lines:
        wanted = patient.history.first_line_precision if line.number == 1 else "day"
        yield {
            "patient_id": patient.patient_id,
            "line_number": line.number,
            "start_date": calendar.date(line.start_day, _early_precision(calendar, line.start_day, wanted)),
            "end_date": calendar.date(line.end_day, _early_precision(calendar, line.end_day, wanted)),
            "regimen": line.regimen,
            "intent": "induction" if line.number == 1 else "salvage",
            "best_response": line.best_response,
            "response_date": calendar.date(line.response_day),
        }


def line_rows(patient: Patient, calendar: Calendar) -> Iterator[Row]:
    """Write the rows of ``line_of_therapy``: before blinatumomab, blinatumomab, after it."""
    yield from _prior_line_rows(patient, calendar)
    number = patient.baseline.n_prior_lines + 1
    next_line = patient.next_line
    seen = [
        found
        for found in patient.findings.assessments
        if (next_line is None or found.day < next_line.start_day) and found.day <= calendar.end_day
    ]
    best = min(seen, key=lambda found: BEST_FIRST.index(found.response), default=None)
    yield {
        "patient_id": patient.patient_id,
        "line_number": number,
        "start_date": calendar.date(0),
        "end_date": calendar.date_if_seen(patient.cycles[-1].stop_day),
        "regimen": "_".join(["blinatumomab", patient.baseline.tki] if patient.baseline.tki else ["blinatumomab"]),
        "intent": "consolidation" if patient.baseline.is_mrd_indication else "salvage",
        "best_response": best.response if best else None,
        "response_date": calendar.date(best.day) if best else None,
    }
    if next_line:
        response_date = calendar.date_if_seen(next_line.response_day)
        yield {
            "patient_id": patient.patient_id,
            "line_number": number + 1,
            "start_date": calendar.date(next_line.start_day),
            "end_date": calendar.date_if_seen(next_line.end_day),
            "regimen": next_line.regimen,
            "intent": "salvage",
            "best_response": "cr" if response_date else None,
            "response_date": response_date,
        }


def enrolment_rows(patient: Patient, study_id: str) -> Iterator[Row]:
    """Write the row of ``enrolment``; the study has no arms."""
    yield {"patient_id": patient.patient_id, "study_id": study_id}


def enrolment_event_rows(patient: Patient, study_id: str, calendar: Calendar) -> Iterator[Row]:
    """Write the row of ``enrolment_event``: the first dose."""
    yield {
        "patient_id": patient.patient_id,
        "study_id": study_id,
        "milestone": "treated",
        "event_date": calendar.date(0),
    }
