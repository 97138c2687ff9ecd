"""The transplanted: who they were, how they were transplanted, and what happened to them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import text_column
from blinreg.analyses.plans.methods.table_one import YES, variable_label
from blinreg.analyses.plans.options import Role, option
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultTable, Shown
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import spoken
from blinreg.analyses.wording import DAYS_PER_MONTH, median_range, percent
from blinreg.schemas.errors import AnalysisError, nearest
from blinreg.schemas.views import view

_ORIGIN = "transplant"
_EARLY_DAYS = 100
_COLUMNS = ("n", "denominator", "median", "minimum", "maximum")
_MONTHS, _RELATED_DEATH = "response_to_transplant_months", "transplant_related_death_100_days"
_LINES = "lines_until_transplant"
_WORDS = {
    _MONTHS: "Months from response to transplant",
    _RELATED_DEATH: f"Transplant-related death by day {_EARLY_DAYS}",
    "acute_gvhd": "Acute graft-versus-host disease",
    "chronic_gvhd": "Chronic graft-versus-host disease",
    _LINES: "Lines of therapy until transplant, blinatumomab counted",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransplantsOptions(Options):
    """Options of the table of the transplanted.

    Attributes
    ----------
    variables : tuple of str
        What else is described, in this order, above what follows the transplant.
    toxicities : tuple of str
        Categories of toxicity, or single adverse events, that are counted from the transplant on.
    """

    variables: tuple[str, ...] = option(Role.VARIABLE, default=())
    toxicities: tuple[str, ...] = option(default=("infection", "veno_occlusive_disease"))


def _run(options: TransplantsOptions, task: Task) -> Outcome:
    from blinreg.analyses import table_one

    _check(options)
    data = task.patients(options.variables, words=True)
    events = {"acute_gvhd": _began(task, "acute_gvhd"), "chronic_gvhd": _began(task, "chronic_gvhd")}
    events |= {toxicity: _toxicity(task, toxicity) for toxicity in options.toxicities}
    events |= {_RELATED_DEATH: _related_deaths(task)}
    frame = data.frame
    for measured in (_months(task), _lines(task)):
        frame = frame.join(measured, on="patient_id", how="left", maintain_order="left")
    if not frame.height:
        raise AnalysisError("nobody in the population was transplanted", next_step="look at its conditions")
    described = table_one(frame, [*options.variables, _LINES, _MONTHS], missing="complete_case").table
    kept = described.filter(pl.col("level").is_null() | (pl.col("level") != "no"))
    counts = [_count(frame["patient_id"], name, patients) for name, patients in events.items()]
    kept = pl.concat([kept.select("variable", "level", *_COLUMNS), pl.DataFrame(counts)], how="diagonal")
    labels = [
        variable_label(task.plan, variable, level) if variable in options.variables else _words(variable)
        for variable, level in kept.select("variable", "level").iter_rows()
    ]
    return Outcome(
        tables=(
            ResultTable(
                title=f"The transplanted (n = {frame.height})",
                frame=kept.select("variable", "level", pl.Series("label", labels, dtype=pl.String), *_COLUMNS),
                shown=(
                    text_column("Characteristic", "label"),
                    Shown(header="Patients", kind=Kind.DESCRIPTION, columns=_COLUMNS),
                ),
                note=(
                    "Counts are n (%), numbers median (range). What follows the transplant is counted whenever it "
                    "came: with death as a competing event it is in the analyses of incidence."
                ),
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
    )


def _check(options: TransplantsOptions) -> None:
    known = [*view("toxicity").column("category").codes, *view("toxicity_term").column("term").codes]
    for toxicity in options.toxicities:
        if toxicity not in known:
            raise AnalysisError(f"toxicity {toxicity!r} is unknown", next_step=nearest(toxicity, known))


def _began(task: Task, exposure: str) -> pl.Series:
    return task.views.exposure(exposure, _ORIGIN).filter(pl.col("ever") == 1)["patient_id"]


def _toxicity(task: Task, toxicity: str) -> pl.Series:
    """Find who had an event of a category; what is no category is a single event."""
    column = "category" if toxicity in view("toxicity").column("category").codes else "term"
    return task.views.toxicity_term("post_transplant").filter(pl.col(column) == toxicity)["patient_id"]


def _related_deaths(task: Task) -> pl.Series:
    rows = task.views.endpoint("transplant_related_mortality")
    return rows.filter((pl.col("event") == 1) & (pl.col("time_days") <= _EARLY_DAYS))["patient_id"]


def _months(task: Task) -> pl.DataFrame:
    rows = task.views.exposure("allo_hct", "response")
    return rows.select("patient_id", (pl.col("exposure_days") / DAYS_PER_MONTH).alias(_MONTHS))


def _lines(task: Task) -> pl.DataFrame:
    return task.views["cohort"].select("patient_id", (pl.col("n_earlier_lines") + 1).alias(_LINES))


def _count(patients: pl.Series, name: str, happened_to: pl.Series) -> dict[str, object]:
    n = int(patients.is_in(happened_to.implode()).sum())
    return {"variable": name, "level": YES, "n": n, "denominator": patients.len()}


def _words(name: str) -> str:
    return _WORDS.get(name) or f"{spoken(name).capitalize()} after transplant"


def _summarise(_options: TransplantsOptions, tables: Tables) -> str:
    rows = {row["variable"]: row for row in tables[""].iter_rows(named=True)}
    acute, months = rows["acute_gvhd"], rows[_MONTHS]
    when = median_range(months["median"], months["minimum"], months["maximum"])
    return (
        f"{acute['denominator']} patients were transplanted, a median of {when} months (range) after response; "
        f"{acute['n']} ({percent(acute['n'] / acute['denominator'])}%) had acute graft-versus-host disease."
    )


TRANSPLANTS = Method(name="transplants", options=TransplantsOptions, clock=Clock.NONE, run=_run, summarise=_summarise)
