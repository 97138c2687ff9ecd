"""The site page: says what to do, shows every value but personal ones, is escaped and loads nothing."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.report.review import SITE_FRAMES
from blinreg.analyses.report.site_findings import MOST, MOST_OF_A_RULE
from blinreg.analyses.report.site_page import site_page
from blinreg.schemas.errors import InputError

VOID = {"meta", "br", "input", "wbr", "line", "rect"}
CODE, RANGE, EMAIL, OLD = "patient.sex.code", "baseline.ecog.range", "privacy.text.email", "patient.patient_id.old"
QUANTILES = ("p5", "p25", "p50", "p75", "p95")
RULES = {
    CODE: ("The value is none of the codes", "conformance.value", "reject_row"),
    RANGE: ("The number is out of range", "conformance.value", "warn"),
    EMAIL: ("An e-mail address", "privacy", "reject_submission"),
    OLD: ("Looks like a record number", "privacy", "warn"),
}


def frame(name: str, *rows: Mapping[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(SITE_FRAMES[name]))


def rule(name: str, **counts: Any) -> dict[str, Any]:
    title, category, severity = RULES[name]
    usual = {"n_checked": 40, "n_bad": 1, "n_unknown": 2, "verdict_by_threshold": "too_many", "reason": f"why {name}"}
    return {"rule": name, "title": title, "category": category, "severity": severity} | usual | counts


def finding(name: str = CODE, **values: Any) -> dict[str, Any]:
    table_name, column, _ = name.split(".")
    usual = {
        "rule": name,
        "severity": RULES[name][2] if name in RULES else "warn",
        "table": table_name,
        "file": f"{table_name}.csv",
        "line": 7,
        "column": column,
        "value": "m",
        "message": "not one of the codes",
        "how_to_fix": "write male or female",
        "patient_id": "A12-003",
        "status": "new",
    }
    return usual | values


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the makers of a review hand over."""

    verdict: str = "quarantined"
    submission_id: str = "a-2"
    site_id: str = "site-a"
    is_synthetic: bool = False
    is_export: bool = False
    created_at: str = "2019-07-01"
    n_rows_by_table: Mapping[str, int] = field(default_factory=lambda: {"patient": 25, "gvhd": 0})
    n_held_back: int = 0
    rejection: str = ""
    previous_submission_id: str = "a-1"
    findings: pl.DataFrame = field(default_factory=partial(frame, "findings"))
    rules: pl.DataFrame = field(default_factory=lambda: frame("rules", *(rule(name) for name in RULES)))
    resolved: pl.DataFrame = field(default_factory=partial(frame, "resolved"))
    completeness: pl.DataFrame = field(default_factory=partial(frame, "completeness"))
    timeliness: pl.DataFrame = field(default_factory=partial(frame, "timeliness"))
    distributions: pl.DataFrame = field(default_factory=partial(frame, "distributions"))
    changes: pl.DataFrame = field(default_factory=partial(frame, "changes"))
    segments: pl.DataFrame = field(default_factory=partial(frame, "segments"))
    effects: pl.DataFrame = field(default_factory=partial(frame, "effects"))


def of(*found: Mapping[str, Any], **facts: Any) -> str:
    return site_page(Review(findings=frame("findings", *found), **facts))


def words(html: str) -> str:
    """Text of the page as it is read: without styles, scripts and tags."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body.replace("<wbr>", "")))


class Closed(HTMLParser):
    """Fails on a tag that is not closed, or in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full() -> Review:
    """A review with something in every frame."""
    effect = {"endpoint": "os", "n_patients_before": 24, "n_patients_after": 25, "events_before": 9}
    effect |= {"events_after": 11, "person_days_before": 9000, "person_days_after": 9100, "median_months_before": None}
    number = {"variable": "age", "title": "Age", "unit": "years", "kind": "number", "site_n": 25, "others_n": 90}
    number |= {f"{who}_{name}": 10.0 * place for who in ("site", "others") for place, name in enumerate(QUANTILES, 2)}
    code = {"variable": "sex", "title": "Sex", "kind": "code", "level": "male", "site_n": 12, "site_percent": 48.0}
    column = {"table": "baseline", "column": "ecog", "title": "ECOG", "n_rows": 30, "n_missing": 12, "required": True}
    return Review(
        findings=frame("findings", finding(), finding(RANGE, status="persisting")),
        resolved=frame("resolved", {key: value for key, value in finding().items() if key != "status"}),
        completeness=frame("completeness", column | {"percent": 40.0, "percent_other_sites": 5.0}),
        timeliness=frame(
            "timeliness", {"measure": "Days since data cutoff", "value": 31, "unit": "days", "sites_median": 45.5}
        ),
        distributions=frame("distributions", number, code),
        changes=frame(
            "changes",
            {"table": "baseline", "key": "A12-003", "column": "ecog", "before": "1", "after": None, "kind": "changed"},
            {"table": "gvhd", "key": "A12-004, 1", "kind": "removed"},
        ),
        effects=frame("effects", effect | {"median_months_after": 11.25}),
    )


@pytest.mark.parametrize(
    ("verdict", "found", "said"),
    [
        ("clean", [], ["Nothing to correct", "All rows are accepted"]),
        (
            "warnings",
            [finding(RANGE)],
            ["All rows are accepted, with 1 doubtful value", "Look at the 1 doubtful value:"],
        ),
        ("quarantined", [finding()], ["1 of 25 rows is not accepted", "Correct the 1 row in your files"]),
        (
            "quarantined",
            [finding(), finding(RANGE, severity="reject_row", table="patient"), finding(line=8), finding(RANGE)],
            ["2 of 25 rows are not accepted", "for 3 findings", "Look at the 1 doubtful value:"],
        ),
    ],
)
def test_the_verdict_is_in_words_with_what_to_do_next(verdict: str, found: list[Any], said: list[str]) -> None:
    page = words(of(*found, verdict=verdict))

    assert [sentence for sentence in said if sentence not in page] == []


def test_rows_that_wait_for_others_are_not_called_accepted() -> None:
    page = words(of(finding(), verdict="quarantined", n_held_back=20))

    assert "21 of 25 rows are not accepted 1 row must be corrected, and counts nowhere until then." in page
    assert "20 rows with nothing wrong belong to them and wait with them. The others are accepted." in page


def test_a_clean_submission_with_a_share_beyond_its_limit_says_so() -> None:
    page = words(of(verdict="clean", rules=frame("rules", rule(RANGE, verdict_by_threshold="too_many"))))

    assert "Nothing to correct, but look at some shares" in page
    assert "1 share of rows, such as of values not known, is beyond the limit." in page
    assert "no rule found anything doubtful" not in page


def test_a_rejected_submission_says_why_and_what_to_do() -> None:
    page = words(of(finding(EMAIL), verdict="rejected", rejection="1 cell holds an e-mail address; remove it"))

    assert "This submission cannot be accepted 1 cell holds an e-mail address; remove it What to do next" in page
    assert "Submission refused for 1 finding" in page


def test_a_finding_says_where_it_is_what_it_is_and_how_to_correct_it() -> None:
    page = words(of(finding()))

    assert "line 7 patient.csv sex m write male or female ✗ row not accepted" in page
    assert f"Why it matterswhy {CODE}" in page
    assert "PatientA12-003" in page


def test_the_reason_of_a_rule_is_in_plain_words_with_its_counts() -> None:
    page = words(of(finding(), finding(line=8)))

    assert (
        f"The value is none of the codes {CODE} Why {CODE}. ✗ row not accepted 1 2.5% of 40 2 unknown exceeded" in page
    )
    assert "show 2" in page


def test_a_rule_on_several_tables_stands_once_with_the_sum() -> None:
    rules = frame("rules", rule(RANGE), rule(RANGE, n_checked=10, n_bad=4, n_unknown=0))

    page = words(of(finding(RANGE), rules=rules))

    assert "? to be checked 5 10.0% of 50 2 unknown" in page


def test_rules_within_their_limits_stand_apart() -> None:
    rules = frame("rules", rule(CODE), rule(RANGE, n_bad=3, verdict_by_threshold="passed"))

    page = words(of(finding(), rules=rules))

    assert "1 of 2 rules found too much" in page
    assert "1 rules found nothing, or no more than their limit allows" in page


def test_worst_findings_come_first_and_new_ones_before_those_that_persist() -> None:
    page = of(finding(RANGE), finding(line=2, status="persisting"), finding(line=9), finding(EMAIL))

    found = re.findall(r'<tr data-rule="\d+" data-table="\w+" data-severity="(\w+)" data-status="(\w+)"', page)
    assert found == [
        ("reject_submission", "new"),
        ("reject_row", "new"),
        ("reject_row", "persisting"),
        ("warn", "new"),
    ]


def test_a_value_of_a_privacy_rule_is_never_shown_even_if_it_is_handed_over() -> None:
    page = of(finding(EMAIL, value="jane@clinic.example", patient_id="jane-doe"), finding(line=9))

    assert "jane" not in page
    assert "not shown: personal" in page
    assert "A12-003" in page


def test_a_value_beside_a_personal_one_is_not_shown() -> None:
    page = of(finding(EMAIL, table="patient", value=None), finding(value="Doe Jane"))

    assert "Doe Jane" not in page


def test_a_value_of_a_rule_that_nobody_declared_is_not_shown() -> None:
    page = of(finding("file.header.strange", value="Doe Jane", patient_id="jane"))

    assert "Doe" not in page
    assert "jane" not in page


def test_names_of_patients_that_look_like_record_numbers_are_shown_nowhere() -> None:
    page = site_page(
        Review(
            findings=frame("findings", finding(OLD, column="patient_id, sex"), finding(line=9, patient_id="4711")),
            resolved=frame("resolved", {"rule": CODE, "patient_id": "4711", "column": "patient_id", "value": "4711"}),
            changes=frame("changes", {"table": "gvhd", "key": "4711", "column": "grade", "before": "1", "after": "2"}),
        )
    )

    assert "4711" not in page


@pytest.mark.parametrize("column", ["value", "characteristic, value", None])
def test_changes_in_a_column_with_personal_values_are_not_shown(column: str | None) -> None:
    change = {"table": "patient_characteristic", "key": "A12-003", "column": "value", "kind": "changed"}

    page = site_page(
        Review(
            findings=frame("findings", finding(EMAIL, table="patient_characteristic", column=column)),
            changes=frame("changes", change | {"before": "Doe Jane", "after": "Roe Jane"}),
        )
    )

    assert "Jane" not in page


def test_every_text_is_escaped() -> None:
    evil = "<script>alert('x')</script>"
    facts = dict.fromkeys(("submission_id", "site_id", "created_at", "rejection"), evil)
    texts = dict.fromkeys(("table", "file", "column", "value", "message", "how_to_fix", "patient_id"), evil)
    rules = frame("rules", rule(CODE, title=evil, reason=evil))

    page = of(finding(**texts), **facts, rules=rules, verdict="rejected", n_rows_by_table={evil: 3})

    assert page.count("<script>") == 1
    assert evil not in page
    assert page.count("&lt;script&gt;") > 10


def test_what_cannot_be_seen_in_a_value_is_made_visible() -> None:
    page = words(of(finding(value=" male\u00a0"), finding(line=8, value="a\u202eb"), finding(line=9, value="")))

    assert r"male\xa0" in page
    assert r"a\u202eb" in page
    assert "patient.csv sex empty" in page


def test_thousands_of_findings_of_a_rule_are_cut_and_the_page_says_so() -> None:
    page = of(*(finding(line=line) for line in range(2, 1502)), finding(RANGE), n_rows_by_table={"patient": 2000})

    assert page.count("<tr data-rule=") == MOST_OF_A_RULE + 1
    assert "This page has 501 of 1,501 findings: the first 500 of every rule. All of them are in findings.csv" in words(
        page
    )
    assert "1,500 of 2,000 rows are not accepted" in page
    assert "show 1,500" in words(page)


def test_many_rules_with_many_findings_share_the_page() -> None:
    found = [finding(f"patient.c{number}.code", line=line) for number in range(20) for line in range(2, 402)]

    page = of(*found)

    assert page.count("<tr data-rule=") == MOST
    assert "This page has 4,000 of 8,000 findings: the first 200 of every rule" in words(page)


def test_the_page_is_well_formed_and_the_same_review_gives_the_same_page() -> None:
    parser = Closed()

    parser.feed(site_page(full()))

    assert parser.open == []
    assert site_page(full()) == site_page(full())


def test_the_page_loads_nothing_and_lets_only_its_own_script_run() -> None:
    page = site_page(full())

    assert re.findall(r"\b(?:src|srcset|action|data|poster)\s*=|url\(|@import|<link\b|https?:", page) == []
    assert {link for link in re.findall(r'href="([^"]*)"', page) if not link.startswith("#")} == set()
    (text,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest(text)}'" in page


def digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = site_page(full())

    assert {link for link in re.findall(r'href="#([^"]*)"', page) if f'id="{link}"' not in page} == set()


def test_synthetic_data_says_so_and_other_data_say_whose_they_are() -> None:
    synthetic, real = of(is_synthetic=True), of()

    assert synthetic.count("SYNTHETIC DATA: these patients do not exist.") == 3
    assert "SYNTHETIC" not in real
    assert real.count("Rows of your patients") == 3


def test_what_changed_is_said_with_what_it_does_to_the_endpoints() -> None:
    page = words(site_page(full()))

    assert "New findings1 Still there1 Gone1 Changed values and rows2" in page
    assert "Overall survival 24 →then 25 +1 9 →then 11 +2 9,000 →then 9,100 +100 NR →then 11.2" in page
    assert "baseline 1 changed gvhd 1 removed" in page
    assert "baseline A12-003 ecog 1 empty changed" in page


def test_a_first_submission_has_nothing_to_compare_with() -> None:
    page = of(finding(), previous_submission_id="")

    assert 'id="delta"' not in page
    assert 'data-by="status"' not in page
    assert "New since last time" not in page


def test_a_submission_that_could_not_be_read_is_compared_with_nothing() -> None:
    page = of(verdict="rejected", rejection="submission.json is missing", rules=frame("rules"))

    assert 'id="delta"' not in page
    assert "submission.json is missing" in page
    assert "No rule was run" in page
    assert 'class="card' not in page


def test_changes_beyond_the_first_are_counted() -> None:
    change = {"table": "baseline", "column": "ecog", "before": "1", "after": "2", "kind": "changed"}

    page = words(site_page(Review(changes=frame("changes", *(change | {"key": f"P{n}"} for n in range(700))))))

    assert "The first 500 of 700; blinreg diff gives all" in page
    assert "baseline 700 changed" in page


def test_a_sound_review_of_a_site_alone_has_no_empty_sections() -> None:
    page = of(
        verdict="clean",
        rules=frame("rules", rule(CODE, n_bad=0, verdict_by_threshold="passed")),
        previous_submission_id="",
    )

    assert re.findall(r'<section id="(\w+)"', page) == ["rules", "findings", "about"]
    assert {"#completeness", "#timeliness", "#distributions"} & set(re.findall(r'href="(#\w+)"', page)) == set()


def test_a_frame_without_a_column_is_refused() -> None:
    with pytest.raises(InputError, match="the frame findings of the review lacks severity, line; add the columns"):
        site_page(Review(findings=frame("findings", finding()).drop("severity", "line")))


def test_a_frame_of_another_type_is_refused_without_its_values() -> None:
    wrong = frame("findings", finding()).with_columns(line=pl.lit("Doe Jane"))

    with pytest.raises(InputError, match="columns of other types") as refused:
        site_page(Review(findings=wrong))
    assert "Jane" not in str(refused.value)
    assert refused.value.__cause__ is None
