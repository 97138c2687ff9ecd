"""Adverse events by category, term and grade, with the patients who could be assessed as denominators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import polars as pl

from blinreg.analyses.plans.methods.base import Clock, Method, Options, Tables
from blinreg.analyses.plans.methods.survival_options import (
    count_column,
    integer_column,
    sentence_case,
    text_column,
)
from blinreg.analyses.plans.outcome import Outcome, ResultTable, Shown
from blinreg.analyses.plans.selection import Attrition
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.vocabulary import spoken
from blinreg.analyses.wording import percent
from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.schemas.views import view

POOLED = "any scale"
NO_EVENT = "no_event"
TERMS = "terms"
Period: TypeAlias = Literal["on_treatment", "cycle_1", "cycle_2_or_later", "post_transplant"]

#: Scales that are not abbreviations throughout.
_SCALE_WORDS = {"lee_2014": "Lee 2014", "no_scale": "not stated"}
_APART_NOTE = "Scales are kept apart, so grades are not added over them; 'any grade' counts each patient once."
_POOLED_NOTE = "Grades of different scales are taken for one another, though they do not mean the same."
_NOTE = "n (%) of the patients who could be assessed for the category, each at the highest grade of the period. "
_SEVERE = 3
_GRADES = range(1, 6)
_SCHEMA = {
    "category": pl.String,
    "term": pl.String,
    "label": pl.String,
    "grade_scale": pl.String,
    "scale": pl.String,
    **dict.fromkeys(
        ("n_evaluable", "n_any_grade", *(f"n_grade_{grade}" for grade in _GRADES), "n_grade_1_2", "n_grade_3_5"),
        pl.Int64,
    ),
    "n_ungraded": pl.Int64,
    "is_all": pl.Boolean,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdverseEventOptions(Options):
    """Options of adverse-event tables.

    Attributes
    ----------
    period : {"on_treatment", "cycle_1", "cycle_2_or_later", "post_transplant"}
    scales : {"apart", "pooled"}
        Whether grades of different scales are kept apart, or taken for one another, each patient at the highest.
    """

    period: Period = "on_treatment"
    scales: Literal["apart", "pooled"] = "apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What one line of a table counts: a category, or a term of it."""

    category: str
    term: str
    label: str
    events: pl.DataFrame


def _run(options: AdverseEventOptions, task: Task) -> Outcome:
    data = task.patients([], words=False)
    of_period = task.views.toxicity(options.period)
    assessed = of_period.filter(pl.col("is_evaluable") == 1).join(data.frame, on="patient_id", how="semi")
    happened = task.views.toxicity_term(options.period)
    terms = happened.join(assessed, on=["patient_id", "category"], how="semi")
    pooled = options.scales == "pooled"
    n_evaluable = {
        category: rows["patient_id"].n_unique()
        for (category,), rows in assessed.group_by("category", maintain_order=True)
        if isinstance(category, str)
    }
    emphasis = "" if pooled else "is_all"
    note = _NOTE + (_POOLED_NOTE if pooled else _APART_NOTE)
    return Outcome(
        tables=(
            ResultTable(
                title="Patients with adverse events",
                frame=_counts(_categories(assessed), n_evaluable, pooled=pooled),
                shown=_shown("Category", pooled=pooled),
                emphasis=emphasis,
                note=note,
            ),
            ResultTable(
                part=TERMS,
                title="Single adverse events",
                frame=_counts(_terms(terms), n_evaluable, pooled=pooled),
                shown=_shown("Event", pooled=pooled),
                emphasis=emphasis,
                note=f"{note} A patient may have several, so they can add up to more than their category.",
            ),
            ResultTable(
                part="attrition", title="Patients in this analysis", frame=_with_assessed(data.attrition, assessed)
            ),
        ),
        conventions={"period": view("toxicity").column("period").codes[options.period]},
    )


def _shown(what: str, *, pooled: bool) -> tuple[Shown, ...]:
    return (
        text_column(what, "label"),
        *(() if pooled else (text_column("Scale", "scale"),)),
        integer_column("Evaluable", "n_evaluable"),
        count_column("Any grade", "n_any_grade", of="n_evaluable"),
        count_column("Grade 1–2", "n_grade_1_2", of="n_evaluable"),
        count_column("Grade ≥3", "n_grade_3_5", of="n_evaluable"),
        count_column("Grade 5", "n_grade_5", of="n_evaluable"),
        count_column("Not graded", "n_ungraded", of="n_evaluable"),
    )


def _categories(assessed: pl.DataFrame) -> Iterable[_Row]:
    """Give every category that somebody was assessed for, with its events."""
    for category in view("toxicity").column("category").codes:
        of_category = assessed.filter(pl.col("category") == category)
        if of_category.height:
            events = of_category.filter(pl.col("grade_scale") != NO_EVENT)
            yield _Row(category=category, term="", label=category_label(category), events=events)


def _terms(events: pl.DataFrame) -> Iterable[_Row]:
    """Give every term that occurs; a category of one term would only be said twice."""
    categories = list(TERM_CATEGORY.values())
    for term, category in TERM_CATEGORY.items():
        of_term = events.filter(pl.col("term") == term)
        if of_term.height and categories.count(category) > 1:
            yield _Row(category=category, term=term, label=term_label(term), events=of_term)


def _counts(rows: Iterable[_Row], n_evaluable: Mapping[str, int], *, pooled: bool) -> pl.DataFrame:
    """Count patients: for each row one line over all scales, if there are several, and one for each."""
    counted = []
    codes = view("toxicity").column("grade_scale").codes
    for row in rows:
        events = _pooled(row.events) if pooled else row.events
        scales = [scale for scale in (POOLED, *codes) if (events["grade_scale"] == scale).any()]
        if len(scales) != 1:
            counted.append(_line(row, POOLED, events, n_evaluable, graded=False))
        for scale in scales:
            of_scale = events.filter(pl.col("grade_scale") == scale)
            counted.append(_line(row, scale, of_scale, n_evaluable, graded=True) | {"is_all": len(scales) == 1})
    return pl.DataFrame(counted, schema=_SCHEMA)


def _pooled(events: pl.DataFrame) -> pl.DataFrame:
    """One row a patient: the highest grade on any scale."""
    return events.group_by("patient_id", maintain_order=True).agg(
        pl.lit(POOLED).alias("grade_scale"), pl.col("max_grade").max()
    )


def _line(
    row: _Row, scale: str, events: pl.DataFrame, n_evaluable: Mapping[str, int], *, graded: bool
) -> dict[str, object]:
    line: dict[str, object] = {
        "category": row.category,
        "term": row.term,
        "label": row.label,
        "grade_scale": scale,
        "scale": scale if scale == POOLED else _SCALE_WORDS.get(scale) or spoken(scale).upper(),
        "n_evaluable": n_evaluable[row.category],
        "n_any_grade": events["patient_id"].n_unique(),
        "is_all": not graded,
    }
    if not graded:
        return line
    for grade in _GRADES:
        line[f"n_grade_{grade}"] = events.filter(pl.col("max_grade") == grade).height
    line["n_grade_1_2"] = events.filter(pl.col("max_grade") < _SEVERE).height
    line["n_grade_3_5"] = events.filter(pl.col("max_grade") >= _SEVERE).height
    line["n_ungraded"] = events["max_grade"].null_count()
    return line


def category_label(category: str) -> str:
    """Name a category by its meaning or, where that is a list, by its code.

    Examples
    --------
    >>> category_label("crs"), category_label("neurotoxicity")
    ('Cytokine release syndrome', 'Neurotoxicity')
    >>> category_label("other")
    'Any other adverse event'
    """
    meaning = view("toxicity").column("category").codes[category]
    return sentence_case(spoken(category) if "," in meaning else meaning)


def term_label(term: str) -> str:
    """Name a term.

    Examples
    --------
    >>> term_label("bilirubin_increase")
    'Increased bilirubin'
    """
    return sentence_case(view("toxicity_term").column("term").codes[term])


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


def _rows_sql(options: AdverseEventOptions) -> str:
    return f"""
select toxicity.*
from analysis.toxicity as toxicity
inner join analysed on toxicity.patient_id = analysed.patient_id
where toxicity.period = '{options.period}' and toxicity.is_evaluable = 1
"""


ADVERSE_EVENTS = Method(
    name="adverse_events",
    options=AdverseEventOptions,
    clock=Clock.NONE,
    run=_run,
    summarise=_summarise,
    rows_sql=_rows_sql,
)
