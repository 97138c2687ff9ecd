"""Read the tables of a submission as the site sent them: out of its folder, or out of a registry that kept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from blinreg.registry.ledger import read_ledger
from blinreg.registry.manifest import MANIFEST_NAME, parse_manifest
from blinreg.registry.originals import read_manifest_file, refuse_together
from blinreg.registry.read_csv import read_csv
from blinreg.registry.read_parquet import read_parquet
from blinreg.registry.read_xlsx import Problem, XlsxFile, read_xlsx
from blinreg.registry.store import Registry
from blinreg.schemas.errors import RegistryDamaged, SubmissionRejected, UsageError, nearest
from blinreg.schemas.ledger import LEDGER_SCHEMA
from blinreg.schemas.tables import TABLES, table


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFiles:
    """The rows of a submission, accepted or not.

    Parameters
    ----------
    submission_id, site_id : str
        Names of submission and site.
    data_cutoff_date : date
        Day to which the data are complete.
    is_synthetic : bool
        Whether the site says that the data are synthetic.
    tables : mapping of str to polars.DataFrame
        For each table that was sent: its columns as text, null where empty, and ``source_line``.
    """

    submission_id: str
    site_id: str
    data_cutoff_date: date
    is_synthetic: bool
    tables: Mapping[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class _File:
    table: str
    name: str
    path: Path
    format: str


def read_folder(folder: Path) -> SubmissionFiles:
    """Read a submission folder.

    Raises
    ------
    UsageError
        If there is no such folder.
    SubmissionRejected
        If ``submission.json`` or a file cannot be read; every such file is named. Hashes and
        numbers of rows are not compared: two states of a folder can be compared before it is sealed again.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder.name}", next_step="name a folder that holds submission.json")
    now = datetime.now(UTC).replace(tzinfo=None)
    manifest = parse_manifest(read_manifest_file(folder, MANIFEST_NAME), now=now)
    missing = [
        SubmissionRejected(f"{file.path} is named in submission.json and is no plain file of the folder")
        for file in manifest.files
        if not (folder / file.path).is_file() or (folder / file.path).is_symlink()
    ]
    refuse_together(missing)
    files = [_File(file.table, file.path, folder / file.path, file.format) for file in manifest.files]
    return SubmissionFiles(
        submission_id=manifest.submission_id,
        site_id=manifest.site_id,
        data_cutoff_date=manifest.data_cutoff_date,
        is_synthetic=manifest.is_synthetic,
        tables=_read(files),
    )


def read_kept(registry: Registry, submission_id: str) -> SubmissionFiles:
    """Read an accepted submission out of the files that the registry kept as received.

    Raises
    ------
    UsageError
        If no accepted submission is called like that.
    RegistryDamaged
        If a kept file is missing.
    """
    accepted = [row for row in read_ledger(registry.cursor()) if row.outcome == "accepted"]
    found = next((row for row in accepted if row.submission_id == submission_id), None)
    if found is None or found.data_cutoff_date is None:
        raise UsageError(
            f"no accepted submission of {registry.path.name} is called {submission_id!r}",
            next_step=nearest(submission_id, [str(row.submission_id) for row in accepted]),
        )
    named = registry.cursor().execute(
        f'select "table", path, sha256 from {LEDGER_SCHEMA}.submission_file where submission_id = ?', [submission_id]
    )
    files = []
    for name, path, sha256 in named.fetchall():
        kind = path.rsplit(".", 1)[-1].lower()
        files.append(_File(name, path, registry.paths.submissions / f"{sha256}.{kind}", kind))
    lost = [file.name for file in files if not file.path.is_file()]
    if lost:
        raise RegistryDamaged(
            f"{registry.paths.submissions.name} lacks {len(lost)} files of {submission_id}, {lost[0]} first",
            next_step=registry.paths.recovery,
        )
    return SubmissionFiles(
        submission_id=submission_id,
        site_id=str(found.site_id),
        data_cutoff_date=found.data_cutoff_date,
        is_synthetic=bool(found.is_synthetic),
        tables=_read(files),
    )


def _read(files: list[_File]) -> Mapping[str, pl.DataFrame]:
    """Read every file, in the order of the tables; tell all that is wrong with them."""
    sheets = read_xlsx(
        [
            XlsxFile(definition=table(file.table), path=file.name, file=file.path)
            for file in files
            if file.format == "xlsx"
        ]
    )
    frames: dict[str, pl.DataFrame] = {}
    problems: list[SubmissionRejected] = []
    for file in files:
        try:
            frames[file.table] = _read_one(file, sheets)
        except SubmissionRejected as rejection:
            problems.append(rejection)
    refuse_together(problems)
    return {definition.name: frames[definition.name] for definition in TABLES if definition.name in frames}


def _read_one(file: _File, sheets: Mapping[str, pl.DataFrame | Problem]) -> pl.DataFrame:
    definition = table(file.table)
    if file.format == "parquet":
        return read_parquet(definition, file.name, file.path)
    if file.format == "csv":
        return read_csv(definition, file.name, file.path.read_bytes())
    sheet = sheets[file.table]
    if isinstance(sheet, Problem):
        raise SubmissionRejected(sheet.text, next_step="send it as a plain workbook of one sheet, or as CSV")
    return sheet
