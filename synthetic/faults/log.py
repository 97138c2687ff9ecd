"""The log of what was planted: the answer key of a cohort with faults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from blinreg.schemas.tables import table
from blinreg.synthetic.faults.answer_key import answers

#: Columns of the log.
#:
#: ``fault`` numbers the faults of a cohort; the rows of one fault share it. ``file`` is the path in the folder of
#: the cohort. ``line`` is the line of the row in that file (the header is line 1), null for a row that is not there.
#: ``key`` names the key columns with the values that the clean data have, for an inserted row those that it has.
#: ``before`` and ``after`` are the texts of a value (null: empty), or of a whole row that was deleted or inserted,
#: as JSON. ``rule`` must find the fault, at the row or elsewhere in its patient; it is empty where nothing ought to be
#: found. ``may_follow`` are patterns of rules that may fire on the patient as well, between spaces; any other rule that
#: fires there is a false alarm. ``action`` is changed, inserted, deleted or file.
LOG_SCHEMA = pl.Schema(
    {
        "fault": pl.Int64(),
        "site": pl.String(),
        "table": pl.String(),
        "file": pl.String(),
        "line": pl.Int64(),
        "patient_id": pl.String(),
        "key": pl.String(),
        "column": pl.String(),
        "before": pl.String(),
        "after": pl.String(),
        "kind": pl.String(),
        "certain": pl.Boolean(),
        "rule": pl.String(),
        "may_follow": pl.String(),
        "action": pl.String(),
    }
)


def text_of(values: pl.Series) -> pl.Series:
    """Write the values of a column as the texts of a file."""
    return values.cast(pl.String)


def key_text(table_name: str) -> pl.Expr:
    """Write the key of a row: ``patient_id=SYN-0003, event_number=2``."""
    named = [
        pl.concat_str(pl.lit(f"{name}="), pl.col(name).cast(pl.String).fill_null("")) for name in table(table_name).key
    ]
    return pl.concat_str(named, separator=", ")


def row_text(table_name: str) -> pl.Expr:
    """Write a whole row as JSON."""
    return pl.struct(table(table_name).column_names).struct.json_encode()


def file_entry(
    kind: str, *, fault: int, site: str, table_name: str, file: str, column: str = "", rule_table: str = ""
) -> pl.DataFrame:
    """Log a fault in how a file is written."""
    answer = answers()[kind]
    return pl.DataFrame(
        {
            "fault": [fault],
            "site": [site],
            "table": [table_name],
            "file": [file],
            "line": [None],
            "patient_id": [None],
            "key": [None],
            "column": [column],
            "before": [None],
            "after": [answer.meaning],
            "kind": [kind],
            "certain": [answer.certain],
            "rule": [answer.rule_at(rule_table or table_name, column)],
            "may_follow": [" ".join(answer.follows_at(table_name, column))],
            "action": ["file"],
        },
        schema=LOG_SCHEMA,
    )


def join_logs(logs: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Put logs together, in their order."""
    return pl.concat([LOG_SCHEMA.to_frame(), *logs])


def write_answer_key(folder: Path, logs: Sequence[pl.DataFrame]) -> tuple[Path, Path]:
    """Write the log of a cohort as ``answer_key.csv`` and ``answer_key.parquet``.

    Parameters
    ----------
    folder : Path
        Folder of the cohort: beside the submissions, never inside one.
    logs : sequence of polars.DataFrame
        Logs of the sites, in their order.

    Returns
    -------
    tuple of Path
        The two files.
    """
    log = join_logs(logs)
    notice = "SYNTHETIC DATA: faults planted on purpose. Names, addresses and numbers of persons are invented."
    paths = folder / "answer_key.csv", folder / "answer_key.parquet"
    log.write_csv(paths[0])
    log.write_parquet(paths[1], compression="zstd", metadata={"synthetic": "true", "notice": notice})
    return paths
