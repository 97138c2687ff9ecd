"""The checks of rows count what R's survcheck counts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import check_counting_process
from blinreg.analyses.check_counting_process import CountingProcessCheck

RowsOf = Callable[[str], pl.DataFrame]
HEART = {"id": "id", "start": "start", "stop": "stop", "event": "event"}


def counted(found: CountingProcessCheck, rule: str) -> tuple[int, int]:
    row = found.table.filter(pl.col("rule") == rule)
    return (row["n_rows"].sum(), row["n_subjects"].sum())


def assert_equal(found: CountingProcessCheck, expected: dict[str, Any]) -> None:
    transitions = expected["transitions"]
    names = {"(s0)": "start", "(censored)": "censored"}
    ours = {(row["from_state"], row["to_state"]): row["n"] for row in found.transitions.iter_rows(named=True)}
    came, went = (
        [names.get(name, name) for name in np.atleast_1d(transitions[side]).tolist()] for side in ("from", "to")
    )
    theirs = {(a, b): transitions["n"][i][j] for i, a in enumerate(came) for j, b in enumerate(went)}
    assert ours == {key: n for key, n in theirs.items() if n}
    counts = {(str(row[0]), row[1]): row[2] for row in found.event_counts.rows()}
    events = expected["events"]
    for place, name in enumerate(np.atleast_1d(events["event"]).tolist()):
        if name != "(any)":
            theirs = {(name, int(n)): events["n"][place][k] for k, n in enumerate(events["count"])}
            assert {key: n for key, n in counts.items() if key[0] == name} == {k: n for k, n in theirs.items() if n}


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("heart", "heart_stages", HEART),
        ("cgd", "cgd", {"id": "id", "event": "status", "terminal": False}),
    ],
)
def test_sound_rows(widened: dict[str, Any], rows_of: RowsOf, name: str, data: str, options: dict[str, Any]) -> None:
    expected = widened["check"][name]
    found = check_counting_process(rows_of(data), **options)
    assert_equal(found, expected)
    assert all(counted(found, rule)[0] == n for rule, n in expected["flag"].items() if rule != "duplicate")
    assert found.is_accepted


def test_damaged_rows(widened: dict[str, Any]) -> None:
    expected = widened["check"]["damaged"]
    rows = pl.DataFrame(widened["damaged"])
    found = check_counting_process(rows, n_examples=10, **HEART)
    assert_equal(found, expected)
    for rule in ("overlap", "gap"):
        numbers = found.examples.filter(pl.col("rule") == rule)["row_number"] + 1  # R counts rows from 1
        assert numbers.to_list() == np.atleast_1d(expected[rule]).tolist()
        assert counted(found, rule) == (expected["flag"][rule], expected[f"n_{rule}_id"])
    assert not found.is_accepted


def test_rows_in_another_state_than_the_events_led_to(widened: dict[str, Any], rows_of: RowsOf) -> None:
    """Oedema 0, 1, 2 coded 5, 6, 7 and death 4; after day 1000 rows of state 1 wrongly say 0."""
    expected = widened["check"]["oedema"]
    rows = rows_of("pbc_oedema").sort("id", "tstart")
    following = (5 + pl.col("oedema")).shift(-1).over("id")
    wrong = (pl.col("oedema") == 1) & (pl.col("tstart") > 1000)
    rows = rows.with_columns(
        entered=following.fill_null(4 * pl.col("death")),
        state=pl.when(wrong).then(5).otherwise(5 + pl.col("oedema")),
    )
    found = check_counting_process(rows, id="id", event="entered", state="state", terminal=False, n_examples=1000)
    theirs = np.atleast_1d(expected["teleport"]).tolist()
    ours = found.examples.filter(pl.col("rule") == "teleport")["row_number"] + 1
    assert counted(found, "teleport")[0] == expected["flag"]["teleport"]
    assert ours.to_list() == theirs
    assert counted(found, "jump")[0] == expected["flag"]["jump"]
