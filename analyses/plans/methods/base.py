"""What a method of analysis is: one small file that declares options and turns rows into tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import polars as pl

from blinreg.analyses.plans.options import Options

if TYPE_CHECKING:
    from blinreg.analyses.plans.outcome import Outcome
    from blinreg.analyses.plans.task import Task

__all__ = ["Clock", "Method", "Options", "Tables"]

O = TypeVar("O", bound=Options)  # noqa: E741 - the one letter for options
#: Released tables of an analysis by part.
Tables: TypeAlias = Mapping[str, pl.DataFrame]


class Clock(StrEnum):
    """From when the analysis counts; what the guard compares known-at dates with."""

    ENDPOINT = "origin of the endpoint"
    INDEX = "first dose"
    #: Description only: nothing is compared over time, so nothing can be immortal.
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method(Generic[O]):
    """A method that plans can name.

    Attributes
    ----------
    name : str
        In plans.
    options : type
        Dataclass of its options.
    clock : Clock
    run : callable
        ``(options, task) -> Outcome``.
    summarise : callable
        ``(options, released tables by part) -> sentence``: so that no number in a
        sentence can be another than that of the table.
    """

    name: str
    options: type[O]
    clock: Clock
    run: Callable[[O, Task], Outcome]
    summarise: Callable[[O, Tables], str]
