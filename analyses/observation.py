"""From a caller's rows and column names to the risk table an estimator reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from blinreg.analyses.compact import distinct_places
from blinreg.analyses.inputs import CountingProcess, Integers, Missing, Rows, counting_process
from blinreg.analyses.risk_table import Label, RiskTable, risk_table
from blinreg.schemas.errors import InputError

#: The label of the one group, or stratum, where none was asked for.
EVERYBODY = "all"


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """A risk table and how many rows were left out on the way to it."""

    risk: RiskTable
    n_missing: int


@dataclass(frozen=True, slots=True, eq=False)
class ObservedRows:
    """Checked rows with their groups and strata coded, before they are summed.

    Attributes
    ----------
    process : CountingProcess
    group, stratum : ndarray of int64, shape (n_rows,)
        Indices into `groups` and `strata`.
    groups, strata : tuple of Label
    """

    process: CountingProcess
    group: Integers
    stratum: Integers
    groups: tuple[Label, ...]
    strata: tuple[Label, ...]

    def sum(self, *, causes: bool = False) -> RiskTable:
        """Sum the rows into a risk table; `causes` keeps the codes of the event apart."""
        event = self.process.event
        codes = tuple(np.unique(event[event > 0]).tolist()) if causes else (1,)
        return risk_table(
            self.process, self.group, self.stratum, groups=self.groups, strata=self.strata, causes=codes or (1,)
        )


def observe(
    rows: Rows,
    *,
    by: str | None,
    strata: Sequence[str] = (),
    id: str | None,  # noqa: A002 - the field's name for the column
    start: str | None,
    stop: str,
    event: str,
    missing: Missing,
    landmark: float | None = None,
    causes: bool = False,
) -> Observation:
    """Check the rows, code groups and strata, cut at the landmark and sum.

    Parameters
    ----------
    rows : Rows
        See `blinreg.analyses.inputs.to_frame`.
    by : str or None
        Group column; it may change within a subject.
    strata : sequence of str
        Columns whose combinations are the strata.
    id, start, stop, event, missing
        See `blinreg.analyses.inputs.counting_process`.
    landmark : float or None
        Keep rows with stop > landmark and start them there; times stay counted from the origin.
    causes : bool
        `event` holds causes (0 censored).

    Returns
    -------
    Observation

    Raises
    ------
    InputError
        A rule of the rows is broken, or nobody is at risk after the landmark.

    Examples
    --------
    >>> rows = pl.DataFrame({"stop": [3, 5], "event": [1, 0]})
    >>> observe(rows, by=None, id=None, start=None, stop="stop", event="event", missing="refuse").risk.n
    2
    """
    seen = observed_rows(
        rows,
        by=by,
        strata=strata,
        id=id,
        start=start,
        stop=stop,
        event=event,
        missing=missing,
        landmark=landmark,
        causes=causes,
    )
    return Observation(seen.sum(causes=causes), seen.process.n_missing)


def observed_rows(
    rows: Rows,
    *,
    by: str | None,
    strata: Sequence[str] = (),
    id: str | None,  # noqa: A002 - the field's name for the column
    start: str | None,
    stop: str,
    event: str,
    missing: Missing,
    landmark: float | None = None,
    causes: bool = False,
) -> ObservedRows:
    """Check the rows, code groups and strata, and cut at the landmark.

    Parameters and errors are those of `observe`.

    Returns
    -------
    ObservedRows
    """
    by_columns = [] if by is None else [by]
    process, extra = counting_process(
        rows,
        id=id,
        start=start,
        stop=stop,
        event=event,
        extra=[*by_columns, *strata],
        missing=missing,
        causes=causes,
    )
    if landmark is not None:
        process, kept = after_landmark(process, landmark)
        extra = extra[kept.tolist()] if extra.columns else extra
    n_rows = process.stop.size
    group, groups = coded(extra, by_columns, n_rows=n_rows)
    stratum, strata_labels = coded(extra, list(strata), n_rows=n_rows)
    return ObservedRows(
        process,
        group,
        stratum,
        groups=tuple(label[0] for label in groups) if by else (EVERYBODY,),
        strata=strata_labels if strata else (EVERYBODY,),
    )


def coded(
    frame: pl.DataFrame, columns: Sequence[str], *, n_rows: int
) -> tuple[Integers, tuple[tuple[Label, ...], ...]]:
    """Code the combinations of the columns' values 0, 1, ... in sorted order.

    Parameters
    ----------
    frame : polars.DataFrame
        Holds the columns, without missing values.
    columns : sequence of str
        None of them gives the single code 0.
    n_rows : int
        Rows of the frame; a frame without columns does not know.

    Returns
    -------
    codes : ndarray of int64, shape (n_rows,)
    labels : tuple of tuple
        The values of each code, one for each column.

    Examples
    --------
    >>> codes, labels = coded(pl.DataFrame({"arm": ["b", "a", "b"]}), ["arm"], n_rows=3)
    >>> codes.tolist(), labels
    ([1, 0, 1], (('a',), ('b',)))
    """
    codes = np.zeros(n_rows, dtype=np.int64)
    if not columns:
        return codes, ((),)
    for name in columns:
        ranks = frame[name].rank("dense").to_numpy().astype(np.int64)
        codes = distinct_places(codes * (int(ranks.max()) + 1) + ranks)[1]
    first = np.empty(int(codes.max()) + 1, dtype=np.int64)
    # Of several rows with a code the one written last stays: the first.
    first[codes[::-1]] = np.arange(n_rows)[::-1]
    values = frame.select(columns)[first.tolist()].rows()
    return codes, tuple(tuple(_plain(value) for value in row) for row in values)


def _plain(value: object) -> Label:
    """Write 1.0 as 1: a group column that once held missing values arrives as floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str | int | float):
        return value
    return str(value)


def after_landmark(process: CountingProcess, landmark: float) -> tuple[CountingProcess, Integers]:
    """Keep the follow-up after a landmark; times stay counted from the origin.

    Parameters
    ----------
    process : CountingProcess
        Checked rows.
    landmark : float
        Rows with stop > landmark are kept and start there at the earliest.

    Returns
    -------
    CountingProcess
        Its subjects coded anew.
    ndarray of int64
        Numbers of the rows kept.

    Raises
    ------
    InputError
        Nobody is at risk after the landmark.

    Examples
    --------
    >>> one = np.zeros(1, dtype=np.int64)
    >>> rows = CountingProcess(one, np.zeros(1), np.array([9.0]), np.array([1]), n_subjects=1)
    >>> after_landmark(rows, 5)[0].start.tolist()
    [5.0]
    """
    kept = np.flatnonzero(process.stop > landmark).astype(np.int64, copy=False)
    if not kept.size:
        raise InputError(f"nobody is at risk after the landmark {landmark:g}", next_step="choose an earlier landmark")
    subject = distinct_places(process.subject[kept])[1]
    cut = replace(
        process,
        subject=subject,
        start=np.maximum(process.start[kept], landmark),
        stop=process.stop[kept],
        event=process.event[kept],
        n_subjects=int(subject.max()) + 1,
    )
    return cut, kept
