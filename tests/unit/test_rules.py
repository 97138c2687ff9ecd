"""Are the declarations of the quality rules sound, and is what is rendered from them what they say?"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.gate import gate_rules
from blinreg.schemas.render.rules_page import rules_page
from blinreg.schemas.rules import CELL, CONTEXTS, RULES, Category, Origin, Rule, Severity, rule
from blinreg.schemas.rules.parse import members_of
from blinreg.schemas.rules.sql import SubmissionFacts, contexts_of, is_checked, verdict
from blinreg.schemas.rules.store import QUALITY
from blinreg.schemas.tables import TABLES, table

FACTS = SubmissionFacts(
    site_id="site-a",
    created_date=date(2020, 6, 1),
    data_cutoff_date=date(2020, 5, 31),
    sent_tables=("patient", "follow_up"),
)

DECLARED = [each for each in RULES if each.origin is Origin.DECLARED]

SOUND: dict[str, Any] = {
    "id": "gvhd.grade.odd",
    "title": "Odd",
    "category": "plausibility.atemporal",
    "severity": "warn",
    "wrong": "odd",
    "fix": "even",
    "reason": "an example",
    "source": "none",
    "bad": "grade % 2 = 1",
    "passes": {"row": {"grade": 2}},
    "fails": {"row": {"grade": 1}},
    "unknown": {"row": {}},
}


def test_every_id_is_used_once() -> None:
    assert len({each.id for each in RULES}) == len(RULES)


def test_there_are_rules_of_every_kind() -> None:
    assert {each.category for each in DECLARED} == set(Category)
    assert {each.severity for each in DECLARED} == set(Severity)
    keys_only = {"enrolment_stratum", "enrolment_population"}
    assert {each.table for each in DECLARED} == {each.name for each in TABLES} - keys_only | {CELL}
    assert len({(each.topic, each.declaration) for each in DECLARED}) > 120


def test_every_test_of_the_gate_is_in_the_list() -> None:
    listed = {each.id for each in RULES if each.origin is Origin.COLUMN}
    assert listed == {test.rule for definition in TABLES for test in gate_rules(definition)}


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.id)
def test_a_rule_says_what_is_wrong_and_why(each: Rule) -> None:
    for text in (each.title, each.message, each.reason):
        assert text == text.strip()
        assert "\n" not in text
        assert "{" not in text.replace("{0,", "").replace("{1,", "") or each.origin is Origin.COLUMN
    assert not each.message.endswith(".")
    assert ":" in each.message or each.origin is not Origin.DECLARED
    assert bool(each.predicate) == (each.origin in {Origin.DECLARED, Origin.TABLE})


def test_only_privacy_and_files_refuse_a_submission_whole() -> None:
    refusing = [each for each in RULES if each.severity is Severity.REJECT_SUBMISSION]
    assert all(each.category is Category.PRIVACY or each.origin is Origin.FILE for each in refusing)


def test_a_share_has_limits_and_is_only_a_warning() -> None:
    for each in RULES:
        has_limits = each.threshold.max_percent is not None or each.threshold.min_percent is not None
        assert has_limits == (each.report == "share")
        assert each.report == "rows" or each.severity is Severity.WARN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"severity": None}, "missing keys"),
        ({"predicate": "x"}, "unknown keys"),
        ({"unknown": None}, "give an example that is unknown"),
        ({"id": "gvhd.grade"}, "an id is table.subject.kind"),
        ({"columns": ["grad"]}, "are no columns of gvhd"),
        ({"passes": {"row": {"grad": 2}}}, "are no columns"),
        ({"fails": {"row": {}, "transplant": [{"transplant_dat": "2019"}]}}, "are no columns"),
        ({"severity": "reject"}, "is not a valid Severity"),
        ({"id": "gvh.grade.odd"}, "no table is called"),
    ],
)
def test_a_slip_in_a_declaration_is_an_error(change: dict[str, Any], message: str) -> None:
    raw = {key: value for key, value in {**SOUND, **change}.items() if value is not None}
    with pytest.raises((ValueError, UsageError), match=message):
        list(members_of(raw, "example.toml"))


def test_a_family_is_read_once_for_every_column() -> None:
    raw = {**SOUND, "id": "{table}.{column}.odd", "for_each": ["gvhd.grade", "adverse_event.grade"]}
    raw |= {"bad": "{column} % 2 = 1", "passes": {"row": {"{column}": 2}}}
    members = list(members_of(raw, "example.toml"))
    assert [member.id for member in members] == ["gvhd.grade.odd", "adverse_event.grade.odd"]
    assert [member.member for member in members] == ["gvhd.grade", "adverse_event.grade"]
    assert members[1].predicate == "grade % 2 = 1"
    assert members[1].examples[0].row == {"grade": 2}


def test_an_example_may_ask_for_any_sound_value() -> None:
    raw = {**SOUND, "passes": {"row": {"grade_scale": "{any}", "grade": 2}}}
    (member,) = members_of(raw, "example.toml")
    assert member.examples[0].row["grade_scale"] in table("gvhd").column("grade_scale").codes


def test_contexts_are_found_in_the_sql_and_not_in_its_texts() -> None:
    (member,) = members_of({**SOUND, "bad": "grade_scale = 'chart.x' and graft.earliest is null"}, "example.toml")
    assert [context.name for context in contexts_of(member, CONTEXTS)] == ["graft"]
    assert verdict(member, CONTEXTS, FACTS) == "(grade_scale = 'chart.x' and graft__earliest is null)"


def test_what_a_rule_knows_of_the_submission_is_written_in() -> None:
    raw = {**SOUND, "applies": "list_contains(submission.sent_tables, 'gvhd')"}
    raw["bad"] = "onset_date_earliest > submission.created_date"
    (member,) = members_of(raw, "example.toml")
    about = "coalesce(list_contains(cast(['patient', 'follow_up'] as varchar[]), 'gvhd'), false)"
    assert is_checked(member, CONTEXTS, FACTS) == about
    assert verdict(member, CONTEXTS, FACTS) == f"{about} and (onset_date_earliest > date '2020-06-01')"


def test_an_unknown_rule_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=re.escape("gvhd.onset_date.before_transplant")):
        rule("gvhd.onset_date.before_transplan")


def test_the_page_has_every_declaration_and_every_example() -> None:
    page = rules_page()
    for each in DECLARED:
        assert f"`{each.family}`" in page or f"`{each.id}`" in page
    firsts = {(each.topic, each.declaration): each for each in reversed(DECLARED)}.values()
    assert page.count("\n- fails: ") == sum(
        example.expected.value == "fails" for each in firsts for example in each.examples
    )


def test_the_relations_of_the_rules_have_descriptions_and_keys() -> None:
    assert [relation.name for relation in QUALITY] == ["rule", "rule_result", "threshold", "limit_in_force", "verdict"]
