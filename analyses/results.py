"""Writing results: Parquet and JSON of the same tables, SVG and PNG, and hashes of every file.

The same results are the same bytes: keys are sorted, and no file holds a time, a path
or a database.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.analyses.disclosure import DisclosureGate, ReleasedFigure, ReleasedTable
from blinreg.schemas.errors import UsageError

RESULTS, FIGURES, MANIFEST = "results", "figures", "run_manifest.json"


def prepare_folder(out: Path) -> None:
    """Make the folder of a run; the results of an earlier run are removed.

    Raises
    ------
    UsageError
        The folder holds results or figures that no run of blinreg wrote, or cannot be written.
    """
    folders = [out / RESULTS, out / FIGURES]
    ours = (out / MANIFEST).is_file()
    for folder in folders:
        if folder.exists() and not ours and any(folder.iterdir()):
            raise UsageError(
                f"{folder} exists and was not written by a run of blinreg", next_step="name another output folder"
            )
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            for file in folder.iterdir():
                if file.suffix in {".parquet", ".json", ".svg", ".png"}:
                    file.unlink()
        (out / MANIFEST).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be written ({error.strerror})", next_step="name another folder") from error


def table_file(name: str) -> str:
    """Name the file of a table, relative to the folder of the run.

    Examples
    --------
    >>> table_file("os_rr")
    'results/os_rr.parquet'
    """
    return f"{RESULTS}/{name}.parquet"


def figure_file(name: str) -> str:
    """Name the file of a figure, relative to the folder of the run."""
    return f"{FIGURES}/{name}.svg"


def write_table(out: Path, table: ReleasedTable, gate: DisclosureGate) -> str:
    """Write a released table as Parquet; its metadata say what the data are.

    Returns
    -------
    str
        The file, relative to `out`.
    """
    file = table_file(table.name)
    metadata = {"blinreg.data": gate.mark, "blinreg.notice": gate.notice}
    table.frame.write_parquet(out / file, compression="zstd", statistics=False, metadata=metadata)
    return file


def write_figure(out: Path, figure: ReleasedFigure) -> list[str]:
    """Write a released figure as SVG and PNG.

    Returns
    -------
    list of str
        The files, relative to `out`.
    """
    svg = figure_file(figure.name)
    png = svg.removesuffix(".svg") + ".png"
    (out / svg).write_text(figure.svg, encoding="utf-8", newline="\n")
    (out / png).write_bytes(figure.png)
    return [svg, png]


def write_json(out: Path, file: str, content: Mapping[str, Any]) -> str:
    """Write JSON with sorted keys; what JSON cannot say (infinity) is null."""
    text = json.dumps(_plain(content), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    (out / file).write_text(text + "\n", encoding="utf-8", newline="\n")
    return file


def frame_as_json(frame: pl.DataFrame) -> dict[str, Any]:
    """Turn a frame into columns and rows.

    Examples
    --------
    >>> frame_as_json(pl.DataFrame({"n": [1]}))
    {'columns': ['n'], 'rows': [{'n': 1}]}
    """
    return {"columns": frame.columns, "rows": frame.to_dicts()}


def file_hashes(out: Path, files: list[str]) -> dict[str, str]:
    """Hash files by content, sha256."""
    return {file: sha256((out / file).read_bytes()).hexdigest() for file in sorted(files)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value
