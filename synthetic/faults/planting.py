"""Plant every kind of error that a site makes into the clean tables of a site, and log each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from types import MappingProxyType

import polars as pl

from blinreg.schemas.errors import UsageError
from blinreg.schemas.tables import TABLES
from blinreg.synthetic.faults.applying import Place, carry_out
from blinreg.synthetic.faults.choosing import Chooser, may_be_claimed
from blinreg.synthetic.faults.context import make_context
from blinreg.synthetic.faults.files import choose_file_faults
from blinreg.synthetic.faults.log import LOG_SCHEMA, file_entry, join_logs
from blinreg.synthetic.faults.memory import Memory
from blinreg.synthetic.faults.refused import Refused, choose_refused

#: Patients of a part who may be claimed by later sites, beyond what the rate asks for.
_DONORS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """Tables with faults.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The tables, parents before children. A column that holds a text no number can be is text as a whole.
    file_faults : mapping of str to str
        By table, the fault in how its file is to be written (`write_faulty_file`).
    refused : tuple of Refused
        Submissions to be written beside the site's own (`write_refused`, with the clean tables).
    log : polars.DataFrame
        Every difference from the clean tables, with the columns of ``LOG_SCHEMA``.
    memory : Memory
        To be handed to the next part of the cohort.
    """

    tables: Mapping[str, pl.DataFrame]
    file_faults: Mapping[str, str]
    refused: tuple[Refused, ...]
    log: pl.DataFrame
    memory: Memory


def plant(
    tables: Mapping[str, pl.DataFrame],
    *,
    rate: float,
    seed: int,
    site: str,
    created: dt.date,
    file_format: str = "csv",
    memory: Memory | None = None,
) -> Planted:
    """Plant faults in the tables of a site, or of a part of a site's patients.

    Parts are taken in a fixed order, sites one after the other, each with the memory of the one before: which
    kinds had their turn, and whom another site may claim. The same parts, rate and seed give the same faults.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Clean tables of whole patients: whole numbers ``Int64``, numbers ``Float64``, all else text. The names of
        the patients end in their numbers.
    rate : float
        Expected share of the rows of each table that get a fault, from 0 to 1. At any rate above 0 every kind is
        planted once in a cohort that has a row for it, also where that is more than the rate asks for. At most
        one fault a row, and a patient; where the rate asks for more than four in five patients, faults that do
        not touch each other share one. High rates end at one fault a patient for want of rows.
    seed : int
        Seed of the cohort.
    site : str
        The site.
    created : date
        Day on which its submission is made: dates after it lie in the future.
    file_format : str
        ``csv``, ``parquet`` or ``xlsx``.
    memory : Memory, optional
        From the part before; none for the first.

    Returns
    -------
    Planted
        Tables, faults of files, log and memory.

    Raises
    ------
    UsageError
        If the rate is not from 0 to 1.
    ValueError
        If a patient's name does not end in a number.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> from blinreg.synthetic.faults.context import frame_schema
    >>> schema = frame_schema(table("patient"))
    >>> said = {"patient_id": ["SYN-0001"], "site_id": ["site01"], "sex": ["female"], "disease": ["b_all"]}
    >>> tables = {"patient": pl.DataFrame(dict.fromkeys(schema) | said, schema=schema)}
    >>> planted = plant(tables, rate=0.02, seed=2020, site="site01", created=dt.date(2019, 7, 1))
    >>> planted.log.filter(pl.col("action") != "file")["patient_id"].to_list()
    ['SYN-0001']
    """
    if not 0 <= rate <= 1:
        raise UsageError("the rate of faults is not a share", next_step="give a number from 0 to 1, such as 0.02")
    memory = memory or Memory()
    if rate == 0:
        return Planted(
            tables=MappingProxyType(dict(tables)),
            file_faults=MappingProxyType({}),
            refused=(),
            log=LOG_SCHEMA.to_frame(),
            memory=memory,
        )
    donors = _of_earlier_sites(memory, site)
    context = make_context(tables, created)
    chooser = Chooser(context, seed=seed, memory=memory, donors=donors)
    chooser.choose(rate)
    files = {definition.name: f"{site}/{definition.name}.synthetic.{file_format}" for definition in TABLES}
    before = {name: memory.n_rows.get((site, name), 0) for name in files}
    edited, log = carry_out(
        tables, chooser.chosen, donors=memory.donors, place=Place(site=site, files=files, lines_before=before)
    )
    counts, n_faults, logs = chooser.counts, chooser.n_faults, [log]
    is_first_part = site not in memory.file_faults
    file_faults = dict(memory.file_faults.get(site, {}))
    refused: tuple[Refused, ...] = ()
    if is_first_part:
        file_faults = choose_file_faults(
            list(edited), file_format=file_format, rate=rate, seed=seed, turn=n_faults, counts=counts
        )
        for name, kind in file_faults.items():
            n_faults += 1
            logs.append(file_entry(kind, fault=n_faults, site=site, table_name=name, file=files[name]))
        refused = choose_refused(tables, file_format=file_format, seed=seed, first_fault=n_faults + 1, counts=counts)
        n_faults += len(refused)
        for kind in (*file_faults.values(), *(item.kind for item in refused)):
            counts[kind] = counts.get(kind, 0) + 1
    left = set(chooser.donors_left)
    claimed = [name for name in donors if name not in left]
    wanted = _DONORS + int(rate * len(context.numbers) / 4)
    return Planted(
        tables=MappingProxyType(edited),
        file_faults=MappingProxyType(file_faults),
        refused=refused,
        log=join_logs(logs),
        memory=Memory(
            n_faults=n_faults,
            counts=MappingProxyType(counts),
            counts_by_table=MappingProxyType(chooser.counts_by_table),
            owed=MappingProxyType(chooser.owed),
            n_rows=MappingProxyType(
                {**memory.n_rows, **{(site, name): before[name] + frame.height for name, frame in edited.items()}}
            ),
            file_faults=MappingProxyType({**memory.file_faults, site: MappingProxyType(file_faults)}),
            donors=_with_donors(
                memory.donors, claimed, tables, may_be_claimed(context.tables, chooser.untouched, wanted)
            ),
        ),
    )


def _of_earlier_sites(memory: Memory, site: str) -> list[str]:
    """Name the patients who may be claimed: of sites whose first part came before the first part of this one."""
    if "patient" not in memory.donors:
        return []
    earlier = list(takewhile(lambda other: other != site, memory.file_faults))
    return memory.donors["patient"].filter(pl.col("site_id").is_in(earlier))["patient_id"].to_list()


def _with_donors(
    donors: Mapping[str, pl.DataFrame], claimed: list[str], tables: Mapping[str, pl.DataFrame], new: list[str]
) -> Mapping[str, pl.DataFrame]:
    """Take out the patients who were claimed and put in new ones."""
    result = {}
    for definition in TABLES:
        name = definition.name
        parts = []
        if name in donors:
            parts.append(donors[name].filter(~pl.col("patient_id").is_in(claimed)))
        if name in tables:
            parts.append(tables[name].filter(pl.col("patient_id").is_in(new)))
        if parts:
            result[name] = pl.concat(parts)
    return MappingProxyType(result)
