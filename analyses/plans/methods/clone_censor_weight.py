"""Clone, censor, weight: exposed by a day of grace or not, as if either could be told to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from blinreg.analyses.plans.figure import curve_axes, figure_of, for_figure
from blinreg.analyses.plans.methods.base import Clock, Method, Tables
from blinreg.analyses.plans.methods.kaplan_meier import labelled
from blinreg.analyses.plans.methods.survival_options import (
    EndpointOptions,
    endpoint_words,
    integer_column,
    interval_header,
    sentence_case,
    text_column,
)
from blinreg.analyses.plans.methods.terms import in_plan_order, in_words, references
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultFigure, ResultTable, Shown
from blinreg.analyses.plans.task import Task, endpoint_origin
from blinreg.analyses.wording import (
    DAYS_PER_MONTH,
    difference_interval,
    months,
    months_interval,
    percent,
    share_interval,
    time_point,
)

if TYPE_CHECKING:
    from blinreg.analyses.clone_censor_weight import CloneCensorWeight

_ASSUMES = (
    "A comparison of the strategies only if the covariates explain who is exposed when (exchangeability; what happens "
    "after the origin, such as a relapse, is not among them), if nobody is certain to be exposed or not to be "
    "(positivity), and if follow-up ends by chance."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneCensorWeightOptions(EndpointOptions):
    """Options of clone, censor, weight.

    Attributes
    ----------
    exposure : str
        What everybody has by the last day of grace, or nobody.
    grace_days : int
        Last day of grace, counted from the origin of the endpoint.
    step_days : int
        Days within which the odds of exposure stay the same; divides `grace_days`. Who is left before the last step
        is exposed in it.
    covariates : tuple of str
        Variables known at the origin that may explain both exposure and event.
    reference : mapping of str to str
        Reference level by covariate.
    strategy_labels : tuple of str
        Words for not being exposed in time, and for being so.
    times_months : tuple of float
        Times at which the curves are read off.
    tau_months : float
        End of the time that counts for the mean, from the origin.
    until_months : float, optional
        End of the axis of the figure.
    replicates : int
        Resamples of patients behind the intervals.
    seed : int
        Of the resamples.
    """

    exposure: str = option(Role.EXPOSURE, use="clones by")
    grace_days: int = option(minimum=1)
    step_days: int = option(minimum=1)
    covariates: tuple[str, ...] = option(Role.VARIABLE, default=(), use="adjusts by")
    reference: Mapping[str, str] | None = option(Role.VARIABLE, default=None)
    strategy_labels: tuple[str, ...] = option(default=("not exposed in time", "exposed in time"), length=2)
    times_months: tuple[float, ...] = option(default=(12.0, 24.0), minimum=0)
    tau_months: float = option(default=24.0, minimum=1)
    until_months: float | None = option(default=None, minimum=1)
    replicates: int = option(default=500, minimum=100, maximum=10_000)
    seed: int = option(default=1, minimum=0)

    @property
    def labels(self) -> Mapping[str, str]:
        """Words for the strategies."""
        return dict(zip(("not exposed", "exposed"), self.strategy_labels, strict=True))


def with_days(rows: pl.DataFrame, task: Task, options: CloneCensorWeightOptions) -> pl.DataFrame:
    """Add the day of exposure, counted from the origin of the endpoint; null where it never came.

    Parameters
    ----------
    rows : polars.DataFrame
        ``patient_id`` and others, one row a patient.
    task : Task
        It has the views.
    options : CloneCensorWeightOptions
        They name the exposure and the endpoint.
    """
    days = task.views.exposure(options.exposure, endpoint_origin(task.views, options.endpoint))
    return rows.join(days.select("patient_id", "exposure_days"), on="patient_id", how="left", maintain_order="left")


def _run(options: CloneCensorWeightOptions, task: Task) -> Outcome:
    from blinreg.analyses import clone_censor_weight

    data = task.follow_up(options.endpoint, fixed=options.covariates, missing=options.missing, words=False)
    found = clone_censor_weight(
        with_days(data.frame, task, options),
        options.covariates,
        grace=options.grace_days,
        step=options.step_days,
        times=[time * DAYS_PER_MONTH for time in options.times_months],
        tau=options.tau_months * DAYS_PER_MONTH,
        reference=references(data.frame, options.covariates, task.plan, options.reference or {}),
        conf_level=options.conf_level,
        replicates=options.replicates,
        seed=options.seed,
    )
    in_figure = for_figure(options.labels)
    what = sentence_case(endpoint_words(options.endpoint).split(" from ")[0])
    axes = found.plot(
        curve_axes(in_figure.values()),
        labels=in_figure,
        axis_unit="months",
        until=options.until_months,
        y_label=what,
        note=task.mark,
    )
    return Outcome(
        tables=(
            _comparison(found, options, what),
            _strategies(found, options),
            _steps(found),
            *([_model(found, task)] if options.covariates else []),
            ResultTable(part="curve", title="Every step", frame=labelled(found.curves, options.labels)),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        figures=(
            ResultFigure(
                title=task.entry.title,
                description=(
                    f"Weighted curves of {endpoint_words(options.endpoint)} under two strategies, "
                    f"'{options.strategy_labels[1]}' and '{options.strategy_labels[0]}', with the numbers of clones"
                ),
                figure=figure_of(axes),
            ),
        ),
        conventions={
            "days of grace": f"{found.grace}, in steps of {found.step}",
            "weights": "pooled logistic regression of exposure, changing daily",
            "interval": f"{found.interval_type} of patients, {100 * found.conf_level:g}%",
            "resamples": f"{found.n_used} of {found.replicates}",
            "seed": found.seed,
        },
        notes=(*found.notes, _ASSUMES),
    )


def _comparison(found: CloneCensorWeight, options: CloneCensorWeightOptions, what: str) -> ResultTable:
    words = pl.DataFrame([_in_words(row, what) for row in found.table.iter_rows(named=True)])
    not_exposed, exposed = options.strategy_labels
    return ResultTable(
        title="Under either strategy",
        frame=pl.concat([words.select("label"), found.table, words.drop("label")], how="horizontal"),
        shown=(
            text_column("", "label"),
            text_column(interval_header(sentence_case(exposed), options.conf_level), "exposed_text"),
            text_column(interval_header(sentence_case(not_exposed), options.conf_level), "not_exposed_text"),
            text_column(interval_header("Difference", options.conf_level), "difference_text"),
            Shown(
                header=interval_header("Ratio", options.conf_level),
                kind=Kind.RATIO_INTERVAL,
                columns=("ratio", "ratio_lower", "ratio_upper"),
            ),
        ),
        note="Ratio: of the risks of the event by the time, and of the means.",
    )


def _in_words(row: Mapping[str, Any], what: str) -> dict[str, str]:
    is_survival = row["measure"] == "survival"

    def limits(name: str) -> tuple[float | None, float | None, float | None]:
        return row[name], row[f"{name}_lower"], row[f"{name}_upper"]

    write = share_interval if is_survival else months_interval
    at = time_point(row["time"])
    return {
        "label": f"{what} at {at}, %" if is_survival else f"Mean months without the event until {at}",
        "exposed_text": write(*limits("exposed")),
        "not_exposed_text": write(*limits("not_exposed")),
        "difference_text": difference_interval(*limits("difference"), write=percent if is_survival else months),
    }


def _strategies(found: CloneCensorWeight, options: CloneCensorWeightOptions) -> ResultTable:
    return ResultTable(
        part="strategies",
        title="Clones and weights",
        frame=labelled(found.strategies, options.labels, column="strategy"),
        shown=(
            text_column("Strategy", "label"),
            integer_column("Clones", "n_clones"),
            integer_column("Left the strategy", "n_artificially_censored"),
            integer_column("Events in it", "n_events"),
            integer_column(f"Followed after day {found.grace}", "n_after_grace"),
            Shown(header="Worth, by weights", kind=Kind.NUMBER, columns=("effective_sample_size",)),
            Shown(header="Largest weight", kind=Kind.NUMBER, columns=("largest_weight",)),
        ),
        note=f"Worth: the effective sample size of the clones followed after day {found.grace}.",
    )


def _steps(found: CloneCensorWeight) -> ResultTable:
    return ResultTable(
        part="steps",
        title="Exposure by step of the days of grace",
        frame=found.steps.with_columns(pl.format("{} to {}", "first_day", "last_day").alias("label")),
        shown=(
            text_column("Days", "label"),
            integer_column("Not exposed yet", "n_at_risk"),
            integer_column("Exposed", "n_exposed"),
        ),
    )


def _model(found: CloneCensorWeight, task: Task) -> ResultTable:
    """Say what the weights rest on: the covariates' odds ratios, after the levels of the steps."""
    levels = found.steps.filter(pl.col("n_exposed") > 0).height
    table = in_plan_order(in_words(found.model.slice(levels), task.plan, found.reference), task.plan)
    return ResultTable(
        part="model",
        title="Who is exposed: the model behind the weights",
        frame=table,
        shown=(
            text_column("Term", "label"),
            Shown(header="Odds ratio of exposure on a day", kind=Kind.NUMBER, columns=("odds_ratio",)),
        ),
    )


def _summarise(options: CloneCensorWeightOptions, tables: Tables) -> str:
    not_exposed, exposed = options.strategy_labels
    parts = []
    for row in tables[""].tail(2).iter_rows(named=True):
        is_survival = row["measure"] == "survival"
        write, unit = (percent, "%") if is_survival else (months, " months")
        what = f"at {time_point(row['time'])}" if is_survival else f"mean time until {time_point(row['time'])}"
        parts.append(
            f"{what} {write(row['exposed'])}{unit} with '{exposed}' and {write(row['not_exposed'])}{unit} with "
            f"'{not_exposed}', difference ({100 * options.conf_level:g}% CI) {row['difference_text']}"
        )
    return f"{sentence_case(endpoint_words(options.endpoint))}, cloned, censored and weighted: {'; '.join(parts)}."


def _rows_sql(options: CloneCensorWeightOptions) -> str:
    return f"""
select
    analysed.*,
    began.exposure_days
from analysed
left join (
    select patient_id, exposure_days
    from analysis.exposure
    where exposure = '{options.exposure}' and origin = (select origin from clock)
) as began on analysed.patient_id = began.patient_id
"""


CLONE_CENSOR_WEIGHT = Method(
    name="clone_censor_weight",
    options=CloneCensorWeightOptions,
    clock=Clock.ENDPOINT,
    run=_run,
    summarise=_summarise,
    rows_sql=_rows_sql,
)
