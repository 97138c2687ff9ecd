"""Telling how far a long step is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told what is being done, and how far it is."""

    def __call__(self, message: str, *, done: int | None = None, total: int | None = None) -> None:
        """Take a message; ``done`` of ``total`` steps are finished."""


def quiet(message: str, *, done: int | None = None, total: int | None = None) -> None:
    """Say nothing."""


def time_left(seconds: float, *, done: int, total: int) -> str:
    """Say how long the rest takes if it goes on as fast as until now.

    Parameters
    ----------
    seconds : float
        Time that the steps done have taken.
    done, total : int
        Steps done, at least one, of all steps.

    Examples
    --------
    >>> time_left(30.0, done=1, total=2), time_left(60.0, done=1, total=4), time_left(9.0, done=3, total=3)
    ('about 30 s left', 'about 3 min left', 'done')
    """
    left = seconds * (total - done) / done
    if done == total:
        return "done"
    return f"about {max(left, 1):.0f} s left" if left < 100 else f"about {left / 60:.0f} min left"
