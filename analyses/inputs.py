"""Rows from any frame into checked counting-process arrays.

Every estimator enters through here, so that a rule about times, events or
missing values exists once. Time is in days from a named origin and a row is
the interval (start, stop]: at risk after `start` up to and including `stop`.
Times are kept as they are given (half days, fractions); nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from blinreg.analyses.row_sequence import row_sequence, zero_length
from blinreg.schemas.errors import InputError, nearest

#: polars DataFrame or LazyFrame, pandas DataFrame, pyarrow Table or DuckDB relation.
#: Recognised by what they offer, so none of their libraries is imported here.
Rows: TypeAlias = Any
Missing = Literal["refuse", "complete_case"]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Flags: TypeAlias = npt.NDArray[np.bool_]

#: A cause of an event is a small code; a larger number is a column given by mistake (an id, a day).
MAX_CAUSE = 99

#: Rows a batch that DuckDB hands over: with a dozen columns some 50 MB.
BATCH_ROWS = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class CountingProcess:
    """Checked (start, stop] rows; arrays have one element a row, in the order given.

    Attributes
    ----------
    subject : ndarray of int64
        Codes 0 .. n_subjects - 1.
    start, stop : ndarray of float64
        Interval (start, stop], in the time unit of the caller.
    event : ndarray of int64
        What happened at `stop`: 0 nothing, 1 the event (or the code of a cause).
    n_subjects : int
        Number of different subjects.
    n_missing : int
        Rows left out because a value was missing (``missing="complete_case"``).
    """

    subject: Integers
    start: Floats
    stop: Floats
    event: Integers
    n_subjects: int
    n_missing: int = 0


def to_frame(rows: Rows, columns: Sequence[str]) -> pl.DataFrame:
    """Take the named columns of a frame or relation as a polars frame.

    Parameters
    ----------
    rows : Rows
        polars DataFrame or LazyFrame, pandas DataFrame, pyarrow Table, DuckDB relation.
    columns : sequence of str
        The columns wanted; a repeated name is taken once.

    Returns
    -------
    polars.DataFrame
        The columns in the order of `columns`, the rows in the order given.

    Raises
    ------
    InputError
        A named column is absent, or `rows` is none of the kinds above.

    Examples
    --------
    >>> to_frame(pl.DataFrame({"a": [1], "b": [2]}), ["b"]).columns
    ['b']
    """
    wanted = list(dict.fromkeys(columns))
    if isinstance(rows, pl.LazyFrame):
        _require(wanted, rows.collect_schema().names())
        return rows.select(wanted).collect()
    if isinstance(rows, pl.DataFrame):
        _require(wanted, rows.columns)
        return rows.select(wanted)
    if is_relation(rows):
        return _as_frame(select_relation(rows, wanted).pl())
    if hasattr(rows, "column_names") and hasattr(rows, "select"):
        _require(wanted, list(rows.column_names))
        return _as_frame(pl.from_arrow(rows.select(wanted)))
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):
        _require(wanted, [str(name) for name in rows.columns])
        return pl.from_pandas(rows[wanted])
    raise InputError(
        f"rows of type {type(rows).__name__} cannot be read",
        next_step="pass a polars, pandas or Arrow table, or a DuckDB relation",
    )


def counting_process(
    rows: Rows,
    *,
    id: str | None,  # noqa: A002 - the field's name for the column, as in R's survival
    start: str | None,
    stop: str,
    event: str,
    extra: Sequence[str] = (),
    missing: Missing = "refuse",
    terminal: bool = True,
    causes: bool = False,
) -> tuple[CountingProcess, pl.DataFrame]:
    """Check (start, stop] rows and return them as arrays.

    Parameters
    ----------
    rows : Rows
        See `to_frame`.
    id : str or None
        Column of the subject; None says that each row is a subject of its own.
    start, stop : str
        Columns of the interval (start, stop]; ``start=None`` means entry at 0.
    event : str
        Column with 1 where the event happened at `stop`, else 0 (or boolean).
    extra : sequence of str
        Further columns to return (groups, strata, covariates).
    missing : {"refuse", "complete_case"}
        What to do with a missing value in any named column; NaN counts as missing.
    terminal : bool
        The event ends follow-up: rows of the subject after it are refused.
    causes : bool
        `event` may be a small whole number: 0 censored, else the cause.

    Returns
    -------
    CountingProcess
        The arrays.
    polars.DataFrame
        The `extra` columns, row for row with the arrays.

    Raises
    ------
    InputError
        A rule is broken; the message names the rule, the rows and the subjects.

    Examples
    --------
    >>> rows = pl.DataFrame({"p": ["a", "a"], "t0": [0, 5], "t1": [5.0, 7.5], "e": [0, 1]})
    >>> checked, _ = counting_process(rows, id="p", start="t0", stop="t1", event="e")
    >>> checked.n_subjects, checked.stop.tolist()
    (1, [5.0, 7.5])
    """
    named = [name for name in (id, start, stop, event, *extra) if name is not None]
    frame, n_missing = complete_rows(to_frame(rows, named), missing)
    checked = counting_arrays(frame, id=id, start=start, stop=stop, event=event, causes=causes, n_missing=n_missing)
    _check_intervals(checked, start=start, stop=stop)
    if id is not None:
        check_sequences(checked, event=event, terminal=terminal)
    return checked, frame.select(list(dict.fromkeys(extra)))


def counting_arrays(
    frame: pl.DataFrame,
    *,
    id: str | None,  # noqa: A002 - the field's name for the column
    start: str | None,
    stop: str,
    event: str,
    causes: bool = False,
    n_missing: int = 0,
) -> CountingProcess:
    """Turn complete rows into arrays; only the values of single columns are checked.

    Parameters
    ----------
    frame : polars.DataFrame
        Complete rows, at least one.
    id, start, stop, event, causes
        See `counting_process`.
    n_missing : int
        Kept with the arrays.

    Returns
    -------
    CountingProcess

    Raises
    ------
    InputError
        A time or event is not a number of the kind it must be.

    Examples
    --------
    >>> frame = pl.DataFrame({"t1": [5.0, 4.0], "e": [0, 1]})
    >>> counting_arrays(frame, id=None, start=None, stop="t1", event="e").start.tolist()
    [0.0, 0.0]
    """
    subject = np.arange(frame.height, dtype=np.int64) if id is None else _codes(frame[id])
    return CountingProcess(
        subject=subject,
        start=np.zeros(frame.height) if start is None else _times(frame[start]),
        stop=_times(frame[stop]),
        event=_events(frame[event], subject, causes=causes),
        n_subjects=int(subject.max()) + 1,
        n_missing=n_missing,
    )


def is_relation(rows: Rows) -> bool:
    """Tell whether rows are a DuckDB relation.

    Examples
    --------
    >>> is_relation(pl.DataFrame())
    False
    """
    return hasattr(rows, "pl") and hasattr(rows, "project")


def select_relation(relation: Rows, columns: Sequence[str]) -> Any:
    """Project a DuckDB relation to the named columns, each once, which must be there."""
    wanted = list(dict.fromkeys(columns))
    _require(wanted, list(relation.columns))
    return relation.project(", ".join('"' + name.replace('"', '""') + '"' for name in wanted))


def relation_batches(relation: Rows, columns: Sequence[str]) -> Generator[pl.DataFrame]:
    """Stream the named columns of a DuckDB relation, so that it is never held as a whole.

    While the stream is open its connection can do nothing else: end it by taking all of it, or with ``close``.
    """
    reader = select_relation(relation, columns).to_arrow_reader(BATCH_ROWS)
    try:
        for batch in reader:
            yield _as_frame(pl.from_arrow(batch))
    finally:
        reader.close()


def _require(wanted: Sequence[str], present: list[str]) -> None:
    known = set(present)
    absent = [name for name in wanted if name not in known]
    if absent:
        hints = "; ".join(f"{name}: {nearest(name, present)}" for name in absent)
        raise InputError(f"no column is called {', '.join(absent)}", next_step=hints)


def _as_frame(taken: object) -> pl.DataFrame:
    if not isinstance(taken, pl.DataFrame):  # a relation that yields something else is a foreign class
        raise InputError(f"the relation gave {type(taken).__name__}, not a table")
    return taken


def complete_rows(frame: pl.DataFrame, missing: Missing) -> tuple[pl.DataFrame, int]:
    """Refuse or drop rows with a missing value; never silently.

    Parameters
    ----------
    frame : polars.DataFrame
        Only the columns that must be complete.
    missing : {"refuse", "complete_case"}
        NaN counts as missing.

    Returns
    -------
    polars.DataFrame
        The complete rows, in the order given.
    int
        How many were left out.

    Raises
    ------
    InputError
        A value is missing and `missing` is "refuse"; or no row is left.

    Examples
    --------
    >>> complete_rows(pl.DataFrame({"age": [40.0, None]}), "complete_case")[1]
    1
    """
    tally = MissingTally(missing)
    complete = tally.keep(frame)
    tally.check()
    return complete, tally.n_missing


class MissingTally:
    """Counts missing values over the batches of a table, and keeps the complete rows.

    Parameters
    ----------
    missing : {"refuse", "complete_case"}
        What `check` does about them.

    Attributes
    ----------
    n_rows, n_missing : int
        Rows seen, and those among them with a missing value.
    """

    def __init__(self, missing: Missing) -> None:
        if missing not in ("refuse", "complete_case"):
            raise InputError(f"missing={missing!r} is unknown", next_step="use 'refuse' or 'complete_case'")
        self.missing = missing
        self.n_rows = 0
        self.n_missing = 0
        self._counts: dict[str, int] = {}

    def keep(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Count a batch and return its complete rows."""
        self.n_rows += frame.height
        absent = missing_values(frame)
        counts = {name: int(absent[name].sum()) for name in absent.columns if absent[name].any()}
        if not counts:
            return frame
        for name, count in counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        complete = frame.filter(~absent.select(pl.any_horizontal(pl.all())).to_series())
        self.n_missing += frame.height - complete.height
        return complete

    def check(self) -> None:
        """Refuse missing values unless they may be left out; refuse a table without rows."""
        if self.n_missing and self.missing == "refuse":
            listed = ", ".join(f"{name} {count}" for name, count in self._counts.items())
            raise InputError(
                f"values are missing in {self.n_missing} of {self.n_rows} rows ({listed})",
                next_step="complete them, or pass missing='complete_case' to leave them out and count them",
            )
        if self.n_missing == self.n_rows:
            raise InputError(
                "there are no rows to analyse"
                + (f" ({self.n_missing} left out as incomplete)" if self.n_missing else ""),
                next_step="check the population that was selected",
            )


def missing_values(frame: pl.DataFrame) -> pl.DataFrame:
    """Flag the missing values of each column; NaN counts as missing.

    Examples
    --------
    >>> missing_values(pl.DataFrame({"age": [40.0, None, float("nan")]}))["age"].to_list()
    [False, True, True]
    """
    return frame.select(
        (pl.col(name).is_null() | pl.col(name).is_nan()).alias(name) if dtype.is_float() else pl.col(name).is_null()
        for name, dtype in frame.schema.items()
    )


def _codes(column: pl.Series) -> Integers:
    physical = column.to_physical() if column.dtype in (pl.Categorical, pl.Enum) else column
    ranks = physical.rank("dense").cast(pl.Int64).to_numpy()
    return np.ascontiguousarray(ranks - 1)


def _numeric(column: pl.Series, meaning: str) -> Floats:
    if not column.dtype.is_numeric():
        raise InputError(
            f"column {column.name} is {column.dtype}, {meaning}",
            next_step="give numbers (days from the origin for times)",
        )
    return np.ascontiguousarray(column.cast(pl.Float64).to_numpy())


def _times(column: pl.Series) -> Floats:
    values = _numeric(column, "a time must be a number")
    endless = ~np.isfinite(values)
    if endless.any():
        raise InputError(
            f"column {column.name} has {_number(int(endless.sum()), 'infinite time')}",
            next_step="use the day of last contact for open follow-up",
        )
    return values


def _events(column: pl.Series, subject: Integers, *, causes: bool) -> Integers:
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int64)
    values = _numeric(column, "an event must be a number")
    if causes:
        wrong = (values < 0) | (values > MAX_CAUSE) | (values != np.floor(values))
        allowed = f"a whole number from 0 (censored) to {MAX_CAUSE}"
    else:
        wrong = (values != 0) & (values != 1)
        allowed = "0 or 1"
    if wrong.any():
        raise InputError(
            f"column {column.name} must be {allowed}: {_count(np.flatnonzero(wrong), subject, 'is not', 'are not')}",
            next_step="recode it" if causes else "recode it, or use cumulative_incidence for several causes",
        )
    return values.astype(np.int64)


def _check_intervals(checked: CountingProcess, *, start: str | None, stop: str) -> None:
    wrong = zero_length(checked.start, checked.stop)
    if wrong.size:
        raise InputError(
            f"{stop} must be after {start or 'entry at 0'}: {_count(wrong, checked.subject, 'is not', 'are not')}",
            next_step="an event on the origin day belongs at day 0.5, a censoring there leaves the analysis",
        )


def check_sequences(checked: CountingProcess, *, event: str, terminal: bool) -> None:
    """Refuse rows of a subject that overlap, and rows after a terminal event.

    Parameters
    ----------
    checked : CountingProcess
        All rows of each subject in it.
    event : str
        The column's name, for the message.
    terminal : bool
        The event ends follow-up.

    Raises
    ------
    InputError
        Saying how many rows of how many subjects.
    """
    sequence = row_sequence(checked.subject, checked.start, checked.stop)
    overlapping = sequence.overlaps()
    if overlapping.size:
        raise InputError(
            f"rows of one subject must not overlap: {_count(overlapping, checked.subject, 'starts', 'start')} "
            "before the one before it ends",
            next_step="end each row where the next one of the subject starts, or before",
        )
    after = sequence.after_event(checked.event) if terminal else overlapping
    if after.size:
        raise InputError(
            f"follow-up must end at the event ({event}): {_count(after, checked.subject, 'comes', 'come')} after one",
            next_step="drop the rows after the event; for repeated events use cox",
        )


def _count(wrong: Integers, subject: Integers, one: str, many: str) -> str:
    """Count the rows and subjects that break a rule, with the verb that fits the number of rows."""
    n_rows, n_subjects = wrong.size, int(np.unique(subject[wrong]).size)
    return f"{_number(n_rows, 'row')} of {_number(n_subjects, 'subject')} {one if n_rows == 1 else many}"


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
