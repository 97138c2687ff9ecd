"""What became of the rows of a submission: accepted, quarantined or held back, and why.

The rows stay where the rules were run on them, in the database of `blinreg.registry.quality.staging`, and
are given from there: a submission may be larger than memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from blinreg.registry.frames import query_frame
from blinreg.registry.quality.staging import held_out_condition
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.rules import Severity

#: Rows that are handed on at once.
_BATCH_ROWS = 122_880


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTable:
    """A table after the rules.

    Parameters
    ----------
    source : SubmittedTable
        The rows as sent.
    n_rows : int
        How many they are.
    quarantined, held_back : polars.Series
        Lines of the rows that are not accepted for what they say, and of sound ones whose parent row is not.
    connection : duckdb.DuckDBPyConnection
        Database of the rules.
    """

    source: SubmittedTable
    n_rows: int
    quarantined: pl.Series
    held_back: pl.Series
    connection: duckdb.DuckDBPyConnection

    @property
    def name(self) -> str:
        """Name of the table."""
        return self.source.definition.name

    @property
    def n_quarantined(self) -> int:
        """Rows quarantined for what they say."""
        return len(self.quarantined)

    @property
    def n_held_back(self) -> int:
        """Sound rows held back with their parent."""
        return len(self.held_back)

    @property
    def typed(self) -> pl.DataFrame:
        """All rows, numbers as numbers, cells that the gate refused as null; ``source_line`` and ``disposition``."""
        rows = query_frame(
            self.connection.cursor(), f"select {self._columns} from sent.{self.name} order by source_line"
        )
        return rows.with_columns(self._disposition())

    @property
    def accepted(self) -> pl.DataFrame:
        """Typed rows that are accepted."""
        return query_frame(self.connection.cursor(), f"{self._accepted} order by source_line")

    def accepted_batches(self) -> pa.RecordBatchReader:
        """Give the typed rows that are accepted a batch at a time."""
        return self.connection.cursor().sql(self._accepted).to_arrow_reader(_BATCH_ROWS)

    @property
    def held_out(self) -> pl.DataFrame:
        """Rows that are not accepted, as sent, with their disposition."""
        return pl.concat(self.held_out_blocks())

    def held_out_blocks(self) -> Iterator[pl.DataFrame]:
        """Give the rows that are not accepted, as sent, with their disposition, a block at a time."""
        if not self.n_quarantined and not self.n_held_back:
            columns = dict.fromkeys(self.source.definition.column_names, pl.String)
            yield pl.DataFrame(schema={**columns, "source_line": pl.Int64, "disposition": pl.String})
            return
        for block in self.source.blocks():
            yield block.with_columns(self._disposition()).filter(pl.col("disposition") != "accepted")

    def _disposition(self) -> pl.Expr:
        line = pl.col("source_line")
        return (
            pl.when(line.is_in(self.quarantined.implode()))
            .then(pl.lit("quarantined"))
            .when(line.is_in(self.held_back.implode()))
            .then(pl.lit("held_back"))
            .otherwise(pl.lit("accepted"))
            .alias("disposition")
        )

    @property
    def _columns(self) -> str:
        return ", ".join([*self.source.definition.column_names, "source_line"])

    @property
    def _accepted(self) -> str:
        query = f"select {self._columns} from sent.{self.name} as row"
        if not self.n_quarantined and not self.n_held_back:
            return query
        return f"{query} where not {held_out_condition(self.name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSubmission:
    """All tables of a submission after the rules, and everything that was found.

    Parameters
    ----------
    tables : tuple of CheckedTable
        Parents first.
    violations : polars.DataFrame
        ``rule, severity, table, line, column, message``, ordered by table and line.
    results : polars.DataFrame
        ``rule, table, n_rows, n_checked, n_bad, n_unknown``: every rule that was run.
    """

    tables: tuple[CheckedTable, ...]
    violations: pl.DataFrame
    results: pl.DataFrame

    @property
    def refusals(self) -> pl.DataFrame:
        """Violations for which the submission is refused whole."""
        return self.violations.filter(pl.col("severity") == Severity.REJECT_SUBMISSION.value)
