"""What an analysis of a plan hands over: tidy tables, figures, and how tables are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Part of the table that carries an analysis' main numbers; its file has the analysis' bare name.
MAIN = ""


class Kind(StrEnum):
    """How the values of a shown column are written."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    #: n and percent: "149 (65.6)"; columns are the count and its denominator.
    COUNT_OF = "count_of"
    #: share, lower and upper: "65.6 (59.1–71.8)".
    SHARE_INTERVAL = "share_interval"
    #: days, shown as months.
    MONTHS = "months"
    #: days, shown as "12 months", or as "day 100" where they are no whole or half months.
    TIME_POINT = "time_point"
    #: days, lower and upper, shown as months; a missing limit is "NR".
    MONTHS_INTERVAL = "months_interval"
    #: ratio, lower and upper: "0.54 (0.30–0.97)".
    RATIO_INTERVAL = "ratio_interval"
    P_VALUE = "p_value"
    #: n, denominator, median, minimum and maximum: a median with its range where there is one, else a count.
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A column of a table as people read it, from one or more columns of the frame.

    Attributes
    ----------
    header : str
    kind : Kind
    columns : tuple of str
    once : bool
        The value is one of the whole table (a test's P): written in the first row only.
    """

    header: str
    kind: Kind
    columns: tuple[str, ...]
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """How a table of an analysis is shown.

    Attributes
    ----------
    part : str
        Which of the analysis' tables it is; `MAIN` for the first.
    title : str
        Heading in the report.
    shown : tuple of Shown
        Columns that people see; empty for a table that only goes to a file.
    note : str
        Small print under the table.
    emphasis : str
        Column of the frame that is true for rows set in bold; may be empty.
    """

    part: str = MAIN
    title: str
    shown: tuple[Shown, ...] = ()
    note: str = ""
    emphasis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTable(TableSpec):
    """A tidy table of an analysis.

    Attributes
    ----------
    frame : polars.DataFrame
        Tidy, unrounded, times in days.
    """

    frame: pl.DataFrame

    @property
    def spec(self) -> TableSpec:
        """How it is shown, without the frame."""
        return TableSpec(part=self.part, title=self.title, shown=self.shown, note=self.note, emphasis=self.emphasis)


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSpec:
    """How a figure of an analysis is shown.

    Attributes
    ----------
    part : str
    title : str
    description : str
        Words for who cannot see it.
    """

    part: str = MAIN
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFigure(FigureSpec):
    """A figure of an analysis.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
    """

    figure: Figure

    @property
    def spec(self) -> FigureSpec:
        """How it is shown, without the figure."""
        return FigureSpec(part=self.part, title=self.title, description=self.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a method returns.

    Attributes
    ----------
    tables, figures
        In the order of the report.
    conventions : mapping
        What the numbers were made under: ties, interval type, time unit.
    notes : tuple of str
        What a reader must know.
    """

    tables: tuple[ResultTable, ...]
    figures: tuple[ResultFigure, ...] = ()
    conventions: Mapping[str, str | float] = field(default_factory=lambda: MappingProxyType({}))
    notes: tuple[str, ...] = ()
