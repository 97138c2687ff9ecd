"""Receive a submission: keep its files as they came, and find its place in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from blinreg.registry.ledger import LedgerRow, accepted_of, read_ledger
from blinreg.registry.manifest import MANIFEST_NAME, Manifest
from blinreg.registry.originals import Kept, Originals, refuse_together
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected

#: Endings of files that look like tables; one that submission.json does not name was forgotten.
_TABLE_ENDINGS = {".csv", ".parquet", ".xlsx", ".xls", ".tsv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A submission whose files are kept and whose place in the ledger is clear."""

    manifest: Manifest
    kept: Mapping[str, Kept]
    row: LedgerRow


def receive(
    registry: Registry, folder: Path, manifest: Manifest, originals: Originals, draft: LedgerRow
) -> Received | None:
    """Keep the files and find the submission's place; ``None`` if its content counts already."""
    _refuse_forgotten(folder, manifest)
    kept = _keep_files(folder, manifest, originals)
    ledger = read_ledger(registry.cursor())
    current = accepted_of(ledger, manifest.site_id)
    if current is not None and current.content_sha256 == manifest.content_sha256:
        return None
    _refuse_place(manifest, ledger, current)
    return Received(manifest=manifest, kept=kept, row=replace(draft, outcome="accepted"))


def _refuse_forgotten(folder: Path, manifest: Manifest) -> None:
    named = {file.path for file in manifest.files}
    forgotten = sorted(
        item.name for item in folder.iterdir() if item.suffix.lower() in _TABLE_ENDINGS and item.name not in named
    )
    if forgotten:
        raise SubmissionRejected(
            f"the folder holds {len(forgotten)} table files that submission.json does not name ({forgotten[0]})",
            next_step="name them or take them out: a table that is not named counts as empty",
        )


def refuse_nobody(manifest: Manifest) -> None:
    """Refuse a submission without patients: as the full state of its site it would empty the site."""
    if any(file.table == "patient" and not file.rows for file in manifest.files):
        raise SubmissionRejected(
            "the table patient has no rows: every patient that the site sent before would count no longer",
            next_step="fill in the tables, seal the folder and load it again",
        )


def _keep_files(folder: Path, manifest: Manifest, originals: Originals) -> Mapping[str, Kept]:
    problems: list[SubmissionRejected] = []
    kept = {}
    for file in manifest.files:
        try:
            copy = originals.keep(folder / file.path, suffix=file.format)
        except SubmissionRejected as rejection:
            problems.append(rejection)
            continue
        if copy.sha256 != file.sha256:
            problems.append(
                SubmissionRejected(
                    f"{file.path} is not the file that submission.json names: its sha256 is another",
                    next_step="the file or the list was changed after the other was made; make both again",
                )
            )
        kept[file.table] = copy
    refuse_together(problems)
    originals.keep(folder / MANIFEST_NAME, suffix="json")
    return kept


def _refuse_place(manifest: Manifest, ledger: tuple[LedgerRow, ...], current: LedgerRow | None) -> None:
    """Refuse a name that is taken, and a submission that would turn the site back."""
    taken = [row for row in ledger if row.outcome == "accepted" and row.submission_id == manifest.submission_id]
    if taken:
        same = taken[0].content_sha256 == manifest.content_sha256
        what = "was accepted before and replaced since" if same else "was accepted before with other content"
        raise SubmissionRejected(
            f"submission {manifest.submission_id} {what}", next_step="give the new submission a name of its own"
        )
    if current is not None and current.created_at is not None and manifest.created_at < current.created_at:
        raise SubmissionRejected(
            f"submission {manifest.submission_id} was made at {manifest.created_at.isoformat()}Z, before the current "
            f"submission of the site, {current.submission_id} of {current.created_at.isoformat()}Z: "
            "it would replace newer data by older",
            next_step="send the newest state with a later created_at",
        )
