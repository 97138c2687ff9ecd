"""Load and run Great Expectations so that it tells nobody, and so that its own warnings do not reach the user."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: Read by Great Expectations when it is imported.
_TELEMETRY = "GX_ANALYTICS_ENABLED"


@contextmanager
def quietly() -> Iterator[None]:
    """Import or run Great Expectations in this context, always.

    Examples
    --------
    >>> with quietly():
    ...     os.environ["GX_ANALYTICS_ENABLED"]
    'false'
    """
    os.environ[_TELEMETRY] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
