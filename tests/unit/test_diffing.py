"""Does a comparison find every row and value that is not the same, and nothing else?"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from blinreg.registry.diffing import compare
from blinreg.schemas.tables import TABLES, table

Row = dict[str, str | None]


def frame(name: str, rows: Sequence[Row]) -> pl.DataFrame:
    columns = table(name).column_names
    full = [{**dict.fromkeys(columns), **row, "source_line": line} for line, row in enumerate(rows, start=2)]
    return pl.DataFrame(full, schema=dict.fromkeys(columns, pl.String) | {"source_line": pl.Int64})


def event(number: str, **values: str | None) -> Row:
    return {"patient_id": "SYN-01", "event_number": number, "term": "crs", "onset_date": "2019-05-02", **values}


def values_of(before: Sequence[Row], after: Sequence[Row], name: str = "adverse_event") -> list[tuple[object, ...]]:
    found = compare({name: frame(name, before)}, {name: frame(name, after)})
    return found.values.select("key", "column", "before", "after", "kind").rows()


def test_values_are_added_changed_and_removed() -> None:
    before = [event("1", grade="2", action="none"), event("2")]
    after = [event("1", grade="3", outcome="resolved"), event("2")]
    assert values_of(before, after) == [
        ("SYN-01, 1", "grade", "2", "3", "changed"),
        ("SYN-01, 1", "action", "none", None, "removed"),
        ("SYN-01, 1", "outcome", None, "resolved", "added"),
    ]


def test_rows_are_added_and_removed_with_their_lines() -> None:
    before, after = [event("1"), event("2")], [event("2"), event("3"), event("4")]
    found = compare({"adverse_event": frame("adverse_event", before)}, {"adverse_event": frame("adverse_event", after)})
    assert found.rows.select("key", "kind", "line_before", "line_after").rows() == [
        ("SYN-01, 1", "removed", 2, None),
        ("SYN-01, 3", "added", None, 3),
        ("SYN-01, 4", "added", None, 4),
    ]
    assert found.tables.row(0) == ("adverse_event", 2, 3, 2, 1, 0, 0)
    assert found.added["adverse_event"]["event_number"].to_list() == ["3", "4"]
    assert found.removed["adverse_event"]["source_line"].to_list() == [2]
    assert found.values.is_empty()
    assert not found.is_same


def test_order_of_rows_is_no_difference() -> None:
    rows = [event("1", grade="2"), event("2", grade="3"), event("10")]
    found = compare(
        {"adverse_event": frame("adverse_event", rows)}, {"adverse_event": frame("adverse_event", rows[::-1])}
    )
    assert found.is_same
    assert found.tables.row(0) == ("adverse_event", 3, 3, 0, 0, 0, 0)


def test_one_number_in_two_forms_is_no_difference() -> None:
    before = [event("1", grade="2", cycle_number="1"), event("2", grade="3")]
    after = [event("1.0", grade="2.0", cycle_number="+1"), event("2e0", grade="4")]
    assert values_of(before, after) == [("SYN-01, 2", "grade", "3", "4", "changed")]


def test_what_is_no_number_is_compared_as_text() -> None:
    before = [event("1", grade="nan"), event("2", grade="x"), event("3", grade="1,0")]
    after = [event("1", grade="NaN"), event("2", grade="x"), event("3", grade="1.0")]
    assert [row[0] for row in values_of(before, after)] == ["SYN-01, 1", "SYN-01, 3"]


def test_a_date_that_is_known_better_is_a_change() -> None:
    found = values_of([event("1")], [event("1", onset_date="2019-05")])
    assert found == [("SYN-01, 1", "onset_date", "2019-05-02", "2019-05", "changed")]


def test_rows_with_one_key_are_matched_in_their_order() -> None:
    before = [event("1", grade="1"), event("1", grade="2")]
    after = [event("1", grade="1"), event("1", grade="3"), event("1", grade="4")]
    found = compare({"adverse_event": frame("adverse_event", before)}, {"adverse_event": frame("adverse_event", after)})
    assert found.rows.select("kind", "line_before", "line_after").rows() == [("changed", 3, 3), ("added", None, 4)]
    assert found.values.select("before", "after").rows() == [("2", "3")]


def test_rows_without_a_key_are_matched_too() -> None:
    nameless: Row = {"patient_id": None, "event_number": None, "grade": "2"}
    assert values_of([nameless], [nameless]) == []
    assert values_of([nameless], [{**nameless, "grade": "3"}]) == [(", ", "grade", "2", "3", "changed")]


def test_numbers_in_keys_are_in_the_order_of_numbers() -> None:
    found = compare({}, {"adverse_event": frame("adverse_event", [event("10"), event("9"), event("1")])})
    assert found.rows["key"].to_list() == ["SYN-01, 1", "SYN-01, 9", "SYN-01, 10"]


def test_a_table_on_one_side_only_is_added_or_removed() -> None:
    rows = frame("gvhd", [{"patient_id": "SYN-01", "transplant_number": "1", "gvhd_type": "acute"}])
    assert compare({}, {"gvhd": rows}).tables.row(0) == ("gvhd", 0, 1, 1, 0, 0, 0)
    assert compare({"gvhd": rows}, {}).tables.row(0) == ("gvhd", 1, 0, 0, 1, 0, 0)


def test_tables_without_rows_are_the_same() -> None:
    empty = {definition.name: frame(definition.name, []) for definition in TABLES}
    found = compare(empty, empty)
    assert found.is_same
    assert found.tables["table"].to_list() == [definition.name for definition in TABLES]
    assert compare({}, {}).tables.is_empty()
