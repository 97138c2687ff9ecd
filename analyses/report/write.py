"""Writing the report whole or not at all."""

from __future__ import annotations

from pathlib import Path

from blinreg.analyses.fidelity.ledger import Ledger
from blinreg.analyses.plans.result import RunResult
from blinreg.schemas.errors import UsageError

#: Page beside the report that compares synthetic data with the publication they imitate.
FIDELITY_PAGE = "fidelity.html"


def write_report(result: RunResult, path: str | Path, *, ledger: Ledger | None = None) -> Path:
    """Write the report of a run, and beside it the page that compares synthetic data with the publication.

    Parameters
    ----------
    result : RunResult
        As `run_plan` returned it; its tables and figures passed the disclosure gate.
    path : str or Path
        File to write; replaced if it exists.
    ledger : Ledger, optional
        Published numbers against those of the synthetic data, for ``fidelity.html`` beside the report, which links it.

    Returns
    -------
    Path

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    from blinreg.analyses.report.page import render_report

    target = Path(path)
    if ledger is None:
        _replace(target, render_report(result))
        return target
    from blinreg.analyses.report.ledger import ledger_page, verdict

    _replace(target.with_name(FIDELITY_PAGE), ledger_page(ledger))
    _replace(target, render_report(result, fidelity=(FIDELITY_PAGE, verdict(ledger))))
    return target


def _replace(target: Path, text: str) -> None:
    partial = target.with_name(target.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror})", next_step="name another file") from error
