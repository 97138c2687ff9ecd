"""The flow of patients: first dose, response, transplant, relapse, and how they were last seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from blinreg.analyses.plans.figure import figure_of
from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import integer_column, text_column
from blinreg.analyses.plans.outcome import Outcome, ResultFigure, ResultTable
from blinreg.analyses.plans.state_rows import COURSES_SQL, DEATH, FOLLOWS, RELAPSE, RESPONSE, TRANSPLANT, courses
from blinreg.analyses.plans.task import Task

#: Stages from left to right: the state that is asked for, words for yes and for no.
STAGES = (
    (RESPONSE, "Response", "No response"),
    (TRANSPLANT, "Transplant", "No transplant"),
    (RELAPSE, "Relapse or progression", "No relapse seen"),
    (DEATH, "Dead", "Alive at last contact"),
)
START = "First dose"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientFlowOptions(Options):
    """The flow of patients is told its population only."""


def _run(_options: PatientFlowOptions, task: Task) -> Outcome:
    from blinreg.analyses.plotting.flow import plot_flow
    from blinreg.analyses.plotting.style import OKABE_ITO

    found = courses(task)
    paths = _paths(found.ends.select("patient_id"), found.entries)
    flows = _flows(paths)
    # Blue, green and orange for what comes on the way, black for death.
    colours = {yes: OKABE_ITO[number] for (_, yes, _), number in zip(STAGES, (0, 2, 1, 6), strict=True)}
    stages = [[START], *([yes, no] for _, yes, no in STAGES)]
    axes = plot_flow(flows, stages=stages, colours=colours, note=task.mark)
    return Outcome(
        tables=(
            ResultTable(
                title="Paths of the patients",
                frame=paths,
                shown=(
                    *(text_column(f"{number}", f"stage_{number}") for number in range(1, len(STAGES) + 1)),
                    integer_column("Patients", "n"),
                ),
                note="A transplant after relapse is not counted. No relapse seen, alive: until the last contact.",
            ),
            ResultTable(part="flows", title="Patients from stage to stage", frame=flows),
            ResultTable(part="attrition", title="Patients in this analysis", frame=found.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description="Bands from the first dose to response, transplant, relapse and last contact, as wide as "
                "the number of patients",
                figure=figure_of(axes),
            ),
        ),
    )


def _paths(patients: pl.DataFrame, entries: pl.DataFrame) -> pl.DataFrame:
    """Count the combinations of stages: ``stage_1 .. stage_4, n``, yes before no."""
    staged = patients
    for number, (state, yes, no) in enumerate(STAGES, start=1):
        there = pl.col("patient_id").is_in(entries.filter(pl.col("state") == state)["patient_id"].to_list())
        words = pl.when(there).then(pl.lit(yes)).otherwise(pl.lit(no)).cast(pl.Enum([yes, no]))
        staged = staged.with_columns(words.alias(f"stage_{number}"))
    names = [f"stage_{number}" for number in range(1, len(STAGES) + 1)]
    counted = staged.group_by(names).agg(pl.len().cast(pl.Int64).alias("n")).sort(names)
    return counted.with_columns(pl.col(names).cast(pl.String))


def _flows(paths: pl.DataFrame) -> pl.DataFrame:
    """Count from stage to stage: ``stage, source, target, n``."""
    whole = paths.with_columns(pl.lit(START).alias("stage_0"))
    parts = []
    for before, after in pairwise(range(len(STAGES) + 1)):
        counted = (
            whole.group_by(f"stage_{before}", f"stage_{after}", maintain_order=True)
            .agg(pl.col("n").sum())
            .rename({f"stage_{before}": "source", f"stage_{after}": "target"})
        )
        parts.append(counted.select(pl.lit(after).alias("stage"), "source", "target", "n"))
    return pl.concat(parts)


def _summarise(_options: PatientFlowOptions, tables: Tables) -> str:
    flows = tables["flows"]
    n = {target: flows.filter(pl.col("target") == target)["n"].sum() for target in ("Response", "Transplant", "Dead")}
    relapsed = flows.filter((pl.col("source") == "Transplant") & (pl.col("target") == STAGES[2][1]))["n"].sum()
    everybody = flows.filter(pl.col("source") == START)["n"].sum()
    return (
        f"Of {everybody} patients {n['Response']} responded and {n['Transplant']} were transplanted, of whom "
        f"{relapsed} relapsed; {n['Dead']} of all died."
    )


def _rows_sql(_options: Options) -> str:
    return COURSES_SQL


PATIENT_FLOW = Method(
    name="patient_flow",
    options=PatientFlowOptions,
    clock=Clock.NONE,
    run=_run,
    summarise=_summarise,
    follows=FOLLOWS,
    rows_sql=_rows_sql,
)
