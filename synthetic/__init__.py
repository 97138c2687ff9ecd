"""Synthetic cohorts from published aggregates alone, written as the submissions of hospitals.

The patients do not exist. Every file says so.
"""

from __future__ import annotations

from blinreg.synthetic.generation import SyntheticCohort, generate
from blinreg.synthetic.parameters import STUDIES

__all__ = ["STUDIES", "SyntheticCohort", "generate"]
