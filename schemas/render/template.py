"""Empty submission templates: what a site fills in."""

from __future__ import annotations

import json
from pathlib import Path

from blinreg.schemas.errors import UsageError
from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.tables import SCHEMA_VERSION, TABLES

_README = """A submission to blinreg
=======================

1. Fill in the tables. One file a table, named as here; CSV (UTF-8, comma, decimal point), Parquet or XLSX
   with the same columns. Tables without rows may be left out, except {required}.
   guide/columns.csv says what each column holds and which codes it takes; it is not part of a submission.
2. A submission is the full state of your site: a row that you leave out is no longer current.
3. `blinreg seal FOLDER --site SITE --cutoff DATE` completes submission.json: the rows and the hash of each file,
   and a new submission_id. Seal again after every change. (By hand: rows without the header, sha256sum FILE,
   created_at as 2026-07-01T09:30:00Z; take out the entries of tables that you leave out.)
4. Dates are 2019-05-14; if the day or month is not known, 2019-05 or 2019 where columns.csv says "partial".
5. No names, record numbers, full birth dates or free text about patients.
"""


def header(definition: Table) -> str:
    """Give the header line of a table's CSV file.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> header(table("gvhd"))
    'patient_id,transplant_number,gvhd_type,onset_date,grade,grade_scale'
    """
    return ",".join(definition.column_names)


def _allowed(column: Column) -> str:
    if column.codes:
        return " ".join(column.codes)
    if column.minimum is not None and column.maximum is not None:
        return f"{column.minimum:.15g} to {column.maximum:.15g}"
    if column.type is Type.DATE:
        return "YYYY-MM-DD; partial: YYYY-MM or YYYY" if column.partial else "YYYY-MM-DD"
    return column.pattern


def column_guide() -> str:
    """Render guide/columns.csv: one line a column, for people who fill in the tables."""
    import csv
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["table", "column", "key", "type", "unit", "required", "allowed", "meaning"])
    for definition in TABLES:
        for column in definition.columns:
            writer.writerow(
                [
                    definition.name,
                    column.name,
                    "key" if column.name in definition.key else "",
                    column.type.value,
                    column.unit,
                    "required" if column.required else "",
                    _allowed(column),
                    column.description,
                ]
            )
    return buffer.getvalue()


def manifest() -> str:
    """Render the submission.json of an empty submission."""
    files = [{"table": t.name, "path": f"{t.name}.csv", "sha256": "", "rows": 0} for t in TABLES]
    document = {
        "submission_id": "",
        "site_id": "",
        "created_at": "",
        "data_cutoff_date": "",
        "schema_version": SCHEMA_VERSION,
        "files": files,
    }
    return json.dumps(document, indent=2) + "\n"


def template_files() -> dict[str, str]:
    """Render every file of a template, by name."""
    required = " and ".join(t.name for t in TABLES if t.required)
    files = {f"{t.name}.csv": header(t) + "\n" for t in TABLES}
    return {
        "README.txt": _README.format(required=required),
        # In a folder of its own: every table in the top folder is taken for a part of the submission.
        "guide/columns.csv": column_guide(),
        "submission.json": manifest(),
        **files,
    }


def write_template(folder: Path) -> tuple[Path, ...]:
    """Write an empty submission into a new or empty folder.

    Parameters
    ----------
    folder : Path
        Must not exist, or be empty: a filled-in table is never overwritten.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    UsageError
        If the folder holds anything, or is a file.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} exists and is not an empty folder", next_step="name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in template_files().items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return tuple(written)
