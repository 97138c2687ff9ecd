"""Do the calibrated cohorts have the numbers that the documents say, measured through a registry?"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from blinreg.analyses.fidelity import Ledger
from blinreg.registry.cli.commands.fidelity import measure
from blinreg.registry.store import Registry
from blinreg.synthetic.calibrated import PROFILES, load_calibrated
from blinreg.synthetic.courses import impossible_orders
from blinreg.synthetic.targets import load_given_up, load_targets

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ledgers(demo: Path, strict: Path) -> dict[str, Ledger]:
    """Measure one profile with the default seed and one with another: a seed moves no printed number."""
    made = {}
    for profile, folder in (("plausible", demo), ("strict", strict)):
        with Registry.open(folder / "registry.duckdb") as registry:
            made[profile] = measure(registry, load_targets("realworld-2020"), profile=profile)
    return made


def test_the_documents_give_the_counts_of_the_ledger(ledgers: dict[str, Ledger]) -> None:
    page = (TOP / "docs" / "synthetic.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (strict|plausible) \| ([\d |]+) \|$", page, re.M))
    for profile, ledger in ledgers.items():
        total = ledger.summary.row(-1, named=True)
        found = (total["n"], total["n_contradicted"], total["n"] - total["n_contradicted"], total["n_hit"])
        assert found == tuple(map(int, table[profile].split(" | ")))
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    words = re.search(
        r"(\d+) of the (\d+) printed numbers that no other printed number contradicts, (\d+) with", readme
    )
    assert words is not None
    (met, attainable, strict) = map(int, words.groups())
    assert met == ledgers["plausible"].summary.row(-1, named=True)["n_hit"]
    assert attainable == strict == ledgers["strict"].summary.row(-1, named=True)["n_hit"]


def test_strict_misses_nothing_that_can_be_had(ledgers: dict[str, Ledger]) -> None:
    assert ledgers["strict"].misses.filter(pl.col("status") != "contradicted").rows() == []


def test_plausible_misses_only_what_it_gives_up(ledgers: dict[str, Ledger]) -> None:
    missed = ledgers["plausible"].misses.filter(pl.col("status") != "contradicted")
    assert set(missed["id"]) <= set(load_given_up("plausible"))
    assert missed.height == 2


def test_every_miss_says_why(ledgers: dict[str, Ledger]) -> None:
    for ledger in ledgers.values():
        assert ledger.misses.filter(pl.col("explanation").str.len_chars() < 20).rows() == []


@pytest.mark.parametrize("profile", PROFILES)
def test_no_order_of_events_is_impossible(profile: str) -> None:
    assert impossible_orders(load_calibrated("realworld-2020", profile)) == {}
