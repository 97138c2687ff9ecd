"""Do the views and the steward say where findings are, and do the limits of now hold without a rule being run?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from blinreg.registry.cli.main import main
from blinreg.registry.loading import load_submissions
from blinreg.registry.quality.expectations.batches import made_batches
from blinreg.registry.quality.review import Review, review_submission
from blinreg.registry.quality.steward import steward_review
from blinreg.registry.quality.thresholds import Limits, limits_in_force, set_limits
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.rules import SUBMISSION
from blinreg.schemas.rules.sql import SubmissionFacts

Row = Mapping[str, str | None]
Make = Callable[..., Any]

NOT_ACCEPTED, FEWER = "submission.rows.not_accepted", "submission.rows.fewer"
STOP = "treatment_cycle.stop_date.before_start"


@pytest.fixture
def sent(make_submission: Make, patient: Make, follow_up: Make) -> Callable[..., Path]:
    """Write a submission of patients by the year of their first dose; those named as bad stop before they start."""

    def make(years: Mapping[str, str], *, bad: tuple[str, ...] = (), site: str = "site-a", **manifest: Any) -> Path:
        cycles = [
            {
                "patient_id": name,
                "course_number": "1",
                "cycle_number": "1",
                "agent": "blinatumomab",
                "start_date": f"{year}-02-10",
                "stop_date": f"{year}-{'01' if name in bad else '03'}-05",
            }
            for name, year in years.items()
        ]
        tables = {
            "patient": [patient(name, site_id=site) for name in years],
            "treatment_cycle": cycles,
            "follow_up": [follow_up(name) for name in years],
        }
        return make_submission(tables, site_id=site, **manifest)

    return make


MANY = {f"A-{number:02d}": str(2015 + number % 3) for number in range(30)}


@pytest.fixture
def loaded(sent: Callable[..., Path], registry: Registry) -> Registry:
    """Give a registry with two submissions of one site; the second is half of the first and has two bad rows."""
    half = dict(list(MANY.items())[:15])
    second = {"submission_id": "second", "created_at": "2020-07-01T10:00:00Z"}
    load_submissions(registry, [sent(MANY), sent(half, bad=("A-00", "A-03"), **second)])
    return registry


def test_findings_are_counted_by_year_and_judged_by_the_limits_of_now(loaded: Registry) -> None:
    def asked(query: str) -> list[tuple[Any, ...]]:
        return loaded.cursor().execute(query).fetchall()

    counted = """select "table", year, n_rows, n_bad, n_not_accepted from quality.segment
        where submission_id = 'second' and "table" in ('patient', 'treatment_cycle') order by all"""
    assert asked(counted) == [
        ("patient", 2015, 5, 0, 0),
        ("patient", 2016, 5, 0, 0),
        ("patient", 2017, 5, 0, 0),
        ("treatment_cycle", 2015, 5, 2, 2),
        ("treatment_cycle", 2016, 5, 0, 0),
        ("treatment_cycle", 2017, 5, 0, 0),
    ]
    by_year = f"select year, n_rows, n_bad, percent_bad, verdict from quality.rule_segment where rule = '{STOP}'"
    assert asked(by_year) == [(2015, 5, 2, 40.0, "too_many")]
    set_limits(loaded, STOP, Limits(max_percent=50))
    assert asked(by_year) == [(2015, 5, 2, 40.0, "passed")]
    set_limits(loaded, STOP, Limits(max_rows=1), site_id="site-a")
    assert asked(by_year) == [(2015, 5, 2, 40.0, "too_many")]


def test_a_submission_is_judged_as_a_whole(loaded: Registry) -> None:
    query = f"""select submission_id, rule, n_checked, n_bad, verdict from quality.verdict
        where "table" = '{SUBMISSION}' order by submission_id, rule"""
    assert loaded.cursor().execute(query).fetchall() == [
        ("second", FEWER, 90, 47, "too_many"),
        ("second", NOT_ACCEPTED, 45, 2, "passed"),
        ("submission-1", NOT_ACCEPTED, 90, 0, "passed"),
    ]
    (before,) = steward_review(loaded).sites["n_beyond"]
    set_limits(loaded, FEWER, Limits(max_percent=60), site_id="site-a")
    (after,) = steward_review(loaded).sites["n_beyond"]
    assert after == before - 1
    set_limits(loaded, NOT_ACCEPTED, Limits(max_percent=1))
    assert [row[-1] for row in loaded.cursor().execute(query).fetchall()] == ["passed", "too_many", "passed"]
    segments = steward_review(loaded).segments
    assert segments["site_id"].unique().to_list() == ["site-a"]
    assert (segments["n_rows"].sum(), segments["n_not_accepted"].sum()) == (45, 2)


def test_a_site_is_told_that_it_sends_less(
    loaded: Registry, sent: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    few = sent(dict(list(MANY.items())[:10]), submission_id="third", created_at="2020-08-01T10:00:00Z")
    review = review_submission(few, registry=loaded)
    assert told(review) == {FEWER: (43, 13, "too_many"), NOT_ACCEPTED: (30, 0, "passed")}
    assert {(row["table"], row["year"]) for row in review.segments.iter_rows(named=True)} >= {("patient", 2017)}
    loaded.close()
    assert main(["validate", str(few), "--registry", str(loaded.path), "--quiet"]) == review.exit_code
    assert "above the limit, 30% of 43: submission.rows, fewer rows than last time" in capsys.readouterr().out


def told(review: Review) -> dict[str, tuple[Any, ...]]:
    rows = review.rules.filter(review.rules["rule"].str.starts_with(f"{SUBMISSION}."))
    return {row["rule"]: (row["n_checked"], row["n_bad"], row["verdict_by_threshold"]) for row in rows.to_dicts()}


def test_a_site_that_was_only_refused_does_not_disturb_its_steward(
    loaded: Registry, sent: Callable[..., Path], tmp_path: Path
) -> None:
    folder = sent({"B-01": "2016"}, site="site-b", submission_id="refused")
    (folder / "patient.csv").write_text("patient_id\nB-01\n", encoding="utf-8")
    (outcome,) = load_submissions(loaded, [folder])
    assert isinstance(outcome, SubmissionRejected)
    sites = {row["site_id"]: row for row in steward_review(loaded).sites.to_dicts()}
    assert (sites["site-b"]["verdict"], sites["site-b"]["n_beyond"]) == ("rejected", None)
    loaded.close()
    assert main(["steward", "--registry", str(loaded.path), "--out", str(tmp_path / "out"), "--quiet"]) == 0
    assert "no rows accepted" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_great_expectations_goes_by_the_same_limits(loaded: Registry, sent: Callable[..., Path]) -> None:
    set_limits(loaded, STOP, Limits(max_rows=7), site_id="site-a")
    found = {}
    review_submission(
        sent(MANY, bad=("A-01",), submission_id="third", created_at="2020-08-01T10:00:00Z"),
        registry=loaded,
        with_effects=False,
        on_checked=lambda registry, manifest, checked: found.update(
            limits=limits_in_force(registry, manifest.site_id), rules=rules_of(registry, manifest, checked)
        ),
    )
    assert found["limits"][STOP].max_rows == 7
    assert found["rules"][STOP].threshold.max_rows == 7
    assert found["rules"]["treatment_cycle.cycle_number.gap"].threshold.max_rows == 0


def rules_of(registry: Registry, manifest: Any, checked: Any) -> dict[str, Any]:
    facts = SubmissionFacts(
        site_id=manifest.site_id,
        created_date=manifest.created_date,
        data_cutoff_date=manifest.data_cutoff_date,
        sent_tables=tuple(table.name for table in checked.tables),
    )
    with made_batches(checked, facts, limits_in_force(registry, manifest.site_id)) as (_, batches):
        return {each.rule.id: each.rule for batch in batches for each in batch.judgements}
