"""Choose which rows get which fault.

Every kind gets its turn before any kind gets its second, the rarest first; beyond that the rate decides how many
faults a table gets, shared evenly between its kinds and the columns of a kind. A patient has one fault, so that none
hides another; where the rate asks for more than four in five patients, faults that a row shows by itself may share
one, and at most every second patient has a fault that must be alone. The choice among rows depends on the seed, the
patient's number and the row's place among the patient's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic.faults.catalogue import KINDS
from blinreg.synthetic.faults.context import Context
from blinreg.synthetic.faults.declaring import Edit, Kind, Target
from blinreg.synthetic.faults.memory import Memory
from blinreg.synthetic.streams import Draws, Stream

Rows = NDArray[np.int64]

#: What a patient can still get: anything, faults that rows show by themselves, nothing.
_FREE, _SHARED, _TAKEN = 0, 1, 2

_FROM_OTHER_SITES = frozenset({Edit.CLAIM_PATIENT, Edit.MOVE_PATIENT})
_CLAIMS = tuple(kind.name for kind in KINDS if kind.targets[0].edit in _FROM_OTHER_SITES)

#: Fraction of the golden section: turns that are added up stay spread over the queue.
_TURN = 0.6180339887498949


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Rows that get a fault.

    Parameters
    ----------
    kind : str
        Kind of fault.
    target : Target
        Place of the fault.
    rows : polars.DataFrame
        The rows with what is known beside them, and the new values as ``new_<column>``; for patients of other
        sites their ``patient_id`` alone.
    first_fault : int
        Number of the first fault; the others count on.
    """

    kind: str
    target: Target
    rows: pl.DataFrame
    first_fault: int


@dataclass(slots=True)
class _Place:
    """A target with the rows that are eligible there."""

    kind: Kind
    target: Target
    rows: Rows
    turn: float


class Chooser:
    """Chooses the rows of one part; its state is what is used up.

    Parameters
    ----------
    context : Context
        The part.
    seed : int
        Seed of the cohort.
    memory : Memory
        What went before.
    donors : sequence of str
        Patients of other sites who may be claimed.
    """

    def __init__(self, context: Context, *, seed: int, memory: Memory, donors: Sequence[str]) -> None:
        self._context = context
        self._n_patients = len(context.numbers)
        self._state = np.zeros(self._n_patients, dtype=np.int8)
        self._used = {name: np.zeros(frame.height, dtype=np.bool_) for name, frame in context.tables.items()}
        self._patient = {name: frame["patient"].to_numpy() for name, frame in context.tables.items()}
        self._draw(seed)
        self._alone_left = self._n_patients
        self._donors = list(donors)
        self._n_faults = memory.n_faults
        self.counts = dict(memory.counts)
        self.counts_by_table = dict(memory.counts_by_table)
        self.owed = dict(memory.owed)
        self.chosen: list[Chosen] = []
        self._places = self._eligible(seed)
        self._spared = self._spare()

    @property
    def n_faults(self) -> int:
        """Faults of the cohort so far."""
        return self._n_faults

    @property
    def donors_left(self) -> list[str]:
        """Patients of other sites who were not claimed."""
        return self._donors

    @property
    def untouched(self) -> NDArray[np.bool_]:
        """Whether a patient has no fault."""
        return np.asarray((self._state == _FREE) | self._spared)

    def _spare(self) -> NDArray[np.bool_]:
        """Spare two patients, whom a later site can claim, as long as none was claimed."""
        spared = np.zeros(self._n_patients, dtype=np.bool_)
        if self._n_patients >= 6 and not all(self.counts.get(name) for name in _CLAIMS):
            names = may_be_claimed(self._context.tables, np.ones(self._n_patients, dtype=np.bool_), 2)
            spared = self._context.tables["patient"]["patient_id"].is_in(names).to_numpy()
            self._state[spared] = _TAKEN
        return np.asarray(spared, dtype=np.bool_)

    def _draw(self, seed: int) -> None:
        """Draw for every row its place in the queue and the number that decides its new value."""
        self._queue: dict[str, NDArray[np.float64]] = {}
        self._drawn: dict[str, pl.DataFrame] = {}
        for position, definition in enumerate(TABLES):
            frame = self._context.tables.get(definition.name)
            if frame is None:
                continue
            within = frame.select(n=pl.int_range(pl.len(), dtype=pl.Int64).over("patient"))["n"]
            draws = Draws((0, seed), Stream.FAULTS, self._context.numbers).of_rows(
                self._patient[definition.name], within.to_numpy() + (position << 24)
            )
            self._queue[definition.name] = draws.uniform()
            self._drawn[definition.name] = frame.with_columns(u=pl.Series(draws.uniform()))

    def _eligible(self, seed: int) -> list[_Place]:
        places = []
        flat = [(kind, target) for kind in KINDS for target in kind.targets]
        turns = Draws((1, seed), Stream.FAULTS, np.arange(len(flat), dtype=np.int64) + self._n_faults).uniform()
        by_table: dict[str, list[int]] = {}
        for position, (_, target) in enumerate(flat):
            by_table.setdefault(target.table, []).append(position)
        for name, positions in by_table.items():
            if name not in self._context.tables:
                continue
            masks = self._context.tables[name].select(
                flat[position][1].where.fill_null(value=False).alias(str(position)) for position in positions
            )
            for position in positions:
                kind, target = flat[position]
                rows = np.flatnonzero(np.broadcast_to(masks[str(position)].to_numpy(), self._used[name].shape))
                if len(rows) or target.edit in _FROM_OTHER_SITES:
                    places.append(_Place(kind, target, rows, float(turns[position])))
        return places

    def choose(self, rate: float) -> None:
        """Choose for a rate; the result is in ``chosen``, ``counts``, ``owed`` and ``n_faults``."""
        n_rows = 0
        for name, frame in self._context.tables.items():
            self.owed[name] = self.owed.get(name, 0.0) + rate * frame.height
            n_rows += frame.height
        is_dense = rate * n_rows > 0.8 * self._n_patients
        if is_dense:
            self._alone_left = self._n_patients // 2
        self._first_of_each_kind()
        self._by_rate(share=False)
        if is_dense:
            self._by_rate(share=True)
        self.owed = {name: min(owed, 1.0) for name, owed in self.owed.items()}

    def _first_of_each_kind(self) -> None:
        """Give every kind that had no turn yet one fault, the rarest first, in at most two thirds of the patients."""
        waiting: dict[str, list[_Place]] = {}
        for place in self._places:
            if not self.counts.get(place.kind.name):
                waiting.setdefault(place.kind.name, []).append(place)
        rarest_first = sorted(waiting, key=lambda name: (sum(len(place.rows) for place in waiting[name]), name))
        left = max(1, self._n_patients * 2 // 3)
        for name in rarest_first:
            if left <= 0:
                break
            for place in sorted(
                waiting[name], key=lambda place: (-max(0.0, self.owed[place.target.table]), place.turn)
            ):
                if self._take(place, 1, share=False):
                    left -= 1
                    break

    def _by_rate(self, *, share: bool) -> None:
        by_table: dict[str, dict[str, list[_Place]]] = {}
        for place in self._places:
            by_table.setdefault(place.target.table, {}).setdefault(place.kind.name, []).append(place)
        for name, kinds in by_table.items():
            due = int(self.owed[name])
            had = {kind: self.counts_by_table.get((name, kind), 0) for kind in kinds}
            first = {kind: min(place.turn for place in kinds[kind]) for kind in kinds}
            order = sorted(kinds, key=lambda kind: (had[kind], first[kind], kind))
            if due >= len(order):
                order.sort(key=lambda kind: (sum(len(place.rows) for place in kinds[kind]), kind))
            for waiting, kind in zip(range(len(order), 0, -1), order, strict=True):
                if due <= 0:
                    break
                due -= self._spread(kinds[kind], -(-due // waiting), share=share)

    def _spread(self, places: list[_Place], number: int, *, share: bool) -> int:
        """Plant a number of faults of one kind, shared between the columns; returns how many there were rows for."""
        planted = 0
        in_turn = sorted(places, key=lambda place: place.turn)
        for waiting, place in zip(range(len(in_turn), 0, -1), in_turn, strict=True):
            if planted >= number:
                break
            planted += self._take(place, -(-(number - planted) // waiting), share=share)
            place.turn = (place.turn + _TURN) % 1.0
        return planted

    def _take(self, place: _Place, number: int, *, share: bool) -> int:
        if place.target.edit in _FROM_OTHER_SITES:
            rows = pl.DataFrame({"patient_id": self._donors[:number]}, schema={"patient_id": pl.String})
            self._donors = self._donors[number:]
        else:
            rows = self._draw_rows(place, number, share=share)
        if rows.height:
            self.chosen.append(
                Chosen(kind=place.kind.name, target=place.target, rows=rows, first_fault=self._n_faults + 1)
            )
            self._n_faults += rows.height
            self.counts[place.kind.name] = self.counts.get(place.kind.name, 0) + rows.height
            at = (place.target.table, place.kind.name)
            self.counts_by_table[at] = self.counts_by_table.get(at, 0) + rows.height
            self.owed[place.target.table] -= rows.height
        return rows.height

    def _draw_rows(self, place: _Place, number: int, *, share: bool) -> pl.DataFrame:
        target = place.target
        name = target.table
        state = self._state[self._patient[name][place.rows]]
        open_to = _SHARED if share and not target.is_alone else _FREE
        rows = place.rows[(state <= open_to) & ~self._used[name][place.rows]]
        waiting = (self._queue[name][rows] + place.turn) % 1.0
        enough = min(len(rows), 4 * number + 8)
        if enough < len(rows):
            nearest = np.argpartition(waiting, enough - 1)[:enough]
            rows, waiting = rows[nearest], waiting[nearest]
        rows = rows[np.lexsort((rows, waiting))]
        _, first = np.unique(self._patient[name][rows], return_index=True)
        rows = rows[np.sort(first)]
        drawn = self._with_values(target, rows).head(min(number, self._alone_left) if target.is_alone else number)
        self._alone_left -= drawn.height * target.is_alone
        taken = drawn["row"].to_numpy()
        self._used[name][taken] = True
        self._state[self._patient[name][taken]] = _TAKEN if target.is_alone else _SHARED
        return drawn

    def _with_values(self, target: Target, rows: Rows) -> pl.DataFrame:
        """Give the rows with their new values, without those that would not change or get a key that is taken."""
        frame = self._drawn[target.table][rows]
        new = [value.alias(f"new_{column}") for column, value in target.values.items()]
        for number, (_, values) in enumerate(target.also):
            new += [value.alias(f"also{number}_{column}") for column, value in values.items()]
        frame = frame.with_columns(new)
        if target.edit is Edit.CHANGE:
            changed = [pl.col(f"new_{column}").ne_missing(pl.col(column).cast(pl.String)) for column in target.values]
            frame = frame.filter(pl.any_horizontal(changed))
        return self._with_free_key(target, frame)

    def _with_free_key(self, target: Target, frame: pl.DataFrame) -> pl.DataFrame:
        into = target.into or target.table
        key = list(table(into).key)
        if not set(key) & set(target.values) or into not in self._context.tables:
            return frame
        new = [
            pl.col(f"new_{name}" if name in target.values else name).cast(pl.String).alias(f"k_{name}") for name in key
        ]
        # A key holds the patient, so that only rows of the same patients can have it.
        is_drawn = np.zeros(self._n_patients, dtype=np.bool_)
        is_drawn[frame["patient"].to_numpy()] = True
        taken = self._context.tables[into][np.flatnonzero(is_drawn[self._patient[into]])].select(
            pl.col(name).cast(pl.String).alias(f"k_{name}") for name in key
        )
        return frame.with_columns(new).join(
            taken, on=[f"k_{name}" for name in key], how="anti", nulls_equal=False, maintain_order="left"
        )


def may_be_claimed(tables: Mapping[str, pl.DataFrame], untouched: NDArray[np.bool_], number: int) -> list[str]:
    """Name patients without faults, evenly spread over the part, whom a later site may claim."""
    known = (
        tables["patient"]
        .with_columns(untouched=pl.Series(untouched))
        .filter(
            pl.col("untouched"),
            pl.col("birth_year").is_not_null(),
            pl.col("diagnosis_date").str.len_chars() == 10,
        )["patient_id"]
    )
    if not len(known):
        return []
    steps = np.unique(np.linspace(0, len(known) - 1, min(number, len(known))).astype(np.int64))
    return [str(known[int(step)]) for step in steps]
