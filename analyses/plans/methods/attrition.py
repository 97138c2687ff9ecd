"""From what the sites submitted to what is analysed, as the registry counts it."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import integer_column, sentence_case, text_column
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Outcome, ResultTable
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import spoken

#: Steps whose code does not read well with spaces for underscores.
_WORDS = {
    "relapsed_refractory": "Relapsed or refractory",
    "with_follow_up": "With follow-up",
    "responder_with_follow_up": "Responder with follow-up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AttritionOptions(Options):
    """The registry's attrition has no options; it is about everybody."""

    population: str = option(Role.POPULATION, default="cohort")


def _run(_options: AttritionOptions, task: Task) -> Outcome:
    return Outcome(
        tables=(
            ResultTable(
                title="Patients from submission to analysis",
                frame=_in_words(task.views["attrition"]),
                shown=(
                    text_column("Step", "label"),
                    text_column("What it keeps", "description"),
                    integer_column("Patients", "n_patients"),
                    integer_column("Excluded", "n_excluded"),
                ),
            ),
        ),
    )


def _in_words(steps: pl.DataFrame) -> pl.DataFrame:
    ordered = steps.sort("step_number")
    labels = [_WORDS.get(step) or sentence_case(spoken(step)) for step in ordered["step"]]
    return ordered.with_columns(pl.Series("label", labels, dtype=pl.String))


def _summarise(_options: AttritionOptions, tables: Tables) -> str:
    table = tables[""]
    if not table.height:
        return "The registry holds no attrition."
    return f"{table['n_patients'][0]} patients were submitted; {table['n_patients'][-1]} are left at the last step."


def _rows_sql(_options: AttritionOptions) -> str:
    return "select * from analysis.attrition"


ATTRITION = Method(
    name="attrition", options=AttritionOptions, clock=Clock.NONE, run=_run, summarise=_summarise, rows_sql=_rows_sql
)
