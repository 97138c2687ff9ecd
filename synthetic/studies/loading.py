"""Read a study from its parameter file, which also says where each number comes from."""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import resources
from typing import Any, TypeVar

from blinreg.schemas.errors import UsageError, nearest
from blinreg.synthetic.streams import Curve, Weights
from blinreg.synthetic.studies.parameters import Study

#: Studies that can be imitated, and the file of each.
STUDIES: Mapping[str, str] = {"realworld-2020": "realworld_2020.toml"}

Section = TypeVar("Section")


def _read(kind: type[Section], given: Mapping[str, Any]) -> Section:
    """Build a section; every field must be given, and nothing else."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if names != set(given):
        raise ValueError(f"{kind.__name__}: missing {sorted(names - set(given))}, unknown {sorted(set(given) - names)}")
    hints = typing.get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in given.items()})


def _value(hint: Any, value: Any) -> Any:
    """Give a value of the file the type of its field."""
    if hint is Weights:
        return Weights.of(value)
    if hint is Curve:
        return Curve(tuple((float(probability), float(quantile)) for probability, quantile in value))
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        return tuple(_value(arguments[0], one) for one in value)
    if arguments:
        return {name: _value(arguments[1], one) for name, one in value.items()}
    if hint is float:
        return float(value)
    return _read(hint, value) if hasattr(hint, "__dataclass_fields__") else value


def read_study(text: str) -> Study:
    """Build a study from the text of a parameter file.

    Parameters
    ----------
    text : str
        TOML with a table for each section, the fields of the study itself in ``[study]`` and its sites in ``[[site]]``.

    Raises
    ------
    ValueError
        If a field is missing or unknown.
    """
    given = tomllib.loads(text)
    return _read(Study, {**given.pop("study"), "sites": given.pop("site"), **given})


def study_text(name: str) -> str:
    """Read the parameter file of a study.

    Raises
    ------
    UsageError
        If no study has that name; the nearest names are given.
    """
    if name not in STUDIES:
        raise UsageError(f"no synthetic study is called {name!r}", next_step=nearest(name, list(STUDIES)))
    return resources.files("blinreg.synthetic.studies").joinpath(STUDIES[name]).read_text(encoding="utf-8")


@cache
def load_study(name: str) -> Study:
    """Load a study by name.

    Parameters
    ----------
    name : str
        Name of the study, such as ``realworld-2020``.

    Raises
    ------
    UsageError
        If no study has that name; the nearest names are given.

    Examples
    --------
    >>> study = load_study("realworld-2020")
    >>> study.n_patients, len(study.sites)
    (239, 11)
    """
    return read_study(study_text(name))
