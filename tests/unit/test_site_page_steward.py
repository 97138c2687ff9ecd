"""The steward's page: late sites first, worse ones next, in words and without loading anything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl
import pytest

from blinreg.analyses.report.review import STEWARD_FRAMES
from blinreg.analyses.report.steward_page import steward_page
from blinreg.schemas.errors import InputError


def frame(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(STEWARD_FRAMES[name]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the makers of a review hand over."""

    sites: pl.DataFrame
    worst_rules: pl.DataFrame = field(default_factory=lambda: frame("worst_rules"))
    segments: pl.DataFrame = field(default_factory=lambda: frame("segments"))
    is_synthetic: bool = True
    as_of: date = date(2019, 5, 31)
    late_after_days: int = 183


def site(name: str, **facts: Any) -> dict[str, Any]:
    usual = {
        "site_id": name,
        "submission_id": f"{name}-2",
        "created_at": "2019-07-01T09:00:00Z",
        "data_cutoff_date": "2019-05-31",
        "verdict": "quarantined",
        "days_since": 0,
        "n_patients": 25,
        "n_rows": 1000,
        "n_findings": 30,
        "n_quarantined": 10,
        "n_beyond": 3,
        "n_findings_before": 50,
        "n_rows_before": 1000,
        "is_late": False,
        "is_worse": False,
    }
    return usual | facts


def page(*sites: dict[str, Any], **facts: Any) -> str:
    return steward_page(Review(sites=frame("sites", *sites), **facts))


def words(html: str) -> str:
    body = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", body.replace("<wbr>", "")))


def test_late_sites_come_first_then_worse_ones_then_those_with_more_findings() -> None:
    html = page(
        site("quiet", n_findings=1),
        site("worse", is_worse=True),
        site("busy", n_findings=40),
        site("late", is_late=True, days_since=200),
    )

    assert re.findall(r'<td class="text" data-sort="(\w+)"', html) == ["late", "worse", "busy", "quiet"]
    assert "Of 4 sites, 1 is late and 1 is worse than last time" in words(html)
    assert "Late (data cutoff more than 183 days before): late." in words(html)
    assert "Worse than last time (more findings a 100 rows): worse." in words(html)


def test_a_site_has_its_findings_a_hundred_rows_now_and_before() -> None:
    text = words(page(site("a", is_worse=True, n_findings=60)))

    assert "60 10 rows quarantined 3 rules beyond the limit 6.0 5.0 before ▲ worse +1.0" in text


def test_a_first_submission_is_not_compared() -> None:
    text = words(page(site("a", n_findings_before=None, n_rows_before=None, n_findings=0, verdict="clean")))

    assert "first submission" in text
    assert "✓ clean" in text
    assert "The site is in time, with its first submission" in text


def test_a_site_without_an_accepted_submission_says_so() -> None:
    nothing = dict.fromkeys(STEWARD_FRAMES["sites"]) | {"site_id": "a", "verdict": "rejected"}

    text = words(page(nothing))

    assert "⊘ refused" in text
    assert "no rows accepted" in text


def test_the_worst_rules_stand_under_their_site() -> None:
    rules = frame(
        "worst_rules",
        {
            "site_id": "a",
            "rule": "patient.sex.code",
            "title": "No code",
            "severity": "warn",
            "n_bad": 7,
            "n_bad_before": 9,
        },
        {"site_id": "b", "rule": "patient.sex.text", "title": "No text", "severity": "warn", "n_bad": 3},
    )

    html = page(site("a"), site("b"), worst_rules=rules)

    first, second = re.findall(r"<details>(.*?)</details>", html, re.DOTALL)
    assert "7 (−2) No code patient.sex.code" in words(first)
    assert "3 No text patient.sex.text" in words(second)


def test_it_is_escaped_and_loads_nothing() -> None:
    html = page(site("<script>alert(1)</script>", is_late=True))

    assert html.count("<script>") == 1
    assert re.findall(r"\b(?:src|action)\s*=|url\(|@import|<link\b|https?:", html) == []
    assert "default-src 'none'" in html


@pytest.mark.parametrize(("is_synthetic", "said"), [(True, "SYNTHETIC DATA"), (False, "not for publication")])
def test_it_says_what_the_data_are(is_synthetic: bool, said: str) -> None:
    assert words(page(site("a"), is_synthetic=is_synthetic)).count(said) == 2


def test_no_sites_are_no_error_and_a_missing_column_is() -> None:
    assert "No site has submitted" in page()
    with pytest.raises(InputError, match="lacks is_late"):
        steward_page(Review(sites=frame("sites", site("a")).drop("is_late")))
