"""``submission.json``: what a site says it sends."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from blinreg.schemas.columns import SITE_ID_PATTERN
from blinreg.schemas.errors import SubmissionRejected, nearest
from blinreg.schemas.ledger import SUBMISSION_ID_PATTERN
from blinreg.schemas.tables import SCHEMA_VERSION, TABLES

MANIFEST_NAME = "submission.json"

#: Formats of the files of tables, by the ending of the name.
FORMATS = ("csv", "parquet", "xlsx")

#: Problems of one submission.json that are told one by one.
_PROBLEMS_TOLD = 20

#: More than any file can have.
MAXIMUM_ROWS = 1_000_000_000

FILE_NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}"

_CORRECT = "correct it and send the submission again"

_KEYS = {
    "submission_id": True,
    "site_id": True,
    "created_at": True,
    "data_cutoff_date": True,
    "schema_version": True,
    "synthetic": False,
    "files": True,
}
_FILE_KEYS = {"table": True, "path": True, "sha256": True, "rows": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One file of a submission: table, name, hash of the content and number of rows."""

    table: str
    path: str
    sha256: str
    rows: int

    @property
    def format(self) -> str:
        """``csv``, ``parquet`` or ``xlsx``."""
        return self.path.rsplit(".", 1)[-1].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A valid ``submission.json``.

    Parameters
    ----------
    submission_id, site_id : str
        Names of the submission and the site.
    created_at : datetime
        When the site made it; UTC, without a zone.
    created_date : date
        The same as the site wrote it: its own calendar day. No fact can be later.
    data_cutoff_date : date
        Day to which the data are complete.
    schema_version : str
        Version of the submission format.
    is_synthetic : bool
        Whether the data are synthetic.
    files : tuple of ManifestFile
        One a table, in the order of the tables.
    """

    submission_id: str
    site_id: str
    created_at: datetime
    created_date: date
    data_cutoff_date: date
    schema_version: str
    is_synthetic: bool
    files: tuple[ManifestFile, ...]

    @property
    def content_sha256(self) -> str:
        """Hash of all that decides which rows are accepted.

        Names of files and of the submission do not count: the same content under another
        name is the same content.
        """
        content = {
            "site_id": self.site_id,
            "created_at": self.created_at.isoformat(),
            "data_cutoff_date": self.data_cutoff_date.isoformat(),
            "schema_version": self.schema_version,
            "synthetic": self.is_synthetic,
            "files": sorted([file.table, file.sha256, file.format] for file in self.files),
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Identity:
    """What can be said of a submission that was refused; ``None`` where it cannot be read."""

    submission_id: str | None = None
    site_id: str | None = None


def read_identity(text: bytes) -> Identity:
    """Read who sent what out of a ``submission.json`` that may be wrong in every other way."""
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return Identity()
    if not isinstance(raw, dict):
        return Identity()
    return Identity(
        submission_id=_matching(raw.get("submission_id"), SUBMISSION_ID_PATTERN),
        site_id=_matching(raw.get("site_id"), SITE_ID_PATTERN),
    )


def parse_manifest(text: bytes, *, now: datetime) -> Manifest:
    """Parse and check ``submission.json``.

    Parameters
    ----------
    text : bytes
        Content of the file.
    now : datetime
        The present, UTC without a zone. A submission from the future would shut its site
        out until that day, so it is refused.

    Raises
    ------
    SubmissionRejected
        With everything that is wrong, not the first thing only.
    """
    raw = _parse_json(text)
    if raw.get("submission_id") == "" and raw.get("created_at") == "":
        raise SubmissionRejected(
            f"{MANIFEST_NAME} is not filled in yet",
            next_step="`blinreg seal FOLDER --site SITE --cutoff DATE` completes it; then load the folder",
        )
    problems = list(_key_problems(raw, _KEYS, ""))
    if not problems:
        problems = list(_value_problems(raw, now))
    if not problems:
        problems = list(_file_problems(raw["files"]))
    if problems:
        more = [f"and {len(problems) - _PROBLEMS_TOLD} more"] if len(problems) > _PROBLEMS_TOLD else []
        told = "; ".join(problems[:_PROBLEMS_TOLD] + more)
        raise SubmissionRejected(f"{MANIFEST_NAME}: {told}", next_step=_CORRECT)
    created, created_date = _timestamp(raw["created_at"])
    order = {definition.name: position for position, definition in enumerate(TABLES)}
    files = tuple(ManifestFile(**file) for file in sorted(raw["files"], key=lambda file: order[file["table"]]))
    return Manifest(
        submission_id=raw["submission_id"],
        site_id=raw["site_id"],
        created_at=created,
        created_date=created_date,
        data_cutoff_date=date.fromisoformat(raw["data_cutoff_date"]),
        schema_version=raw["schema_version"],
        is_synthetic=raw.get("synthetic", False),
        files=files,
    )


def _matching(value: object, pattern: str) -> str | None:
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else None


def _parse_json(text: bytes) -> dict[str, Any]:
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.extend(key for key, count in Counter(key for key, _ in items).items() if count > 1)
        return dict(items)

    try:
        raw = json.loads(text.decode("utf-8-sig"), object_pairs_hook=pairs)
    except UnicodeDecodeError as error:
        raise SubmissionRejected(
            f"{MANIFEST_NAME} is not UTF-8 text: byte {error.start + 1}", next_step=_CORRECT
        ) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise SubmissionRejected(f"{MANIFEST_NAME} is not JSON: {error.msg} at {where}", next_step=_CORRECT) from None
    except (RecursionError, ValueError):
        raise SubmissionRejected(f"{MANIFEST_NAME} is not JSON that can be read", next_step=_CORRECT) from None
    if repeated:
        raise SubmissionRejected(
            f"{MANIFEST_NAME} says {sorted(set(repeated))[0][:40]!r} more than once", next_step=_CORRECT
        )
    if not isinstance(raw, dict):
        raise SubmissionRejected(f"{MANIFEST_NAME} is not a JSON object", next_step=_CORRECT)
    return raw


def _key_problems(raw: dict[str, Any], keys: dict[str, bool], where: str) -> Iterator[str]:
    for key, is_required in keys.items():
        if is_required and key not in raw:
            yield f"{where}{key} is missing"
    for key in raw:
        if key not in keys:
            yield f"{where}unknown key {key[:40]!r}, {nearest(key, list(keys))}"


def _value_problems(raw: dict[str, Any], now: datetime) -> Iterator[str]:
    if _matching(raw["submission_id"], SUBMISSION_ID_PATTERN) is None:
        yield f"submission_id must match {SUBMISSION_ID_PATTERN}"
    if _matching(raw["site_id"], SITE_ID_PATTERN) is None:
        yield f"site_id must match {SITE_ID_PATTERN}"
    if raw["schema_version"] != SCHEMA_VERSION:
        yield f"schema_version must be {SCHEMA_VERSION!r}, the version that this blinreg reads"
    if not isinstance(raw.get("synthetic", False), bool):
        yield "synthetic must be true or false"
    if not isinstance(raw["files"], list) or not raw["files"]:
        yield "files must be a list of one object a table"
    yield from _time_problems(raw, now)


def _time_problems(raw: dict[str, Any], now: datetime) -> Iterator[str]:
    created_date = date.max
    try:
        created, created_date = _timestamp(raw["created_at"])
        if (created - now).days >= 1:
            yield "created_at lies in the future"
    except (ValueError, OverflowError):
        yield "created_at must be a date and time such as 2020-05-01T09:30:00Z"
    cutoff = _whole_date(raw["data_cutoff_date"])
    if cutoff is None:
        yield "data_cutoff_date must be a whole date such as 2020-04-30"
    elif cutoff > created_date:
        yield "data_cutoff_date is later than created_at"


def _whole_date(value: object) -> date | None:
    text = _matching(value, "[0-9]{4}-[0-9]{2}-[0-9]{2}")
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        return None


def _timestamp(value: object) -> tuple[datetime, date]:
    """Read a date and time: in UTC without a zone, and the calendar day as it was written."""
    if not isinstance(value, str) or len(value) < 10:
        raise ValueError
    moment = datetime.fromisoformat(value)
    written = moment.date()
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment, written


def _file_problems(files: list[Any]) -> Iterator[str]:
    known = [definition.name for definition in TABLES]
    for position, file in enumerate(files, start=1):
        where = f"files, number {position}: "
        if not isinstance(file, dict):
            yield f"{where}not an object"
            continue
        wrong = list(_key_problems(file, _FILE_KEYS, where)) or list(_one_file_problems(file, where, known))
        yield from wrong
    names = [file.get("table") for file in files if isinstance(file, dict)]
    counts = Counter(name for name in names if name in known)
    yield from (f"table {name} has {count} files, one is allowed" for name, count in counts.items() if count > 1)
    paths = Counter(file["path"].lower() for file in files if isinstance(file, dict) and _is_text(file.get("path")))
    yield from (f"{count} tables name the same file" for count in paths.values() if count > 1)
    missing = [definition.name for definition in TABLES if definition.required and definition.name not in names]
    yield from (f"required table {name} is missing" for name in missing)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _one_file_problems(file: dict[str, Any], where: str, known: list[str]) -> Iterator[str]:
    table, path = file["table"], file["path"]
    if not isinstance(table, str) or table not in known:
        yield f"{where}no table is called {str(table)[:40]!r}, {nearest(str(table)[:40], known)}"
    if _matching(path, FILE_NAME_PATTERN) is None or ".." in path:
        yield f"{where}path must be the plain name of a file in the folder: no folders, no '..', no spaces"
    elif path.rsplit(".", 1)[-1].lower() not in FORMATS or "." not in path:
        yield f"{where}path must end in .csv, .parquet or .xlsx"
    if _matching(file["sha256"], "[0-9a-f]{64}") is None:
        yield f"{where}sha256 must be 64 lower-case hexadecimal digits"
    rows = file["rows"]
    if not isinstance(rows, int) or isinstance(rows, bool) or not 0 <= rows <= MAXIMUM_ROWS:
        yield f"{where}rows must be a whole number from 0 to {MAXIMUM_ROWS}"
