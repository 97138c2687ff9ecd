"""Rows from every kind of frame, and every refusal in its own words."""

import re
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from blinreg.analyses.inputs import counting_process, to_frame
from blinreg.schemas.errors import InputError

GOOD = {
    "patient_id": ["p1", "p1", "p2", "p3"],
    "tstart": [0.0, 10.0, 0.0, 2.5],
    "tstop": [10.0, 25.0, 7.5, 30.0],
    "event": [0, 1, 0, 1],
    "age": [61, 61, 44, 50],
}


def check(changes: dict[str, Any] | None = None, **options: Any) -> Any:
    rows = pl.DataFrame({**GOOD, **(changes or {})}, strict=False)
    names: dict[str, Any] = {"id": "patient_id", "start": "tstart", "stop": "tstop", "event": "event"}
    return counting_process(rows, **{**names, **options})


@pytest.fixture
def connection() -> Any:
    with duckdb.connect() as opened:
        yield opened


KINDS = ["polars", "lazy", "pandas", "arrow", "duckdb"]


def as_kind(kind: str, table: pa.Table, connection: duckdb.DuckDBPyConnection) -> Any:
    if kind == "arrow":
        return table
    if kind == "pandas":
        return table.to_pandas()
    if kind == "duckdb":
        return connection.from_arrow(table)
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.lazy() if kind == "lazy" else frame


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_gives_the_same(kind: str, connection: duckdb.DuckDBPyConnection) -> None:
    table = pa.table({"time": [1.5, 2.0, None], 'odd "name"': [1, 0, 1], "unused": ["a", "b", "c"]})
    found = to_frame(as_kind(kind, table, connection), ['odd "name"', "time", "time"])
    assert found.columns == ['odd "name"', "time"]
    assert found.rows() == [(1, 1.5), (0, 2.0), (1, None)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_column_is_named_with_its_neighbours(kind: str, connection: duckdb.DuckDBPyConnection) -> None:
    table = pa.table({"allo_hct": [1], "age_years": [50]})
    message = (
        "no column is called alo_hct, tstop; alo_hct: did you mean allo_hct?; tstop: known are age_years, allo_hct"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        to_frame(as_kind(kind, table, connection), ["alo_hct", "age_years", "tstop"])


def test_something_that_is_no_table() -> None:
    with pytest.raises(InputError) as refusal:
        to_frame([1, 2], ["time"])
    assert str(refusal.value) == (
        "rows of type list cannot be read; pass a polars, pandas or Arrow table, or a DuckDB relation"
    )


def test_good_rows_become_arrays_with_times_untouched() -> None:
    found, extra = check(extra=["age"])
    assert found.subject.tolist() == [0, 0, 1, 2]
    assert found.start.tolist() == GOOD["tstart"]
    assert found.stop.tolist() == GOOD["tstop"]
    assert found.event.tolist() == GOOD["event"]
    assert (found.n_subjects, found.n_missing) == (3, 0)
    assert extra["age"].to_list() == GOOD["age"]
    assert found.stop.dtype == np.float64
    assert found.subject.dtype == found.event.dtype == np.int64


def test_rows_need_no_order_and_keep_the_one_they_have() -> None:
    backwards = {name: values[::-1] for name, values in GOOD.items()}
    found, extra = check(backwards, extra=["age"])
    assert found.stop.tolist() == GOOD["tstop"][::-1]
    assert extra["age"].to_list() == GOOD["age"][::-1]


def test_plain_data_without_id_and_entry() -> None:
    found, _ = check(id=None, start=None)
    assert found.subject.tolist() == [0, 1, 2, 3]
    assert found.start.tolist() == [0.0] * 4


def test_a_gap_between_rows_and_a_boolean_event_are_allowed() -> None:
    found, _ = check({"tstart": [0, 12, 0, 0], "event": [False, True, False, True]})
    assert found.event.tolist() == [0, 1, 0, 1]


def test_rows_after_an_event_where_events_repeat() -> None:
    found, _ = check({"event": [1, 1, 0, 1]}, terminal=False)
    assert found.event.sum() == 3


def test_complete_cases_are_counted() -> None:
    found, extra = check(
        {"age": [61, None, 44, 50], "tstop": [10, 25, float("nan"), 30]}, extra=["age"], missing="complete_case"
    )
    assert found.n_missing == 2
    assert found.n_subjects == 2
    assert extra["age"].to_list() == [61, 50]


def test_causes_are_small_whole_numbers() -> None:
    assert check({"event": [0, 2, 0, 3]}, causes=True)[0].event.tolist() == [0, 2, 0, 3]


REFUSALS: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "missing values",
        {"tstop": [10, None, 7.5, float("nan")], "age": [None, None, 44, 50]},
        {"extra": ["age"]},
        "values are missing in 3 of 4 rows (tstop 2, age 2); complete them, or pass missing='complete_case' "
        "to leave them out and count them",
    ),
    (
        "missing subject",
        {"patient_id": ["p1", "p1", None, "p3"]},
        {},
        "values are missing in 1 of 4 rows (patient_id 1); complete them, or pass missing='complete_case' "
        "to leave them out and count them",
    ),
    (
        "infinite time",
        {"tstop": [10, 25, float("inf"), 30]},
        {},
        "column tstop has 1 infinite time; use the day of last contact for open follow-up",
    ),
    (
        "text for a time",
        {"tstop": ["10", "25", "7", "30"]},
        {},
        "column tstop is String, a time must be a number; give numbers (days from the origin for times)",
    ),
    (
        "text for an event",
        {"event": ["no", "yes", "no", "yes"]},
        {},
        "column event is String, an event must be a number; give numbers (days from the origin for times)",
    ),
    (
        "event that is neither 0 nor 1",
        {"event": [0, 2, 0, 2]},
        {},
        "column event must be 0 or 1: 2 rows of 2 subjects are not; recode it, or use cumulative_incidence "
        "for several causes",
    ),
    (
        "half an event",
        {"event": [0, 1, 0, 0.5]},
        {"causes": True},
        "column event must be a whole number from 0 (censored) to 99: 1 row of 1 subject is not; recode it",
    ),
    (
        "a cause that is a day",
        {"event": [0, 1, 0, 365]},
        {"causes": True},
        "column event must be a whole number from 0 (censored) to 99: 1 row of 1 subject is not; recode it",
    ),
    (
        "stop at start",
        {"tstart": [10, 10, 0, 30]},
        {},
        "tstop must be after tstart: 2 rows of 2 subjects are not; an event on the origin day belongs at day 0.5, "
        "a censoring there leaves the analysis",
    ),
    (
        "stop at the origin",
        {"tstop": [0, 25, 7, 30]},
        {"start": None, "id": None},
        "tstop must be after entry at 0: 1 row of 1 subject is not; an event on the origin day belongs at day 0.5, "
        "a censoring there leaves the analysis",
    ),
    (
        "overlap",
        {"tstart": [0, 9.5, 0, 0]},
        {},
        "rows of one subject must not overlap: 1 row of 1 subject starts before the one before it ends; "
        "end each row where the next one of the subject starts, or before",
    ),
    (
        "rows after the event",
        {"event": [1, 1, 0, 1]},
        {},
        "follow-up must end at the event (event): 1 row of 1 subject comes after one; drop the rows after the "
        "event; for repeated events use cox",
    ),
    (
        "unknown way with missing values",
        {},
        {"missing": "drop"},
        "missing='drop' is unknown; use 'refuse' or 'complete_case'",
    ),
    (
        "nobody left",
        {"age": [None] * 4},
        {"extra": ["age"], "missing": "complete_case"},
        "there are no rows to analyse (4 left out as incomplete); check the population that was selected",
    ),
]


@pytest.mark.parametrize(
    ("changes", "options", "message"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_refusals_say_which_rule_and_how_many(changes: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as refusal:
        check(changes, **options)
    assert str(refusal.value) == message


def test_no_rows() -> None:
    with pytest.raises(InputError) as refusal:
        counting_process(pl.DataFrame(GOOD).clear(), id="patient_id", start="tstart", stop="tstop", event="event")
    assert str(refusal.value) == "there are no rows to analyse; check the population that was selected"


def test_refusals_never_show_a_patient() -> None:
    for _, changes, options, message in REFUSALS:
        with pytest.raises(InputError) as refusal:
            check(changes, **options)
        assert not re.search(r"\bp[123]\b", str(refusal.value)), message


def test_several_rows_after_an_event_are_counted_over_subjects() -> None:
    rows = {
        "patient_id": [1, 1, 1, 2, 2, 3],
        "tstart": [0, 1, 2, 0, 5, 0],
        "tstop": [1, 2, 3, 5, 6, 9],
        "event": [1, 0, 0, 1, 1, 1],
        "age": [0] * 6,
    }
    with pytest.raises(InputError, match="3 rows of 2 subjects come after one"):
        check(rows)
