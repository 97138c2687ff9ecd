"""The names a plan may use; all come from the definitions of the analysis views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from blinreg.schemas.model import Column, Type
from blinreg.schemas.views import view

#: Prefix of the ever/never form of an exposure.
EVER = "ever_"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownVariable:
    """A value a patient has, and where its date of becoming known stands.

    Attributes
    ----------
    name : str
        What a plan calls it.
    view : str
        View that holds it: cohort, response or exposure.
    column : Column
        Definition of the value.
    known_at : str
        Column of the same view with the date at which the value became known.
    """

    name: str
    view: str
    column: Column
    known_at: str

    @property
    def exposure(self) -> str:
        """Name of the exposure of an ever/never variable; empty for others."""
        return self.name.removeprefix(EVER) if self.view == "exposure" else ""


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
    then says about it is the reason why the time-dependent form exists.

    Examples
    --------
    >>> known_variables()["ever_allo_hct"].known_at, known_variables()["age_years"].known_at
    ('known_date', 'index_date')
    """
    found: dict[str, KnownVariable] = {}
    for name in ("cohort", "response"):
        for column in view(name).columns:
            if column.known_at and column.type is not Type.DATE and column.name not in found:
                found[column.name] = KnownVariable(name=column.name, view=name, column=column, known_at=column.known_at)
    ever = view("exposure").column("ever")
    for exposure in exposures():
        known = KnownVariable(name=EVER + exposure, view="exposure", column=ever, known_at=ever.known_at)
        found[EVER + exposure] = known
        found[exposure] = known
    return MappingProxyType(found)


def spoken(name: str) -> str:
    """Turn a column or code into words.

    Examples
    --------
    >>> spoken("ever_allo_hct")
    'ever allo hct'
    """
    return name.replace("_", " ")
