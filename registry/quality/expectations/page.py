"""A page of what Great Expectations said, made from its results; it loads nothing and holds no value of a patient.

Great Expectations has pages of its own, but they load scripts and a logo over the network, with an id of
the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Any

from blinreg.schemas.rules import CELL

#: Places of bad rows that the page names for each rule; results.json has all.
PLACES_SHOWN = 20

_CONSEQUENCES = {
    "reject_submission": "The submission is refused",
    "reject_row": "The row is not accepted",
    "warn": "A warning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An expectation on the page."""

    rule: str
    title: str
    columns: str
    consequence: str
    is_met: bool
    n_checked: int
    n_bad: int
    n_unknown: int
    message: str
    reason: str
    sql: str
    places: str

    @property
    def state(self) -> str:
        """Whether it is met, by how many bad rows."""
        if not self.n_bad:
            return "✓ no row" if self.is_met else "✗ too few rows"
        rows = f"{self.n_bad:,} row{'s' if self.n_bad > 1 else ''}"
        return f"✓ {rows}, allowed" if self.is_met else f"✗ {rows}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """The expectations of a suite, the unmet ones first."""

    name: str
    lines: tuple[Line, ...]

    @property
    def n_met(self) -> int:
        """Expectations that are met."""
        return sum(line.is_met for line in self.lines)


def expectations_page(data: Mapping[str, Any]) -> str:
    """Render the results of a checkpoint as one HTML file.

    Parameters
    ----------
    data : mapping
        As `ExpectationsResult.as_data` gives it, or results.json read back.
    """
    from jinja2 import Environment, StrictUndefined

    template = files("blinreg.registry").joinpath("quality/expectations/page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    sections = [_section(name, result) for name, result in data["results"].items()]
    # Suites with something to do come first; among the others the order of the checks stays.
    sections.sort(key=lambda section: section.n_met == len(section.lines))
    return environment.from_string(template).render(data=data, sections=sections)


def _section(name: str, result: Mapping[str, Any]) -> Section:
    lines = [_line(each) for each in result["results"]]
    return Section(name=name, lines=tuple(sorted(lines, key=lambda line: (line.is_met, -line.n_bad))))


def _line(each: Mapping[str, Any]) -> Line:
    config, found = each["expectation_config"], each["result"]
    meta = config["meta"]
    return Line(
        rule=config["kwargs"]["rule"],
        title=config["description"],
        columns=", ".join(meta["columns"]),
        consequence=_CONSEQUENCES[meta["consequence"]],
        is_met=each["success"],
        n_checked=found["n_checked"],
        n_bad=found["unexpected_count"],
        n_unknown=found["missing_count"],
        message=meta["message"],
        reason=meta["reason"],
        sql=config["kwargs"]["bad"],
        places=_places(meta["table"], found["places"] or []),
    )


def _places(table: str, places: Sequence[Any]) -> str:
    if not places:
        return ""
    shown = list(islice(places, PLACES_SHOWN))
    if table == CELL:
        words = [f"{place['table_name']} line {place['line']} column {place['column_name']}" for place in shown]
    else:
        words = [str(place) for place in shown]
    more = f" and {len(places) - len(shown)} more" if len(places) > len(shown) else ""
    kind = "" if table == CELL else f"{table}, line{'s' if len(places) > 1 else ''} "
    return f"{kind}{', '.join(words)}{more}"
