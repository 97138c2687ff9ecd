"""Run Great Expectations on a submission, compare it with the rules, and write what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.ledger import read_ledger
from blinreg.registry.loading import load_submission
from blinreg.registry.manifest import MANIFEST_NAME, Manifest, parse_manifest
from blinreg.registry.originals import read_manifest_file
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.expectations.agreement import counts_of, disagreements, findings_of
from blinreg.registry.quality.expectations.batches import made_batches
from blinreg.registry.quality.expectations.checkpoint import CHECKPOINT, CheckpointRun, run_checkpoint
from blinreg.registry.quality.expectations.page import expectations_page
from blinreg.registry.quality.scratch import ledger_before, scratch_registry
from blinreg.registry.store import Registry
from blinreg.schemas.errors import BlinregError, SubmissionRejected
from blinreg.schemas.rules.sql import SubmissionFacts

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationsResult:
    """What Great Expectations says of a submission.

    Parameters
    ----------
    submission_id : str
        The submission.
    is_synthetic : bool
        Whether its patients are invented.
    run : CheckpointRun
        Suites and results as JSON.
    counts : polars.DataFrame
        ``rule, table, n_rows, n_checked, n_bad, n_unknown, is_met``: one row a rule that was run.
    findings : polars.DataFrame
        ``rule, table, line, column``: one row a rule and bad row, but for rules that report a share.
    disagreements : polars.DataFrame
        ``rule, table, line, column, said_by``: what the rules and Great Expectations do not both say. Empty, unless
        blinreg is at fault.
    """

    submission_id: str
    is_synthetic: bool
    run: CheckpointRun
    counts: pl.DataFrame
    findings: pl.DataFrame
    disagreements: pl.DataFrame

    @property
    def n_met(self) -> int:
        """Expectations that are met."""
        return int(self.counts["is_met"].sum())

    @property
    def summary(self) -> str:
        """One line for a terminal."""
        same = "the same bad rows as by the rules" if self.disagreements.is_empty() else "NOT the same as by the rules"
        return f"Great Expectations: {self.n_met} of {self.counts.height} expectations met, {same}"

    def as_summary(self) -> dict[str, Any]:
        """Give the outcome as JSON."""
        return {
            "submission_id": self.submission_id,
            "is_synthetic": self.is_synthetic,
            "great_expectations": self.run.version,
            "checkpoint": CHECKPOINT,
            "success": self.run.success,
            "statistics": {"n_expectations": self.counts.height, "n_met": self.n_met},
            "disagreements": self.disagreements.to_dicts(),
        }

    def as_data(self) -> dict[str, Any]:
        """Give everything as JSON: numbers of rows and lines of files; no values."""
        return self.as_summary() | {"results": dict(self.run.results)}

    def require_agreement(self) -> None:
        """Raise if Great Expectations and the rules do not say the same.

        Raises
        ------
        BlinregError
            It is a fault of blinreg.
        """
        if not self.disagreements.is_empty():
            raise BlinregError(
                f"Great Expectations and the rules do not agree: {self.disagreements.height} rows and counts of "
                f"{self.disagreements['rule'].n_unique()} rules, the first {self.disagreements['rule'][0]}",
                next_step="report this line; `disagreements` in results.json lists where",
            )


def run_expectations(
    checked: CheckedSubmission, facts: SubmissionFacts, *, submission_id: str, is_synthetic: bool
) -> ExpectationsResult:
    """Run the rules through Great Expectations on a submission that was checked.

    Parameters
    ----------
    checked : CheckedSubmission
        The submission after the rules.
    facts : SubmissionFacts
        What the rules knew of it.
    submission_id : str
        The submission.
    is_synthetic : bool
        Whether its patients are invented.

    Raises
    ------
    BlinregError
        If an expectation cannot be evaluated.
    """
    with made_batches(checked, facts) as (connection, batches):
        run = run_checkpoint(connection, batches)
    counts, findings = counts_of(run.results), findings_of(run.results)
    return ExpectationsResult(
        submission_id=submission_id,
        is_synthetic=is_synthetic,
        run=run,
        counts=counts,
        findings=findings,
        disagreements=disagreements(checked, counts, findings),
    )


def expect_submission(
    folder: str | Path, *, registry: str | Path | None = None, on_progress: Progress | None = None
) -> ExpectationsResult:
    """Check a submission as `load_submission` would, and run Great Expectations on the same rows.

    Parameters
    ----------
    folder : str or Path
        Folder with ``submission.json``.
    registry : str or Path, optional
        Registry that it is meant for; it is only read, for patients who are known elsewhere.
    on_progress : callable, optional
        Told each step as a short text.

    Raises
    ------
    SubmissionRejected
        If it is refused before its rows are judged.
    """
    folder, progress = Path(folder), on_progress or _silent
    manifest = parse_manifest(read_manifest_file(folder, MANIFEST_NAME), now=datetime.now(UTC).replace(tzinfo=None))
    if registry is None:
        return _expect(None, folder, manifest, progress)
    with Registry.open(registry) as base:
        return _expect(base, folder, manifest, progress)


def _silent(_: str) -> None:
    """Say nothing."""


def _expect(base: Registry | None, folder: Path, manifest: Manifest, progress: Progress) -> ExpectationsResult:
    received = () if base is None else read_ledger(base.cursor())
    ledger = ledger_before(received, manifest)
    with scratch_registry(base, ledger, manifest.site_id) as scratch:
        progress("reading the rows for Great Expectations")
        checked = _checked(scratch, folder)
        facts = SubmissionFacts(
            site_id=manifest.site_id,
            created_date=manifest.created_date,
            data_cutoff_date=manifest.data_cutoff_date,
            sent_tables=tuple(table.name for table in checked.tables),
        )
        progress("running Great Expectations")
        return run_expectations(
            checked, facts, submission_id=manifest.submission_id, is_synthetic=manifest.is_synthetic
        )


def _checked(scratch: Registry, folder: Path) -> CheckedSubmission:
    """Give the rows after the rules; a submission that the rules refuse whole has them too."""
    checked: list[CheckedSubmission] = []
    try:
        load_submission(scratch, folder, on_checked=checked.append, is_derived=False)
    except SubmissionRejected:
        if not checked:
            raise
    return checked[0]


def write_expectations(result: ExpectationsResult, out: Path) -> tuple[Path, ...]:
    """Write ``index.html``, ``results.json`` and ``suites/*.json`` into a folder; gives their paths."""
    data = result.as_data()
    texts = {
        "index.html": expectations_page(data),
        "results.json": json.dumps(data, indent=1) + "\n",
        **{f"suites/{name}.json": json.dumps(suite, indent=1) + "\n" for name, suite in result.run.suites.items()},
    }
    (out / "suites").mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in texts.items():
        path = out / name
        path.write_text(text, encoding="utf-8", newline="\n")
        paths.append(path)
    return tuple(paths)
