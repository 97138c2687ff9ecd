"""Every table that hospitals submit, parents before children."""

from __future__ import annotations

from blinreg.schemas.errors import UsageError, nearest
from blinreg.schemas.model import Table
from blinreg.schemas.tables.disease import DISEASE_ASSESSMENT, DISEASE_EVENT, MRD_ASSESSMENT
from blinreg.schemas.tables.enrolment import (
    ENROLMENT,
    ENROLMENT_EVENT,
    ENROLMENT_POPULATION,
    ENROLMENT_STRATUM,
)
from blinreg.schemas.tables.follow_up import FOLLOW_UP
from blinreg.schemas.tables.patient import BASELINE, PATIENT, PATIENT_CHARACTERISTIC
from blinreg.schemas.tables.safety import ADVERSE_EVENT, TOXICITY_ASSESSMENT
from blinreg.schemas.tables.transplant import GVHD, TRANSPLANT
from blinreg.schemas.tables.treatment import (
    DOSE_INTERRUPTION,
    DRUG_EXPOSURE,
    LINE_OF_THERAPY,
    TREATMENT_CYCLE,
)

__all__ = ["SCHEMA_VERSION", "TABLES", "table"]

#: Version of the submission format; a submission names the one it was made for.
SCHEMA_VERSION = "1.0"

#: Parents stand before their children, so that the order of loading is the order of this tuple.
TABLES: tuple[Table, ...] = (
    PATIENT,
    BASELINE,
    PATIENT_CHARACTERISTIC,
    LINE_OF_THERAPY,
    TREATMENT_CYCLE,
    DOSE_INTERRUPTION,
    DRUG_EXPOSURE,
    DISEASE_ASSESSMENT,
    MRD_ASSESSMENT,
    DISEASE_EVENT,
    ADVERSE_EVENT,
    TOXICITY_ASSESSMENT,
    TRANSPLANT,
    GVHD,
    FOLLOW_UP,
    ENROLMENT,
    ENROLMENT_STRATUM,
    ENROLMENT_EVENT,
    ENROLMENT_POPULATION,
)

_BY_NAME = {definition.name: definition for definition in TABLES}


def table(name: str) -> Table:
    """Return the definition of a submitted table.

    Raises
    ------
    UsageError
        If no table has that name; the nearest names are given.

    Examples
    --------
    >>> table("gvhd").key
    ('patient_id', 'transplant_number', 'gvhd_type')
    """
    if name not in _BY_NAME:
        raise UsageError(f"no table is called {name!r}", next_step=nearest(name, list(_BY_NAME)))
    return _BY_NAME[name]
