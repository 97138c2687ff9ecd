"""Plans, right and wrong, about eight patients: what the guard says of each, and whether its advice is right.

The plans are in the folder ``guard_plans``, one file a subject; the page ``docs/guard_plans.md`` shows the same files.
"""

from __future__ import annotations

import json
import runpy
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.plans.guard import Outcome, Verdict, check_plan, judge
from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.time_rows import cut_at_exposure
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.analyses.plans.vocabulary import WINDOWS, exposures
from blinreg.schemas.errors import GuardRefusal
from blinreg.schemas.views import VIEWS
from blinreg.schemas.views.clinical import CUT_EXPOSURE

FOLDER = Path(__file__).parent / "guard_plans"
DOCS = Path(__file__).parents[2] / "docs"
Case = Mapping[str, Any]
FILES = sorted(FOLDER.glob("[0-9]*.toml"))
CASES: list[Case] = [case for file in FILES for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]]

HEAD = """
[study]
name = "guard"
title = "Guard"

[population.everyone]
title = "Everyone"

[population.responders]
title = "Responders"
from = "everyone"
responder = true
"""


def text_of(case: Case) -> str:
    """Write the whole plan of a case."""
    analysis = f'[[analysis]]\nname = "{case["name"]}"\ntitle = "{case["title"]}"\n{case["analysis"]}'
    return "\n".join([HEAD, case.get("population", ""), analysis])


def plan_of(case: Case) -> Plan:
    return parse_plan(text_of(case), file="study.toml")


def rows_of(patients: list[dict[str, Any]], registry: str) -> dict[str, list[dict[str, Any]]]:
    """Turn the list of patients into the tables that a site submits."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for number, given in enumerate(patients):
        registered = {"prospective": given["registered"], "from_files": 600}.get(registry)
        for table, row in [*before(number, given, registered), *after(given)]:
            rows.setdefault(table, []).append({"patient_id": f"PAT-{given['id']}"} | row)
    return rows


def before(number: int, given: Case, registered: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    ph_status = given.get("ph_status", "negative")
    yield "patient", {"diagnosis_date": -400, "ph_status": ph_status, "registration_date": registered}
    prior = given.get("prior_allo_hct", "no")
    yield "baseline", {"assessment_date": -3, "age_years": 40 + number, "prior_allo_hct": prior}
    yield "enrolment", {"arm": "ab"[number % 2], "randomization_date": -5}


def after(given: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, day in enumerate(given["cycles"], start=1):
        yield "treatment_cycle", {"cycle_number": number, "start_date": day, "stop_date": day + 13}
    if "response" in given:
        found = given["response"]
        yield "disease_assessment", {"assessment_date": found["day"], "response": found["code"]}
    if "mrd" in given:
        yield "mrd_assessment", {"sample_date": given["mrd"]["day"], "result": given["mrd"]["result"]}
    if "tki" in given:
        yield "drug_exposure", {"agent": "ponatinib", "agent_class": "tki", "start_date": given["tki"]}
    if "relapse" in given:
        yield "disease_event", {"event_type": "relapse", "event_date": given["relapse"]}
    if "transplant" in given:
        names = {"day": "transplant_date", "platelet_recovery": "platelet_recovery_date"}
        yield "transplant", {names.get(key, key): value for key, value in given["transplant"].items()}
    for kind in ("acute", "chronic"):
        if f"{kind}_gvhd" in given:
            yield "gvhd", {"gvhd_type": kind, "onset_date": given[f"{kind}_gvhd"]}
    last = given.get("death", given.get("last_contact"))
    death = {"vital_status": "dead", "death_date": last} if "death" in given else {"vital_status": "alive"}
    yield "follow_up", {"last_contact_date": last} | death


@pytest.fixture(scope="module")
def views_of(registry_with: Callable[..., Any]) -> Callable[[Case], ViewFrames]:
    """Give the analysis views of the eight patients, as ``sql/`` derives them."""
    patients = tomllib.loads((FOLDER / "patients.toml").read_text(encoding="utf-8"))["patient"]
    made: dict[str, ViewFrames] = {}

    def views(case: Case) -> ViewFrames:
        registry = case.get("registry", "")
        if registry not in made:
            filled = registry_with(**rows_of(patients, registry))
            filled.rows("cohort")
            made[registry] = read_views(
                {view.name: filled.connection.sql(f"select * from analysis.{view.name}").pl() for view in VIEWS}
            )
        return made[registry]

    return views


def verdict_of(case: Case, views: ViewFrames) -> Verdict:
    plan = plan_of(case)
    return judge(plan, plan.entries[0], views)


def corrected(case: Case, keys: Mapping[str, Any]) -> Plan:
    """Write the plan again with the guard's advice followed."""
    document = tomllib.loads(text_of(case))
    [analysis] = document["analysis"]
    document["analysis"] = [{key: value for key, value in (analysis | dict(keys)).items() if value is not None}]
    return parse_plan("\n".join(f"{key} = {inline(value)}" for key, value in document.items()), file="study.toml")


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


def test_there_are_forty_plans_and_more_with_names_of_their_own() -> None:
    verdicts = Counter(case["verdict"] for case in CASES)

    assert sum(verdicts.values()) >= 40
    assert set(verdicts) == set(Outcome)
    assert len({case["name"] for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_verdict_and_reason(case: Case, views_of: Callable[[Case], ViewFrames]) -> None:
    verdict = verdict_of(case, views_of(case))

    assert verdict.outcome == case["verdict"]
    if verdict.outcome is Outcome.WARNED:
        assert verdict.reason.startswith(case["says"])
    else:
        assert verdict.reason == case.get("says", "")


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["verdict"] == "refused"], ids=lambda case: case["name"]
)
def test_refusal_says_how_to_write_it_and_that_is_accepted(case: Case, views_of: Callable[[Case], ViewFrames]) -> None:
    views = views_of(case)
    with pytest.raises(GuardRefusal) as caught:
        check_plan(plan_of(case), views)

    assert f"analysis {case['name']} ({case['says']}" in str(caught.value)
    assert "Written right:\n" + "\n".join(f"    {line}" for line in case["right"]) in str(caught.value)
    [correction] = verdict_of(case, views).corrections
    better = corrected(case, correction.keys)
    assert check_plan(better, views)[case["name"]].outcome is Outcome.ACCEPTED


def test_page_of_the_docs_is_fresh() -> None:
    page = runpy.run_path(str(DOCS / "guard_plans.py"))["page"]()

    assert (DOCS / "guard_plans.md").read_text(encoding="utf-8") == page, "stale: run `make render`"


def test_guide_quotes_a_refusal_and_the_names_as_they_are(views_of: Callable[[Case], ViewFrames]) -> None:
    guide = " ".join((DOCS / "guard.md").read_text(encoding="utf-8").split())
    [case] = [case for case in CASES if case["name"] == "ever_transplanted_as_group"]
    with pytest.raises(GuardRefusal) as caught:
        check_plan(plan_of({**case, "name": "os_by_transplant"}), views_of(case))

    assert " ".join(str(caught.value).split()) in guide
    assert f"Days: {', '.join(map(str, WINDOWS))} |" in guide
    assert [name for name in exposures() if f"`ever_{name}`" not in guide] == []


def letter(views: ViewFrames) -> pl.Expr:
    """Take the patient's letter."""
    letters = dict(enumerate(views.patients.str.strip_prefix("PAT-")))
    return pl.col("patient_id").replace_strict(letters, return_dtype=pl.String)


def rows(case_name: str, views_of: Callable[[Case], ViewFrames], **options: Any) -> list[tuple[Any, ...]]:
    """Give the rows (tstart, tstop] that an accepted plan analyses."""
    [case] = [case for case in CASES if case["name"] == case_name]
    views, plan = views_of(case), plan_of(case)
    task = Task(plan=plan, entry=plan.entries[0], views=views, mark="Synthetic data")
    frame = task.follow_up("os", **options).frame.sort("patient_id", "tstart")
    return frame.with_columns(letter(views)).rows()


def test_delayed_entry_starts_at_registration(views_of: Callable[[Case], ViewFrames]) -> None:
    assert rows("delayed_entry", views_of) == [
        ("A", 20.0, 400.0, 0),
        ("B", 10.0, 200.0, 1),
        ("C", 25.0, 210.0, 1),
        ("D", 0.0, 60.0, 1),
        ("E", 30.0, 500.0, 0),
        ("F", 5.0, 90.0, 1),
        ("G", 0.0, 14.0, 1),
        ("H", 40.0, 180.0, 1),
    ]


def test_censoring_at_transplant_ends_the_rows_there(views_of: Callable[[Case], ViewFrames]) -> None:
    found = rows("censored_at_transplant", views_of)

    assert [row for row in found if row[0] in "ABH"] == [
        ("A", 0.0, 120.0, 0),
        ("B", 0.0, 78.0, 0),
        ("H", 0.0, 130.0, 0),
    ]
    assert ("C", 0.0, 210.0, 1) in found


def test_an_exposure_that_the_stored_rows_do_not_have_is_cut_in(views_of: Callable[[Case], ViewFrames]) -> None:
    found = rows("tki_time_dependent", views_of, time_dependent=["allo_hct", "tki"])

    # C begins on day 10; E is on it at the first dose; the others never are. Transplant and what follows it cut too.
    assert [row for row in found if row[0] in "BCE"] == [
        ("B", 0.0, 78.0, 0, 0, 0),
        ("B", 78.0, 98.0, 0, 1, 0),
        ("B", 98.0, 100.0, 0, 1, 0),
        ("B", 100.0, 200.0, 1, 1, 0),
        ("C", 0.0, 10.0, 0, 0, 0),
        ("C", 10.0, 210.0, 1, 0, 1),
        ("E", 0.0, 500.0, 0, 0, 1),
    ]


def test_rows_cut_in_plans_are_those_that_sql_cuts(views_of: Callable[[Case], ViewFrames]) -> None:
    views = views_of({})
    stored = views["counting_process"]
    compared = 0
    for (endpoint, origin), part in views["endpoint"].group_by("endpoint", "origin"):
        whole = part.select("patient_id", pl.lit(0.0).alias("tstart"), pl.col("time_days").alias("tstop"), "event")
        for exposure in CUT_EXPOSURE:
            whole = cut_at_exposure(whole, views, str(origin), exposure)
        expected = stored.filter(pl.col("endpoint") == endpoint).drop("endpoint").sort("patient_id", "tstart")
        assert whole.rows() == expected.select(whole.columns).rows(), endpoint
        compared += whole.height
    assert compared == stored.height > 50


def test_landmark_follows_who_is_still_there(views_of: Callable[[Case], ViewFrames]) -> None:
    found = rows("landmark_of_thirty_days", views_of, landmark=30)

    assert [row[0] for row in found] == list("ABCDEFH")
    assert {row[1] for row in found} == {30.0}


def test_course_and_transplant_of_the_patients(views_of: Callable[[Case], ViewFrames]) -> None:
    views = views_of({})
    index = views["course"]["index_date"]
    known = (views["course"]["n_cycles_known_date"] - index).dt.total_days()

    assert views["course"]["n_cycles"].to_list() == [3, 2, 2, 1, 4, 1, 1, 2]
    # Transplant (A, B, H), otherwise death or last contact.
    assert known.to_list() == [120, 78, 210, 60, 500, 90, 14, 130]
    assert views["course"]["follow_up_days"].to_list() == [400, 200, 210, 60, 500, 90, 14, 180]
    assert views["transplant"].select(letter(views), "donor").rows() == [
        ("A", "matched_related"),
        ("B", "haploidentical"),
        ("H", "cord_blood"),
    ]


def test_second_cycle_counts_from_each_origin(views_of: Callable[[Case], ViewFrames]) -> None:
    views = views_of({})
    found = views["exposure"].filter(pl.col("exposure") == "second_cycle").with_columns(letter(views))

    days = {
        origin: dict(part.select("patient_id", "exposure_days").rows()) for (origin,), part in found.group_by("origin")
    }
    assert days["index"] == {"A": 42, "B": 42, "C": 42, "D": None, "E": 42, "F": None, "G": None, "H": 42}
    assert days["response"] == {"A": 14, "B": 14, "C": 12, "D": None, "E": 7}
    # It began before the transplant: there from the origin on.
    assert days["transplant"] == {"A": 0, "B": 0, "H": 0}
