"""How fast the submitted tables of synthetic patients are written from their courses.

Run as ``POLARS_MAX_THREADS=1 python benchmarks/bench_synth_records.py``, for the speed of one core. Prints, for each
table, rows, rows per second of processor time, and the time as a multiple of what polars takes to write the same frame
as Parquet; then what is drawn for several tables at once, and the whole.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.records import records, writing
from blinreg.synthetic.studies import load_study


def timed(name: str, call: Callable[..., Any], spent: dict[str, float]) -> Callable[..., Any]:
    """Give the function, keeping the least processor time that a call took."""

    def measured(*args: Any, **options: Any) -> Any:
        start = time.process_time()
        result = call(*args, **options)
        spent[name] = min(spent.get(name, np.inf), time.process_time() - start)
        return result

    return measured


def parquet_seconds(frame: pl.DataFrame) -> float:
    """Processor time in which polars writes the frame."""
    start = time.process_time()
    frame.write_parquet(io.BytesIO())
    return time.process_time() - start


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    study = load_study("realworld-2020")
    courses, placement = draw_courses(study, 2020, np.arange(chosen.patients))
    steps: dict[str, float] = {}
    for name in [name for name in vars(writing) if name.endswith("_rows") or name.startswith("draw_")]:
        setattr(writing, name, timed(name, getattr(writing, name), steps))
    whole: dict[str, float] = {}
    write = timed("whole", records, whole)
    for _ in range(chosen.repeats):
        tables = write(courses, placement, study=study, seed=2020)
    owners = {
        "baseline": "baseline_rows",
        "patient_characteristic": "characteristic_rows",
        "line_of_therapy": "line_rows",
        "treatment_cycle": "cycle_rows",
        "dose_interruption": "interruption_rows",
        "drug_exposure": "exposure_rows",
        "disease_assessment": "assessment_rows",
        "mrd_assessment": "sample_rows",
        "disease_event": "disease_event_rows",
        "adverse_event": "event_rows",
    }
    total_parquet = 0.0
    print(f"{'table':<24}{'rows':>10}{'Mrows/s':>10}{'x parquet':>10}")
    for name, frame in tables.items():
        seconds = steps[owners.get(name, f"{name}_rows")]
        parquet = min(parquet_seconds(frame) for _ in range(3))
        total_parquet += parquet
        print(f"{name:<24}{frame.height:>10}{frame.height / seconds / 1e6:>10.2f}{seconds / parquet:>10.2f}")
    drawn = sum(seconds for name, seconds in steps.items() if name.startswith("draw_"))
    n_rows = sum(frame.height for frame in tables.values())
    print(f"\ndrawn for several tables: {drawn:.3f} s of {whole['whole']:.3f} s")
    print(
        f"{chosen.patients} patients, {n_rows} rows: {n_rows / whole['whole'] / 1e6:.2f} Mrows/s, "
        f"{whole['whole'] / total_parquet:.2f} times polars' write_parquet"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
