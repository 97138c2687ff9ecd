"""The submitted tables of synthetic patients, as frames in the order and with the columns of the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from blinreg.schemas.model import Table, Type
from blinreg.schemas.tables import TABLES
from blinreg.synthetic.rows import Calendar, Row
from blinreg.synthetic.rows_outcome import (
    adverse_event_rows,
    assessment_rows,
    disease_event_rows,
    follow_up_row,
    mrd_rows,
    toxicity_assessment_rows,
)
from blinreg.synthetic.rows_patient import (
    baseline_rows,
    characteristic_rows,
    enrolment_event_rows,
    enrolment_rows,
    line_rows,
    patient_row,
)
from blinreg.synthetic.rows_treatment import (
    cycle_rows,
    exposure_rows,
    gvhd_rows,
    interruption_rows,
    transplant_rows,
)
from blinreg.synthetic.simulation import Patient

#: Type of a column in a frame. Dates are text: a partial date is not a date.
FRAME_TYPE: Mapping[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.CODE: pl.String(),
    Type.DATE: pl.String(),
    Type.INTEGER: pl.Int64(),
    Type.NUMBER: pl.Float64(),
}


def rows_of(patient: Patient, study_id: str) -> dict[str, list[Row]]:
    """Write all rows of a patient.

    Parameters
    ----------
    patient : Patient
        The patient.
    study_id : str
        Study in which the patient is enrolled.

    Returns
    -------
    dict of str to list
        Rows by table; tables of which the patient has no row are present and empty.
    """
    calendar = Calendar(patient.baseline.index_date, patient.observation.end_day)
    return {
        "patient": [patient_row(patient, calendar)],
        "baseline": [*baseline_rows(patient, calendar)],
        "patient_characteristic": [*characteristic_rows(patient)],
        "line_of_therapy": [*line_rows(patient, calendar)],
        "treatment_cycle": [*cycle_rows(patient, calendar)],
        "dose_interruption": [*interruption_rows(patient, calendar)],
        "drug_exposure": [*exposure_rows(patient, calendar)],
        "disease_assessment": [*assessment_rows(patient, calendar)],
        "mrd_assessment": [*mrd_rows(patient, calendar)],
        "disease_event": [*disease_event_rows(patient, calendar)],
        "adverse_event": [*adverse_event_rows(patient, calendar)],
        "toxicity_assessment": [*toxicity_assessment_rows(patient)],
        "transplant": [*transplant_rows(patient, calendar)],
        "gvhd": [*gvhd_rows(patient, calendar)],
        "follow_up": [follow_up_row(patient, calendar)],
        "enrolment": [*enrolment_rows(patient, study_id)],
        "enrolment_event": [*enrolment_event_rows(patient, study_id, calendar)],
    }


def _frame(definition: Table, rows: Iterable[Row]) -> pl.DataFrame:
    kinds = {column.name: FRAME_TYPE[column.type] for column in definition.columns}
    columns: dict[str, list[Any]] = {name: [] for name in kinds}
    for row in rows:
        unknown = row.keys() - kinds.keys()
        if unknown:
            raise ValueError(f"{definition.name} has no columns {sorted(unknown)}")
        for name, values in columns.items():
            values.append(row.get(name))
    return pl.DataFrame(columns, schema=kinds)


def tables_of(patients: Iterable[Patient], study_id: str) -> dict[str, pl.DataFrame]:
    """Write the tables of patients.

    Parameters
    ----------
    patients : iterable of Patient
        The patients, in the order of the rows.
    study_id : str
        Study in which they are enrolled.

    Returns
    -------
    dict of str to polars.DataFrame
        Tables that have rows, parents before children. Integers are ``Int64``, numbers ``Float64``,
        everything else text, dates in ISO 8601.

    Examples
    --------
    >>> from blinreg.synthetic.parameters import load_parameters
    >>> from blinreg.synthetic.simulation import simulate
    >>> parameters = load_parameters("realworld-2020")
    >>> tables = tables_of(simulate(parameters, 2020, range(3)), "realworld-2020")
    >>> tables["patient"]["patient_id"].to_list()
    ['SYN-0001', 'SYN-0002', 'SYN-0003']
    """
    collected: dict[str, list[Row]] = {}
    for patient in patients:
        for name, rows in rows_of(patient, study_id).items():
            collected.setdefault(name, []).extend(rows)
    return {
        definition.name: _frame(definition, collected[definition.name])
        for definition in TABLES
        if collected.get(definition.name)
    }
