"""Arguments that several commands take."""

from __future__ import annotations

import argparse
from datetime import date


def day(text: str) -> date:
    """Read a day.

    Examples
    --------
    >>> day("2026-06-30")
    datetime.date(2026, 6, 30)
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-06-30") from None
