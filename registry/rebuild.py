"""Make a new registry out of the submissions that a damaged one kept."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from blinreg.registry.journal import Journal
from blinreg.registry.loading import LoadResult, load_submission
from blinreg.registry.manifest import MANIFEST_NAME, Manifest, parse_manifest
from blinreg.registry.paths import RegistryPaths
from blinreg.registry.store import Registry
from blinreg.schemas.errors import RegistryDamaged, SubmissionRejected, UsageError


@dataclass(frozen=True, slots=True)
class _Original:
    """A kept submission: its ``submission.json``, as file and as what it says, and whether it must load."""

    file: Path
    manifest: Manifest
    is_acknowledged: bool = False


def rebuild(damaged: str | Path, new: str | Path) -> tuple[LoadResult, ...]:
    """Load every submission that a registry kept into a new one.

    The order is that of the damaged registry's journal; submissions that the journal does
    not have, or all of them if it cannot be read, follow in the order of ``created_at``.
    Of these, what is refused is passed over: a load that was cut short leaves its files too.
    What the journal calls aborted is left out.
    The damaged registry is left as it is.

    Parameters
    ----------
    damaged : str or Path
        The registry whose kept submissions are read; its DuckDB file need not exist.
    new : str or Path
        The registry to make.

    Returns
    -------
    tuple of LoadResult
        One a submission that was loaded.

    Raises
    ------
    UsageError
        If nothing is kept, or the new registry exists already.
    RegistryDamaged
        If a file of an acknowledged submission is missing or was changed.
    """
    paths = RegistryPaths(Path(damaged).resolve())
    originals = list(_in_order(paths))
    if not originals:
        raise UsageError(f"{paths.submissions.name} keeps no submission", next_step="check the name of the registry")
    with Registry.create(new) as registry:
        results = [_load(registry, paths, original) for original in originals]
        registry.derive()
    return tuple(result for result in results if result is not None)


def _load(registry: Registry, paths: RegistryPaths, original: _Original) -> LoadResult | None:
    with tempfile.TemporaryDirectory(prefix="blinreg-") as name:
        folder = Path(name)
        shutil.copyfile(original.file, folder / MANIFEST_NAME)
        for file in original.manifest.files:
            kept = paths.submissions / f"{file.sha256}.{file.format}"
            if kept.is_file():
                shutil.copyfile(kept, folder / file.path)
        try:
            return load_submission(registry, folder, is_derived=False)
        except SubmissionRejected as rejection:
            if not original.is_acknowledged:
                return None
            raise RegistryDamaged(
                f"submission {original.manifest.submission_id} is not kept as it was received: {rejection}",
                next_step="ask the site to send it again",
            ) from rejection


def _in_order(paths: RegistryPaths) -> Iterator[_Original]:
    found = {}
    now = datetime.now(UTC).replace(tzinfo=None)
    for file in sorted(paths.submissions.glob("*.json")):
        text = file.read_bytes()
        if hashlib.sha256(text).hexdigest() != file.stem:
            raise RegistryDamaged(
                f"{file.name} in {paths.submissions.name} was changed after it was received",
                next_step="put back a copy of that folder, or take the file out and ask the site to send again",
            )
        manifest = parse_manifest(text, now=now)
        found[manifest.submission_id, manifest.content_sha256] = _Original(file, manifest)
    for key in _in_journal(paths, "committed"):
        if key in found:
            yield replace(found.pop(key), is_acknowledged=True)
    # What was tried and not kept was never said to be loaded.
    for key in _in_journal(paths, "aborted"):
        found.pop(key, None)
    yield from sorted(found.values(), key=lambda original: original.manifest.created_at)


def _in_journal(paths: RegistryPaths, kind: str) -> list[tuple[str, str]]:
    try:
        entries = Journal(paths).read()
    except RegistryDamaged:
        return []
    return [
        (entry.facts["submission_id"], entry.facts["content_sha256"])
        for entry in entries
        if entry.kind == kind and entry.facts["outcome"] == "accepted"
    ]
