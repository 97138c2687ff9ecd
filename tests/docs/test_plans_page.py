"""Does the plan that docs/plans.md shows work, and is every line of its table of variants one that the parser takes?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from jsonschema import Draft202012Validator

from blinreg.analyses.plans.guard import check_plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.row_request import request_of, take_rows
from blinreg.analyses.plans.schema import plan_schema
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import read_views

PAGE = (Path(__file__).parents[2] / "docs" / "plans.md").read_text(encoding="utf-8")
[PLAN] = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
LINES = re.findall(r"^\| [^|]+ \| `(\"[^`]+)`", PAGE, re.M)
BASES = {
    "cox": 'method = "cox"\npopulation = "rr_responders"\nendpoint = "os_from_response"\n'
    'time_dependent = ["allo_hct"]\ncovariates = ["salvage"]\n',
    "kaplan_meier": 'method = "kaplan_meier"\npopulation = "rr"\nendpoint = "rfs"\n',
}


def test_the_plan_passes_schema_parser_and_guard(invented_views: Callable[..., dict[str, pl.DataFrame]]) -> None:
    plan, views = parse_plan(PLAN, file="my_study.toml"), read_views(invented_views(120))

    assert list(Draft202012Validator(plan_schema()).iter_errors(tomllib.loads(PLAN))) == []
    assert list(check_plan(plan, views)) == [one.spoken_name for one in plan.judged]
    for one in plan.judged:
        assert take_rows(Task(plan=plan, entry=one, views=views, mark=""), request_of(one)).frame.height


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_table_is_a_variant(line: str) -> None:
    method = "kaplan_meier" if re.search("rfs|conf_type|censor_at", line) else "cox"
    analysis = f'\n[[analysis]]\nname = "base"\ntitle = "Base"\n{BASES[method]}\n[analysis.variants]\n{line}\n'

    [variant] = parse_plan(PLAN + analysis, file="table.toml").entry("base").variants

    assert variant.variant in line
