"""All submitted tables of synthetic patients, from their courses.

What a course says is written so that a registry gives it back: the days of response, relapse, transplant and death,
residual disease, the highest grades, why blinatumomab ended, and the state at the first dose. All else is drawn.
"""

from __future__ import annotations

import polars as pl

from blinreg.schemas.tables import TABLES
from blinreg.synthetic.courses import Courses, Placement
from blinreg.synthetic.records.assessments import assessment_rows, draw_assessments
from blinreg.synthetic.records.cycles import cycle_rows, draw_cycles, draw_interruptions, interruption_rows
from blinreg.synthetic.records.exposures import exposure_rows
from blinreg.synthetic.records.history import draw_history
from blinreg.synthetic.records.later_treatment import draw_next_line
from blinreg.synthetic.records.lines import event_rows as disease_event_rows
from blinreg.synthetic.records.lines import line_rows
from blinreg.synthetic.records.patients import (
    baseline_rows,
    characteristic_rows,
    enrolment_event_rows,
    enrolment_rows,
    follow_up_rows,
    patient_rows,
)
from blinreg.synthetic.records.residual_disease import draw_samples, sample_rows
from blinreg.synthetic.records.safety import (
    draw_events,
    event_rows,
    resolution,
    toxicity_assessment_rows,
)
from blinreg.synthetic.records.subjects import subjects_of
from blinreg.synthetic.records.transplants import draw_transplants, gvhd_rows, transplant_rows
from blinreg.synthetic.studies import Study


def records(courses: Courses, placement: Placement, *, study: Study, seed: int) -> dict[str, pl.DataFrame]:
    """Write the submitted tables of patients.

    Parameters
    ----------
    courses : Courses
        Courses of the patients; sound ones, of which ``impossible_orders`` finds nothing to say.
    placement : Placement
        Site and first dose of each patient, in the order of the courses.
    study : Study
        The study, for its sites and the shares of what the courses leave open.
    seed : int
        Seed of the cohort, not negative.

    Returns
    -------
    dict of str to polars.DataFrame
        Tables that have rows, parents before children, with the rows in the order of the patients. Integers are
        ``Int64``, numbers ``Float64``, everything else text, dates in ISO 8601. The rows of a patient depend on
        the patient's course, place and number and on the seed, and not on which other patients are written.

    Raises
    ------
    ValueError
        If there is not one place for each course.

    Examples
    --------
    >>> import numpy as np
    >>> from blinreg.synthetic.courses import SCHEMA
    >>> from blinreg.synthetic.studies import load_study
    >>> nobody = Courses(pl.DataFrame(schema=dict(SCHEMA)))
    >>> nowhere = Placement(np.array([], dtype=np.int64), np.array([], dtype="datetime64[D]"))
    >>> records(nobody, nowhere, study=load_study("realworld-2020"), seed=2020)
    {}
    """
    subjects = subjects_of(courses, placement, study=study, seed=seed)
    history = draw_history(subjects)
    cycles = draw_cycles(subjects)
    interruptions = draw_interruptions(subjects, cycles)
    events = draw_events(subjects, cycles, interruptions)
    over = resolution(subjects, events)
    assessments = draw_assessments(subjects, cycles)
    last_assessment = assessments.last_day(len(subjects))
    transplants = draw_transplants(subjects, history)
    next_line = draw_next_line(subjects, cycles, transplants, last_assessment=last_assessment)
    written = {
        "patient": patient_rows(subjects, history),
        "baseline": baseline_rows(subjects, transplants, next_line),
        "patient_characteristic": characteristic_rows(subjects),
        "line_of_therapy": line_rows(subjects, history, cycles, next_line, assessments),
        "treatment_cycle": cycle_rows(subjects, cycles),
        "dose_interruption": interruption_rows(subjects, interruptions),
        "drug_exposure": exposure_rows(subjects, history, cycles, next_line, events=events, over=over),
        "disease_assessment": assessment_rows(subjects, assessments),
        "mrd_assessment": sample_rows(subjects, draw_samples(subjects, assessments)),
        "disease_event": disease_event_rows(subjects, history, last_assessment),
        "adverse_event": event_rows(subjects, events, over),
        "toxicity_assessment": toxicity_assessment_rows(subjects),
        "transplant": transplant_rows(subjects, transplants),
        "gvhd": gvhd_rows(subjects, history),
        "follow_up": follow_up_rows(subjects, last_assessment),
        "enrolment": enrolment_rows(subjects),
        "enrolment_event": enrolment_event_rows(subjects),
    }
    return {table.name: written[table.name] for table in TABLES if table.name in written and len(written[table.name])}
