"""The options of a method, read from TOML into the frozen dataclass that declares them.

A method declares its options as annotated fields; what kind of value a key takes
and which names it may hold is said there and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from blinreg.analyses.plans.reading import Place

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

O = TypeVar("O", bound="DataclassInstance")  # noqa: E741 - the one letter for options
_ROLE, _USE, _MINIMUM, _MAXIMUM, _LENGTH = "role", "use", "minimum", "maximum", "length"


class Role(StrEnum):
    """Which names an option holds; ``PLAIN`` holds none."""

    PLAIN = "option"
    POPULATION = "population"
    ENDPOINT = "endpoint"
    VARIABLE = "variable"
    EXPOSURE = "time-dependent exposure"


def option(
    role: Role = Role.PLAIN,
    *,
    default: Any = MISSING,
    use: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    length: int | None = None,
) -> Any:
    """Declare an option.

    Parameters
    ----------
    role : Role
        Which names it holds.
    default : object, optional
        Value if the key is absent; without one the key is required.
    use : str
        What the analysis does with them: with variables in the guard's words ("groups by"), with exposures if
        not cut its rows ("waits for").
    minimum, maximum : float, optional
        Range of the numbers allowed, inclusive.
    length : int, optional
        How many items a list must have.
    """
    metadata = {_ROLE: role, _USE: use, _MINIMUM: minimum, _MAXIMUM: maximum, _LENGTH: length}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every method is told.

    Attributes
    ----------
    population : str
        Population to analyse.
    """

    population: str = option(Role.POPULATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A variable and what an analysis does with it."""

    variable: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names a plan may use, by role."""

    known: Mapping[Role, Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """An option as it is declared.

    Attributes
    ----------
    name : str
    kind : type
        Of the value; an optional one without its None.
    role : Role
    minimum, maximum : float, optional
    length : int, optional
    default : object
        `dataclasses.MISSING` for a required one.
    """

    name: str
    kind: Any
    role: Role
    minimum: float | None
    maximum: float | None
    length: int | None
    default: Any


def declared_options(options: type[DataclassInstance]) -> tuple[Declared, ...]:
    """List the options of a dataclass as they are declared.

    Examples
    --------
    >>> [one.name for one in declared_options(Options)]
    ['population']
    """
    hints = get_type_hints(options)
    return tuple(
        Declared(
            name=item.name,
            kind=_without_none(hints[item.name]),
            role=item.metadata.get(_ROLE, Role.PLAIN),
            minimum=item.metadata.get(_MINIMUM),
            maximum=item.metadata.get(_MAXIMUM),
            length=item.metadata.get(_LENGTH),
            default=item.default,
        )
        for item in fields(options)
    )


def option_keys(options: type[DataclassInstance]) -> tuple[str, ...]:
    """List the keys of a method or of another table of a plan."""
    return tuple(item.name for item in fields(options))


def read_options(options: type[O], table: Mapping[str, Any], names: Names, place: Place) -> O:
    """Read the options of one analysis.

    Parameters
    ----------
    options : type
        Dataclass that declares them: those of a method, or of another table of a plan.
    table : mapping
        As TOML gave it, other keys included.
    names : Names
        Populations, endpoints, variables and exposures that exist.
    place : Place
        For the messages.

    Returns
    -------
    Options

    Raises
    ------
    UsageError
        A required key is missing, a value is of the wrong kind or an unknown name.
    """
    values: dict[str, Any] = {}
    for item in declared_options(options):
        if item.name in table:
            value = _convert(item.name, table[item.name], item.kind, place)
            _check_names(item, value, names, place)
            _check_range(item, value, place)
            values[item.name] = value
        elif item.default is MISSING:
            place.refuse(f"{item.name} is missing", f"add {item.name} = ...")
    return options(**values)


def uses_of(options: Options) -> tuple[Use, ...]:
    """List the variables that an analysis uses as if fixed at its origin.

    Examples
    --------
    >>> uses_of(Options(population="everyone"))
    ()
    """
    found: dict[str, Use] = {}
    exposures = set(cutting_exposures(options))
    for item in fields(options):
        if item.metadata.get(_ROLE) is Role.VARIABLE and item.metadata.get(_USE):
            for name in _listed(getattr(options, item.name)):
                if name not in exposures:
                    found.setdefault(name, Use(variable=name, how=item.metadata[_USE]))
    return tuple(found.values())


def cutting_exposures(options: Options) -> tuple[str, ...]:
    """List the exposures at which rows are cut: those of which the options do not say another use."""
    names = [
        name
        for item in fields(options)
        if item.metadata.get(_ROLE) is Role.EXPOSURE and not item.metadata.get(_USE)
        for name in _listed(getattr(options, item.name))
    ]
    return tuple(dict.fromkeys(names))


def names_of(options: Options, role: Role) -> tuple[str, ...]:
    """List the names of one role that the options hold, each once."""
    names = [
        name
        for item in fields(options)
        if item.metadata.get(_ROLE) is role
        for name in _listed(getattr(options, item.name))
    ]
    return tuple(dict.fromkeys(names))


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(value) if isinstance(value, tuple) else ()


def _without_none(hint: Any) -> Any:
    """Take an optional value's other type: TOML has no null, so what is written is of that type."""
    if get_origin(hint) is UnionType:
        [hint] = [kind for kind in get_args(hint) if kind is not NoneType]
    return hint


def _convert(key: str, value: Any, hint: Any, place: Place) -> Any:
    """Turn a TOML value into the annotated type, or refuse it."""
    origin = get_origin(hint)
    if origin is Literal:
        return _choice(key, value, get_args(hint), place)
    if origin is tuple:
        return _sequence(key, value, get_args(hint)[0], place)
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            place.refuse_type(key, "a number", value)
        return float(value)
    if origin is not None:
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            place.refuse_type(key, "a table of texts", value)
        return dict(value)
    if type(value) is not hint:
        place.refuse_type(key, {str: "a text", bool: "true or false", int: "a whole number"}[hint], value)
    return value


def _choice(key: str, value: Any, choices: tuple[Any, ...], place: Place) -> Any:
    if not isinstance(value, str):
        place.refuse_type(key, "a text", value)
    if value not in choices:
        place.refuse(f"{key} {value!r} is unknown", f"use {', '.join(choices[:-1])} or {choices[-1]}")
    return value


def _sequence(key: str, value: Any, kind: type, place: Place) -> tuple[Any, ...]:
    words = {str: "a list of texts", float: "a list of numbers"}[kind]
    if not isinstance(value, list):
        place.refuse_type(key, words, value)
    allowed: tuple[type, ...] = (str,) if kind is str else (int, float)
    for item in value:
        if isinstance(item, bool) or not isinstance(item, allowed):
            place.refuse_type(f"every item of {key}", "a text" if kind is str else "a number", item)
    return tuple(kind(item) for item in value)


def _check_names(item: Declared, value: Any, names: Names, place: Place) -> None:
    known = names.known.get(item.role)
    if known is None:
        return
    for name in value if isinstance(value, Mapping) else _listed(value):
        if name not in known:
            place.unknown(str(item.role), name, known)


def _check_range(item: Declared, value: Any, place: Place) -> None:
    minimum, maximum, length = item.minimum, item.maximum, item.length
    numbers = value if isinstance(value, tuple) else (value,)
    if length is not None and len(numbers) != length:
        place.refuse(f"{item.name} must have {length} items, not {len(numbers)}", f"write {length} of them")
    if minimum is not None and any(number < minimum for number in numbers):
        place.refuse(f"{item.name} must be at least {minimum:g}", f"write {item.name} = {minimum:g} or more")
    if maximum is not None and any(number > maximum for number in numbers):
        place.refuse(f"{item.name} must be at most {maximum:g}", f"write {item.name} = {maximum:g} or less")
