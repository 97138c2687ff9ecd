"""Methods that a plan may ask for with good reason and that blinreg does not have."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: What to say, and what to do instead, by the name that a plan would use.
ABSENT_METHODS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "clone_censor_weight": (
            "method clone_censor_weight is not available: the guard has nothing against it (every patient begins in "
            "each strategy and is censored on leaving it: no time is immortal), but blinreg does not carry it out",
            'use method = "cox" with time_dependent = ["allo_hct"], or a landmark at the end of the grace period with '
            'group = "allo_hct_by_day_60"',
        ),
    }
)
