"""Risk tables: who is at risk, enters, leaves and why, per distinct time.

Every survival estimator of this package depends on the data only through these
sums, by stratum and group. They are whole numbers and they add: over batches,
partitions and hospitals that may exchange counts but not rows (`merge`), as
long as each subject is whole in one part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from blinreg.analyses.compact import distinct_places
from blinreg.analyses.inputs import CountingProcess, Flags, Floats, Integers
from blinreg.analyses.row_sequence import subject_order
from blinreg.schemas.errors import InputError

#: The value of a group column, or the values of the strata columns.
Label: TypeAlias = str | int | float | bool | tuple[object, ...]

#: How curves treat what happens at one time; stamped on them.
EVENTS_FIRST = "events before censorings"


@dataclass(frozen=True, slots=True, eq=False)
class RiskTable:
    """Sums per stratum and distinct time (R rows), group (G) and cause (C).

    A *spell* is a run of rows of one subject in one stratum and group without a
    gap; only its two ends count, so that splitting a row changes nothing.

    Attributes
    ----------
    groups, strata : tuple of Label
        Labels in order; columns of the arrays are groups.
    causes : tuple of int
        Codes of the event, ``(1,)`` for a single kind.
    stratum : ndarray of int64, shape (R,)
        Index into `strata`; rows are sorted by stratum and time.
    time : ndarray of float64, shape (R,)
    n_entered : ndarray of int64, shape (R, G)
        Spells that start at the time; at risk from just after it.
    n_crossed : ndarray of int64, shape (R, G)
        Spells that end because the subject goes on in another group or stratum.
    n_censored : ndarray of int64, shape (R, G)
        Spells that end with neither event nor crossing.
    n_events : ndarray of int64, shape (R, G, C)
    n_subjects : ndarray of int64, shape (G,)
        Subjects ever at risk in the group; one who crosses is in both.
    n : int
        Subjects, each once.
    """

    groups: tuple[Label, ...]
    strata: tuple[Label, ...]
    causes: tuple[int, ...]
    stratum: Integers
    time: Floats
    n_entered: Integers
    n_crossed: Integers
    n_censored: Integers
    n_events: Integers
    n_subjects: Integers
    n: int

    def n_at_risk(self) -> Integers:
        """Count the subjects at risk at each time, shape (R, G): start < time <= stop."""
        moves = self.n_entered - self.n_left()
        # Everyone who enters a stratum leaves it, so one running sum serves all strata.
        before: Integers = np.cumsum(moves, axis=0) - moves
        return before

    def n_left(self) -> Integers:
        """Count the spells that end at each time, shape (R, G), for any reason."""
        left: Integers = self.n_crossed + self.n_censored + self.n_events.sum(axis=2)
        return left


def risk_table(
    process: CountingProcess,
    group: Integers,
    stratum: Integers,
    *,
    groups: tuple[Label, ...],
    strata: tuple[Label, ...] = ("all",),
    causes: tuple[int, ...] = (1,),
) -> RiskTable:
    """Sum (start, stop] rows into a risk table, in the time of one sort.

    Parameters
    ----------
    process : CountingProcess
        Checked rows.
    group, stratum : ndarray of int64, shape (n_rows,)
        Indices into `groups` and `strata`.
    groups, strata : tuple of Label
        Their labels.
    causes : tuple of int
        The event codes, in the order of the last axis of `n_events`.

    Returns
    -------
    RiskTable

    Examples
    --------
    >>> import numpy as np
    >>> rows = CountingProcess(
    ...     subject=np.array([0, 1]), start=np.zeros(2), stop=np.array([3.0, 5.0]),
    ...     event=np.array([1, 0]), n_subjects=2,
    ... )
    >>> one = np.zeros(2, dtype=np.int64)
    >>> table = risk_table(rows, one, one, groups=("all",))
    >>> table.time.tolist(), table.n_at_risk()[:, 0].tolist()
    ([0.0, 3.0, 5.0], [0, 2, 1])
    """
    order = subject_order(process.subject, process.start)
    subject, start, stop = process.subject[order], process.start[order], process.stop[order]
    event = process.event[order]
    cell = stratum[order] * len(groups) + group[order]
    goes_on = (subject[1:] == subject[:-1]) & (start[1:] == stop[:-1]) & (event[:-1] == 0)
    same_spell = goes_on & (cell[1:] == cell[:-1])
    enters = np.concatenate(([True], ~same_spell))
    leaves = np.concatenate((~same_spell, [True]))
    crosses = np.concatenate((goes_on & ~same_spell, [False]))

    places = (np.concatenate((cell[enters], cell[leaves])) // len(groups)).astype(np.int64)
    row_stratum, row_time, position = _distinct(places, np.concatenate((start[enters], stop[leaves])))
    n_entries = int(enters.sum())
    shape = (row_time.size, len(groups))

    def count(chosen: Flags, at: Integers) -> Integers:
        flat = at * len(groups) + cell[chosen] % len(groups)
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.int64, copy=False)

    left_at = np.zeros(order.size, dtype=np.int64)
    left_at[leaves] = position[n_entries:]
    ends = {cause: leaves & (event == cause) for cause in causes}
    censored = leaves & ~crosses & (event == 0)
    ever_in = np.zeros((process.n_subjects, len(groups)), dtype=np.bool_)
    ever_in[subject, cell % len(groups)] = True
    return RiskTable(
        groups=groups,
        strata=strata,
        causes=causes,
        stratum=row_stratum,
        time=row_time,
        n_entered=count(enters, position[:n_entries]),
        n_crossed=count(crosses, left_at[crosses]),
        n_censored=count(censored, left_at[censored]),
        n_events=np.stack([count(chosen, left_at[chosen]) for chosen in ends.values()], axis=2),
        n_subjects=ever_in.sum(axis=0, dtype=np.int64),
        n=int(np.count_nonzero(ever_in.any(axis=1))),
    )


def merge(first: RiskTable, second: RiskTable) -> RiskTable:
    """Add two risk tables; equal to the table of the pooled rows.

    The two must not share subjects (two hospitals, two batches of patients).
    Groups and strata that only one of them knows are kept.

    Parameters
    ----------
    first, second : RiskTable
        Of different subjects.

    Returns
    -------
    RiskTable

    Raises
    ------
    InputError
        Labels of different kinds, which have no common order.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.zeros(1, dtype=np.int64)
    >>> rows = CountingProcess(one, np.zeros(1), np.array([3.0]), np.array([1]), n_subjects=1)
    >>> site = risk_table(rows, one, one, groups=("all",))
    >>> merge(site, site).n_at_risk()[:, 0].tolist()
    [0, 2]
    """
    groups, strata = _union(first.groups, second.groups), _union(first.strata, second.strata)
    causes = tuple(sorted({*first.causes, *second.causes}))
    parts = (first, second)
    place = np.concatenate([_positions(part.strata, strata)[part.stratum] for part in parts])
    row_stratum, row_time, position = _distinct(place, np.concatenate([part.time for part in parts]))

    def added(counts: Callable[[RiskTable], Integers]) -> Integers:
        total = np.zeros((row_time.size, len(groups)), dtype=np.int64)
        for part, at in zip(parts, np.split(position, [first.time.size]), strict=True):
            np.add.at(total, np.ix_(at, _positions(part.groups, groups)), counts(part))
        return total

    def events(cause: int) -> Callable[[RiskTable], Integers]:
        def of(part: RiskTable) -> Integers:
            if cause not in part.causes:
                return np.zeros_like(part.n_entered)
            return part.n_events[:, :, part.causes.index(cause)]

        return of

    n_subjects = np.zeros(len(groups), dtype=np.int64)
    for part in parts:
        n_subjects[_positions(part.groups, groups)] += part.n_subjects
    return RiskTable(
        groups=groups,
        strata=strata,
        causes=causes,
        stratum=row_stratum,
        time=row_time,
        n_entered=added(lambda part: part.n_entered),
        n_crossed=added(lambda part: part.n_crossed),
        n_censored=added(lambda part: part.n_censored),
        n_events=np.stack([added(events(cause)) for cause in causes], axis=2),
        n_subjects=n_subjects,
        n=first.n + second.n,
    )


def _distinct(stratum: Integers, time: Floats) -> tuple[Integers, Floats, Integers]:
    """Find the distinct (stratum, time) pairs in order, and the pair of each element."""
    times, time_code = distinct_places(time)
    key, position = distinct_places(stratum * times.size + time_code)
    return key // times.size, times[key % times.size], position


def _union(first: tuple[Label, ...], second: tuple[Label, ...]) -> tuple[Label, ...]:
    try:
        return tuple(sorted({*first, *second}))
    except TypeError:
        raise InputError(
            "the two risk tables label their groups or strata with values of different kinds",
            next_step="code the column alike in both parts",
        ) from None


def _positions(labels: tuple[Label, ...], among: tuple[Label, ...]) -> Integers:
    return np.array([among.index(label) for label in labels], dtype=np.int64)
