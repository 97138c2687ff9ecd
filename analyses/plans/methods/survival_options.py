"""Options and words that the survival methods share."""

from __future__ import annotations

from dataclasses import dataclass

from blinreg.analyses.plans.methods.base import Options
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Shown
from blinreg.analyses.plans.task import Missing
from blinreg.analyses.plans.vocabulary import endpoints
from blinreg.analyses.wording import DAYS_PER_MONTH


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions(Options):
    """Options of methods that follow patients to an endpoint.

    Attributes
    ----------
    endpoint : str
    conf_level : float
    missing : {"refuse", "complete_case"}
    """

    endpoint: str = option(Role.ENDPOINT)
    conf_level: float = option(default=0.95, minimum=0.5, maximum=0.999)
    missing: Missing = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalOptions(EndpointOptions):
    """Options of methods that can count follow-up from a later day.

    Attributes
    ----------
    landmark : float, optional
        Day from which follow-up counts; exposures used as groups are frozen on it.
    """

    landmark: float | None = option(default=None, minimum=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveOptions(SurvivalOptions):
    """Options of methods that draw curves.

    Attributes
    ----------
    times_months : tuple of float
        Times at which the curves are read off.
    days : tuple of float
        Further such times in days, as in "by day 100".
    until_months : float, optional
        End of the axis of the figure.
    """

    times_months: tuple[float, ...] = option(default=(12.0, 24.0), minimum=0)
    days: tuple[float, ...] = option(default=(), minimum=0)
    until_months: float | None = option(default=None, minimum=1)

    @property
    def times_days(self) -> list[float]:
        """The times in days, in order."""
        return sorted({*self.days, *(months * DAYS_PER_MONTH for months in self.times_months)})


def endpoint_words(endpoint: str) -> str:
    """Name an endpoint in words, without its events.

    Examples
    --------
    >>> endpoint_words("os")
    'overall survival from the first dose'
    """
    return endpoints()[endpoint].split(":")[0].split(";")[0]


def sentence_case(words: str) -> str:
    """Begin with a capital."""
    return words[:1].upper() + words[1:]


def interval_header(what: str, conf_level: float) -> str:
    """Head a column with an estimate and its interval.

    Examples
    --------
    >>> interval_header("HR", 0.95)
    'HR (95% CI)'
    """
    return f"{what} ({100 * conf_level:g}% CI)"


def text_column(header: str, column: str) -> Shown:
    """Show a text."""
    return Shown(header=header, kind=Kind.TEXT, columns=(column,))


def integer_column(header: str, column: str) -> Shown:
    """Show a whole number."""
    return Shown(header=header, kind=Kind.INTEGER, columns=(column,))


def count_column(header: str, column: str, *, of: str) -> Shown:
    """Show a count and the percentage it is of another column."""
    return Shown(header=header, kind=Kind.COUNT_OF, columns=(column, of))


def time_column() -> Shown:
    """Show the time at which a curve was read off."""
    return Shown(header="Time", kind=Kind.TIME_POINT, columns=("time",))


def p_column(*, once: bool = False) -> Shown:
    """Show a P value, in every row or one for the table."""
    return Shown(header="P", kind=Kind.P_VALUE, columns=("p_value",), once=once)
