"""Who is analysed: populations applied step by step, every loss counted with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from blinreg.analyses.plans.conditions import holds, in_words
from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.values import patient_values
from blinreg.analyses.plans.views import ViewFrames

_SCHEMA = {
    "step_number": pl.Int64,
    "step": pl.String,
    "n_patients": pl.Int64,
    "n_excluded": pl.Int64,
    "reason": pl.String,
}


@dataclass(slots=True)
class Attrition:
    """Counts of patients from the cohort to the rows of one analysis."""

    steps: list[tuple[str, int, int, str]] = field(default_factory=list)

    def start(self, step: str, n_patients: int) -> None:
        """Begin with everybody."""
        self.steps.append((step, n_patients, 0, ""))

    def keep(self, step: str, n_patients: int, reason: str) -> None:
        """Record how many are left after a step, and why the others left."""
        before = self.steps[-1][1]
        self.steps.append((step, n_patients, before - n_patients, reason if before > n_patients else ""))

    @property
    def table(self) -> pl.DataFrame:
        """A row a step: ``step_number, step, n_patients, n_excluded, reason``."""
        rows = [(number, *step) for number, step in enumerate(self.steps, start=1)]
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def select(plan: Plan, population: str, views: ViewFrames, *, origin: str) -> tuple[pl.DataFrame, Attrition]:
    """Select the patients of a population.

    Parameters
    ----------
    plan : Plan
        With the populations.
    population : str
        Name of one of them, or ``cohort``.
    views : ViewFrames
        They hold the values that conditions are about.
    origin : str
        Origin from which exposures in conditions are counted.

    Returns
    -------
    polars.DataFrame
        ``patient_id``, in order.
    Attrition
        With a step for each population on the way.
    """
    chain = plan.lineage(population)
    names = [condition.variable for step in chain for condition in step.conditions]
    frame = patient_values(views, names, origin=origin)
    attrition = Attrition()
    attrition.start("First dose of blinatumomab", frame.height)
    for step in chain:
        for condition in step.conditions:
            frame = frame.filter(holds(condition))
        reason = "not " + " and ".join(f'"{in_words(condition, plan)}"' for condition in step.conditions)
        attrition.keep(step.title, frame.height, reason)
    return frame.select("patient_id"), attrition
