"""The files of one analysis: written when it is done, read back by a run that need not do it again.

An analysis is done when its JSON file is there: it is written last, and holds the hashes of
the other files, of itself, and of what they are made from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from blinreg.analyses.disclosure import DisclosureGate, ReleasedFigure, ReleasedTable
from blinreg.analyses.plans.guard import EarlyUse, Verdict
from blinreg.analyses.plans.model import Entry
from blinreg.analyses.plans.outcome import MAIN, FigureSpec, Kind, Shown, TableSpec
from blinreg.analyses.plans.result import AnalysisResult
from blinreg.analyses.results import (
    RESULTS,
    csv_file,
    figure_file,
    file_hashes,
    frame_as_json,
    json_text,
    picture_file,
    table_file,
    write_figure,
    write_json,
    write_table,
)

_MAIN_KEY = "main"
_OWN_HASH = "rest_of_this_file_sha256"


def released_name(entry: Entry, part: str) -> str:
    """Name of a table or figure of an analysis, in files and on the page."""
    return entry.name if part == MAIN else f"{entry.name}.{part}"


def store(folder: Path, analysis: AnalysisResult, gate: DisclosureGate, *, made_from: str) -> list[str]:
    """Write the files of an analysis; of a failed one there are none.

    Parameters
    ----------
    folder : Path
        Of the run.
    analysis : AnalysisResult
        As carried out.
    gate : DisclosureGate
        The gate it passed.
    made_from : str
        Hash of what the analysis is made from.

    Returns
    -------
    list of str
        The files, relative to `folder`.
    """
    if analysis.failure:
        return []
    files = [file for _, table in analysis.tables for file in write_table(folder, table, gate)]
    files += [file for _, figure in analysis.figures for file in write_figure(folder, figure)]
    content = {
        "analysis": analysis.entry.name,
        "title": analysis.entry.title,
        "method": analysis.entry.method.name,
        "data": gate.mark,
        "notice": gate.notice,
        "is_biased": analysis.entry.biased,
        "sentence": analysis.sentence,
        "conventions": dict(analysis.conventions),
        "notes": list(analysis.notes),
        "known_too_late": [_early_as_json(early) for early in analysis.early_uses],
        "failed_variants": dict(analysis.failed_variants),
        "tables": {
            spec.part or _MAIN_KEY: frame_as_json(table.frame) | {"place": place, "shown_as": asdict(spec)}
            for place, (spec, table) in enumerate(analysis.tables)
        },
        "figures": [asdict(spec) for spec, _ in analysis.figures],
        "files_sha256": file_hashes(folder, files),
        "made_from_sha256": made_from,
    }
    return [*files, write_json(folder, _json_file(analysis.entry), content | {_OWN_HASH: _own_hash(content)})]


def read_stored(
    folder: Path, entry: Entry, gate: DisclosureGate, verdict: Verdict, *, made_from: str
) -> tuple[AnalysisResult, list[str]] | None:
    """Read what an earlier run made of an analysis, if it would be made of the same again.

    Returns
    -------
    tuple of AnalysisResult and list of str, or None
        The analysis and its files. None if it, or a variant of it, was not finished, was made from something else,
        or if a file is not as it was written.
    """
    try:
        content = _read_json(folder / _json_file(entry))
        if content["made_from_sha256"] != made_from or content["failed_variants"]:
            return None
        files = _Files(folder, content["files_sha256"])
        analysis = AnalysisResult(
            entry=entry,
            tables=tuple(
                _table(entry, table, files, gate)
                for table in sorted(content["tables"].values(), key=lambda table: int(table["place"]))
            ),
            figures=tuple(_figure(entry, figure, files) for figure in content["figures"]),
            sentence=content["sentence"],
            conventions=MappingProxyType(content["conventions"]),
            notes=tuple(content["notes"]),
            early_uses=verdict.early,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError):
        # Whatever is wrong with it: it is done again.
        return None
    return analysis, [*files.read, _json_file(entry)]


def _read_json(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    if json_text(content) != text or content.pop(_OWN_HASH) != _own_hash(content):
        raise ValueError(path.name)
    return content


def _own_hash(content: Mapping[str, Any]) -> str:
    return sha256(json_text(content).encode()).hexdigest()


class _Files:
    """Files that are as they were written, or an error."""

    def __init__(self, folder: Path, hashes: Mapping[str, str]) -> None:
        self._folder = folder
        self._hashes = hashes
        self.read: list[str] = []

    def bytes_of(self, file: str) -> bytes:
        content = (self._folder / file).read_bytes()
        if sha256(content).hexdigest() != self._hashes[file]:
            raise ValueError(file)
        self.read.append(file)
        return content


def _table(
    entry: Entry, stored: Mapping[str, Any], files: _Files, gate: DisclosureGate
) -> tuple[TableSpec, ReleasedTable]:
    said = dict(stored["shown_as"])
    shown = tuple(
        Shown(**one | {"kind": Kind(one["kind"]), "columns": tuple(one["columns"])}) for one in said.pop("shown")
    )
    spec = TableSpec(**said, shown=shown)
    name = released_name(entry, spec.part)
    frame = pl.read_parquet(BytesIO(files.bytes_of(table_file(name))))
    files.bytes_of(csv_file(name, gate))
    return spec, gate.table(name, frame)


def _figure(entry: Entry, stored: Mapping[str, Any], files: _Files) -> tuple[FigureSpec, ReleasedFigure]:
    spec = FigureSpec(**stored)
    name = released_name(entry, spec.part)
    svg, png = files.bytes_of(figure_file(name)), files.bytes_of(picture_file(name))
    return spec, ReleasedFigure(name, svg.decode(), png)


def _json_file(entry: Entry) -> str:
    return f"{RESULTS}/{entry.name}.json"


def _early_as_json(early: EarlyUse) -> dict[str, Any]:
    return {
        "variable": early.variable,
        "use": early.how,
        "n_patients": early.n_patients,
        "n_known_after_origin": early.n_after,
        "n_never": early.n_never,
        "median_days": early.median_days,
    }
