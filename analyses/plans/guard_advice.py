"""How to write it right: for each thing used before it is known, the lines of the plan that do without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Any, TypeAlias

from blinreg.analyses.plans.guard_use import COUNTS_TIME_BEFORE, SELECTS, EarlyUse
from blinreg.analyses.plans.model import Condition, Entry, Plan, Population
from blinreg.analyses.plans.options import option_keys
from blinreg.analyses.plans.vocabulary import KnownVariable, known_variables

#: Keys of an analysis and their new values; None leaves a key out.
Keys: TypeAlias = Mapping[str, Any]

#: The same question, asked from response or from transplant.
_FROM_RESPONSE = MappingProxyType({"os": "os_from_response", "efs": "rfs"})
_FROM_TRANSPLANT = MappingProxyType(
    {
        "os": "os_from_transplant",
        "os_from_response": "os_from_transplant",
        "efs": "pfs_from_transplant",
        "rfs": "pfs_from_transplant",
        "rfs_molecular": "pfs_from_transplant",
    }
)
#: MRD samples count for a response until this day after it.
_MRD_DAYS = 42
#: Two months: transplants and second cycles have begun, and most patients are still followed.
_USUAL_LANDMARK = 60
#: A landmark after this day leaves too many out to be advised.
_LAST_LANDMARK = 180
_LISTS = ("covariates", "strata", "subgroups")


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Lines of an analysis that make it right.

    Attributes
    ----------
    keys : mapping
        New values by key; None leaves the key out.
    """

    keys: Keys

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines as TOML.

        Examples
        --------
        >>> Correction(keys={"landmark": 60, "group": None}).lines
        ('landmark = 60', '# without group')
        """
        return tuple(
            f"# without {key}" if value is None else f"{key} = {json.dumps(value)}" for key, value in self.keys.items()
        )


def ways_out(entry: Entry, early: EarlyUse) -> str:
    """Say in a phrase what can be done about an early use."""
    if early.how == COUNTS_TIME_BEFORE:
        return "let patients enter at registration, or say biased = true"
    if early.how == SELECTS and known_variables()[early.variable].view != "response":
        return "take everybody and compare as time goes by, or say biased = true"
    if early.how == SELECTS:
        return "start the clock when it is known (such as os_from_response), or say biased = true"
    if not _has_landmark(entry):
        return "leave it out, start the clock when it is known, or say biased = true"
    if early.is_exposure:
        return "declare it time_dependent, give a landmark, or say biased = true"
    return "start the clock when it is known, give a landmark after it, or say biased = true"


def correction(plan: Plan, entry: Entry, early: EarlyUse) -> Correction:
    """Write an early use right.

    Parameters
    ----------
    plan : Plan
        The whole plan.
    entry : Entry
        The analysis.
    early : EarlyUse
        What it uses before it is known.

    Returns
    -------
    Correction
        Without this early use; another one of the same analysis is another correction.
    """
    if early.how == COUNTS_TIME_BEFORE:
        return Correction(keys={"entry": "registration"})
    if early.how == SELECTS:
        return Correction(keys=_for_selection(plan, entry, early))
    return Correction(keys=_for_use(plan, entry, early))


def _for_use(plan: Plan, entry: Entry, early: EarlyUse) -> Keys:
    known = known_variables()[early.variable]
    if not _has_landmark(entry):
        return _without(plan, entry, early.variable)
    if known.window is not None:
        return {"landmark": known.window}
    exposure = _exposure_of(known)
    return _as_time_dependent(plan, entry, early.variable, exposure) if exposure else _later(plan, entry, early, known)


def _has_landmark(entry: Entry) -> bool:
    return "landmark" in option_keys(entry.method.options)


def _exposure_of(known: KnownVariable) -> str:
    """Name the exposure that says the same at each time; empty if there is none."""
    return "second_cycle" if known.name == "n_cycles" else known.exposure


def _later(plan: Plan, entry: Entry, early: EarlyUse, known: KnownVariable) -> Keys:
    """Start the clock when a value is known, if that leaves enough of it; else do without the value."""
    endpoint = getattr(entry.options, "endpoint", "")
    if known.view == "transplant" and endpoint in _FROM_TRANSPLANT:
        return {"endpoint": _FROM_TRANSPLANT[endpoint]}
    if known.name == "mrd_at_response":
        later = {"endpoint": _FROM_RESPONSE[endpoint]} if endpoint in _FROM_RESPONSE else {}
        return later | {"landmark": _MRD_DAYS}
    landmark = ceil(early.longest_days + early.landmark)
    if not early.n_undated and landmark <= _LAST_LANDMARK:
        return {"landmark": landmark}
    return _without(plan, entry, early.variable)


def _as_time_dependent(plan: Plan, entry: Entry, variable: str, exposure: str) -> Keys:
    keys = option_keys(entry.method.options)
    if "time_dependent" in keys:
        listed = list(dict.fromkeys([*entry.options.time_dependent, exposure]))  # type: ignore[attr-defined]
        return {"time_dependent": listed, **_without(plan, entry, variable)}
    if entry.method.name == "kaplan_meier" and _is_used(plan, getattr(entry.options, "group", ""), variable):
        return {"method": "simon_makuch", "exposure": exposure, "group": None}
    if exposure == known_variables()[variable].exposure:
        return {"landmark": _USUAL_LANDMARK}
    return _without(plan, entry, variable)


def _without(plan: Plan, entry: Entry, variable: str) -> Keys:
    """Leave a variable, and what the plan makes of it, out of groups and lists."""
    found: dict[str, Any] = {}
    for key in _LISTS:
        names = getattr(entry.options, key, ())
        kept = [name for name in names if not _is_used(plan, name, variable)]
        if len(kept) < len(names):
            found[key] = kept
    if _is_used(plan, getattr(entry.options, "group", ""), variable):
        found["group"] = None
    return found


def _is_used(plan: Plan, name: str, variable: str) -> bool:
    if not name:
        return False
    sources = {known_variables()[source].name for source in plan.sources(name)}
    return known_variables()[variable].name in sources


def _for_selection(plan: Plan, entry: Entry, early: EarlyUse) -> Keys:
    step, condition = _condition_of(plan, entry, early)
    known = known_variables()[condition.variable]
    endpoint = getattr(entry.options, "endpoint", "")
    wider: dict[str, Any] = {"population": step.parent}
    has_landmark = _has_landmark(entry)
    if known.window is not None and has_landmark:
        return {"landmark": known.window}
    if known.view == "response" and endpoint in _FROM_RESPONSE:
        return {"endpoint": _FROM_RESPONSE[endpoint]}
    if known.view == "transplant" and endpoint in _FROM_TRANSPLANT:
        return {"endpoint": _FROM_TRANSPLANT[endpoint]}
    if known.name == "follow_up_days" and has_landmark and isinstance(condition.value, int | float):
        return wider | {"landmark": condition.value}
    exposure = _exposure_of(known)
    return {**wider, **(_compared(entry, exposure) if exposure else {})}


def _compared(entry: Entry, exposure: str) -> Keys:
    """Compare by an exposure instead of selecting by it."""
    keys = option_keys(entry.method.options)
    if "time_dependent" in keys:
        return {"time_dependent": list(dict.fromkeys([*entry.options.time_dependent, exposure]))}  # type: ignore[attr-defined]
    if entry.method.name == "kaplan_meier" and not getattr(entry.options, "group", ""):
        return {"method": "simon_makuch", "exposure": exposure}
    return {}


def _condition_of(plan: Plan, entry: Entry, early: EarlyUse) -> tuple[Population, Condition]:
    for step in plan.lineage(entry.options.population):
        for condition in step.conditions:
            if str(condition) == early.condition:
                return step, condition
    raise KeyError(early.condition)
