"""Write tables as the files of a submission, saying in each that the data are synthetic.

The bytes depend on the tables only: no clock, no locale, no name of this machine.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from blinreg.schemas.tables import SCHEMA_VERSION
from blinreg.synthetic.parameters import Site, Study

NOTICE = "SYNTHETIC DATA: these patients do not exist. Simulated by blinreg from published aggregates only."

SITE_README = """{notice}

Submission of {site} to study {study}, seed {seed}: {n_patients} synthetic patients.
submission.json names the files. Every patient_id begins with SYN.
Made by: blinreg synth {study} --out DIR --seed {seed}
"""

STUDY_README = """{notice}

{title}: {n_patients} synthetic patients at {n_sites} sites, seed {seed}.
Each folder is the submission of one site and can be loaded into a registry:
blinreg load DIR/*/ --registry R
The cohort imitates the 2020 multicenter real-world study (239 patients). It is for software,
teaching and tests; nothing about the treatment can be learnt from it.
Made by: blinreg synth {study} --out DIR --seed {seed}
"""


def write_csv(frame: pl.DataFrame, path: Path, table: str, created: dt.datetime) -> None:
    """Write a table as CSV: UTF-8, comma, line feed, empty for missing."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows(frame.iter_rows())


def write_parquet(frame: pl.DataFrame, path: Path, table: str, created: dt.datetime) -> None:
    """Write a table as Parquet; the metadata of the file say that it is synthetic."""
    frame.write_parquet(
        path,
        compression="zstd",
        statistics=True,
        metadata={"synthetic": "true", "notice": NOTICE, "table": table, "created_at": created.isoformat()},
    )


def write_xlsx(frame: pl.DataFrame, path: Path, table: str, created: dt.datetime) -> None:
    """Write a table as a workbook of one sheet; its document properties say that it is synthetic.

    Dates are text cells, because a spreadsheet has no partial dates.
    """
    import xlsxwriter

    workbook = xlsxwriter.Workbook(path, {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False})
    workbook.set_properties(
        {
            "title": f"SYNTHETIC {table}",
            "subject": NOTICE,
            "category": "synthetic data",
            "keywords": "synthetic",
            "comments": NOTICE,
            "author": "blinreg synth",
            "created": created,
        }
    )
    workbook.set_custom_property("synthetic", "true", "text")
    sheet = workbook.add_worksheet(table[:31])
    sheet.write_row(0, 0, frame.columns)
    for line, row in enumerate(frame.iter_rows(), start=1):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(line, column, value)
            elif value is not None:
                sheet.write_number(line, column, value)
    sheet.freeze_panes(1, 0)
    workbook.close()


#: How a table is written, by the format of the site.
WRITERS: Mapping[str, Callable[[pl.DataFrame, Path, str, dt.datetime], None]] = MappingProxyType(
    {"csv": write_csv, "parquet": write_parquet, "xlsx": write_xlsx}
)


def write_submission(
    tables: Mapping[str, pl.DataFrame], folder: Path, *, study: Study, site: Site, seed: int
) -> tuple[Path, ...]:
    """Write the submission of a site.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The site's tables, parents before children.
    folder : Path
        New folder; its parent must exist.
    study, site : Study, Site
        For the names, the format and the dates.
    seed : int
        Seed of the cohort; part of the submission's name.

    Returns
    -------
    tuple of Path
        The files of tables and ``submission.json``, which is written last: a folder without it is not complete.
    """
    folder.mkdir()
    created = dt.datetime.fromisoformat(study.created_at).replace(tzinfo=None)
    described = []
    paths = []
    for table, frame in tables.items():
        path = folder / f"{table}.synthetic.{site.format}"
        WRITERS[site.format](frame, path, table, created)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        described.append({"table": table, "path": path.name, "sha256": digest, "rows": frame.height})
        paths.append(path)
    readme = SITE_README.format(
        notice=NOTICE, site=site.id, study=study.id, seed=seed, n_patients=tables["patient"].height
    )
    _write_text(folder / "README.txt", readme)
    manifest = {
        "submission_id": f"syn-{study.id}-{seed}-{site.id}",
        "site_id": site.id,
        "created_at": study.created_at,
        "data_cutoff_date": study.data_cutoff_date.isoformat(),
        "schema_version": SCHEMA_VERSION,
        "synthetic": True,
        "files": described,
    }
    _write_text(folder / "submission.json", json.dumps(manifest, indent=2) + "\n")
    return (*paths, folder / "submission.json")


def write_study_readme(folder: Path, *, study: Study, n_sites: int, seed: int) -> None:
    """Say in the folder of a cohort what it is."""
    text = STUDY_README.format(
        notice=NOTICE, title=study.title, n_patients=study.n_patients, n_sites=n_sites, study=study.id, seed=seed
    )
    _write_text(folder / "README.txt", text)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
