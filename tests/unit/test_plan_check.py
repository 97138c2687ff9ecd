"""What `blinreg plan check` rests on: syntax errors with their line, every wrong analysis at once, every verdict."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from blinreg.analyses.plans.guard import Outcome, judge_plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.views import read_views
from blinreg.schemas.errors import UsageError

Views = dict[str, pl.DataFrame]
STUDY = """[study]
name = "small"
title = "A small study"
"""
CURVE = """
[[analysis]]
name = "{name}"
title = "Curve"
method = "kaplan_meier"
population = "cohort"
endpoint = "{endpoint}"
"""
NEXT = '; correct it: texts stand in "quotes", lists in [ ], a table in { } on one line'


def message(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_plan(text, file="study.toml")
    return str(caught.value)


SYNTAX = {
    "text without quotes": (
        STUDY.replace('"small"', "small"),
        "study.toml, line 2 is not valid TOML: Invalid value; there stands: name = small",
    ),
    "quote that is not closed": (
        STUDY + 'question = "Does it help?\n',
        "study.toml, line 4 is not valid TOML: Illegal character '\\n'; there stands: question = \"Does it help?",
    ),
    "key twice": (
        STUDY + 'name = "again"\n',
        'study.toml, line 4 is not valid TOML: Cannot overwrite a value; there stands: name = "again"',
    ),
    "table over two lines": (
        STUDY + "[population.rr]\nwhere = {\n",
        "study.toml, line 5 is not valid TOML: Invalid initial character for a key part; there stands: where = {",
    ),
    "end of the text": (
        STUDY + 'key_findings = ["os"',
        'study.toml, line 4 is not valid TOML: Unclosed array; there stands: key_findings = ["os"',
    ),
}


@pytest.mark.parametrize("case", SYNTAX)
def test_a_syntax_error_names_the_line_and_what_stands_there(case: str) -> None:
    text, expected = SYNTAX[case]

    assert message(text) == expected + NEXT


def test_every_wrong_analysis_is_named_at_once() -> None:
    text = STUDY + "".join(CURVE.format(name=name, endpoint=f"{name}x") for name in ("os", "efs"))

    assert message(text) == (
        "study.toml: 2 analyses are wrong:\n"
        "  study.toml, analysis os: endpoint 'osx' is unknown; did you mean os?\n"
        "  study.toml, analysis efs: endpoint 'efsx' is unknown; did you mean efs or rfs?; "
        "correct them all, then check again"
    )


def test_every_analysis_is_judged_though_one_is_refused(invented_views: Callable[..., Views]) -> None:
    late = CURVE.format(name="late", endpoint="os") + 'group = "ever_allo_hct"\n'
    plan = parse_plan(
        STUDY + late + late.replace('"late"', '"said"') + "biased = true\n" + CURVE.format(name="os", endpoint="os"),
        file="study.toml",
    )

    verdicts = judge_plan(plan, read_views(invented_views(60)))

    assert {name: verdict.outcome for name, verdict in verdicts.items()} == {
        "late": Outcome.REFUSED,
        "said": Outcome.BIASED,
        "os": Outcome.ACCEPTED,
    }
