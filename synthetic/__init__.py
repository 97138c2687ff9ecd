"""Synthetic cohorts from published aggregates alone, written as the submissions of hospitals.

The patients do not exist. Every file says so. There is one way to write records (``records``) and there are two ways
to make the courses that they tell of: ``calibrated``, 239 patients whose statistics are the printed ones, and
``model``, any number of patients drawn from a multi-state model.
"""

from __future__ import annotations

from blinreg.synthetic.calibrated import DEFAULT_PROFILE, PROFILES
from blinreg.synthetic.generation import SyntheticCohort, cohort_tables, generate
from blinreg.synthetic.studies import STUDIES, load_study

__all__ = ["DEFAULT_PROFILE", "PROFILES", "STUDIES", "SyntheticCohort", "cohort_tables", "generate", "load_study"]
