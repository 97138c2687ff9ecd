"""Writing the report whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blinreg.analyses.results import write_text

if TYPE_CHECKING:
    # Other pages of this package do without what a run needs.
    from blinreg.analyses.fidelity.ledger import Ledger
    from blinreg.analyses.plans.result import RunResult

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
        write_text(target, render_report(result))
        return target
    from blinreg.analyses.report.ledger import ledger_page, verdict

    write_text(target.with_name(FIDELITY_PAGE), ledger_page(ledger))
    write_text(target, render_report(result, fidelity=(FIDELITY_PAGE, verdict(ledger))))
    return target
