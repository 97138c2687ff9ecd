"""Writing the report whole or not at all."""

from __future__ import annotations

from pathlib import Path

from blinreg.analyses.plans.result import RunResult
from blinreg.schemas.errors import UsageError


def write_report(result: RunResult, path: str | Path) -> Path:
    """Write the report of a run.

    Parameters
    ----------
    result : RunResult
        As `run_plan` returned it; its tables and figures passed the disclosure gate.
    path : str or Path
        File to write; replaced if it exists.

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
    partial = target.with_name(target.name + ".partial")
    text = render_report(result)
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written ({error.strerror})", next_step="name another file") from error
    return target
