"""Are the rows of the benchmarks what they say: as many as asked, sound, and the same whatever the threads?"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from blinreg.analyses import check_counting_process

FOLDER = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


survival_data = load("survival_data")


def rows(n: int, variant: str, threads: int) -> pl.DataFrame:
    with duckdb.connect(config={"threads": threads}) as connection:
        survival_data.write_rows(connection, n, survival_data.VARIANTS[variant])
        frame: pl.DataFrame = connection.table(survival_data.TABLE).pl()
        return frame


@pytest.mark.parametrize(("variant", "share"), [("sparse", 0.10), ("dense", 0.54)])
def test_rows_are_as_many_as_asked_and_sound(variant: str, share: float) -> None:
    found = rows(20_001, variant, 2)
    assert found.height == 20_001
    assert found["event"].mean() == pytest.approx(share, abs=0.015)
    assert check_counting_process(found, exposures=["allo_hct"]).table["n_rows"].sum() == 0


def test_threads_and_batches_change_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows(5_000, "sparse", 1)
    monkeypatch.setattr(survival_data, "BATCH_PATIENTS", 700)
    assert rows(5_000, "sparse", 2).equals(whole)
    assert rows(3_000, "sparse", 2).equals(whole.head(3_000))
