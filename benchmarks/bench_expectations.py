"""Time of Great Expectations against the SQL rules, on the same staged rows of the same submissions, in one run.

    python benchmarks/bench_expectations.py --patients 239 100000

Each cohort is made with planted faults and checked site by site; what is added up over its sites is (1) every rule run
as SQL, the engine of `load`, and by Great Expectations, on rows that are staged already, and (2) a check whole (gate,
staging, rules) and Great Expectations whole (staging, suites, checkpoint, comparison with the check). CPU seconds are
of all threads. 239 is the calibrated cohort; other numbers of patients are drawn from the model.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import polars as pl

from blinreg.registry.manifest import MANIFEST_NAME, parse_manifest
from blinreg.registry.originals import Originals
from blinreg.registry.quality.check import SubmissionContext, check_submission
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.engine import is_related, make_contexts, run_rules
from blinreg.registry.quality.expectations import run_expectations
from blinreg.registry.quality.expectations.batches import made_batches
from blinreg.registry.quality.expectations.checkpoint import run_checkpoint
from blinreg.registry.quality.expectations.column_rules import column_rules
from blinreg.registry.quality.staging import PERSON_SCHEMA
from blinreg.registry.reading import SubmittedTable, read_tables
from blinreg.schemas.rules import CELL, RULES
from blinreg.schemas.rules.sql import SubmissionFacts
from blinreg.synthetic import generate

CALIBRATED = 239

T = TypeVar("T")


class Clock:
    """Adds up wall and CPU seconds by name."""

    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}

    def time(self, name: str, run: Callable[[], T]) -> T:
        """Run something under a name."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        self.wall[name] = self.wall.get(name, 0.0) + time.perf_counter() - wall
        self.cpu[name] = self.cpu.get(name, 0.0) + time.process_time() - cpu
        return result


def read(folder: Path, scratch: Path) -> tuple[tuple[SubmittedTable, ...], SubmissionContext]:
    """Read a submission."""
    now = datetime.now(UTC).replace(tzinfo=None)
    manifest = parse_manifest((folder / MANIFEST_NAME).read_bytes(), now=now)
    originals = Originals(scratch)
    kept = {file.table: originals.keep(folder / file.path, suffix=file.format) for file in manifest.files}
    context = SubmissionContext(
        site_id=manifest.site_id,
        created_date=manifest.created_date,
        data_cutoff_date=manifest.data_cutoff_date,
        claimed=pl.Series(dtype=pl.String),
        persons=PERSON_SCHEMA.to_frame(),
    )
    return read_tables(manifest, kept), context


def rules_alone(clock: Clock, checked: CheckedSubmission, facts: SubmissionFacts) -> None:
    """Run all rules as SQL and by Great Expectations on rows that are staged."""
    rules = [rule for rule in RULES if rule.predicate and rule.table in {CELL, *facts.sent_tables}]
    related = [rule for rule in rules if is_related(rule)]
    with made_batches(checked, facts) as (connection, batches):

        def as_sql() -> None:
            for each in checked.tables:
                run_rules(connection, column_rules(each.source.definition), facts, schema="written")
            run_rules(connection, [rule for rule in rules if not is_related(rule)], facts, schema="sent")
            make_contexts(connection, related)
            run_rules(connection, related, facts, schema="sound")

        clock.time("rules as SQL", as_sql)
        clock.time("rules by Great Expectations", lambda: run_checkpoint(connection, batches))


def measure(n_patients: int, scratch: Path) -> None:
    """Measure a cohort and print."""
    folder = scratch / f"cohort-{n_patients}"
    patients = None if n_patients == CALIBRATED else n_patients
    paths = generate("realworld-2020", folder, patients=patients, faults=0.02, threads=1).paths
    clock, n_rows, n_findings = Clock(), 0, 0
    for path in paths:
        tables, context = read(path, scratch)
        checked = clock.time("check", lambda tables=tables, context=context: check_submission(tables, context))
        n_rows += sum(each.n_rows for each in checked.tables)
        facts = SubmissionFacts(
            site_id=context.site_id,
            created_date=context.created_date,
            data_cutoff_date=context.data_cutoff_date,
            sent_tables=tuple(each.name for each in checked.tables),
        )
        rules_alone(clock, checked, facts)
        result = clock.time(
            "Great Expectations",
            lambda checked=checked, facts=facts: run_expectations(
                checked, facts, submission_id="bench", is_synthetic=True
            ),
        )
        result.require_agreement()
        n_findings += result.findings.height
    print(f"{n_patients} patients, {len(paths)} sites, {n_rows} rows, {n_findings} findings, the same by both")
    for name in clock.wall:
        print(f"  {name:<30} {clock.wall[name]:8.1f} s wall {clock.cpu[name]:8.1f} s CPU")
    for theirs, ours in (("rules by Great Expectations", "rules as SQL"), ("Great Expectations", "check")):
        wall, cpu = clock.wall[theirs] / clock.wall[ours], clock.cpu[theirs] / clock.cpu[ours]
        print(f"  {theirs} / {ours}: {wall:.1f} of wall, {cpu:.1f} of CPU (at most 5)")


def main() -> None:
    """Measure the cohorts named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, nargs="+", default=[CALIBRATED])
    options = parser.parse_args()
    wall, cpu = time.perf_counter(), time.process_time()
    import great_expectations  # noqa: F401 - what is measured is the import

    print(f"import: {time.perf_counter() - wall:.1f} s wall, {time.process_time() - cpu:.1f} s CPU, once a process")
    for n_patients in options.patients:
        with tempfile.TemporaryDirectory() as scratch:
            measure(n_patients, Path(scratch))


if __name__ == "__main__":
    main()
