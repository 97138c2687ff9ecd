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
    from blinreg.analyses.check_counting_process import check_counting_process
    from blinreg.analyses.clone_censor_weight import clone_censor_weight
    from blinreg.analyses.cochran_mantel_haenszel import cochran_mantel_haenszel
    from blinreg.analyses.cox import cox
    from blinreg.analyses.cumulative_incidence import cumulative_incidence
    from blinreg.analyses.fine_gray import fine_gray, fine_gray_rows
    from blinreg.analyses.follow_up import follow_up
    from blinreg.analyses.gray import gray
    from blinreg.analyses.incidence_rate import incidence_rate
    from blinreg.analyses.kaplan_meier import kaplan_meier
    from blinreg.analyses.landmark import landmark
    from blinreg.analyses.log_rank import log_rank
    from blinreg.analyses.logistic import logistic
    from blinreg.analyses.mantel_byar import mantel_byar
    from blinreg.analyses.multistate import multistate
    from blinreg.analyses.odds_ratio import odds_ratio
    from blinreg.analyses.proportion_difference import proportion_difference
    from blinreg.analyses.proportional_hazards import proportional_hazards_test
    from blinreg.analyses.response_rate import response_rate
    from blinreg.analyses.rmst import rmst
    from blinreg.analyses.simon_makuch import simon_makuch
    from blinreg.analyses.table_one import table_one

_MODULE_OF = {
    "check_counting_process": "blinreg.analyses.check_counting_process",
    "clone_censor_weight": "blinreg.analyses.clone_censor_weight",
    "cochran_mantel_haenszel": "blinreg.analyses.cochran_mantel_haenszel",
    "cox": "blinreg.analyses.cox",
    "cumulative_incidence": "blinreg.analyses.cumulative_incidence",
    "fine_gray": "blinreg.analyses.fine_gray",
    "fine_gray_rows": "blinreg.analyses.fine_gray",
    "follow_up": "blinreg.analyses.follow_up",
    "gray": "blinreg.analyses.gray",
    "incidence_rate": "blinreg.analyses.incidence_rate",
    "kaplan_meier": "blinreg.analyses.kaplan_meier",
    "landmark": "blinreg.analyses.landmark",
    "log_rank": "blinreg.analyses.log_rank",
    "logistic": "blinreg.analyses.logistic",
    "mantel_byar": "blinreg.analyses.mantel_byar",
    "multistate": "blinreg.analyses.multistate",
    "odds_ratio": "blinreg.analyses.odds_ratio",
    "proportion_difference": "blinreg.analyses.proportion_difference",
    "proportional_hazards_test": "blinreg.analyses.proportional_hazards",
    "response_rate": "blinreg.analyses.response_rate",
    "rmst": "blinreg.analyses.rmst",
    "simon_makuch": "blinreg.analyses.simon_makuch",
    "table_one": "blinreg.analyses.table_one",
}

__all__ = [
    "check_counting_process",
    "clone_censor_weight",
    "cochran_mantel_haenszel",
    "cox",
    "cumulative_incidence",
    "fine_gray",
    "fine_gray_rows",
    "follow_up",
    "gray",
    "incidence_rate",
    "kaplan_meier",
    "landmark",
    "log_rank",
    "logistic",
    "mantel_byar",
    "multistate",
    "odds_ratio",
    "proportion_difference",
    "proportional_hazards_test",
    "response_rate",
    "rmst",
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
