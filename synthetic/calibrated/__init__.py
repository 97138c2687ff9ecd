"""The calibrated cohort of 239: committed courses whose statistics are the published ones.

Found by ``blinreg calibrate``, kept as one CSV file a profile, a row a patient, so that a cohort is written at once
and without an optimiser. ``permute`` deals out by seed what the publication leaves free.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

import polars as pl

from blinreg.schemas.errors import UsageError, nearest
from blinreg.synthetic.calibrated.permute import permute
from blinreg.synthetic.courses import SCHEMA, Courses

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILES",
    "calibrated_name",
    "load_calibrated",
    "permute",
    "read_courses",
    "write_courses",
]

#: ``plausible`` leaves out the printed numbers that no cohort of real patients would have (a median age of 59 years
#: at transplant against 48 over all, say); ``strict`` has every printed number.
PROFILES = ("plausible", "strict")
DEFAULT_PROFILE: Final = "plausible"


def calibrated_name(study: str, profile: str) -> str:
    """Name of the file that holds the calibrated courses of a study.

    Examples
    --------
    >>> calibrated_name("realworld-2020", "strict")
    'realworld_2020_strict.csv'
    """
    return f"{study.replace('-', '_')}_{profile}.csv"


def load_calibrated(study: str, profile: str = DEFAULT_PROFILE) -> Courses:
    """Read the committed courses of a study.

    Parameters
    ----------
    study : str
        Name of the study, such as ``realworld-2020``.
    profile : {"plausible", "strict"}
        Which printed numbers are kept.

    Returns
    -------
    Courses
        One row a patient, days from the first dose.

    Raises
    ------
    UsageError
        If there is no such profile.

    Examples
    --------
    >>> len(load_calibrated("realworld-2020"))
    239
    """
    if profile not in PROFILES:
        raise UsageError(f"no profile is called {profile!r}", next_step=nearest(profile, list(PROFILES)))
    with resources.as_file(resources.files(__name__) / calibrated_name(study, profile)) as path:
        return read_courses(path)


def write_courses(courses: Courses, path: Path) -> None:
    """Write courses as CSV for people to read: a row a patient, days from the first dose, empty for null.

    The bytes depend on the courses only.
    """
    courses.frame.write_csv(path, line_terminator="\n")


def read_courses(path: Path) -> Courses:
    """Read what ``write_courses`` wrote.

    Raises
    ------
    polars.exceptions.InvalidOperationError
        If a value is not of its column's type, or is no code of it.
    """
    text = pl.read_csv(path, infer_schema=False)
    typed = [
        pl.col(name) == "true" if kind == pl.Boolean() else pl.col(name).cast(kind) for name, kind in SCHEMA.items()
    ]
    return Courses(text.select(typed))
