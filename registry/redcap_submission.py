"""Turn a REDCap export into a submission folder: one file a table, sealed and ready to load."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from blinreg.registry.manifest import MANIFEST_NAME
from blinreg.registry.read_redcap import RedcapExport, read_redcap
from blinreg.registry.sealing import seal
from blinreg.schemas.columns import SITE_ID_PATTERN
from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.redcap import RECORD_ID

#: Where each row of the tables stands in REDCap; beside the submission, no part of it.
ORIGIN_NAME = "redcap_rows.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What was made of an export.

    Parameters
    ----------
    submission_id : str
        Name of the submission.
    rows : mapping of str to int
        Rows of each table.
    left_out : tuple of str
        Columns of the export that are not blinreg's; nothing of them is in the folder.
    n_empty : int
        Instances without a value, passed over.
    origin : polars.DataFrame
        Where each row stands in REDCap: ``file, line, patient_id, instrument, instance, event, export_line``.
    headings : mapping of str to mapping
        See `blinreg.registry.read_redcap.RedcapExport`.
    """

    submission_id: str
    rows: Mapping[str, int]
    left_out: tuple[str, ...]
    n_empty: int
    origin: pl.DataFrame
    headings: Mapping[str, Mapping[str, str]]


def convert(
    export: Path,
    folder: Path,
    *,
    site_id: str,
    data_cutoff_date: date,
    created_at: datetime,
    submission_id: str = "",
    is_synthetic: bool = False,
) -> Converted:
    """Write the submission of a REDCap export into a new or empty folder.

    Parameters
    ----------
    export : Path
        The CSV file, with variables or labels in its header and stored values or labels in its cells.
    folder : Path
        Must not exist, or be empty. It appears complete or not at all.
    site_id : str
        Site of the patients.
    data_cutoff_date : date
        Day to which the data are complete.
    created_at : datetime
        Now, with its zone.
    submission_id : str
        Made from site and time where not given.
    is_synthetic : bool
        Whether the patients are synthetic; the files then say so in their names.

    Returns
    -------
    Converted
        What was written. ``guide/redcap_rows.csv`` says for each row of a table in which event
        and instance it stands in REDCap.

    Raises
    ------
    UsageError
        If the export is not there, or the folder holds anything.
    SubmissionRejected
        If the export cannot be read; nothing is written then.
    """
    if not export.is_file():
        raise UsageError(f"there is no file {export.name}", next_step="name the CSV file that REDCap exported")
    if not re.fullmatch(SITE_ID_PATTERN, site_id):
        raise UsageError(f"a site must match {SITE_ID_PATTERN}", next_step="such as --site site-a")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder", next_step="name a new folder")
    read = read_redcap(export.name, export.read_bytes(), site_id=site_id)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        origin = _write(read, made, is_synthetic=is_synthetic)
        sealed = seal(
            made,
            site_id=site_id,
            data_cutoff_date=data_cutoff_date,
            submission_id=submission_id,
            created_at=created_at,
        )
        # The folder made for us is readable by its owner only; a submission is like any other new folder.
        made.chmod(0o777 & ~_umask())
        if folder.exists():
            folder.rmdir()
        made.replace(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return Converted(
        submission_id=sealed.submission_id,
        rows=sealed.rows,
        left_out=read.left_out,
        n_empty=read.n_empty,
        origin=origin,
        headings=read.headings,
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write(read: RedcapExport, folder: Path, *, is_synthetic: bool) -> pl.DataFrame:
    origins = []
    for name, frame in read.tables.items():
        path = folder / f"{name}{'.synthetic' if is_synthetic else ''}.csv"
        frame.write_csv(path)
        origins.append(
            read.origin[name].select(
                pl.lit(path.name).alias("file"),
                _lines(frame).alias("line"),
                frame[RECORD_ID],
                pl.lit(name).alias("instrument"),
                "instance",
                "event",
                "export_line",
            )
        )
    (folder / "guide").mkdir()
    origin = pl.concat(origins)
    origin.write_csv(folder / "guide" / ORIGIN_NAME)
    # What `seal` keeps from the time before.
    (folder / MANIFEST_NAME).write_text(json.dumps({"synthetic": is_synthetic}), encoding="utf-8")
    return origin


def _lines(frame: pl.DataFrame) -> pl.Series:
    """Give the line of the written file on which each row begins; a cell may hold line ends."""
    extra = frame.select(
        pl.sum_horizontal(pl.all().str.count_matches("\n").fill_null(0)).cast(pl.Int64).alias("lines")
    ).to_series()
    return pl.int_range(2, frame.height + 2, dtype=pl.Int64, eager=True) + extra.cum_sum().shift(1, fill_value=0)
