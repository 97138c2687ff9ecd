"""When an achieved number is the printed one."""

from __future__ import annotations

from typing import Literal

from blinreg.analyses.fidelity.measure import Achieved
from blinreg.analyses.fidelity.target import NOT_REACHED, NOT_SIGNIFICANT, Target

Tolerance = Literal["printed", "population"]

#: Slack for numbers that stand exactly on the edge of the rounding window.
_EDGE = 1e-9
#: What a large population may differ by: a median by 5%, a percentage by 2 points.
MEDIAN_SHARE, PERCENT_POINTS = 0.05, 2.0


def agrees(target: Target, achieved: Achieved, tolerance: Tolerance) -> bool | None:
    """Say whether a cohort has the printed number.

    Parameters
    ----------
    target : Target
        The printed number.
    achieved : Achieved
        What the cohort has.
    tolerance : {"printed", "population"}
        Rounded as printed: counts exactly, other numbers within half a unit of the last printed digit (cutting digits
        off is not rounding). Or as a sample from a large population: counts as percentages of what they were printed
        of, percentages within 2 points, medians within 5%.

    Returns
    -------
    bool or None
        None where a population is not held to it: ranges, limits, ratios, P values.
    """
    if achieved.problem:
        return False
    return _as_printed(target, achieved) if tolerance == "printed" else _in_population(target, achieved)


def _as_printed(target: Target, achieved: Achieved) -> bool:
    if target.printed == NOT_REACHED:
        return achieved.value is None
    if achieved.value is None:
        return False
    if target.printed == NOT_SIGNIFICANT:
        return achieved.value > 0.05
    return distance(target, achieved.value) <= _EDGE


def distance(target: Target, value: float) -> float:
    """How far a value is outside the window of the printed number; 0 or less within."""
    return abs(value - float(target.printed)) - target.half_unit


def percent(target: Target, achieved: Achieved) -> tuple[float, float] | None:
    """Printed and achieved percentage of a count, a share or a survival; None for what is none."""
    if target.measure in {"count", "share"} and target.printed_of and target.printed_count is not None:
        return 100 * target.printed_count / target.printed_of, 100 * achieved.n / achieved.of
    if target.measure == "share" or target.statistic.startswith("at "):
        return (float(target.printed), achieved.value) if achieved.value is not None else None
    return None


def _in_population(target: Target, achieved: Achieved) -> bool | None:
    percents = percent(target, achieved)
    if percents is not None:
        return abs(percents[0] - percents[1]) <= PERCENT_POINTS + _EDGE
    if target.measure != "median" and target.statistic != "median":
        return None
    if target.printed == NOT_REACHED or achieved.value is None:
        return target.printed == NOT_REACHED and achieved.value is None
    printed = float(target.printed)
    return abs(achieved.value - printed) <= MEDIAN_SHARE * printed + _EDGE
