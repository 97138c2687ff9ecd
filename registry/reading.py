"""Read the tables of a submission out of the kept copies of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.registry.manifest import Manifest, ManifestFile
from blinreg.registry.originals import Kept, refuse_together
from blinreg.registry.read_csv import read_csv
from blinreg.registry.read_parquet import read_parquet
from blinreg.registry.read_xlsx import Problem, XlsxFile, read_xlsx
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table
from blinreg.schemas.tables import table


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedTable:
    """The rows of one file.

    Parameters
    ----------
    definition : Table
        The table.
    file : ManifestFile
        The file, as ``submission.json`` names it.
    frame : polars.DataFrame
        The columns of the table as text in their order, null where empty, and ``source_line``.
    """

    definition: Table
    file: ManifestFile
    frame: pl.DataFrame


def read_tables(
    manifest: Manifest, kept: Mapping[str, Kept], on_progress: Callable[[str], None]
) -> tuple[SubmittedTable, ...]:
    """Read every table of a submission.

    Parameters
    ----------
    manifest : Manifest
        What the site says it sends.
    kept : mapping of str to Kept
        Copy of the file of each table.
    on_progress : callable
        Told the name of each table.

    Returns
    -------
    tuple of SubmittedTable
        In the order of the tables, parents first.

    Raises
    ------
    SubmissionRejected
        With what is wrong in every file, not in the first only.
    """
    xlsx = [
        XlsxFile(definition=table(file.table), path=file.path, file=kept[file.table].path)
        for file in manifest.files
        if file.format == "xlsx"
    ]
    sheets = read_xlsx(xlsx)
    problems: list[SubmissionRejected] = []
    tables: list[SubmittedTable] = []
    for file in manifest.files:
        on_progress(f"reading {file.table}")
        try:
            frame = _read_one(file, kept[file.table], sheets)
        except SubmissionRejected as rejection:
            problems.append(rejection)
            continue
        tables.append(SubmittedTable(definition=table(file.table), file=file, frame=frame))
    refuse_together(problems)
    return tuple(tables)


def _read_one(file: ManifestFile, kept: Kept, sheets: Mapping[str, pl.DataFrame | Problem]) -> pl.DataFrame:
    definition = table(file.table)
    if file.format == "parquet":
        frame = read_parquet(definition, file.path, kept.path, rows=file.rows)
    elif file.format == "csv":
        frame = read_csv(definition, file.path, kept.path.read_bytes())
    else:
        sheet = sheets[file.table]
        if isinstance(sheet, Problem):
            raise SubmissionRejected(sheet.text, next_step="send it as a plain workbook of one sheet, or as CSV")
        frame = sheet
    if frame.height != file.rows:
        raise SubmissionRejected(
            f"{file.path} has {frame.height} rows and submission.json says {file.rows}",
            next_step="the file or the list was changed after the other was made; make both again",
        )
    return frame
