"""Counts of a yes/no outcome in groups, each against a reference group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.analyses.binary_outcome import binary_outcome
from blinreg.analyses.grouping import group_names
from blinreg.analyses.inputs import Integers, Missing, Rows, complete_rows, to_frame
from blinreg.analyses.observation import coded
from blinreg.schemas.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class GroupCounts:
    """Subjects and events per stratum (K) and group (G).

    Attributes
    ----------
    groups : tuple of str
        The reference first, the others in their order.
    strata : tuple of str
        Labels; one for no strata.
    n, n_events : ndarray of int64, shape (K, G)
    n_missing : int
        Rows left out as incomplete.
    """

    groups: tuple[str, ...]
    strata: tuple[str, ...]
    n: Integers
    n_events: Integers
    n_missing: int


def group_counts(
    rows: Rows,
    outcome: str,
    by: str,
    *,
    strata: Sequence[str] = (),
    reference: str | None = None,
    count: str | None = None,
    missing: Missing = "refuse",
) -> GroupCounts:
    """Count subjects and events.

    Parameters
    ----------
    rows : Rows
        One row a subject, or with `count` one row for several.
    outcome : str
        Column, boolean or 0/1.
    by : str
        Column of the groups.
    strata : sequence of str
        Columns; their combinations are the strata.
    reference : str, optional
        The group compared against; by default the first in sorted order.
    count : str, optional
        Column of how many subjects a row stands for.
    missing : {"refuse", "complete_case"}
        What to do with a row in which a named column has no value.

    Returns
    -------
    GroupCounts

    Raises
    ------
    InputError
        A rule is broken; there is one group only; the reference is not among them.

    Examples
    --------
    >>> rows = pl.DataFrame({"responded": [1, 0], "arm": ["a", "b"], "n": [3, 4]})
    >>> found = group_counts(rows, "responded", "arm", count="n", reference="b")
    >>> found.groups, found.n_events.tolist()
    (('b', 'a'), [[0, 3]])
    """
    strata = (strata,) if isinstance(strata, str) else tuple(strata)
    named = [outcome, by, *strata, *([] if count is None else [count])]
    frame, n_missing = complete_rows(to_frame(rows, named), missing)
    happened = binary_outcome(frame[outcome]).astype(np.int64)
    weight = np.ones(frame.height, dtype=np.int64) if count is None else _whole(frame[count])
    names, group = group_names(frame[by])
    if len(names) < 2:
        raise InputError(
            f"column {by} has one value in {frame.height} rows: nothing to compare",
            next_step="check the population and the grouping",
        )
    order = _reference_first(names, reference, by)
    stratum, labels = coded(frame, strata, n_rows=frame.height)
    cell = stratum * len(names) + np.argsort(order)[group]
    n, n_events = np.zeros((2, len(labels) * len(names)), dtype=np.int64)
    np.add.at(n, cell, weight)
    np.add.at(n_events, cell, weight * happened)
    shape = (len(labels), len(names))
    empty = np.flatnonzero(n.reshape(shape).sum(axis=0) == 0)
    if empty.size:
        raise InputError(
            f"{empty.size} groups of column {by} count no subjects (all their {count} are 0)",
            next_step="leave their rows out",
        )
    return GroupCounts(
        groups=tuple(names[place] for place in order),
        strata=tuple(", ".join(map(str, label)) or "all" for label in labels),
        n=n.reshape(shape),
        n_events=n_events.reshape(shape),
        n_missing=n_missing,
    )


def comparison_frame(counts: GroupCounts) -> pl.DataFrame:
    """Lay out the first stratum as one row for each group but the reference.

    Returns
    -------
    polars.DataFrame
        group, reference, n, n_events, n_reference, n_events_reference.
    """
    n, n_events = counts.n[0], counts.n_events[0]
    k = len(counts.groups) - 1
    return pl.DataFrame(
        {
            "group": counts.groups[1:],
            "reference": [counts.groups[0]] * k,
            "n": n[1:],
            "n_events": n_events[1:],
            "n_reference": np.full(k, n[0]),
            "n_events_reference": np.full(k, n_events[0]),
        }
    )


def _reference_first(names: list[str], reference: str | None, by: str) -> list[int]:
    order = list(range(len(names)))
    if reference is None:
        return order
    if reference not in names:
        raise InputError(
            f"reference={reference!r} is not a group of column {by}", next_step=f"use one of {', '.join(names)}"
        )
    order.remove(names.index(reference))
    return [names.index(reference), *order]


def _whole(column: pl.Series) -> Integers:
    if not column.dtype.is_numeric():
        raise InputError(f"count {column.name} is {column.dtype}, not a number", next_step="give whole numbers")
    values = column.cast(pl.Float64).to_numpy()
    wrong = int(np.count_nonzero((values < 0) | (values != np.floor(values)) | ~np.isfinite(values)))
    if wrong:
        raise InputError(
            f"count {column.name} is not a whole number, 0 or more, in {wrong} of {values.size} rows",
            next_step="count subjects; sampling weights have no place here",
        )
    return values.astype(np.int64)
