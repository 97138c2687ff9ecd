"""Rows of a large fit, batch by batch, from a frame in memory or a DuckDB relation."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import polars as pl

from blinreg.analyses.inputs import Rows, is_relation, relation_batches, to_frame


@dataclass(slots=True, eq=False)
class Batches:
    """The named columns of many rows; can be walked through again.

    A frame in memory is one batch. A relation is read as a stream, once for every
    walk, and is never held as a whole; while a stream is open its connection can do
    nothing else, so end with `close`.
    """

    source: Any
    columns: tuple[str, ...]
    seen: list[pl.DataFrame] = field(default_factory=list)
    stream: Generator[pl.DataFrame] | None = None

    @property
    def in_memory(self) -> bool:
        """The caller's frame is at hand as a whole."""
        return isinstance(self.source, pl.DataFrame)

    def __iter__(self) -> Iterator[pl.DataFrame]:
        if self.seen and self.stream is not None:
            seen, self.seen = self.seen, []
            return chain(seen, self.stream)
        return self.select(self.columns)

    def close(self) -> None:
        """End the stream that is open, if one is."""
        if self.stream is not None:
            self.stream.close()

    def frame(self) -> pl.DataFrame:
        """Take all rows at once."""
        return to_frame(self.source, self.columns)

    def select(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Walk through some of the columns only."""
        if isinstance(self.source, pl.DataFrame):
            return iter([self.source.select(list(dict.fromkeys(columns)))])
        self.close()
        self.stream = relation_batches(self.source, columns)
        return self.stream


def frame_or_batches(rows: Rows, columns: Sequence[str], *, many: int) -> pl.DataFrame | Batches:
    """Take rows as a frame where there are fewer than ``many``, else as batches.

    Parameters
    ----------
    rows : Rows
        See `blinreg.analyses.inputs.to_frame`.
    columns : sequence of str
        The columns wanted.
    many : int
        From this number of rows on, batches.

    Raises
    ------
    InputError
        A named column is absent, or `rows` is no table.

    Examples
    --------
    >>> type(frame_or_batches(pl.DataFrame({"a": [1, 2]}), ["a"], many=2)).__name__
    'Batches'
    """
    wanted = tuple(dict.fromkeys(columns))
    if not is_relation(rows):
        frame = to_frame(rows, wanted)
        return Batches(frame, wanted) if frame.height >= many else frame
    stream, seen, n_seen = relation_batches(rows, wanted), [], 0
    for batch in stream:
        seen.append(batch)
        n_seen += batch.height
        if n_seen >= many:
            return Batches(rows, wanted, seen, stream)
    return pl.concat(seen) if seen else to_frame(rows, wanted)
