"""Reading TOML tables with errors that say where, what and what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from blinreg.schemas.errors import UsageError, nearest

_KINDS: Mapping[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
}


def kind_of(value: object) -> str:
    """Name the kind of a TOML value, for a message; the value itself is not repeated."""
    return _KINDS.get(type(value), "a date or time")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which plan something was read.

    Examples
    --------
    >>> str(Place("study.toml").inside("analysis os"))
    'study.toml, analysis os'
    """

    file: str
    parts: tuple[str, ...] = ()

    def inside(self, part: str) -> Place:
        """Go one level down."""
        return Place(self.file, (*self.parts, part))

    def __str__(self) -> str:
        return ", ".join((self.file, *self.parts))

    def refuse(self, what: str, next_step: str) -> NoReturn:
        """Raise the error of a plan's author."""
        raise UsageError(f"{self}: {what}", next_step=next_step)

    def unknown(self, what: str, name: str, known: Iterable[str]) -> NoReturn:
        """Refuse a name nobody knows, with the nearest ones."""
        self.refuse(f"{what} {name!r} is unknown", nearest(name, list(known)))

    def refuse_type(self, key: str, wanted: str, value: object) -> NoReturn:
        """Refuse a value of the wrong kind."""
        self.refuse(f"{key} must be {wanted}, not {kind_of(value)}", f"write {key} as {wanted}")


@dataclass(frozen=True, slots=True)
class TableReader:
    """A TOML table of which every key must be asked for.

    Parameters
    ----------
    table : mapping
        As `tomllib` returned it.
    place : Place
        For the messages.
    """

    table: Mapping[str, Any]
    place: Place
    asked: set[str] = field(default_factory=set)

    def text(self, key: str, *, default: str | None = None) -> str:
        """Take a text; without a default it is required."""
        value = self._take(key, default)
        if not isinstance(value, str):
            self.place.refuse_type(key, "a text", value)
        return value

    def flag(self, key: str) -> bool:
        """Take true or false; false if absent."""
        value = self._take(key, False)
        if not isinstance(value, bool):
            self.place.refuse_type(key, "true or false", value)
        return value

    def number(self, key: str, *, default: float) -> float:
        """Take a number."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.place.refuse_type(key, "a number", value)
        return float(value)

    def sub_table(self, key: str) -> Mapping[str, Any]:
        """Take a table; empty if absent."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            self.place.refuse_type(key, "a table", value)
        return value

    def sub_tables(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """Take a list of tables; empty if absent."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.place.refuse_type(key, "a list of tables", value)
        return tuple(value)

    def finish(self, also: Iterable[str] = ()) -> None:
        """Refuse keys that nobody asked for."""
        allowed = self.asked | set(also)
        for key in self.table:
            if key not in allowed:
                self.place.unknown("key", key, sorted(allowed))

    def _take(self, key: str, default: object) -> Any:
        self.asked.add(key)
        value = self.table.get(key, default)
        if value is None:
            self.place.refuse(f"{key} is missing", f"add {key} = ...")
        return value
