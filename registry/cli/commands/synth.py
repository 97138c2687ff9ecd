"""Write a synthetic cohort as the submissions of its hospitals. The patients do not exist; every file says so.

Without --patients this is the calibrated cohort of 239: its statistics are the numbers that the study printed, and
a seed moves only what the study leaves free (sites, dates, order). With --patients it is any number of patients
drawn from a multi-state model with the same parameters, and truth.json says what was planted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from blinreg.registry.cli.console import Console
from blinreg.synthetic import DEFAULT_PROFILE, PROFILES, generate

NAME = "synth"
HELP = "write a synthetic cohort as site submissions"
EXAMPLE = "blinreg synth realworld-2020 --out submissions"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("study", metavar="STUDY", help="study to imitate: realworld-2020")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new or empty folder")
    parser.add_argument("--seed", type=int, default=2020, help="the same seed gives the same files (default 2020)")
    add_profile(parser)
    parser.add_argument(
        "--patients", type=int, metavar="N", help="draw N patients from the model; above 5,000 as Parquet"
    )
    parser.add_argument(
        "--threads", type=int, metavar="K", help="for many patients; the files do not depend on it (default: up to 4)"
    )
    parser.add_argument(
        "--faults", type=float, metavar="RATE", help="plant faults in this share of the rows; answer_key.csv lists them"
    )


def add_profile(parser: argparse.ArgumentParser) -> None:
    """Declare the profile of the calibrated cohort."""
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        help="strict: every number that the study printed; plausible: without those that no real patients would give, "
        f"such as a median age of 59 at transplant against 48 over all (default {DEFAULT_PROFILE})",
    )


def run(args: argparse.Namespace, console: Console) -> int:
    """Write the submissions."""
    made = generate(
        args.study,
        args.out,
        seed=args.seed,
        profile=args.profile,
        patients=args.patients,
        threads=args.threads,
        faults=args.faults,
        on_progress=console.progress,
    )
    planted = "" if made.n_faults is None else f" with {made.n_faults:,} planted faults ({args.out}/answer_key.csv)"
    console.result(
        f"wrote {made.n_patients:,} synthetic patients at {len(made.sites)} sites to {args.out}{planted}; "
        f"next: blinreg load {args.out}/*/ --registry R",
        {
            "study": args.study,
            "seed": args.seed,
            "profile": made.profile,
            "n_patients": made.n_patients,
            "n_rows": sum(made.n_rows.values()),
            "n_faults": made.n_faults,
            "sites": list(made.sites),
        },
    )
    return 0
