"""From the text of a plan to frozen objects, with errors that help its author."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from blinreg.analyses.plans.conditions import parse_conditions
from blinreg.analyses.plans.entries import check_name, read_entries
from blinreg.analyses.plans.model import (
    COHORT,
    Condition,
    DerivedVariable,
    Entry,
    Headline,
    Level,
    Plan,
    Population,
    Study,
)
from blinreg.analyses.plans.options import Names, Role, option_keys, read_options
from blinreg.analyses.plans.reading import Place, TableReader
from blinreg.analyses.plans.vocabulary import endpoints, exposures, known_variables
from blinreg.schemas.errors import UsageError
from blinreg.schemas.model import Type

#: Where a syntax error is, in the words of the reader of TOML.
_AT = re.compile(r"\(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_LINE_SHOWN = 80
#: Of tables whose names are checked when all analyses are read.
_NO_NAMES = Names(known={})
_STUDY_NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
_TOP_KEYS = ("study", "population", "variable", "analysis", "headline", "label", "words")
_ROW_COLUMNS = ("patient_id", "tstart", "tstop", "event")
_RESPONDER = Condition(variable="is_responder", operator="is", value=1)


def parse_plan(text: str, *, file: str) -> Plan:
    """Parse a plan.

    Parameters
    ----------
    text : str
        TOML.
    file : str
        Name for the messages.

    Returns
    -------
    Plan

    Raises
    ------
    UsageError
        The text is no TOML, or names, types or keys are wrong: file, entry and the
        nearest known names are given.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(text, file, str(error)) from error
    place = Place(file)
    reader = TableReader(document, place)
    reader.finish(also=_TOP_KEYS)
    study = _study(reader.sub_table("study"), place.inside("study"))
    populations = _populations(reader.sub_table("population"), place)
    variables = _variables(reader.sub_table("variable"), place)
    names = Names(
        known={
            Role.POPULATION: (COHORT, *populations),
            Role.ENDPOINT: tuple(endpoints()),
            Role.EXPOSURE: tuple(exposures()),
            Role.VARIABLE: (*variables, *known_variables()),
        }
    )
    entries = read_entries(reader.sub_tables("analysis"), names, place)
    headline = _headline(reader.sub_table("headline"), entries, place.inside("headline"))
    labels = _labels(reader.sub_table("label"), names, place.inside("label"))
    words = _words(reader.sub_table("words"), names, place.inside("words"))
    _check_findings(study, entries, place.inside("study"))
    return Plan(
        study=study,
        file=file,
        text=text,
        populations=MappingProxyType(populations),
        variables=MappingProxyType(variables),
        labels=MappingProxyType(labels),
        words=MappingProxyType(words),
        headline=headline,
        entries=entries,
    )


def _not_toml(text: str, file: str, message: str) -> UsageError:
    """Say where the text stops being TOML, and what stands there."""
    found = _AT.search(message)
    lines = text.rstrip().split("\n")
    number = min(int(found["line"]), len(lines)) if found and found["line"] else len(lines)
    what = message[: found.start()] if found else message
    return UsageError(
        f"{file}, line {number} is not valid TOML: {what.strip()}; there stands: {lines[number - 1][:_LINE_SHOWN]}",
        next_step='correct it: texts stand in "quotes", lists in [ ], a table in { } on one line',
    )


def _study(table: Mapping[str, Any], place: Place) -> Study:
    TableReader(table, place).finish(also=option_keys(Study))
    study = read_options(Study, table, _NO_NAMES, place)
    if not _STUDY_NAME.fullmatch(study.name):
        place.refuse(f"name {study.name!r} is not a study name", "use lower-case letters, digits and hyphens")
    return study


def _populations(tables: Mapping[str, Any], place: Place) -> dict[str, Population]:
    found: dict[str, Population] = {}
    for name, table in tables.items():
        here = place.inside(f"population {name}")
        if not isinstance(table, dict):
            here.refuse_type(name, "a table", table)
        check_name(name, here)
        if name == COHORT:
            here.refuse("cohort is every patient and cannot be defined again", "choose another name")
        reader = TableReader(table, here)
        title, parent = reader.text("title"), reader.text("from", default=COHORT)
        # Only what stands above can be narrowed: so no population can contain itself.
        if parent not in (COHORT, *found):
            here.unknown("population", parent, (COHORT, *found))
        conditions = parse_conditions(reader.sub_table("where"), here)
        if reader.flag("responder"):
            conditions = (*conditions, _RESPONDER)
        reader.finish()
        found[name] = Population(name=name, title=title, parent=parent, conditions=conditions)
    return found


def _variables(tables: Mapping[str, Any], place: Place) -> dict[str, DerivedVariable]:
    found = {}
    for name, table in tables.items():
        here = place.inside(f"variable {name}")
        if not isinstance(table, dict):
            here.refuse_type(name, "a table", table)
        check_name(name, here)
        if name in known_variables():
            here.refuse(f"{name} is a column already", "choose another name")
        if name in _ROW_COLUMNS:
            here.refuse(f"{name} is a column of the rows of every analysis", "choose another name")
        found[name] = _variable(name, TableReader(table, here))
    return found


def _variable(name: str, reader: TableReader) -> DerivedVariable:
    place = reader.place
    label, column = reader.text("label"), reader.text("column", default="")
    per = reader.number("per", default=1.0)
    levels = tuple(_level(table, place) for table in reader.sub_tables("levels"))
    reader.finish()
    if bool(column) == bool(levels):
        place.refuse("a variable is a column or has levels", "give either column or levels")
    if column and column not in known_variables():
        place.unknown("column", column, known_variables())
    if column and known_variables()[column].column.type not in (Type.INTEGER, Type.NUMBER):
        place.refuse(f"column {column} has no numbers to divide", "name a column of numbers, or give levels")
    if not per > 0:
        place.refuse("per must be above 0", "write per = 10 for steps of ten")
    return DerivedVariable(name=name, label=label, column=column, per=per, levels=levels)


def _level(table: Mapping[str, Any], place: Place) -> Level:
    reader = TableReader(table, place.inside("levels"))
    name = reader.text("level")
    conditions = parse_conditions(reader.sub_table("where"), reader.place)
    reader.finish()
    if not conditions:
        reader.place.refuse(f"level {name!r} has no condition", "add where = { ... }")
    return Level(name=name, conditions=conditions)


def _headline(table: Mapping[str, Any], entries: tuple[Entry, ...], place: Place) -> Headline | None:
    if not table:
        return None
    TableReader(table, place).finish(also=option_keys(Headline))
    headline = read_options(Headline, table, _NO_NAMES, place)
    methods = {"effect": "cox", "test": "simon_makuch", "contrast": "cox"}
    by_name = {entry.name: entry for entry in entries}
    for key, method in methods.items():
        name = getattr(headline, key)
        if key == "contrast" and not name:
            continue
        if name not in by_name:
            place.unknown("analysis", name, by_name)
        if by_name[name].method.name != method:
            place.refuse(f"{key} {name!r} has method {by_name[name].method.name}", f"name one with method {method}")
    if headline.term not in exposures():
        place.unknown("exposure", headline.term, exposures())
    return headline


def _labels(table: Mapping[str, Any], names: Names, place: Place) -> dict[str, str]:
    known = (*names.known[Role.VARIABLE], *names.known[Role.EXPOSURE])
    reader = TableReader(table, place)
    labels = {name: reader.text(name) for name in table}
    for name in labels:
        if name not in known:
            place.unknown("variable", name, known)
    return labels


def _words(tables: Mapping[str, Any], names: Names, place: Place) -> dict[str, dict[str, str]]:
    known = tuple(names.known[Role.VARIABLE])
    found = {}
    for variable, table in tables.items():
        if variable not in known:
            place.unknown("variable", variable, known)
        if not isinstance(table, dict):
            place.refuse_type(variable, "a table of texts", table)
        reader = TableReader(table, place.inside(variable))
        codes = known_variables()[variable].column.codes if variable in known_variables() else {}
        for level in table:
            if codes and level not in codes:
                reader.place.unknown("code", level, codes)
        found[variable] = {level: reader.text(level) for level in table}
    return found


def _check_findings(study: Study, entries: tuple[Entry, ...], place: Place) -> None:
    names = [entry.name for entry in entries]
    for name in study.key_findings:
        if name not in names:
            place.unknown("analysis", name, names)
