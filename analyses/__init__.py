"""The analyses, each a pure function: rows in, a small frozen result out.

Rows are a polars frame or LazyFrame, a pandas or Arrow table or a DuckDB
relation. A result has `.table` (polars) and, for curves, `.plot()` (matplotlib).

The functions are loaded on first use: importing this package stays fast, and
a program that fits one model does not pay for the others.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blinreg.analyses.cox import cox
    from blinreg.analyses.cumulative_incidence import cumulative_incidence
    from blinreg.analyses.kaplan_meier import kaplan_meier
    from blinreg.analyses.log_rank import log_rank
    from blinreg.analyses.logistic import logistic
    from blinreg.analyses.mantel_byar import mantel_byar
    from blinreg.analyses.response_rate import response_rate
    from blinreg.analyses.simon_makuch import simon_makuch
    from blinreg.analyses.table_one import table_one

_MODULE_OF = {
    "cox": "blinreg.analyses.cox",
    "cumulative_incidence": "blinreg.analyses.cumulative_incidence",
    "kaplan_meier": "blinreg.analyses.kaplan_meier",
    "log_rank": "blinreg.analyses.log_rank",
    "logistic": "blinreg.analyses.logistic",
    "mantel_byar": "blinreg.analyses.mantel_byar",
    "response_rate": "blinreg.analyses.response_rate",
    "simon_makuch": "blinreg.analyses.simon_makuch",
    "table_one": "blinreg.analyses.table_one",
}

__all__ = [
    "cox",
    "cumulative_incidence",
    "kaplan_meier",
    "log_rank",
    "logistic",
    "mantel_byar",
    "response_rate",
    "simon_makuch",
    "table_one",
]


class _FunctionsFirst(ModuleType):
    """Let an exported name mean the function, also once its module is loaded.

    Each function has its module's name, and Python binds a loaded module on its
    package: without this, `mantel_byar` loading the module `log_rank` would
    turn `blinreg.analyses.log_rank` from a function into a module.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in _MODULE_OF and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _FunctionsFirst
