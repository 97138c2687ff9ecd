"""Single adverse events, what they led to, and facts that nobody has: counted by hand on a few patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.plans.outcome import Outcome
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import read_views
from blinreg.schemas.model import Type
from blinreg.schemas.views import VIEWS

Views = dict[str, pl.DataFrame]
DTYPES = {Type.INTEGER: pl.Int64, Type.NUMBER: pl.Float64}
HEAD = """
[study]
name = "safety"
title = "Safety"

[population.transplanted]
title = "Transplanted"
where.ever_allo_hct = { is = 1 }

[[analysis]]
name = "any"
title = "Any"
population = "cohort"
"""


def views_of(**given: list[dict[str, Any]]) -> Views:
    """Make every view: patients A to D, and the rows given."""
    rows: dict[str, list[dict[str, Any]]] = {"cohort": [{"patient_id": name} for name in "ABCD"]} | given
    found = {}
    for view in VIEWS:
        schema = {c.name: pl.Date if c.type is Type.DATE else DTYPES.get(c.type, pl.String) for c in view.columns}
        found[view.name] = pl.DataFrame(rows.get(view.name, []), schema=schema)
    return found


def carry_out(analysis: str, views: Views) -> tuple[Outcome, str]:
    plan = parse_plan(HEAD + analysis, file="safety.toml")
    [entry] = plan.entries
    task = Task(plan=plan, entry=entry, views=read_views(views), mark="Synthetic data")
    outcome = entry.method.run(entry.options, task)
    return outcome, entry.method.summarise(entry.options, {table.part: table.frame for table in outcome.tables})


def table(outcome: Outcome, part: str = "") -> pl.DataFrame:
    return next(table.frame for table in outcome.tables if table.part == part)


def event(patient: str, term: str, grade: int | None, scale: str = "ctcae_5", **more: Any) -> dict[str, Any]:
    category = {"headache": "neurotoxicity", "stroke": "neurotoxicity", "crs": "crs", "sepsis": "infection"}[term]
    return {
        "patient_id": patient,
        "term": term,
        "category": category,
        "grade_scale": scale,
        "period": "on_treatment",
        "max_grade": grade,
        "corticosteroid": 0,
        "tocilizumab": 0,
        "is_fatal": 0,
    } | more


def assessed(patient: str, category: str, evaluable: int | None, grade: int | None = None) -> dict[str, Any]:
    return {
        "patient_id": patient,
        "category": category,
        "grade_scale": "ctcae_5" if grade else "no_event",
        "period": "on_treatment",
        "is_evaluable": evaluable,
        "max_grade": grade,
    }


#: A has headache and a stroke, B headache on another scale; C has no event; D could not be assessed and had a headache.
EVENTS = {
    "toxicity": [
        assessed("A", "neurotoxicity", 1, 3),
        assessed("B", "neurotoxicity", 1, 1),
        assessed("C", "neurotoxicity", 1),
        assessed("D", "neurotoxicity", 0, 4),
        assessed("A", "crs", 1, 2),
    ],
    "toxicity_term": [
        event("A", "headache", 1, corticosteroid=1),
        event("A", "stroke", 3, is_fatal=1),
        event("B", "headache", 2, "ctcae_4"),
        event("D", "headache", 4, corticosteroid=1),
        event("A", "crs", 2, tocilizumab=1),
        event("C", "sepsis", 5, is_fatal=1),
    ],
}


def test_single_events_are_counted_among_those_assessed_for_their_category() -> None:
    outcome, _ = carry_out('method = "adverse_events"\nscales = "pooled"\n', views_of(**EVENTS))

    # Cytokine release syndrome is the only term of its category, and nobody was assessed for infection.
    assert table(outcome, "terms").select(
        "term", "n_evaluable", "n_any_grade", "n_grade_1_2", "n_grade_3_5"
    ).rows() == [
        ("headache", 3, 2, 2, 0),
        ("stroke", 3, 1, 0, 1),
    ]


def test_scales_of_single_events_are_kept_apart() -> None:
    outcome, _ = carry_out('method = "adverse_events"\n', views_of(**EVENTS))

    assert table(outcome, "terms").select("label", "scale", "n_any_grade", "n_grade_1_2", "is_all").rows() == [
        ("Headache", "any scale", 2, None, True),
        ("Headache", "CTCAE 4", 1, 1, False),
        ("Headache", "CTCAE 5", 1, 1, False),
        ("Stroke", "CTCAE 5", 1, 0, True),
    ]


def test_treatment_is_counted_among_the_patients_with_the_event() -> None:
    outcome, _ = carry_out('method = "consequences"\n', views_of(**EVENTS))

    # D could not be assessed for neurotoxicity, so the corticosteroid of D is in no count; for infection nobody said.
    assert table(outcome, "treated").drop("label").rows() == [("crs", 1, 0, 1), ("headache", 2, 1, 0)]


def test_interruptions_stops_and_deaths_are_counted_once_a_patient() -> None:
    course = [
        {"patient_id": "A", "n_interruptions": 4, "cause_of_death": "blinatumomab_toxicity"},
        {"patient_id": "B", "n_interruptions": 1, "cause_of_death": "disease"},
        {"patient_id": "C", "n_interruptions": 0, "cause_of_death": "blinatumomab_toxicity"},
        {"patient_id": "D", "n_interruptions": 2},
    ]
    stops = [{"patient_id": "A", "category": "crs"}, {"patient_id": "A", "category": "pain"}]
    outcome, sentence = carry_out('method = "consequences"\n', views_of(**EVENTS, course=course, discontinuation=stops))

    assert table(outcome).select("level", "n", "n_patients").rows() == [
        ("any", 3, 4),
        ("1", 1, 4),
        ("2", 1, 4),
        ("3", 1, 4),
    ]
    assert table(outcome, "stopped").select("category", "n_stopped").rows() == [("", 1), ("crs", 1), ("pain", 1)]
    assert table(outcome, "deaths").select("term", "n").rows() == [("", 2), ("stroke", 1), ("sepsis", 1)]
    assert sentence == (
        "Of 4 patients 3 (75.0%) interrupted blinatumomab and 1 (25.0%) stopped it for an adverse event; "
        "2 (50.0%) died of its toxicity."
    )


def test_a_fact_that_nobody_has_is_a_row_of_zero() -> None:
    cohort = [
        {"patient_id": "A", "marrow_disease": "no", "cns_disease": "yes"},
        {"patient_id": "B", "marrow_disease": "no", "cns_disease": "no"},
        {"patient_id": "C", "marrow_disease": "unknown", "cns_disease": "no"},
    ]
    outcome, _ = carry_out(
        'method = "table_one"\nvariables = ["marrow_disease", "cns_disease"]\n', views_of(cohort=cohort)
    )

    assert table(outcome).select("label", "n_all", "denominator_all").rows() == [
        ("Marrow disease", 0, 2),
        ("Cns disease", 1, 3),
    ]
    # Of one patient it is not known: publications that divide by all find all here.
    assert table(outcome, "tidy").select("variable", "level", "n", "n_patients").rows() == [
        ("marrow_disease", "yes", 0, 3),
        ("marrow_disease", "no", 2, 3),
        ("cns_disease", "yes", 1, 3),
        ("cns_disease", "no", 2, 3),
    ]


def test_groups_of_a_bare_yes_or_no_name_their_variable() -> None:
    cohort = [{"patient_id": name, "marrow_disease": said, "sex": "male"} for name, said in (("A", "yes"), ("B", "no"))]
    outcome, _ = carry_out(
        'method = "table_one"\ngroup = "marrow_disease"\nvariables = ["sex"]\n', views_of(cohort=cohort)
    )

    # Everything is known, so no column says how much is not.
    assert [shown.header for shown in outcome.tables[0].shown] == [
        "Characteristic",
        "All (n = 2)",
        "Marrow disease: yes (n = 1)",
        "Marrow disease: no (n = 1)",
    ]
    assert outcome.conventions == {}


@pytest.fixture
def transplanted() -> Views:
    exposure = [
        {"patient_id": name, "origin": origin, "exposure": "allo_hct", "exposure_days": day, "ever": 1}
        for name in "AB"
        for origin, day in (("index", 60.0), ("response", 30.4375))
    ]
    after = {"period": "post_transplant"}
    events = [
        event("A", "sepsis", 3, **after),
        event("B", "stroke", 3, **after),
        event("B", "headache", 1),
    ]
    cohort = [{"patient_id": name, "n_earlier_lines": lines} for name, lines in (("A", 1), ("B", 4), ("C", 7))]
    return views_of(cohort=cohort, exposure=exposure, toxicity_term=events)


def test_what_follows_a_transplant_is_a_category_or_a_single_event(transplanted: Views) -> None:
    text = 'method = "transplants"\ntoxicities = ["infection", "stroke", "headache"]\n'
    outcome, _ = carry_out(text, with_population(transplanted))

    counts = {row["variable"]: (row["n"], row["denominator"]) for row in table(outcome).iter_rows(named=True)}
    assert (counts["infection"], counts["stroke"], counts["headache"]) == ((1, 2), (1, 2), (0, 2))


def with_population(views: Views) -> Views:
    """Leave the transplanted: the population of these plans is everybody."""
    ever = views["exposure"]["patient_id"].unique().to_list()
    return views | {"cohort": views["cohort"].filter(pl.col("patient_id").is_in(ever))}


def test_blinatumomab_is_one_of_the_lines_before_a_transplant(transplanted: Views) -> None:
    outcome, _ = carry_out('method = "transplants"\n', with_population(transplanted))

    [lines] = table(outcome).filter(pl.col("variable") == "lines_until_transplant").iter_rows(named=True)
    assert (lines["minimum"], lines["maximum"]) == (2, 5)


def test_who_is_exposed_before_coming_under_observation_is_not_waited_for(
    invented_views: Callable[..., Views],
) -> None:
    views = invented_views(150, seed=4)
    text = (
        'method = "exposure_incidence"\nendpoint = "os"\nexposure = "allo_hct"\nlandmark = 60\ntimes_months = [12]\n'
        'cause_labels = ["transplant", "death"]\n'
    )
    outcome, _ = carry_out(text, views)

    days = views["exposure"].filter((pl.col("exposure") == "allo_hct") & (pl.col("origin") == "index"))
    followed = (
        views["endpoint"]
        .filter((pl.col("endpoint") == "os") & (pl.col("time_days") > 60))
        .join(days.select("patient_id", "exposure_days"), on="patient_id", how="left")
    )
    early = followed.filter(pl.col("exposure_days") <= 60)
    later = followed.filter((pl.col("exposure_days") > 60) & (pl.col("exposure_days") <= pl.col("time_days")))
    curve = table(outcome, "curve").filter(pl.col("cause") == "transplant")
    assert early.height > 0
    assert table(outcome, "attrition")["n_patients"][-1] == followed.height - early.height
    assert curve["n_events"].sum() == later.height
