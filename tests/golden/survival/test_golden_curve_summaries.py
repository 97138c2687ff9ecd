"""Quantiles, follow-up and restricted means equal R's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import follow_up, kaplan_meier, rmst

Same = Callable[..., None]
RowsOf = Callable[[str], pl.DataFrame]

PROBS = [0.1, 0.25, 0.5, 0.75, 0.9]
VETERAN = {"id": "id", "start": None, "stop": "time", "event": "status"}
MGUS2 = {"id": "id", "start": None, "stop": "futime", "event": "death"}
BMT = {"id": "id", "start": None, "stop": "t2", "event": "d3"}
HEART = {"id": "id", "start": "start", "stop": "stop", "event": "event"}
SETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "veteran": ("veteran", "celltype", VETERAN),
    "mgus2": ("mgus2", "sex", MGUS2),
    "bmt": ("bmt", "group", BMT),
    "heart": ("heart_stages", "transplant", HEART),
}


@pytest.mark.parametrize("conf_type", ["log-log", "log", "plain"])
@pytest.mark.parametrize("name", SETS)
def test_quantiles_and_their_limits(
    widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str, conf_type: Any
) -> None:
    data, by, columns = SETS[name]
    expected = widened["quantile"][conf_type][name]
    curves = kaplan_meier(rows_of(data), by=by, conf_type=conf_type, **columns)
    found = curves.quantile(PROBS)
    for ours, theirs in (("quantile", "quantile"), ("lower", "lower"), ("upper", "upper")):
        same(found[ours], np.array(expected[theirs], dtype=np.float64).ravel())
    medians = curves.quantile([0.5])
    for ours, theirs in (("quantile", "median"), ("lower", "lower"), ("upper", "upper")):
        same(medians[ours], curves.median[theirs])


FOLLOWED = {
    "veteran": ("veteran", "trt", VETERAN),
    "mgus2": ("mgus2", "sex", MGUS2),
    "bmt": ("bmt", "group", BMT),
    "heart": ("heart_stages", "surgery", HEART),
}


@pytest.mark.parametrize("name", FOLLOWED)
@pytest.mark.parametrize("method", ["reverse_kaplan_meier", "survivors"])
def test_follow_up(widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str, method: Any) -> None:
    data, by, columns = FOLLOWED[name]
    expected = widened["follow_up"][name]
    found = follow_up(rows_of(data), method=method, by=by, **columns)
    theirs = np.array(expected["survivors" if method == "survivors" else "reverse"], dtype=np.float64)
    same(found.table["median"], theirs[:, 0])
    same(found.table["lower"], theirs[:, 1])
    same(found.table["upper"], theirs[:, 2])
    same(found.table["shortest"], expected["shortest"])
    same(found.table["longest"], expected["longest"])
    if method == "survivors":
        same(found.table["median"], expected["plain_median"])


@pytest.mark.parametrize(("name", "tau"), [("veteran", 180), ("mgus2", 240), ("bmt", 1000)])
def test_restricted_means_and_their_contrasts(
    widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str, tau: float
) -> None:
    data, by, columns = SETS[name]
    found = rmst(rows_of(data), tau=tau, by=by, **columns)
    mean, se = np.transpose(widened["rmst"][name])
    same(found.table["rmst"], mean)
    same(found.table["se"], se, rtol=1e-7)
    expected = {key: np.atleast_1d(value) for key, value in widened["rmst_contrasts"][name].items()}
    for ours in ("difference", "lower", "upper", "ratio", "ratio_lower", "ratio_upper"):
        same(found.contrasts[ours], expected[ours])
    same(found.contrasts["se"], expected["se"], rtol=1e-7)
    same(found.contrasts["p_value"], expected["p"])
    same(found.contrasts["ratio_p_value"], expected["ratio_p"])


def test_a_restricted_mean_with_another_reference(widened: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = rmst(rows_of("mgus2"), tau=240, by="sex", reference="M", **MGUS2)
    same(found.contrasts["difference"], [-widened["rmst_contrasts"]["mgus2"]["difference"]])
    assert found.contrasts.row(0)[:2] == ("F", "M")


@pytest.mark.parametrize("landmark", [0, 30, 60])
def test_restricted_means_in_the_states_of_an_exposure(
    widened: dict[str, Any], rows_of: RowsOf, same: Same, landmark: int
) -> None:
    """R counts the days before the landmark as lived; ours are counted from it."""
    found = rmst(rows_of("heart_stages"), tau=365, by="transplant", landmark=landmark, **HEART)
    mean, se = np.transpose(widened["rmst"]["heart"][f"L{landmark}"])
    same(found.table["rmst"] + landmark, mean)
    same(found.table["se"], se, rtol=1e-7)
    assert found.counted_from == ("landmark" if landmark else "origin")


def test_restricted_mean_with_delayed_entry_and_no_landmark(
    widened: dict[str, Any], rows_of: RowsOf, same: Same
) -> None:
    rows = rows_of("mgus2_states").filter(pl.col("tstart") > 600)
    died = rows.with_columns(died=(pl.col("to") == "death").fill_null(value=False))
    found = rmst(died, tau=1100, by="sex", id="id", event="died")
    mean, se = np.transpose(widened["rmst"]["mgus2_age"])
    same(found.table["rmst"], mean)
    same(found.table["se"], se, rtol=1e-7)
