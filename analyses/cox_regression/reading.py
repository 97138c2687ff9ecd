"""Rows of a large Cox fit: read in batches, checked, and kept in few bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import polars as pl

from blinreg.analyses.compact import Compact, CompactColumn, TextCodes, compact_numbers, distinct, join, total_bytes
from blinreg.analyses.cox_regression.batches import Batches
from blinreg.analyses.cox_regression.columns import CoxColumns, finite_numbers, positive_weights
from blinreg.analyses.cox_regression.subjects import SubjectTally, check_unordered, detached
from blinreg.analyses.design import MAX_LEVELS, Covariate, check_covariate_type, check_finite, is_text, list_terms
from blinreg.analyses.inputs import Missing, MissingTally, counting_process
from blinreg.analyses.workers import Workers
from blinreg.schemas.errors import InputError

#: The columns of a batch, by name.
RawRows: TypeAlias = dict[str, Compact]

#: Beyond this the rows are not kept but read again for every pass.
MEMORY_BYTES = 3 * 2**30
#: Rows left out between two that are kept as a sample; prime, so that no pattern of rows a subject is met.
SAMPLE_STEP = 61


@dataclass(frozen=True, slots=True, eq=False)
class CoxTable:
    """What one walk through the rows tells.

    Attributes
    ----------
    names : CoxColumns
    rows : list of dict of str to array, or None
        The compact columns, batch by batch; None where they are too large to keep.
    sample : dict of str to array
        Every `SAMPLE_STEP`-th row.
    cluster : list of polars.Series
        The cluster column in parts, where the rows are kept.
    covariates : tuple of Covariate
    texts : dict of str to TextCodes
        Of the columns that are text.
    ranges : dict of str to (low, high)
        Of every compact column.
    times : array
        The distinct event times, increasing.
    strata_values : tuple of array
        The distinct values of each column of strata.
    n_rows, n_missing, n_subjects, n_repeated, n_events : int
    has_fractions : bool
        Some case weight is not a whole number.
    """

    names: CoxColumns
    rows: list[RawRows] | None
    sample: RawRows
    cluster: list[pl.Series]
    covariates: tuple[Covariate, ...]
    texts: dict[str, TextCodes]
    ranges: dict[str, tuple[float, float]]
    times: Compact
    strata_values: tuple[Compact, ...]
    n_rows: int
    n_missing: int
    n_subjects: int
    n_repeated: int
    n_events: int
    has_fractions: bool


def read_table(batches: Batches, names: CoxColumns, workers: Workers, *, missing: Missing) -> CoxTable:
    """Walk through the rows once: check all of them and keep them where they fit.

    Parameters
    ----------
    batches : Batches
        With the columns ``names.named``.
    names : CoxColumns
        The columns of the call.
    workers : Workers
        Threads for the columns of a batch.
    missing : {"refuse", "complete_case"}
        What to do with incomplete rows.

    Raises
    ------
    InputError
        What `counting_process` and `build_design` refuse.
    """
    reader = CoxReader(names, missing, workers)
    for batch in batches:
        reader.add(batch, whole=batches.in_memory)
    return reader.table(batches)


def raw_batches(batches: Batches, table: CoxTable) -> Iterator[RawRows]:
    """Walk through the rows again, without checks."""
    tally = MissingTally("complete_case")
    for batch in batches:
        frame = tally.keep(batch) if table.n_missing else batch
        if frame.height:
            yield {name: _compact(frame[name], table.texts, own=True).values for name in table.ranges}


@dataclass(slots=True, eq=False)
class _Kept:
    """Batches kept so far."""

    parts: list[RawRows] = field(default_factory=list)
    sample: dict[str, list[Compact]] = field(default_factory=dict)
    cluster: list[pl.Series] = field(default_factory=list)
    n_bytes: int = 0
    full: bool = False

    def add(self, rows: RawRows, cluster: pl.Series | None, *, offset: int) -> None:
        self.n_bytes += total_bytes(list(rows.values())) + (0 if cluster is None else int(cluster.estimated_size()))
        self.full = self.full or self.n_bytes > MEMORY_BYTES
        for name, values in rows.items():
            self.sample.setdefault(name, []).append(values[-offset % SAMPLE_STEP :: SAMPLE_STEP].copy())
        if self.full:
            self.parts, self.cluster = [], []
            return
        self.parts.append(rows)
        if cluster is not None:
            self.cluster.append(cluster)


class CoxReader:
    """Takes batches of rows one after the other."""

    def __init__(self, names: CoxColumns, missing: Missing, workers: Workers) -> None:
        self.names = names
        self.workers = workers
        self.tally = MissingTally(missing)
        self.subjects = SubjectTally()
        self.texts: dict[str, TextCodes] = {}
        self.ranges: dict[str, tuple[float, float]] = {}
        self.dtypes: dict[str, pl.DataType] = {}
        self.times: list[Compact] = []
        self.strata: list[list[Compact]] = [[] for _ in names.strata]
        self.kept = _Kept()
        self.n_events = 0
        self.has_fractions = False

    def add(self, batch: pl.DataFrame, *, whole: bool) -> None:
        """Check a batch; ``whole`` says that it is the whole table, in the caller's memory."""
        begin = self.tally.n_rows
        frame = self._complete(batch)
        self.dtypes.update(frame.schema)
        if not frame.height:
            return
        try:
            columns = self._columns(frame, own=not whole)
        except InputError as error:
            if whole:
                raise
            where = f"in rows {begin + 1} to {self.tally.n_rows}: "
            raise InputError(where + error.what, next_step=error.next_step) from error
        rows = {name: column.values for name, column in columns.items()}
        names = self.names
        event = rows[names.event]
        start = np.zeros(len(event), dtype=np.uint8) if names.start is None else rows[names.start]
        if names.id is not None:
            self.subjects.add(frame[names.id], start, rows[names.stop], event)
        for name, column in columns.items():
            low, high = self.ranges.get(name, (np.inf, -np.inf))
            self.ranges[name] = (min(low, column.low), max(high, column.high))
        self.times.append(distinct(rows[names.stop][event == 1]))
        for seen, name in zip(self.strata, names.strata, strict=True):
            seen.append(distinct(rows[name]))
        cluster = None if names.cluster is None else detached(frame[names.cluster])
        self.kept.add(rows, cluster, offset=begin - self.tally.n_missing)
        self.n_events += int(np.count_nonzero(event))
        # A compact column of whole numbers is of a whole type.
        self.has_fractions |= names.weights is not None and rows[names.weights].dtype.kind == "f"

    def table(self, batches: Batches) -> CoxTable:
        """End the walk."""
        self.tally.check()
        n_rows, names = self.tally.n_rows - self.tally.n_missing, self.names
        n_subjects, n_repeated = (n_rows, 0) if names.id is None else self._subjects(batches)
        covariates = tuple(
            Covariate(name, self.dtypes[name], tuple(sorted(self.texts[name].levels)) if name in self.texts else None)
            for name in names.covariates
        )
        return CoxTable(
            names=names,
            rows=None if self.kept.full else self.kept.parts,
            sample={name: join(parts) for name, parts in self.kept.sample.items()},
            cluster=self.kept.cluster,
            covariates=covariates,
            texts=self.texts,
            ranges=self.ranges,
            times=np.unique(np.concatenate(self.times)),
            strata_values=tuple(np.unique(np.concatenate(seen)) for seen in self.strata),
            n_rows=n_rows,
            n_missing=self.tally.n_missing,
            n_subjects=n_subjects,
            n_repeated=n_repeated,
            n_events=self.n_events,
            has_fractions=self.has_fractions,
        )

    def _subjects(self, batches: Batches) -> tuple[int, int]:
        """Count subjects and those with several events; rows in no order are looked at again, all together."""
        names, tally = self.names, self.subjects
        if tally.in_order or names.id is None:
            return tally.n_subjects, tally.n_repeated
        again = MissingTally("complete_case")
        needed = [name for name in (names.id, names.start, names.stop, names.event) if name is not None]
        walk = (again.keep(batch) for batch in batches) if self.tally.n_missing else batches.select(needed)
        return check_unordered(walk, id=names.id, start=names.start, stop=names.stop, event=names.event)

    def _complete(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Leave out incomplete rows; the mask of every value is made only where something is missing."""
        gaps = any(column.null_count() for column in batch) or any(
            bool(column.is_nan().any()) for column in batch if column.dtype.is_float()
        )
        if gaps:
            return self.tally.keep(batch)
        self.tally.n_rows += batch.height
        return batch

    def _columns(self, frame: pl.DataFrame, *, own: bool) -> dict[str, CompactColumn]:
        """Compact the columns; where a value breaks a rule, let the rule's own check say so."""
        names = self.names
        for name in names.covariates:
            check_covariate_type(name, frame.schema[name])
        optional = tuple(name for name in (names.weights, names.offset) if name is not None)
        times = tuple(name for name in (names.start, names.stop, names.event) if name is not None)
        wanted = dict.fromkeys((*times, *names.covariates, *names.strata, *optional))
        compacted = self.workers.map(lambda name: _compact(frame[name], self.texts, own=own), wanted)
        columns = dict(zip(wanted, compacted, strict=True))
        if not _counting_is_sound(names, columns):
            counting_process(frame, id=names.id, start=names.start, stop=names.stop, event=names.event, terminal=False)
        for name in names.covariates:
            self._check_covariate(name, columns[name])
        if names.weights is not None and not _within(columns[names.weights], low=0.0):
            positive_weights(frame[names.weights])
        if names.offset is not None and not _within(columns[names.offset]):
            finite_numbers(frame[names.offset], "offset")
        return columns

    def _check_covariate(self, name: str, column: CompactColumn) -> None:
        if name not in self.texts:
            if not _within(column):
                check_finite(name, column.values)
        elif len(self.texts[name].levels) > MAX_LEVELS:
            list_terms([Covariate(name, self.dtypes[name], tuple(self.texts[name].levels))], [name], None)


def _compact(column: pl.Series, texts: dict[str, TextCodes], *, own: bool) -> CompactColumn:
    if is_text(column.dtype):
        return texts.setdefault(column.name, TextCodes()).codes(column, own=own)
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return compact_numbers(column, own=own)
    return compact_numbers(column.to_physical(), own=own)


def _counting_is_sound(names: CoxColumns, columns: dict[str, CompactColumn]) -> bool:
    stop, event = columns[names.stop], columns[names.event]
    start = CompactColumn(np.zeros(1, dtype=np.uint8), 0.0, 0.0) if names.start is None else columns[names.start]
    return (
        all(_within(column) for column in (start, stop))
        and event.values.dtype == np.uint8
        and event.high <= 1
        and bool((start.values < stop.values).all())
    )


def _within(column: CompactColumn, *, low: float = -np.inf) -> bool:
    return bool(low < column.low and column.high < np.inf)
