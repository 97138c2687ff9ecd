"""Weighted and trend tests, exposure states and landmarks equal the definitions computed in R."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import landmark, log_rank, mantel_byar

Same = Callable[..., None]
RowsOf = Callable[[str], pl.DataFrame]

OEDEMA = {"id": "id", "event": "death"}
HEART = {"id": "id", "start": "start", "stop": "stop", "event": "event"}
BMT_ROWS = {"id": "id", "event": "relapse_or_death"}
SETS: dict[str, tuple[str, dict[str, Any]]] = {
    "veteran": ("veteran", {"by": "celltype", "id": "id", "start": None, "stop": "time", "event": "status"}),
    "veteran_trt_strata": (
        "veteran",
        {"by": "trt", "strata": ["celltype"], "id": "id", "start": None, "stop": "time", "event": "status"},
    ),
    "mgus2": ("mgus2", {"by": "sex", "id": "id", "start": None, "stop": "futime", "event": "death"}),
    "bmt": ("bmt", {"by": "group", "id": "id", "start": None, "stop": "t2", "event": "d3"}),
    "oedema": ("pbc_oedema", {"by": "oedema", **OEDEMA}),
}
WEIGHTS = ["0_0", "1_0", "0.5_0", "0_1", "1_1", "0_0.5"]


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("name", SETS)
def test_fleming_harrington_weights(
    widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str, weight: str
) -> None:
    """R: survdiff for rho; the definition for gamma and for delayed entry."""
    data, columns = SETS[name]
    rho, gamma = (float(power) for power in weight.split("_"))
    expected = widened["weighted"][name][weight]
    found = log_rank(rows_of(data), rho=rho, gamma=gamma, **columns)
    same(found.observed, expected["observed"])
    same(found.expected, expected["expected"])
    same(found.variance.ravel(), np.ravel(expected["variance"]), rtol=1e-7)
    same([found.chi_squared, found.p_value], [expected["chisq"], expected["p"]])
    plain = widened["weighted"][name]["0_0"]
    same(found.table["observed"], plain["observed"])
    same(found.table["expected"], plain["expected"])
    assert (found.weights == "1 (log-rank)") == (weight == "0_0")


SCORES = {"adeno": 3, "large": 1, "smallcell": 4, "squamous": 2}


TRENDS: dict[str, dict[str, Any]] = {
    "bmt": {"trend": True},
    "bmt_scored": {"trend": {1: 0, 2: 1, 3: 5}},
    "bmt_early": {"trend": True, "rho": 1},
    "veteran": {"trend": SCORES},
    "oedema": {"trend": True},
}


@pytest.mark.parametrize("name", TRENDS)
def test_trend(widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str) -> None:
    theirs, options = widened["trend"][name], TRENDS[name]
    data, columns = SETS[name.split("_", maxsplit=1)[0]]
    found = log_rank(rows_of(data), **columns, **options)
    same([found.z, found.chi_squared, found.p_value], [theirs["z"], theirs["chisq"], theirs["p"]])
    assert found.df == 1
    for alternative in ("longer", "shorter"):
        one_sided = log_rank(rows_of(data), alternative=alternative, **columns, **options)
        same([one_sided.p_value], [theirs[f"p_{alternative}"]])


STATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bmt": ("bmt_counting_process", "state", BMT_ROWS),
    "heart": ("heart_stages", "stage", HEART),
    "oedema": ("pbc_oedema", "oedema", OEDEMA),
}


@pytest.mark.parametrize("name", STATES)
def test_mantel_byar_with_three_states(widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str) -> None:
    data, exposure, columns = STATES[name]
    rows = rows_of(data)
    if name == "bmt":
        rows = rows.with_columns(state=pl.when(pl.col("cgvhd") == 1).then(2).otherwise(pl.col("agvhd")))
    expected = widened["states"][name]
    found = mantel_byar(rows, exposure, **columns)
    same(np.ravel(found.observed), expected["observed"])
    same(np.ravel(found.expected), expected["expected"])
    same(np.ravel(found.variance), np.ravel(expected["variance"]), rtol=1e-7)
    same([found.chi_squared, found.p_value], [expected["chisq"], expected["p"]])


LANDMARKS: dict[str, tuple[str, str, dict[str, Any], list[float], list[str]]] = {
    "heart": ("heart_stages", "transplant", HEART, [180, 365, 730], ["age"]),
    "bmt": ("bmt_counting_process", "cgvhd", BMT_ROWS, [365, 730], []),
    "oedema": ("pbc_oedema", "oedema", OEDEMA, [1500, 1800], []),
}


@pytest.mark.parametrize("name", LANDMARKS)
def test_landmarks(widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str) -> None:
    data, exposure, columns, times, covariates = LANDMARKS[name]
    expected = widened["landmark"][name]
    days = [float(day) for day in expected]
    found = landmark(
        rows_of(data),
        exposure,
        landmarks=days,
        times=times,
        hazard_ratio=True,
        covariates=covariates,
        **columns,
    )
    assert found.table["landmark"].unique(maintain_order=True).to_list() == days
    for day, theirs in zip(days, expected.values(), strict=True):
        ours = found.table.filter(pl.col("landmark") == day)
        assert ours["n"].to_list() == theirs["n"]
        same(ours["n_events"], theirs["obs"])
        same(ours["expected"], theirs["exp"])
        same([ours["chi_squared"][0], ours["p_value"][0]], [theirs["chisq"], theirs["p"]])
        curve = found.survival.filter(pl.col("landmark") == day)
        same(curve["survival"], theirs["survival"])
        same(curve["se"], theirs["se"], rtol=1e-7)
        unchanged = np.array(theirs["survival"], dtype=np.float64) == 1
        for limit in ("lower", "upper"):  # R's limits at survival 1 have no width; ours are null
            same(curve[limit], np.where(unchanged, np.nan, np.array(theirs[limit], dtype=np.float64)))
        ratio = found.hazard_ratios.filter(pl.col("landmark") == day)
        same(ratio["coef"], np.atleast_1d(theirs["coef"]))
        same(ratio["se"], np.atleast_1d(theirs["hr_se"]), rtol=1e-7)


def test_the_landmark_of_the_reference_values(heart: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = heart["landmark30_logrank"]
    table = landmark(rows_of("heart_stages"), "transplant", landmarks=[30], **HEART).table
    assert table["n"].to_list() == expected["n"]
    same(table["n_events"], expected["obs"])
    same(table["expected"], expected["exp"])
    same(table["chi_squared"], [expected["chisq"]] * 2)
