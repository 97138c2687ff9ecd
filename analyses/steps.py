"""Reading step functions, and the number at risk, at given times."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from blinreg.analyses.inputs import Floats, Integers
from blinreg.analyses.risk_table import RiskTable


def step_values(
    time: Floats,
    values: Mapping[str, Floats],
    wanted: Floats,
    *,
    before: Mapping[str, float],
    origin: float,
    extend: bool,
) -> dict[str, Floats]:
    """Read right-continuous step functions at the wanted times.

    Parameters
    ----------
    time : ndarray of float64, shape (k,)
        Times of the steps, increasing; the last one is the end of follow-up.
    values : mapping of str to ndarray, shape (k,)
        Values from each time on.
    wanted : ndarray of float64, shape (m,)
        Times to read at.
    before : mapping of str to float
        Value between the origin and the first time.
    origin : float
        The functions have no value before it.
    extend : bool
        Carry the last value on; otherwise NaN after the last time.

    Returns
    -------
    dict of str to ndarray, shape (m,)

    Examples
    --------
    >>> step_values(np.array([2.0]), {"s": np.array([0.5])}, np.array([1.0, 2.0, 3.0]),
    ...             before={"s": 1.0}, origin=0.0, extend=False)["s"].tolist()
    [1.0, 0.5, nan]
    """
    at = np.searchsorted(time, wanted, side="right")
    unknown = wanted < origin
    if not extend:
        unknown = unknown | (wanted > (time[-1] if time.size else origin))
    return {
        name: np.where(unknown, np.nan, np.concatenate(([before[name]], column.astype(np.float64)))[at])
        for name, column in values.items()
    }


def at_risk_on(risk: RiskTable, group: int, wanted: Floats, *, origin: float) -> pl.Series:
    """Count the subjects of a group at risk at the wanted times.

    At risk at t are those with start < t <= stop. At the origin nobody has started
    in that sense; there, those with start <= t < stop are counted, which is what
    a table of numbers at risk shows under time 0.

    Parameters
    ----------
    risk : RiskTable
        One stratum.
    group : int
        Index into ``risk.groups``.
    wanted : ndarray of float64, shape (m,)
        Times to count at.
    origin : float
        Where follow-up starts to count: 0, or the landmark.

    Returns
    -------
    polars.Series of Int64, length m
        Null before the origin, where the risk set is not defined.
    """
    moves = risk.n_entered[:, group] - risk.n_left()[:, group]
    running = np.concatenate(([0], np.cumsum(moves)))
    before = np.searchsorted(risk.time, wanted, side="left")
    until = np.searchsorted(risk.time, wanted, side="right")
    counted = running[np.where(wanted <= origin, until, before)].tolist()
    known = [None if time < origin else number for time, number in zip(wanted, counted, strict=True)]
    return pl.Series(known, dtype=pl.Int64)


def stretches_below(risk: RiskTable, group: int, minimum: int, *, origin: float) -> list[tuple[float, float]]:
    """Find the stretches of follow-up with fewer than `minimum` subjects of a group at risk.

    Parameters
    ----------
    risk : RiskTable
        One stratum.
    group : int
        Index into ``risk.groups``.
    minimum : int
        0 gives no stretch.
    origin : float
        Where follow-up starts to count.

    Returns
    -------
    list of (from, to)
        Stretches (from, to] between the origin and the last time of the group, in order.
    """
    edges, counts = _counts_between(risk, group, origin)
    few = counts < minimum
    stretches: list[tuple[float, float]] = []
    for begin, end, small in zip(edges[:-1].tolist(), edges[1:].tolist(), few.tolist(), strict=True):
        if small and stretches and stretches[-1][1] == begin:
            stretches[-1] = (stretches[-1][0], end)
        elif small:
            stretches.append((begin, end))
    return stretches


def enough_at_risk(risk: RiskTable, minimum: int, *, origin: float) -> pl.DataFrame:
    """Say for each group when its risk set first has `minimum` subjects, and when last.

    Parameters
    ----------
    risk : RiskTable
        One stratum.
    minimum : int
        Subjects.
    origin : float
        Where follow-up starts to count.

    Returns
    -------
    polars.DataFrame
        group, from_time, until, most_at_risk; the times are null where the risk set never has so many.
    """
    rows = []
    for index, label in enumerate(risk.groups):
        edges, counts = _counts_between(risk, index, origin)
        enough = np.flatnonzero(counts >= minimum)
        rows.append(
            {
                "group": label,
                "from_time": float(edges[enough[0]]) if enough.size else None,
                "until": float(edges[enough[-1] + 1]) if enough.size else None,
                "most_at_risk": int(counts.max(initial=0)),
            }
        )
    return pl.DataFrame(rows, schema_overrides={"from_time": pl.Float64, "until": pl.Float64})


def _counts_between(risk: RiskTable, group: int, origin: float) -> tuple[Floats, Integers]:
    """Count a group at risk between successive times, from the origin to the last that somebody leaves."""
    left = risk.n_left()[:, group]
    leaving = np.flatnonzero(left)
    if not leaving.size:
        return np.array([origin]), np.empty(0, dtype=np.int64)
    last = int(leaving[-1])
    running = np.concatenate(([0], np.cumsum(risk.n_entered[:, group] - left)[:last]))
    edges = np.concatenate(([min(origin, float(risk.time[0]))], risk.time[: last + 1]))
    kept = np.diff(edges) > 0
    return np.concatenate((edges[:-1][kept], edges[-1:])), running[kept]
