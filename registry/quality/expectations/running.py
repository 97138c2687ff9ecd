"""Run Great Expectations on a submission, compare it with the rules, and write what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.manifest import Manifest
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.expectations.agreement import counts_of, disagreements, findings_of
from blinreg.registry.quality.expectations.batches import made_batches
from blinreg.registry.quality.expectations.checkpoint import CHECKPOINT, CheckpointRun, run_checkpoint
from blinreg.registry.quality.expectations.page import expectations_page
from blinreg.registry.quality.thresholds import limits_in_force
from blinreg.registry.store import Registry
from blinreg.schemas.errors import BlinregError
from blinreg.schemas.rules import Threshold
from blinreg.schemas.rules.sql import SubmissionFacts


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
    checked: CheckedSubmission,
    facts: SubmissionFacts,
    *,
    submission_id: str,
    is_synthetic: bool,
    limits: Mapping[str, Threshold] | None = None,
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
    limits : mapping of str to Threshold, optional
        Limits by rule; a rule that is not in it has its usual ones.

    Raises
    ------
    BlinregError
        If an expectation cannot be evaluated.
    """
    with made_batches(checked, facts, limits) as (connection, batches):
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


def expect_checked(registry: Registry, manifest: Manifest, checked: CheckedSubmission) -> ExpectationsResult:
    """Run the rules through Great Expectations on a submission that is being reviewed, by the limits of its registry.

    Parameters
    ----------
    registry : Registry
        Registry in which the submission was tried; see `blinreg.registry.quality.review.review_submission`.
    manifest : Manifest
        The submission.
    checked : CheckedSubmission
        Its rows after the rules.

    Raises
    ------
    BlinregError
        If an expectation cannot be evaluated.
    """
    facts = SubmissionFacts(
        site_id=manifest.site_id,
        created_date=manifest.created_date,
        data_cutoff_date=manifest.data_cutoff_date,
        sent_tables=tuple(table.name for table in checked.tables),
    )
    return run_expectations(
        checked,
        facts,
        submission_id=manifest.submission_id,
        is_synthetic=manifest.is_synthetic,
        limits=limits_in_force(registry, manifest.site_id),
    )


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
