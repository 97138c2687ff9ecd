"""Logistic regression of response on what was known at the first dose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.figure import figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import interval_header, p_column, text_column
from blinreg.analyses.plans.methods.terms import in_plan_order, in_words, references
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Missing, Task, complete
from blinreg.analyses.wording import p_value, ratio_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticOptions(Options):
    """Options of a logistic model.

    Attributes
    ----------
    outcome : str
        0/1 variable that is explained.
    covariates : tuple of str
        Variables known at the first dose.
    reference : mapping of str to str
        Reference level by covariate.
    missing : {"refuse", "complete_case"}
    conf_level : float
    """

    # The outcome is what the analysis is about, not something it uses early: no `use`.
    outcome: str = option(Role.VARIABLE, default="is_responder")
    covariates: tuple[str, ...] = option(Role.VARIABLE, use="adjusts by")
    reference: Mapping[str, str] | None = option(Role.VARIABLE, default=None)
    missing: Missing = "refuse"
    conf_level: float = option(default=0.95, minimum=0.5, maximum=0.999)


def _run(options: LogisticOptions, task: Task) -> Outcome:
    from blinreg.analyses import logistic
    from blinreg.analyses.logistic import INTERCEPT
    from blinreg.analyses.plotting.forest import forest_plot

    names = [options.outcome, *options.covariates]
    data = task.patients(names, words=False)
    frame = complete(data.frame, names, options.missing, data.attrition, label=task.plan.label)
    reference = references(frame, options.covariates, task.plan, options.reference or {})
    fit = logistic(frame, options.outcome, options.covariates, reference=reference, conf_level=options.conf_level)
    terms = fit.table.filter(pl.col("term") != INTERCEPT)
    table = in_plan_order(in_words(terms, task.plan, fit.reference), task.plan).with_columns(
        pl.lit(fit.n_rows).alias("n_patients"), pl.lit(fit.n_events).alias("n_responders")
    )
    axes = forest_plot(
        table,
        estimate="odds_ratio",
        labels=for_figure(dict(table.select("term", "label").iter_rows())),
        conf_level=options.conf_level,
        note=task.mark,
    )
    return Outcome(
        tables=(
            ResultTable(
                title="Odds ratios",
                frame=table,
                shown=(
                    text_column("Term", "label"),
                    Shown(
                        header=interval_header("OR", options.conf_level),
                        kind=Kind.RATIO_INTERVAL,
                        columns=("odds_ratio", "lower", "upper"),
                    ),
                    p_column(),
                ),
                note="OR above 1: response is more likely.",
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description="Forest plot of odds ratios for response",
                figure=figure_of(axes),
            ),
        ),
        conventions={"interval": f"Wald, {100 * options.conf_level:g}%", "patients": fit.n_rows},
    )


def _summarise(options: LogisticOptions, tables: Tables) -> str:
    table = tables[""]
    clear = table.filter(pl.col("p_value") < 1 - options.conf_level)
    counts = f"{table['n_responders'][0]} responders among {table['n_patients'][0]} patients"
    if not clear.height:
        return f"No term stands out at this level of confidence; {counts}."
    parts = [
        f"{row['label']} OR {ratio_interval(row['odds_ratio'], row['lower'], row['upper'])}, "
        f"{p_value(row['p_value'], sign=True)}"
        for row in clear.iter_rows(named=True)
    ]
    return f"{'; '.join(parts)}; {counts}."


LOGISTIC = Method(name="logistic", options=LogisticOptions, clock=Clock.INDEX, run=_run, summarise=_summarise)
