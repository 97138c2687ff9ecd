"""Great Expectations beside a review: what `validate --great-expectations` runs, writes and says."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blinreg.registry.cli.console import Console
from blinreg.schemas.errors import SubmissionRejected, UsageError

if TYPE_CHECKING:
    from blinreg.registry.quality.expectations import ExpectationsResult

#: Where it is written, in the folder of the review.
FOLDER = "great_expectations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What Great Expectations says beside a review.

    Parameters
    ----------
    text : str
        Lines for a terminal.
    data : dict
        The same for a machine.
    result : ExpectationsResult, optional
        The result; none if the submission is rejected before its rows are judged.
    """

    text: str
    data: dict[str, Any]
    result: ExpectationsResult | None

    def require_agreement(self) -> None:
        """Raise if it does not say what the rules say; see `ExpectationsResult.require_agreement`."""
        if self.result is not None:
            self.result.require_agreement()


def forget_expectations(out: Path | None) -> None:
    """Remove what an earlier review in the folder has of it: it would be taken for part of this one."""
    if out is not None:
        shutil.rmtree(out / FOLDER, ignore_errors=True)


def expect(submission: Path, *, registry: Path | None, out: Path | None, console: Console) -> Expected:
    """Run Great Expectations on a submission and write its results into ``OUT/great_expectations``.

    Raises
    ------
    UsageError
        If the folder cannot be written.
    """
    from blinreg.registry.quality.expectations import expect_submission, write_expectations

    try:
        result = expect_submission(submission, registry=registry, on_progress=console.progress)
    except SubmissionRejected:
        text = "Great Expectations was not run: the submission is rejected before its rows are judged"
        return Expected(text=text, data={"was_run": False}, result=None)
    data = result.as_summary() | {"was_run": True}
    text = result.summary
    if out is not None:
        try:
            write_expectations(result, out / FOLDER)
        except OSError as error:
            raise UsageError(f"{out} cannot be written ({error.strerror})", next_step="name another folder") from error
        text += f"\nits page: {out / FOLDER / 'index.html'}"
    return Expected(text=text, data=data, result=result)
