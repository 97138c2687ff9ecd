"""Does every rule find its planted faults, and fire on nothing else? The published figures, on a small cohort."""

from __future__ import annotations

import datetime as dt
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from blinreg.schemas.rules import RULES
from blinreg.synthetic.faults import Memory, join_logs, plant
from blinreg.synthetic.generation import cohort_tables

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CREATED = dt.date(2019, 7, 1)
PATIENTS = 800
RATE = 0.025

Sites = list[tuple[str, dict[str, pl.DataFrame]]]


@dataclass(frozen=True)
class Measured:
    """A clean cohort and one with faults, after the rules."""

    key: pl.DataFrame
    clean: Any
    faulty: Any
    faults: pl.DataFrame
    why: pl.DataFrame


@pytest.fixture(scope="module")
def accuracy() -> Iterator[ModuleType]:
    names = ("rule_accuracy_page", "rule_accuracy")
    for name in names:
        spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    yield sys.modules["rule_accuracy"]
    for name in names:
        del sys.modules[name]


def two_sites() -> Sites:
    """Patients of the model at two sites: one after the other, so that the second can claim patients of the first."""
    tables = cohort_tables("realworld-2020", n_patients=PATIENTS, seed=11)
    is_first = pl.col("patient_id").str.extract("([0-9]+)$").cast(pl.Int64) <= PATIENTS // 2
    sites = []
    for site, is_here in (("site01", is_first), ("site02", ~is_first)):
        parts = {name: frame.filter(is_here) for name, frame in tables.items()}
        parts["patient"] = parts["patient"].with_columns(site_id=pl.lit(site))
        sites.append((site, parts))
    return sites


def with_faults(clean: Sites) -> tuple[Sites, pl.DataFrame]:
    memory, sites, logs = Memory(), [], []
    for site, tables in clean:
        planted = plant(tables, rate=RATE, seed=11, site=site, created=CREATED, memory=memory)
        memory = planted.memory
        sites.append((site, dict(planted.tables)))
        logs.append(planted.log)
    return sites, join_logs(logs)


@pytest.fixture(scope="module")
def measured(accuracy: ModuleType) -> Measured:
    clean_sites = two_sites()
    faulty_sites, log = with_faults(clean_sites)
    clean = accuracy.check_cohort(clean_sites, lambda _: None)
    faulty = accuracy.check_cohort(faulty_sites, lambda _: None)
    key = accuracy.rows_of_key(log)
    return Measured(
        key=key,
        clean=clean,
        faulty=faulty,
        faults=accuracy.found_faults(key, faulty.findings),
        why=accuracy.explained(key, faulty.findings, clean.findings),
    )


def test_every_planted_fault_is_found(measured: Measured) -> None:
    assert measured.faults["kind"].n_unique() > 170
    assert measured.faults["rule"].n_unique() > 250
    assert measured.faults.filter(~pl.col("is_found")).select("kind", "rule").rows() == []


def test_nothing_else_fires(measured: Measured) -> None:
    alarms = measured.why.filter(pl.col("why") == "alarm")
    assert alarms.select("rule", "kind", "site", "line").rows() == []


def test_no_clean_row_is_rejected(measured: Measured) -> None:
    rejecting = [rule.id for rule in RULES if rule.severity.value != "warn"]
    results = measured.clean.results.filter(pl.col("rule").is_in(rejecting))
    assert len(results) > 400
    assert results.filter(pl.col("n_bad") > 0).rows() == []


def test_a_rule_that_misses_and_one_that_cries_wolf_are_seen(accuracy: ModuleType, measured: Measured) -> None:
    """The figures fall when a finding is taken away, and when one is added."""
    rule = "follow_up.death_date.alive"
    deaf = measured.faulty.findings.filter(pl.col("rule") != rule)
    missed = accuracy.found_faults(measured.key, deaf).filter(~pl.col("is_found"))
    assert set(missed["rule"]) == {rule}
    innocent = measured.clean.findings.filter(
        ~pl.col("patient_id").is_in(measured.key["patient_id"].implode()), pl.col("table") == "patient"
    ).head(1)
    wolf = pl.concat([measured.faulty.findings, innocent.with_columns(rule=pl.lit("patient.sex.code"))])
    alarms = accuracy.explained(measured.key, wolf, measured.clean.findings).filter(pl.col("why") == "alarm")
    assert alarms["rule"].to_list() == ["patient.sex.code"]


def test_the_figures_count_what_was_planted_found_and_fired(accuracy: ModuleType, measured: Measured) -> None:
    table = accuracy.figures(measured.key, measured.faulty, measured.clean)
    assert table["planted"].sum() == measured.faults.height == table["found"].sum()
    assert table["fired"].sum() == measured.faulty.findings.height
    assert table["fired"].sum() == sum(table[f"fired_{why}"].sum() for why in accuracy.WHY)
