"""Table 1: order, denominators, refusals."""

from __future__ import annotations

import polars as pl
import pytest

from blinreg.analyses import table_one
from blinreg.schemas.errors import InputError

ROWS = pl.DataFrame(
    {
        "ecog": [0, 1, None, 2, 1],
        "sex": ["male", "female", "male", None, "male"],
        "ph_positive": [True, None, False, False, False],
        "arm": ["b", "a", "b", "a", "b"],
    }
)


def test_order_is_the_callers_then_levels_then_groups() -> None:
    table = table_one(ROWS, ["sex", "ecog"], by="arm").table
    assert table.select("variable", "level", "group").rows() == [
        ("sex", "female", "all"),
        ("sex", "female", "a"),
        ("sex", "female", "b"),
        ("sex", "male", "all"),
        ("sex", "male", "a"),
        ("sex", "male", "b"),
        ("ecog", None, "all"),
        ("ecog", None, "a"),
        ("ecog", None, "b"),
    ]
    shuffled = table_one(ROWS.reverse(), ["sex", "ecog"], by="arm").table
    assert shuffled.equals(table)


def test_percent_is_of_those_with_a_value() -> None:
    table = table_one(ROWS, ["sex"], by="arm").table
    counts = table.select("level", "group", "n", "denominator", "percent", "n_missing").rows()
    assert counts == [
        ("female", "all", 1, 4, 25.0, 1),
        ("female", "a", 1, 1, 100.0, 1),
        ("female", "b", 0, 3, 0.0, 0),
        ("male", "all", 3, 4, 75.0, 1),
        ("male", "a", 0, 1, 0.0, 1),
        ("male", "b", 3, 3, 100.0, 0),
    ]


def test_numeric_row() -> None:
    row = table_one(ROWS, ["ecog"]).table.row(0, named=True)
    assert row == {
        "variable": "ecog",
        "level": None,
        "group": "all",
        "n": 4,
        "denominator": 4,
        "percent": None,
        "median": 1.0,
        "minimum": 0.0,
        "maximum": 2.0,
        "q1": 0.75,
        "q3": 1.25,
        "n_missing": 1,
    }


def test_booleans_and_enum_order() -> None:
    enum = pl.Enum(["positive", "negative", "unknown"])
    rows = ROWS.with_columns(status=pl.Series(["negative", "positive", "negative", None, "positive"], dtype=enum))
    assert table_one(rows, ["ph_positive", "status"]).table["level"].to_list() == [
        "false",
        "true",
        "positive",
        "negative",
    ]
    assert table_one(rows, ["ph_positive"]).table["n"].to_list() == [3, 1]


def test_group_sizes_and_stamps() -> None:
    result = table_one(ROWS, ["ecog"], by="arm")
    assert result.groups.rows() == [("all", 5), ("a", 2), ("b", 3)]
    assert (result.n_rows, result.n_missing, result.quantile_type) == (5, 0, 7)


def test_variable_without_any_value() -> None:
    rows = pl.DataFrame({"x": pl.Series([None, None], dtype=pl.Float64), "y": pl.Series([None, None], dtype=pl.String)})
    table = table_one(rows, ["x", "y"]).table
    assert table.select("variable", "level", "n", "denominator", "percent", "median", "n_missing").rows() == [
        ("x", None, 0, 0, None, None, 2),
        ("y", None, 0, 0, None, None, 2),
    ]


def test_missing_group_is_refused_or_counted() -> None:
    with pytest.raises(InputError, match=r"values are missing in 1 of 5 rows \(sex 1\)"):
        table_one(ROWS, ["ecog"], by="sex")
    result = table_one(ROWS, ["ecog"], by="sex", missing="complete_case")
    assert (result.n_rows, result.n_missing) == (4, 1)
    assert result.groups.rows() == [("all", 4), ("female", 1), ("male", 3)]


def test_a_group_that_is_not_a_number_is_missing() -> None:
    rows = pl.DataFrame({"age": [30, 40, 50], "stage": [1.0, float("nan"), 2.0]})
    result = table_one(rows, ["age"], by="stage", missing="complete_case")
    assert result.n_missing == 1
    assert result.groups.rows() == [("all", 2), ("1", 1), ("2", 1)]


@pytest.mark.parametrize(
    ("columns", "by", "message"),
    [
        ([], None, "no column is named"),
        (["age"], None, "no column is called age"),
        (["started"], None, "column started is Date; Table 1 describes numbers, text and booleans"),
        (["ecog"], "everyone", "a group of everyone is called 'all', the name of all rows"),
    ],
)
def test_refusals(columns: list[str], by: str | None, message: str) -> None:
    rows = ROWS.with_columns(started=pl.date(2020, 1, 1), everyone=pl.lit("all"))
    with pytest.raises(InputError) as caught:
        table_one(rows, columns, by=by)
    assert str(caught.value).startswith(message)
