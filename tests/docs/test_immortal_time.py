"""Does docs/immortal_time.md say, and show, what its script gives?"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

DOCS = Path(__file__).parents[2] / "docs"
FOLDER = DOCS / "figures"
PAGE = (DOCS / "immortal_time.md").read_text(encoding="utf-8")
PICTURE = (FOLDER / "immortal_time.svg").read_text(encoding="utf-8")
MODULES = ("immortal_time", "immortal_time_picture")


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("immortal_time")
    finally:
        sys.path.remove(str(FOLDER))
        for name in MODULES:
            del sys.modules[name]


@pytest.fixture(scope="module")
def data_sets(script: ModuleType) -> list[Any]:
    rows = [script.simulate(script.N_SIMULATED, script.SEED), pl.read_csv(script.ROWS)]
    return [script.compare(frame) for frame in rows]


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "immortal_time.json").read_text(encoding="utf-8"))
    return found


def test_the_numbers_are_what_the_script_gives(
    script: ModuleType, data_sets: list[Any], numbers: dict[str, Any]
) -> None:
    assert script.numbers(*data_sets) == numbers


def test_tables_of_the_page_are_what_the_script_gives(script: ModuleType, numbers: dict[str, Any]) -> None:
    for name in ("numbers", "refusal"):
        assert re.search(rf"<!-- {name} -->\n\n.+?\n\n<!-- /{name} -->", PAGE, re.S)
    assert PAGE.count("\n```sql\n") == 4
    assert script.rewritten(PAGE, numbers) == PAGE


def coordinates(svg: str) -> tuple[str, list[float]]:
    """Split a picture into its text, without identifiers made of hashes, and its numbers."""
    named = re.sub(r"[mp][0-9a-f]{10}", "identifier", svg)
    number = r"-?\d+\.\d+(?:e-?\d+)?"
    return re.sub(number, "0.0", named), [float(found) for found in re.findall(number, named)]


def test_the_picture_is_what_the_script_draws(script: ModuleType, data_sets: list[Any]) -> None:
    """Within a twentieth of a point: the layout is solved with floats, which differ between processors."""
    drawn, places = coordinates(script.picture(*data_sets))
    kept, kept_places = coordinates(PICTURE)
    assert drawn == kept
    assert places == pytest.approx(kept_places, abs=0.05)


def test_the_picture_says_what_it_shows_and_when_is_nowhere_in_it() -> None:
    words = re.findall(r">([^<>]+)</text>", PICTURE)
    assert any("Simulated data" in text for text in words)
    assert any("Synthetic data" in text for text in words)
    assert any("No real patients" in text for text in words)
    assert words.count("Number at risk") == 2
    assert "<dc:date>" not in PICTURE


def test_numbers_in_the_prose_are_those_of_the_script(numbers: dict[str, Any]) -> None:
    one = numbers["simulated"]
    flat = " ".join(PAGE.split())
    curves = one["simon_makuch_at_one_year"]
    share = one["immortal_days"] / one["days_of_ever_transplanted"]
    for said in (
        f"Top: {one['patients']} simulated patients",
        f"{one['transplanted']} are transplanted, at a median of {one['median_day_of_transplant']:g} days",
        f"Bottom: the {numbers['synthetic']['patients']} responders",
        f"The naive analysis says {one['naive']['hazard_ratio']:.2f},",
        f'Of the follow-up of the "ever transplanted", {100 * share:.0f}% lies before transplant',
        f"{one['immortal_days']:,.0f} days in which none of them could die",
        f"({one['ended_by_landmark']} of {one['patients']} above)",
        f"would stand at {100 * curves['from_day_0']['no_hct']:.0f}% and, after transplant, "
        f"{100 * curves['from_day_0']['hct']:.0f}% at one year",
        f"from day 30 (C) at {100 * curves['from_day_30']['no_hct']:.0f}% and "
        f"{100 * curves['from_day_30']['hct']:.0f}%",
        f"({one['transplanted_after_landmark']} of {one['not_transplanted_by_landmark']})",
    ):
        assert said in flat, said


def test_what_the_page_concludes_is_so(numbers: dict[str, Any]) -> None:
    repeated = numbers["repeated"]
    assert repeated["naive"]["highest"] < 1
    assert repeated["naive"]["share_below_5_percent"] == 1
    for name in ("landmark", "time_dependent"):
        assert repeated[name]["hazard_ratio"] == pytest.approx(1, abs=0.02)
        assert repeated[name]["share_below_5_percent"] == pytest.approx(0.05, abs=0.03)
        assert numbers["simulated"][name]["lower"] < 1 < numbers["simulated"][name]["upper"]
    curves = numbers["simulated"]["simon_makuch_at_one_year"]
    assert curves["from_day_0"]["no_hct"] < 0.95 * curves["from_day_0"]["hct"]
    assert curves["from_day_30"]["no_hct"] == pytest.approx(curves["from_day_30"]["hct"], rel=0.02)
    synthetic = numbers["synthetic"]
    assert synthetic["naive"]["hazard_ratio"] < synthetic["time_dependent"]["hazard_ratio"] < 1


def test_transplant_does_nothing_in_the_simulated_data(script: ModuleType) -> None:
    """Deaths per day are as many before transplant, or without one, as after it."""
    rows = script.simulate(200_000, 1)
    rate = rows.group_by("allo_hct").agg(pl.col("event").sum() / (pl.col("tstop") - pl.col("tstart")).sum())
    before, after = rate.sort("allo_hct")["event"]
    assert after == pytest.approx(before, rel=0.02)
