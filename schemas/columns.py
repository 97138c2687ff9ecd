"""Short forms for the columns that recur, so that a table definition reads as a list."""

from __future__ import annotations

from collections.abc import Mapping

from blinreg.schemas.codes import YES_NO_UNKNOWN
from blinreg.schemas.model import Column, ForeignKey, Privacy, Type

PATIENT_ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9_-]{2,39}"
SITE_ID_PATTERN = "[a-z0-9][a-z0-9_-]{1,31}"

PATIENT_KEY = ForeignKey(columns=("patient_id",), table="patient", parent_columns=("patient_id",))

PATIENT_ID = Column(
    name="patient_id",
    type=Type.TEXT,
    description="Pseudonym of the patient, unique across sites; never a hospital record number.",
    required=True,
    pattern=PATIENT_ID_PATTERN,
    privacy=Privacy.PSEUDONYM,
)


def code(
    name: str, codes: Mapping[str, str], description: str, *, required: bool = False, citation: str = ""
) -> Column:
    """Define a coded column."""
    return Column(name=name, type=Type.CODE, description=description, codes=codes, required=required, citation=citation)


def yes_no_unknown(name: str, description: str) -> Column:
    """Define a three-valued fact."""
    return code(name, YES_NO_UNKNOWN, description)


def text(
    name: str,
    description: str,
    *,
    required: bool = False,
    pattern: str = "",
    privacy: Privacy = Privacy.SENSITIVE,
    citation: str = "",
) -> Column:
    """Define a text column; free text is kept short so that nobody pastes a letter into it."""
    return Column(
        name=name,
        type=Type.TEXT,
        description=description,
        required=required,
        pattern=pattern or "[^\\r\\n]{1,80}",
        privacy=privacy,
        citation=citation,
    )


def integer(
    name: str,
    description: str,
    *,
    minimum: float,
    maximum: float,
    unit: str = "",
    required: bool = False,
    citation: str = "",
    privacy: Privacy = Privacy.SENSITIVE,
) -> Column:
    """Define a whole number with the range outside which it is an error."""
    return Column(
        name=name,
        type=Type.INTEGER,
        description=description,
        minimum=minimum,
        maximum=maximum,
        unit=unit,
        required=required,
        citation=citation,
        privacy=privacy,
    )


def number(
    name: str,
    description: str,
    *,
    minimum: float,
    maximum: float,
    unit: str,
    citation: str = "",
    privacy: Privacy = Privacy.SENSITIVE,
) -> Column:
    """Define a measured number with its unit and the range outside which it is an error."""
    return Column(
        name=name,
        type=Type.NUMBER,
        description=description,
        minimum=minimum,
        maximum=maximum,
        unit=unit,
        citation=citation,
        privacy=privacy,
    )


def date(name: str, description: str, *, required: bool = False, partial: bool = True, citation: str = "") -> Column:
    """Define a date; ``partial`` ones may be ``2019-05`` or ``2019``."""
    return Column(
        name=name,
        type=Type.DATE,
        description=description,
        required=required,
        partial=partial,
        privacy=Privacy.QUASI_IDENTIFIER,
        citation=citation,
    )
