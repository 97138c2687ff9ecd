"""Review a submission: everything its site is told, before or after it is loaded.

The submission goes the way of a load, into a registry in memory that is thrown away. A review and a load
can therefore not disagree on a row, and the real registry stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from blinreg.registry.diffing import compare
from blinreg.registry.frames import query_frame
from blinreg.registry.ledger import LedgerRow, accepted_of, read_ledger
from blinreg.registry.loading import LoadResult, load_submission
from blinreg.registry.manifest import MANIFEST_NAME, Manifest, parse_manifest
from blinreg.registry.originals import read_manifest_file
from blinreg.registry.quality.check import CheckedSubmission
from blinreg.registry.quality.completeness import COMPLETENESS_SCHEMA, completeness
from blinreg.registry.quality.delta import with_status
from blinreg.registry.quality.distributions import DISTRIBUTION_SCHEMA, distributions
from blinreg.registry.quality.effects import EFFECT_SCHEMA, effects, measured
from blinreg.registry.quality.engine import RESULT_SCHEMA
from blinreg.registry.quality.other_sites import OtherSites, other_sites
from blinreg.registry.quality.review_findings import (
    FOUND_SCHEMA,
    RULES_SCHEMA,
    failing_rows,
    found_in,
    private_cells,
    rule_counts,
    worst_first,
)
from blinreg.registry.quality.scratch import ledger_before, scratch_registry
from blinreg.registry.quality.segments import SEGMENT_SCHEMA, segments
from blinreg.registry.quality.timeliness import timeliness
from blinreg.registry.status import violations
from blinreg.registry.store import Registry
from blinreg.registry.storing import violation_rows
from blinreg.registry.submission_files import read_kept
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.ledger import quote_name
from blinreg.schemas.rules import SUBMISSION

Progress = Callable[[str], None]
Checked = Callable[[Registry, Manifest, CheckedSubmission], None]

VERDICTS: Mapping[int, str] = {0: "clean", 1: "warnings", 3: "quarantined", 4: "rejected"}

CHANGE_SCHEMA = pl.Schema(dict.fromkeys(("table", "key", "column", "before", "after", "kind"), pl.String()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a site is told of a submission. Of other sites it holds no patient.

    Parameters
    ----------
    verdict : str
        ``clean``, ``warnings``, ``quarantined`` or ``rejected``.
    exit_code : int
        0, 1, 3 or 4 for these: the one that loading gives.
    submission_id, site_id, created_at : str
        As submission.json has them; empty if they cannot be read.
    data_cutoff_date : date, optional
        Day to which the data are complete.
    is_synthetic : bool
        Whether the site says that the patients are invented.
    n_rows_by_table : mapping of str to int
        Rows sent.
    n_accepted, n_quarantined, n_held_back : int
        What became of them; all 0 if the submission is rejected.
    is_export : bool
        Whether it was read out of a REDCap export: rows are corrected in REDCap, and files, lines and columns of
        what is found are those of the export.
    rejection : str
        Why it is rejected and what to do next; empty otherwise.
    previous_submission_id : str
        The accepted submission of the site that it is compared with; empty without one.
    is_loaded : bool
        Whether the registry holds this content already, as the site's current submission.
    findings : polars.DataFrame
        ``rule, severity, table, file, line, column, value, message, how_to_fix, patient_id, status`` (new,
        persisting), worst first. Values that broke a privacy rule are null, wherever they stand.
    rules : polars.DataFrame
        ``rule, title, category, severity, n_checked, n_bad, n_unknown, percent, verdict_by_threshold, reason``.
    resolved : polars.DataFrame
        Findings of the previous submission that are gone.
    completeness, timeliness, distributions : polars.DataFrame
        See the functions of these names.
    changes : polars.DataFrame
        ``table, key, column, before, after, kind``: values that changed in rows of the same key, and whole rows
        that were added or removed. None if the submission is rejected.
    segments : polars.DataFrame
        ``site_id, table, year, n_rows, n_bad, n_not_accepted``: rows with findings by the year of the patient's first
        blinatumomab dose. None if the submission is rejected.
    effects : polars.DataFrame
        Endpoints before and after; no row if they were not asked for or the submission is rejected.
    failing_rows : mapping of str to polars.DataFrame
        Rows that are not accepted, by table, as sent.
    """

    verdict: str
    exit_code: int
    submission_id: str
    site_id: str
    created_at: str
    data_cutoff_date: date | None
    is_synthetic: bool
    n_rows_by_table: Mapping[str, int]
    n_accepted: int
    n_quarantined: int
    n_held_back: int
    is_export: bool
    rejection: str
    previous_submission_id: str
    is_loaded: bool
    findings: pl.DataFrame
    rules: pl.DataFrame
    resolved: pl.DataFrame
    completeness: pl.DataFrame
    timeliness: pl.DataFrame
    distributions: pl.DataFrame
    changes: pl.DataFrame
    segments: pl.DataFrame
    effects: pl.DataFrame
    failing_rows: Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """The accepted submission of the site that counts, or counted before the one that is reviewed."""

    row: LedgerRow
    base: Registry
    tables: Mapping[str, pl.DataFrame]
    is_current: bool

    @property
    def submission_id(self) -> str:
        return str(self.row.submission_id)

    def found(self) -> pl.DataFrame:
        return found_in(violations(self.base, self.submission_id), self.tables)

    def measured(self) -> pl.DataFrame:
        is_derived = self.is_current and self.base.is_derivation_current()
        return measured(self.base, self.submission_id, is_current=is_derived)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What became of the submission in the registry that is thrown away."""

    scratch: Registry
    row: LedgerRow
    manifest: Manifest | None
    checked: CheckedSubmission | None
    result: LoadResult | None
    rejection: str

    @property
    def tables(self) -> Mapping[str, pl.DataFrame]:
        """The rows as sent, if they could be read."""
        if self.checked is None:
            return {}
        return {table.source.definition.name: table.source.frame for table in self.checked.tables}


def review_submission(
    folder: str | Path,
    *,
    registry: Registry | str | Path | None = None,
    with_effects: bool = True,
    as_loaded: bool = False,
    on_checked: Checked | None = None,
    on_progress: Progress | None = None,
) -> Review:
    """Check a submission as `load_submission` would, and say all that there is to say about it.

    Parameters
    ----------
    folder : str or Path
        Folder with ``submission.json``.
    registry : Registry or path, optional
        Registry that it is meant for, which is only read: for patients known elsewhere, other sites and the
        submission before. If it holds the same content already, the review is against the submission before that.
    with_effects : bool
        Whether endpoints are derived; it takes as long as the rest.
    as_loaded : bool
        Whether a submission that the registry accepted is reviewed as it was then, even if another replaced it since.
    on_checked : callable, optional
        Given the registry of the trial, the submission and its rows after the rules, if it came so far; all three
        are gone when the review is made.
    on_progress : callable, optional
        Told each step as a short text.

    Raises
    ------
    UsageError
        If there is no such folder or registry.
    RegistryLocked, RegistryDamaged
        If the registry cannot be read.
    """
    progress = on_progress or _silent
    with _opened(registry) as base:
        manifest = _manifest(Path(folder))
        received = () if base is None else read_ledger(base.cursor())
        site_id = "" if manifest is None else manifest.site_id
        ledger = received if manifest is None else ledger_before(received, manifest, as_loaded=as_loaded)
        others = other_sites(base, ledger, site_id) if site_id else None
        with scratch_registry(base, ledger, site_id) as scratch:
            trial = _try(scratch, Path(folder), manifest, progress)
            if on_checked is not None and manifest is not None and trial.checked is not None:
                on_checked(scratch, manifest, trial.checked)
            before = _before(base, accepted_of(ledger, site_id), is_current=ledger == received)
            progress("comparing with the submission before and with other sites")
            with ThreadPoolExecutor(max_workers=1) as pool:
                # The longest of the comparisons, and the database does it: the others need not wait.
                measuring = pool.submit(_effects, trial, before) if with_effects else None
                review = _composed(trial, before, others, ledger, is_loaded=ledger != received)
                return review if measuring is None else replace(review, effects=measuring.result())


def _silent(_: str) -> None:
    """Say nothing."""


@contextmanager
def _opened(registry: Registry | str | Path | None) -> Iterator[Registry | None]:
    if registry is None or isinstance(registry, Registry):
        yield registry
        return
    with Registry.open(registry) as opened:
        yield opened


def _manifest(folder: Path) -> Manifest | None:
    """Read submission.json; ``None`` if there is no folder or it is refused, which the load says better."""
    if not folder.is_dir():
        return None
    try:
        return parse_manifest(read_manifest_file(folder, MANIFEST_NAME), now=datetime.now(UTC).replace(tzinfo=None))
    except SubmissionRejected:
        return None


def _try(scratch: Registry, folder: Path, manifest: Manifest | None, progress: Progress) -> _Trial:
    checked: list[CheckedSubmission] = []
    result, rejection = None, ""
    try:
        result = load_submission(scratch, folder, on_progress=progress, on_checked=checked.append, is_derived=False)
    except SubmissionRejected as refused:
        rejection = str(refused)
    return _Trial(
        scratch=scratch,
        row=read_ledger(scratch.cursor())[-1],
        manifest=manifest,
        checked=checked[0] if checked else None,
        result=result,
        rejection=rejection,
    )


def _before(base: Registry | None, row: LedgerRow | None, *, is_current: bool) -> _Before | None:
    if base is None or row is None:
        return None
    tables = read_kept(base, str(row.submission_id)).tables
    return _Before(row=row, base=base, tables=tables, is_current=is_current)


def _composed(
    trial: _Trial,
    before: _Before | None,
    others: OtherSites | None,
    ledger: tuple[LedgerRow, ...],
    *,
    is_loaded: bool,
) -> Review:
    manifest, result, checked = trial.manifest, trial.result, trial.checked
    exit_code = SubmissionRejected.exit_code if result is None else result.exit_code
    findings, resolved = _findings(trial, before)
    own = trial.scratch.cursor()
    return Review(
        verdict=VERDICTS[exit_code],
        exit_code=exit_code,
        submission_id=trial.row.submission_id or "",
        site_id=trial.row.site_id or "",
        created_at="" if manifest is None else f"{manifest.created_at:%Y-%m-%d %H:%M} UTC",
        data_cutoff_date=None if manifest is None else manifest.data_cutoff_date,
        is_synthetic=manifest is not None and manifest.is_synthetic,
        n_rows_by_table={} if manifest is None else {file.table: file.rows for file in manifest.files},
        n_accepted=0 if result is None else result.n_accepted,
        n_quarantined=0 if result is None else result.n_quarantined,
        n_held_back=0 if result is None else result.n_held_back,
        is_export=False,
        rejection=trial.rejection,
        previous_submission_id="" if before is None else before.submission_id,
        is_loaded=is_loaded,
        findings=worst_first(findings).drop("key"),
        rules=_rules(trial),
        resolved=worst_first(resolved).drop("key"),
        completeness=(
            COMPLETENESS_SCHEMA.to_frame()
            if checked is None
            else completeness([table.source for table in checked.tables], others)
        ),
        timeliness=timeliness(trial.row, ledger, own, others),
        distributions=(
            DISTRIBUTION_SCHEMA.to_frame()
            if result is None
            else distributions(own, result.submission_id, others, tables=list(trial.tables))
        ),
        changes=_changes(trial, before),
        segments=SEGMENT_SCHEMA.to_frame() if result is None else segments(own, [result.submission_id]),
        effects=EFFECT_SCHEMA.to_frame(),
        failing_rows={} if checked is None else failing_rows(checked),
    )


def _findings(trial: _Trial, before: _Before | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the findings with their status, and those that are gone."""
    last = FOUND_SCHEMA.to_frame() if before is None else before.found()
    if trial.checked is None:
        # Nothing is known of the rows, so that nothing is known to be resolved either.
        return FOUND_SCHEMA.to_frame().with_columns(status=pl.lit(None, pl.String)), FOUND_SCHEMA.to_frame()
    rows = violation_rows(trial.row.submission_id or "", trial.checked)
    return with_status(found_in(rows, trial.tables), last)


def _rules(trial: _Trial) -> pl.DataFrame:
    if trial.checked is None:
        return RULES_SCHEMA.to_frame()
    query = f"select {', '.join(quote_name(name) for name in RESULT_SCHEMA)}, verdict from quality.verdict"
    submission_id = "" if trial.result is None else trial.result.submission_id
    judged = query_frame(trial.scratch.cursor(), f"{query} where submission_id = ?", [submission_id])
    # These are counted in the ledger, where the submission stands by now, and were not run.
    of_all = judged.filter(pl.col("table") == SUBMISSION).select(RESULT_SCHEMA.names()).cast(RESULT_SCHEMA)
    return rule_counts(pl.concat([trial.checked.results, of_all]), judged.select("rule", "verdict").unique())


def _changes(trial: _Trial, before: _Before | None) -> pl.DataFrame:
    if before is None or trial.result is None or trial.checked is None:
        return CHANGE_SCHEMA.to_frame()
    found = compare(before.tables, trial.tables)
    whole = found.rows.filter(pl.col("kind") != "changed")
    private = private_cells(trial.checked.violations).select(
        "table", pl.col("line").alias("line_after"), "column", is_private=pl.lit(True)
    )
    values = found.values.join(private, on=["table", "line_after", "column"], how="left", maintain_order="left")
    shown = pl.col("is_private").is_null()
    values = values.with_columns(
        kind=pl.lit("changed"),
        before=pl.when(shown).then("before"),
        after=pl.when(shown).then("after"),
    )
    return pl.concat(
        [
            part.select(
                pl.col(name) if name in part.columns else pl.lit(None, pl.String).alias(name) for name in CHANGE_SCHEMA
            )
            for part in (whole, values)
        ]
    )


def _effects(trial: _Trial, before: _Before | None) -> pl.DataFrame:
    if trial.result is None:
        return EFFECT_SCHEMA.to_frame()
    after = measured(trial.scratch, trial.result.submission_id, is_current=False)
    return effects(None if before is None else before.measured(), after)
