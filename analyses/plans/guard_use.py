"""What the guard finds: a variable used before it is known, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

#: How a population uses the variable of a condition.
SELECTS = "selects by"
#: How an analysis uses the days before registration.
COUNTS_TIME_BEFORE = "counts time before"
REGISTRATION = "registration"

IMMORTAL = "immortal time"
FUTURE = "selection on the future (immortal time)"
#: Of a share, which counts nobody's days.
SELECTED_LATER = "selection on the future"
LOOKS_AHEAD = "a look into the future"
TRUNCATED = "immortal time until registration (left truncation)"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyUse:
    """A variable that an analysis uses before it is known.

    Attributes
    ----------
    variable : str
        Exposures by their own name (``allo_hct`` for ``ever_allo_hct``).
    how : str
        "groups by", "adjusts by", "stratifies by", "selects by", "counts time before".
    n_patients : int
        Patients compared.
    n_after : int
        Of them, those in whom the value became known after the clock started; of a selection, the selected.
    n_never : int
        For ever/never groups and covariates: of `n_after`, the never exposed, known as such only at last contact.
    median_days : float
        Median delay, among the exposed for ever/never variables.
    longest_days : float
        Longest delay of the same patients.
    is_exposure : bool
        Whether a time-dependent form exists.
    n_undated : int
        Patients with a value that has no date of becoming known.
    condition : str
        Of a selection: what was asked for, in words.
    bias : str
        Name of the mistake.
    landmark : float
        Day from the origin on which the clock starts.
    is_never : bool
        Of a selection: whether it asks for those whom an exposure never reached.
    """

    variable: str
    how: str
    n_patients: int
    n_after: int
    n_never: int
    median_days: float
    is_exposure: bool
    longest_days: float = 0.0
    n_undated: int = 0
    condition: str = ""
    bias: str = IMMORTAL
    landmark: float = 0.0
    is_never: bool = False

    @property
    def sentence(self) -> str:
        """What is wrong, with the numbers."""
        if self.how == COUNTS_TIME_BEFORE:
            return (
                f"{self.n_after} of {self.n_patients} patients were registered {self.median_days:g} days (median) "
                f"after the origin, and nobody is registered who died or was lost before: {self.bias}"
            )
        start = f"the landmark of day {self.landmark:g}" if self.landmark else "the origin"
        n_dated = self.n_after - self.n_never - self.n_undated
        parts = []
        if n_dated:
            parts.append(
                f"becomes known {self.median_days:g} days (median) after {start} in {n_dated} {_patients(n_dated)}"
            )
        if self.n_never:
            parts.append(f"is known to be 'never' only at last contact in {self.n_never}")
        if self.n_undated:
            parts.append(f"has no date of becoming known in {self.n_undated}")
        subject = f"'{self.condition}'" if self.condition else self.variable
        return f"{subject} {' and '.join(parts)}: {self.bias}"


def _patients(n: int) -> str:
    return "patient" if n == 1 else "patients"


def median_of(days: pl.Series) -> float:
    """Median of the days that are known; 0 without any.

    Examples
    --------
    >>> median_of(pl.Series([20, 30, None]))
    25.0
    """
    found = days.median()
    return float(found) if isinstance(found, int | float) else 0.0


def longest_of(days: pl.Series) -> float:
    """Most of the days that are known; 0 without any.

    Examples
    --------
    >>> longest_of(pl.Series([20, 30, None]))
    30.0
    """
    found = days.max()
    return float(found) if isinstance(found, int | float) else 0.0
