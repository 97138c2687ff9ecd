"""Speed of loading: CSV in, checked by every rule and stored with keys, against DuckDB's own reading of the files.

    python benchmarks/bench_load.py --patients 100000
    python benchmarks/bench_load.py --patients 275000 1100000 --only load --repeats 1

Draws a synthetic cohort of each size, writes it as the CSV submission of one site, and measures in processes of their
own, one after the other in every round so that a busy machine is busy for all of them

read
    DuckDB's ``read_csv`` with ``store_rejects``, typed columns, into tables without keys of a database on disk
read_with_keys
    the same into the tables of a registry, with their constraints and a declared primary key
load
    ``load_submission`` into an empty registry: originals copied, gate, all rules, rows stored, their keys checked,
    journal, read back. The analysis tables are not derived: that is not part of loading a file
load_and_derive
    the same with the derivation, as ``blinreg load`` does it

Printed are the load of the machine, rows, medians of seconds and CPU seconds, rows a second, the highest resident
memory, and the medians of the ratios of load to both ways to read in the same round. On a machine that others use as
well, compare the CPU seconds. Of several sizes, the last line says how memory grew: files of 0.5 and 2 GB tell whether
it is bounded.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import duckdb
import polars as pl

from blinreg.registry.loading import load_submission
from blinreg.registry.sealing import seal
from blinreg.registry.store import Registry
from blinreg.schemas.model import Table
from blinreg.schemas.render.ddl import SUBMITTED_TYPE, submitted_table
from blinreg.schemas.tables import TABLES
from blinreg.synthetic import generate

SITE = "site01"
THREADS = 2


def make(folder: Path, patients: int) -> None:
    """Write a cohort as the CSV submission of one site."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = generate("realworld-2020", Path(scratch) / "cohort", patients=patients)
        folder.mkdir()
        for definition in TABLES:
            files = [file for path in made.paths for file in path.glob(f"{definition.name}.*") if file.is_file()]
            if not files:
                continue
            rows = pl.concat([pl.read_parquet(file) if file.suffix == ".parquet" else _text(file) for file in files])
            if "site_id" in rows.columns:
                rows = rows.with_columns(site_id=pl.lit(SITE))
            rows.write_csv(folder / f"{definition.name}.synthetic.csv")
        manifest = json.loads((made.paths[0] / "submission.json").read_text())
        said = {name: manifest[name] for name in manifest if name != "files"} | {"site_id": SITE, "files": []}
        (folder / "submission.json").write_text(json.dumps(said))
        seal(folder, site_id=SITE, created_at=datetime.now(UTC))


def _text(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False)


def read_alone(folder: Path, scratch: Path, *, with_keys: bool) -> None:
    """Read every file with DuckDB alone, into tables of a file."""
    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute(f"attach '{scratch / 'alone.duckdb'}' as alone (storage_version 'v1.5.0')")
    connection.execute("use alone")
    connection.execute("create schema submitted")
    connection.begin()
    for definition in TABLES:
        file = folder / f"{definition.name}.synthetic.csv"
        if not file.exists():
            continue
        kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in _kinds(definition, file))
        rows = (
            f"read_csv('{file}', header = true, columns = {{{kinds}}}, store_rejects = true, "
            f"rejects_table = 'errors_{definition.name}', rejects_scan = 'scans_{definition.name}')"
        )
        if with_keys:
            connection.execute(submitted_table(definition))
            connection.execute(
                f"alter table submitted.{definition.name} add primary key (submission_id, {', '.join(definition.key)})"
            )
            connection.execute(
                f"insert into submitted.{definition.name} by name select *, 'submission-1' as submission_id, "
                f"'{file.name}' as source_file, row_number() over () + 1 as source_line from {rows}"
            )
        else:
            connection.execute(f"create table {definition.name} as from {rows}")
    connection.commit()
    connection.close()


def _kinds(definition: Table, file: Path) -> list[tuple[str, str]]:
    with file.open() as opened:
        names = opened.readline().strip().split(",")
    return [(name, SUBMITTED_TYPE[definition.column(name).type]) for name in names]


def load(folder: Path, scratch: Path, *, is_derived: bool) -> None:
    """Load the submission into an empty registry."""
    with Registry.open(scratch / "registry.duckdb", write=True) as registry:
        result = load_submission(registry, folder, is_derived=is_derived)
    if not result.n_accepted:
        raise SystemExit("nothing was accepted: there is nothing to measure")


MEASURES: dict[str, Callable[[Path, Path], None]] = {
    "read": lambda folder, scratch: read_alone(folder, scratch, with_keys=False),
    "read_with_keys": lambda folder, scratch: read_alone(folder, scratch, with_keys=True),
    "load": lambda folder, scratch: load(folder, scratch, is_derived=False),
    "load_and_derive": lambda folder, scratch: load(folder, scratch, is_derived=True),
}


def measure(what: str, folder: Path, scratch: Path) -> dict[str, float]:
    """Measure in this process; Python and what it imports are there before the clock starts."""
    if what.startswith("load"):
        Registry.create(scratch / "registry.duckdb").close()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if what.startswith("load"):
        # The gate's library takes half a second to be there, whatever is read.
        import pandera.polars  # noqa: F401
    started, cpu = time.perf_counter(), time.process_time()
    MEASURES[what](folder, scratch)
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        "gigabytes_before": before / 1024**2,
    }


def measured(what: str, folder: Path) -> dict[str, float]:
    """Measure in a process of its own, on a folder of its own."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        command = [sys.executable, __file__, "--measure", what, "--folder", str(folder), "--scratch", scratch]
        environment = os.environ | {"POLARS_MAX_THREADS": str(THREADS)}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[100_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=list(MEASURES), nargs="+", default=list(MEASURES))
    parser.add_argument("--folder", type=Path, help="where the files are kept, for another run")
    parser.add_argument("--measure", choices=list(MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.folder, options.scratch)))
        return
    base = Path(tempfile.mkdtemp()) if options.folder is None else options.folder
    memory = []
    try:
        for patients in options.patients:
            folder = base / str(patients) / SITE
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                make(folder, patients)
            n_bytes, runs = _compare(folder, options.repeats, options.only)
            if "load" in runs:
                memory.append((n_bytes, max(run["gigabytes"] for run in runs["load"])))
    finally:
        if options.folder is None:
            shutil.rmtree(base)
    if len(memory) > 1:
        (small, low), (large, high) = memory[0], memory[-1]
        print(f"{large / small:.1f} times the bytes: {high / low:.2f} times the memory of load")


Runs: TypeAlias = dict[str, list[dict[str, float]]]


def _compare(folder: Path, repeats: int, only: list[str]) -> tuple[int, Runs]:
    files = json.loads((folder / "submission.json").read_text())["files"]
    n_rows = sum(file["rows"] for file in files)
    n_bytes = sum((folder / file["path"]).stat().st_size for file in files)
    print(
        f"{n_rows:,} rows in {len(files)} tables, {n_bytes / 1e6:.0f} MB of CSV; medians of {repeats}, "
        f"{THREADS} threads, load average {os.getloadavg()[0]:.1f}"
    )
    runs: Runs = {what: [] for what in only}
    for _ in range(repeats):
        for what in only:
            runs[what].append(measured(what, folder))
    for what in only:
        seconds, cpu, gigabytes = (
            statistics.median(run[name] for run in runs[what]) for name in ("seconds", "cpu", "gigabytes")
        )
        print(
            f"{what:16} {seconds:7.2f} s {cpu:7.2f} CPU s {n_rows / seconds:10,.0f} rows/s "
            f"{n_rows / cpu:10,.0f} rows/CPU s {gigabytes:6.2f} GB"
        )
    for what in ("read", "read_with_keys"):
        if {"load", what} <= runs.keys():
            pairs = list(zip(runs["load"], runs[what], strict=True))
            ratios = [
                f"{name} {statistics.median(ours[name] / theirs[name] for ours, theirs in pairs):.1f}"
                for name in ("seconds", "cpu")
            ]
            print(f"load : {what}: {', '.join(ratios)}")
    return n_bytes, runs


if __name__ == "__main__":
    main()
