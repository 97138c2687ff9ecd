"""Tell which column of a REDCap export is which variable, whether it goes by its name or its label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.render.redcap import RECORD_ID, YESNO_CODES, RedcapField, redcap_fields
from blinreg.schemas.tables import TABLES

#: REDCap's own columns, by name and by label.
_SYSTEM = {
    "redcap_event_name": "event",
    "event name": "event",
    "redcap_repeat_instrument": "instrument",
    "repeat instrument": "instrument",
    "redcap_repeat_instance": "instance",
    "repeat instance": "instance",
    "redcap_data_access_group": "group",
    "data access group": "group",
}

#: Columns about forms, not about patients; nobody misses them.
_SILENT = {"redcap_survey_identifier", "survey identifier", "survey timestamp", "complete?"}
_SILENT_ENDINGS = ("_complete", "_timestamp")

#: Variables of one instrument that an error tells by name.
_TOLD = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A column of the export that holds a variable, or one box of a checkbox variable.

    Parameters
    ----------
    key : str
        Position of the column, as text.
    field : RedcapField
        The variable.
    choice : str, optional
        Code that the box stands for; ``None`` if the column holds the value itself.
    """

    key: str
    field: RedcapField
    choice: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where everything is; positions of columns as text, ``None`` where the export has no such column.

    Parameters
    ----------
    record : str
        The record's identifier.
    event, instrument, instance, group : str, optional
        REDCap's own columns.
    forms : mapping
        By table and column: the column, or the boxes, that hold it.
    left_out : tuple of str
        Names of columns that are not read.
    """

    record: str
    event: str | None
    instrument: str | None
    instance: str | None
    group: str | None
    forms: Mapping[str, Mapping[str, Sequence[Place]]]
    left_out: tuple[str, ...]


def find_places(path: str, names: Sequence[str]) -> Places:
    """Find the variables in the header of an export.

    Parameters
    ----------
    path : str
        Name of the file, for messages.
    names : sequence of str
        The header: variables or labels, spaces in them single.

    Raises
    ------
    SubmissionRejected
        If it has no record identifier, lacks an instrument that every submission must contain,
        has an instrument in part only, or a variable twice.

    Examples
    --------
    >>> names = ["Patient id", *[field.label for field in redcap_fields()[1:]], "Complete?"]
    >>> find_places("export.csv", names).forms["gvhd"]["grade"][0].field.variable
    'gvhd_grade'
    """
    by_name = _names()
    system: dict[str, str] = {}
    found: dict[str, list[Place]] = {}
    left_out = []
    for position, name in enumerate(names):
        place = by_name.get(name.lower())
        if name.lower() in _SYSTEM:
            system[_SYSTEM[name.lower()]] = str(position)
        elif place is not None:
            field, choice = place
            found.setdefault(field.variable, []).append(Place(key=str(position), field=field, choice=choice))
        elif not _is_silent(name.lower()):
            left_out.append(name)
    _refuse_foreign(path, found)
    forms = _by_form(path, found)
    return Places(
        record=found[RECORD_ID][0].key,
        event=system.get("event"),
        instrument=system.get("instrument"),
        instance=system.get("instance"),
        group=system.get("group"),
        forms=forms,
        left_out=tuple(left_out),
    )


def _names() -> dict[str, tuple[RedcapField, str | None]]:
    """Give every name that a column of an export can have, in lower case."""
    known: dict[str, tuple[RedcapField, str | None]] = {}
    for field in redcap_fields():
        known[field.variable] = (field, None)
        known[field.label.lower()] = (field, None)
        for name, code in _boxes(field):
            known[name.lower()] = (field, code)
    return known


def _boxes(field: RedcapField) -> Iterator[tuple[str, str]]:
    """Name the boxes of a variable that a project asks for with a checkbox: one column a choice."""
    for stored, label in field.choices.items():
        code = field.codes[stored]
        # A two-valued question as a single box is stored as choice 1, or under the code's own name.
        for choice in {stored, code, YESNO_CODES.get(code, stored)}:
            yield f"{field.variable}___{choice}", code
        for written in (label, f"'{label}'", code):
            yield f"{field.label} (choice={written})", code


def _is_silent(name: str) -> bool:
    return name in _SILENT or name.endswith(_SILENT_ENDINGS)


def _refuse_foreign(path: str, found: Mapping[str, Sequence[Place]]) -> None:
    again = "in REDCap: Data Exports, all data, CSV; the dictionary comes from `blinreg schema --redcap FILE`"
    if len(found) < 2:
        raise SubmissionRejected(
            f"{path} is not an export of a REDCap project with blinreg's data dictionary: "
            "its header has none of the variables",
            next_step=again,
        )
    if RECORD_ID not in found:
        raise SubmissionRejected(f"{path}: the record identifier {RECORD_ID} is missing", next_step=again)
    twice = sorted(name for name, places in found.items() if _is_ambiguous(places))
    if twice:
        raise SubmissionRejected(
            f"{path}: {len(twice)} variables stand in the header more than once, {twice[0]} first", next_step=again
        )


def _is_ambiguous(places: Sequence[Place]) -> bool:
    choices = [place.choice for place in places]
    return len(choices) != len(set(choices)) or (None in choices and len(choices) > 1)


def _by_form(path: str, found: Mapping[str, Sequence[Place]]) -> dict[str, dict[str, Sequence[Place]]]:
    forms: dict[str, dict[str, Sequence[Place]]] = {}
    problems = []
    for definition in TABLES:
        fields = [of for of in redcap_fields() if of.table is definition and of.variable != RECORD_ID]
        missing = [of.variable for of in fields if of.variable not in found]
        if len(missing) == len(fields):
            if definition.required:
                problems.append(f"the instrument {definition.name} is missing")
            continue
        if missing:
            more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
            problems.append(f"{definition.name} lacks {', '.join(missing[:_TOLD])}{more}")
        forms[definition.name] = {of.column.name: found[of.variable] for of in fields if of.variable in found}
    if problems:
        raise SubmissionRejected(
            f"{path}: {'; '.join(problems)}",
            next_step="export all variables of these instruments, identifiers and dates included: an export called "
            "'de-identified', or an account without the right to identifiers, leaves them out",
        )
    return forms
