"""The command line: the one place that knows every part."""

from __future__ import annotations

import os

# Before numpy is there: its products are of some thousand rows by ten columns, for which waiting for another thread
# takes longer than the product where the machine is busy, and whose last digit would depend on their number.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from blinreg.registry.cli.main import main

__all__ = ["main"]
