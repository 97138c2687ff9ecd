"""Compact rows on the grid of event times, and how a chunk of them becomes covariates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blinreg.analyses.compact import Compact, ranks
from blinreg.analyses.cox_regression import kernel
from blinreg.analyses.cox_regression.reading import CoxTable, RawRows
from blinreg.analyses.cox_regression.sums import Array
from blinreg.analyses.design import Factor, Term

_PLACED_AT_ONCE = 1_000_000
# Strata whose means differ by no more than this many times the spread within them share one centre:
# squares of centred values then keep all but two of their digits.
_NEAR = 10.0
#: Rows a sample has at least, for centring and for the first guess of the coefficients.
SAMPLE_ROWS = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class PlacedRows:
    """Rows of a counting process, each with the slots in which it is at risk.

    Attributes
    ----------
    columns : dict of str to array (n,)
        Covariates; texts as codes.
    first, last : uint16 or uint32 array (n,)
        At risk in slots ``first <= k < last``. Every stratum has a slot for each event
        time and an empty one; first is 0 for all who are at risk from the first slot
        of their stratum.
    event : uint8 array (n,)
        1: fails at slot ``last - 1``.
    stratum : array (n,) or None
        None: one stratum.
    weight, offset : array (n,) or None
    cluster : uint32 array (n,) or None
        0 .. clusters - 1 over all parts.
    """

    columns: Mapping[str, Compact]
    first: NDArray[Any]
    last: NDArray[Any]
    event: NDArray[np.uint8]
    stratum: Compact | None
    weight: Compact | None
    offset: Compact | None
    cluster: NDArray[np.uint32] | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.event)

    def every(self, step: int) -> PlacedRows:
        """Copy every ``step``-th row."""
        return self._each(lambda values: values[::step].copy())

    def taken(self, order: NDArray[np.intp]) -> PlacedRows:
        """Copy rows in another order."""
        return self._each(lambda values: values[order])

    def _each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> PlacedRows:
        def taken(values: Any) -> Any:
            return None if values is None else change(values)

        return PlacedRows(
            {name: taken(values) for name, values in self.columns.items()},
            taken(self.first),
            taken(self.last),
            taken(self.event),
            taken(self.stratum),
            taken(self.weight),
            taken(self.offset),
            taken(self.cluster),
        )


def stack(parts: Sequence[PlacedRows]) -> PlacedRows:
    """Copy the rows of all parts into one."""

    def stacked(pieces: list[Any]) -> Any:
        return None if pieces[0] is None else np.concatenate(pieces)

    return PlacedRows(
        {name: stacked([part.columns[name] for part in parts]) for name in parts[0].columns},
        stacked([part.first for part in parts]),
        stacked([part.last for part in parts]),
        stacked([part.event for part in parts]),
        stacked([part.stratum for part in parts]),
        stacked([part.weight for part in parts]),
        stacked([part.offset for part in parts]),
        stacked([part.cluster for part in parts]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Slots: for each stratum its number times the length, plus the rank of the event time."""

    times: Compact
    strata_values: tuple[Compact, ...]

    @property
    def length(self) -> int:
        """Slots a stratum: the event times and an empty one."""
        return len(self.times) + 1

    @property
    def n_strata(self) -> int:
        """Number of combinations of strata values, present or not."""
        return int(np.prod([len(values) for values in self.strata_values], dtype=np.int64))

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        return self.length * self.n_strata

    def place(self, rows: RawRows, table: CoxTable) -> PlacedRows:
        """Find the slots of rows."""
        names, n = table.names, len(rows[table.names.event])
        kind = np.uint16 if self.n_slots < 2**16 else np.uint32
        first, last = np.zeros(n, dtype=kind), np.empty(n, dtype=kind)
        stratum = None
        if self.n_strata > 1:
            stratum = np.zeros(n, dtype=np.uint8 if self.n_strata < 2**8 else np.uint32)
        for begin in range(0, n, _PLACED_AT_ONCE):
            part = slice(begin, begin + _PLACED_AT_ONCE)
            base: Any = 0
            if stratum is not None:
                codes = np.zeros(len(last[part]), dtype=np.int64)
                for name, values in zip(names.strata, self.strata_values, strict=True):
                    codes = codes * len(values) + ranks(rows[name][part], values, side="left")
                stratum[part] = codes
                base = codes * self.length
            last[part] = ranks(rows[names.stop][part], self.times, side="right") + base
            if names.start is not None:
                entry = ranks(rows[names.start][part], self.times, side="right")
                first[part] = entry if stratum is None else np.where(entry > 0, entry + base, 0)
        optional = [None if name is None else rows[name] for name in (names.weights, names.offset)]
        covariates = {name: rows[name] for name in names.covariates}
        # A column of the caller's frame may not be written to, which to the compiler is another type.
        event = np.require(rows[names.event], np.uint8, "W")
        return PlacedRows(covariates, first, last, event, stratum, optional[0], optional[1])


@dataclass(frozen=True, slots=True, eq=False)
class Decoder:
    """Turns compact columns into centred covariates.

    Attributes
    ----------
    terms : tuple of Term
    codes : dict of Factor to float
        The code of each level.
    centre : array (p, strata)
        Taken off each term; any value near its mean will do.
    is_common : tuple of bool
        The centre of a term is the same in all strata.
    offset_centre : array (strata,)
    scale : array (p,)
        A unit spread of each term: not divided out here.
    reach : array (p,)
        The largest distance from the centre there can be.
    offset_reach : float
    """

    terms: tuple[Term, ...]
    codes: Mapping[Factor, float]
    centre: Array
    is_common: tuple[bool, ...]
    offset_centre: Array
    scale: Array
    reach: Array
    offset_reach: float

    def fill(self, rows: PlacedRows, part: slice, out: Array) -> None:
        """Write the centred terms of some rows to ``out`` (p, m)."""
        for j, term in enumerate(self.terms):
            (first, *others), is_common = term.factors, self.is_common[j]
            if is_common and not others and first.level is None:
                kernel.centre(rows.columns[first.column][part], self.centre[j, 0], out[j])
                continue
            fill_term(rows, part, term, self.codes, out[j])
            out[j] -= self.centre[j, 0] if is_common else self.centre[j][_strata(rows)[part]]

    def fill_offset(self, rows: PlacedRows, part: slice, out: Array) -> None:
        """Write the centred offset of some rows to ``out`` (m,): zero where there is none."""
        if rows.offset is None:
            out[:] = 0.0
            return
        centre = self.offset_centre[0] if rows.stratum is None else self.offset_centre[rows.stratum[part]]
        np.subtract(rows.offset[part], centre, out=out)


def fill_term(rows: PlacedRows, part: slice, term: Term, codes: Mapping[Factor, float], out: Array) -> None:
    """Write the values of a term to ``out`` (m,), not centred."""
    for place, factor in enumerate(term.factors):
        values = rows.columns[factor.column][part]
        if factor.level is not None:
            values = values == codes[factor]
        if place == 0:
            out[:] = values
        else:
            out *= values


def decoder(terms: Sequence[Term], table: CoxTable, sample: PlacedRows, n_strata: int) -> Decoder:
    """Centre and scale terms by a sample of the rows.

    Centres and scales change rounding only, so a sample serves. A term that is
    constant in the sample is centred on that value exactly.
    """
    codes = {
        factor: float(table.texts[factor.column].levels.index(factor.level))
        for term in terms
        for factor in term.factors
        if factor.level is not None
    }
    stratum = np.zeros(sample.n, dtype=np.intp) if sample.stratum is None else sample.stratum.astype(np.intp)
    everything, values = slice(None), np.empty(sample.n)
    centre, scale, reach = np.empty((len(terms), n_strata)), np.ones(len(terms)), np.empty(len(terms))
    for j, term in enumerate(terms):
        fill_term(sample, everything, term, codes, values)
        common, centre[j] = float(values.mean()), _centres(values, stratum, n_strata)
        values -= centre[j][stratum]
        spread = float(np.sqrt(np.mean(values * values)))
        if n_strata > 1 and np.abs(centre[j] - common).max() <= _NEAR * spread:
            centre[j] = common
        reach[j] = _largest(term, table) + float(np.abs(centre[j]).max())
        scale[j] = spread or reach[j] or 1.0
    offset_centre = np.zeros(n_strata)
    offset_reach = 0.0
    if sample.offset is not None and table.names.offset is not None:
        offset_centre = _centres(sample.offset.astype(np.float64), stratum, n_strata)
        offset_reach = float(np.abs(table.ranges[table.names.offset]).max() + np.abs(offset_centre).max())
    is_common = tuple(bool((values == values[0]).all()) for values in centre)
    return Decoder(tuple(terms), codes, centre, is_common, offset_centre, scale, reach, offset_reach)


def _strata(rows: PlacedRows) -> Compact:
    return np.zeros(rows.n, dtype=np.uint8) if rows.stratum is None else rows.stratum


def _centres(values: Array, stratum: NDArray[np.intp], n_strata: int) -> Array:
    """Mean of each stratum; the overall mean for strata not in the sample; exact where there is one value."""
    if n_strata == 1:
        low_value, high_value = values.min(), values.max()
        return np.array([low_value if low_value == high_value else values.mean()])
    size = np.bincount(stratum, minlength=n_strata)
    low, high = np.full(n_strata, np.inf), np.full(n_strata, -np.inf)
    np.minimum.at(low, stratum, values)
    np.maximum.at(high, stratum, values)
    mean = np.bincount(stratum, weights=values, minlength=n_strata) / np.maximum(size, 1)
    known = np.where(size > 0, mean, values.mean())
    return np.where(low == high, low, known)


def _largest(term: Term, table: CoxTable) -> float:
    largest = 1.0
    for factor in term.factors:
        if factor.level is None:
            largest *= max(abs(end) for end in table.ranges[factor.column])
    return largest
