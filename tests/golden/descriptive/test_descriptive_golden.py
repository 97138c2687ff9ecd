"""Exact binomial limits and Table 1 against R's binom.test, quantile and table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import response_rate, table_one

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())


def lung() -> pl.DataFrame:
    rows = pl.read_csv(HERE.parent / "data/lung.csv")
    return rows.with_columns(pl.col("ecog").cast(pl.String), sex=pl.col("sex").replace_strict({1: "male", 2: "female"}))


@pytest.mark.parametrize("truth", EXPECTED["clopper_pearson"], ids=lambda t: str(t["conf_level"]))
def test_clopper_pearson(truth: dict[str, Any]) -> None:
    # One group per count, so that every limit comes through the public function.
    group = np.repeat(np.arange(len(truth["n"])), truth["n"])
    rank = np.concatenate([np.arange(n) for n in truth["n"]])
    rows = pl.DataFrame({"group": group, "responded": rank < np.array(truth["x"])[group]})
    result = response_rate(rows, "responded", by="group", conf_level=truth["conf_level"])
    assert result.table["group"].to_list() == [str(i) for i in range(len(truth["n"]))]
    assert result.table["n"].to_list() == truth["n"]
    assert result.table["n_responders"].to_list() == truth["x"]
    assert_allclose(result.table["lower"], truth["lower"], rtol=1e-8, atol=1e-12)
    assert_allclose(result.table["upper"], truth["upper"], rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("group", ["all", "female", "male"])
@pytest.mark.parametrize("variable", ["age", "weight_loss"])
def test_numeric_rows(variable: str, group: str) -> None:
    truth = EXPECTED["numeric"][variable][group]
    table = table_one(lung(), ["age", "ecog", "weight_loss"], by="sex").table
    row = table.filter(pl.col("variable") == variable, pl.col("group") == group).row(0, named=True)
    assert {name: row[name] for name in truth} == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("group", ["all", "female", "male"])
def test_categorical_rows(group: str) -> None:
    truth = EXPECTED["ecog"][group]
    table = table_one(lung(), ["age", "ecog", "weight_loss"], by="sex").table
    rows = table.filter(pl.col("variable") == "ecog", pl.col("group") == group)
    assert rows["level"].to_list() == truth["level"]
    assert rows["n"].to_list() == truth["n"]
    assert_allclose(rows["percent"], truth["percent"], rtol=1e-12)
    assert rows["n_missing"].unique().to_list() == [truth["n_missing"]]
    assert rows["denominator"].unique().to_list() == [sum(truth["n"])]
