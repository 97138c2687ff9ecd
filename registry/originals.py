"""Keep the files of submissions as they were received, under the hash of their content.

Everything that is read is read from these copies: a file cannot change between the check
and the reading, and a name that a site chose never reaches a program that would take a
``*`` or ``?`` in it for a pattern.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from blinreg.registry.paths import sync_folder
from blinreg.schemas.errors import SubmissionRejected

_CHUNK = 1 << 20

#: Begins the name of a copy that is not finished.
_INCOMING = "incoming-"

#: A submission.json larger than this is none.
MAXIMUM_MANIFEST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept: where, and the hash of its content."""

    path: Path
    sha256: str


@dataclass(slots=True)
class Originals:
    """The folder of kept files, and which of them this submission brought.

    Parameters
    ----------
    folder : Path
        ``R.submissions``.
    """

    folder: Path
    _added: list[Path] = field(default_factory=list)
    _tables: list[Path] = field(default_factory=list)

    def sweep(self) -> None:
        """Take away copies that a process began and did not finish; nobody else writes to the registry."""
        for path in self.folder.glob(f"{_INCOMING}*"):
            path.unlink(missing_ok=True)

    def keep(self, source: Path, *, suffix: str) -> Kept:
        """Copy a plain file into the folder and hash it on the way.

        Raises
        ------
        SubmissionRejected
            If the file is missing, or is a link, a folder or a device.
        """
        descriptor = _open_plain(source)
        handle, name = tempfile.mkstemp(dir=self.folder, prefix=_INCOMING)
        temporary = Path(name)
        digest = hashlib.sha256()
        try:
            with os.fdopen(descriptor, "rb") as read, os.fdopen(handle, "wb") as written:
                while chunk := read.read(_CHUNK):
                    digest.update(chunk)
                    written.write(chunk)
                written.flush()
                os.fsync(written.fileno())
            sha256 = digest.hexdigest()
            kept = self.folder / f"{sha256}.{suffix}"
            is_new = not kept.exists()
            # Also over a copy that is there: what is read is what was hashed just now, whatever became of that one.
            temporary.replace(kept)
            if is_new:
                self._added.append(kept)
            if suffix != "json":
                self._tables.append(kept)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return Kept(kept, sha256)

    def settle(self) -> None:
        """Make sure that the kept files survive a loss of power."""
        sync_folder(self.folder)

    def discard(self) -> None:
        """Take away again what this submission brought, because it was not accepted."""
        for path in self._added:
            path.unlink(missing_ok=True)
        self._added.clear()

    def forget(self, accepted: Collection[str]) -> None:
        """Take away every table of a refused submission but those that an accepted one has too.

        A load that was killed may have left the same files: what a site was refused for must not stay with us.

        Parameters
        ----------
        accepted : collection of str
            Hashes of the files of accepted submissions.
        """
        self.discard()
        for path in self._tables:
            if path.stem not in accepted:
                path.unlink(missing_ok=True)


def _open_plain(source: Path) -> int:
    name = source.name
    try:
        # Opened without following a link and without waiting for the other end of a pipe.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        if source.is_symlink():
            raise SubmissionRejected(f"{name} is a link", next_step="send the file itself")
        descriptor = os.open(source, flags)
    except FileNotFoundError:
        raise SubmissionRejected(
            f"{name} is named in submission.json and not in the folder",
            next_step="send the file too, or take it out of the list",
        ) from None
    except OSError as error:
        raise SubmissionRejected(
            f"{name} cannot be opened: {error.strerror}", next_step="check who may read it"
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SubmissionRejected(f"{name} is not a plain file", next_step="send a plain file")
    return descriptor


def read_manifest_file(folder: Path, name: str) -> bytes:
    """Read ``submission.json`` itself.

    Raises
    ------
    SubmissionRejected
        If it is missing, a link, or larger than any real one.
    """
    source = folder / name
    if not os.path.lexists(source):
        raise SubmissionRejected(f"the folder has no {name}", next_step="a submission is a folder with that file")
    with os.fdopen(_open_plain(source), "rb") as file:
        text = file.read(MAXIMUM_MANIFEST_BYTES + 1)
    if len(text) > MAXIMUM_MANIFEST_BYTES:
        raise SubmissionRejected(f"{name} is larger than {MAXIMUM_MANIFEST_BYTES} bytes", next_step="make it again")
    return text


def refuse_together(rejections: list[SubmissionRejected]) -> None:
    """Refuse a submission for everything that is wrong with its files, if anything is."""
    if len(rejections) == 1:
        raise rejections[0]
    if rejections:
        raise SubmissionRejected(
            f"{len(rejections)} files are wrong: {'; '.join(str(rejection) for rejection in rejections)}",
            next_step="correct them all and send the submission again",
        )
