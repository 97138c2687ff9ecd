"""Writing results: Parquet, CSV and JSON of the same tables, SVG and PNG, and hashes of every file.

The same results are the same bytes: keys are sorted, and no file holds a time, a path
or a database. A file appears under its name when it is whole, or not at all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.analyses.disclosure import DisclosureGate, ReleasedFigure, ReleasedTable
from blinreg.schemas.errors import UsageError
from blinreg.schemas.spreadsheet_csv import write_for_people

RESULTS, FIGURES, MANIFEST = "results", "figures", "run_manifest.json"
#: Before and after the name of a file that is being written.
_PARTIAL = (".", ".partial")
_SUFFIXES = {".parquet", ".csv", ".json", ".toml", ".svg", ".png"}


def open_folder(out: Path) -> None:
    """Make the folder of a run, or take that of an earlier one; its manifest says "unfinished" from now on.

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
            for file in folder.glob("".join((_PARTIAL[0], "*", _PARTIAL[1]))):
                file.unlink()
    except OSError as error:
        raise _cannot_write(out, error) from error
    write_json(out, MANIFEST, {"state": "unfinished"})


def remove_others(out: Path, files: Iterable[str]) -> None:
    """Remove what an earlier run left among results and figures and this one did not write."""
    wanted = {out / file for file in files}
    for folder in (out / RESULTS, out / FIGURES):
        for file in folder.iterdir():
            if file.suffix in _SUFFIXES and file not in wanted:
                file.unlink()


def table_file(name: str) -> str:
    """Name the file of a table, relative to the folder of the run.

    Examples
    --------
    >>> table_file("os_rr")
    'results/os_rr.parquet'
    """
    return f"{RESULTS}/{name}.parquet"


def csv_file(name: str, gate: DisclosureGate) -> str:
    """Name the file of a table as CSV: nothing in it can say that the data are synthetic, so its name does.

    Examples
    --------
    >>> from blinreg.analyses.disclosure import open_gate
    >>> csv_file("os_rr", open_gate(is_synthetic=True))
    'results/os_rr.synthetic.csv'
    """
    return f"{RESULTS}/{name}{'.synthetic' if gate.is_synthetic else ''}.csv"


def figure_file(name: str) -> str:
    """Name the file of a figure, relative to the folder of the run."""
    return f"{FIGURES}/{name}.svg"


def picture_file(name: str) -> str:
    """Name the file of a figure as PNG, relative to the folder of the run."""
    return f"{FIGURES}/{name}.png"


def write_table(out: Path, table: ReleasedTable, gate: DisclosureGate) -> list[str]:
    """Write a released table as Parquet, whose metadata say what the data are, and as CSV.

    Returns
    -------
    list of str
        The files, relative to `out`.
    """
    parquet, text = table_file(table.name), csv_file(table.name, gate)
    metadata = {"blinreg.data": gate.mark, "blinreg.notice": gate.notice}
    write_whole(
        out / parquet,
        lambda path: table.frame.write_parquet(path, compression="zstd", statistics=False, metadata=metadata),
    )
    write_whole(out / text, lambda path: write_for_people(table.frame, path))
    return [parquet, text]


def write_figure(out: Path, figure: ReleasedFigure) -> list[str]:
    """Write a released figure as SVG and PNG.

    Returns
    -------
    list of str
        The files, relative to `out`.
    """
    svg, png = figure_file(figure.name), picture_file(figure.name)
    write_text(out / svg, figure.svg)
    write_whole(out / png, lambda path: path.write_bytes(figure.png))
    return [svg, png]


def write_json(out: Path, file: str, content: Mapping[str, Any]) -> str:
    """Write JSON with sorted keys; what JSON cannot say (infinity) is null."""
    write_text(out / file, json_text(content))
    return file


def json_text(content: Mapping[str, Any]) -> str:
    """Write JSON as its files have it: the same content is the same text."""
    return json.dumps(_plain(content), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8", newline="\n"))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file written aside, and give it its name when it is whole.

    Raises
    ------
    UsageError
        It cannot be written; what stood there before stands there still.
    """
    partial = path.with_name(path.name.join(_PARTIAL))
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def frame_as_json(frame: pl.DataFrame) -> dict[str, Any]:
    """Turn a frame into columns and rows.

    Examples
    --------
    >>> frame_as_json(pl.DataFrame({"n": [1]}))
    {'columns': ['n'], 'rows': [{'n': 1}]}
    """
    return {"columns": frame.columns, "rows": frame.to_dicts()}


def file_hashes(out: Path, files: Iterable[str]) -> dict[str, str]:
    """Hash files by content, sha256."""
    return {file: sha256((out / file).read_bytes()).hexdigest() for file in sorted(files)}


def _cannot_write(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written ({error.strerror})", next_step="name another folder")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.isoformat() if isinstance(value, date) else value
