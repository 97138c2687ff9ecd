"""Submissions that must be refused whole: first attempts of a site, each with one fault that hides all others.

A file in a wrong encoding, a missing column or a patient's name make the registry turn the submission down before any
row counts. Planted among other faults they would hide them, so that each gets a submission of its own: the site's
clean tables with this one fault, sent the day before the site's submission proper.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl

from blinreg.synthetic.faults.answer_key import answers
from blinreg.synthetic.faults.files import REFUSED, FileFault, date_columns, hash_of
from blinreg.synthetic.faults.log import LOG_SCHEMA, file_entry, join_logs, key_text
from blinreg.synthetic.streams import Draws, Stream

#: Refused submissions of one site at most.
AT_A_SITE = 4

#: Tables that every submission must have.
_REQUIRED = ("patient", "follow_up")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value that must not be sent, and where it is put."""

    table: str
    column: str
    value: str


#: Values for which a submission is refused. All invented; telephone number and domain are reserved for examples.
CELLS: Mapping[str, Cell] = MappingProxyType(
    {
        "phi_name": Cell(table="patient_characteristic", column="value", value="Testperson, Erika"),
        "phi_record_number": Cell(table="patient_characteristic", column="value", value="MRN 00471234"),
        "phi_birth_date": Cell(table="patient", column="birth_year", value="1967-03-04"),
        "phi_phone": Cell(table="patient_characteristic", column="value", value="+1 202-555-0143"),
        "phi_email": Cell(table="patient_characteristic", column="value", value="erika.testperson@example.org"),
        "phi_address": Cell(table="patient_characteristic", column="value", value="12 Example Street, 12345 Testtown"),
        "phi_characteristic": Cell(table="patient_characteristic", column="characteristic", value="mrn"),
        "latin_1": Cell(table="patient_characteristic", column="value", value="Türkisch"),
    }
)

#: Faults of ``submission.json``.
_MANIFEST_FAULTS = ("wrong_sha256", "wrong_row_count", "missing_table")

#: Kinds of fault for which a submission is refused: those that few formats can have come first.
REFUSED_KINDS: tuple[str, ...] = (
    *sorted(REFUSED, key=lambda name: (len(REFUSED[name].formats), name)),
    *(name for name in CELLS if name not in REFUSED),
    *_MANIFEST_FAULTS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A submission to be written beside a site's own.

    Parameters
    ----------
    kind : str
        Its fault.
    fault : int
        Number of the fault.
    table : str
        Table whose file has it.
    """

    kind: str
    fault: int
    table: str


def choose_refused(
    tables: Mapping[str, pl.DataFrame], *, file_format: str, seed: int, first_fault: int, counts: Mapping[str, int]
) -> tuple[Refused, ...]:
    """Choose the refused submissions of a site: kinds that had no turn yet, at most ``AT_A_SITE``.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The site's clean tables.
    file_format : str
        Their format.
    seed, first_fault : int
        Seed of the cohort, and number of the first fault.
    counts : mapping of str to int
        Faults so far by kind.
    """
    chosen: list[Refused] = []
    for kind in REFUSED_KINDS:
        names = [] if counts.get(kind) else _tables_for(kind, tables, file_format)
        if names and len(chosen) < AT_A_SITE:
            number = first_fault + len(chosen)
            draw = Draws((3, seed), Stream.FAULTS, np.array([number], dtype=np.int64)).whole(0, len(names) - 1)
            chosen.append(Refused(kind=kind, fault=number, table=names[int(draw[0])]))
    return tuple(chosen)


def _tables_for(kind: str, tables: Mapping[str, pl.DataFrame], file_format: str) -> list[str]:
    if any(name not in tables for name in _REQUIRED) or (kind in REFUSED and file_format not in REFUSED[kind].formats):
        return []
    with_rows = [name for name, frame in tables.items() if frame.height]
    if kind in CELLS:
        cell = CELLS[kind]
        return [name for name in with_rows if name == cell.table and tables[name][cell.column].count()]
    if kind == "missing_table":
        return ["follow_up"]
    if kind == "spreadsheet_serial_file":
        return [name for name in with_rows if date_columns(name) and tables[name][date_columns(name)[0]].count()]
    if kind == "decimal_comma_file":
        return [name for name in with_rows if pl.Float64 in tables[name].dtypes]
    return with_rows


def write_refused(
    refused: Refused,
    tables: Mapping[str, pl.DataFrame],
    out: Path,
    *,
    site: str,
    seed: int,
    write: Callable[[Mapping[str, pl.DataFrame], Path], object],
) -> pl.DataFrame:
    """Write a submission that must be refused, as ``OUT/attempt-<kind>-<site>``.

    Parameters
    ----------
    refused : Refused
        Its fault.
    tables : mapping of str to polars.DataFrame
        The site's clean tables, or those of some of its patients.
    out : Path
        Folder of the cohort.
    site : str
        The site.
    seed : int
        Seed of the cohort.
    write : callable
        ``write(tables, folder)`` writes an ordinary submission, ``submission.json`` included.

    Returns
    -------
    polars.DataFrame
        Log of the differences from an ordinary submission of these tables.
    """
    folder = out / f"attempt-{refused.kind}-{site}"
    tables, log = _with_cell(refused, tables, seed)
    fault = REFUSED.get(refused.kind, FileFault(name=refused.kind))
    edited = {**tables, refused.table: fault.edit_frame(refused.table, tables[refused.table])}
    write(edited, folder)
    manifest = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    entry = next(entry for entry in manifest["files"] if entry["table"] == refused.table)
    path = folder / entry["path"]
    path.write_bytes(fault.edit_bytes(refused.table, path.read_bytes()))
    entry["sha256"] = hash_of(path)
    _spoil_manifest(refused.kind, manifest, entry, path)
    manifest["submission_id"] = f"{manifest['submission_id']}-{refused.fault}"
    manifest["created_at"] = _a_day_before(manifest["created_at"])
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / "submission.json").write_text(text, encoding="utf-8", newline="\n")
    file = f"{folder.name}/{path.name}"
    logs = [log.with_columns(site=pl.lit(site), file=pl.lit(file))]
    if refused.kind in REFUSED or refused.kind in _MANIFEST_FAULTS:
        column = fault.column(refused.table)
        logs.append(
            file_entry(refused.kind, fault=refused.fault, site=site, table_name=refused.table, file=file, column=column)
        )
    return join_logs(logs)


def _spoil_manifest(kind: str, manifest: dict[str, Any], entry: dict[str, Any], path: Path) -> None:
    if kind == "wrong_sha256":
        entry["sha256"] = entry["sha256"][::-1]
    elif kind == "wrong_row_count":
        entry["rows"] += 1
    elif kind == "missing_table":
        manifest["files"].remove(entry)
        path.unlink()


def _a_day_before(moment: str) -> str:
    """Move a time back by a day: the submission proper is the newer one, whichever is loaded first."""
    return (dt.datetime.fromisoformat(moment) - dt.timedelta(days=1)).isoformat().replace("+00:00", "Z")


def _with_cell(
    refused: Refused, tables: Mapping[str, pl.DataFrame], seed: int
) -> tuple[Mapping[str, pl.DataFrame], pl.DataFrame]:
    """Put the value of the fault, if it has one, into a row that has one there."""
    cell = CELLS.get(refused.kind)
    if cell is None:
        return tables, LOG_SCHEMA.to_frame()
    frame = tables[cell.table]
    eligible = frame[cell.column].is_not_null().arg_true().to_numpy()
    draw = Draws((4, seed), Stream.FAULTS, np.array([refused.fault], dtype=np.int64)).whole(0, len(eligible) - 1)
    row = int(eligible[int(draw[0])])
    answer = answers()[refused.kind]
    log = (
        frame[row : row + 1]
        .with_columns(
            fault=pl.lit(refused.fault, dtype=pl.Int64),
            site=pl.lit(""),
            table=pl.lit(cell.table),
            file=pl.lit(""),
            line=pl.lit(row + 2, dtype=pl.Int64),
            key=key_text(cell.table),
            column=pl.lit(cell.column),
            before=pl.col(cell.column).cast(pl.String),
            after=pl.lit(cell.value),
            kind=pl.lit(refused.kind),
            certain=pl.lit(answer.certain),
            rule=pl.lit(answer.rule_at(cell.table, cell.column)),
            may_follow=pl.lit(" ".join(answer.follows_at(cell.table, cell.column))),
            action=pl.lit("changed"),
        )
        .select(LOG_SCHEMA.names())
    )
    text = frame[cell.column].cast(pl.String).clone().scatter(row, cell.value)
    return {**tables, cell.table: frame.with_columns(text.alias(cell.column))}, log
