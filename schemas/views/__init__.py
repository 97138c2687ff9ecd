"""Every view of the ``analysis`` schema."""

from __future__ import annotations

from blinreg.schemas.errors import UsageError, nearest
from blinreg.schemas.model import View
from blinreg.schemas.views.clinical import (
    ATTRITION,
    COHORT,
    COURSE,
    DISCONTINUATION,
    EXPOSURE_VIEW,
    RESPONSE,
    TOXICITY,
    TOXICITY_TERM,
    TRANSPLANT,
)
from blinreg.schemas.views.time_to_event import COUNTING_PROCESS, ENDPOINT, ENDPOINT_EXCLUSION

__all__ = ["VIEWS", "view"]

VIEWS: tuple[View, ...] = (
    COHORT,
    RESPONSE,
    COURSE,
    TRANSPLANT,
    EXPOSURE_VIEW,
    ENDPOINT,
    ENDPOINT_EXCLUSION,
    COUNTING_PROCESS,
    TOXICITY,
    TOXICITY_TERM,
    DISCONTINUATION,
    ATTRITION,
)

_BY_NAME = {definition.name: definition for definition in VIEWS}


def view(name: str) -> View:
    """Return the definition of a view of the ``analysis`` schema.

    Raises
    ------
    UsageError
        If no view has that name; the nearest names are given.

    Examples
    --------
    >>> view("counting_process").column("tstop").unit
    'days'
    """
    if name not in _BY_NAME:
        raise UsageError(f"no analysis view is called {name!r}", next_step=nearest(name, list(_BY_NAME)))
    return _BY_NAME[name]
