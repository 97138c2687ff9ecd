"""Say what a registry holds: sites and their newest submissions, rows by table, what was held out and rejected."""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.cli.source import set_as_of
from blinreg.registry.status import Status, status, violations
from blinreg.registry.store import Registry

NAME = "status"
HELP = "say what a registry holds"
EXAMPLE = "blinreg status registry.duckdb --findings"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("registry", type=Path, metavar="R", help="registry")
    parser.add_argument("--as-of", metavar="SUBMISSION", help="as it was after this submission")
    parser.add_argument("--findings", action="store_true", help="list every finding with file and line")


def _section(title: str, frame: pl.DataFrame) -> str:
    return f"\n{title}\n{text_table(frame.columns, frame.rows())}" if frame.height else ""


def describe(found: Status, findings: pl.DataFrame | None) -> str:
    """Lay the status out for a terminal."""
    if not found.sites.height:
        parts = ["no submission has been accepted yet; next: blinreg load SUBMISSION --registry R"]
    else:
        kind = {True: "synthetic data", False: "real data", None: "synthetic and real data mixed"}[found.is_synthetic]
        parts = [
            f"{found.sites.height} sites, {kind}, complete to {found.first_data_cutoff_date}"
            + (
                ""
                if found.first_data_cutoff_date == found.last_data_cutoff_date
                else f"..{found.last_data_cutoff_date}"
            )
        ]
        parts.append(_section("newest submissions", found.sites.drop("is_synthetic", "created_at")))
        parts.append(_section("rows by table", found.tables))
    parts.append(_section("no longer current", found.dropped))
    parts.append(_section("rejected submissions", found.rejected))
    if findings is not None:
        columns = ["submission_id", "severity", "file", "line", "column", "message"]
        parts.append(_section("findings", findings.select(columns)) or "\nno findings")
    return "\n".join(part for part in parts if part)


def run(args: argparse.Namespace, console: Console) -> int:
    """Read the registry and say what it holds."""
    with Registry.open(args.registry) as registry:
        set_as_of(registry, args.as_of)
        found = status(registry)
        findings = violations(registry) if args.findings else None
    data = {
        "sites": found.sites.to_dicts(),
        "tables": found.tables.to_dicts(),
        "dropped": found.dropped.to_dicts(),
        "rejected": found.rejected.to_dicts(),
        "data_cutoff_date": [found.first_data_cutoff_date, found.last_data_cutoff_date],
        "is_synthetic": found.is_synthetic,
    }
    if findings is not None:
        data["findings"] = findings.to_dicts()
    console.result(describe(found, findings), data)
    return 0
