"""Compare two submissions: rows added, removed and changed, and every value that changed.

A submission is a folder with a submission.json or, with --registry, the name of an accepted one,
read as the site sent it. The formats of their files may differ: rows are matched by key, and
numbers compared as numbers. The exit code is 0 whether or not there is a difference.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.diffing import Difference, compare
from blinreg.registry.store import Registry
from blinreg.registry.submission_files import SubmissionFiles, read_folder, read_kept
from blinreg.schemas.errors import UsageError
from blinreg.schemas.spreadsheet_csv import write_for_people

NAME = "diff"
HELP = "compare two submissions row by row"
EXAMPLE = "blinreg diff my-site-march my-site-june --out changes"

#: Columns that the summary names, those with the most changes.
SHOWN = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("before", metavar="SUB_A", help="folder or, with --registry, submission id")
    parser.add_argument("after", metavar="SUB_B", help="folder or, with --registry, submission id")
    parser.add_argument("--registry", type=Path, metavar="R", help="registry that holds the submissions")
    parser.add_argument("--out", type=Path, metavar="DIR", help="new or empty folder for the changes as CSV files")


def _read(name: str, registry: Registry | None) -> SubmissionFiles:
    """Read a folder if there is one of that name, a submission of the registry otherwise."""
    if Path(name).is_dir():
        return read_folder(Path(name))
    if registry is not None:
        return read_kept(registry, name)
    raise UsageError(f"there is no folder {name}", next_step="name a folder, or give --registry R for a submission id")


def _read_both(args: argparse.Namespace, console: Console) -> tuple[SubmissionFiles, SubmissionFiles]:
    def both(registry: Registry | None) -> tuple[SubmissionFiles, SubmissionFiles]:
        console.progress("reading the first submission", done=1, total=3)
        before = _read(args.before, registry)
        console.progress("reading the second submission", done=2, total=3)
        return before, _read(args.after, registry)

    if args.registry is None:
        return both(None)
    with Registry.open(args.registry) as registry:
        return both(registry)


def write(found: Difference, folder: Path) -> tuple[str, ...]:
    """Write the changes as CSV files; give their names."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"tables.csv": found.tables, "rows.csv": found.rows, "values.csv": found.values}
    files |= {f"added_{name}.csv": rows for name, rows in found.added.items()}
    files |= {f"removed_{name}.csv": rows for name, rows in found.removed.items()}
    for name, frame in files.items():
        write_for_people(frame, folder / name)
    return tuple(files)


def _head(before: SubmissionFiles, after: SubmissionFiles) -> list[str]:
    lines = [
        f"{label}  {side.submission_id}: site {side.site_id}, data to {side.data_cutoff_date}"
        + (", synthetic" if side.is_synthetic else "")
        for label, side in (("A", before), ("B", after))
    ]
    if before.site_id != after.site_id:
        lines.append("the sites differ: rows of one are no earlier state of the other's")
    return lines


def _changed_columns(values: pl.DataFrame) -> pl.DataFrame:
    return values.group_by("table", "column").len("n").sort("n", "table", "column", descending=[True, False, False])


def describe(before: SubmissionFiles, after: SubmissionFiles, found: Difference) -> str:
    """Sum up for a terminal: counts by table, and the columns that changed most."""
    lines = _head(before, after)
    if found.is_same:
        n_rows = int(found.tables["n_rows_after"].sum())
        return "\n".join([*lines, f"no difference in {n_rows} rows of {found.tables.height} tables"])
    header = ["table", "rows A", "rows B", "added", "removed", "changed", "values"]
    different = found.tables.filter(pl.sum_horizontal("n_added", "n_removed", "n_changed") > 0)
    lines += ["", text_table(header, different.rows())]
    n_same = found.tables.height - different.height
    if n_same:
        lines.append(f"{n_same} tables without a difference")
    columns = _changed_columns(found.values)
    if columns.height:
        lines += ["", "values that changed most:"]
        rows = [(f"{table}.{column}", n) for table, column, n in columns.head(SHOWN).rows()]
        lines += ["  " + line for line in text_table(["column", "values"], rows).splitlines()]
        if columns.height > SHOWN:
            lines.append(f"  and {columns.height - SHOWN} more columns")
    return "\n".join(lines)


def _names(side: SubmissionFiles) -> dict[str, Any]:
    return {
        "submission_id": side.submission_id,
        "site_id": side.site_id,
        "data_cutoff_date": side.data_cutoff_date,
        "synthetic": side.is_synthetic,
    }


def as_data(before: SubmissionFiles, after: SubmissionFiles, found: Difference) -> dict[str, Any]:
    """Say the same to a machine, without values: these are in the files of --out."""
    return {
        "before": _names(before),
        "after": _names(after),
        "is_same": found.is_same,
        "tables": found.tables.to_dicts(),
        "columns": _changed_columns(found.values).to_dicts(),
    }


def run(args: argparse.Namespace, console: Console) -> int:
    """Read both, compare, write."""
    out: Path | None = args.out
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists and is not an empty folder", next_step="name a new folder")
    before, after = _read_both(args, console)
    console.progress("comparing", done=3, total=3)
    found = compare(before.tables, after.tables)
    text, data = describe(before, after, found), as_data(before, after, found)
    if out is not None:
        data["files"] = list(write(found, out))
        text += f"\n\nevery row and value: {out / 'rows.csv'}, {out / 'values.csv'}"
    elif not found.is_same:
        text += "\n\nnext: --out DIR writes every row and value as CSV"
    console.result(text, data)
    return 0
