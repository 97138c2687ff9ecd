"""Short forms for the columns of the analysis views; what a submitted column says is not said again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from blinreg.schemas.columns import PATIENT_ID
from blinreg.schemas.model import Column, Privacy, Type
from blinreg.schemas.tables import table

#: Identifier of the patient, as in the submitted tables.
VIEW_PATIENT_ID = replace(PATIENT_ID, known_at="")


def taken(source: str, name: str, *, known_at: str, as_name: str = "", description: str = "") -> Column:
    """Take a column over from a submitted table, with the date at which it is known."""
    column = table(source).column(name)
    return replace(
        column,
        name=as_name or name,
        description=description or column.description,
        required=False,
        known_at=known_at,
    )


def day(name: str, description: str, *, known_at: str = "", required: bool = False) -> Column:
    """Define a whole date of a view; a date is by itself known on that date unless said otherwise."""
    return Column(
        name=name,
        type=Type.DATE,
        description=description,
        known_at=known_at or name,
        partial=False,
        required=required,
        privacy=Privacy.QUASI_IDENTIFIER,
    )


def flag(name: str, description: str, *, known_at: str = "") -> Column:
    """Define a 0/1 column; empty means not known."""
    return Column(
        name=name,
        type=Type.INTEGER,
        description=description,
        minimum=0,
        maximum=1,
        unit="0/1",
        known_at=known_at,
    )


def outcome(name: str, description: str, *, known_at: str = "") -> Column:
    """Define an event code: 0 censored, 1 the event, 2 a competing event."""
    return Column(
        name=name,
        type=Type.INTEGER,
        description=description,
        minimum=0,
        maximum=2,
        unit="0/1/2",
        known_at=known_at,
    )


def count(name: str, description: str, *, of: str, known_at: str = "") -> Column:
    """Define a count, with what it counts."""
    return Column(
        name=name,
        type=Type.INTEGER,
        description=description,
        minimum=0,
        count_of=of,
        unit=of,
        known_at=known_at,
    )


def days(name: str, description: str, *, known_at: str = "") -> Column:
    """Define a length of time in days; half days are allowed."""
    return Column(name=name, type=Type.NUMBER, description=description, unit="days", known_at=known_at)


def word(name: str, codes: Mapping[str, str], description: str, *, known_at: str = "") -> Column:
    """Define a coded column of a view."""
    return Column(name=name, type=Type.CODE, description=description, codes=codes, known_at=known_at)


def label(name: str, description: str, *, privacy: Privacy = Privacy.ADMINISTRATIVE) -> Column:
    """Define a text column that is about the data, not about the patient."""
    return Column(name=name, type=Type.TEXT, description=description, privacy=privacy)


#: Where a value comes from: every number can be traced to a row of a file.
LINEAGE: tuple[Column, ...] = (
    label("source_table", "Submitted table of the row that decided."),
    label("source_submission_id", "Submission of that row."),
    label("source_file", "File of that row, as the site named it."),
    Column(
        name="source_line",
        type=Type.INTEGER,
        description="Line of that row in the file; in sheets and Parquet the row, the header being 1.",
        minimum=1,
        unit="line",
        privacy=Privacy.ADMINISTRATIVE,
    ),
)
