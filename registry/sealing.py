"""Complete ``submission.json``: which tables a folder holds, their rows and the hash of each file.

For the person who filled in the tables: nobody should count rows and copy hashes by hand.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from blinreg.registry.manifest import FORMATS, MANIFEST_NAME, parse_manifest
from blinreg.registry.read_csv import read_csv
from blinreg.registry.read_parquet import read_parquet
from blinreg.registry.read_xlsx import Problem, XlsxFile, read_xlsx
from blinreg.schemas.errors import SubmissionRejected, UsageError, nearest
from blinreg.schemas.model import Table
from blinreg.schemas.tables import SCHEMA_VERSION, TABLES


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What was written: the submission's name, and the rows of each table."""

    submission_id: str
    rows: Mapping[str, int]


def seal(
    folder: Path,
    *,
    site_id: str = "",
    data_cutoff_date: date | None = None,
    submission_id: str = "",
    created_at: datetime,
) -> Sealed:
    """Write ``submission.json`` for the tables that a folder holds.

    Parameters
    ----------
    folder : Path
        With one file a table, named as the table (``patient.csv``).
    site_id, data_cutoff_date : str, date
        Taken from an existing ``submission.json`` where not given.
    submission_id : str
        Made from site and time where not given: every submission has a new one.
    created_at : datetime
        Now, with its zone.

    Raises
    ------
    UsageError
        If site or cutoff are not known, a file is named as no table, or two files are one table.
    SubmissionRejected
        If a file cannot be read as its table; every such file is named.

    Examples
    --------
    >>> import tempfile
    >>> from blinreg.schemas.render.template import write_template
    >>> folder = tempfile.TemporaryDirectory()
    >>> _ = write_template(Path(folder.name))
    >>> made = seal(Path(folder.name), site_id="site-a", data_cutoff_date=date(2026, 6, 30),
    ...             created_at=datetime(2026, 7, 1, 9, 30, tzinfo=UTC))
    >>> made.submission_id, made.rows["patient"]
    ('site-a-20260701T093000Z', 0)
    >>> folder.cleanup()
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder.name}", next_step="`blinreg template DIR` makes one")
    before = _before(folder / MANIFEST_NAME)
    site = site_id or str(before.get("site_id") or "")
    cutoff = data_cutoff_date.isoformat() if data_cutoff_date else str(before.get("data_cutoff_date") or "")
    if not site or not cutoff:
        raise UsageError(
            "the site or the data cutoff is not known",
            next_step="give --site and --cutoff, such as --cutoff 2026-06-30",
        )
    moment = created_at.astimezone(UTC).replace(microsecond=0)
    files = _files(folder)
    document = {
        "submission_id": submission_id or f"{site}-{moment:%Y%m%dT%H%M%SZ}",
        "site_id": site,
        "created_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "data_cutoff_date": cutoff,
        "schema_version": SCHEMA_VERSION,
        **({"synthetic": True} if before.get("synthetic") is True else {}),
        "files": files,
    }
    text = json.dumps(document, indent=2) + "\n"
    # The same check as when it is loaded, so that a sealed folder is never refused for its submission.json.
    parse_manifest(text.encode(), now=moment.replace(tzinfo=None))
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8", newline="\n")
    return Sealed(
        submission_id=str(document["submission_id"]), rows={file["table"]: int(file["rows"]) for file in files}
    )


def _before(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _files(folder: Path) -> list[dict[str, Any]]:
    paths = _by_table(folder)
    files, problems = [], []
    for definition in TABLES:
        path = paths.get(definition.name)
        if path is None:
            continue
        try:
            rows = _count_rows(definition, path)
        except SubmissionRejected as rejection:
            problems.append(str(rejection))
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append({"table": definition.name, "path": path.name, "sha256": digest, "rows": rows})
    if problems:
        raise SubmissionRejected("; ".join(problems), next_step=f"correct the files and seal {folder.name} again")
    return files


def _by_table(folder: Path) -> dict[str, Path]:
    known = [definition.name for definition in TABLES]
    paths: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower().lstrip(".") not in FORMATS:
            continue
        name = path.name.split(".")[0]
        if name.startswith("~$"):
            raise UsageError(
                f"{path.name}: {path.name.removeprefix('~$')} is open in a spreadsheet program",
                next_step="save and close it there, and seal again",
            )
        if name not in known:
            raise UsageError(
                f"{path.name} is named as no table", next_step=f"rename it or take it out; {nearest(name, known)}"
            )
        if name in paths:
            raise UsageError(
                f"{paths[name].name} and {path.name} are both the table {name}", next_step="keep one of them"
            )
        paths[name] = path
    return paths


def _count_rows(definition: Table, path: Path) -> int:
    kind = path.suffix.lower()
    if kind == ".csv":
        return read_csv(definition, path.name, path.read_bytes()).height
    if kind == ".parquet":
        return read_parquet(definition, path.name, path).height
    sheet = read_xlsx([XlsxFile(definition=definition, path=path.name, file=path)])[definition.name]
    if isinstance(sheet, Problem):
        raise SubmissionRejected(sheet.text)
    return sheet.height
