"""Write a synthetic cohort as the submissions of its hospitals. The patients do not exist; every file says so."""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.synthetic import generate

NAME = "synth"
HELP = "write a synthetic cohort as site submissions"
EXAMPLE = "blinreg synth realworld-2020 --out submissions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("study", metavar="STUDY", help="study to imitate: realworld-2020")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    parser.add_argument("--seed", type=int, default=2020, help="the same seed gives the same files (default 2020)")


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the submissions."""
    made = generate(args.study, args.out, seed=args.seed, on_progress=console.progress)
    console.result(
        f"wrote {made.n_patients} synthetic patients at {len(made.sites)} sites to {args.out}; "
        f"next: blinreg load {args.out}/*/ --registry R",
        {"study": args.study, "seed": args.seed, "n_patients": made.n_patients, "sites": list(made.sites)},
    )
    return 0
