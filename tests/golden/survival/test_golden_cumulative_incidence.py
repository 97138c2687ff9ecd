"""Cumulative incidence equals R's multi-state survfit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import cumulative_incidence

#: The order of the blood groups in R's factor.
ABO = ("A", "B", "AB", "O")
TIMES = (30, 90, 180, 365, 730)
TRANSPLANT = {"id": "id", "start": None, "stop": "futime", "event": "cause"}
Same = Callable[..., None]
RowsOf = Callable[[str], pl.DataFrame]


def _in_order_of_r(read: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([read.filter(pl.col("group") == group) for group in ABO])


def test_waiting_list_by_blood_group(heart: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = heart["transplant_aj_by_abo"]
    found = cumulative_incidence(rows_of("transplant"), by="abo", **TRANSPLANT)
    read = _in_order_of_r(found.at(TIMES, extend=True))
    groups = [text.split("=")[1].strip() for text in expected["strata"]]
    for cause in (1, 2, 3):
        ours = read.filter(pl.col("cause") == cause)
        assert ours["group"].to_list() == groups
        assert ours["time"].to_list() == expected["times"]
        same(ours["cumulative_incidence"], [row[cause] for row in expected["pstate"]])
        same(ours["se"], [row[cause] for row in expected["se"]], rtol=1e-7)
    still_waiting = (
        1
        - read.group_by("group", "time", maintain_order=True)
        .agg(pl.col("cumulative_incidence").sum())["cumulative_incidence"]
        .to_numpy()
    )
    np.testing.assert_allclose(still_waiting, [row[0] for row in expected["pstate"]], atol=1e-12)


@pytest.mark.parametrize("conf_type", ["log-log", "plain"])
def test_limits(reference: dict[str, Any], rows_of: RowsOf, same: Same, conf_type: Any) -> None:
    expected = reference["transplant_limits"][conf_type]
    found = cumulative_incidence(rows_of("transplant"), by="abo", conf_type=conf_type, **TRANSPLANT)
    read = _in_order_of_r(found.at(TIMES, extend=True))
    compared = 0
    for cause in (1, 2, 3):
        ours = read.filter(pl.col("cause") == cause)
        inside = (ours["cumulative_incidence"] > 0).to_numpy()
        for limit in ("lower", "upper"):
            theirs = np.array([row[cause - 1] for row in expected[limit]], dtype=np.float64)
            same(ours[limit].to_numpy()[inside], theirs[inside], rtol=1e-7)
        compared += int(inside.sum())
    assert compared > 50


def test_relapse_and_death_in_remission(bmt: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    cause = pl.when(pl.col("d3") == 0).then(0).when(pl.col("d2") == 1).then(1).otherwise(2)
    rows = rows_of("bmt").with_columns(cause=cause)
    found = cumulative_incidence(rows, by="group", id="id", start=None, stop="t2", event="cause")
    read = found.at([100, 365, 730])
    for code, name in ((1, "relapse"), (2, "trm")):
        ours = read.filter(pl.col("cause") == code)
        same(ours["cumulative_incidence"], [row[name] for row in bmt["cumulative_incidence"]])
        same(ours["se"], [row[f"se_{name}"] for row in bmt["cumulative_incidence"]], rtol=1e-7)
    assert found.se_type == "greenwood"
