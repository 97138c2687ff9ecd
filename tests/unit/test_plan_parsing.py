"""A plan is parsed into frozen objects; what is wrong in it is named, with file, entry and the nearest names."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from blinreg.analyses.plans import load_plan, shipped_plans
from blinreg.analyses.plans.methods import METHODS
from blinreg.analyses.plans.methods.cox import CoxOptions
from blinreg.analyses.plans.parse import parse_plan
from blinreg.schemas.errors import UsageError

STUDY = """
[study]
name = "small"
title = "A small study"
"""
POPULATIONS = """
[population.rr]
title = "Relapsed or refractory"
where.indication = { is = "relapsed_refractory" }
"""
ANALYSIS = """
[[analysis]]
name = "os_model"
title = "Overall survival"
method = "cox"
population = "rr"
endpoint = "os"
time_dependent = ["allo_hct"]
covariates = ["age_years"]
"""
GOOD = STUDY + POPULATIONS + ANALYSIS


def message(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_plan(text, file="study.toml")
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_plan_becomes_frozen_objects() -> None:
    plan = parse_plan(GOOD, file="study.toml")

    [entry] = plan.entries
    assert entry.method is METHODS["cox"]
    assert entry.options == CoxOptions(
        population="rr", endpoint="os", time_dependent=("allo_hct",), covariates=("age_years",)
    )
    assert str(plan.populations["rr"].conditions[0]) == "indication is relapsed refractory"
    with pytest.raises(FrozenInstanceError):
        plan.file = "other"  # type: ignore[misc]


def test_a_responder_population_is_a_condition_on_response() -> None:
    text = GOOD + '[population.responders]\ntitle = "Responders"\nfrom = "rr"\nresponder = true\n'

    plan = parse_plan(text, file="study.toml")

    assert [population.name for population in plan.lineage("responders")] == ["rr", "responders"]
    assert plan.populations["responders"].conditions[0].variable == "is_responder"


def test_the_hash_is_of_the_text() -> None:
    same, other = parse_plan(GOOD, file="a.toml"), parse_plan(GOOD + "\n", file="a.toml")

    assert parse_plan(GOOD, file="b.toml").text_sha256 == same.text_sha256 != other.text_sha256


WRONG = {
    "not TOML": (
        "[study\n",
        "study.toml, line 1 is not valid TOML: Expected ']' at the end of a table declaration; there stands: [study; "
        'correct it: texts stand in "quotes", lists in [ ], a table in { } on one line',
    ),
    "unknown table": (
        GOOD + '[populations.x]\ntitle = "X"\n',
        "study.toml: key 'populations' is unknown; did you mean population?",
    ),
    "unknown key": (
        GOOD.replace("endpoint =", "endpiont ="),
        "study.toml, analysis os_model: key 'endpiont' is unknown; did you mean endpoint or section or note?",
    ),
    "unknown endpoint": (
        GOOD.replace('"os"', '"os_from_respons"'),
        "study.toml, analysis os_model: endpoint 'os_from_respons' is unknown; did you mean os_from_response or "
        "os_from_transplant or pfs_from_transplant?",
    ),
    "unknown method": (
        GOOD.replace('"cox"', '"coxx"'),
        "study.toml, analysis os_model: method 'coxx' is unknown; did you mean cox?",
    ),
    "unknown exposure": (
        GOOD.replace('"allo_hct"', '"alo_hct"'),
        "study.toml, analysis os_model: time-dependent exposure 'alo_hct' is unknown; did you mean allo_hct or "
        "allo_hct_in_remission?",
    ),
    "unknown variable": (
        GOOD.replace('"age_years"', '"age"'),
        "study.toml, analysis os_model: variable 'age' is unknown; did you mean age_years?",
    ),
    "unknown population": (
        GOOD.replace('population = "rr"', 'population = "r"'),
        "study.toml, analysis os_model: population 'r' is unknown; did you mean rr?",
    ),
    "unknown column of a condition": (
        GOOD.replace("where.indication", "where.indicatoin"),
        "study.toml, population rr: column 'indicatoin' is unknown; "
        "did you mean indication or conditioning or combination?",
    ),
    "unknown code": (
        GOOD.replace('"relapsed_refractory"', '"relapsed"'),
        "study.toml, population rr, column indication: code 'relapsed' is unknown; did you mean relapsed_refractory?",
    ),
    "unknown operator": (
        GOOD.replace("{ is =", "{ equals ="),
        "study.toml, population rr, column indication: operator 'equals' is unknown; known are at_least, "
        "at_most, in, is, is_not, less_than, more_than",
    ),
    "order of a code": (
        GOOD.replace("{ is =", "{ at_least ="),
        "study.toml, population rr, column indication: at_least compares numbers and indication has none; "
        "use is, is_not or in",
    ),
    "wrong type": (
        GOOD.replace('["age_years"]', '"age_years"'),
        "study.toml, analysis os_model: covariates must be a list of texts, not a text; "
        "write covariates as a list of texts",
    ),
    "wrong choice": (
        GOOD + 'ties = "exact"\n',
        "study.toml, analysis os_model: ties 'exact' is unknown; use efron or breslow",
    ),
    "true as a number": (
        GOOD + "conf_level = true\n",
        "study.toml, analysis os_model: conf_level must be a number, not true or false; write conf_level as a number",
    ),
    "percent as a share": (
        GOOD + "conf_level = 95\n",
        "study.toml, analysis os_model: conf_level must be at most 0.999; write conf_level = 0.999 or less",
    ),
    "landmark before the origin": (
        GOOD + "landmark = -1\n",
        "study.toml, analysis os_model: landmark must be at least 0; write landmark = 0 or more",
    ),
    "missing key": (
        GOOD.replace('endpoint = "os"\n', ""),
        "study.toml, analysis os_model: endpoint is missing; add endpoint = ...",
    ),
    "no analysis": (
        STUDY,
        "study.toml: there is no analysis; add one with [[analysis]]",
    ),
    "same name twice": (
        GOOD + ANALYSIS,
        "study.toml, analysis os_model: two analyses have this name; rename one",
    ),
    "name that is a path": (
        GOOD.replace('"os_model"', '"../os"'),
        "study.toml, analysis ../os: name '../os' cannot name a file; use lower-case letters, digits and underscores",
    ),
    "beside nothing": (
        GOOD + 'beside = "os_modle"\n',
        "study.toml, analysis os_model: analysis 'os_modle' is unknown; did you mean os_model?",
    ),
    "key finding of nothing": (
        GOOD.replace('title = "A small study"', 'title = "A"\nkey_findings = ["os"]'),
        "study.toml, study: analysis 'os' is unknown; known are os_model",
    ),
    "headline of another method": (
        GOOD + '[headline]\neffect = "os_model"\nterm = "allo_hct"\ntest = "os_model"\n',
        "study.toml, headline: test 'os_model' has method cox; name one with method simon_makuch",
    ),
    "variable that is a column": (
        GOOD + '[variable.sex]\nlabel = "Sex"\ncolumn = "age_years"\n',
        "study.toml, variable sex: sex is a column already; choose another name",
    ),
    "variable that is a column of the rows": (
        GOOD + '[variable.event]\nlabel = "Event"\ncolumn = "age_years"\n',
        "study.toml, variable event: event is a column of the rows of every analysis; choose another name",
    ),
    "variable of nothing": (
        GOOD + '[variable.x]\nlabel = "X"\n',
        "study.toml, variable x: a variable is a column or has levels; give either column or levels",
    ),
    "label of nothing": (
        GOOD + '[label]\nagee_years = "Age"\n',
        "study.toml, label: variable 'agee_years' is unknown; did you mean age_years?",
    ),
    "word for no code": (
        GOOD + '[words.sex]\nmen = "Men"\n',
        "study.toml, words, sex: code 'men' is unknown; did you mean male?",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(case: str) -> None:
    text, expected = WRONG[case]

    assert message(text) == expected


def test_a_population_cannot_contain_itself() -> None:
    text = GOOD + '[population.a]\ntitle = "A"\nfrom = "a"\n'

    assert message(text) == "study.toml, population a: population 'a' is unknown; known are cohort, rr"


def test_a_shipped_plan_is_found_by_its_name() -> None:
    assert load_plan("realworld-2020").study.name == "realworld-2020"
    assert "realworld-2020" in shipped_plans()


def test_an_unknown_plan_gives_the_nearest_names() -> None:
    with pytest.raises(UsageError) as caught:
        load_plan("realword")

    assert str(caught.value) == (
        "no plan is called 'realword'; did you mean realworld-2020? A path of a plan ends in .toml"
    )


def test_a_plan_is_read_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")

    plan = load_plan(path)

    assert (plan.name, plan.file) == ("small", "mine.toml")


def test_files_that_are_no_plans_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match="cannot be read as UTF-8 text"):
        load_plan(binary)
    with pytest.raises(UsageError, match="there is no plan file"):
        load_plan(tmp_path / "none.toml")
