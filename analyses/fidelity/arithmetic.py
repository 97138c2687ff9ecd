"""Contradictions between printed numbers that can be computed from the numbers alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import isfinite

from blinreg.analyses.fidelity.agreement import distance
from blinreg.analyses.fidelity.target import Target

_Z = 1.959963984540054
_EDGE = 1e-9


def same_thing_printed_twice(target: Target, hits: Iterable[Target]) -> str:
    """Say that the cohort has another number printed for the same thing, if so.

    Returns
    -------
    str
        Empty where the two are not in contradiction.
    """
    if target.number is None:
        return ""
    for other in hits:
        if other.quantity == target.quantity and other.number is not None:
            apart = abs(other.number - target.number) - (other.half_unit + target.half_unit)
            if apart > _EDGE:
                return f"the same is printed as {other.printed} ({other.source}), which this cohort has"
    return ""


def percentage_of_printed_counts(target: Target) -> str:
    """Say that a printed percentage is not that of the counts printed with it, if so.

    Examples
    --------
    >>> fields = dict.fromkeys(Target.__slots__, "") | {"measure": "share", "printed": "47", "half_unit": 0.5}
    >>> percentage_of_printed_counts(Target(**fields | {"printed_count": 109, "printed_of": 227}))
    '109 of 227 are 48.02%, not 47%'
    """
    if target.measure != "share" or not target.printed_of or target.printed_count is None:
        return ""
    value = 100 * target.printed_count / target.printed_of
    if distance(target, value) <= _EDGE:
        return ""
    return f"{target.printed_count} of {target.printed_of} are {value:.2f}%, not {target.printed}%"


def p_value_of_printed_interval(target: Target, targets: Sequence[Target]) -> str:
    """Say that no Wald P value of the ratio and limits printed with it rounds to a printed P value, if so."""
    if target.measure not in {"cox", "logistic"} or not target.statistic.endswith(" p") or target.number is None:
        return ""
    term = target.statistic.removesuffix(" p")
    of_term = {other.statistic.split()[1]: other for other in targets if _is_of(other, target.of, term)}
    if not {"ratio", "lower", "upper"} <= of_term.keys():
        return ""
    low, high = wald_p_range(of_term)
    if target.number + target.half_unit >= low - _EDGE and target.number - target.half_unit <= high + _EDGE:
        return ""
    return (
        f"a ratio and limits that round to {of_term['ratio'].printed} ({of_term['lower'].printed} to "
        f"{of_term['upper'].printed}) have a Wald P value between {low:.2g} and {high:.2g}"
    )


def _is_of(other: Target, model: str, term: str) -> bool:
    return other.of == model and other.statistic.startswith(f"{term} ") and other.number is not None


def wald_p_range(printed: Mapping[str, Target]) -> tuple[float, float]:
    """Smallest and largest P value of a ratio and 95% limits that round to those printed.

    With b the logarithm of the ratio and h half the width of the interval on that scale, the rounding windows of the
    ratio, b - h and b + h are a polygon in (b, h), and P depends on b / h alone: its extremes are at corners.

    Parameters
    ----------
    printed : mapping
        Targets ``ratio, lower, upper``.

    Returns
    -------
    tuple of float
        Not a number where nothing rounds to all three.
    """
    bounds = []
    for name, slope in (("ratio", 0.0), ("lower", -1.0), ("upper", 1.0)):
        target = printed[name]
        value = float(target.printed)
        window = math.log(value - target.half_unit), math.log(value + target.half_unit)
        bounds += [(slope, window[0], window), (slope, window[1], window)]
    ratios = []
    for (slope, edge, _), (other_slope, other_edge, _) in combinations(bounds, 2):
        if slope == other_slope:
            continue
        h = (edge - other_edge) / (slope - other_slope)
        b = edge - slope * h
        if h > 0 and all(low - 1e-12 <= b + s * h <= high + 1e-12 for s, _, (low, high) in bounds):
            ratios.append(abs(b) / h)
    p_values = [math.erfc(ratio * _Z / math.sqrt(2)) for ratio in ratios if isfinite(ratio)]
    return (min(p_values), max(p_values)) if p_values else (math.nan, math.nan)
