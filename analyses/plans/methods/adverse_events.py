"""Adverse events by category and grade, with the patients who could be assessed as denominators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import integer_column, sentence_case, text_column
from blinreg.analyses.plans.outcome import Kind, Outcome, ResultTable, Shown
from blinreg.analyses.plans.selection import Attrition
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import spoken
from blinreg.analyses.wording import percent
from blinreg.schemas.views import view

POOLED = "any scale"
NO_EVENT = "no_event"

#: Scales that are not abbreviations throughout.
_SCALE_WORDS = {"lee_2014": "Lee 2014", "no_scale": "not stated"}
_APART_NOTE = "Scales are kept apart, so grades are not added over them; 'any grade' counts each patient once."
_POOLED_NOTE = "Grades of different scales are taken for one another, though they do not mean the same."
_SEVERE = 3
_GRADES = range(1, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseEventOptions(Options):
    """Options of adverse-event tables.

    Attributes
    ----------
    period : {"on_treatment", "cycle_1", "cycle_2_or_later", "post_transplant"}
    scales : {"apart", "pooled"}
        Whether grades of different scales are kept apart, or taken for one another, each patient at the highest.
    """

    period: Literal["on_treatment", "cycle_1", "cycle_2_or_later", "post_transplant"] = "on_treatment"
    scales: Literal["apart", "pooled"] = "apart"


def _run(options: AdverseEventOptions, task: Task) -> Outcome:
    data = task.patients([], words=False)
    rows = (
        task.views["toxicity"]
        .filter((pl.col("period") == options.period) & (pl.col("is_evaluable") == 1))
        .join(data.frame, on="patient_id", how="semi")
    )
    pooled = options.scales == "pooled"
    table = _counts(_pooled(rows) if pooled else rows)
    return Outcome(
        tables=(
            ResultTable(
                title="Patients with adverse events",
                frame=table,
                shown=(
                    text_column("Category", "label"),
                    text_column("Scale", "scale"),
                    integer_column("Evaluable", "n_evaluable"),
                    _count("Any grade", "n_any_grade"),
                    _count("Grade 1–2", "n_grade_1_2"),
                    _count("Grade ≥3", "n_grade_3_5"),
                    _count("Grade 5", "n_grade_5"),
                    _count("Not graded", "n_ungraded"),
                ),
                emphasis="is_all",
                note=(
                    "n (%) of the patients who could be assessed, each at the highest grade of the period. "
                    + (_POOLED_NOTE if pooled else _APART_NOTE)
                ),
            ),
            ResultTable(
                part="stopped",
                title="Stopped blinatumomab for an adverse event",
                frame=_stops(task.views["discontinuation"], data.frame),
                shown=(text_column("Category", "label"), _count("Patients", "n_stopped", of="n_patients")),
                emphasis="is_all",
                note="A patient may have stopped for two reasons, so the categories can add up to more than all.",
            ),
            ResultTable(
                part="attrition", title="Patients in this analysis", frame=_with_assessed(data.attrition, rows)
            ),
        ),
        conventions={"period": view("toxicity").column("period").codes[options.period]},
    )


def _pooled(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a patient and category: the highest grade on any scale."""
    has_event = (pl.col("grade_scale") != NO_EVENT).any()
    scale = pl.when(has_event).then(pl.lit(POOLED)).otherwise(pl.lit(NO_EVENT))
    return rows.group_by("patient_id", "category", maintain_order=True).agg(
        scale.alias("grade_scale"), pl.col("max_grade").max()
    )


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    """Count patients: for each category one row over all scales, if there are several, and one for each."""
    counted = []
    scale_codes = view("toxicity").column("grade_scale").codes
    for category, meaning in view("toxicity").column("category").codes.items():
        of_category = rows.filter(pl.col("category") == category)
        if not of_category.height:
            continue
        events = of_category.filter(pl.col("grade_scale") != NO_EVENT)
        n_evaluable = of_category["patient_id"].n_unique()
        label = _category_label(category, meaning)
        scales = [scale for scale in (POOLED, *scale_codes) if (events["grade_scale"] == scale).any()]
        if len(scales) != 1:
            counted.append(_row(category, label, POOLED, events, n_evaluable, graded=False))
        for scale in scales:
            of_scale = events.filter(pl.col("grade_scale") == scale)
            row = _row(category, label, scale, of_scale, n_evaluable, graded=True)
            counted.append(row | {"is_all": len(scales) == 1})
    schema = {"category": pl.String, "label": pl.String, "grade_scale": pl.String, "scale": pl.String}
    counts = ("n_evaluable", "n_any_grade", *(f"n_grade_{grade}" for grade in _GRADES))
    more = ("n_grade_1_2", "n_grade_3_5", "n_ungraded")
    return pl.DataFrame(counted, schema=schema | dict.fromkeys((*counts, *more), pl.Int64) | {"is_all": pl.Boolean})


def _row(
    category: str, label: str, scale: str, events: pl.DataFrame, n_evaluable: int, *, graded: bool
) -> dict[str, object]:
    row: dict[str, object] = {
        "category": category,
        "label": label,
        "grade_scale": scale,
        "scale": scale if scale == POOLED else _SCALE_WORDS.get(scale) or spoken(scale).upper(),
        "n_evaluable": n_evaluable,
        "n_any_grade": events["patient_id"].n_unique(),
        "is_all": not graded,
    }
    if not graded:
        return row
    for grade in _GRADES:
        row[f"n_grade_{grade}"] = events.filter(pl.col("max_grade") == grade).height
    row["n_grade_1_2"] = events.filter(pl.col("max_grade") < _SEVERE).height
    row["n_grade_3_5"] = events.filter(pl.col("max_grade") >= _SEVERE).height
    row["n_ungraded"] = events["max_grade"].null_count()
    return row


def _stops(stops: pl.DataFrame, patients: pl.DataFrame) -> pl.DataFrame:
    """Count patients who stopped for good, in all and by category of the event that made them."""
    stopped = stops.join(patients, on="patient_id", how="semi")
    rows = [("", "Any adverse event", stopped["patient_id"].n_unique(), patients.height, True)]
    for category, meaning in view("discontinuation").column("category").codes.items():
        n_stopped = stopped.filter(pl.col("category") == category)["patient_id"].n_unique()
        if n_stopped:
            rows.append((category, _category_label(category, meaning), n_stopped, patients.height, False))
    return pl.DataFrame(rows, schema=["category", "label", "n_stopped", "n_patients", "is_all"], orient="row")


def _category_label(category: str, meaning: str) -> str:
    """Use the meaning of a category where it is a name, and the code where it is a list."""
    return sentence_case(spoken(category) if len(meaning) > 40 else meaning)


def _count(header: str, column: str, *, of: str = "n_evaluable") -> Shown:
    return Shown(header=header, kind=Kind.COUNT_OF, columns=(column, of))


def _with_assessed(attrition: Attrition, rows: pl.DataFrame) -> pl.DataFrame:
    attrition.keep("Could be assessed for any category", rows["patient_id"].n_unique(), "not assessed, or not stated")
    return attrition.table


def _summarise(_options: AdverseEventOptions, tables: Tables) -> str:
    pooled = tables[""].filter(pl.col("is_all"))
    parts = [
        f"{row['label']} {row['n_any_grade']} of {row['n_evaluable']} "
        f"({percent(row['n_any_grade'] / row['n_evaluable'])}%)"
        for row in pooled.iter_rows(named=True)
    ]
    return f"Any grade: {'; '.join(parts)}." if parts else "No patient could be assessed."


ADVERSE_EVENTS = Method(
    name="adverse_events",
    options=AdverseEventOptions,
    clock=Clock.NONE,
    run=_run,
    summarise=_summarise,
)
