"""State occupation equals R's survfit for multi-state data, with its infinitesimal jackknife."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import cumulative_incidence, multistate
from blinreg.analyses.multistate import MultiState

Same = Callable[..., None]
RowsOf = Callable[[str], pl.DataFrame]

COLUMNS = {"n_risk": "n_in_state", "n_event": "n_entered", "pstate": "probability", "se": "se"}
R_NAMES: dict[str, Any] = {"from_state": None, "to_state": "event", "initial": "(s0)", "censored": "none", "id": "id"}


def assert_equal(found: MultiState, expected: dict[str, Any], same: Same) -> None:
    groups = found.initial["group"].unique(maintain_order=True).to_list()
    curve = np.atleast_1d(expected["curve"])
    mean_time = np.reshape(expected["rmean"], (len(expected["states"]), len(groups), 2))
    for number, group in enumerate(groups, start=1):
        rows = np.flatnonzero(curve == number)
        times = pl.DataFrame({"time": pl.Series([expected["time"][row] for row in rows], dtype=pl.Float64)})
        of_group = found.table.filter(pl.col("group") == group)
        assert of_group["time"].n_unique() == np.atleast_1d(expected["n_times"])[number - 1]
        for place, state in enumerate(expected["states"]):
            ours = times.join(of_group.filter(pl.col("state") == state), on="time", how="left", maintain_order="left")
            theirs = {
                key: np.array(expected[key], dtype=np.float64)[rows, place] for key in (*COLUMNS, "lower", "upper")
            }
            for key, column in COLUMNS.items():
                same(ours[column], theirs[key], rtol=1e-7 if key == "se" else 1e-8)
            inside = (theirs["pstate"] > 0) & (theirs["pstate"] < 1)
            for limit in ("lower", "upper"):  # null at 0 and 1 here, of no width in R
                same(ours[limit], np.where(inside, theirs[limit], np.nan))
            mean = found.mean_time.filter((pl.col("group") == group) & (pl.col("state") == state))
            same(mean["mean_time"], [mean_time[place, number - 1, 0]])
            same(mean["se"], [mean_time[place, number - 1, 1]], rtol=1e-7)


def test_response_transplant_relapse_and_death(widened: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = multistate(rows_of("myeloid_states"), tau=1000, **R_NAMES)
    assert_equal(found, widened["multistate"]["myeloid"], same)


def test_by_arm(widened: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = multistate(rows_of("myeloid_states"), by="trt", conf_type="plain", tau=1000, **R_NAMES)
    assert_equal(found, widened["multistate"]["myeloid_trt"], same)


def test_delayed_entry(widened: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    """Age is the time scale; those whose malignancy came before the window are left out."""
    rows = rows_of("mgus2_states").filter(pl.col("tstart") >= 780, pl.col("tstart") < 900)
    well = rows.filter(pl.col("from") == "mgus")["id"]
    rows = rows.filter((pl.col("from") == "mgus") | pl.col("id").is_in(well.implode()))
    assert rows.height == widened["multistate"]["mgus2_rows"]
    found = multistate(rows, from_state="from", to_state="to", id="id", conf_type="log", tau=1000)
    assert_equal(found, widened["multistate"]["mgus2"], same)


def oedema_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Name the states; the next row's state is the one entered, and death at the end."""
    name = pl.format("oedema {}", "oedema")
    died = pl.when(pl.col("death") == 1).then(pl.lit("death"))
    return rows.sort("id", "tstart").with_columns(state=name, entered=name.shift(-1).over("id").fill_null(died))


def test_people_who_begin_in_three_states(widened: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = multistate(oedema_rows(rows_of("pbc_oedema")), from_state="state", to_state="entered", id="id", tau=3000)
    expected = widened["multistate"]["oedema"]
    assert_equal(found, expected, same)
    at_start = dict(zip(expected["states"], np.ravel(expected["p0"]), strict=True))
    same(found.initial["probability"], [at_start[state] for state in found.initial["state"]])


def test_the_greenwood_type_variance_is_that_of_cumulative_incidence(rows_of: RowsOf, same: Same) -> None:
    """One transition a subject: the Aalen-Johansen estimator of competing risks."""
    rows = (
        rows_of("mgus2")
        .with_columns(cause=pl.when(pl.col("pstat") == 1).then(1).otherwise(2 * pl.col("death")))
        .with_columns(to=pl.when(pl.col("cause") > 0).then(pl.format("cause {}", "cause")))
    )
    incidence = cumulative_incidence(rows, id="id", start=None, stop="ptime", event="cause").table
    for variance in ("greenwood", "infinitesimal_jackknife"):
        found = multistate(rows, from_state=None, to_state="to", id="id", start=None, stop="ptime", variance=variance)
        for cause in (1, 2):
            ours = found.table.filter(pl.col("state") == f"cause {cause}")
            theirs = incidence.filter(pl.col("cause") == cause)
            same(ours["probability"], theirs["cumulative_incidence"])
            same(ours["se"], theirs["se"], rtol=1e-7)


@pytest.mark.parametrize("data", ["myeloid_states", "pbc_oedema"])
def test_the_two_variances_are_close(rows_of: RowsOf, data: str) -> None:
    """They estimate the same; where subjects contribute several transitions they differ by a few percent."""
    rows = rows_of(data)
    options: dict[str, Any] = R_NAMES
    if data == "pbc_oedema":
        rows, options = oedema_rows(rows), {"from_state": "state", "to_state": "entered", "id": "id"}
    tables = [
        multistate(rows, variance=variance, **options).table.filter(pl.col("probability").is_between(0.05, 0.95))
        for variance in ("greenwood", "infinitesimal_jackknife")
    ]
    ratio = (tables[0]["se"] / tables[1]["se"]).to_numpy()
    assert 0.97 < ratio.min() < 0.999
    assert 1.001 < ratio.max() < 1.06
