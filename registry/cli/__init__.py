"""The command line: the one place that knows every part."""

from __future__ import annotations

from blinreg.registry.cli.main import main

__all__ = ["main"]
