"""Open the gate without pandas: pandera loads it wherever it is installed, and for polars does without it.

Great Expectations brings pandas into every installation, and importing it takes half as long as checking a submission.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

import polars as pl

from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.tables import TABLES

#: What pandera would load beside pandas, for making up data.
_HIDDEN = ("pandas", "hypothesis")


class _Hiding:
    """A finder that comes before all others and says of some packages that they are not there."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse the packages in the thread that hides them."""
        package = name.split(".", maxsplit=1)[0]
        if package in _HIDDEN and threading.get_ident() == self.thread:
            # In the words of Python: pandera goes by them.
            raise ModuleNotFoundError(f"No module named {package!r}", name=name)
        return None


def open_gate() -> None:
    """Load pandera as it is where pandas is not installed; nothing if either is loaded already.

    For programs of our own only: whoever imports pandera after this gets it without its parts for pandas.
    """
    if {"pandas", "pandera"} & set(sys.modules):
        return
    definition = TABLES[0]
    row = pl.DataFrame(schema=dict.fromkeys(definition.column_names, pl.String)).with_columns(
        source_line=pl.lit(None, pl.Int64)
    )
    with _hidden():
        # Pandera decides at its first check what it can do without.
        gate_violations(definition, row)


@contextmanager
def _hidden() -> Iterator[None]:
    hiding = _Hiding()
    sys.meta_path.insert(0, hiding)
    try:
        yield
    finally:
        sys.meta_path.remove(hiding)
