"""What must hold for the SQL macros on any data: they equal Python; order and splits change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from blinreg.analyses import cumulative_incidence, kaplan_meier, log_rank, mantel_byar, simon_makuch

HALF_DAYS = st.integers(0, 24).map(lambda halves: halves / 2)
SUBJECT = st.fixed_dictionaries(
    {
        "entry": HALF_DAYS,
        "length": st.integers(1, 24).map(lambda halves: halves / 2),
        # Days to the change of state, and what follows: a gap, a return, nothing.
        "exposed_after": st.one_of(st.none(), HALF_DAYS),
        "gap": st.sampled_from([0, 0, 0, 1.5]),
        "returns_after": st.one_of(st.none(), st.none(), HALF_DAYS),
        "event": st.integers(0, 2),
        "centre": st.sampled_from(["north", "south"]),
    }
)
SUBJECTS = st.lists(SUBJECT, min_size=2, max_size=20)
RUNS = settings(max_examples=40, deadline=None)
ROWS: dict[str, Any] = {"id": "id", "start": "tstart", "stop": "tstop"}
Same = Callable[[pl.DataFrame, pl.DataFrame], None]


def counting_rows(subjects: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows of subjects who may enter late, be exposed, leave observation for a while and lose the exposure."""
    rows = []
    for number, subject in enumerate(subjects):
        begin, end = subject["entry"], subject["entry"] + subject["length"]
        change = end if subject["exposed_after"] is None else min(end, begin + subject["exposed_after"])
        back = change + subject["gap"]
        again = end if subject["returns_after"] is None else min(end, back + subject["returns_after"])
        pieces = [(begin, change, 0), (back, again, 1), (again, end, 0)]
        pieces = [piece for piece in pieces if piece[0] < piece[1]] or [(begin, end, 0)]
        for place, (tstart, tstop, state) in enumerate(pieces):
            cause = subject["event"] if place == len(pieces) - 1 else 0
            rows.append((number, tstart, tstop, cause, min(cause, 1), state, subject["centre"]))
    return pl.DataFrame(rows, schema=["id", "tstart", "tstop", "cause", "event", "state", "centre"], orient="row")


def run(
    macros: duckdb.DuckDBPyConnection, call: str, rows: pl.DataFrame, group: str, event: str = "event"
) -> pl.DataFrame:
    """Give the rows to a macro: ``run(macros, "kaplan_meier(%s)", rows, "state")``."""
    macros.register("any_rows", rows.select("id", "tstart", "tstop", event=event, group_label=group))
    try:
        return macros.sql("from analysis." + call.replace("%s", "'any_rows'")).pl()
    finally:
        macros.unregister("any_rows")


@RUNS
@given(subjects=SUBJECTS, conf_type=st.sampled_from(["log-log", "log", "plain"]), level=st.sampled_from([0.5, 0.95]))
def test_kaplan_meier_is_that_of_python(
    macros: Any, equal_to_python: Same, subjects: list[dict[str, Any]], conf_type: Any, level: float
) -> None:
    rows = counting_rows(subjects)
    for group in ("state", "centre"):
        found = run(macros, f"kaplan_meier(%s, conf_type := '{conf_type}', conf_level := {level})", rows, group)
        equal_to_python(found, kaplan_meier(rows, by=group, conf_type=conf_type, conf_level=level, **ROWS).table)


@RUNS
@given(subjects=SUBJECTS, landmark=HALF_DAYS)
def test_simon_makuch_is_that_of_python(
    macros: Any, equal_to_python: Same, subjects: list[dict[str, Any]], landmark: float
) -> None:
    rows = counting_rows(subjects)
    assume(rows.filter(pl.col("tstop") > landmark).height)
    found = run(macros, f"simon_makuch(%s, landmark := {landmark})", rows, "state")
    equal_to_python(found, simon_makuch(rows, "state", landmark=landmark, **ROWS).table)


@RUNS
@given(subjects=SUBJECTS, landmark=HALF_DAYS)
def test_mantel_byar_is_that_of_python(
    macros: Any, equal_to_python: Same, subjects: list[dict[str, Any]], landmark: float
) -> None:
    rows = counting_rows(subjects)
    assume(rows.filter(pl.col("tstop") > landmark)["state"].n_unique() == 2)
    found = run(macros, f"mantel_byar(%s, landmark := {landmark})", rows, "state")
    test: Any = mantel_byar(rows, "state", landmark=landmark, **ROWS)
    equal_to_python(found.select("group_label", "observed", "expected"), test.table.drop("n"))
    exposed = found.row(1, named=True)
    np.testing.assert_allclose(exposed["variance"], test.variance, rtol=1e-12, atol=1e-12)
    if test.variance > 1e-9:
        for name in ("chi_squared", "p_value", "log_hazard_ratio", "log_hazard_ratio_se"):
            np.testing.assert_allclose(exposed[name], getattr(test, name), rtol=1e-12, atol=1e-12)
    else:
        assert exposed["chi_squared"] is None
        assert exposed["p_value"] is None


@RUNS
@given(subjects=SUBJECTS)
def test_log_rank_is_that_of_python(macros: Any, equal_to_python: Same, subjects: list[dict[str, Any]]) -> None:
    rows = counting_rows(subjects)
    assume(rows["centre"].n_unique() == 2)
    found = run(macros, "log_rank(%s)", rows, "centre")
    test = log_rank(rows, "centre", **ROWS)
    equal_to_python(found.select("group_label", "n", "observed", "expected"), test.table)
    np.testing.assert_allclose(np.array(found["covariance"].to_list()), test.variance, rtol=1e-12, atol=1e-12)
    if test.variance[1, 1] > 1e-9:
        for name in ("chi_squared", "p_value"):
            np.testing.assert_allclose(found[name], [getattr(test, name)] * 2, rtol=1e-12, atol=1e-12)


@RUNS
@given(subjects=SUBJECTS, conf_type=st.sampled_from(["log-log", "plain"]))
def test_cumulative_incidence_is_that_of_python(
    macros: Any, equal_to_python: Same, subjects: list[dict[str, Any]], conf_type: Any
) -> None:
    rows = counting_rows(subjects)
    for group in ("state", "centre"):
        found = run(macros, f"cumulative_incidence(%s, conf_type := '{conf_type}')", rows, group, "cause")
        expected = cumulative_incidence(rows, by=group, event="cause", conf_type=conf_type, **ROWS)
        equal_to_python(found, expected.table)


@settings(max_examples=15, deadline=None)
@given(subjects=SUBJECTS, day=HALF_DAYS, random=st.randoms(use_true_random=False))
def test_row_order_and_splits_change_nothing(
    macros: Any, subjects: list[dict[str, Any]], day: float, random: Any
) -> None:
    rows = counting_rows(subjects)
    spans = (pl.col("tstart") < day) & (pl.col("tstop") > day)
    before = rows.filter(spans).with_columns(tstop=pl.lit(day), event=pl.lit(0), cause=pl.lit(0)).cast(rows.schema)
    split = pl.concat([rows.filter(~spans), before, rows.filter(spans).with_columns(tstart=pl.lit(day))])
    order = list(range(split.height))
    random.shuffle(order)
    for call, event in (
        ("kaplan_meier(%s)", "event"),
        ("simon_makuch(%s)", "event"),
        ("cumulative_incidence(%s)", "cause"),
    ):
        found = run(macros, call, split[order], "state", event)
        assert_frame_equal(found, run(macros, call, rows, "state", event), rel_tol=1e-12, abs_tol=1e-12)
    if rows["state"].n_unique() == 2:
        found = run(macros, "mantel_byar(%s)", split[order], "state")
        assert_frame_equal(found, run(macros, "mantel_byar(%s)", rows, "state"), rel_tol=1e-12, abs_tol=1e-12)
