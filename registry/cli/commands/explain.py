"""Show the rows and the rule that decided an endpoint of a patient, down to file and line.

The same from SQL: `select * from derived.endpoint_candidate where patient_id = ... and endpoint = ...`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.lineage import VERDICTS, Explanation, explain
from blinreg.registry.store import Registry
from blinreg.schemas.views import view

NAME = "explain"
HELP = "show the rows that decided an endpoint of a patient"
EXAMPLE = "blinreg explain SYN-0001 os --registry registry.duckdb"

_EVENT = {0: "censored", 1: "the event", 2: "a competing event"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    endpoints = ", ".join(view("endpoint").column("endpoint").codes)
    parser.add_argument("patient", metavar="PATIENT", help="patient_id")
    parser.add_argument("endpoint", metavar="ENDPOINT", help=endpoints)
    parser.add_argument("--registry", type=Path, required=True, metavar="R", help="registry")


def describe(found: Explanation) -> str:
    """Lay an explanation out for a terminal."""
    lines = [f"{found.endpoint} of {found.patient_id}: {found.meaning}", ""]
    rows = found.candidates.rows(named=True)
    if rows:
        first = rows[0]
        lines.append(
            f"clock starts  {found.origin_date} ({found.origin}), "
            f"{first['origin_source_file']} line {first['origin_source_line']}"
        )
    if found.time_days is None:
        lines.append(f"not counted   {found.exclusion}")
    else:
        lines.append(
            f"clock stops   {rows[0]['event_date']}, day {found.time_days:g}: {rows[0]['source'].replace('_', ' ')} "
            f"({_EVENT[found.event or 0]}), {rows[0]['source_file']} line {rows[0]['source_line']}"
        )
    if rows:
        lines += [
            "rule          what happens from that day on counts, and the earliest decides;",
            "              on one day relapse comes before transplant, death and the end of observation",
            f"submission    {rows[0]['submission_id']}",
            "",
        ]
        table = [
            (
                VERDICTS[row["verdict"]],
                row["source"].replace("_", " "),
                row["role"],
                f"{row['event_date']}{' (imputed)' if row['is_imputed'] else ''}",
                row["n_days"],
                f"{row['source_file']}:{row['source_line']}",
            )
            for row in rows
        ]
        lines.append(text_table(["verdict", "source", "as", "date", "day", "file and line"], table))
    return "\n".join(lines)


def run(args: argparse.Namespace, console: Console) -> int:
    """Read the registry and explain."""
    with Registry.open(args.registry) as registry:
        found = explain(registry, args.patient, args.endpoint)
    console.result(
        describe(found),
        {
            "patient_id": found.patient_id,
            "endpoint": found.endpoint,
            "meaning": found.meaning,
            "origin": found.origin,
            "origin_date": found.origin_date,
            "time_days": found.time_days,
            "event": found.event,
            "exclusion": found.exclusion,
            "candidates": found.candidates.to_dicts(),
        },
    )
    return 0
