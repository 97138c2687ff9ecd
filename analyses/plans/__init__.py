"""Batch jobs declared in TOML: parsed, guarded against immortal time, carried out to files.

A plan never sees a database: it is given the views of the ``analysis`` schema.
"""

from __future__ import annotations

from blinreg.analyses.plans.load import load_plan, shipped_plans
from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.provenance import InputSubmission, Provenance
from blinreg.analyses.plans.result import AnalysisResult, RunResult
from blinreg.analyses.plans.run import run_plan

__all__ = [
    "AnalysisResult",
    "InputSubmission",
    "Plan",
    "Provenance",
    "RunResult",
    "load_plan",
    "run_plan",
    "shipped_plans",
]
