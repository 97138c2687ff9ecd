"""Columns of submitted tables, written for many rows at once: codes, dates in ISO 8601, numbers with gaps.

Texts are looked up in small tables of texts, dates in one table of all days: no text is formatted for a row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache

import numpy as np
import polars as pl

from blinreg.schemas.model import Type
from blinreg.schemas.tables import table
from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.streams import Flags, Floats, Numbers

#: Type of a column in a frame. Dates are text: a partial date is not a date.
FRAME_TYPE: Mapping[Type, pl.DataType] = {
    Type.TEXT: pl.String(),
    Type.CODE: pl.String(),
    Type.DATE: pl.String(),
    Type.INTEGER: pl.Int64(),
    Type.NUMBER: pl.Float64(),
}

#: Days that the table of dates holds.
_FIRST_DATE, _LAST_DATE = dt.date(1850, 1, 1), dt.date(2199, 12, 31)
_FIRST_DAY = (_FIRST_DATE - dt.date(1970, 1, 1)).days
_N_DAYS = (_LAST_DATE - _FIRST_DATE).days + 1

#: How exactly a date is known.
DAY, MONTH, YEAR = 0, 1, 2
#: Longest time that a date of each precision leaves open, in days.
OPEN_DAYS = np.array([0, 31, 366], dtype=np.int64)


@cache
def _date_texts() -> pl.Series:
    """Nothing, then every date to the day, to the month and to the year."""
    days = pl.date_range(_FIRST_DATE, _LAST_DATE, eager=True)
    texts = [days.dt.strftime(form) for form in ("%Y-%m-%d", "%Y-%m", "%Y")]
    return pl.concat([pl.Series([None], dtype=pl.String), *texts]).rechunk()


def dates(calendar_days: Numbers, precision: Numbers | int = DAY) -> pl.Series:
    """Write dates in ISO 8601.

    Parameters
    ----------
    calendar_days : array of int
        Days from 1970-01-01; nothing is written for days outside 1850 to 2199, such as one that never comes.
    precision : array of int or int
        ``DAY``, ``MONTH`` or ``YEAR``.

    Examples
    --------
    >>> dates(np.array([18321, 18321, NEVER]), np.array([DAY, MONTH, DAY])).to_list()
    ['2020-02-29', '2020-02', None]
    """
    position = calendar_days - _FIRST_DAY
    is_day = (position >= 0) & (position < _N_DAYS)
    return _date_texts().gather(np.where(is_day, position + 1 + np.multiply(precision, _N_DAYS), 0).astype(np.uint32))


class Codes:
    """Codes of a column, written from their positions; position -1 is no value.

    Examples
    --------
    >>> Codes("no", "yes").at(np.array([1, -1, 0])).to_list()
    ['yes', None, 'no']
    """

    __slots__ = ("_texts", "names")

    def __init__(self, *names: str) -> None:
        self.names = names
        self._texts = pl.Series([None, *names], dtype=pl.String)

    def at(self, positions: Numbers | Flags) -> pl.Series:
        """Write the codes at these positions."""
        return self._texts.gather((positions.astype(np.int64) + 1).astype(np.uint32))

    def position(self, name: str) -> int:
        """Position of a code."""
        return self.names.index(name)


YES_NO = Codes("no", "yes")


def yes_no(flags: Flags) -> pl.Series:
    """Write facts as the codes ``yes`` and ``no``."""
    return YES_NO.at(flags)


def constant(value: str | int, n: int) -> pl.Series:
    """Write the same value in every row."""
    return pl.repeat(value, n, dtype=pl.Int64() if isinstance(value, int) else pl.String(), eager=True)


def where(is_known: Flags, values: Numbers | Floats | pl.Series) -> pl.Series:
    """Write values where they are known and nothing elsewhere."""
    return pl.select(pl.when(pl.Series(is_known)).then(pl.Series(values=values))).to_series()


def frame(name: str, columns: Mapping[str, pl.Series]) -> pl.DataFrame:
    """Put columns into the order of the table's definition; columns that are not given are empty.

    Raises
    ------
    ValueError
        If a column is not one of the table's.
    """
    definition = table(name)
    unknown = set(columns) - set(definition.column_names)
    if unknown:
        raise ValueError(f"{name} has no columns {sorted(unknown)}")
    n = len(columns["patient_id"])
    return pl.DataFrame(
        {
            column.name: columns[column.name].cast(FRAME_TYPE[column.type])
            if column.name in columns
            else pl.repeat(None, n, dtype=FRAME_TYPE[column.type], eager=True)
            for column in definition.columns
        }
    )


def slots(is_row: Flags) -> tuple[Numbers, Numbers]:
    """Find patients and slots with a row, in a table of one row a patient and one column a slot.

    Examples
    --------
    >>> who, slot = slots(np.array([[True, False], [True, True]]))
    >>> who.tolist(), slot.tolist()
    ([0, 1, 1], [0, 0, 1])
    """
    return np.divmod(np.flatnonzero(is_row), is_row.shape[1])


def happened(days: Numbers) -> Flags:
    """Whether a day comes at all."""
    return np.asarray(days < NEVER // 2)
