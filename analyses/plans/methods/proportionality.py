"""The check that goes with every Cox model: whether its hazard ratios change with time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from blinreg.analyses.plans.figure import figure_of
from blinreg.analyses.plans.methods.survival_options import integer_column, p_column, text_column
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.schemas.errors import AnalysisError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from blinreg.analyses.cox_regression.result import CoxResult
    from blinreg.analyses.proportional_hazards import ProportionalHazardsTest

PART = "proportionality"


def check(fit: CoxResult, task: Task, *, residuals: Sequence[str]) -> Outcome:
    """Test proportional hazards term by term, and draw the residuals of some terms.

    Parameters
    ----------
    fit : CoxResult
        The model; one of very many rows keeps none of them and is not tested.
    task : Task
        It has the words.
    residuals : sequence of str
        Terms to draw.

    Returns
    -------
    Outcome
        A table, unless the fit kept no rows or has one event time, and a figure a term drawn.

    Raises
    ------
    AnalysisError
        A term to draw is not in the model.
    """
    from blinreg.analyses.proportional_hazards import GLOBAL, proportional_hazards_test

    if fit.kept is None or fit.kept.process.stop[fit.kept.process.event != 0].size < 2:
        return Outcome(tables=())
    test = proportional_hazards_test(fit)
    unknown = [name for name in residuals if name not in test.flat]
    if unknown:
        raise AnalysisError(
            f"residuals of {unknown[0]} cannot be drawn: the model has no such term",
            next_step=f"name one of {', '.join(test.flat)}",
        )
    labels = ["All terms together" if term == GLOBAL else task.plan.label(term) for term in test.table["term"]]
    return Outcome(
        tables=(
            ResultTable(
                part=PART,
                title="Check of proportional hazards",
                frame=test.table.with_columns(pl.Series("label", labels, dtype=pl.String)),
                shown=(
                    text_column("Term", "label"),
                    Shown(header="χ²", kind=Kind.NUMBER, columns=("chi_squared",)),
                    integer_column("df", "df"),
                    p_column(),
                ),
                note=(
                    "Grambsch and Therneau, time on the Kaplan-Meier scale. A small P value: the hazard ratio changes "
                    "with time, and the one printed is an average over it."
                ),
            ),
        ),
        figures=tuple(
            ResultFigure(
                part=f"{PART}_{name}",
                title=f"Does the effect change with time? {task.plan.label(name)}",
                description="Scaled Schoenfeld residuals over time, their smooth with limits, and the fitted effect",
                figure=_residuals(test, name, task),
            )
            for name in residuals
        ),
    )


def _residuals(test: ProportionalHazardsTest, term: str, task: Task) -> Figure:
    axes = test.plot(term=term, note=task.mark)
    axes.set_ylabel(f"Log hazard ratio: {task.plan.label(term)}")
    return figure_of(axes)
