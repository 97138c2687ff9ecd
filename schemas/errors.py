"""Errors named by who must act; each knows the exit code of the command line.

An error says what is wrong, where, how many, and what to do next. It never
carries patient data: positions (file, line, column, row numbers) and counts only.
"""

from __future__ import annotations

import os
import traceback
from pathlib import PurePath
from typing import ClassVar


class BlinregError(Exception):
    """Base of every error blinreg raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, with where and how many, in one sentence.
    next_step : str, optional
        What the reader can do now.

    Examples
    --------
    >>> str(UsageError("no study is called 'realworld'", next_step="try realworld-2020"))
    "no study is called 'realworld'; try realworld-2020"
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, next_step: str = "") -> None:
        self.what = what
        self.next_step = next_step
        super().__init__(f"{what}; {next_step}" if next_step else what)


class UsageError(BlinregError):
    """The command, option, plan or argument is wrong; its author must act."""

    exit_code = 2


class SubmissionRejected(BlinregError):
    """A submission was refused whole; the site must act. Nothing of it was stored as current."""

    exit_code = 4


class RegistryLocked(BlinregError):
    """Another process holds the registry; wait or stop that process."""

    exit_code = 5


class RegistryDamaged(BlinregError):
    """The registry's file and its journal disagree; its keeper must restore."""

    exit_code = 5


class AnalysisError(BlinregError):
    """An analysis could not be carried out on the data it was given."""

    exit_code = 6


class InputError(AnalysisError, ValueError):
    """Rows or arguments handed to an analysis break its contract.

    Also a ``ValueError``, because the estimators are called from notebooks.
    """


class GuardRefusal(UsageError):
    """A plan uses something known only after its origin (immortal time)."""


def bug(error: Exception) -> BlinregError:
    """Turn an error that nobody raised on purpose into one of ours; an exception's text may quote a value.

    ``BLINREG_TRACEBACK=1`` prints the trace too.

    Parameters
    ----------
    error : Exception
        As caught.

    Returns
    -------
    BlinregError
        Its kind and where it broke, and nothing that could be patient data.
    """
    if os.environ.get("BLINREG_TRACEBACK") == "1":
        traceback.print_exception(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{frame.name}, line {frame.lineno} of {PurePath(frame.filename).name}"
    return BlinregError(
        f"a bug of blinreg: {type(error).__name__} in {where}",
        next_step="report this line; BLINREG_TRACEBACK=1 shows the trace, which may quote data",
    )


#: Known names that an error lists where none is close to the wrong one.
_KNOWN_TOLD = 12


def nearest(name: str, candidates: list[str], *, limit: int = 3) -> str:
    """Name the closest known names, for an error about an unknown one; where none is close, what is known.

    Examples
    --------
    >>> nearest("alo_hct", ["allo_hct", "age_years", "ph_status"])
    'did you mean allo_hct?'
    >>> nearest("surname", ["allo_hct", "ph_status"])
    'known are allo_hct, ph_status'
    """
    from difflib import get_close_matches

    if not candidates:
        return "nothing is known here"
    close = get_close_matches(name, candidates, n=limit, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    more = f" and {len(candidates) - _KNOWN_TOLD} more" if len(candidates) > _KNOWN_TOLD else ""
    return f"known are {', '.join(sorted(candidates)[:_KNOWN_TOLD])}{more}"
