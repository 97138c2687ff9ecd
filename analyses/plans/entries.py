"""The analyses of a plan and their variants, read from TOML."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from blinreg.analyses.plans.methods import METHODS
from blinreg.analyses.plans.methods.base import Method
from blinreg.analyses.plans.model import PLANNED, Entry
from blinreg.analyses.plans.options import Names, Options, option_keys, read_options
from blinreg.analyses.plans.reading import Place, TableReader
from blinreg.schemas.errors import UsageError

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: What may be said of every analysis with an endpoint, whatever its method, and the one word that it may say.
FOLLOW_UP_KEYS: Mapping[str, str] = MappingProxyType({"entry": "registration", "censor_at": "transplant"})
#: What a variant may say besides the options of the method.
VARIANT_KEYS = ("biased", *FOLLOW_UP_KEYS)
LONGEST_VARIANT = 60
_NOT_INHERITED = ("variants", "biased")


def read_entries(tables: tuple[Mapping[str, Any], ...], names: Names, place: Place) -> tuple[Entry, ...]:
    """Read every analysis of a plan.

    Parameters
    ----------
    tables : tuple of mapping
        As TOML gave them.
    names : Names
        Populations, endpoints, variables and exposures that exist.
    place : Place
        For the messages.

    Returns
    -------
    tuple of Entry
        Each with its variants.

    Raises
    ------
    UsageError
        A name, key or value is wrong, or there is no analysis.
    """
    if not tables:
        place.refuse("there is no analysis", "add one with [[analysis]]")
    entries: dict[str, Entry] = {}
    errors = []
    for number, table in enumerate(tables, start=1):
        here = place.inside(f"analysis {table.get('name', f'number {number}')}")
        try:
            entry = _entry(table, names, here)
            if entry.name in entries:
                here.refuse("two analyses have this name", "rename one")
            entries[entry.name] = entry
        except UsageError as error:
            errors.append(error)
    _raise(errors, place)
    for entry in entries.values():
        if entry.beside and entry.beside not in entries:
            place.inside(f"analysis {entry.name}").unknown("analysis", entry.beside, entries)
    return tuple(entries.values())


def _raise(errors: Sequence[UsageError], place: Place) -> None:
    """Raise what is wrong; of several analyses at once, so that their author need not run once for each."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        listed = "".join(f"\n  {error}" for error in errors)
        place.refuse(f"{len(errors)} analyses are wrong:{listed}", "correct them all, then check again")


def check_name(name: str, place: Place) -> None:
    """Refuse a name that cannot be that of a file."""
    if not NAME.fullmatch(name):
        place.refuse(f"name {name!r} cannot name a file", "use lower-case letters, digits and underscores")


def _entry(table: Mapping[str, Any], names: Names, place: Place) -> Entry:
    reader = TableReader(table, place)
    name = reader.text("name")
    check_name(name, place)
    method = _method(reader)
    title, section = reader.text("title"), reader.text("section", default="Results")
    note, beside = reader.text("note", default=""), reader.text("beside", default="")
    biased, core = reader.flag("biased"), reader.flag("core")
    variants = reader.sub_table("variants")
    keys = option_keys(method.options)
    enters_at, censor_at = _follow_up_keys(reader, keys)
    reader.finish(also=keys)
    options: Options = read_options(method.options, table, names, place)
    entry = Entry(
        name=name,
        title=title,
        section=section,
        note=note,
        method=method,
        options=options,
        biased=biased,
        beside=beside,
        core=core,
        enters_at=enters_at,
        censor_at=censor_at,
    )
    inherited = {key: value for key, value in table.items() if key not in _NOT_INHERITED}
    return replace(
        entry,
        variants=tuple(
            _variant(
                entry, changes, label=label, inherited=inherited, names=names, place=place.inside(f"variant '{label}'")
            )
            for label, changes in variants.items()
        ),
    )


def _method(reader: TableReader) -> Method[Any]:
    name = reader.text("method")
    if name not in METHODS:
        reader.place.unknown("method", name, METHODS)
    return METHODS[name]


def _variant(
    entry: Entry, changes: Any, *, label: str, inherited: Mapping[str, Any], names: Names, place: Place
) -> Entry:
    """Read one line of variants: the analysis with other options, read by the same rules.

    That the analysis is biased is not inherited: what a variant uses before it is known, it must say itself.
    """
    if not label.strip() or len(label) > LONGEST_VARIANT:
        place.refuse("the name of a variant stands in tables", f"write up to {LONGEST_VARIANT} characters")
    if label == PLANNED:
        place.refuse("so the rows of the analysis itself are called", "choose another name")
    if not isinstance(changes, dict):
        place.refuse_type("a variant", "a table of options such as { landmark = 30 }", changes)
    keys = option_keys(entry.method.options)
    if "method" in changes:
        place.refuse("a variant keeps its method", "write another [[analysis]] and put it beside this one")
    for key in changes:
        if key not in (*keys, *VARIANT_KEYS):
            place.unknown("key", key, (*keys, *VARIANT_KEYS))
    reader = TableReader({**inherited, **changes}, place)
    enters_at, censor_at = _follow_up_keys(reader, keys)
    options: Options = read_options(entry.method.options, reader.table, names, place)
    if (options, enters_at, censor_at) == (entry.options, entry.enters_at, entry.censor_at):
        place.refuse("it changes nothing of the analysis", "name an option and another value of it")
    return replace(
        entry,
        options=options,
        biased=reader.flag("biased"),
        enters_at=enters_at,
        censor_at=censor_at,
        variant=label,
    )


def _follow_up_keys(reader: TableReader, keys: tuple[str, ...]) -> tuple[str, str]:
    """Read when follow-up begins and what ends it: said of the analysis, whatever its method."""
    found = []
    for key, word in FOLLOW_UP_KEYS.items():
        value = reader.text(key, default="")
        if value not in ("", word):
            reader.place.refuse(f"{key} {value!r} is unknown", f'write {key} = "{word}", or leave it out')
        if value and "endpoint" not in keys:
            reader.place.refuse(f"{key} is for analyses with an endpoint", f"leave {key} out")
        found.append(value)
    return found[0], found[1]
