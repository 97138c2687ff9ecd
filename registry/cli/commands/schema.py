"""Show the tables of a submission, give the definitions to a program, or write a REDCap data dictionary.

With --json every table, column, code and range, and the analysis tables. With --redcap FILE the
data dictionary that REDCap imports, and beside it which instruments repeat (REDCap's dictionary
cannot say that).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console, text_table
from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.machine import schema
from blinreg.schemas.render.redcap import data_dictionary, redcap_fields, repeating_instruments
from blinreg.schemas.tables import TABLES

NAME = "schema"
HELP = "show the tables, also as JSON or for REDCap"
EXAMPLE = "blinreg schema --redcap data_dictionary.csv"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--redcap", type=Path, metavar="FILE", help="CSV file to write, for REDCap to import")


def repeating_path(dictionary: Path) -> Path:
    """Name the file of the repeating instruments after the dictionary beside it."""
    return dictionary.with_name(f"{dictionary.stem}.repeating_instruments{dictionary.suffix}")


def _write_redcap(path: Path, console: Console) -> int:
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", next_step="make it first")
    repeating = repeating_path(path)
    path.write_text(data_dictionary(), encoding="utf-8", newline="\n")
    repeating.write_text(repeating_instruments(), encoding="utf-8", newline="\n")
    n_variables = len(redcap_fields())
    console.result(
        f"wrote {n_variables} variables in {len(TABLES)} instruments to {path}\n"
        f"next: upload it in REDCap (Designer, Data Dictionary), then make the instruments of {repeating.name} "
        "repeating (Project Setup)",
        {
            "dictionary": str(path),
            "repeating_instruments": str(repeating),
            "n_variables": n_variables,
            "n_instruments": len(TABLES),
        },
    )
    return 0


def run(args: argparse.Namespace, console: Console) -> int:
    """Show or write the definitions."""
    if args.redcap is not None:
        return _write_redcap(args.redcap, console)
    rows = [
        (
            definition.name,
            ", ".join(definition.key),
            len(definition.columns),
            "yes" if definition.required else "",
        )
        for definition in TABLES
    ]
    console.result(
        f"{text_table(['table', 'key', 'columns', 'required'], rows)}\n"
        "every column: blinreg schema --json, or guide/columns.csv of blinreg template",
        schema(),
    )
    return 0
