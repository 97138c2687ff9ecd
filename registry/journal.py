"""The journal: what the registry acknowledged, told outside the database.

DuckDB opens a file whose write-ahead log was cut off or deleted without a word, at an
earlier transaction. The journal notices: one JSON object a line, only ever appended,
each with the hash of the one before, on disk before the next step is taken.

``created``
    when the registry is made
``prepared``
    before the database commits a submission, with what it is about to say
``committed``
    after the database was read back and says the same
``aborted``
    when a prepared submission turned out not to be in the database

A last line without its line end is a write that a crash cut short. What it announced
had not happened yet, so readers pass over it and the next writer takes it away.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blinreg.registry.paths import RegistryPaths, sync_folder
from blinreg.schemas.errors import RegistryDamaged

KINDS = ("created", "prepared", "committed", "aborted")

#: Stands in the place of the hash of the entry before the first one.
NO_PREVIOUS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the journal.

    Parameters
    ----------
    number : int
        Position, from 1.
    kind : str
        One of ``KINDS``.
    facts : mapping
        What the entry says; for submissions the row of the ledger.
    previous : str
        Hash of the entry before.
    """

    number: int
    kind: str
    facts: Mapping[str, Any]
    previous: str

    @property
    def body(self) -> dict[str, Any]:
        """What is hashed."""
        return {"number": self.number, "kind": self.kind, "facts": dict(self.facts), "previous": self.previous}

    @property
    def sha256(self) -> str:
        """Hash of the entry; the next one carries it."""
        text = json.dumps(self.body, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def line(self) -> bytes:
        """Give the entry as it is written."""
        return (json.dumps({**self.body, "sha256": self.sha256}, sort_keys=True) + "\n").encode()


class Journal:
    """Append to and read the journal of one registry.

    Parameters
    ----------
    paths : RegistryPaths
        The files of the registry.
    """

    def __init__(self, paths: RegistryPaths) -> None:
        self.path = paths.journal
        self._recovery = paths.recovery

    def read(self) -> tuple[Entry, ...]:
        """Read every whole entry and check the chain.

        Raises
        ------
        RegistryDamaged
            If the journal is missing or cannot be read, or an entry was changed, taken out or put in.
        """
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            raise RegistryDamaged(f"the journal {self.path.name} is missing", next_step=self._recovery) from None
        except OSError as error:
            raise RegistryDamaged(
                f"the journal {self.path.name} cannot be read: {error.strerror}",
                next_step=f"check who may read it; else {self._recovery}",
            ) from None
        entries: list[Entry] = []
        previous = NO_PREVIOUS
        for number, line in enumerate(data.split(b"\n")[:-1], start=1):
            entry = _parse(line)
            if entry is None or (entry.number, entry.previous) != (number, previous):
                raise RegistryDamaged(
                    f"the journal {self.path.name} was changed at line {number}: its chain of hashes is broken there",
                    next_step=self._recovery,
                )
            entries.append(entry)
            previous = entry.sha256
        if not entries:
            raise RegistryDamaged(f"the journal {self.path.name} is empty", next_step=self._recovery)
        return tuple(entries)

    def append(self, kind: str, facts: Mapping[str, Any]) -> Entry:
        """Write one entry and wait until it is on disk."""
        entries = self.read() if self.path.exists() else ()
        self._drop_unfinished_line()
        previous = entries[-1].sha256 if entries else NO_PREVIOUS
        entry = Entry(number=len(entries) + 1, kind=kind, facts=facts, previous=previous)
        is_new = not entries
        with self.path.open("ab") as file:
            file.write(entry.line())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)
        return entry

    def _drop_unfinished_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("r+b") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
                os.fsync(file.fileno())


def _parse(line: bytes) -> Entry | None:
    """Read one line; ``None`` if it is not an entry or its hash is not its own."""
    try:
        raw = json.loads(line)
        entry = Entry(number=raw["number"], kind=raw["kind"], facts=raw["facts"], previous=raw["previous"])
        sound = raw["sha256"] == entry.sha256 and entry.kind in KINDS and isinstance(entry.facts, dict)
    except (ValueError, KeyError, TypeError):
        return None
    return entry if sound else None
