"""Time the SQL macros `simon_makuch` and `mantel_byar` against R, after checking that they agree.

    python benchmarks/bench_macros.py --rows 10000000

The rows are made in DuckDB from hashes, so every run has the same ones: whole days up to ten years, two thirds of
the rows begin at the origin, 30% of the subjects have an event. All macros are timed; R (``Rscript`` with survival,
where it is is timed in the same run for the two that have a target. Medians of wall time; reading the data
into R does not count.
"""

from __future__ import annotations

import argparse
import csv
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from blinreg.analyses import mantel_byar, simon_makuch
from blinreg.registry.derive import sql_files

HERE = Path(__file__).parent
COLUMNS = ("id", "tstart", "tstop", "event", "group_label")
#: What is timed, and R's name of the same work: with subjects, R is told of them.
CALLS = {
    "mantel_byar('observed')": "mantel_byar",
    "simon_makuch('observed', count_subjects := false)": "simon_makuch",
    "simon_makuch('observed')": "simon_makuch_by_id",
    "kaplan_meier('observed')": "",
    "cumulative_incidence('observed')": "",
    "log_rank('observed')": "",
}
TARGET = 70
#: Rows for the comparison with the Python functions, which take frames.
PYTHON_ROWS = 300_000

MAKE_ROWS = """
create table observed as
with subject as (
    select
        subject_number as id,
        1 + (hash(subject_number * 4 + 1) % 3650)::integer as last_day,
        1 + (hash(subject_number * 4 + 2) % 2200)::integer as change_day,
        (hash(subject_number * 4 + 3) % 100 < 30)::integer as event
    from range($n_subjects) as numbers (subject_number)
),
piece as (
    select id, 0 as tstart, least(change_day, last_day) as tstop, event * (change_day >= last_day)::integer as event,
        0 as group_label
    from subject
    union all
    select id, change_day as tstart, last_day as tstop, event, 1 as group_label
    from subject where change_day < last_day
)
select * from piece order by id, tstart limit $n_rows
"""


def prepare(file: Path, n_rows: int, threads: int) -> duckdb.DuckDBPyConnection:
    """Write the rows and the macros into a database file and open it."""
    connection = duckdb.connect(str(file), config={"threads": threads})
    connection.execute("create schema analysis")
    for name, text in sql_files():
        if "_macro_" in name:
            connection.execute(text)
    connection.execute(MAKE_ROWS, {"n_subjects": n_rows, "n_rows": n_rows})
    return connection


def check_with_python(connection: duckdb.DuckDBPyConnection) -> None:
    """Stop unless the macros give what the Python functions give on a part of the rows."""
    connection.execute(
        f"create or replace temp view sample_rows as from observed where id <= (select max(id) from "
        f"(select id from observed limit {PYTHON_ROWS}))"
    )
    rows = connection.sql("from sample_rows").pl()
    names = {"id": "id", "start": "tstart", "stop": "tstop", "event": "event"}
    curve = simon_makuch(rows, "group_label", landmark=30, **names).table
    found = connection.sql("from analysis.simon_makuch('sample_rows', landmark := 30)").pl()
    for name in curve.columns[1:]:
        np.testing.assert_allclose(found[name], curve[name], rtol=1e-12, atol=1e-12, err_msg=name)
    test = mantel_byar(rows, "group_label", **names)
    exposed = connection.sql("from analysis.mantel_byar('sample_rows')").pl().row(1, named=True)
    ours = [exposed[name] for name in ("observed", "expected", "variance", "chi_squared", "p_value")]
    theirs = [test.observed, test.expected, test.variance, test.chi_squared, test.p_value]
    np.testing.assert_allclose(np.array(ours, float), np.array(theirs, float), rtol=1e-10)
    print(f"agrees with Python on {rows.height:,} rows")


def run_r(connection: duckdb.DuckDBPyConnection, folder: Path, repeats: int) -> dict[str, float]:
    """Time R on the same rows and compare its values with those of the macros."""
    columns = connection.execute("select * from observed").fetchnumpy()
    for name in COLUMNS:
        np.asarray(columns[name]).astype(np.int32).tofile(folder / name)
    del columns
    subprocess.run(["Rscript", str(HERE / "bench_macros.R"), str(folder), str(repeats)], check=True)
    ours = connection.execute(
        "select group_label, time, n_at_risk, n_events, n_censored + n_crossed, survival, se "
        "from analysis.simon_makuch('observed')"
    ).fetchall()
    with (folder / "curve.csv").open() as file:
        reader = csv.reader(file)
        next(reader)
        theirs = np.array([[np.nan if cell in ("NA", "NaN", "Inf") else float(cell) for cell in row] for row in reader])
    # Without subjects R counts a crossing as a censoring. At survival 0 the standard error has no value.
    found = np.array(ours, dtype=np.float64)
    known = found[:, 5] > 0
    np.testing.assert_array_equal(found[:, :5], theirs[:, :5])
    np.testing.assert_allclose(found[:, 5], theirs[:, 5], rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(found[known, 6], theirs[known, 6], rtol=1e-7, atol=1e-12)
    row = connection.execute(
        "select observed, expected, variance from analysis.mantel_byar('observed') where group_label = 1"
    ).fetchall()[0]
    with (folder / "test.csv").open() as file:
        values = list(csv.reader(file))[1]
    np.testing.assert_allclose(np.array(row, float), np.array(values, float), rtol=1e-8)
    print("agrees with R on all rows")
    with (folder / "times.csv").open() as file:
        return {row["name"]: float(row["seconds"]) for row in csv.DictReader(file)}


def timed(connection: duckdb.DuckDBPyConnection, call: str, repeats: int) -> tuple[float, float]:
    """Return median wall and processor seconds."""
    wall, processor = [], []
    for _ in range(repeats):
        begun, used = time.perf_counter(), time.process_time()
        connection.execute(f"from analysis.{call}").fetchall()
        wall.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    return statistics.median(wall), statistics.median(processor)


def main() -> None:
    """Make the rows, check, time, print."""
    parser = argparse.ArgumentParser(description="time the SQL macros against R")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7, help="of each macro")
    parser.add_argument("--r-repeats", type=int, default=1, help="of R; 0 leaves R out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with prepare(folder / "rows.duckdb", options.rows, options.threads) as connection:
            check_with_python(connection)
            with_r = bool(options.r_repeats) and shutil.which("Rscript") is not None
            of_r = run_r(connection, folder, options.r_repeats) if with_r else {}
            print(f"{options.rows:,} rows, {options.threads} threads, DuckDB {duckdb.__version__}")
            for call, same_in_r in CALLS.items():
                wall, processor = timed(connection, call, options.repeats)
                line = f"{call:52} {wall:8.3f} s  (processor {processor:.3f} s)"
                if same_in_r in of_r:
                    line += f"  R {of_r[same_in_r]:.1f} s: {of_r[same_in_r] / wall:.0f}x (target {TARGET}x)"
                print(line)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
