"""The core of a plan: the marked analyses, the same as in the whole plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from blinreg.analyses.plans import InputSubmission, Provenance, load_plan, run_plan
from blinreg.analyses.plans.core import core_of
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.report.page import render_report
from blinreg.schemas.errors import UsageError

PROVENANCE = Provenance(
    submissions=(InputSubmission(site_id="site_a", submission_id="a-1", content_sha256="a" * 64, is_synthetic=True),)
)
PLAN = """
[study]
name = "small"
title = "Small"
key_findings = ["os", "table"]

[[analysis]]
name = "table"
title = "Table 1"
method = "table_one"
population = "cohort"
variables = ["sex", "age_years"]

[[analysis]]
name = "os"
title = "Overall survival"
method = "kaplan_meier"
core = true
beside = "table"
population = "cohort"
endpoint = "os"
variants."plain interval" = { conf_type = "plain" }

[[analysis]]
name = "os_by_sex"
title = "Overall survival by sex"
method = "kaplan_meier"
core = true
population = "cohort"
endpoint = "os"
group = "sex"
beside = "os"
"""


def test_the_core_is_what_is_marked() -> None:
    core = core_of(parse_plan(PLAN, file="small.toml"))

    assert [entry.name for entry in core.entries] == ["os", "os_by_sex"]
    assert core.left_out == ("table",)
    assert core.study.key_findings == ("os",)
    # What stood beside an analysis that is left out stands alone; a variant stays.
    assert [entry.beside for entry in core.entries] == ["", "os"]
    assert [variant.variant for variant in core.entry("os").variants] == ["plain interval"]


def test_a_plan_without_marks_has_no_core() -> None:
    plan = parse_plan(PLAN.replace("core = true\n", ""), file="small.toml")

    with pytest.raises(UsageError, match=r"no analysis of small\.toml belongs to its core"):
        core_of(plan)


def test_the_core_of_the_study_answers_its_question() -> None:
    plan = load_plan("realworld-2020")
    core = core_of(plan)

    assert core.headline == plan.headline
    assert core.entries == tuple(entry for entry in plan.entries if entry.core)
    assert {"table_one", "response_rate", "kaplan_meier", "cox", "simon_makuch"} <= {
        entry.method.name for entry in core.entries
    }
    assert {number.analysis for number in core.published} <= {entry.name for entry in core.entries}


@pytest.mark.parametrize(("without", "kept"), [("transplant_cox", False), ("transplant_cox_naive", True)])
def test_a_headline_needs_its_model_and_its_test(without: str, *, kept: bool) -> None:
    plan = load_plan("realworld-2020")
    marked = Path(__file__).parents[2] / "analyses" / "plans" / plan.file
    text = marked.read_text(encoding="utf-8")
    place = text.index("core = true", text.index(f'name = "{without}"'))
    fewer = core_of(parse_plan(text[:place] + text[place:].replace("core = true", "", 1), file=plan.file))

    assert (fewer.headline is not None) == kept
    assert fewer.headline is None or fewer.headline.contrast == ""


def test_the_whole_plan_keeps_the_results_of_the_core(
    tmp_path: Path, invented_views: Callable[..., dict[str, pl.DataFrame]]
) -> None:
    views, plan = invented_views(40, seed=3), parse_plan(PLAN.replace('beside = "table"\n', ""), file="small.toml")

    core = run_plan(core_of(plan), views, provenance=PROVENANCE, out=tmp_path)
    whole = run_plan(plan, views, provenance=PROVENANCE, out=tmp_path)

    assert core.manifest["plan"]["left_out"] == ["table"]
    assert "The core of the plan: 2 of its 3 analyses; the others were not carried out." in render_report(core)
    assert whole.kept == ("os", "os_by_sex")
    assert "The core of the plan" not in render_report(whole)
