"""Numbers as a clinical journal prints them."""

from __future__ import annotations

from collections.abc import Callable
from math import isinf, isnan

DAYS_PER_MONTH = 30.4375
NOT_REACHED = "NR"
NOT_AVAILABLE = "–"


def p_value(value: float | None, *, sign: bool = False) -> str:
    """Format a P value: two digits, three below .01 or where two would say .05, no leading zero.

    Parameters
    ----------
    value : float or None
        None where no test was possible.
    sign : bool
        Write ``P = .03`` instead of ``.03``.

    Notes
    -----
    AMA Manual of Style, 11th edition, 19.5: P below .001 and above .99 as such.

    Examples
    --------
    >>> [p_value(value) for value in (0.0301, 0.0042, 0.0499, 0.00001, 0.998)]
    ['.03', '.004', '.0499', '<.001', '>.99']
    >>> p_value(0.0301, sign=True), p_value(0.00001, sign=True)
    ('P = .03', 'P < .001')
    """
    if value is None or isnan(value):
        return NOT_AVAILABLE
    relation, text = "=", ""
    if value < 0.001:
        relation, text = "<", ".001"
    elif value > 0.99:
        relation, text = ">", ".99"
    else:
        text = _p_digits(value)
    if sign:
        return f"P {relation} {text}"
    return text if relation == "=" else relation + text


def _p_digits(value: float) -> str:
    """Use the fewest digits, two or more, that do not move the value across .05 or onto it."""
    digits = 3 if value < 0.01 else 2
    while digits < 4 and (round(value, digits) >= 0.05) != (value >= 0.05):
        digits += 1
    return f"{value:.{digits}f}".removeprefix("0")


def ratio(value: float | None) -> str:
    """Format a hazard or odds ratio with two decimals, more only where two would say 0.00.

    Examples
    --------
    >>> ratio(0.5412), ratio(12.346), ratio(0.0023), ratio(float("inf")), ratio(None)
    ('0.54', '12.35', '0.002', '∞', '–')
    """
    if value is None or isnan(value):
        return NOT_AVAILABLE
    if isinf(value):
        return "∞"
    return f"{value:.1g}" if 0 < value < 0.005 else f"{value:.2f}"


def ratio_interval(value: float | None, lower: float | None, upper: float | None) -> str:
    """Format a ratio with its limits.

    Examples
    --------
    >>> ratio_interval(0.54, 0.301, 0.97)
    '0.54 (0.30–0.97)'
    """
    if value is None:
        return NOT_AVAILABLE
    return f"{ratio(value)} ({ratio(lower)}–{ratio(upper)})"


def percent(share: float | None) -> str:
    """Format a share from 0 to 1 as a percentage with one decimal, without the sign.

    Examples
    --------
    >>> percent(149 / 227), percent(None)
    ('65.6', '–')
    """
    return NOT_AVAILABLE if share is None or isnan(share) else f"{100 * share:.1f}"


def count_of(count: int | None, denominator: int | None) -> str:
    """Format a count with its percentage.

    Examples
    --------
    >>> count_of(149, 227), count_of(0, 0), count_of(None, 10)
    ('149 (65.6)', '0 (–)', '–')
    """
    if count is None:
        return NOT_AVAILABLE
    return f"{count:d} ({percent(count / denominator if denominator else None)})"


def share_interval(share: float | None, lower: float | None, upper: float | None) -> str:
    """Format a share with its limits, in percent.

    Examples
    --------
    >>> share_interval(0.656, 0.591, 0.718), share_interval(1.0, None, None)
    ('65.6 (59.1–71.8)', '100.0')
    """
    if share is None:
        return NOT_AVAILABLE
    if lower is None and upper is None:
        return percent(share)
    return f"{percent(share)} ({percent(lower)}–{percent(upper)})"


def months(days: float | None) -> str:
    """Format days as months with one decimal; a time never reached is NR.

    Examples
    --------
    >>> months(386.6), months(None)
    ('12.7', 'NR')
    """
    return NOT_REACHED if days is None or isnan(days) else f"{days / DAYS_PER_MONTH:.1f}"


def time_point(days: float) -> str:
    """Name a time chosen beforehand: whole or half months as such, others by their day.

    Examples
    --------
    >>> time_point(12 * DAYS_PER_MONTH), time_point(1.5 * DAYS_PER_MONTH), time_point(100)
    ('12 months', '1.5 months', 'day 100')
    >>> time_point(DAYS_PER_MONTH)
    '1 month'
    """
    halves = 2 * days / DAYS_PER_MONTH
    if abs(halves - round(halves)) > 1e-9:
        return f"day {days:g}"
    return "1 month" if round(halves) == 2 else f"{round(halves) / 2:g} months"


def months_interval(days: float | None, lower: float | None, upper: float | None) -> str:
    """Format a median time with its limits, in months.

    Examples
    --------
    >>> months_interval(386.6, 280.0, None), months_interval(None, None, None)
    ('12.7 (9.2–NR)', 'NR')
    """
    if days is None and lower is None and upper is None:
        return NOT_REACHED
    return f"{months(days)} ({months(lower)}–{months(upper)})"


def difference_interval(
    value: float | None, lower: float | None, upper: float | None, *, write: Callable[[float], str] = months
) -> str:
    """Format a difference with its limits; a dash between them could be read as a minus.

    Examples
    --------
    >>> difference_interval(30.4375, -60.875, 121.75)
    '1.0 (−2.0 to 4.0)'
    >>> difference_interval(-0.05, None, None, write=percent), difference_interval(None, None, None)
    ('−5.0', '–')
    """
    if value is None:
        return NOT_AVAILABLE
    found, *limits = [write(one).replace("-", "−") for one in (value, lower, upper) if one is not None]
    return f"{found} ({limits[0]} to {limits[1]})" if len(limits) == 2 else found


def number(value: float | None) -> str:
    """Format a measured number: whole numbers as they are, others with up to two decimals.

    Examples
    --------
    >>> number(48.0), number(4.25), number(4.2), number(None)
    ('48', '4.25', '4.2', '–')
    """
    if value is None or isnan(value):
        return NOT_AVAILABLE
    return f"{value:.2f}".rstrip("0").rstrip(".")


def median_range(median: float | None, minimum: float | None, maximum: float | None) -> str:
    """Format a median with its range.

    Examples
    --------
    >>> median_range(48.0, 18.0, 85.0)
    '48 (18–85)'
    """
    if median is None:
        return NOT_AVAILABLE
    return f"{number(median)} ({number(minimum)}–{number(maximum)})"
