"""A few threads for one analysis, started once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Workers:
    """Threads that share out calls; with one thread, calls are made in place.

    Parameters
    ----------
    threads : int, optional
        By default as many as this process may use processors.

    Examples
    --------
    >>> with Workers(2) as workers:
    ...     workers.map(abs, [-1, 2])
    [1, 2]
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads or available()
        self._pool = ThreadPoolExecutor(self.threads) if self.threads > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def map(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """Call a function on every item; results are in the order of items."""
        return [function(item) for item in items] if self._pool is None else list(self._pool.map(function, items))


def available() -> int:
    """Count the processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
