"""How far a run is: which analysis began, ended or failed, and how long the rest may take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import TypeAlias

from blinreg.analyses.plans.model import Entry


class State(StrEnum):
    """What happened to an analysis, or to the run."""

    STARTED = "started"
    FINISHED = "finished"
    #: An earlier run had finished it, and nothing that it is made from has changed.
    KEPT = "kept"
    FAILED = "failed"
    #: Of the whole run.
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened.

    Attributes
    ----------
    state : State
    analysis, title : str
        Empty when the whole run is done.
    done, total : int
        Analyses that are behind it, and all of them.
    took_seconds : float, optional
        What a finished or failed analysis took, or the whole run.
    seconds_left : float, optional
        Estimate for the analyses still to come; none before the first has been carried out.
    message : str
        Why it failed.
    """

    state: State
    analysis: str = ""
    title: str = ""
    done: int
    total: int
    took_seconds: float | None = None
    seconds_left: float | None = None
    message: str = ""


OnProgress: TypeAlias = Callable[[Step], None]


class Progress:
    """Tells a listener of every step; measures the seconds that each analysis takes.

    Parameters
    ----------
    entries : sequence of Entry
        The analyses, in the order in which they are carried out.
    listener : callable, optional
        Is given each `Step`.
    """

    def __init__(self, entries: Sequence[Entry], listener: OnProgress | None) -> None:
        self._listener = listener
        self._weights = [1 + len(entry.variants) for entry in entries]
        self._place = 0
        self._measured = (0, 0.0)
        self._run_began = self._began = perf_counter()
        #: By analysis; of a kept one there are none.
        self.seconds: dict[str, float | None] = {}

    def started(self, entry: Entry) -> None:
        """Say that an analysis begins."""
        self._tell(State.STARTED, entry)
        self._began = perf_counter()

    def kept(self, entry: Entry) -> None:
        """Say that an analysis need not be done again."""
        self._ended(State.KEPT, entry, None, "")

    def ended(self, entry: Entry, *, failure: str) -> None:
        """Say that an analysis is finished, or why it failed."""
        took = round(perf_counter() - self._began, 3)
        weight, seconds = self._measured
        self._measured = (weight + self._weights[self._place], seconds + took)
        self._ended(State.FAILED if failure else State.FINISHED, entry, took, failure)

    def done(self) -> None:
        """Say that the run is done."""
        self._tell(State.DONE, None, took_seconds=round(perf_counter() - self._run_began, 3))

    def _ended(self, state: State, entry: Entry, took: float | None, failure: str) -> None:
        self._place += 1
        self.seconds[entry.name] = took
        self._tell(state, entry, took_seconds=took, message=failure)

    def _tell(self, state: State, entry: Entry | None, *, took_seconds: float | None = None, message: str = "") -> None:
        if self._listener is None:
            return
        self._listener(
            Step(
                state=state,
                analysis=entry.name if entry else "",
                title=entry.title if entry else "",
                done=self._place,
                total=len(self._weights),
                took_seconds=took_seconds,
                seconds_left=self._left(),
                message=message,
            )
        )

    def _left(self) -> float | None:
        weight, seconds = self._measured
        return round(seconds / weight * sum(self._weights[self._place :]), 1) if weight else None
