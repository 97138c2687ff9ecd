"""Sensitivity variants: one line each, read and guarded like the analysis itself, put side by side with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from blinreg.analyses.plans import InputSubmission, Plan, Provenance, RunResult, load_plan, run_plan
from blinreg.analyses.plans.guard import Outcome, check_plan, judge_plan
from blinreg.analyses.plans.model import PLANNED, Entry
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.variants import PART, compare_variants
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.analyses.report import write_report
from blinreg.schemas.errors import GuardRefusal, UsageError

Views = dict[str, pl.DataFrame]
HEAD = """
[study]
name = "varied"
title = "Varied"

[population.responders]
title = "Responders"
responder = true
"""
COX = """
[[analysis]]
name = "model"
title = "Model"
method = "cox"
population = "responders"
endpoint = "os_from_response"
time_dependent = ["allo_hct"]
covariates = ["age_years"]

[analysis.variants]
"""
CURVE = """
[[analysis]]
name = "curve"
title = "Curve"
method = "kaplan_meier"
population = "responders"
endpoint = "rfs"

[analysis.variants]
"""
LANDMARK = '"alive on day 60" = { landmark = 60 }\n'
NAIVE = '"ever or never" = { time_dependent = [], covariates = ["ever_allo_hct"] }\n'
NAIVE_DECLARED = NAIVE.replace(" }", ", biased = true }")
ABSENT = '"length of remission" = { endpoint = "duration_of_remission" }\n'


@pytest.fixture(scope="module")
def frames(invented_views: Callable[..., Views]) -> Views:
    return invented_views(150)


@pytest.fixture(scope="module")
def views(frames: Views) -> ViewFrames:
    return read_views(frames)


def parsed(analysis: str) -> Plan:
    return parse_plan(HEAD + analysis, file="study.toml")


def message(analysis: str) -> str:
    with pytest.raises(UsageError) as caught:
        parsed(analysis)
    assert caught.value.exit_code == 2
    return str(caught.value)


def tables_of(plan: Plan, entry: Entry, views: ViewFrames) -> dict[str, pl.DataFrame]:
    def carry_out(one: Entry) -> object:
        return one.method.run(one.options, Task(plan=plan, entry=one, views=views, mark=""))

    compared = compare_variants(entry, carry_out(entry), carry_out)  # type: ignore[arg-type]
    assert compared.failures == {}
    return {table.part: table.frame for table in compared.tables}


def main_table(plan: Plan, entry: Entry, views: ViewFrames) -> pl.DataFrame:
    outcome = entry.method.run(entry.options, Task(plan=plan, entry=entry, views=views, mark=""))
    return outcome.tables[0].frame


def test_a_variant_is_the_analysis_with_other_options() -> None:
    [entry] = parsed(COX + LANDMARK + '"Breslow ties" = { ties = "breslow", conf_level = 0.9 }\n').entries

    assert [one.variant for one in entry.variants] == ["alive on day 60", "Breslow ties"]
    first, second = (one.options for one in entry.variants)
    assert (first.landmark, first.ties, first.covariates) == (60.0, "efron", ("age_years",))  # type: ignore[attr-defined]
    assert (second.landmark, second.ties, second.conf_level) == (None, "breslow", 0.9)  # type: ignore[attr-defined]
    assert entry.variants[0].spoken_name == "model, variant 'alive on day 60'"
    assert entry.variants[0].variants == ()


WRONG = {
    "unknown key": (
        '"x" = { landmrk = 60 }\n',
        "study.toml, analysis model, variant 'x': key 'landmrk' is unknown; did you mean landmark?",
    ),
    "unknown endpoint": (
        '"x" = { endpoint = "oss" }\n',
        "study.toml, analysis model, variant 'x': endpoint 'oss' is unknown; did you mean os?",
    ),
    "value of the wrong kind": (
        '"x" = { landmark = "60" }\n',
        "study.toml, analysis model, variant 'x': landmark must be a number, not a text; write landmark as a number",
    ),
    "no table": (
        '"x" = 60\n',
        "study.toml, analysis model, variant 'x': a variant must be a table of options such as { landmark = 30 }, "
        "not a whole number; write a variant as a table of options such as { landmark = 30 }",
    ),
    "another method": (
        '"x" = { method = "kaplan_meier" }\n',
        "study.toml, analysis model, variant 'x': a variant keeps its method; "
        "write another [[analysis]] and put it beside this one",
    ),
    "another name": (
        '"x" = { name = "other" }\n',
        "study.toml, analysis model, variant 'x': key 'name' is unknown; "
        "known are biased, censor_at, conf_level, covariates, endpoint, entry, landmark, missing, population, "
        "reference, residuals, strata and 2 more",
    ),
    "nothing changed": (
        '"x" = { ties = "efron" }\n',
        "study.toml, analysis model, variant 'x': it changes nothing of the analysis; "
        "name an option and another value of it",
    ),
    "nothing said": (
        '"x" = { }\n',
        "study.toml, analysis model, variant 'x': it changes nothing of the analysis; "
        "name an option and another value of it",
    ),
    "no name": (
        '" " = { landmark = 60 }\n',
        "study.toml, analysis model, variant ' ': the name of a variant stands in tables; write up to 60 characters",
    ),
    "name of the analysis itself": (
        '"as planned" = { landmark = 60 }\n',
        "study.toml, analysis model, variant 'as planned': so the rows of the analysis itself are called; "
        "choose another name",
    ),
    "several": (
        '"x" = { landmrk = 60 }\n' + COX.replace('"model"', '"other"') + '"y" = { ties = "exact" }\n',
        "study.toml: 2 analyses are wrong:\n"
        "  study.toml, analysis model, variant 'x': key 'landmrk' is unknown; did you mean landmark?\n"
        "  study.toml, analysis other, variant 'y': ties 'exact' is unknown; use efron or breslow; "
        "correct them all, then check again",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_variant_is_named(case: str) -> None:
    line, expected = WRONG[case]

    assert message(COX + line) == expected


def test_a_variant_does_not_smuggle_the_future_in(views: ViewFrames) -> None:
    with pytest.raises(GuardRefusal) as caught:
        check_plan(parsed(COX + LANDMARK + NAIVE), views)

    assert str(caught.value).startswith("study.toml, analysis model, variant 'ever or never' (adjusts by allo_hct): ")
    assert "immortal time" in str(caught.value)
    assert 'time_dependent = ["allo_hct"]' in str(caught.value)


def test_a_variant_does_not_inherit_that_its_analysis_is_biased(views: ViewFrames) -> None:
    naive = COX.replace('time_dependent = ["allo_hct"]', "biased = true").replace('"age_years"', '"ever_allo_hct"')

    verdicts = judge_plan(parsed(naive + '"Breslow ties" = { ties = "breslow" }\n'), views)

    assert [verdict.outcome for verdict in verdicts.values()] == [Outcome.BIASED, Outcome.REFUSED]


def test_a_variant_may_say_that_it_is_biased(views: ViewFrames) -> None:
    plan = parsed(COX + NAIVE_DECLARED)
    [entry] = plan.entries

    assert [verdict.outcome for verdict in check_plan(plan, views).values()] == [Outcome.ACCEPTED, Outcome.BIASED]
    assert tables_of(plan, entry, views)[PART]["is_biased"].to_list() == [False, True]


def test_the_rows_of_a_variant_are_those_of_the_analysis_written_out(views: ViewFrames) -> None:
    plan = parsed(COX + LANDMARK + '"Breslow ties" = { ties = "breslow" }\n')
    [entry] = plan.entries

    table = tables_of(plan, entry, views)[PART]

    assert table.columns[0] == "variant"
    assert table["variant"].to_list() == [PLANNED, "alive on day 60", "Breslow ties"]
    alone = {
        PLANNED: "",
        "alive on day 60": "landmark = 60\n",
        "Breslow ties": 'ties = "breslow"\n',
    }
    for name, line in alone.items():
        other = parsed(COX.replace("\n[analysis.variants]\n", line))
        expected = main_table(other, other.entries[0], views).filter("is_time_dependent")
        found = table.filter(pl.col("variant") == name).drop("variant", "is_biased", "n_analysed")
        assert_frame_equal(found, expected, check_exact=True)
    assert table["n_analysed"].to_list() == table["n_patients"].to_list()
    assert table["n_analysed"][0] == table["n_analysed"][2] > table["n_analysed"][1]
    assert table["coef"].n_unique() == 3


def test_curves_are_compared_by_median_and_by_their_values_at_fixed_times(views: ViewFrames) -> None:
    plan = parsed(CURVE + '"plain interval" = { conf_type = "plain" }\n"by Ph" = { group = "sex" }\n')
    [entry] = plan.entries

    tables = tables_of(plan, entry, views)

    assert list(tables) == [PART, f"{PART}_at"]
    assert tables[f"{PART}_at"]["variant"].to_list()[:3] == [PLANNED, PLANNED, "plain interval"]
    assert tables[PART]["variant"].to_list() == [PLANNED, "plain interval", "by Ph", "by Ph"]
    at = tables[f"{PART}_at"]
    planned, plain = (at.filter(pl.col("variant") == name) for name in (PLANNED, "plain interval"))
    assert planned["survival"].to_list() == plain["survival"].to_list()
    assert planned["lower"].to_list() != plain["lower"].to_list()


def test_the_same_estimate_of_each_variant_stands_below_the_other(views: ViewFrames) -> None:
    plan = parsed(CURVE + '"plain interval" = { conf_type = "plain" }\n')

    at = tables_of(plan, plan.entries[0], views)[f"{PART}_at"]

    assert at.select("variant", "time").rows() == [
        (name, time) for time in (365.25, 730.5) for name in (PLANNED, "plain interval")
    ]


def test_the_exposed_stand_for_a_test_and_everybody_for_a_rate(views: ViewFrames) -> None:
    plan = parsed(
        """
[[analysis]]
name = "test"
title = "Test"
method = "simon_makuch"
population = "responders"
endpoint = "os_from_response"
exposure = "allo_hct"
variants."landmark 30" = { landmark = 30 }

[[analysis]]
name = "rate"
title = "Rate"
method = "response_rate"
population = "cohort"
subgroups = ["sex"]
variants."those with B-ALL" = { population = "responders" }
"""
    )
    test, rate = (tables_of(plan, entry, views)[PART] for entry in plan.entries)

    assert test["state"].to_list() == ["1", "1"]
    assert rate["n"].to_list()[0] == 150
    assert rate["n_responders"].to_list() == [rate["n"][1]] * 2


@pytest.fixture(scope="module")
def reported(frames: Views, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunResult, str]:
    out = tmp_path_factory.mktemp("varied")
    submission = InputSubmission(
        site_id="site_a",
        submission_id="site_a-1",
        content_sha256="0" * 64,
        data_cutoff_date=date(2019, 5, 31),
        is_synthetic=True,
    )
    plan = parsed(COX + LANDMARK + NAIVE_DECLARED + CURVE + ABSENT + '"plain interval" = { conf_type = "plain" }\n')
    result = run_plan(plan, frames, provenance=Provenance(submissions=(submission,)), out=out)
    return result, write_report(result, out / "report.html").read_text(encoding="utf-8")


def test_a_failed_variant_fails_alone_and_sets_the_exit_code(reported: tuple[RunResult, str]) -> None:
    result, page = reported
    curve = result.analysis("curve")

    assert curve.failure == ""
    assert list(curve.failed_variants) == ["length of remission"]
    assert curve.table(PART)["variant"].to_list() == [PLANNED, "plain interval"]
    assert result.exit_code == 6
    assert "length of remission" in result.manifest["analyses"]["curve"]["failed_variants"]
    assert "Variant &#39;length of remission&#39;: it failed: endpoint duration_of_remission" in page


def test_results_and_report_have_the_variants_side_by_side(reported: tuple[RunResult, str]) -> None:
    result, page = reported

    stored = pl.read_parquet(result.out / f"results/model.{PART}.parquet")
    assert stored.columns[:3] == ["variant", "is_biased", "n_analysed"]
    assert stored["variant"].to_list() == [PLANNED, "alive on day 60", "ever or never"]
    assert "Hazard ratios: variants of the analysis" in page
    assert "Biased, as the plan says: &#39;ever or never&#39;." in page
    assert "Variant &#39;ever or never&#39;: biased, allo_hct becomes known" in page


def test_the_shipped_plan_varies_what_the_study_leaves_open() -> None:
    varied = {entry.name: entry.variants for entry in load_plan("realworld-2020").entries if entry.variants}

    changed = {
        option: {getattr(one.options, option, None) for variants in varied.values() for one in variants}
        for option in ("landmark", "ties", "conf_type", "endpoint")
    }
    assert {30.0, 60.0, 90.0, 180.0} <= changed["landmark"]
    assert "breslow" in changed["ties"]
    assert {"log", "plain"} <= changed["conf_type"]
    assert {"rfs_molecular", "efs"} <= changed["endpoint"]
