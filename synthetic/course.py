"""The course of a patient from the first dose on: the disease, what was given, how long it was observed."""

from __future__ import annotations

from dataclasses import dataclass

from blinreg.synthetic.baseline import Baseline
from blinreg.synthetic.disease import Path, Response
from blinreg.synthetic.observation import Observation
from blinreg.synthetic.treatment import Cycle, Schedule, Severe


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Everything that decides about what is recorded. Days are counted from the first dose.

    ``path`` goes on beyond the end of observation; what is recorded does not.
    """

    baseline: Baseline
    response: Response
    path: Path
    schedule: Schedule
    severe: Severe | None
    dosing: str
    cycles: tuple[Cycle, ...]
    observation: Observation
