"""Calibration: find the one cohort of 239 whose statistics are those the 2020 multicenter real-world study prints.

The counts are found by integer programming (``counts``), the days by annealing (``survival``), and the rest is assigned
(``assemble``). It takes minutes and needs the extra "calibration"; what it found is committed, and nothing else imports
this package.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from blinreg.schemas.errors import UsageError

if TYPE_CHECKING:
    from blinreg.synthetic.calibration.counts_statements import Profile
    from blinreg.synthetic.courses import Courses

STUDIES = ("realworld-2020",)
PROFILES = ("strict", "plausible")


def calibrate(study: str, profile: Profile, *, on_progress: Callable[[str], None] | None = None) -> Courses:
    """Find the cohort again; the result is the same every time.

    Parameters
    ----------
    study : str
        realworld-2020.
    profile : str
        strict keeps every printed number that another does not contradict; plausible gives up those that only a
        strange cohort can have (``counts_profiles.GIVEN_UP``).
    on_progress : callable, optional
        Is told in a line what has been reached.

    Returns
    -------
    Courses
        239 patients.

    Raises
    ------
    UsageError
        Unknown study or profile, or the solver is not installed.
    """
    if study not in STUDIES:
        raise UsageError(f"{study!r} cannot be calibrated; only {', '.join(STUDIES)} can")
    if profile not in PROFILES:
        raise UsageError(f"unknown profile {profile!r}; choose {' or '.join(PROFILES)}")
    if find_spec("ortools") is None:
        raise UsageError("calibration needs OR-tools: install it with  pip install 'blinreg[calibration]'")
    from blinreg.synthetic.calibration.assemble import complete
    from blinreg.synthetic.calibration.counts import skeleton
    from blinreg.synthetic.calibration.survival import fit_times

    tell = on_progress or (lambda _: None)
    tell(f"{profile}: counts")
    patients = skeleton(profile, on_progress=tell)
    tell(f"{profile}: event times")
    times = fit_times(patients, on_progress=tell)
    tell(f"{profile}: baseline, transplant and toxicity")
    return complete(times, profile)
