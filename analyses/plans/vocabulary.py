"""The names a plan may use; all come from the definitions of the analysis views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

from blinreg.schemas.model import Column, Type
from blinreg.schemas.views import view

#: Prefix of the ever/never form of an exposure.
EVER = "ever_"
#: Days for which exposures also have a form by a day, such as ``allo_hct_by_day_100``.
WINDOWS = (14, 28, 30, 42, 60, 90, 100, 120, 180, 365)
#: Views with one row a patient, whose columns are variables.
_PATIENT_VIEWS = ("cohort", "response", "course", "transplant")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVariable:
    """A value a patient has, and where its date of becoming known stands.

    Attributes
    ----------
    name : str
        What a plan calls it.
    view : str
        View that holds it: cohort, response, course, transplant or exposure.
    column : Column
        Definition of the value.
    known_at : str
        Column of the same view with the date at which the value became known.
    exposure : str
        Exposure of an ever/never variable or of one by a day; empty for others.
    window : int, optional
        Day from the origin by which the exposure must have begun; None for ever.
    """

    name: str
    view: str
    column: Column
    known_at: str
    exposure: str = ""
    window: int | None = None


@cache
def endpoints() -> Mapping[str, str]:
    """Endpoints and what they mean."""
    return view("endpoint").column("endpoint").codes


@cache
def exposures() -> Mapping[str, str]:
    """Time-dependent exposures and what they mean."""
    return view("exposure").column("exposure").codes


@cache
def known_variables() -> Mapping[str, KnownVariable]:
    """Every variable that can group, select or adjust, by name.

    A bare exposure in such a place means its ever/never form: what the guard
    then says about it is the reason why the time-dependent form exists. A form by a
    day, such as ``allo_hct_by_day_60``, is known on that day: the group of a landmark.

    Examples
    --------
    >>> known_variables()["ever_allo_hct"].known_at, known_variables()["age_years"].known_at
    ('known_date', 'index_date')
    """
    found: dict[str, KnownVariable] = {}
    for name in _PATIENT_VIEWS:
        for column in view(name).columns:
            if column.known_at and column.type is not Type.DATE and column.name not in found:
                found[column.name] = KnownVariable(name=column.name, view=name, column=column, known_at=column.known_at)
    ever = view("exposure").column("ever")
    for exposure in exposures():
        known = KnownVariable(
            name=EVER + exposure, view="exposure", column=ever, known_at=ever.known_at, exposure=exposure
        )
        found[known.name] = found[exposure] = known
        for window in WINDOWS:
            by_day = replace(known, name=f"{exposure}_by_day_{window}", window=window)
            found[by_day.name] = by_day
    return MappingProxyType(found)


def spoken(name: str) -> str:
    """Turn a column or code into words.

    Examples
    --------
    >>> spoken("ever_allo_hct")
    'ever allo hct'
    """
    return name.replace("_", " ")
