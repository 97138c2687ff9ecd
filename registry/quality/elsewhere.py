"""What the registry knows of the patients of other sites, for the rules on uniqueness."""

from __future__ import annotations

import duckdb
import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.schemas.ledger import LEDGER_SCHEMA

_OF_OTHERS = f"""
    from submitted.patient as patient
    inner join {LEDGER_SCHEMA}.current_submission as newest on patient.submission_id = newest.submission_id
"""


def patients_elsewhere(connection: duckdb.DuckDBPyConnection, site_id: str) -> pl.Series:
    """Name the patients who belong to other sites now."""
    query = f"select patient.patient_id {_OF_OTHERS} where newest.site_id <> ?"
    return query_frame(connection, query, [site_id])["patient_id"].cast(pl.String)


def persons_elsewhere(connection: duckdb.DuckDBPyConnection, site_id: str) -> pl.DataFrame:
    """Describe the patients of other sites by year of birth, sex, whole date of diagnosis and first dose."""
    query = f"""
        select
            patient.birth_year,
            patient.sex,
            cast(patient.diagnosis_date as date) as diagnosis_date,
            cast(min(cycle.start_date) as date) as first_dose
        {_OF_OTHERS}
        inner join submitted.treatment_cycle as cycle
            on
                patient.submission_id = cycle.submission_id
                and patient.patient_id = cycle.patient_id
                and cycle.agent = 'blinatumomab'
        where
            newest.site_id <> ?
            and patient.birth_year is not null
            and patient.sex <> 'unknown'
            and length(patient.diagnosis_date) = 10
        group by patient.submission_id, patient.patient_id, patient.birth_year, patient.sex, patient.diagnosis_date
    """
    return query_frame(connection, query, [site_id])
