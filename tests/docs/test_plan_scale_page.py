"""Is docs/plan_scale.md what was measured, and does it keep what is promised of the speed of a plan?"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_plan", TOP / "benchmarks" / "bench_plan.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(bench: ModuleType) -> dict[tuple[str, int], dict[str, float]]:
    rows = bench.rows_of(bench.FIGURES / bench.TABLE)
    return {
        (row["plan"], int(row["patients"])): {
            name: float(row[name]) for name in ("seconds", "cpu_seconds", "memory_gb", "report_mb")
        }
        for row in rows
    }


def test_the_page_is_written_from_what_was_measured(bench: ModuleType) -> None:
    file = bench.FIGURES / bench.TABLE
    machine = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")

    assert (TOP / "docs" / "plan_scale.md").read_text(encoding="utf-8") == bench.page(bench.rows_of(file), machine)


def test_the_whole_plan_of_the_study_takes_less_than_20_seconds(
    measured: dict[tuple[str, int], dict[str, float]],
) -> None:
    assert measured["whole", 239]["seconds"] < 20


def test_the_core_of_a_million_patients_takes_less_than_3_minutes_and_4_gb(
    measured: dict[tuple[str, int], dict[str, float]],
) -> None:
    million = measured["core", 1_000_000]

    assert million["seconds"] < 180
    assert million["memory_gb"] < 4
    assert million["report_mb"] < 5
