"""Time `blinreg synth --patients N`: rows and patients a second, peak memory, and the same bytes on any threads.

    python benchmarks/bench_synth.py            # a million patients, about a minute
    python benchmarks/bench_synth.py --full     # ten million patients too

Each cohort is written in a process of its own, so that its peak memory is its own. The last column compares with
polars writing the tables of one block as Parquet over and over: making and writing patients, over writing alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from blinreg.synthetic import generate, load_study
from blinreg.synthetic.scale import BLOCK_PATIENTS, draw_tables
from blinreg.synthetic.writing import Recipe

STUDY = "realworld-2020"
SEED = 2020
#: What is asked for on two cores.
ROWS_PER_SECOND, PEAK_MB = 1_000_000, 1_000


def measure(folder: Path, *, n_patients: int, threads: int) -> dict[str, float | str]:
    """Write a cohort in this process; returns what it took."""
    started, cpu = time.perf_counter(), time.process_time()
    made = generate(STUDY, folder, seed=SEED, patients=n_patients, threads=threads)
    seconds = time.perf_counter() - started
    rows = sum(made.n_rows.values())
    manifests = b"".join((path / "submission.json").read_bytes() for path in made.paths)
    return {
        "seconds": seconds,
        "cpu_seconds": time.process_time() - cpu,
        "rows": rows,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*.parquet")),
        # The manifests hold the SHA-256 of every file.
        "digest": hashlib.sha256(manifests).hexdigest()[:16],
    }


def bare_rows_per_second(folder: Path, *, repeats: int = 5) -> float:
    """Rows a second that polars writes when the tables of a block are at hand."""
    recipe = Recipe(study=load_study(STUDY), seed=SEED, n_patients=BLOCK_PATIENTS)
    tables, _ = draw_tables(recipe, np.arange(BLOCK_PATIENTS, dtype=np.int64))
    started = time.perf_counter()
    for _ in range(repeats):
        for name, frame in tables.items():
            frame.write_parquet(folder / f"{name}.parquet", compression="zstd")
    return repeats * sum(frame.height for frame in tables.values()) / (time.perf_counter() - started)


def in_own_process(*arguments: str) -> dict[str, float | str]:
    """Run this file with arguments and read what it prints."""
    printed = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    answer: dict[str, float | str] = json.loads(printed.stdout)
    return answer


def main() -> None:
    """Print a line a size and number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="also ten million patients")
    parser.add_argument("--patients", type=int, help="this size only")
    parser.add_argument("--data", type=Path, help="folder for the files (default: the temporary folder)")
    parser.add_argument("--measure", nargs=2, type=int, metavar=("N", "K"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.data) as scratch:
        folder = Path(scratch)
        if args.measure:
            print(json.dumps(measure(folder / "cohort", n_patients=args.measure[0], threads=args.measure[1])))
            return
        bare = bare_rows_per_second(folder)
    sizes = [args.patients] if args.patients else [1_000_000, *([10_000_000] if args.full else [])]
    where = ["--data", str(args.data)] if args.data else []
    print(f"{os.cpu_count()} processors; polars alone writes {bare / 1e6:.2f} million rows a second")
    header = ("patients", "threads", "seconds", "rows/s", "patients/s", "rows/cpu s", "peak MB", "of bare")
    print(" ".join(f"{name:>11}" for name in header))
    for n_patients in sizes:
        digests = set()
        for threads in (1, 2) if n_patients < 10_000_000 else (2,):
            found = in_own_process("--measure", str(n_patients), str(threads), *where)
            digests.add(found["digest"])
            rate = float(found["rows"]) / float(found["seconds"])
            cells = (
                f"{n_patients:,}",
                f"{threads}",
                f"{float(found['seconds']):.1f}",
                f"{rate:,.0f}",
                f"{n_patients / float(found['seconds']):,.0f}",
                f"{float(found['rows']) / float(found['cpu_seconds']):,.0f}",
                f"{float(found['peak_mb']):.0f}",
                f"{rate / bare:.2f}",
            )
            print(" ".join(f"{cell:>11}" for cell in cells), flush=True)
            for what, is_kept in (
                ("rows a second", rate >= ROWS_PER_SECOND or threads == 1),
                ("memory", float(found["peak_mb"]) <= PEAK_MB),
            ):
                if not is_kept:
                    print(f"            {what}: not what is asked for")
        if len(digests) != 1:
            raise SystemExit("the files depend on the number of threads")


if __name__ == "__main__":
    main()
