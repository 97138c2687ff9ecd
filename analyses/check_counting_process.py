"""What is wrong, or worth knowing, in (start, stop] rows: as data, before an analysis refuses them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from blinreg.analyses.inputs import CountingProcess, Integers, Rows, counting_arrays, missing_values, to_frame
from blinreg.analyses.row_sequence import RowSequence, row_sequence, zero_length
from blinreg.schemas.errors import InputError

_MEANING = {
    "missing": ("a value is missing", True),
    "zero_length": ("the row does not end after it starts", True),
    "overlap": ("the row starts before the one before it ends", True),
    "after_event": ("the row comes after an event of its subject", True),
    "teleport": ("the row is in another state than the row before led to, and follows at once", True),
    "jump": ("the row is in another state than the row before led to, after a gap", True),
    "gap": ("the row starts after the one before it has ended", False),
    "goes_back": ("the exposure is lower than in the row before", False),
}


@dataclass(frozen=True, slots=True, eq=False)
class CountingProcessCheck:
    """Findings in (start, stop] rows.

    Attributes
    ----------
    table : polars.DataFrame
        rule, column, is_refused, n_rows, n_subjects, meaning: one row a rule, also where nothing was
        found. `is_refused`: the estimators refuse such rows (gaps and exposures that go back are
        allowed, and counted here because they are often mistakes).
    examples : polars.DataFrame
        rule, column, row_number: the first rows found by each rule, numbered from 0 as given.
    transitions : polars.DataFrame
        from_state, to_state, n: changes by events, and last rows that end without one ("censored").
        The state is the last event of the subject; "start" before any.
    event_counts : polars.DataFrame
        event, n_events, n_subjects: how many subjects have the event so many times.
    subjects : polars.DataFrame
        subject, n_rows, n_events, first_start, last_stop, time_at_risk, n_gaps, n_overlaps.
    n_rows, n_subjects, n_events : int
        Of the complete rows.
    is_accepted : bool
        No rule that the estimators refuse by is broken.
    """

    table: pl.DataFrame
    examples: pl.DataFrame
    transitions: pl.DataFrame
    event_counts: pl.DataFrame
    subjects: pl.DataFrame
    n_rows: int
    n_subjects: int
    n_events: int
    is_accepted: bool


def check_counting_process(
    rows: Rows,
    *,
    id: str = "patient_id",  # noqa: A002 - the field's name for the column
    start: str | None = "tstart",
    stop: str = "tstop",
    event: str = "event",
    state: str | None = None,
    exposures: Sequence[str] = (),
    terminal: bool = True,
    n_examples: int = 5,
) -> CountingProcessCheck:
    """Check (start, stop] rows and report what is found, without refusing.

    Parameters
    ----------
    rows : Rows
        polars, pandas or Arrow table, or DuckDB relation.
    id, start, stop : str
        Columns; ``start=None`` is entry at 0.
    event : str
        0 nothing, otherwise the code of what happened at `stop` (boolean or whole number).
    state : str, optional
        Column of the state during the row, in the codes of `event`, to find rows that are in
        another state than the events led to.
    exposures : sequence of str
        Columns of exposures that start and do not end: a value below that of the row before is reported.
    terminal : bool
        The event ends follow-up. False for recurrent endpoints: rows after it are then right.
    n_examples : int
        Row numbers given for each rule, at most.

    Returns
    -------
    CountingProcessCheck

    Raises
    ------
    InputError
        A named column is absent or does not hold numbers; there are no complete rows.

    Notes
    -----
    The rules are the ones the estimators refuse by, in the same code. R: ``survcheck(Surv(start, stop,
    event) ~ 1, id = id)``, whose overlap, gap, jump and teleport these are.

    Examples
    --------
    >>> rows = pl.DataFrame({"patient_id": [1, 1, 2], "tstart": [0, 8, 0], "tstop": [10, 20, 5], "event": [0, 1, 0]})
    >>> found = check_counting_process(rows)
    >>> found.table.filter(pl.col("n_rows") > 0).select("rule", "n_rows", "n_subjects").rows()
    [('overlap', 1, 1)]
    >>> found.examples["row_number"].to_list(), found.is_accepted
    ([1], False)
    """
    named = [name for name in (id, start, stop, event, state, *exposures) if name is not None]
    given = to_frame(rows, named)
    absent = missing_values(given).select(pl.any_horizontal(pl.all())).to_series()
    frame = given.filter(~absent)
    if not frame.height:
        raise InputError(
            f"there are no complete rows ({given.height} with a missing value)", next_step="check what was selected"
        )
    process = counting_arrays(frame, id=id, start=start, stop=stop, event=event, causes=True)
    sequence = row_sequence(process.subject, process.start, process.stop)
    found = _broken(process, sequence, terminal=terminal)
    if state is not None:
        as_process = counting_arrays(frame, id=id, start=start, stop=stop, event=state, causes=True)
        entered = np.where(process.event > 0, process.event, -1)
        teleports, jumps = sequence.displaced(as_process.event, entered)
        found |= {("teleport", state): teleports, ("jump", state): jumps}
    found |= {("goes_back", name): sequence.lowered(_numbers(frame[name])) for name in exposures}

    complete = np.flatnonzero(~absent.to_numpy())
    incomplete = given.filter(absent)
    missing = _finding(("missing", None), incomplete.height, incomplete[id].drop_nulls().n_unique())
    table = [missing] + [_finding(key, rows.size, _n_unique(process, rows)) for key, rows in found.items()]
    numbers: dict[_Key, Integers] = {("missing", None): np.flatnonzero(absent.to_numpy())}
    numbers |= {key: complete[rows] for key, rows in found.items()}
    return CountingProcessCheck(
        table=pl.DataFrame(table, schema_overrides={"column": pl.String}),
        examples=_examples(numbers, n_examples),
        transitions=_transitions(process, sequence),
        event_counts=_event_counts(process),
        subjects=_subjects(frame[id], process, found),
        n_rows=frame.height,
        n_subjects=process.n_subjects,
        n_events=int(np.count_nonzero(process.event)),
        is_accepted=not any(row["is_refused"] and row["n_rows"] for row in table),
    )


_Key = tuple[str, str | None]


def _broken(process: CountingProcess, sequence: RowSequence, *, terminal: bool) -> dict[_Key, Integers]:
    found: dict[_Key, Integers] = {
        ("zero_length", None): zero_length(process.start, process.stop),
        ("overlap", None): sequence.overlaps(),
        ("gap", None): sequence.gaps(),
    }
    if terminal:
        found["after_event", None] = sequence.after_event(process.event)
    return found


def _numbers(column: pl.Series) -> npt.NDArray[np.float64]:
    if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        raise InputError(
            f"exposure {column.name} is {column.dtype}, not a number",
            next_step="code its states 0, 1, ... in their order",
        )
    return column.cast(pl.Float64).to_numpy()


def _finding(key: _Key, n_rows: int, n_subjects: int) -> dict[str, Any]:
    rule, column = key
    meaning, is_refused = _MEANING[rule]
    return {
        "rule": rule,
        "column": column,
        "is_refused": is_refused,
        "n_rows": n_rows,
        "n_subjects": n_subjects,
        "meaning": meaning,
    }


def _n_unique(process: CountingProcess, rows: Integers) -> int:
    return int(np.unique(process.subject[rows]).size)


def _examples(numbers: dict[_Key, Integers], n_examples: int) -> pl.DataFrame:
    lines = [
        (rule, column, number)
        for (rule, column), rows in numbers.items()
        for number in rows[: max(n_examples, 0)].tolist()
    ]
    schema = {"rule": pl.String, "column": pl.String, "row_number": pl.Int64}
    return pl.DataFrame(lines, schema=schema, orient="row")


def _transitions(process: CountingProcess, sequence: RowSequence) -> pl.DataFrame:
    """Count changes by events, and ends without one, as R's survcheck does."""
    event = sequence.sorted(process.event)
    last = sequence.last_before(event != 0)
    came_from = np.where(last >= 0, event[last], 0)
    kept = (event != 0) | sequence.is_last()
    counted = pl.DataFrame({"came_from": came_from[kept], "went_to": event[kept]})
    # Ends without an event come last, as in R's table.
    return (
        counted.group_by("came_from", "went_to")
        .len("n")
        .sort(["came_from", pl.col("went_to") == 0, "went_to"])
        .select(
            pl.when(pl.col("came_from") == 0)
            .then(pl.lit("start"))
            .otherwise(pl.col("came_from").cast(pl.String))
            .alias("from_state"),
            pl.when(pl.col("went_to") == 0)
            .then(pl.lit("censored"))
            .otherwise(pl.col("went_to").cast(pl.String))
            .alias("to_state"),
            pl.col("n").cast(pl.Int64),
        )
    )


def _event_counts(process: CountingProcess) -> pl.DataFrame:
    frames = []
    for code in np.unique(process.event[process.event > 0]).tolist():
        times = np.bincount(process.subject[process.event == code], minlength=process.n_subjects)
        n_events, n_subjects = np.unique(times, return_counts=True)
        frames.append(pl.DataFrame({"event": code, "n_events": n_events, "n_subjects": n_subjects}))
    schema = {"event": pl.Int64, "n_events": pl.Int64, "n_subjects": pl.Int64}
    return pl.concat(frame.cast(pl.Schema(schema)) for frame in frames) if frames else pl.DataFrame(schema=schema)


def _subjects(names: pl.Series, process: CountingProcess, found: dict[_Key, Integers]) -> pl.DataFrame:
    first = np.full(process.n_subjects, np.inf)
    last = np.full(process.n_subjects, -np.inf)
    np.minimum.at(first, process.subject, process.start)
    np.maximum.at(last, process.subject, process.stop)
    position = np.empty(process.n_subjects, dtype=np.int64)
    position[process.subject] = np.arange(process.subject.size)

    def count(rows: Integers) -> Integers:
        return np.bincount(process.subject[rows], minlength=process.n_subjects).astype(np.int64)

    lengths = np.bincount(process.subject, weights=process.stop - process.start, minlength=process.n_subjects)
    return pl.DataFrame(
        {
            "subject": names[position.tolist()],
            "n_rows": count(np.arange(process.subject.size)),
            "n_events": count(np.flatnonzero(process.event)),
            "first_start": first,
            "last_stop": last,
            "time_at_risk": lengths,
            "n_gaps": count(found["gap", None]),
            "n_overlaps": count(found["overlap", None]),
        }
    )
