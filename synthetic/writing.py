"""Write tables as the files of a submission, saying in each that the data are synthetic.

The bytes depend on the tables only: no clock, no locale, no name of this machine.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import polars as pl

from blinreg.schemas.tables import SCHEMA_VERSION
from blinreg.synthetic.faults import write_faulty_file
from blinreg.synthetic.parquet import ParquetFile
from blinreg.synthetic.studies import Site, Study

NOTICE = "SYNTHETIC DATA: these patients do not exist. Simulated by blinreg from published aggregates only."

SITE_README = """{notice}

Submission of {site} to study {study}, seed {seed}: {n_patients} synthetic patients.
submission.json names the files. Every patient_id begins with SYN.
Made by: {command}
"""

STUDY_README = """{notice}

{title}: {n_patients} synthetic patients at {n_sites} sites, seed {seed}.
Each folder is the submission of one site and can be loaded into a registry:
blinreg load DIR/*/ --registry R
{kind}
Made by: {command}
"""

CALIBRATED = """The cohort is calibrated: its statistics are those printed by the 2020 multicenter real-world study
(239 patients), profile {profile}. Its censoring is informative, because the printed numbers ask for it
(relapse-free survival stands above overall survival). It is for arithmetic, software, teaching and tests,
not for inference; nothing about the treatment can be learnt from it."""

SIMULATED = """The patients are drawn from a multi-state model whose parameters imitate the 2020 multicenter real-world
study (239 patients); censoring is independent. truth.json holds what was planted. It is for software,
methods, teaching and tests; nothing about the treatment can be learnt from it."""

FAULTY = """
Faults were planted at a rate of {faults}; answer_key.csv and answer_key.parquet list each of them.
Folders named attempt-... are submissions that a registry must refuse, each for one fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a cohort is made; named in its files.

    Parameters
    ----------
    study : Study
        The study that is imitated.
    seed : int
        Seed of the cohort.
    profile : str, optional
        Profile of the calibrated cohort; None for the model.
    n_patients : int, optional
        Patients drawn from the model; None for the calibrated cohort.
    faults : float, optional
        Rate of planted faults; None for clean data.
    """

    study: Study
    seed: int
    profile: str | None = None
    n_patients: int | None = None
    faults: float | None = None

    @property
    def command(self) -> str:
        """Command that makes the cohort again."""
        options = [f"--seed {self.seed}"]
        if self.profile is not None:
            options.append(f"--profile {self.profile}")
        if self.n_patients is not None:
            options.append(f"--patients {self.n_patients}")
        if self.faults is not None:
            options.append(f"--faults {self.faults:g}")
        return f"blinreg synth {self.study.id} --out DIR {' '.join(options)}"

    @property
    def created(self) -> dt.datetime:
        """Moment that the files give as that of their making: a constant of the study."""
        return dt.datetime.fromisoformat(self.study.created_at).replace(tzinfo=None)

    def submission_id(self, site: str) -> str:
        """Name of a site's submission, another one for each way of making a cohort.

        Examples
        --------
        >>> from blinreg.synthetic.studies import load_study
        >>> study = load_study("realworld-2020")
        >>> Recipe(study=study, seed=2020, profile="plausible").submission_id("site01")
        'syn-realworld-2020-2020-site01'
        >>> Recipe(study=study, seed=7, n_patients=100_000).submission_id("site01")
        'syn-realworld-2020-n100000-7-site01'
        """
        parts = ["syn", self.study.id]
        if self.profile == "strict":
            parts.append("strict")
        if self.n_patients is not None:
            parts.append(f"n{self.n_patients}")
        if self.faults is not None:
            parts.append(f"f{self.faults:g}")
        return "-".join([*parts, str(self.seed), site])

    def site_readme(self, site: str, n_patients: int) -> str:
        """Text for the folder of a site."""
        return SITE_README.format(
            notice=NOTICE,
            site=site,
            study=self.study.id,
            seed=self.seed,
            n_patients=n_patients,
            command=self.command,
        )

    def study_readme(self, n_patients: int, n_sites: int) -> str:
        """Text for the folder of the cohort."""
        kind = SIMULATED if self.profile is None else CALIBRATED.format(profile=self.profile)
        if self.faults is not None:
            kind += FAULTY.format(faults=f"{self.faults:g}")
        return STUDY_README.format(
            notice=NOTICE,
            title=self.study.title,
            n_patients=n_patients,
            n_sites=n_sites,
            seed=self.seed,
            kind=kind,
            command=self.command,
        )

    def file_metadata(self, table: str) -> dict[str, str]:
        """Metadata of a file that has room for them."""
        return {"synthetic": "true", "notice": NOTICE, "table": table, "created_at": self.created.isoformat()}


@dataclass(frozen=True, slots=True)
class TableFile:
    """A written file as ``submission.json`` describes it."""

    table: str
    path: str
    sha256: str
    rows: int


def write_csv(frame: pl.DataFrame, path: Path, table: str, recipe: Recipe) -> None:
    """Write a table as CSV: UTF-8, comma, line feed, empty for missing."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows(frame.iter_rows())


def write_parquet(frame: pl.DataFrame, path: Path, table: str, recipe: Recipe) -> None:
    """Write a table as Parquet; the metadata of the file say that it is synthetic."""
    file = ParquetFile(path, metadata=recipe.file_metadata(table))
    file.append(frame)
    file.close()


def write_xlsx(frame: pl.DataFrame, path: Path, table: str, recipe: Recipe) -> None:
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
            "created": recipe.created,
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


class Writer(Protocol):
    """Writes a table as a file."""

    def __call__(self, frame: pl.DataFrame, path: Path, table: str, recipe: Recipe) -> None:
        """Write the file."""


#: How a table is written, by the format of the site.
WRITERS: Mapping[str, Writer] = MappingProxyType({"csv": write_csv, "parquet": write_parquet, "xlsx": write_xlsx})


def write_submission(
    tables: Mapping[str, pl.DataFrame],
    folder: Path,
    *,
    recipe: Recipe,
    site: Site,
    file_faults: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the submission of a site whose tables are at hand as a whole.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The site's tables, parents before children.
    folder : Path
        New folder; its parent must exist.
    recipe : Recipe
        How the cohort is made.
    site : Site
        The site: its name and format.
    file_faults : mapping of str to str
        By table, the planted fault in how its file is written.
    """
    folder.mkdir()
    files = []
    for table, frame in tables.items():
        path = folder / f"{table}.synthetic.{site.format}"
        written = write_faulty_file(
            frame,
            path,
            table_name=table,
            fault=file_faults.get(table),
            write=partial(WRITERS[site.format], table=table, recipe=recipe),
        )
        files.append(TableFile(table, path.name, written.sha256, written.rows))
    finish_submission(folder, files, recipe=recipe, site=site.id, n_patients=tables["patient"].height)


def finish_submission(folder: Path, files: Sequence[TableFile], *, recipe: Recipe, site: str, n_patients: int) -> None:
    """Write what describes the files: README.txt and, last of all, ``submission.json``.

    A folder without ``submission.json`` is not complete.
    """
    write_text(folder / "README.txt", recipe.site_readme(site, n_patients))
    manifest = {
        "submission_id": recipe.submission_id(site),
        "site_id": site,
        "created_at": recipe.study.created_at,
        "data_cutoff_date": recipe.study.data_cutoff_date.isoformat(),
        "schema_version": SCHEMA_VERSION,
        "synthetic": True,
        "files": [{"table": file.table, "path": file.path, "sha256": file.sha256, "rows": file.rows} for file in files],
    }
    write_text(folder / "submission.json", json.dumps(manifest, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 with line feeds, wherever this runs."""
    path.write_text(text, encoding="utf-8", newline="\n")
