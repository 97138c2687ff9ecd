"""One benchmarked program: reads a task from its argument, fits, and prints times, memory and estimates as JSON.

A process of its own, so that what it uses at its peak is its own. Linux only: memory is read from /proc.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
from survival_data import TABLE

from blinreg.analyses import cox


def memory(field: str) -> float:
    """Read VmRSS (now) or VmHWM (the highest so far) in megabytes."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"/proc/self/status has no {field}")


def forget_peak() -> None:
    """Let the highest memory begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def timed(rows: Any, task: dict[str, Any]) -> tuple[float, float, Any]:
    """Fit once: wall seconds, processor seconds, result."""
    wall, cpu = time.perf_counter(), time.process_time()
    fit = cox(rows, task["covariates"], threads=task.get("threads"), **task["options"])
    return time.perf_counter() - wall, time.process_time() - cpu, fit


def lifelines_fit(rows: pl.DataFrame, task: dict[str, Any]) -> tuple[float, float, list[float], list[float]]:
    """Fit with lifelines: wall seconds, processor seconds, coefficients, standard errors."""
    from lifelines import CoxTimeVaryingFitter

    frame = rows.select("patient_id", "tstart", "tstop", "event", *task["covariates"]).to_pandas()
    wall, cpu = time.perf_counter(), time.process_time()
    fit = CoxTimeVaryingFitter().fit(
        frame, id_col="patient_id", start_col="tstart", stop_col="tstop", event_col="event"
    )
    spent = time.perf_counter() - wall, time.process_time() - cpu
    return *spent, fit.params_.tolist(), fit.standard_errors_.tolist()


def main() -> None:
    """Run the task."""
    task = json.loads(sys.argv[1])
    with duckdb.connect(task["file"], read_only=True) as connection:
        connection.execute("set memory_limit = '256MB'")
        table: Any = connection.table(TABLE)
        if task["rows"]:
            table = table.limit(task["rows"])
        rows = table.pl() if task["source"] == "frame" else table
        if task.get("program") == "lifelines":
            wall, cpu, coef, se = lifelines_fit(rows, task)
            print(json.dumps({"wall": [wall], "cpu": [cpu], "coef": coef, "se": se}))
            return
        before = memory("VmRSS")
        forget_peak()
        first, first_cpu, fit = timed(rows, task)
        peak = memory("VmHWM")
        wall, cpu = [], []
        for _ in range(task["repeats"]):
            one_wall, one_cpu, fit = timed(rows, task)
            wall.append(one_wall)
            cpu.append(one_cpu)
    se = fit.table["se"] if fit.robust_variance is None else fit.table["robust_se"]
    found = {
        "first": first,
        "wall": wall or [first],
        "cpu": cpu or [first_cpu],
        "peak_mb": peak,
        "above_mb": peak - before,
        "coef": fit.table["coef"].to_list(),
        "se": se.to_list(),
        "events": fit.n_events,
        "n": fit.n_rows,
        "iterations": fit.n_iterations,
        "threads": task.get("threads"),
        "numpy": np.__version__,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
