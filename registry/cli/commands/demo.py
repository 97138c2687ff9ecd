"""Run the main job: eleven synthetic hospitals submit, a registry is filled, the real-world study is reported.

Writes DIR/submissions, DIR/registry.duckdb, DIR/results, DIR/report.html and DIR/fidelity.html
(every published number against the synthetic one). What an earlier demo wrote into DIR is replaced
when the new one is complete; nothing else is touched.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from blinreg.analyses.report import FIDELITY_PAGE
from blinreg.registry.cli.commands.run import carry_out, findings
from blinreg.registry.cli.commands.synth import add_profile
from blinreg.registry.cli.console import Console
from blinreg.registry.cli.fill import fill
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError
from blinreg.synthetic import generate

NAME = "demo"
HELP = "the main job on synthetic data, in one command"
EXAMPLE = "blinreg demo --out demo"

STUDY = "realworld-2020"
#: Says that a folder was written by this command, so that it may be replaced.
MARKER = ".blinreg-demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder, or that of an earlier demo")
    parser.add_argument("--seed", type=int, default=2020, help="the same seed gives the same report (default 2020)")
    add_profile(parser)


def _claim(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", next_step="name a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise UsageError(
            f"{folder} holds something that no demo wrote", next_step="name a new folder; nothing was changed"
        )


def _fill(folder: Path, seed: int, profile: str | None, console: Console) -> None:
    """Write the submissions and load them into a new registry."""
    console.progress("writing synthetic submissions")
    made = generate(STUDY, folder / "submissions", seed=seed, profile=profile)
    console.progress(f"wrote {made.n_patients} synthetic patients at {len(made.sites)} sites")
    folders = [folder / "submissions" / site for site in made.sites]
    with Registry.create(folder / "registry.duckdb") as registry:
        fill(registry, folders, console)


def run(args: argparse.Namespace, console: Console) -> int:
    """Do the main job in a folder beside DIR, then put it in place."""
    folder: Path = args.out
    _claim(folder)
    draft = folder.parent / f".{folder.name}.unfinished"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        (draft / MARKER).touch()
        _fill(draft, args.seed, args.profile, console)
        result = carry_out(STUDY, draft / "registry.duckdb", draft / "results", console)
        for page in ("report.html", FIDELITY_PAGE):
            (draft / "results" / page).rename(draft / page)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    console.result(
        f"\n{folder / 'report.html'}: the report, open it in a browser\n"
        f"{folder / FIDELITY_PAGE}: each published number against the synthetic one\n"
        f"{folder / 'registry.duckdb'}: the registry, open it with any DuckDB client\n"
        f"\nSynthetic data; these patients do not exist:\n{findings(result)}",
        {
            "report": str(folder / "report.html"),
            "registry": str(folder / "registry.duckdb"),
            "synthetic": True,
            "key_findings": [{"title": title, "finding": finding} for title, finding in result.key_findings],
            "exit_code": result.exit_code,
        },
    )
    return result.exit_code
