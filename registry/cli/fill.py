"""Fill a registry that is a command's own with the submissions that the command is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.registry.loading import LoadResult, load_submissions
from blinreg.registry.store import Registry
from blinreg.schemas.errors import SubmissionRejected


def fill(registry: Registry, folders: Sequence[Path], console: Console) -> None:
    """Load every submission and tell how many rows were accepted.

    Raises
    ------
    SubmissionRejected
        At the first submission that is refused: what the command would say is about all of them.
    """
    n_loaded = 0

    def tell(folder: Path, outcome: LoadResult | SubmissionRejected) -> None:
        nonlocal n_loaded
        if isinstance(outcome, SubmissionRejected):
            raise outcome
        n_loaded += 1
        console.progress(
            f"loaded {folder.name}: {outcome.n_accepted} of {outcome.n_rows} rows", done=n_loaded, total=len(folders)
        )

    load_submissions(registry, folders, on_outcome=tell)
