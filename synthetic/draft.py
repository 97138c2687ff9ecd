"""A folder that is filled beside nothing else and shown when it is complete."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from blinreg.schemas.errors import UsageError

#: Where a cohort is written until it is complete, within its folder: the same file system, whatever that is.
DRAFT = ".unfinished"


@contextmanager
def draft_of(out: Path) -> Iterator[Path]:
    """Give a folder to write in, within OUT; when all is written, its contents are moved to OUT.

    Whatever goes wrong, nothing of it is left, and a folder that was there before is there still.
    """
    is_new = not out.exists()
    _claim(out)
    draft = out / DRAFT
    draft.mkdir()
    moved = []
    try:
        yield draft
        for path in sorted(draft.iterdir(), key=lambda path: (path.is_file(), path.name)):
            moved.append(path.rename(out / path.name))
        draft.rmdir()
    except BaseException:
        for path in moved:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.rmtree(draft, ignore_errors=True)
        if is_new:
            with suppress(OSError):
                out.rmdir()
        raise


def _claim(out: Path) -> None:
    """Make the folder; nothing that is there already is touched."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file, not a folder", next_step="name a folder that does not exist yet")
    if (out / DRAFT).exists():
        raise UsageError(
            f"{out} holds a cohort that was not finished", next_step=f"remove {out / DRAFT}, or name another folder"
        )
    if out.exists() and any(out.iterdir()):
        raise UsageError(
            f"{out} is not empty", next_step="name a folder that does not exist yet, or empty this one yourself"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {out}: {error.strerror}", next_step="choose another folder") from None
