"""Numbers that a publication prints, beside those of an analysis, with a mark where they differ.

A plan that follows a publication has a table beside it: ``published_<plan>.csv``, a row a printed number. Its columns
``analysis, part, row, column, unit`` say which number of which result it is; the others say what was printed.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import StringIO
from types import MappingProxyType

import polars as pl

from blinreg.analyses.plans.outcome import Kind, ResultTable, Shown
from blinreg.analyses.wording import DAYS_PER_MONTH, NOT_AVAILABLE
from blinreg.schemas.errors import UsageError, nearest

PART = "published"
NOT_REACHED, NOT_SIGNIFICANT = "NR", "NS"
COLUMNS = ("id", "analysis", "part", "row", "column", "unit", "what", "printed", "half_unit", "source", "note")
UNITS: Mapping[str, Callable[[float], float]] = MappingProxyType(
    {
        "": lambda value: value,
        "percent": lambda value: 100 * value,
        "months": lambda days: days / DAYS_PER_MONTH,
    }
)
#: Slack for numbers that stand exactly on the edge of the rounding window.
_EDGE = 1e-9
_SIGNIFICANT = 0.05
_SAME, _DIFFERENT, _ABSENT = "", "≠", "not in these data"
_SHOWN = (
    ("Number", "what"),
    ("Printed", "printed"),
    ("Here", "shown"),
    ("Differs", "mark"),
    ("Printed in", "source"),
    ("Remark", "note"),
)
_SCHEMA = {
    "id": pl.String,
    "what": pl.String,
    "printed": pl.String,
    "value": pl.Float64,
    "shown": pl.String,
    "mark": pl.String,
    "is_different": pl.Boolean,
    "source": pl.String,
    "note": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedNumber:
    """A printed number and where its counterpart stands.

    Attributes
    ----------
    id : str
    analysis, part : str
        Result table that has the counterpart; the part of the main table is empty.
    row : mapping of str to str
        Columns and their values, as text, that single out one row.
    column : str
        Column of the number, or two with a stroke between, whose quotient it is.
    unit : str
        One of `UNITS`: what turns the column into the printed unit.
    what : str
        In words.
    printed : str
        A number as printed, NR (not reached) or NS (not significant).
    half_unit : float
        Half a unit of its last digit; 0 for counts.
    source : str
        Where it is printed.
    note : str
        What is contradictory about it in print; may be empty.
    """

    id: str
    analysis: str
    part: str
    row: Mapping[str, str]
    column: str
    unit: str
    what: str
    printed: str
    half_unit: float
    source: str
    note: str

    def agrees(self, value: float | None) -> bool:
        r"""Say whether a number, in the printed unit, is the printed one as rounded.

        Examples
        --------
        >>> text = ",".join(COLUMNS) + "\nos,os,,,median,months,OS,12.7,0.05,abstract,\n"
        >>> [number] = read_published(text, file="printed.csv")
        >>> number.agrees(12.74), number.agrees(12.76), number.agrees(None)
        (True, False, False)
        """
        if self.printed == NOT_REACHED:
            return value is None
        if value is None:
            return False
        if self.printed == NOT_SIGNIFICANT:
            return value > _SIGNIFICANT
        return abs(value - float(self.printed)) <= self.half_unit + _EDGE

    def written(self, value: float | None) -> str:
        """Write a number with the digits of the printed one, or as many more as show a difference."""
        if value is None:
            return NOT_REACHED
        if self.printed in (NOT_REACHED, NOT_SIGNIFICANT):
            return f"{value:.2f}"
        digits = len(self.printed.partition(".")[2])
        text = f"{value:.{digits}f}"
        while not self.agrees(value) and float(text) == float(self.printed) and digits < 6:
            digits += 1
            text = f"{value:.{digits}f}"
        return text


def read_published(text: str, *, file: str) -> tuple[PublishedNumber, ...]:
    """Read a table of printed numbers.

    Parameters
    ----------
    text : str
        CSV with the columns `COLUMNS`.
    file : str
        Name for the messages.

    Returns
    -------
    tuple of PublishedNumber

    Raises
    ------
    UsageError
        Columns, units or numbers are not as they must be, or an id occurs twice.
    """
    reader = csv.DictReader(StringIO(text))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UsageError(f"{file} has other columns", next_step=f"use {', '.join(COLUMNS)}")
    found: dict[str, PublishedNumber] = {}
    for line, row in enumerate(reader, start=2):
        number = _number(row, place=f"{file}, line {line}")
        if number.id in found:
            raise UsageError(f"{file}, line {line}: {number.id} is there twice", next_step="remove one")
        found[number.id] = number
    return tuple(found.values())


def _number(row: Mapping[str, str], *, place: str) -> PublishedNumber:
    if row["unit"] not in UNITS:
        raise UsageError(
            f"{place}: unit {row['unit']!r} is unknown", next_step="leave it empty, or use percent or months"
        )
    pairs = [pair.partition("=") for pair in row["row"].split(";") if pair]
    try:
        half_unit = float(row["half_unit"])
        if row["printed"] not in (NOT_REACHED, NOT_SIGNIFICANT):
            float(row["printed"])
    except ValueError as error:
        raise UsageError(f"{place}: printed and half_unit must be numbers", next_step="or printed NR or NS") from error
    texts = {name: row[name] for name in COLUMNS if name not in ("row", "half_unit")}
    return PublishedNumber(row=MappingProxyType({key: value for key, _, value in pairs}), half_unit=half_unit, **texts)


def check_analyses(numbers: Iterable[PublishedNumber], analyses: Iterable[str], *, file: str) -> None:
    """Refuse printed numbers of an analysis that the plan does not have.

    Raises
    ------
    UsageError
        With the nearest names.
    """
    known = list(analyses)
    for number in numbers:
        if number.analysis not in known:
            raise UsageError(
                f"{file}, {number.id}: analysis {number.analysis!r} is unknown",
                next_step=nearest(number.analysis, known),
            )


def beside_published(
    numbers: Iterable[PublishedNumber], analysis: str, tables: Iterable[ResultTable]
) -> tuple[ResultTable, ...]:
    """Put the printed numbers of one analysis beside its own.

    Parameters
    ----------
    numbers : iterable of PublishedNumber
        Of the whole plan.
    analysis : str
        Its name.
    tables : iterable of ResultTable
        What the analysis found.

    Returns
    -------
    tuple of ResultTable
        One table with the column ``mark``, or none if nothing of it is printed.
    """
    frames = {table.part: table.frame for table in tables}
    rows = [_compared(number, frames) for number in numbers if number.analysis == analysis]
    if not rows:
        return ()
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    n_different = frame["is_different"].sum()
    return (
        ResultTable(
            part=PART,
            title=f"Beside the publication: {frame.height - n_different} of {frame.height} printed numbers agree",
            frame=frame,
            shown=tuple(
                Shown(header=header, kind=Kind.TEXT, columns=(column,))
                for header, column in _SHOWN
                if column != "note" or (frame["note"] != "").any()
            ),
            emphasis="is_different",
            note=_note(frame),
        ),
    )


def _note(frame: pl.DataFrame) -> str:
    """Explain the marks that occur."""
    occurs = {
        "≠ and bold: the number here, rounded as printed, is another.": bool(frame["is_different"].any()),
        "NR: not reached.": NOT_REACHED in {*frame["printed"], *frame["shown"]},
        "NS: P above .05.": (frame["printed"] == NOT_SIGNIFICANT).any(),
    }
    return " ".join(sentence for sentence, does in occurs.items() if does)


def _compared(number: PublishedNumber, frames: Mapping[str, pl.DataFrame]) -> tuple[object, ...]:
    found = _look_up(number, frames.get(number.part))
    if found is None:
        value, shown, mark, same = None, NOT_AVAILABLE, _ABSENT, False
    else:
        value = found[0]
        same = number.agrees(value)
        shown, mark = number.written(value), _SAME if same else _DIFFERENT
    return (number.id, number.what, number.printed, value, shown, mark, not same, number.source, number.note)


def _look_up(number: PublishedNumber, frame: pl.DataFrame | None) -> tuple[float | None] | None:
    """The value in the printed unit, in a tuple; None if there is not exactly one such row."""
    columns = number.column.split("/")
    if frame is None or not {*number.row, *columns} <= set(frame.columns):
        return None
    chosen = [pl.col(name).cast(pl.String) == value for name, value in number.row.items()]
    rows = frame.filter(*chosen) if chosen else frame
    if rows.height != 1:
        return None
    values = [rows[name][0] for name in columns]
    if any(value is None for value in values):
        return (None,)
    quotient = values[0] if len(values) == 1 else values[0] / values[1] if values[1] else None
    return (None if quotient is None else UNITS[number.unit](float(quotient)),)
