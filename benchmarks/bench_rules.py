"""Speed of the quality rules: rows of one table judged by all its own rules, against a bare scan of the same columns.

    python benchmarks/bench_rules.py --rows 10000000

Makes ``baseline`` rows (16 columns) in a DuckDB file, then measures, in processes of their own, a scan that reads every
column, and the rules on the rows themselves, bad rows listed. Rules that look at other rows (keys, parents, charts) are
joins and sorts, and not in it. Printed are seconds, CPU seconds, the highest resident memory, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

TABLE = "baseline"


def make(path: Path, n_rows: int) -> None:
    """Write rows of ``baseline`` with a patient each; one row in 10 000 breaks a rule."""
    connection = duckdb.connect(str(path))
    connection.execute("create schema sent; create schema sound; create schema elsewhere")
    connection.execute(f"""
        create table sent.{TABLE} as
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
    connection.execute(f"create view sound.{TABLE} as select * from sent.{TABLE}")
    connection.close()


def measure(path: Path, what: str) -> dict[str, float]:
    """Run one of ``scan`` and ``rules`` in this process."""
    from blinreg.registry.quality.engine import is_related, run_rules
    from blinreg.schemas.rules import RULES
    from blinreg.schemas.rules.sql import SubmissionFacts

    facts = SubmissionFacts(
        site_id="site-a", created_date=date(2020, 6, 1), data_cutoff_date=date(2020, 5, 31), sent_tables=(TABLE,)
    )
    connection = duckdb.connect(str(path), read_only=True, config={"threads": 2})
    rules = [rule for rule in RULES if rule.table == TABLE and rule.predicate and not is_related(rule)]
    values = [rule for rule in rules if not rule.id.endswith((".orphan", ".duplicate"))]
    started, cpu = time.perf_counter(), time.process_time()
    n_rules = 0
    if what == "scan":
        columns = connection.execute(f"describe sent.{TABLE}").fetchall()
        reads = ", ".join(f'max("{column[0]}")' for column in columns)
        connection.execute(f"select {reads} from sent.{TABLE}").fetchall()
    else:
        n_rules = len(values)
        run_rules(connection, values, facts, schema="sent")
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"seconds": seconds, "cpu": time.process_time() - cpu, "gigabytes": memory, "rules": n_rules}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--measure", choices=["scan", "rules"])
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.file, options.measure)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "rows.duckdb"
        make(path, options.rows)
        taken: dict[str, dict[str, float]] = {}
        # Twice, so that both find the file in the system's cache.
        for what in ("scan", "scan", "rules"):
            command = [sys.executable, __file__, "--measure", what, "--file", str(path)]
            taken[what] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for what, figures in taken.items():
        print(what, {name: round(value, 2) for name, value in figures.items()})
    for name in ("seconds", "cpu"):
        print(f"ratio of {name}: {taken['rules'][name] / taken['scan'][name]:.1f}")


if __name__ == "__main__":
    main()
