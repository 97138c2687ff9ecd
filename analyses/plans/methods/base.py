"""What a method of analysis is: one small file that declares options and turns rows into tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import polars as pl

from blinreg.analyses.plans.options import Options
from blinreg.analyses.plans.outcome import MAIN, Outcome

if TYPE_CHECKING:
    from blinreg.analyses.plans.task import Task

__all__ = ["Clock", "Method", "Options", "Tables"]

O = TypeVar("O", bound=Options)  # noqa: E741 - the one letter for options
#: Released tables of an analysis by part.
Tables: TypeAlias = Mapping[str, pl.DataFrame]


def _every_row(table: pl.DataFrame) -> pl.DataFrame:
    return table


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
    compared : tuple of str
        Parts of the outcome that are put side by side for the variants of an analysis.
    main_rows : callable
        Of the main table, the rows that are put side by side; all of them unless the method narrows it.
    follows : str
        Endpoint to which patients are followed whatever the options, for a method without an option for it.
    rows_sql : callable, optional
        A select from ``analysed`` (the rows that the options ask for) that gives those of the estimator, for a
        method that takes more from the views than that.
    """

    name: str
    options: type[O]
    clock: Clock
    run: Callable[[O, Task], Outcome]
    summarise: Callable[[O, Tables], str]
    compared: tuple[str, ...] = (MAIN,)
    main_rows: Callable[[pl.DataFrame], pl.DataFrame] = _every_row
    follows: str = ""
    rows_sql: Callable[[O], str] | None = None
