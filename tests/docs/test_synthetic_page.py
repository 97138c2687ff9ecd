"""Are the numbers of docs/synthetic.md those that were measured, and do they say what the page says?"""

from __future__ import annotations

import math
import re
from pathlib import Path

import polars as pl

from blinreg.synthetic.model import truth
from blinreg.synthetic.studies import load_study

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "synthetic.md").read_text(encoding="utf-8")
MEASURED = pl.read_csv(DOCS / "figures" / "coverage.synthetic.csv")
NAIVE = "ever or never"


def test_the_page_prints_what_was_measured() -> None:
    (part,) = re.findall(r"<!-- coverage -->(.*?)<!-- /coverage -->", PAGE, re.S)
    printed = [tuple(map(float, row)) for row in re.findall(r"\| ([\d.]+) \| ([\d.]+) \| ([\d.]+)% \|", part)]
    measured = MEASURED.select("true_hazard_ratio", "median_hazard_ratio", "coverage_percent").rows()
    assert len(printed) == len(measured) == 7
    for shown, found in zip(printed, measured, strict=True):
        assert all(abs(a - b) <= half for a, b, half in zip(shown, found, (0.0051, 0.0051, 0.051), strict=True))


def test_the_truths_are_those_of_the_model() -> None:
    planted = truth(load_study("realworld-2020"))
    for row in MEASURED.iter_rows(named=True):
        overall = planted.large_sample_values["log_hazard_ratio"]
        value = overall if row["term"] == "transplant, overall" else planted.of(row["analysis"])[row["term"]]
        assert math.isclose(row["true_hazard_ratio"], math.exp(value), abs_tol=1e-4)


def test_right_analyses_cover_and_the_naive_one_does_not() -> None:
    assert MEASURED["n_cohorts"].to_list() == [2000] * 7
    right = MEASURED.filter(pl.col("analysis") != NAIVE)["coverage_percent"]
    assert right.is_between(94, 96).all()
    assert (MEASURED.filter(pl.col("analysis") == NAIVE)["coverage_percent"] < 80).all()
