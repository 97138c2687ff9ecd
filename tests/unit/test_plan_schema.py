"""The published schema of plans: fresh, complete, and of one mind with the parser."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from blinreg.analyses.plans import shipped_plans
from blinreg.analyses.plans.methods import METHODS
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.render_reference import RENDERED
from blinreg.analyses.plans.schema import plan_schema
from blinreg.schemas.errors import UsageError

TOP = Path(__file__).parents[2]
SCHEMA = plan_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
GOOD = """
[study]
name = "small"
title = "A small study"

[population.rr]
title = "Relapsed or refractory"
where = { indication = { is = "relapsed_refractory" }, age_years = { at_least = 18 } }

[population.responders]
title = "Responders"
from = "rr"
responder = true

[variable.age_decades]
label = "Age, per 10 years"
column = "age_years"
per = 10

[variable.salvage]
label = "Salvage"
levels = [{ level = "first", where.n_prior_lines = { at_most = 1 } }]

[label]
age_decades = "Age"

[words.sex]
male = "men"

[headline]
effect = "model"
term = "allo_hct"
test = "curves"

[[analysis]]
name = "model"
title = "Model"
method = "cox"
population = "responders"
endpoint = "os_from_response"
time_dependent = ["allo_hct"]
covariates = ["age_decades"]
reference = { sex = "male" }
entry = "registration"
missing = "complete_case"

[analysis.variants]
"Breslow ties" = { ties = "breslow" }

[[analysis]]
name = "curves"
title = "Curves"
section = "Survival"
note = "Simon-Makuch"
beside = "model"
method = "simon_makuch"
population = "responders"
endpoint = "os_from_response"
exposure = "allo_hct"
landmark = 30
"""


def errors_of(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(tomllib.loads(text))]


@pytest.mark.parametrize("path", RENDERED)
def test_rendered_file_is_fresh(path: str) -> None:
    assert (TOP / path).read_text(encoding="utf-8") == RENDERED[path](), f"{path} is stale: run `make render`"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_shipped_plans_are_valid() -> None:
    folder = resources.files("blinreg.analyses.plans")
    for name in shipped_plans():
        assert errors_of((folder / f"{name.replace('-', '_')}.toml").read_text(encoding="utf-8")) == []


def test_a_plan_that_the_parser_takes_is_valid() -> None:
    parse_plan(GOOD, file="study.toml")

    assert errors_of(GOOD) == []


#: What schema and parser both refuse: a piece of the plan and what it becomes.
WRONG = {
    "unknown table": ("[label]", "[labels]"),
    "unknown key": ("time_dependent =", "time_dependant ="),
    "unknown key of the study": ('title = "A small study"', 'titel = "A small study"'),
    "unknown method": ('"simon_makuch"', '"simon"'),
    "unknown endpoint": ('endpoint = "os_from_response"\nexposure', 'endpoint = "oss"\nexposure'),
    "unknown exposure": ('exposure = "allo_hct"', 'exposure = "hct"'),
    "unknown column": ("age_years = { at_least", "agee_years = { at_least"),
    "unknown code": ('"relapsed_refractory"', '"relapsed"'),
    "unknown operator": ("{ at_least = 18 }", "{ over = 18 }"),
    "order of a code": ('indication = { is = "relapsed_refractory" }', "indication = { at_least = 1 }"),
    "text for a number": ("landmark = 30", 'landmark = "30"'),
    "number out of range": ("landmark = 30", "landmark = -30"),
    "percent for a share": ('missing = "complete_case"', "conf_level = 95"),
    "text for a list": ('covariates = ["age_decades"]', 'covariates = "age_decades"'),
    "list of another length": ("landmark = 30", 'state_labels = ["one"]'),
    "unknown choice": ('ties = "breslow"', 'ties = "exact"'),
    "missing key": ('exposure = "allo_hct"\n', ""),
    "missing title": ('title = "Responders"\n', ""),
    "name that is a path": ('name = "curves"', 'name = "../curves"'),
    "unknown word for entry": ('entry = "registration"', 'entry = "birth"'),
    "level without a condition": (", where.n_prior_lines = { at_most = 1 }", ""),
    "variable with both": ("per = 10", "per = 10\nlevels = [{ level = 'x', where.age_years = { is = 1 } }]"),
    "unknown key of a variant": ('{ ties = "breslow" }', '{ tie = "breslow" }'),
    "method of a variant": ('{ ties = "breslow" }', '{ method = "kaplan_meier" }'),
    "variant of nothing": ('{ ties = "breslow" }', "{ }"),
}


@pytest.mark.parametrize("case", WRONG)
def test_schema_and_parser_refuse_the_same(case: str) -> None:
    old, new = WRONG[case]
    assert GOOD.count(old) == 1
    text = GOOD.replace(old, new)

    with pytest.raises(UsageError):
        parse_plan(text, file="study.toml")
    assert errors_of(text)


@pytest.mark.parametrize("method", METHODS)
def test_every_key_says_what_it_means(method: str) -> None:
    properties: dict[str, Any] = SCHEMA["$defs"][f"method_{method}"]["properties"]

    assert [key for key, schema in properties.items() if key != "method" and not schema.get("description")] == []


def test_the_schema_stands_on_its_own() -> None:
    """Every reference is defined, and every definition is used."""
    text = json.dumps(SCHEMA)
    used = {piece.split('"')[0] for piece in text.split('"$ref": "#/$defs/')[1:]}

    assert used == set(SCHEMA["$defs"])
