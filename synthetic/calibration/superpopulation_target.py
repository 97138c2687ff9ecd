"""What a published number is as a statistic of a population, and how far a population is from it.

Each target names the number as the paper prints it and says how a population is measured. Counts are compared as
percentages of their printed denominators. Where the paper contradicts itself, ``conflict`` names the
contradiction; such a target may miss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from blinreg.synthetic.calibration.superpopulation_measures import Population
from blinreg.synthetic.calibration.superpopulation_statistics import MONTH_DAYS
from blinreg.synthetic.streams import Flags, Floats

#: A median is safely not reached if more than half survive as long as enough patients are observed.
_LONG_MONTHS = 44
#: Weight of a hazard ratio: its logarithm over this counts as one tolerance.
_REGRESSION_TOLERANCE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A published number as a statistic of a population.

    ``kind``: ``percent`` (tolerance 2 points), ``median`` (5%), ``not reached``, ``regression`` (hazard ratios:
    guidance for the calibration without a tolerance). ``of`` is the printed denominator of a percentage made
    from a count. ``conflict`` names a contradiction of the paper that the number is part of. ``curve`` gives the
    survival curve by day behind a median.
    """

    id: str
    kind: str
    printed: float
    measure: Callable[[Population], float]
    of: int = 0
    conflict: str = ""
    curve: Callable[[Population], Floats] | None = None

    @property
    def value(self) -> float:
        """The number to be reached: percentages of counts are computed."""
        return 100 * self.printed / self.of if self.of else self.printed

    def miss(self, achieved: float) -> float:
        """Distance in units of the tolerance: at most 1 is within."""
        if self.kind == "not reached" or np.isinf(achieved):
            return 0.0 if np.isinf(achieved) and np.isinf(self.value) else float("inf")
        if self.kind == "percent":
            return (achieved - self.value) / 2
        return (achieved / self.value - 1) / 0.05

    def guide(self, population: Population) -> float:
        """Distance in units of the tolerance that moves steadily with the parameters, for an optimiser."""
        if self.kind == "regression":
            return float(np.log(self.measure(population) / self.value)) / _REGRESSION_TOLERANCE
        if self.curve is None:
            return self.miss(self.measure(population))
        curve = self.curve(population)
        if self.kind == "not reached":
            return min((_share_at(curve, _LONG_MONTHS) - 0.525) / 0.02, 0.0)
        # How far the curve is from one half where it should cross it, in the tolerance of the crossing.
        around = (_share_at(curve, 0.95 * self.value) - _share_at(curve, 1.05 * self.value)) / 2
        return (_share_at(curve, self.value) - 0.5) / max(around, 0.003)


def _share_at(curve: Floats, months: float) -> float:
    """Survival at a time, joined by lines between days."""
    return float(np.interp(months * MONTH_DAYS, np.arange(len(curve)), curve))


Group = Callable[[Population], Flags]


def count(identity: str, printed: float, of: int, *event_of_group: Group, conflict: str = "") -> Target:
    """Make a target of a printed count, measured as a percentage: of an event, and of the group it is counted in."""
    event, group = event_of_group

    def measure(p: Population) -> float:
        return p.share(event(p), group(p))

    return Target(id=identity, kind="percent", printed=printed, of=of, measure=measure, conflict=conflict)


def percent(identity: str, printed: float, event: Group, group: Group, conflict: str = "") -> Target:
    """Make a target of a percentage that is printed as such."""

    def measure(p: Population) -> float:
        return p.share(event(p), group(p))

    return Target(id=identity, kind="percent", printed=printed, measure=measure, conflict=conflict)


def median_of(
    identity: str, printed: float, values: Callable[[Population], Floats], group: Group, conflict: str = ""
) -> Target:
    """Make a target of the median of a value, missing values left out."""

    def measure(p: Population) -> float:
        found = values(p)[group(p)]
        return float(np.median(found[~np.isnan(found)]))

    return Target(id=identity, kind="median", printed=printed, measure=measure, conflict=conflict)


def column(name: str) -> Callable[[Population], Floats]:
    """Give the values of a column of the courses."""

    def values(p: Population) -> Floats:
        return np.asarray(p.courses.frame[name].cast(float).fill_null(np.nan).to_numpy(), dtype=np.float64)

    return values


def everybody(p: Population) -> Flags:
    """All patients."""
    return p.everybody


def relapsed(p: Population) -> Flags:
    """Relapsed or refractory disease."""
    return p.rr


def bare(p: Population) -> Flags:
    """Relapsed or refractory and never transplanted."""
    return p.rr & ~p.transplanted


def grafted(p: Population) -> Flags:
    """Relapsed or refractory and transplanted."""
    return p.rr & p.transplanted


def responded(p: Population) -> Flags:
    """Relapsed or refractory and in remission."""
    return p.rr & p.responder
