"""A REDCap project for sites that enter their data there: its data dictionary and its repeating instruments.

One instrument a table, one variable a column. The names of variables are fixed by `PREFIXES`
and `SHORT_NAMES`: REDCap drops the data of a variable that is renamed, so that a name which a
site uses is never changed.

Source of the format: the data dictionary's 18 columns and their allowed values as REDCap's own
help describes them (Vanderbilt University, "Creating a Data Dictionary in REDCap", columns A to R).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from blinreg.schemas.columns import PATIENT_ID
from blinreg.schemas.model import Column, Privacy, Table, Type
from blinreg.schemas.tables import TABLES

#: The header of a data dictionary, as REDCap writes and expects it.
DICTIONARY_COLUMNS = (
    "Variable / Field Name",
    "Form Name",
    "Section Header",
    "Field Type",
    "Field Label",
    "Choices, Calculations, OR Slider Labels",
    "Field Note",
    "Text Validation Type OR Show Slider Number",
    "Text Validation Min",
    "Text Validation Max",
    "Identifier?",
    "Branching Logic (Show field only if...)",
    "Required Field?",
    "Custom Alignment",
    "Question Number (surveys only)",
    "Matrix Group Name",
    "Matrix Ranking?",
    "Field Annotation",
)

#: Columns that REDCap wants when repeating instruments are set through its interface for programs.
REPEATING_COLUMNS = ("form_name", "custom_form_label")

#: The record's own identifier: the first variable of a project. A record is a patient.
RECORD_ID = PATIENT_ID.name

#: Variables are unique in a project, columns only in a table.
PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "patient": "pt",
        "baseline": "bl",
        "patient_characteristic": "pc",
        "line_of_therapy": "lt",
        "treatment_cycle": "tc",
        "dose_interruption": "di",
        "drug_exposure": "dx",
        "disease_assessment": "da",
        "mrd_assessment": "mrd",
        "disease_event": "de",
        "adverse_event": "ae",
        "toxicity_assessment": "tox",
        "transplant": "tx",
        "gvhd": "gvhd",
        "follow_up": "fu",
        "enrolment": "en",
        "enrolment_stratum": "es",
        "enrolment_event": "ee",
        "enrolment_population": "ep",
    }
)

#: Columns whose name is too long behind a prefix: REDCap asks for 26 characters at most.
SHORT_NAMES: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("follow_up", "last_disease_assessment_date"): "last_assessment_date",
        ("transplant", "neutrophil_recovery_date"): "neutrophil_recovery",
    }
)

MAXIMUM_NAME_LENGTH = 26

#: Abbreviations, as the field writes them.
_ABBREVIATIONS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name.upper() for name in ("anc", "cd19", "cns", "cr1", "ecog", "gvhd", "hct", "kmt2a", "mrd", "wbc")},
        "ph": "Ph",
        "id": "id",
    }
)

#: Up to so many choices are shown as buttons, more as a list.
_RADIO_CHOICES = 4

#: Filled in by the project itself, not by the person who enters a patient.
_LEFT_OUT = {("patient", "site_id")}

#: REDCap's own yes-or-no question, which it stores as 1 and 0.
YESNO_CODES: Mapping[str, str] = MappingProxyType({"yes": "1", "no": "0"})


@dataclass(frozen=True, slots=True)
class Condition:
    """A column is shown if another column of its table equals a code, or (``<>``) does not."""

    column: str
    operator: str
    value: str


#: What need not be asked. A hidden field keeps no value, so only where a value would be wrong.
BRANCHING: Mapping[tuple[str, str], Condition] = MappingProxyType(
    {
        ("baseline", "cr1_duration_days"): Condition("primary_refractory", "<>", "yes"),
        ("line_of_therapy", "response_date"): Condition("best_response", "<>", ""),
        ("treatment_cycle", "dose_unit"): Condition("dose", "<>", ""),
        ("mrd_assessment", "level"): Condition("result", "<>", "not_assessed"),
        ("mrd_assessment", "sensitivity"): Condition("result", "<>", "not_assessed"),
        ("adverse_event", "grade_scale"): Condition("grade", "<>", ""),
        ("transplant", "donor"): Condition("transplant_type", "<>", "autologous"),
        ("gvhd", "grade_scale"): Condition("grade", "<>", ""),
        ("follow_up", "death_date"): Condition("vital_status", "=", "dead"),
        ("follow_up", "cause_of_death"): Condition("vital_status", "=", "dead"),
        ("follow_up", "end_reason"): Condition("vital_status", "=", "alive"),
        ("enrolment_population", "reason"): Condition("is_member", "=", "no"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedcapField:
    """One variable of the project.

    Parameters
    ----------
    variable : str
        Its name in REDCap.
    table : Table
        The table, whose name is the instrument's.
    column : Column
        The column that it holds.
    field_type : str
        ``text``, ``radio``, ``dropdown`` or ``yesno``.
    label : str
        What the form asks; unique in the project, because an export with labels has them in its header.
    choices : mapping of str to str
        What REDCap stores, and the label of each; empty for text.
    """

    variable: str
    table: Table
    column: Column
    field_type: str
    label: str
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def codes(self) -> Mapping[str, str]:
        """What REDCap stores, and the code of ours that it stands for."""
        if self.field_type == "yesno":
            return {stored: code for code, stored in YESNO_CODES.items()}
        return {stored: stored for stored in self.choices}


def is_repeating(definition: Table) -> bool:
    """Tell whether a patient can have more than one row of a table.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> is_repeating(table("transplant")), is_repeating(table("follow_up"))
    (True, False)
    """
    return definition.key != (RECORD_ID,)


def _plain(text: str) -> str:
    """Write signs that REDCap takes for HTML or for its own separators as words."""
    for sign, word in (("<=", "at most"), (">=", "at least"), ("<", "below"), (">", "above"), ("|", "/")):
        text = text.replace(sign, word)
    return text


def _words(name: str) -> str:
    return " ".join(_ABBREVIATIONS.get(word, word) for word in name.split("_"))


def _variable(definition: Table, column: Column) -> str:
    if column.name == RECORD_ID:
        return RECORD_ID
    return f"{PREFIXES[definition.name]}_{SHORT_NAMES.get((definition.name, column.name), column.name)}"


def _field(definition: Table, column: Column) -> RedcapField:
    choices = {code: _plain(meaning) for code, meaning in column.codes.items()}
    field_type = "text"
    if set(choices) == set(YESNO_CODES):
        field_type, choices = "yesno", {"1": "Yes", "0": "No"}
    elif choices:
        field_type = "radio" if len(choices) <= _RADIO_CHOICES else "dropdown"
    words = _words(column.name)
    label = "Patient id" if column.name == RECORD_ID else f"{words[0].upper()}{words[1:]} ({_words(definition.name)})"
    return RedcapField(
        variable=_variable(definition, column),
        table=definition,
        column=column,
        field_type=field_type,
        label=label,
        choices=MappingProxyType(choices),
    )


@cache
def redcap_fields() -> tuple[RedcapField, ...]:
    """Give every variable of the project, in the order of the forms; the record's identifier is the first.

    Examples
    --------
    >>> [field.variable for field in redcap_fields()][:3]
    ['patient_id', 'pt_birth_year', 'pt_sex']
    """
    return tuple(
        _field(definition, column)
        for definition in TABLES
        for column in definition.columns
        if (definition.name, column.name) not in _LEFT_OUT
        # The identifier belongs to the record, not to each of its forms.
        and (column.name != RECORD_ID or definition is TABLES[0])
    )


def _note(column: Column) -> str:
    parts = [_plain(column.description)]
    if column.unit:
        parts.append(f"Unit: {column.unit}.")
    if column.type is Type.DATE:
        parts.append("YYYY-MM-DD, or YYYY-MM or YYYY if that is all that is known." if column.partial else "YYYY-MM-DD")
    return " ".join(parts)


def _validation(column: Column) -> tuple[str, str, str]:
    """Give type, minimum and maximum; a partial date is text, because REDCap knows whole dates only."""
    if column.type is Type.DATE and not column.partial:
        return "date_ymd", "", ""
    if column.type in (Type.INTEGER, Type.NUMBER):
        limits = ["" if limit is None else f"{limit:.15g}" for limit in (column.minimum, column.maximum)]
        return column.type.value, limits[0], limits[1]
    return "", "", ""


def _branching(of: RedcapField) -> str:
    condition = BRANCHING.get((of.table.name, of.column.name))
    if condition is None:
        return ""
    other = _field(of.table, of.table.column(condition.column))
    stored = YESNO_CODES[condition.value] if other.field_type == "yesno" else condition.value
    return f"[{other.variable}] {condition.operator} '{stored}'"


def _annotation(of: RedcapField) -> str:
    """Say which column it is; a number that counts the rows of a patient begins as the instance's."""
    text = f"blinreg {of.table.name}.{of.column.name}"
    counts = of.column.type is Type.INTEGER and of.table.key == (RECORD_ID, of.column.name)
    return f"{text} @DEFAULT='[current-instance]'" if counts else text


def _dictionary_row(of: RedcapField, section: str) -> tuple[str, ...]:
    kind, minimum, maximum = _validation(of.column)
    choices = " | ".join(f"{stored}, {label}" for stored, label in of.choices.items())
    identifies = of.column.privacy in (Privacy.PSEUDONYM, Privacy.QUASI_IDENTIFIER)
    return (
        of.variable,
        of.table.name,
        section,
        of.field_type,
        of.label,
        "" if of.field_type == "yesno" else choices,
        _note(of.column),
        kind,
        minimum,
        maximum,
        "y" if identifies else "",
        _branching(of),
        "y" if of.column.required and of.variable != RECORD_ID else "",
        "",
        "",
        "",
        "",
        _annotation(of),
    )


def _csv(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


def data_dictionary() -> str:
    """Render the data dictionary that REDCap imports (Designer, Data Dictionary, upload).

    Returns
    -------
    str
        CSV text: a header and one line a variable.

    Examples
    --------
    >>> data_dictionary().splitlines()[1].split(",")[:4]
    ['patient_id', 'patient', '', 'text']
    """
    rows = []
    begun = set()
    for of in redcap_fields():
        first = of.table.name not in begun and of.variable != RECORD_ID
        rows.append(_dictionary_row(of, _plain(of.table.description) if first else ""))
        if first:
            begun.add(of.table.name)
    return _csv(DICTIONARY_COLUMNS, rows)


def repeating_instruments() -> str:
    """Render which instruments repeat, and how REDCap tells a patient's instances apart in its lists.

    A data dictionary cannot say this. Set it by hand (Project Setup, Repeating instruments), or
    import this text through REDCap's interface for programs (content ``repeatingFormsEvents``).

    Returns
    -------
    str
        CSV text: a header and one line a repeating instrument.

    Examples
    --------
    >>> repeating_instruments().splitlines()[1]
    'baseline,[bl_timepoint]'
    """
    rows = [
        (
            definition.name,
            " ".join(f"[{_variable(definition, definition.column(name))}]" for name in definition.key[1:]),
        )
        for definition in TABLES
        if is_repeating(definition)
    ]
    return _csv(REPEATING_COLUMNS, rows)
