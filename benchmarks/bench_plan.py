"""Time and memory of a study plan against the number of patients: measures, draws, and writes docs/plan_scale.md.

    python benchmarks/bench_plan.py --folder DIR              # 239 to 1,000,000 patients; makes what is not there
    python benchmarks/bench_plan.py --folder DIR --patients 1000 10000
    python benchmarks/bench_plan.py --draw                    # draws and writes again what was measured

A registry of each size is made in DIR with ``blinreg synth realworld-2020 --patients N`` and ``blinreg load`` (239: the
calibrated cohort), which is not part of what is measured; a million patients need some 16 GB of memory to be loaded.
Then ``blinreg run realworld-2020`` is measured, with and without ``--core``, each in a process of its own: seconds on
the wall, processor seconds, the highest resident memory and the size of the report. The load of the machine before each
run is kept with it: where others use the machine as well, compare the processor seconds.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from blinreg.registry.store import Registry

TOP = Path(__file__).parents[1]
FIGURES = TOP / "docs" / "figures"
TABLE = "plan_scale.synthetic.csv"
STUDY = "realworld-2020"
#: Patients of the study itself.
CALIBRATED = 239
SIZES = (CALIBRATED, 1_000, 10_000, 100_000, 1_000_000)
#: The whole plan is measured up to here: clone-censor-weight takes most of its time.
WHOLE_UP_TO = 100_000
COLOURS = {"core": "#0072B2", "whole": "#D55E00"}
#: What is drawn, with its title and ticks.
PANELS = {
    "cpu_seconds": ("processor seconds", (2, 5, 10, 20, 50, 100, 200, 500)),
    "memory_gb": ("highest resident memory, GB", (0.25, 0.5, 1, 2, 4)),
}
_GB, _MB = 1e9, 1e6

Row: TypeAlias = dict[str, Any]

PAGE = """\
# A plan at scale

Written by `python benchmarks/bench_plan.py`; all data are synthetic.

`blinreg run realworld-2020 --core` carries out the analyses that are marked `core = true`: the tables, the curves, the
Cox models and Simon-Makuch, with their variants. They are those of the whole plan under the same names, and their
results are the same files. What the whole plan has beyond them (adverse events by subgroup, competing risks, states
over time, sensitivity of single populations) is for cohorts of a study's size; it can be run at any size.

![Seconds and memory against patients](figures/plan_scale.svg)

<!-- measured -->
{table}
<!-- /measured -->

Measured on {machine}.

Loading is not part of it. The seconds are those of the whole command: opening the registry, reading the views, the
guard, every analysis with its variants and figures, files of every format, the report. On a machine that others use as
well the seconds on the wall grow with its load average; the processor seconds hardly do. Of the whole plan with 100,000
patients nine tenths are one analysis, clone-censor-weight.

## Why it scales

- Estimators depend on the data through sums per day, so that curves and tests cost one pass over the rows whatever the
  number of patients; Cox models of many rows are fitted by a compiled kernel from columns of one or two bytes.
- Of a long view only the rows and columns that an analysis asks for are read, once for all analyses: those of one
  endpoint or period, or of one exposure from one origin. A patient is a number of four bytes from then on, so that the
  values of patients are put beside rows by their place, without a join.
- The guard compares dates of whole columns; at a million patients its verdict on every analysis and variant takes
  under a second beyond the reading.
- A figure shows at most a thousand steps of a curve, the width of a pixel in print, and no marks of censoring where
  they would run into one another. The files with the results have every step. So the report does not grow with the
  number of patients.
"""


def make(folder: Path, patients: int) -> Path:
    """Make the registry of some patients, unless it is there."""
    registry = folder / f"registry_{patients}.duckdb"
    if registry.exists():
        with Registry.open(registry) as there:
            is_current = there.is_derivation_current()
        if not is_current:
            _call("refresh", registry)
        return registry
    submissions = folder / f"submissions_{patients}"
    drawn = [] if patients == CALIBRATED else ["--patients", patients]
    _call("synth", STUDY, *drawn, "--out", submissions)
    _call("init", registry)
    _call("load", *sorted(path for path in submissions.iterdir() if path.is_dir()), "--registry", registry)
    shutil.rmtree(submissions)
    return registry


def _command(*arguments: object) -> list[str]:
    return [str(Path(sys.executable).with_name("blinreg")), *map(str, arguments), "--quiet"]


def _call(*arguments: object) -> None:
    """Run a command; loading ends with 1 where a rule warns."""
    code = subprocess.run(_command(*arguments), check=False, stdout=subprocess.DEVNULL).returncode
    if code not in (0, 1):
        raise SystemExit(f"blinreg {arguments[0]} ended with {code}")


def measure(registry: Path, out: Path, *, core: bool, patients: int) -> Row:
    """Carry out the plan in a process of its own."""
    shutil.rmtree(out, ignore_errors=True)
    command = _command("run", STUDY, "--registry", registry, "--out", out, *(["--core"] if core else []))
    load_average = os.getloadavg()[0]
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"blinreg run ended with {child.returncode}")
    return {
        "plan": "core" if core else "whole",
        "patients": patients,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "memory_gb": round(used.ru_maxrss * 1024 / _GB, 2),
        "report_mb": round((out / "report.html").stat().st_size / _MB, 1),
        "load_average": round(load_average, 1),
    }


def measure_all(folder: Path, sizes: Iterable[int]) -> list[Row]:
    """Measure every size, the core and where it is wanted the whole plan."""
    found = []
    for patients in sizes:
        registry = make(folder, patients)
        for core in (True, False):
            if core or patients <= WHOLE_UP_TO:
                found.append(measure(registry, folder / "results", core=core, patients=patients))
                print(found[-1], flush=True)
    return found


def rows_of(file: Path) -> list[dict[str, str]]:
    """Read what was measured."""
    with file.open(encoding="utf-8") as text:
        return list(csv.DictReader(line for line in text if not line.startswith("#")))


def table_of(rows: Sequence[dict[str, str]]) -> str:
    """Write the table of the page."""
    lines = [
        "| patients | plan | seconds | processor seconds | memory, GB | report, MB | load average before |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {int(row['patients']):,} | {row['plan']} | {row['seconds']} | {row['cpu_seconds']} | {row['memory_gb']} | "
        f"{row['report_mb']} | {row['load_average']} |"
        for row in rows
    ]
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, str]], file: Path) -> None:
    """Draw seconds and memory against patients, on logarithmic axes."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullLocator

    mpl.rcParams.update({"svg.hashsalt": "blinreg", "svg.fonttype": "none", "font.size": 9})
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.4))
    for panel, (column, (title, ticks)) in zip(panels, PANELS.items(), strict=True):
        for plan, colour in COLOURS.items():
            of_plan = [row for row in rows if row["plan"] == plan]
            x, y = ([float(row[name]) for row in of_plan] for name in ("patients", column))
            panel.plot(x, y, "o-", color=colour, markersize=4)
            panel.annotate(
                plan, (x[-1], y[-1]), (-6, 4), textcoords="offset points", ha="right", va="bottom", color=colour
            )
        panel.set(xscale="log", yscale="log", xlabel="patients", ylim=(ticks[0], ticks[-1]))
        for axis, places in ((panel.xaxis, SIZES[1:]), (panel.yaxis, ticks)):
            axis.set_major_locator(FixedLocator(places))
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter(lambda value, _: f"{value:,g}" if value < 1 else f"{value:,.0f}")
        panel.set_title(title, fontsize=9, loc="left")
        panel.grid(alpha=0.3, which="major")
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def page(rows: Sequence[dict[str, str]], machine: str) -> str:
    """Write the page."""
    return PAGE.format(table=table_of(rows), machine=machine)


def _machine() -> str:
    return (
        f"{os.cpu_count()} processors, Python {platform.python_version()}, DuckDB {version('duckdb')}, "
        f"polars {version('polars')}"
    )


def main() -> None:
    """Measure unless told only to draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where registries are, or are made")
    parser.add_argument("--patients", type=int, nargs="+", default=SIZES)
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    file = FIGURES / TABLE
    if not given.draw:
        if given.folder is None:
            parser.error("--folder says where the registries are")
        given.folder.mkdir(parents=True, exist_ok=True)
        found = measure_all(given.folder, given.patients)
        with file.open("w", encoding="utf-8", newline="") as text:
            text.write(f"# {_machine()}\n")
            writer = csv.DictWriter(text, list(found[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
    rows, machine = rows_of(file), file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    draw(rows, FIGURES / "plan_scale.svg")
    (TOP / "docs" / "plan_scale.md").write_text(page(rows, machine), encoding="utf-8")


if __name__ == "__main__":
    main()
