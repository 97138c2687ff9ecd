"""Measure how the cost of a Cox fit grows with rows, event times and covariates, and draw it.

    python benchmarks/cox_scaling.py            # measures, writes docs/figures/cox_scaling.csv and .svg
    python benchmarks/cox_scaling.py --draw     # draws again what was measured

Processor seconds of one thread, the least of several fits: on a shared machine the
figure that other programs disturb least.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
from survival_data import TABLE, VARIANTS, write_rows

from blinreg.analyses import cox
from blinreg.analyses.cox_regression import data

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
VARIANT = VARIANTS["sparse"]
BASE_ROWS = 1_000_000
ROWS = [1_000, 10_000, 30_000, 50_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000]
#: Days of one step of the grid of times; below one, times have fractions and nearly every event its own.
STEPS = [365.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.1, 0.01]
COVARIATES = [1, 2, 4, 8, 16, 32]
COLOURS = {"compiled": "#0072B2", "numpy": "#D55E00"}


def least(rows: pl.DataFrame, covariates: list[str], *, repeats: int = 3) -> tuple[float, int]:
    """Least processor seconds of some fits, and the event times."""
    spent = []
    for _ in range(repeats):
        begin = time.process_time()
        cox(rows, covariates, threads=1)
        spent.append(time.process_time() - begin)
    return min(spent), rows.filter(pl.col("event") == 1)["tstop"].n_unique()


def measure() -> list[dict[str, Any]]:
    """Fit along each axis from one base: a million rows, days, eight covariates."""
    with duckdb.connect() as connection:
        write_rows(connection, max(ROWS), VARIANT)
        every: pl.DataFrame = connection.table(TABLE).pl()
    base = every.head(BASE_ROWS)
    cox(base, VARIANT.covariates)  # compiled and loaded
    found: list[dict[str, Any]] = []

    def add(axis: str, rows: pl.DataFrame, covariates: list[str], at: float | None = None) -> None:
        seconds, n_times = least(rows, covariates)
        values = {"rows": rows.height, "event times": n_times, "covariates": len(covariates)}
        way = "compiled" if rows.height >= data.KERNEL_ROWS else "numpy"
        found.append({"axis": axis, "at": at or values[axis], "way": way, **values, "seconds": round(seconds, 5)})
        print(found[-1], flush=True)

    for n in ROWS:
        add("rows", every.head(n), VARIANT.covariates)
    rng = np.random.default_rng(1)
    fraction = pl.Series("fraction", rng.random(base.height))
    for step in STEPS:
        stop = pl.col("tstop") if step >= 1 else pl.col("tstop") - fraction * 0.5
        coarse = base.with_columns(tstop=(stop / step).ceil(), tstart=(pl.col("tstart") / step).floor())
        coarse = coarse.filter(pl.col("tstart") < pl.col("tstop"))
        # Rows of one patient may meet in a coarse step: each row a subject of its own.
        add("event times", coarse.with_columns(patient_id=pl.int_range(pl.len())), VARIANT.covariates)
    more = base.with_columns(pl.Series(f"x{k}", rng.integers(0, 2, base.height)) for k in range(max(COVARIATES) - 8))
    names = [*VARIANT.covariates, *(f"x{k}" for k in range(max(COVARIATES) - 8))]
    for p in COVARIATES:
        add("covariates", more, names[:p])
    return found


def draw(found: list[dict[str, str]]) -> None:
    """Draw three panels of cost against size, on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "blinreg", "svg.fonttype": "none", "font.size": 9})
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), sharey=False)
    for panel, axis in zip(panels, ("rows", "event times", "covariates"), strict=True):
        points = [row for row in found if row["axis"] == axis]
        for way, colour in COLOURS.items():
            of_way = [row for row in points if row["way"] == way]
            x, y = ([float(row[name]) for row in of_way] for name in ("at", "seconds"))
            if x:
                panel.plot(x, y, "o-", color=colour, markersize=4)
                beside = (x[-1], y[-1]), (-8, -2)
                panel.annotate(way, beside[0], beside[1], textcoords="offset points", ha="right", color=colour)
        panel.set(xscale="log", yscale="log", xlabel=axis)
        panel.grid(alpha=0.3, which="major")
        panel.spines[["top", "right"]].set_visible(False)
    low, high = (float(f([float(row["seconds"]) for row in found if row["axis"] != "rows"])) for f in (min, max))
    for panel in panels[1:]:
        panel.set_ylim(low / 2, high * 2)
    panels[0].set_ylabel("processor seconds, one thread")
    panels[0].set_title("8 covariates, days", fontsize=9)
    panels[1].set_title("1 million rows, 8 covariates", fontsize=9)
    panels[2].set_title("1 million rows, days", fontsize=9)
    figure.tight_layout()
    figure.savefig(FIGURES / "cox_scaling.svg", metadata={"Date": None})


def main() -> None:
    """Measure unless told only to draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draw", action="store_true")
    table = FIGURES / "cox_scaling.csv"
    if not parser.parse_args().draw:
        FIGURES.mkdir(parents=True, exist_ok=True)
        found = measure()
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(found[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
    with table.open(encoding="utf-8") as file:
        draw(list(csv.DictReader(file)))


if __name__ == "__main__":
    main()
