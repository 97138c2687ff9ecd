"""Write any number of patients as submissions in Parquet: block by block, on several threads, in bounded memory.

A block is a fixed number of patients. Threads draw blocks and write their records, and each table takes the blocks
in their order, so that the bytes do not depend on the number of threads. What is in memory is a block a thread, the
rows that wait for a row group and the description of the row groups written, whatever the number of patients.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.tables import TABLES
from blinreg.synthetic.faults.files import TOLERATED
from blinreg.synthetic.faulty_cohort import FaultyCohort
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.parquet import ParquetFile
from blinreg.synthetic.progress import Progress, time_left
from blinreg.synthetic.records import records
from blinreg.synthetic.writing import Recipe, TableFile, finish_submission

#: Patients of a block. Part of what decides the bytes (where row groups end), so not an option.
BLOCK_PATIENTS = 10_000

#: Table names in the order in which they are written.
_ORDER = tuple(table.name for table in TABLES)
#: Faults are planted in the order of the blocks too, before a block's tables are written.
_FAULTS = "faults"

#: Rows by table and by the position of the site.
Parts = dict[str, dict[int, pl.DataFrame]]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written at scale: rows by table, and patients by site."""

    n_rows: Mapping[str, int]
    n_patients: Mapping[str, int]


class _StoppedError(Exception):
    """Another thread failed, or the user interrupted: nothing more is to be written."""


class _Turns:
    """Lets each step be done for one block after the other, in the order of the blocks."""

    def __init__(self) -> None:
        self._next = dict.fromkeys((_FAULTS, *_ORDER), 0)
        self._changed = threading.Condition()
        self._is_stopped = False

    @contextmanager
    def take(self, step: str, block: int) -> Iterator[None]:
        """Wait until it is the block's turn: for a table, or for the faults."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or self._next[step] == block)
            if self._is_stopped:
                raise _StoppedError
        yield
        with self._changed:
            self._next[step] = block + 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Let nobody write any more."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()


class _Sites:
    """The files of all sites in the making."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder = folder
        self._recipe = recipe
        self._files: dict[tuple[int, str], ParquetFile] = {}

    def append(self, table: str, site: int, frame: pl.DataFrame) -> None:
        """Add rows to a site's table."""
        key = (site, table)
        if key not in self._files:
            folder = self._folder / self._recipe.study.sites[site].id
            folder.mkdir(exist_ok=True)
            path = folder / f"{table}.synthetic.parquet"
            self._files[key] = ParquetFile(path, metadata=self._recipe.file_metadata(table))
        self._files[key].append(frame)

    def finish(self) -> Written:
        """Close the files and describe them in each site's ``submission.json``."""
        n_rows: dict[str, int] = {}
        n_patients: dict[str, int] = {}
        for position, site in enumerate(self._recipe.study.sites):
            own = [(table, self._files[position, table]) for table in _ORDER if (position, table) in self._files]
            if not own:
                continue
            described = [TableFile(table, file.path.name, file.close(), file.rows) for table, file in own]
            n_patients[site.id] = self._files[position, "patient"].rows
            for file in described:
                n_rows[file.table] = n_rows.get(file.table, 0) + file.rows
            finish_submission(
                self._folder / site.id, described, recipe=self._recipe, site=site.id, n_patients=n_patients[site.id]
            )
        return Written(
            MappingProxyType({table: n_rows[table] for table in _ORDER if table in n_rows}),
            MappingProxyType(n_patients),
        )

    def abandon(self) -> None:
        """Close what is open."""
        for file in self._files.values():
            file.abandon()


def draw_tables(recipe: Recipe, numbers: NDArray[np.int64]) -> tuple[dict[str, pl.DataFrame], NDArray[np.int64]]:
    """Draw patients and write their records.

    Parameters
    ----------
    recipe : Recipe
        Study and seed.
    numbers : array of int
        Numbers of the patients, consecutive and rising.

    Returns
    -------
    tuple of dict and array
        Tables by name, and the position of each patient's site.
    """
    courses, placement = draw_courses(recipe.study, recipe.seed, numbers)
    return records(courses, placement, study=recipe.study, seed=recipe.seed), placement.site


def split_by_site(
    frame: pl.DataFrame, first_number: int, site: NDArray[np.int64]
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Split a table by the site of its patients, keeping the order of the rows.

    Parameters
    ----------
    frame : polars.DataFrame
        Table with ``patient_id``: ``SYN-`` and the patient's number plus one.
    first_number : int
        Number of the first patient of ``site``.
    site : array of int
        Position of the site of each patient, by number.

    Yields
    ------
    tuple of int and polars.DataFrame
        Position of a site, and its rows: copies, so that they do not keep the whole table in memory.
    """
    number = frame["patient_id"].str.slice(4).cast(pl.Int64).to_numpy() - 1
    of_row = site[number - first_number].astype(np.int16)
    for position in np.flatnonzero(np.bincount(of_row)):
        yield int(position), frame[np.flatnonzero(of_row == position)]


class _Blocks:
    """The work of all threads: blocks are taken in their order, drawn, and written in their order."""

    def __init__(self, folder: Path, recipe: Recipe, n_patients: int, faults: FaultyCohort | None) -> None:
        self.n_blocks = -(-n_patients // BLOCK_PATIENTS)
        self.finished: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
        self.sites = _Sites(folder, recipe)
        self._recipe = recipe
        self._faults = faults
        self._n_patients = n_patients
        self._turns = _Turns()
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for block in range(self.n_blocks):
            self._waiting.put(block)

    def work(self) -> None:
        """Write blocks until none is left; what each came to is put into ``finished``."""
        while True:
            try:
                self.finished.put(self._write(self._waiting.get_nowait()))
            except (queue.Empty, _StoppedError):
                return
            except BaseException as error:  # raised again in the thread that follows the work
                self.finished.put(error)
                return

    def stop(self) -> None:
        """Let the threads end at the next table."""
        self._turns.stop()

    def _write(self, block: int) -> int:
        """Draw and write a block; returns its number of rows."""
        first = block * BLOCK_PATIENTS
        numbers = np.arange(first, min(first + BLOCK_PATIENTS, self._n_patients), dtype=np.int64)
        tables, site = draw_tables(self._recipe, numbers)
        n_rows = sum(frame.height for frame in tables.values())
        parts = {name: dict(split_by_site(tables.pop(name), first, site)) for name in [*tables]}
        if self._faults is not None:
            with self._turns.take(_FAULTS, block):
                parts = self._plant(parts, self._faults)
        for table in _ORDER:
            of_table = parts.pop(table, {})
            with self._turns.take(table, block):
                for position in sorted(of_table):
                    self.sites.append(table, position, of_table[position])
        return n_rows

    def _plant(self, parts: Parts, faults: FaultyCohort) -> Parts:
        """Plant faults in the parts of a block, site by site. Every value is text then, in all blocks."""
        planted: Parts = {}
        for position, site in enumerate(self._recipe.study.sites):
            tables = {name: of_site[position] for name, of_site in parts.items() if position in of_site}
            if not tables:
                continue
            edited, file_faults = faults.plant(tables, replace(site, format="parquet"))
            for name, frame in edited.items():
                text = frame.select(pl.all().cast(pl.String))
                kind = file_faults.get(name)
                written = text if kind is None else TOLERATED[kind].edit_frame(name, text)
                planted.setdefault(name, {})[position] = written
        return planted


def write_at_scale(
    folder: Path, *, recipe: Recipe, n_patients: int, faults: FaultyCohort | None = None, threads: int, say: Progress
) -> Written:
    """Draw patients from the model and write the submissions of their sites in Parquet.

    Parameters
    ----------
    folder : Path
        Empty folder. If this fails, no ``submission.json`` is in it.
    recipe : Recipe
        Study and seed.
    n_patients : int
        Patients, at least one.
    faults : FaultyCohort, optional
        Plants faults as the blocks come.
    threads : int
        Blocks that are worked on at once.
    say : Progress
        Is told how far it is.

    Returns
    -------
    Written
        Rows and patients written.
    """
    blocks = _Blocks(folder, recipe, n_patients, faults)
    try:
        with ThreadPoolExecutor(threads) as pool:
            try:
                for _ in range(threads):
                    pool.submit(blocks.work)
                _follow(blocks, say)
            except BaseException:
                blocks.stop()
                raise
        return blocks.sites.finish()
    except BaseException:
        blocks.sites.abandon()
        raise


def _follow(blocks: _Blocks, say: Progress) -> None:
    """Wait until all blocks are written, saying each second how far it is and how long it will take."""
    started = said = time.monotonic()
    n_rows = 0
    for done in range(1, blocks.n_blocks + 1):
        result = blocks.finished.get()
        if isinstance(result, BaseException):
            raise result
        n_rows += result
        now = time.monotonic()
        if now - said > 1 or done == blocks.n_blocks:
            said = now
            left = time_left(now - started, done=done, total=blocks.n_blocks)
            say(f"wrote {n_rows:,} rows; {left}", done=done, total=blocks.n_blocks)
