"""Great Expectations on the same rules: suites, a checkpoint, its results as JSON, and a page of its own.

`run_expectations` runs it on a submission that was checked, `expect_checked` on one that is being reviewed. Nothing
here imports Great Expectations before it is run: that takes seconds, and most commands do without.
"""

from __future__ import annotations

from blinreg.registry.quality.expectations.running import (
    ExpectationsResult,
    expect_checked,
    run_expectations,
    write_expectations,
)

__all__ = ["ExpectationsResult", "expect_checked", "run_expectations", "write_expectations"]
