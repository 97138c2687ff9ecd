"""Rows of a counting process placed on the grid of event times, ready for fitting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blinreg.analyses.cox_regression.sums import Array, Index, Intervals
from blinreg.analyses.design import centre, standardise


@dataclass(frozen=True, slots=True)
class CoxRows:
    """What the Cox likelihood needs of the data; nothing of it changes between Newton steps.

    Attributes
    ----------
    x : array (n, p), columns contiguous
        Covariates, centred within strata and scaled to unit spread.
    scale : array (p,)
        The spread divided out: coefficients are ``scaled / scale``.
    intervals : Intervals
        Slots (event times of a stratum) in which each row is at risk.
    event_row, event_slot : int array (events,)
        Rows that end in an event, and the slots of these.
    slot_stratum : int array (slots,)
    slot_time : array (slots,)
        Event times; not a number in the empty slot that ends a stratum.
    weight, offset : array (n,)
        The offset is centred within strata, which no coefficient notices.
    stratum : int array (n,)
    n_strata : int
    position : int array (n,)
        Row number in the caller's rows: rows never at risk at an event time are left out.
    """

    x: Array
    scale: Array
    intervals: Intervals
    event_row: Index
    event_slot: Index
    slot_stratum: Index
    slot_time: Array
    weight: Array
    offset: Array
    stratum: Index
    n_strata: int
    position: Index


def place(
    *,
    start: Array,
    stop: Array,
    event: NDArray[np.bool_],
    x: Array,
    stratum: Index,
    weight: Array,
    offset: Array,
) -> CoxRows:
    """Find the slots of every row and scale the covariates.

    Parameters
    ----------
    start, stop : array (n,)
        At risk on (start, stop], any unit.
    event : bool array (n,)
        At least one is true.
    x : array (n, p)
        Covariates.
    stratum : int array (n,)
        0 .. strata - 1.
    weight : array (n,)
        Case weights, positive.
    offset : array (n,)
        Added to the linear predictor.

    Returns
    -------
    CoxRows

    Examples
    --------
    >>> zero, one = np.zeros(3), np.ones(3)
    >>> rows = place(start=zero, stop=np.array([1.0, 2.0, 3.0]), event=np.array([True, False, True]),
    ...              x=np.array([[0.0], [1.0], [2.0]]), stratum=np.zeros(3, dtype=np.intp),
    ...              weight=one, offset=zero)
    >>> rows.intervals.last.tolist()
    [1, 1, 2]
    """
    times = np.unique(stop[event])
    # Ranks count the event times up to a moment: at risk at time k means rank(start) <= k < rank(stop).
    low = np.searchsorted(times, start, side="right")
    high = np.searchsorted(times, stop, side="right")
    n_strata = int(stratum.max()) + 1
    base = len(times) + 2
    ends = np.arange(n_strata) * base + base - 1
    keys = np.sort(np.concatenate([np.unique(stratum[event] * base + high[event]), ends]))
    if n_strata > 1:
        low = np.searchsorted(keys, stratum * base + low, side="right")
        high = np.searchsorted(keys, stratum * base + high, side="right")
    used = np.flatnonzero(high > low)
    segments = np.concatenate([[0], np.searchsorted(keys, ends) + 1]).astype(np.intp)
    first, last, stratum = low[used], high[used], stratum[used]
    event_row = np.flatnonzero(event[used])
    slot_stratum, rank = np.divmod(keys, base)
    scaled, scale = standardise(x, stratum, n_strata=n_strata, rows=used)
    return CoxRows(
        x=scaled,
        scale=scale,
        intervals=Intervals(first, last, np.flatnonzero(first > segments[stratum]), segments),
        event_row=event_row,
        event_slot=last[event_row] - 1,
        slot_stratum=slot_stratum,
        slot_time=np.append(times, np.nan)[np.minimum(rank - 1, len(times))],
        weight=weight[used],
        offset=centre(offset[used], stratum, n_strata=n_strata),
        stratum=stratum,
        n_strata=n_strata,
        position=used,
    )
