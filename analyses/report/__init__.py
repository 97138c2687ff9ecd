"""The report of a run: frames in, one self-contained HTML page out."""

from __future__ import annotations

from blinreg.analyses.report.write import FIDELITY_PAGE, write_report

__all__ = ["FIDELITY_PAGE", "write_report"]
