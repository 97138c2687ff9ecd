"""Does a comparison say what plain Python says of the same rows?"""

from __future__ import annotations

from collections import defaultdict

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from blinreg.registry.diffing import compare
from blinreg.schemas.tables import table

COLUMNS = table("gvhd").column_names
KEY = table("gvhd").key

#: Keys repeat and are missing; numbers stand in several forms.
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "patient_id": st.sampled_from(["SYN-1", "SYN-2", None]),
            "transplant_number": st.sampled_from(["1", "1.0", "2", "x", None]),
            "gvhd_type": st.sampled_from(["acute", "chronic"]),
            "onset_date": st.sampled_from(["2019-05", "2019-05-02", None]),
            "grade": st.sampled_from(["3", "3.0", "4", "three", None]),
            "grade_scale": st.sampled_from(["magic", None]),
        }
    ),
    max_size=8,
)


def frame(rows: list[dict[str, str | None]]) -> pl.DataFrame:
    full = [{**row, "source_line": line} for line, row in enumerate(rows, start=2)]
    return pl.DataFrame(full, schema=dict.fromkeys(COLUMNS, pl.String) | {"source_line": pl.Int64})


def meaning(name: str, text: str | None) -> object:
    try:
        return float(text) if text is not None and name in ("transplant_number", "grade") else text
    except ValueError:
        return text


def numbered(rows: list[dict[str, str | None]]) -> dict[tuple[object, ...], tuple[int, dict[str, str | None]]]:
    """Give rows by key and number within it, with their lines."""
    counts: defaultdict[tuple[object, ...], int] = defaultdict(int)
    found = {}
    for line, row in enumerate(rows, start=2):
        key = tuple(meaning(name, row[name]) for name in KEY)
        found[(*key, counts[key])] = (line, row)
        counts[key] += 1
    return found


@given(before=ROWS, after=ROWS)
def test_comparison_is_that_of_plain_python(
    before: list[dict[str, str | None]], after: list[dict[str, str | None]]
) -> None:
    old, new = numbered(before), numbered(after)
    found = compare({"gvhd": frame(before)}, {"gvhd": frame(after)})
    assert sorted(found.added.get("gvhd", frame([]))["source_line"]) == sorted(
        new[k][0] for k in new.keys() - old.keys()
    )
    assert sorted(found.removed.get("gvhd", frame([]))["source_line"]) == sorted(
        old[k][0] for k in old.keys() - new.keys()
    )
    expected = {
        (old[key][0], new[key][0], name, old[key][1][name], new[key][1][name])
        for key in old.keys() & new.keys()
        for name in COLUMNS
        if name not in KEY and meaning(name, old[key][1][name]) != meaning(name, new[key][1][name])
    }
    listed = found.values.select("line_before", "line_after", "column", "before", "after").rows()
    assert set(listed) == expected
    assert len(listed) == len(expected)
    n_changed = len({row[:2] for row in expected})
    assert found.tables.select("n_added", "n_removed", "n_changed", "n_values").row(0) == (
        len(new.keys() - old.keys()),
        len(old.keys() - new.keys()),
        n_changed,
        len(expected),
    )


@given(before=ROWS, after=ROWS)
def test_the_way_back_turns_everything_round(
    before: list[dict[str, str | None]], after: list[dict[str, str | None]]
) -> None:
    there = compare({"gvhd": frame(before)}, {"gvhd": frame(after)})
    back = compare({"gvhd": frame(after)}, {"gvhd": frame(before)})
    assert sorted(
        there.values.select("line_before", "line_after", "column", "before", "after").rows(), key=str
    ) == sorted(back.values.select("line_after", "line_before", "column", "after", "before").rows(), key=str)
    assert there.added.keys() == back.removed.keys()
    assert compare({"gvhd": frame(before)}, {"gvhd": frame(before)}).is_same
