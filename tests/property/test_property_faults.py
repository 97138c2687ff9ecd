"""Is the log of planted faults the difference between the faulty and the clean tables, whatever the rate and seed?

The difference is taken here from the rows alone: each table as a bag of rows, every value as text. The log says
which rows leave the bag and which enter it; the two must be equal.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from blinreg.schemas.tables import table
from blinreg.synthetic import generate
from blinreg.synthetic.faults import Memory, plant
from blinreg.synthetic.faults.context import frame_schema

CREATED = dt.date(2019, 7, 1)
Row = tuple[str | None, ...]
Bag = Counter[Row]


@cache
def clean_sites() -> list[tuple[str, dict[str, pl.DataFrame]]]:
    """Tables of the small sites that are written as CSV, and of the first."""
    with TemporaryDirectory() as name:
        cohort = generate("realworld-2020", Path(name) / "cohort")
        sites = []
        for site, folder in zip(cohort.sites, cohort.paths, strict=True):
            tables = {}
            for path in sorted(folder.glob("*.csv")):
                definition = table(path.name.split(".")[0])
                frame = pl.read_csv(path, infer_schema=False)
                kinds = frame_schema(definition)
                tables[definition.name] = frame.select(pl.col(column).cast(kind) for column, kind in kinds.items())
            if tables:
                sites.append((site, tables))
    return [sites[0], *sites[-4:]]


def text(value: Any) -> str | None:
    return None if value is None else str(value)


def texts(frame: pl.DataFrame) -> list[Row]:
    return frame.select(pl.all().cast(pl.String)).rows()


def key_of(name: str, row: Row) -> str:
    columns = table(name).column_names
    return ", ".join(f"{column}={row[columns.index(column)] or ''}" for column in table(name).key)


def row_of(name: str, told: str) -> Row:
    """Read a row that was logged as JSON, with the values as text as a frame writes them."""
    kinds = frame_schema(table(name))
    frame = pl.DataFrame([json.loads(told)], schema=kinds)
    return texts(frame)[0]


def expected(name: str, clean: list[Row], log: pl.DataFrame) -> tuple[Bag, Bag]:
    """Rows that the log takes out of a table, and those it puts in."""
    columns = table(name).column_names
    by_key = {key_of(name, row): row for row in clean}
    removed: Bag = Counter()
    added: Bag = Counter()
    changed: dict[str, list[str | None]] = {}
    for key, column, before, after, action in log.select("key", "column", "before", "after", "action").rows():
        if action == "inserted":
            added[row_of(name, after)] += 1
        elif action == "deleted":
            assert row_of(name, before) == by_key[key]
            removed[by_key[key]] += 1
        else:
            position = columns.index(column)
            assert by_key[key][position] == before
            assert before != after
            row = changed.setdefault(key, list(by_key[key]))
            row[position] = after
    for key, row in changed.items():
        removed[by_key[key]] += 1
        added[tuple(row)] += 1
    return removed, added


def check_lines(faulty: list[Row], name: str, log: pl.DataFrame) -> None:
    """Each line of the log is the line of the row in the file."""
    columns = table(name).column_names
    for line, column, after, action in log.select("line", "column", "after", "action").rows():
        if action == "changed":
            assert faulty[line - 2][columns.index(column)] == after
        elif action == "inserted":
            assert faulty[line - 2] == row_of(name, after)
        else:
            assert line is None


@settings(max_examples=8)
@given(
    rate=st.floats(0, 0.05) | st.floats(0, 1) | st.just(1.0),
    seed=st.integers(0, 2**63 - 1),
    order=st.permutations(range(5)),
    n_sites=st.integers(1, 3),
)
def test_the_difference_is_the_log(rate: float, seed: int, order: list[int], n_sites: int) -> None:
    memory = Memory()
    for position in order[:n_sites]:
        site, clean = clean_sites()[position]
        planted = plant(clean, rate=rate, seed=seed, site=site, created=CREATED, memory=memory)
        memory = planted.memory
        for name in {**clean, **planted.tables}:
            before = texts(clean[name]) if name in clean else []
            after = texts(planted.tables[name])
            log = planted.log.filter(pl.col("table") == name, pl.col("action") != "file")
            removed, added = expected(name, before, log)
            bag_before, bag_after = Counter(before), Counter(after)
            assert bag_before - bag_after == removed - added
            assert bag_after - bag_before == added - removed
            assert len(after) - len(before) == added.total() - removed.total()
            check_lines(after, name, log)


@settings(max_examples=6)
@given(rate=st.floats(0.001, 1), seed=st.integers(0, 2**63 - 1))
def test_a_row_has_one_fault(rate: float, seed: int) -> None:
    site, clean = clean_sites()[1]
    log = plant(clean, rate=rate, seed=seed, site=site, created=CREATED).log.filter(pl.col("action") == "changed")
    faults = log.group_by("table", "key").agg(pl.col("fault").n_unique())["fault"]
    assert faults.is_empty() or faults.max() == 1
