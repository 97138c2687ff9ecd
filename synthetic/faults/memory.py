"""What planting at one site has to know of the sites before: faults are spread over a whole cohort, site by site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import polars as pl

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """State after some parts of a cohort; the first part starts from ``Memory()``.

    Parameters
    ----------
    n_faults : int
        Faults planted so far.
    counts : mapping of str to int
        Faults so far by kind.
    counts_by_table : mapping of (str, str) to int
        Faults in rows so far by table and kind: what is frequent in one table has its turn in the others too.
    owed : mapping of str to float
        By table, how many faults the rate asks for and were not planted yet; negative where the turn of a rare kind
        came first.
    n_rows : mapping of (str, str) to int
        Rows so far by site and table: where a site comes in more than one part, its files go on.
    file_faults : mapping of str to mapping
        By site, the fault in how a table's file is written, by table.
    donors : mapping of str to polars.DataFrame
        By table, the rows of some patients without faults whom a later site may claim.
    """

    n_faults: int = 0
    counts: Mapping[str, int] = field(default_factory=lambda: _NOTHING)
    counts_by_table: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    owed: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    n_rows: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    file_faults: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    donors: Mapping[str, pl.DataFrame] = field(default_factory=lambda: MappingProxyType({}))
