"""What toxicity led to: interruptions and stops of blinatumomab, treatment of the events, deaths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.methods.adverse_events import Period, category_label, term_label
from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import count_column, integer_column, text_column
from blinreg.analyses.plans.outcome import Outcome, ResultTable
from blinreg.analyses.plans.task import Task
from blinreg.analyses.wording import percent
from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.schemas.views import view

ANY = "any"
_MANY = 3
_INTERRUPTED = ((ANY, "Interrupted at all"), ("1", "Once"), ("2", "Twice"), ("3", "Three times or more"))
_TOXIC = "blinatumomab_toxicity"
_ANY_STOP = "Any adverse event"
_ANY_DEATH = "Any toxicity of blinatumomab"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsequencesOptions(Options):
    """Options of the consequences of toxicity.

    Attributes
    ----------
    period : {"on_treatment", "cycle_1", "cycle_2_or_later", "post_transplant"}
        Period of the events whose treatment is counted.
    """

    period: Period = "on_treatment"


def _run(options: ConsequencesOptions, task: Task) -> Outcome:
    data = task.patients([], words=False)
    patients = data.frame.select("patient_id")
    not_assessed = task.views.toxicity(options.period).filter(pl.col("is_evaluable") == 0)
    # Who could not be assessed for a category is in no count of its events.
    events = (
        task.views.toxicity_term(options.period)
        .join(patients, on="patient_id", how="semi")
        .join(not_assessed, on=["patient_id", "category"], how="anti")
    )
    course = task.views["course"].join(patients, on="patient_id", how="semi")
    return Outcome(
        tables=(
            ResultTable(
                title="Interruptions of blinatumomab",
                frame=_interruptions(course["n_interruptions"]),
                shown=(text_column("Infusion", "label"), count_column("Patients", "n", of="n_patients")),
                emphasis="is_all",
                note="n (%). Of the first course, for an adverse event.",
            ),
            ResultTable(
                part="stopped",
                title="Stopped blinatumomab for an adverse event",
                frame=_stops(task.views["discontinuation"], patients),
                shown=(text_column("Category", "label"), count_column("Patients", "n_stopped", of="n_patients")),
                emphasis="is_all",
                note="A patient may have stopped for two reasons, so the categories can add up to more than all.",
            ),
            ResultTable(
                part="treated",
                title="Treatment of adverse events",
                frame=_treated(events),
                shown=(
                    text_column("Event", "label"),
                    integer_column("Patients with it", "n_patients"),
                    count_column("Corticosteroid", "n_corticosteroid", of="n_patients"),
                    count_column("Tocilizumab", "n_tocilizumab", of="n_patients"),
                ),
                note="n (%) of the patients with the event. Events for which nobody was given either are left out.",
            ),
            ResultTable(
                part="deaths",
                title="Deaths that the site attributed to blinatumomab",
                frame=_deaths(course, events),
                shown=(text_column("Fatal event", "label"), count_column("Patients", "n", of="n_patients")),
                emphasis="is_all",
            ),
            ResultTable(part="attrition", title="Patients in this analysis", frame=data.attrition.table),
        ),
        conventions={"period": view("toxicity").column("period").codes[options.period]},
    )


def _interruptions(counts: pl.Series) -> pl.DataFrame:
    """Count patients by the number of their interruptions; where it is not known they are in no count."""
    times = counts.drop_nulls().clip(upper_bound=_MANY)
    n = {ANY: int((times > 0).sum())} | {str(number): int((times == number).sum()) for number in range(1, _MANY + 1)}
    return pl.DataFrame(
        [(level, label, n[level], times.len(), level == ANY) for level, label in _INTERRUPTED],
        schema={"level": pl.String, "label": pl.String, "n": pl.Int64, "n_patients": pl.Int64, "is_all": pl.Boolean},
        orient="row",
    )


def _stops(stops: pl.DataFrame, patients: pl.DataFrame) -> pl.DataFrame:
    """Count patients who stopped for good, in all and by category of the event that made them."""
    stopped = stops.join(patients, on="patient_id", how="semi")
    rows = [("", _ANY_STOP, stopped["patient_id"].n_unique(), patients.height, True)]
    for category in view("discontinuation").column("category").codes:
        n = stopped.filter(pl.col("category") == category)["patient_id"].n_unique()
        if n:
            rows.append((category, category_label(category), n, patients.height, False))
    schema = {"category": pl.String, "label": pl.String, "n_stopped": pl.Int64, "n_patients": pl.Int64}
    return pl.DataFrame(rows, schema=schema | {"is_all": pl.Boolean}, orient="row")


def _treated(events: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for term, of_term in _by_term(events):
        given = [
            of_term.filter(pl.col(drug) == 1)["patient_id"].n_unique() for drug in ("corticosteroid", "tocilizumab")
        ]
        if any(given):
            rows.append((term, term_label(term), of_term["patient_id"].n_unique(), *given))
    counts = ("n_patients", "n_corticosteroid", "n_tocilizumab")
    schema = {"term": pl.String, "label": pl.String} | dict.fromkeys(counts, pl.Int64)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _deaths(course: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Count deaths from toxicity, in all and by the event that was fatal."""
    dead = course.filter(pl.col("cause_of_death") == _TOXIC).select("patient_id")
    fatal = events.filter(pl.col("is_fatal") == 1).join(dead, on="patient_id", how="semi")
    rows = [("", _ANY_DEATH, dead.height, course.height, True)]
    for term, of_term in _by_term(fatal):
        rows.append((term, term_label(term), of_term["patient_id"].n_unique(), course.height, False))
    schema = {"term": pl.String, "label": pl.String, "n": pl.Int64, "n_patients": pl.Int64, "is_all": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _by_term(events: pl.DataFrame) -> Iterable[tuple[str, pl.DataFrame]]:
    for term in TERM_CATEGORY:
        of_term = events.filter(pl.col("term") == term)
        if of_term.height:
            yield term, of_term


def _summarise(_options: ConsequencesOptions, tables: Tables) -> str:
    (interrupted,) = tables[""].filter(pl.col("level") == ANY).iter_rows(named=True)
    stopped, died = tables["stopped"].row(0, named=True), tables["deaths"].row(0, named=True)
    return (
        f"Of {stopped['n_patients']} patients {_share(interrupted['n'], interrupted['n_patients'])} interrupted "
        f"blinatumomab and {_share(stopped['n_stopped'], stopped['n_patients'])} stopped it for an adverse event; "
        f"{_share(died['n'], died['n_patients'])} died of its toxicity."
    )


def _share(n: int, of: int) -> str:
    return f"{n} ({percent(n / of)}%)" if of else f"{n}"


CONSEQUENCES = Method(
    name="consequences", options=ConsequencesOptions, clock=Clock.NONE, run=_run, summarise=_summarise
)
