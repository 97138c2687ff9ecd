"""Great Expectations beside a review: what `validate --great-expectations` runs, writes and says."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blinreg.registry.cli.console import Console
from blinreg.schemas.errors import UsageError

if TYPE_CHECKING:
    from blinreg.registry.manifest import Manifest
    from blinreg.registry.quality.checked import CheckedSubmission
    from blinreg.registry.quality.expectations import ExpectationsResult
    from blinreg.registry.store import Registry

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


class Expecting:
    """Runs Great Expectations in the middle of a review, on the rows that the rules saw."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.result: ExpectationsResult | None = None

    def run(self, registry: Registry, manifest: Manifest, checked: CheckedSubmission) -> None:
        """Take the rows of a submission; see `review_submission`."""
        from blinreg.registry.quality.expectations import expect_checked

        self.console.progress("running Great Expectations")
        self.result = expect_checked(registry, manifest, checked)


def expected(result: ExpectationsResult | None, *, out: Path | None) -> Expected:
    """Say what Great Expectations found, and write it into ``OUT/great_expectations``.

    Raises
    ------
    UsageError
        If the folder cannot be written.
    """
    if result is None:
        text = "Great Expectations was not run: the submission is rejected before its rows are judged"
        return Expected(text=text, data={"was_run": False}, result=None)
    from blinreg.registry.quality.expectations import write_expectations

    data = result.as_summary() | {"was_run": True}
    text = result.summary
    if out is not None:
        try:
            write_expectations(result, out / FOLDER)
        except OSError as error:
            raise UsageError(f"{out} cannot be written ({error.strerror})", next_step="name another folder") from error
        text += f"\nits page: {out / FOLDER / 'index.html'}"
    return Expected(text=text, data=data, result=result)
