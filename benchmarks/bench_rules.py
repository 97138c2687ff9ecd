"""Speed of the quality rules: rows of one table judged by all its rules, against a bare scan of the same columns.

    python benchmarks/bench_rules.py --rows 10000000

Puts ``baseline`` rows (16 columns) and as many patients, each with one cycle, into the file that loading uses for so
many rows. Then measures, in processes of their own and within the memory that loading allows the rules,

scan
    a query that reads every column
own
    the rules that look at the row itself, bad rows listed
all
    also those that look at other rows (keys, parents, the patient's chart), which are joins and sorts; with the making
    of the contexts that they look at

Printed are the load of the machine, seconds, CPU seconds, the highest resident memory, and the ratios to the scan.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

from blinreg.registry.quality.engine import is_related, make_contexts, run_rules
from blinreg.registry.quality.staging import MEMORY, ROWS_IN_MEMORY, database
from blinreg.schemas.rules import RULES
from blinreg.schemas.rules.sql import SubmissionFacts

TABLE = "baseline"
MEASURES = ("scan", "own", "all")


def make(spill: Path, n_rows: int) -> Path:
    """Write rows of ``baseline`` with a patient each; one row in 10 000 breaks a rule."""
    connection = database(spill, n_rows=max(n_rows, ROWS_IN_MEMORY + 1))
    connection.execute(f"""
        insert into sent.{TABLE} by name
        select
            'SYN-' || lpad(cast(i as varchar), 8, '0') as patient_id,
            'blinatumomab_start' as timepoint,
            cast(date '2016-01-01' + cast(hash(i, 1) % 1000 as integer) as varchar) as assessment_date,
            date '2016-01-01' + cast(hash(i, 1) % 1000 as integer) as assessment_date_earliest,
            date '2016-01-01' + cast(hash(i, 1) % 1000 as integer) as assessment_date_latest,
            cast(18 + hash(i, 2) % 60 as integer) as age_years,
            case when hash(i, 3) % 3 > 0 then cast(10 * (5 + hash(i, 4) % 6) as integer) end as karnofsky_percent,
            case when hash(i, 5) % 10000 = 0 then 5 when hash(i, 5) % 2 = 0 then 1 end as ecog,
            (hash(i, 6) % 1000) / 50.0 as wbc_1e9_per_l,
            (hash(i, 7) % 900) / 10.0 as blood_blast_percent,
            6 + (hash(i, 8) % 900) / 10.0 as marrow_blast_percent,
            'yes' as marrow_disease,
            case hash(i, 9) % 10 when 0 then 'yes' when 1 then 'unknown' else 'no' end as cns_disease,
            case hash(i, 10) % 10 when 0 then 'yes' else 'no' end as extramedullary_disease,
            cast(1 + hash(i, 11) % 4 as integer) as n_prior_lines,
            'no' as prior_allo_hct,
            case hash(i, 12) % 4 when 0 then 'yes' else 'no' end as primary_refractory,
            case when hash(i, 12) % 4 > 0 then cast(hash(i, 13) % 900 as integer) end as cr1_duration_days,
            i + 2 as source_line
        from range({n_rows}) as numbers (i)
    """)
    connection.execute(f"""
        insert into sent.patient by name
        select
            patient_id,
            year(assessment_date_earliest) - age_years as birth_year,
            'female' as sex,
            assessment_date_earliest - 400 as diagnosis_date_earliest,
            assessment_date_earliest - 400 as diagnosis_date_latest,
            cast(assessment_date_earliest - 400 as varchar) as diagnosis_date,
            source_line
        from sent.{TABLE}
    """)
    connection.execute(f"""
        insert into sent.treatment_cycle by name
        select
            patient_id,
            1 as course_number,
            1 as cycle_number,
            'blinatumomab' as agent,
            'relapsed_refractory' as indication,
            assessment_date as start_date,
            assessment_date_earliest as start_date_earliest,
            assessment_date_latest as start_date_latest,
            source_line
        from sent.{TABLE}
    """)
    connection.close()
    return next(spill.glob("*.duckdb"))


def measure(path: Path, what: str) -> dict[str, float]:
    """Run one of ``scan``, ``own`` and ``all`` in this process."""
    facts = SubmissionFacts(
        site_id="site-a",
        created_date=date(2020, 6, 1),
        data_cutoff_date=date(2020, 5, 31),
        sent_tables=(TABLE, "patient", "treatment_cycle"),
    )
    spill = str(path.parent / "memory")
    connection = duckdb.connect(str(path), config={"threads": 2, "memory_limit": MEMORY, "temp_directory": spill})
    rules = [rule for rule in RULES if rule.table == TABLE and rule.predicate]
    # Rules on keys and parents name no context; they read whole tables all the same.
    beyond = [rule for rule in rules if is_related(rule) or rule.id.endswith((".orphan", ".duplicate"))]
    used = [rule for rule in rules if rule not in beyond]
    started, cpu = time.perf_counter(), time.process_time()
    if what == "scan":
        columns = connection.execute(f"describe sent.{TABLE}").fetchall()
        reads = ", ".join(f'max("{column[0]}")' for column in columns)
        connection.execute(f"select {reads} from sent.{TABLE}").fetchall()
    else:
        run_rules(connection, used, facts, schema="sent")
    if what == "all":
        make_contexts(connection, beyond)
        run_rules(connection, beyond, facts, schema="sound")
        used = rules
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    n_rules = 0 if what == "scan" else len(used)
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "gigabytes": memory, "rules": n_rules}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.file, options.measure)))
        return
    print(f"{options.rows:,} rows, medians of {options.repeats}, load average {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch:
        path = make(Path(scratch) / "rules", options.rows)
        # Once before, so that all find the file in the system's cache.
        _measured(path, "scan")
        rounds = [{what: _measured(path, what) for what in MEASURES} for _ in range(options.repeats)]
    for what in MEASURES:
        figures = {name: statistics.median(each[what][name] for each in rounds) for name in rounds[0][what]}
        print(what, {name: round(value, 2) for name, value in figures.items()})
    for what in MEASURES[1:]:
        for name in ("seconds", "cpu"):
            ratio = statistics.median(each[what][name] / each["scan"][name] for each in rounds)
            print(f"{what} : scan, {name}: {ratio:.1f}")


def _measured(path: Path, what: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", what, "--file", str(path)]
    figures: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return figures


if __name__ == "__main__":
    main()
