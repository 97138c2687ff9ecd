"""Read XLSX files as text, with the row of the sheet on which each row stands.

The reading is done by `blinreg.registry.xlsx_worker` in another process: an XLSX file is a
compressed archive, and a hostile one unpacks to more than any machine holds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry import xlsx_worker
from blinreg.registry.header import check_header
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Table

#: What the reading process may use.
MEMORY_BYTES = 4 << 30
SECONDS = 120

_MIDNIGHT = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]00:00:00(\.0+)?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class XlsxFile:
    """An XLSX file to read: its table, its name for messages, and where it is kept."""

    definition: Table
    path: str
    file: Path


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one of the files cannot be read."""

    text: str


def read_xlsx(
    files: Sequence[XlsxFile], *, seconds: int = SECONDS, memory_bytes: int = MEMORY_BYTES
) -> Mapping[str, pl.DataFrame | Problem]:
    """Read all XLSX files of a submission in one limited process.

    Parameters
    ----------
    files : sequence of XlsxFile
        The files.
    seconds, memory_bytes : int
        Limits of the process.

    Returns
    -------
    mapping
        By table: the columns of the table as text in their order, null where empty, and
        ``source_line``; or the problem. Empty rows are passed over.
    """
    if not files:
        return {}
    with tempfile.TemporaryDirectory(prefix="blinreg-") as folder:
        targets = [str(Path(folder, f"{position}.arrow")) for position in range(len(files))]
        request = {
            "memory_bytes": memory_bytes,
            "seconds": seconds,
            "files": [
                {"source": str(file.file), "sheet": file.definition.name, "target": target}
                for file, target in zip(files, targets, strict=True)
            ],
        }
        answers = _ask(request, seconds)
        if answers is None:
            text = f"could not be read within {seconds} s and {memory_bytes >> 20} MB"
            return {file.definition.name: Problem(f"{file.path} {text}") for file in files}
        return {file.definition.name: _rows(file, answer) for file, answer in zip(files, answers, strict=True)}


def _ask(request: Mapping[str, Any], seconds: int) -> list[Mapping[str, Any]] | None:
    """Run the worker; ``None`` if it was stopped by a limit."""
    # -P: the folder of the script must not shadow the standard library.
    command = [sys.executable, "-P", str(Path(xlsx_worker.__file__))]
    environment = {
        **os.environ,
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "OMP_NUM_THREADS": "1",
        "RAYON_NUM_THREADS": "1",
    }
    try:
        done = subprocess.run(  # noqa: S603 -- our own script, no shell, no text of the site in the command
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=seconds + 5,
            env=environment,
            check=True,
        )
        answers: list[Mapping[str, Any]] = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError, ValueError):
        return None
    return answers


def _rows(file: XlsxFile, answer: Mapping[str, Any]) -> pl.DataFrame | Problem:
    if "problem" in answer:
        return Problem(f"{file.path} {answer['problem']}")
    cells = pl.read_ipc(Path(answer["target"]).read_bytes())
    if not cells.height:
        return Problem(f"{file.path} is empty: it has no header")
    names = [str(name) if name is not None else "" for name in cells.row(0)]
    filled = [position for position, name in enumerate(names) if name or cells[:, position].is_not_null().any()]
    try:
        check_header(file.definition, file.path, [names[position] for position in filled])
    except SubmissionRejected as rejection:
        return Problem(str(rejection))
    columns = [pl.nth(names.index(name)).alias(name) for name in file.definition.column_names]
    lines = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("source_line")
    rows = cells.select(*columns, lines).slice(1)
    text = pl.col(*file.definition.column_names)
    dated = text.str.replace(_MIDNIGHT, "$1")
    return rows.with_columns(pl.when(text != "").then(dated)).filter(
        pl.any_horizontal(pl.col(name).is_not_null() for name in file.definition.column_names)
    )
