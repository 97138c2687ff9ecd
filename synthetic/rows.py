"""Rows of submitted tables and the dates in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

#: A row of a submitted table by column; columns that are not named are empty.
Row = Mapping[str, str | int | float | None]

_LENGTH = {"day": 10, "month": 7, "year": 4}


@dataclass(frozen=True, slots=True)
class Calendar:
    """Turns days from the first dose into dates, up to the last day of observation.

    Examples
    --------
    >>> calendar = Calendar(dt.date(2016, 2, 27), 100)
    >>> calendar.date(2), calendar.date(-27, "month"), calendar.date_if_seen(101)
    ('2016-02-29', '2016-01', None)
    """

    index_date: dt.date
    end_day: int

    def day(self, day: int) -> dt.date:
        """Calendar day of a day from the first dose."""
        return self.index_date + dt.timedelta(days=day)

    def date(self, day: int, precision: str = "day") -> str:
        """Write a date in ISO 8601, to the ``day``, ``month`` or ``year``."""
        return self.day(day).isoformat()[: _LENGTH[precision]]

    def date_if_seen(self, day: int | None) -> str | None:
        """Write a date, or nothing if it did not happen while the patient was observed."""
        return None if day is None or day > self.end_day else self.date(day)


def yes_no(is_so: bool) -> str:
    """Write a fact as the code ``yes`` or ``no``."""
    return "yes" if is_so else "no"
