"""Find the calibrated cohort again: the courses of 239 patients whose statistics are the printed ones.

Takes some minutes and needs the optimiser OR-tools, which no other command does. What it finds is part of blinreg,
so that `blinreg synth` needs neither; the same version of OR-tools finds the same courses.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from blinreg.registry.cli.commands.synth import add_profile
from blinreg.registry.cli.console import Console
from blinreg.schemas.errors import UsageError
from blinreg.synthetic import DEFAULT_PROFILE, load_study
from blinreg.synthetic.calibrated import calibrated_name, write_courses

NAME = "calibrate"
HELP = "find the calibrated cohort of 239 again (minutes)"
EXAMPLE = "blinreg calibrate realworld-2020 --profile strict --out calibrated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("study", metavar="STUDY", help="study to calibrate to: realworld-2020")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the CSV file of courses")
    add_profile(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Calibrate, and write the courses."""
    study = load_study(args.study)
    profile: Literal["strict", "plausible"] = args.profile or DEFAULT_PROFILE
    target: Path = args.out / calibrated_name(study.id, profile)
    if target.exists():
        raise UsageError(f"{target} exists", next_step="name another folder; nothing was changed")
    if find_spec("ortools") is None:
        raise UsageError(
            "calibrate needs OR-tools, which is not installed",
            next_step="install it with: pip install 'blinreg[calibration]'; `blinreg synth` does not need it",
        )
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make {args.out}: {error.strerror}", next_step="choose another folder") from None
    from blinreg.synthetic.calibration import calibrate

    courses = calibrate(study.id, profile, on_progress=console.progress)
    write_courses(courses, target)
    console.result(
        f"wrote the courses of {len(courses)} synthetic patients to {target}",
        {"study": study.id, "profile": profile, "n_patients": len(courses), "path": str(target)},
    )
    return 0
