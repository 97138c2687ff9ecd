"""Cox regression against R and lifelines: speed and memory, after agreement.

    python benchmarks/bench_cox.py            # some minutes on two cores
    python benchmarks/bench_cox.py --full     # up to 100 million rows, half an hour
    python benchmarks/bench_cox.py --rows 1e9 # one file of this size, alone

Every case is first fitted by both programs and compared; only then is it timed, ours
and the other's in the same run. Times of ours include reading the caller's frame or
file and all checks; R's time is coxph alone, its data already in memory. Figures are
medians; on a shared machine compare the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from survival_data import VARIANTS, write_columns, write_file

HERE = Path(__file__).parent
COEF_TOLERANCE, SE_TOLERANCE, FLOOR = 1e-8, 1e-7, 1e-12
#: Agreement is checked on the first million rows at most, and R is timed up to ten: it keeps about 1 kB a row.
R_ROWS = 10_000_000
R_SAMPLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the report.

    Attributes
    ----------
    name : str
    rows : int
    variant : str
        Of `survival_data.VARIANTS`: sparse (10% events, 8 covariates) or dense (54%, 9).
    source : {"frame", "file"}
        A polars frame in memory, or a relation of a DuckDB file.
    options : dict
        Of `cox`.
    repeats : int
    versus : {"R", "lifelines", ""}
    target : str
        As it is printed.
    """

    name: str
    rows: int
    variant: str = "sparse"
    source: str = "frame"
    options: dict[str, Any] = field(default_factory=dict)
    repeats: int = 5
    versus: str = "R"
    target: str = ""


MILLION = 1_000_000
USUAL = [
    Case("239 patients", 400, repeats=31, target="under 20 ms"),
    Case("100k rows", 100_000, repeats=9, versus="lifelines", target="2000x"),
    Case("1M rows, 10% events, 8 covariates", MILLION, repeats=9, target="40x, under 300 MB above the data"),
    Case("1M rows, 54% events, 9 covariates", MILLION, "dense", repeats=9, target="40x, under 300 MB above the data"),
    Case("1M rows, cluster-robust", MILLION, options={"cluster": "patient_id"}, repeats=9, target="2x the plain fit"),
    Case("1M rows, 20 strata", MILLION, options={"strata": ["site"]}, repeats=9, target="2x the plain fit"),
    Case("1M rows from a DuckDB file", MILLION, source="file"),
]
FULL = [
    Case("10M rows from a DuckDB file", 10 * MILLION, source="file", repeats=3, target="40x, under 1 GB"),
    Case("10M rows from a DuckDB file, 54%", 10 * MILLION, "dense", "file", repeats=3, target="40x, under 1 GB"),
    Case("100M rows from a DuckDB file", 100 * MILLION, source="file", repeats=1, target="under 25 s, under 3.5 GB"),
]


class Bench:
    """Files, programs and comparisons of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, case: Case) -> Path:
        """Write the case's rows, once for all cases that use them."""
        return write_file(self.folder / f"{case.variant}_{case.rows}.duckdb", case.rows, VARIANTS[case.variant])

    def ours(self, case: Case, *, rows: int = 0, repeats: int | None = None, **more: Any) -> dict[str, Any]:
        """Fit in a process of its own; ``rows`` takes the first ones only."""
        task = {
            "file": str(self.file(case)),
            "rows": rows,
            "source": case.source,
            "covariates": VARIANTS[case.variant].covariates,
            "options": case.options,
            "repeats": case.repeats if repeats is None else repeats,
        }
        return run([sys.executable, str(HERE / "cox_worker.py"), json.dumps(task | more)])

    def r(self, case: Case, *, rows: int, repeats: int) -> dict[str, Any]:
        """Fit in R."""
        columns = self.folder / f"{case.variant}_{rows}_columns"
        if not columns.exists():
            write_columns(self.file(case), columns, n_rows=rows)
        strata = ",".join(case.options.get("strata", [])) or "-"
        words = [str(columns), str(rows), str(repeats), ",".join(VARIANTS[case.variant].covariates), strata]
        cluster = case.options.get("cluster", "-")
        return run(["Rscript", str(HERE / "cox_reference.R"), *words, cluster, case.options.get("ties", "efron")])

    def other(self, case: Case, repeats: int) -> dict[str, Any] | None:
        """Fit with the program that the case is compared with, if it is there; check agreement."""
        if case.versus == "lifelines":
            other = self.ours(case, program="lifelines")
            check(self.ours(case, repeats=0), other, case)
            return other
        if case.versus != "R" or shutil.which("Rscript") is None:
            return None
        sample = min(case.rows, R_SAMPLE)
        check(self.ours(case, rows=sample, repeats=0), self.r(case, rows=sample, repeats=0), case)
        return self.r(case, rows=case.rows, repeats=repeats) if case.rows <= R_ROWS else None

    def report(self, case: Case) -> float:
        """Compare, time and print one case; give our median wall time."""
        self.file(case)
        # R's robust variance takes a minute and more at a million rows.
        other = self.other(case, repeats=1 if case.rows > MILLION or "cluster" in case.options else 3)
        found = self.ours(case)
        wall, cpu = statistics.median(found["wall"]), statistics.median(found["cpu"])
        memory = (
            f"{found['above_mb']:.0f} MB above the data" if case.source == "frame" else f"{found['peak_mb']:.0f} MB"
        )
        words = [f"{seconds(wall)} (processor {seconds(cpu)}; first fit {seconds(found['first'])})", memory]
        if other is not None:
            name = case.versus if case.versus != "R" else other["version"]
            versus, spent = statistics.median(other["wall"]), statistics.median(other["cpu"])
            words.append(f"{name} {seconds(versus)}: {versus / wall:.0f}x (of processor time {spent / cpu:.0f}x)")
        if case.target:
            words.append(f"target {case.target}")
        print(f"{case.name}: " + "; ".join(words), flush=True)
        return wall


def seconds(value: float) -> str:
    """Write a time with three digits."""
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def run(command: list[str]) -> dict[str, Any]:
    """Run a program that prints JSON."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} {command[1]} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def check(ours: dict[str, Any], other: dict[str, Any], case: Case) -> None:
    """Stop where coefficients or standard errors differ."""
    tolerances = {"coef": COEF_TOLERANCE, "se": SE_TOLERANCE}
    for name, tolerance in tolerances.items():
        mine, theirs = np.array(ours[name]), np.array(other[name])
        wrong = np.abs(mine - theirs) - np.maximum(tolerance * np.abs(theirs), FLOOR)
        if (wrong > 0).any():
            raise SystemExit(f"{case.name}: {name} differs from {case.versus} by {np.abs(mine / theirs - 1).max():.1e}")


def import_seconds() -> float:
    """Median time that importing the package and naming `cox` adds to starting Python."""
    script = (
        "import json, time; begin = time.perf_counter(); import blinreg.analyses as a; a.cox; "
        "print(json.dumps({'seconds': time.perf_counter() - begin}))"
    )
    return statistics.median(run([sys.executable, "-c", script])["seconds"] for _ in range(7))


def threads_line(bench: Bench) -> str:
    """Compare one thread with two on a million rows."""
    case = USUAL[2]
    one, two = (bench.ours(case, threads=threads) for threads in (1, 2))
    if one["coef"] != two["coef"] or one["se"] != two["se"]:
        raise SystemExit("one thread and two give different digits")
    walls = [statistics.median(found["wall"]) for found in (one, two)]
    return f"threads, 1M rows: one {seconds(walls[0])}, two {seconds(walls[1])}, every digit the same"


def main() -> None:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="10 and 100 million rows as well")
    parser.add_argument("--rows", type=lambda text: int(float(text)), help="only one DuckDB file of this many rows")
    parser.add_argument("--variant", choices=sorted(VARIANTS), default="sparse", help="with --rows")
    parser.add_argument("--data", type=Path, help="keep files here; otherwise in a temporary folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.data or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bench = Bench(folder)
        if asked.rows:
            bench.report(Case(f"{asked.rows} rows from a DuckDB file", asked.rows, asked.variant, "file", repeats=0))
            return
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        print(f"import blinreg.analyses: {seconds(import_seconds())}; target under 700 ms")
        plain = 0.0
        for case in USUAL + (FULL if asked.full else []):
            wall = bench.report(case)
            plain = wall if case is USUAL[2] else plain
            if case.target == "2x the plain fit":
                print(f"  {wall / plain:.2f}x the plain fit")
        print(threads_line(bench))


if __name__ == "__main__":
    main()
