"""Findings in (start, stop] rows, as data, and that the estimators refuse by the same rules."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import check_counting_process, kaplan_meier
from blinreg.analyses.row_sequence import row_sequence, subject_order
from blinreg.schemas.errors import InputError

COLUMNS = ["patient_id", "tstart", "tstop", "event", "allo_hct"]
GOOD = [
    ("p1", 0, 10, 0, 0),
    ("p1", 10, 40, 1, 1),
    ("p2", 0, 20, 1, 0),
    ("p3", 0, 50, 0, 0),
]


def frame(*more: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame([*GOOD, *more], schema=COLUMNS, orient="row", infer_schema_length=None)


def findings(rows: pl.DataFrame, **options: Any) -> dict[str, tuple[int, int, list[int]]]:
    found = check_counting_process(rows, exposures=["allo_hct"], **options)
    return {
        row["rule"]: (
            row["n_rows"],
            row["n_subjects"],
            found.examples.filter(pl.col("rule") == row["rule"])["row_number"].to_list(),
        )
        for row in found.table.iter_rows(named=True)
        if row["n_rows"]
    }


def test_good_rows_have_no_findings() -> None:
    assert findings(frame()) == {}
    found = check_counting_process(frame(), exposures=["allo_hct"])
    assert found.is_accepted
    assert (found.n_rows, found.n_subjects, found.n_events) == (4, 3, 2)
    assert found.table["rule"].to_list() == ["missing", "zero_length", "overlap", "gap", "after_event", "goes_back"]
    assert found.table["column"].to_list() == [None] * 5 + ["allo_hct"]
    assert found.transitions.rows() == [("start", "1", 2), ("start", "censored", 1)]
    assert found.event_counts.rows() == [(1, 0, 1), (1, 1, 2)]
    assert found.subjects.row(0) == ("p1", 2, 1, 0.0, 40.0, 40.0, 0, 0)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([("p4", 5, 5, 0, 0)], {"zero_length": (1, 1, [4])}),
        ([("p3", 40, 60, 0, 0)], {"overlap": (1, 1, [4])}),
        ([("p3", 60, 70, 0, 0), ("p3", 80, 90, 0, 0)], {"gap": (2, 1, [4, 5])}),
        ([("p2", 20, 30, 0, 0), ("p2", 30, 31, 0, 0)], {"after_event": (2, 1, [4, 5])}),
        ([("p3", 50, 60, 0, 1), ("p3", 60, 70, 0, 0)], {"goes_back": (1, 1, [5])}),
        ([("p4", None, 5, 0, 0), ("p3", 60, 70, 0, 0)], {"missing": (1, 1, [4]), "gap": (1, 1, [5])}),
    ],
)
def test_each_rule(more: list[tuple[Any, ...]], expected: dict[str, Any]) -> None:
    assert findings(frame(*more)) == expected


@pytest.mark.parametrize(
    "more",
    [
        [("p4", 5, 5, 0, 0)],
        [("p3", 40, 60, 0, 0)],
        [("p3", 60, 70, 0, 0)],
        [("p2", 20, 30, 0, 0)],
        [("p3", 50, 60, 0, 1), ("p3", 60, 70, 0, 0)],
        [("p4", None, 5, 0, 0)],
    ],
)
def test_accepted_means_that_the_estimators_accept(more: list[tuple[Any, ...]]) -> None:
    rows = frame(*more)
    if check_counting_process(rows, exposures=["allo_hct"]).is_accepted:
        assert kaplan_meier(rows, by="allo_hct").n == 3
    else:
        with pytest.raises(InputError):
            kaplan_meier(rows, by="allo_hct")


def test_recurrent_events() -> None:
    rows = frame(("p2", 20, 30, 1, 0), ("p2", 30, 35, 0, 0))
    assert findings(rows, terminal=False) == {}
    found = check_counting_process(rows, terminal=False)
    assert found.event_counts.rows() == [(1, 0, 1), (1, 1, 1), (1, 2, 1)]
    assert found.transitions.rows() == [
        ("start", "1", 2),
        ("start", "censored", 1),
        ("1", "1", 1),
        ("1", "censored", 1),
    ]


def test_states_that_events_did_not_lead_to() -> None:
    """State 1 follows event 1; p2 is moved to 2 without an event, p3 over a pause."""
    rows = pl.DataFrame(
        {
            "patient_id": [1, 1, 2, 2, 3, 3],
            "tstart": [0, 5, 0, 5, 0, 7],
            "tstop": [5, 9, 5, 9, 5, 9],
            "event": [1, 0, 0, 0, 0, 0],
            "state": [0, 1, 0, 2, 0, 2],
        }
    )
    found = check_counting_process(rows, state="state", terminal=False)
    counts = {row["rule"]: row["n_rows"] for row in found.table.iter_rows(named=True)}
    assert (counts["teleport"], counts["jump"], counts["gap"]) == (1, 1, 1)
    assert not found.is_accepted


def test_row_numbers_are_those_given_in_any_order() -> None:
    rows = frame(("p3", 40, 60, 0, 0))
    assert findings(rows.reverse())["overlap"] == (1, 1, [0])
    many = frame(*[("p3", 50 + 3 * n, 51 + 3 * n, 0, 0) for n in range(1, 9)])
    assert findings(many, n_examples=2)["gap"] == (8, 1, [4, 5])


def test_examples_never_name_a_subject() -> None:
    assert check_counting_process(frame(("p3", 40, 60, 0, 0))).examples.columns == ["rule", "column", "row_number"]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (frame().clear(), {}, r"there are no complete rows \(0 with a missing value\)"),
        (frame().with_columns(arm=pl.lit("a")), {"exposures": ["arm"]}, "exposure arm is String, not a number"),
        (frame(), {"exposures": ["arm"]}, "no column is called arm"),
        (frame().with_columns(event=pl.lit(0.5)), {}, "column event must be a whole number from 0"),
    ],
)
def test_refusals(rows: pl.DataFrame, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_counting_process(rows, **options)


@pytest.mark.parametrize("step", [1.0, 0.5, 0.25, 1e-7])
def test_the_packed_order_is_the_sorted_order(step: float) -> None:
    """Days and half days are packed into whole numbers; other times are sorted as they are."""
    random = np.random.default_rng(5)
    subject = random.integers(0, 40, 300)
    start = (random.permutation(300) - 100) * step
    order = subject_order(subject, start)
    np.testing.assert_array_equal(order, np.lexsort((start, subject)))
    sequence = row_sequence(subject, start, start + step / 2)
    np.testing.assert_array_equal(sequence.sorted(start), start[order])


def test_times_too_far_apart_to_pack() -> None:
    start = np.array([1e30, 0.0, 5.0])
    assert subject_order(np.array([0, 0, 0]), start).tolist() == [1, 2, 0]
