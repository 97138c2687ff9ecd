"""Compare the registry with its journal, and settle what a crash left open.

The rule. A submission is acknowledged when the journal says ``committed``. If the
database lacks one of those, or has one that the journal never prepared, the registry is
damaged. A submission that was prepared and neither committed nor aborted was cut short:
the database decides whether it happened, and the next writer writes down which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blinreg.registry.journal import Entry
from blinreg.registry.ledger import read_ledger
from blinreg.schemas.errors import RegistryDamaged
from blinreg.schemas.ledger import LEDGER_SCHEMA

if TYPE_CHECKING:
    from blinreg.registry.store import Registry


@dataclass(frozen=True, slots=True)
class _Told:
    """What the journal tells: acknowledged submissions by number, and one left open."""

    registry_id: str
    committed: Mapping[int, Mapping[str, Any]]
    pending: Mapping[str, Any] | None


def _told(entries: tuple[Entry, ...]) -> _Told:
    committed: dict[int, Mapping[str, Any]] = {}
    pending: Mapping[str, Any] | None = None
    for entry in entries[1:]:
        pending = entry.facts if entry.kind == "prepared" else None
        if entry.kind == "committed":
            committed[entry.facts["sequence"]] = entry.facts
    return _Told(registry_id=entries[0].facts.get("registry_id", ""), committed=committed, pending=pending)


def reconcile(registry: Registry) -> None:
    """Compare the ledger with the journal; a writer settles a submission that was cut short.

    Raises
    ------
    RegistryDamaged
        If they disagree, with the way to recover.
    """
    told = _told(registry.journal.read())
    cursor = registry.cursor()
    registry_id = cursor.execute(f"select registry_id from {LEDGER_SCHEMA}.layout").fetchall()[0][0]
    if told.registry_id != registry_id:
        raise _damaged(registry, "the journal belongs to another registry")
    stored = {row.sequence: row.facts for row in read_ledger(cursor)}
    settled = _settled(told, stored)
    _compare(registry, settled, stored)
    if registry.is_writable and told.pending is not None:
        happened = told.pending["sequence"] in settled
        registry.journal.append("committed" if happened else "aborted", told.pending)


def _settled(told: _Told, stored: Mapping[int, Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    settled = dict(told.committed)
    if told.pending is not None and stored.get(told.pending["sequence"]) == told.pending:
        settled[told.pending["sequence"]] = told.pending
    return settled


def _compare(
    registry: Registry, told: Mapping[int, Mapping[str, Any]], stored: Mapping[int, Mapping[str, Any]]
) -> None:
    lost = sorted(told.keys() - stored.keys())
    if lost:
        behind = (
            f"the file ends before the journal: {len(lost)} acknowledged "
            f"{'submission is' if len(lost) == 1 else 'submissions are'} not in it "
            f"(number {', '.join(str(number) for number in lost[:5])}); "
            "its write-ahead log was lost, or an older copy was put back"
        )
        raise _damaged(registry, behind)
    unknown = sorted(stored.keys() - told.keys())
    if unknown:
        raise _damaged(
            registry,
            f"the journal ends before the file: number {unknown[0]} of the ledger was never announced in it; "
            "the journal was cut short, or an older copy was put back",
        )
    different = sorted(number for number in told if told[number] != stored[number])
    if different:
        raise _damaged(registry, f"the file and the journal tell number {different[0]} of the ledger differently")


def _damaged(registry: Registry, what: str) -> RegistryDamaged:
    return RegistryDamaged(f"{registry.path.name} is damaged: {what}", next_step=registry.paths.recovery)
