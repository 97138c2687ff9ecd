"""Rows weighted for the subdistribution hazard of one cause.

Who has had a competing event stays in the risk set of the cause, with the
probability of being still under observation there. A Cox model on these
rows is the model of Fine and Gray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blinreg.analyses.inputs import CountingProcess, Flags, Floats, Integers
from blinreg.analyses.row_sequence import row_sequence
from blinreg.schemas.errors import InputError

#: Some 5 GB with the Cox fit on them; beyond, coarser times say the same.
MAX_WEIGHTED_ROWS = 50_000_000


@dataclass(frozen=True, slots=True, eq=False)
class WeightedRows:
    """Rows of the subdistribution; arrays have one element a weighted row.

    Attributes
    ----------
    row : ndarray of int64
        Index of the row it comes from.
    start, stop : ndarray of float64
    weight : ndarray of float64
        1 up to a competing event, then the ratio of observation probabilities.
    """

    row: Integers
    start: Floats
    stop: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Observed:
    """Probability of being under observation: ``probability[j]`` on (cut[j-1], cut[j]]."""

    cut: Floats
    probability: Floats
    used: Integers  # intervals that hold an event of the cause


def weighted_rows(process: CountingProcess, stratum: Integers, cause: int) -> WeightedRows:
    """Extend the rows that end in a competing event, as ``survival::finegray`` does.

    Parameters
    ----------
    process : CountingProcess
        Checked rows; events are causes.
    stratum : ndarray of int64, shape (n_rows,)
        The observation probabilities are estimated within strata.
    cause : int
        The event of interest.

    Returns
    -------
    WeightedRows
        In the order of the rows given, the extensions of a row after it.

    Raises
    ------
    InputError
        A gap within a subject, a stratum that changes within one, a time at which nobody is
        under observation, from which no weight can be carried on, or too many weighted rows.

    Notes
    -----
    Geskus, Biometrics 2011;67:39-49, equation 11: the weight is G(t-) H(t-) relative to the
    competing event, G the Kaplan-Meier estimate of censoring (events come before
    censorings of the same day) and H that of late entry in reversed time. R:
    ``finegray(Surv(tstart, tstop, event) ~ ., id = id)``, which leaves entries out of account where
    none is later than the first end of a row; an entry on just that day is counted here.

    Examples
    --------
    >>> rows = CountingProcess(
    ...     subject=np.arange(4), start=np.zeros(4), stop=np.array([1.0, 2.0, 3.0, 4.0]),
    ...     event=np.array([2, 0, 1, 1]), n_subjects=4,
    ... )
    >>> made = weighted_rows(rows, np.zeros(4, dtype=np.int64), cause=1)
    >>> made.row.tolist(), made.stop.tolist(), made.weight.round(3).tolist()
    ([0, 0, 1, 2, 3], [2.0, 4.0, 2.0, 3.0, 4.0], [1.0, 0.667, 1.0, 1.0, 1.0])
    """
    first, last = _ends(process, stratum)
    stop = process.stop.copy()
    extra_row: list[Integers] = []
    extra_start: list[Floats] = []
    extra_stop: list[Floats] = []
    extra_weight: list[Floats] = []
    n_rows = stop.size
    extended = last & (process.event != 0) & (process.event != cause)
    for code in range(int(stratum.max()) + 1):
        members = np.flatnonzero(stratum == code)
        observed = _observed(process, members, first=first, last=last, cause=cause)
        if observed is None:
            continue
        chosen = members[extended[members]]
        held = np.searchsorted(observed.cut, process.stop[chosen])
        stop[chosen] = observed.cut[held]
        following = np.searchsorted(observed.used, held, side="right")
        n_more = observed.used.size - following
        n_rows += int(n_more.sum())
        _require_size(n_rows)
        source = np.repeat(np.arange(chosen.size), n_more)
        place = np.arange(source.size) - np.repeat(np.cumsum(n_more) - n_more, n_more) + following[source]
        interval = observed.used[place]
        then, now = observed.probability[held[source]], observed.probability[interval]
        if (then <= 0).any() or (now <= 0).any():
            raise InputError(
                "the risk set empties and fills again: at some time everybody left is censored, "
                "or everybody has just entered, and no weight can be carried over it",
                next_step="start or end the analysis where the risk set is not empty",
            )
        extra_row.append(chosen[source])
        extra_start.append(observed.cut[interval - 1])
        extra_stop.append(observed.cut[interval])
        extra_weight.append(now / then)
    row = np.concatenate([np.arange(stop.size), *extra_row])
    order = np.argsort(row, kind="stable")
    return WeightedRows(
        row=row[order],
        start=np.concatenate([process.start, *extra_start])[order],
        stop=np.concatenate([stop, *extra_stop])[order],
        weight=np.concatenate([np.ones(stop.size), *extra_weight])[order],
    )


def _require_size(n_rows: int) -> None:
    if n_rows > MAX_WEIGHTED_ROWS:
        raise InputError(
            f"the weighted rows would be more than {MAX_WEIGHTED_ROWS}: one for each subject with a competing event "
            "and each later interval between censorings",
            next_step="count time in weeks or months, or fit a sample of the subjects",
        )


def _ends(process: CountingProcess, stratum: Integers) -> tuple[Flags, Flags]:
    """Flag the first and the last row of each subject; refuse gaps and changing strata."""
    rows = row_sequence(process.subject, process.start, process.stop)
    gaps = rows.gaps()
    if gaps.size:
        raise InputError(
            f"{gaps.size} rows start after a gap in their subject's follow-up; weights need follow-up without gaps",
            next_step="fill the gaps, or keep each subject's follow-up up to the first gap",
        )
    changing = int(np.count_nonzero(rows.same & (np.diff(rows.sorted(stratum)) != 0)))
    if changing:
        raise InputError(
            f"the strata change {changing} times within subjects",
            next_step="give strata that are known at the origin and fixed",
        )
    first, last = rows.is_first(), rows.is_last()
    if rows.order is not None:
        back = np.argsort(rows.order)
        first, last = first[back], last[back]
    return first, last


def _observed(
    process: CountingProcess, members: Integers, *, first: Flags, last: Flags, cause: int
) -> _Observed | None:
    """Estimate the probability of observation in one stratum; None without an event of the cause."""
    start, stop, event = process.start[members], process.stop[members], process.event[members]
    times = np.unique(stop[event == cause])
    if not times.size:
        return None
    censored, still = _censoring(start, stop, event, last[members])
    entry, entered = _entry(start, stop, first[members])
    # The first entry is the first cut, so that each later moment has one before it.
    cut = np.union1d(entry, censored)
    by_then = entered[np.searchsorted(entry, cut, side="right") - 1]
    not_yet = np.concatenate(([1.0], still))[np.searchsorted(censored, cut, side="right")]
    probability = np.concatenate(([1.0], by_then * not_yet))
    cut = np.append(cut, stop.max())
    used = np.unique(np.searchsorted(cut, times))
    return _Observed(cut, probability, used)


def _censoring(start: Floats, stop: Floats, event: Integers, last: Flags) -> tuple[Floats, Floats]:
    """Kaplan-Meier estimate of staying uncensored, after each censoring time."""
    times, n_censored = np.unique(stop[last & (event == 0)], return_counts=True)
    begun = np.searchsorted(np.sort(start), times, side="left")
    ended = np.searchsorted(np.sort(stop), times, side="left")
    failing = np.sort(stop[event != 0])
    tied = np.searchsorted(failing, times, side="right") - np.searchsorted(failing, times, side="left")
    n = begun - ended - tied
    still: Floats = np.cumprod(1 - n_censored / n, dtype=np.float64)
    return times, still


def _entry(start: Floats, stop: Floats, first: Flags) -> tuple[Floats, Floats]:
    """Estimate the probability of having entered by each entry time, in reversed time."""
    times, n_entered = np.unique(start[first], return_counts=True)
    n = np.searchsorted(np.sort(start), times, side="right") - np.searchsorted(np.sort(stop), times, side="right")
    not_then = 1 - n_entered / n
    entered: Floats = np.append(np.cumprod(not_then[:0:-1], dtype=np.float64)[::-1], 1.0)
    return times, entered
