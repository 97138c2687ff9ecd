"""What an analysis is made from, as one hash: its data, its part of the plan, the code and the packages."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from typing import Any

from blinreg.analyses.disclosure import DisclosureGate
from blinreg.analyses.plans.methods.base import Method
from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.views import ViewFrames

_PACKAGES = ("blinreg", "duckdb", "matplotlib", "numpy", "polars", "scipy")
#: Where the code is that a result depends on.
_CODE = ("blinreg.analyses", "blinreg.schemas")


def versions() -> dict[str, str]:
    """Versions of everything that a number may depend on, and the hash of our own source."""
    return {"python": platform.python_version(), "source_sha256": source_sha256()} | {
        name: version(name) for name in _PACKAGES
    }


@cache
def source_sha256() -> str:
    """Hash our own modules: while a version is being worked on, its number does not change.

    Examples
    --------
    >>> len(source_sha256())
    64
    """
    digest = sha256()
    for package in _CODE:
        for name, file in sorted(_modules(resources.files(package), package)):
            digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def _modules(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _modules(item, f"{name}/{item.name}")
        elif item.name.endswith(".py"):
            yield f"{name}/{item.name}", item


class Fingerprints:
    """Hashes of what each analysis of a run is made from.

    Parameters
    ----------
    plan : Plan
    views : ViewFrames
    gate : DisclosureGate
        It decides what is said of the data.
    """

    def __init__(self, plan: Plan, views: ViewFrames, gate: DisclosureGate) -> None:
        self._plan = plan
        self._shared = {
            "data": views.content_sha256(),
            "notice": [gate.mark, gate.notice],
            "versions": versions(),
            "definitions": [_canonical(each) for each in (plan.populations, plan.variables, plan.labels, plan.words)],
        }

    def of(self, entry: Entry) -> str:
        """Hash what one analysis is made from: what other analyses say does not touch it."""
        published = [_canonical(number) for number in self._plan.published if number.analysis == entry.name]
        made_from = self._shared | {"analysis": _canonical(entry), "published": published}
        return sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _canonical(value: Any) -> Any:
    """Turn what a plan is parsed to into what JSON can say; a type that nobody thought of is an error."""
    if isinstance(value, Method):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _canonical(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    return value
