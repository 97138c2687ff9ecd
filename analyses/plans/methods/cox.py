"""Cox regression, with exposures that change over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.cox import Ties
from blinreg.analyses.plans.figure import figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.proportionality import check
from blinreg.analyses.plans.methods.survival_options import (
    SurvivalOptions,
    endpoint_words,
    interval_header,
    p_column,
    text_column,
)
from blinreg.analyses.plans.methods.terms import in_plan_order, in_words, references
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import known_variables
from blinreg.analyses.wording import p_value, ratio_interval
from blinreg.schemas.errors import AnalysisError


@dataclass(frozen=True, slots=True, kw_only=True)
class CoxOptions(SurvivalOptions):
    """Options of a Cox model.

    Attributes
    ----------
    time_dependent : tuple of str
        Exposures that enter with their value at each time.
    covariates : tuple of str
        Variables known at the origin.
    strata : tuple of str
    reference : mapping of str to str
        Reference level by covariate.
    ties : {"efron", "breslow"}
    residuals : tuple of str
        Terms whose scaled Schoenfeld residuals are drawn; every term is tested.
    """

    time_dependent: tuple[str, ...] = option(Role.EXPOSURE, default=())
    covariates: tuple[str, ...] = option(Role.VARIABLE, default=(), use="adjusts by")
    strata: tuple[str, ...] = option(Role.VARIABLE, default=(), use="stratifies by")
    reference: Mapping[str, str] | None = option(Role.VARIABLE, default=None)
    ties: Ties = "efron"
    residuals: tuple[str, ...] = option(Role.VARIABLE, default=())


def _run(options: CoxOptions, task: Task) -> Outcome:
    from blinreg.analyses import cox
    from blinreg.analyses.plotting.forest import forest_plot

    covariates = [name for name in options.covariates if name not in options.time_dependent]
    if not covariates and not options.time_dependent:
        raise AnalysisError("a Cox model needs a term", next_step="name covariates or time_dependent exposures")
    data = task.follow_up(
        options.endpoint,
        fixed=[*covariates, *options.strata],
        time_dependent=options.time_dependent,
        landmark=options.landmark,
        missing=options.missing,
        words=False,
    )
    reference = references(data.frame, covariates, task.plan, options.reference or {})
    fit = cox(
        data.frame,
        [*options.time_dependent, *covariates],
        strata=options.strata,
        reference=reference,
        ties=options.ties,
        conf_level=options.conf_level,
    )
    table = in_plan_order(in_words(fit.table, task.plan, fit.reference), task.plan)
    table = table.with_columns(
        pl.col("variable").is_in(list(options.time_dependent)).alias("is_time_dependent"),
        pl.lit(fit.n_subjects).alias("n_patients"),
        pl.lit(fit.n_events).alias("n_events"),
    )
    proportionality = check(fit, task, residuals=options.residuals)
    axes = forest_plot(
        table,
        labels=for_figure(dict(table.select("term", "label").iter_rows())),
        conf_level=options.conf_level,
        note=task.mark,
    )
    return Outcome(
        tables=(
            ResultTable(
                title="Hazard ratios",
                frame=table,
                shown=(
                    text_column("Term", "label"),
                    Shown(
                        header=interval_header("HR", options.conf_level),
                        kind=Kind.RATIO_INTERVAL,
                        columns=("hazard_ratio", "lower", "upper"),
                    ),
                    p_column(),
                ),
                emphasis="is_time_dependent",
                note="HR below 1: fewer events. Time-dependent terms in bold." if options.time_dependent else "",
            ),
            *proportionality.tables,
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=f"Forest plot of hazard ratios for {endpoint_words(options.endpoint)}",
                figure=figure_of(axes),
            ),
            *proportionality.figures,
        ),
        conventions={
            "ties": fit.ties,
            "interval": f"Wald, {100 * options.conf_level:g}%",
            "patients": fit.n_subjects,
            "events": fit.n_events,
            "log likelihood": fit.log_likelihood.fitted,
        },
        notes=fit.notes,
    )


def _summarise(options: CoxOptions, tables: Tables) -> str:
    row = tables[""].row(0, named=True)
    effect = ratio_interval(row["hazard_ratio"], row["lower"], row["upper"])
    return (
        f"{row['label']}: hazard ratio ({100 * options.conf_level:g}% CI) {effect}, "
        f"{p_value(row['p_value'], sign=True)}, for {endpoint_words(options.endpoint)}; "
        f"{row['n_events']} events in {row['n_patients']} patients."
    )


def _exposures(table: pl.DataFrame) -> pl.DataFrame:
    """Narrow to the exposures, as a model with any is about them."""
    exposed = [name for name, known in known_variables().items() if known.exposure]
    exposures = table.filter(pl.col("variable").is_in(exposed))
    return exposures if exposures.height else table


COX = Method(name="cox", options=CoxOptions, clock=Clock.ENDPOINT, run=_run, summarise=_summarise, main_rows=_exposures)
