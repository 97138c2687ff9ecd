"""Is docs/rule_accuracy.md what its figures say, and do they keep what is promised of the rules?"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from blinreg.schemas.rules import RULES, Origin, Severity

TOP = Path(__file__).parents[2]
FOLDER = TOP / "docs" / "figures"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("accuracy_page", TOP / "benchmarks" / "rule_accuracy_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures(page: ModuleType) -> pl.DataFrame:
    return pl.read_csv(FOLDER / page.FIGURES)


def test_the_page_is_rendered_from_the_figures(page: ModuleType) -> None:
    assert (TOP / "docs" / "rule_accuracy.md").read_text(encoding="utf-8") == page.rendered(FOLDER)


def test_the_figures_are_of_the_rules_of_today(page: ModuleType, figures: pl.DataFrame) -> None:
    """A rule that was added, dropped or given another severity needs a new run."""
    judging = {rule.id: rule.severity.value for rule in RULES if rule.table != "submission"}
    # Tables that no model patient has: their columns have rules as all columns have.
    absent = {rule for rule in judging if rule.startswith(("enrolment_stratum.", "enrolment_population."))}
    assert dict(figures.select("rule", "severity").rows()) == {
        rule: severity for rule, severity in judging.items() if rule not in absent
    }
    refused = pl.read_csv(FOLDER / page.REFUSED_FIGURES)
    of_files = {rule.id for rule in RULES if rule.origin is Origin.FILE}
    refusing = {rule.id for rule in RULES if rule.severity is Severity.REJECT_SUBMISSION}
    assert set(refused["rule"]) >= refusing | of_files
    assert refused["found"].to_list() == refused["planted"].to_list()


def test_errors_that_can_be_known_are_all_found(figures: pl.DataFrame) -> None:
    certain = figures.filter("certain")
    assert certain["planted"].sum() > 10_000
    assert certain.filter(pl.col("found") < pl.col("planted"))["rule"].to_list() == []


def test_rules_that_reject_have_no_false_alarm_and_are_silent_on_clean_data(figures: pl.DataFrame) -> None:
    rejecting = figures.filter(pl.col("severity") != "warn")
    assert rejecting["fired"].sum() > 10_000
    assert rejecting.filter(pl.col("fired_alarm") > 0)["rule"].to_list() == []
    assert rejecting.filter(pl.col("clean_fired") > 0)["rule"].to_list() == []


def test_the_cohort_was_large(page: ModuleType) -> None:
    about = json.loads((FOLDER / page.ABOUT).read_text(encoding="utf-8"))
    assert about["patients"] >= 100_000
    assert about["synthetic"] is True
