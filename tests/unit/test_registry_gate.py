"""Does the gate refuse every wrong cell, and only those?"""

from __future__ import annotations

import polars as pl
import pytest

from blinreg.schemas.columns import code, date, integer, number, text
from blinreg.schemas.model import Column, Table
from blinreg.schemas.render.ddl import submitted_table
from blinreg.schemas.render.gate import gate_rules, gate_violations
from blinreg.schemas.tables import TABLES

CODES = {"yes": "yes", "no": "no"}


def broken(column: Column, *values: str | None) -> list[tuple[str, int]]:
    """Give kind of rule and line of every cell that is refused; the first value stands in line 2."""
    definition = Table(name="t", grain="g", description="d", key=(column.name,), columns=(column,))
    frame = pl.DataFrame({column.name: values}, schema={column.name: pl.String}).with_row_index("source_line", offset=2)
    found = gate_violations(definition, frame)
    assert set(found["severity"]) <= {"reject_row"}
    return [(rule.split(".")[-1], line) for rule, line in found.select("rule", "line").sort("line").rows()]


def test_required_cells_must_not_be_empty() -> None:
    assert broken(text("a", "d", required=True), "x", None) == [("required", 3)]
    assert broken(text("a", "d"), "x", None) == []


def test_a_pattern_must_match_the_whole_text() -> None:
    assert broken(text("a", "d", pattern="[a-z]{2}|[0-9]"), "ab", "7", "abc", "ab7", "ab\n", "") == [
        ("pattern", line) for line in (4, 5, 6, 7)
    ]


def test_codes_are_compared_as_they_are() -> None:
    assert broken(code("a", CODES, "d"), "yes", "no", "YES", " yes", None) == [("code", 4), ("code", 5)]


@pytest.mark.parametrize("value", ["1.0", "1e1", "5,0", "", " 5", "+5", "five", "5.7", "0x5", "12345678901"])
def test_text_that_is_no_whole_number_is_refused_once(value: str) -> None:
    assert broken(integer("a", "d", minimum=0, maximum=10), value) == [("integer", 2)]


def test_ranges_include_their_ends() -> None:
    whole = integer("a", "d", minimum=0, maximum=10)
    assert broken(whole, "0", "10", "007", "-1", "11", "999999999") == [("range", line) for line in (5, 6, 7)]
    measured = number("a", "d", minimum=0.5, maximum=1000, unit="g")
    assert broken(measured, "0.5", "1e3", "1000.0", "0.49", "1000.01", "1e999") == [
        ("range", line) for line in (5, 6, 7)
    ]


@pytest.mark.parametrize("value", ["nan", "NaN", "inf", "-inf", "1.", ".5", "1e", "1 000", "1.000.000", "<5", "1,5,5"])
def test_text_that_is_no_number_is_refused_once(value: str) -> None:
    assert broken(number("a", "d", minimum=0, maximum=1e9, unit="g"), value) == [("number", 2)]


def test_a_decimal_comma_is_recognised() -> None:
    assert broken(number("a", "d", minimum=0, maximum=9, unit="g"), "1,5", "1.5") == [("decimal_comma", 2)]


@pytest.mark.parametrize("value", ["2020-02-29", "2019-02-28", "2019-12", "2019", "1900-01-01", "2100-12-31"])
def test_real_days_and_parts_of_them_pass(value: str) -> None:
    assert broken(date("a", "d"), value) == []


@pytest.mark.parametrize(
    "value",
    ["2019-02-29", "2019-02-30", "2019-13-01", "2019-00-10", "2019-13", "2019-00", "0000", "1899", "9999-12-31"],
)
def test_days_that_do_not_exist_are_refused(value: str) -> None:
    assert broken(date("a", "d"), value) == [("calendar", 2)]


@pytest.mark.parametrize("value", ["2019-5-1", "20190501", "01.05.2019", "05/01/2019", "2019-05-01T00:00", "19", "?"])
def test_other_forms_of_dates_are_refused_once(value: str) -> None:
    assert broken(date("a", "d"), value) == [("date", 2)]


def test_a_part_of_a_date_is_refused_where_the_whole_is_needed() -> None:
    assert broken(date("a", "d", partial=False), "2019-05-01", "2019-05", "2019") == [("date", 3), ("date", 4)]


def test_a_cell_is_named_by_its_line_and_not_by_its_position() -> None:
    column = code("a", CODES, "d")
    definition = Table(name="t", grain="g", description="d", key=("a",), columns=(column,))
    frame = pl.DataFrame({"a": ["?", "yes", "?"], "source_line": [2, 9, 40]})
    assert gate_violations(definition, frame)["line"].to_list() == [2, 40]


def test_the_gate_cannot_be_switched_off_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    from pandera.config import CONFIG

    monkeypatch.setattr(CONFIG, "validation_enabled", False)
    assert broken(code("a", CODES, "d"), "?") == [("code", 2)]


def test_typed_columns_are_not_taken() -> None:
    column = integer("a", "d", minimum=0, maximum=9)
    definition = Table(name="t", grain="g", description="d", key=("a",), columns=(column,))
    with pytest.raises(TypeError, match="t: the gate reads text columns only"):
        gate_violations(definition, pl.DataFrame({"a": [1], "source_line": [2]}))


@pytest.mark.parametrize("definition", TABLES, ids=lambda definition: definition.name)
def test_the_gate_is_as_strict_as_the_database(definition: Table) -> None:
    """Every constraint of the DDL has a rule, so that no accepted row fails on its way in."""
    kinds = {rule.rule for rule in gate_rules(definition)}
    for column in definition.columns:
        prefix = f"{definition.name}.{column.name}"
        if column.required:
            assert f"{prefix}.required" in kinds
        if column.minimum is not None or column.maximum is not None:
            assert f"{prefix}.range" in kinds
        if column.codes:
            assert f"{prefix}.code" in kinds
        assert any(kind.startswith(f"{prefix}.") for kind in kinds) or f"{column.name} varchar" in submitted_table(
            definition
        )
