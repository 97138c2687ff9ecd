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
    survival curve by day behind a median, ``shares`` the shares above 95%, 100% and 105% of a printed median.
    """

    id: str
    kind: str
    printed: float
    measure: Callable[[Population], float]
    of: int = 0
    conflict: str = ""
    curve: Callable[[Population], Floats] | None = None
    shares: Callable[[Population], Floats] | None = None

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
        if self.kind == "not reached" and self.curve is not None:
            return min((_share_at(self.curve(population), _LONG_MONTHS) - 0.535) / 0.015, 0.0)
        shares = self.shares
        if shares is None and self.curve is not None:
            curve, at = self.curve(population), np.array([0.95, 1.0, 1.05]) * self.value
            before, there, after = (_share_at(curve, month) for month in at)
            if before > 0.5 > after:
                return (_crossing(curve) / self.value - 1) / 0.05
        elif shares is not None:
            before, there, after = shares(population)
        else:
            return self.miss(self.measure(population))
        # How far the curve is from one half where it should cross it, in the tolerance of the crossing.
        return (there - 0.5) / max((before - after) / 2, 0.003)


def _share_at(curve: Floats, months: float) -> float:
    """Survival at a time, joined by lines between days."""
    return float(np.interp(months * MONTH_DAYS, np.arange(len(curve)), curve))


def _crossing(curve: Floats) -> float:
    """Time in months at which a curve, joined by lines between days, falls to one half."""
    day = int(np.argmax(curve <= 0.5))
    return float(day - (0.5 - curve[day]) / (curve[day - 1] - curve[day])) / MONTH_DAYS


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
    identity: str,
    printed: float,
    values: Callable[[Population], Floats],
    group: Group,
    *,
    conflict: str = "",
    is_fine: bool = False,
) -> Target:
    """Make a target of the median of a value, missing values left out; ``is_fine`` where it has many values."""

    def found(p: Population) -> Floats:
        some = values(p)[group(p)]
        return np.sort(some[~np.isnan(some)])

    def measure(p: Population) -> float:
        return float(np.median(found(p)))

    def curve(p: Population) -> Floats:
        """Share above the printed median less 5%, at it (those equal count half), and above it plus 5%."""
        some, at = found(p), np.array([0.95, 1.0, 1.05]) * printed
        below = (np.searchsorted(some, at - 1e-9) + np.searchsorted(some, at + 1e-9)) / 2
        return 1 - below / len(some)

    return Target(
        id=identity,
        kind="median",
        printed=printed,
        measure=measure,
        conflict=conflict,
        shares=curve if is_fine else None,
    )


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
