"""Load submissions: each wholly, or not at all.

The steps, in the order in which a crash may fall between them: copy the files; read, check
and store the rows in one transaction; write ``prepared`` into the journal; commit; read the
ledger back on a fresh session, because DuckDB answers a COMMIT after a failed statement
with OK and rolls back; write ``committed`` into the journal; only then say so.

``analysis.*`` is derived in the same transaction. Of several submissions, in that of the last
one: until then the registry says of itself that its derived tables are behind its rows, so that
nobody takes them for current, and whoever opens it for writing next makes them so.
"""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from blinreg.registry.derive import derive, mark_derivation
from blinreg.registry.ledger import LedgerRow, accepted_of, next_sequence, read_ledger, write_row
from blinreg.registry.manifest import MANIFEST_NAME, Identity, Manifest, parse_manifest, read_identity
from blinreg.registry.originals import Originals, read_manifest_file
from blinreg.registry.quality.check import SubmissionContext, check_submission
from blinreg.registry.quality.checked import CheckedSubmission
from blinreg.registry.quality.elsewhere import patients_elsewhere, persons_elsewhere
from blinreg.registry.quality.refusal import refuse_nobody_left, refuse_whole
from blinreg.registry.reading import read_tables
from blinreg.registry.receiving import Received, receive, refuse_nobody
from blinreg.registry.reconcile import reconcile
from blinreg.registry.status import count_dropped, violations
from blinreg.registry.store import Registry
from blinreg.registry.storing import store
from blinreg.schemas.errors import RegistryDamaged, SubmissionRejected, UsageError
from blinreg.schemas.ledger import LEDGER_SCHEMA

Progress = Callable[[str], None]
Checked = Callable[[CheckedSubmission], None]
Outcome = Callable[[Path, "LoadResult | SubmissionRejected"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What became of a submission.

    Parameters
    ----------
    outcome : str
        ``loaded``, or ``unchanged`` when the site's current submission has this content.
    submission_id, site_id : str
        The submission that counts now.
    n_rows : int
        Rows that the site sent; accepted are those neither quarantined nor held back.
    n_quarantined : int
        Rows not accepted for what they say.
    n_held_back : int
        Sound rows whose parent row was not accepted.
    n_warnings : int
        Findings on accepted rows.
    violations : polars.DataFrame
        ``submission_id, rule, severity, table, file, line, column, message``, by table and line.
    dropped : polars.DataFrame
        ``table, absent, quarantined, held_back``: keys that counted before and do not any more.
    """

    outcome: str
    submission_id: str
    site_id: str
    n_rows: int
    n_quarantined: int
    n_held_back: int
    n_warnings: int
    violations: pl.DataFrame
    dropped: pl.DataFrame

    @property
    def n_accepted(self) -> int:
        """Rows that count now."""
        return self.n_rows - self.n_quarantined - self.n_held_back

    @property
    def exit_code(self) -> int:
        """0 clean, 1 warnings, 3 rows quarantined."""
        if self.n_quarantined:
            return 3
        return 1 if self.n_warnings else 0


def load_submission(
    registry: Registry,
    folder: str | Path,
    *,
    on_progress: Progress | None = None,
    actor: str | None = None,
    on_checked: Checked | None = None,
    is_derived: bool = True,
) -> LoadResult:
    """Load a submission into a registry that is open for writing.

    Parameters
    ----------
    registry : Registry
        Open with ``write=True``.
    folder : str or Path
        Folder with ``submission.json`` and one file a table.
    on_progress : callable, optional
        Told each step as a short text.
    actor : str, optional
        Who loads it; the account by default.
    on_checked : callable, optional
        Given the rows after the rules, before it is decided whether the submission is refused whole.
    is_derived : bool
        Whether ``analysis.*`` is made current. If not, the registry says that it is not; `load_submissions`
        makes it so once for many.

    Returns
    -------
    LoadResult
        After the registry has been read back.

    Raises
    ------
    SubmissionRejected
        If the submission is refused whole; the refusal is in the ledger and the journal.
    UsageError
        If there is no such folder, or the registry is open for reading.
    RegistryDamaged
        If the registry and its journal disagree.
    """
    registry.require_writable()
    folder = Path(folder)
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder.name}", next_step="name the folder that holds submission.json")
    # What a crash in an earlier load of this process left open is settled first.
    reconcile(registry)
    if not registry.paths.submissions.is_dir():
        raise RegistryDamaged(
            f"the folder {registry.paths.submissions.name} is missing: it keeps the submissions as received",
            next_step=f"put it back from a copy of {registry.path.name} and all that belongs to it",
        )
    progress = on_progress or _silent
    originals = Originals(registry.paths.submissions)
    # A process that was killed may have left rows and files.
    originals.sweep()
    shutil.rmtree(registry.paths.rules_spill, ignore_errors=True)
    draft = _draft(registry, actor or getpass.getuser())
    try:
        checked = _received_and_checked(
            registry, folder, originals, draft, progress=progress, on_checked=on_checked or _silent
        )
        if isinstance(checked, LoadResult):
            return checked
        return _store(registry, *checked, originals, progress, is_derived=is_derived)
    finally:
        shutil.rmtree(registry.paths.rules_spill, ignore_errors=True)


def _received_and_checked(
    registry: Registry, folder: Path, originals: Originals, draft: LedgerRow, *, progress: Progress, on_checked: Checked
) -> LoadResult | tuple[Received, CheckedSubmission]:
    """Decide on a submission; a result if its content counts already."""
    text = b""
    try:
        text = read_manifest_file(folder, MANIFEST_NAME)
        manifest = parse_manifest(text, now=draft.received_at)
        draft = _with_manifest(draft, manifest)
        progress("copying files")
        received = receive(registry, folder, manifest, originals, draft)
        if received is None:
            originals.discard()
            return _unchanged(registry, manifest.site_id)
        checked = _check(registry, received, progress)
        on_checked(checked)
        refuse_whole(checked)
        refuse_nobody(manifest)
        if _has_rows(registry, manifest.site_id):
            refuse_nobody_left(checked)
    except SubmissionRejected as rejection:
        originals.forget(_accepted_files(registry))
        _record_rejection(registry, draft, read_identity(text), rejection)
        raise
    except BaseException:
        originals.discard()
        raise
    originals.settle()
    return received, checked


def load_submissions(
    registry: Registry,
    folders: Iterable[str | Path],
    *,
    on_progress: Progress | None = None,
    on_outcome: Outcome | None = None,
    actor: str | None = None,
) -> tuple[LoadResult | SubmissionRejected, ...]:
    """Load submissions one after the other, each in a transaction of its own, and derive once.

    One that is refused does not stop the others. Any other error does: what was loaded before stays
    loaded, and the registry says that its derived tables are not current until it is next opened
    for writing.

    Parameters
    ----------
    registry : Registry
        Open with ``write=True``.
    folders : iterable of str or Path
        Folders with ``submission.json`` and one file a table, in the order in which they are loaded.
    on_progress : callable, optional
        Told each step as a short text, with the name of the folder.
    on_outcome : callable, optional
        Given each folder and what became of it as soon as that is settled.
    actor : str, optional
        Who loads them; the account by default.

    Returns
    -------
    tuple of LoadResult or SubmissionRejected
        What became of each folder, in their order. ``analysis.*`` is current by then.

    Raises
    ------
    UsageError
        If one of the folders does not exist (nothing is loaded then), or the registry is open for reading.
    RegistryDamaged
        If the registry and its journal disagree.
    """
    registry.require_writable()
    paths = tuple(Path(folder) for folder in folders)
    for path in paths:
        if not path.is_dir():
            raise UsageError(f"there is no folder {path.name}", next_step="check the names; nothing was loaded")
    progress = on_progress or _silent
    outcomes: list[LoadResult | SubmissionRejected] = []
    for number, path in enumerate(paths, start=1):
        outcome = _load_one_of(registry, path, progress=progress, actor=actor, is_last=number == len(paths))
        (on_outcome or _hush)(path, outcome)
        outcomes.append(outcome)
    if not registry.is_derivation_current():
        # The last folder was refused or brought nothing new, so that the one before it waits for this.
        progress("deriving")
        registry.derive()
    return tuple(outcomes)


def _load_one_of(
    registry: Registry, folder: Path, *, progress: Progress, actor: str | None, is_last: bool
) -> LoadResult | SubmissionRejected:
    def tell(step: str) -> None:
        progress(f"{folder.name}: {step}")

    try:
        return load_submission(registry, folder, on_progress=tell, actor=actor, is_derived=is_last)
    except SubmissionRejected as rejection:
        return rejection


def _hush(_: Path, __: object) -> None:
    """Say nothing of what became of a folder."""


def _silent(_: object) -> None:
    """Say nothing."""


def _draft(registry: Registry, actor: str) -> LedgerRow:
    """Start the row of the ledger with what is known before anything is read."""
    return LedgerRow(
        sequence=next_sequence(read_ledger(registry.cursor())),
        submission_id=None,
        site_id=None,
        content_sha256=None,
        created_at=None,
        data_cutoff_date=None,
        schema_version=None,
        is_synthetic=None,
        outcome="rejected",
        reason=None,
        received_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        actor=actor,
        n_rows=0,
        n_quarantined=0,
        n_held_back=0,
    )


def _with_manifest(draft: LedgerRow, manifest: Manifest) -> LedgerRow:
    return replace(
        draft,
        submission_id=manifest.submission_id,
        site_id=manifest.site_id,
        content_sha256=manifest.content_sha256,
        created_at=manifest.created_at,
        data_cutoff_date=manifest.data_cutoff_date,
        schema_version=manifest.schema_version,
        is_synthetic=manifest.is_synthetic,
        n_rows=sum(file.rows for file in manifest.files),
    )


def _check(registry: Registry, received: Received, progress: Progress) -> CheckedSubmission:
    manifest = received.manifest
    tables = read_tables(manifest, received.kept)
    context = SubmissionContext(
        site_id=manifest.site_id,
        created_date=manifest.created_date,
        data_cutoff_date=manifest.data_cutoff_date,
        claimed=patients_elsewhere(registry.cursor(), manifest.site_id),
        persons=persons_elsewhere(registry.cursor(), manifest.site_id),
        spill=registry.paths.rules_spill,
    )
    return check_submission(tables, context, on_progress=progress)


def _accepted_files(registry: Registry) -> frozenset[str]:
    """List the hashes of the files that accepted submissions brought."""
    found = registry.cursor().execute(f"select distinct sha256 from {LEDGER_SCHEMA}.submission_file").fetchall()
    return frozenset(str(sha256) for (sha256,) in found)


def _has_rows(registry: Registry, site_id: str) -> bool:
    """Tell whether rows of a site count now."""
    current = accepted_of(read_ledger(registry.cursor()), site_id)
    return current is not None and current.n_rows > current.n_quarantined + current.n_held_back


def _store(
    registry: Registry,
    received: Received,
    checked: CheckedSubmission,
    originals: Originals,
    progress: Progress,
    *,
    is_derived: bool,
) -> LoadResult:
    row = replace(
        received.row,
        n_quarantined=sum(table.n_quarantined for table in checked.tables),
        n_held_back=sum(table.n_held_back for table in checked.tables),
    )
    submission_id = received.manifest.submission_id
    ledger = read_ledger(registry.cursor())
    previous = accepted_of(ledger, received.manifest.site_id)
    progress("storing rows")

    def write(cursor: duckdb.DuckDBPyConnection) -> None:
        try:
            store(cursor, submission_id, checked)
            write_row(cursor, row)
            if is_derived != registry.is_derivation_current():
                mark_derivation(cursor, is_current=is_derived)
            if is_derived:
                progress("deriving")
                derive(cursor)
        except BaseException:
            # Nothing was announced yet, so nothing is kept of it either.
            originals.discard()
            raise

    _commit(registry, row, write, progress)
    progress("done")
    return _result(registry, row, outcome="loaded", previous=previous)


def _commit(
    registry: Registry, row: LedgerRow, write: Callable[[duckdb.DuckDBPyConnection], None], progress: Progress
) -> None:
    """Write in one transaction, announce it, commit it, read it back and acknowledge it."""
    cursor = registry.cursor()
    cursor.begin()
    try:
        write(cursor)
        registry.journal.append("prepared", row.facts)
    except BaseException:
        cursor.rollback()
        reconcile(registry)
        raise
    progress("committing")
    failure = _try_commit(cursor)
    progress("reading back")
    if failure is not None or row not in read_ledger(registry.cursor()):
        raise RegistryDamaged(
            f"{registry.path.name} did not keep submission number {row.sequence} after its commit",
            next_step="check the disk for space and errors, then open the registry again: it says what it holds",
        ) from failure
    registry.journal.append("committed", row.facts)


def _try_commit(cursor: duckdb.DuckDBPyConnection) -> duckdb.Error | None:
    try:
        cursor.commit()
    except duckdb.Error as error:
        return error
    return None


def _record_rejection(registry: Registry, draft: LedgerRow, identity: Identity, rejection: SubmissionRejected) -> None:
    row = replace(
        draft,
        outcome="rejected",
        submission_id=draft.submission_id or identity.submission_id,
        site_id=draft.site_id or identity.site_id,
        reason=str(rejection),
    )
    _commit(registry, row, lambda cursor: write_row(cursor, row), _silent)


def _unchanged(registry: Registry, site_id: str) -> LoadResult:
    current = accepted_of(read_ledger(registry.cursor()), site_id)
    if current is None:
        raise RegistryDamaged(f"{registry.path.name} lost a submission while it was read", next_step="open it again")
    return _result(registry, current, outcome="unchanged", previous=current)


def _result(registry: Registry, row: LedgerRow, *, outcome: str, previous: LedgerRow | None) -> LoadResult:
    submission_id, site_id = str(row.submission_id), str(row.site_id)
    found = violations(registry, submission_id)
    return LoadResult(
        outcome=outcome,
        submission_id=submission_id,
        site_id=site_id,
        n_rows=row.n_rows,
        n_quarantined=row.n_quarantined,
        n_held_back=row.n_held_back,
        n_warnings=found.filter(pl.col("severity") == "warn").height,
        violations=found,
        dropped=count_dropped(registry, submission_id, None if previous is None else previous.submission_id),
    )
