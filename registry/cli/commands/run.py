"""Carry out a declared study on a registry: tidy results, figures, one report and a manifest.

A plan that uses something known only after its origin is refused (immortal time), and nothing
is written. An analysis that fails fails alone: it is named in the report, and the exit code is 6.
A run that was cut short is gone on with by the same command: what was finished is kept, unless the
data, that analysis of the plan or the code have changed. docs/results.md has the files and the
events that --json writes.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from blinreg.analyses.fidelity import Ledger
from blinreg.analyses.plans import RunResult, load_plan, run_plan
from blinreg.analyses.plans.core import core_of
from blinreg.analyses.plans.progress import State, Step
from blinreg.analyses.report import write_report
from blinreg.registry.cli.commands.fidelity import measure
from blinreg.registry.cli.console import Console
from blinreg.registry.cli.source import analysis_views, provenance, set_as_of
from blinreg.registry.store import Registry
from blinreg.synthetic.calibrated import DEFAULT_PROFILE
from blinreg.synthetic.studies import STUDIES
from blinreg.synthetic.targets import load_targets

NAME = "run"
HELP = "carry out a study plan on a registry"
EXAMPLE = "blinreg run realworld-2020 --registry registry.duckdb --out results"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("plan", metavar="PLAN", help="name of a shipped plan (realworld-2020) or path of a TOML file")
    parser.add_argument("--registry", type=Path, required=True, metavar="R", help="registry to analyse")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--core", action="store_true", help="the analyses marked core = true only, for many patients")
    parser.add_argument("--as-of", metavar="SUBMISSION", help="as the registry was after this submission")
    parser.add_argument(
        "--release",
        choices=["public"],
        default="",
        help="'public': the data are public, and small counts may be shown (data that are not synthetic need it)",
    )


def carry_out(
    plan_name: str,
    registry_path: Path,
    out: Path,
    console: Console,
    *,
    core: bool = False,
    as_of: str | None = None,
    release: str = "",
) -> RunResult:
    """Run a plan and write its report, saying how far it is."""
    plan = core_of(load_plan(plan_name)) if core else load_plan(plan_name)
    with Registry.open(registry_path) as registry:
        set_as_of(registry, as_of)
        behind = provenance(registry)
        result = run_plan(
            plan,
            analysis_views(registry, as_of),
            provenance=behind,
            out=out,
            release="public" if release == "public" else "",
            on_progress=lambda step: tell(console, step),
        )
        is_comparable = behind.is_synthetic and as_of is None and plan.name in STUDIES and not core
        ledger = compare(registry, plan.name, console) if is_comparable else None
    console.progress("writing the report")
    write_report(result, out / "report.html", ledger=ledger)
    return result


def tell(console: Console, step: Step) -> None:
    """Say what happened to an analysis: a person hears of what begins, is kept or fails."""
    said = {
        State.STARTED: f"analysis: {step.title}",
        State.KEPT: f"kept: {step.title}",
        State.FAILED: f"failed: {step.title}: {step.message}",
    }
    what = {"analysis": step.analysis, "title": step.title, "message": step.message}
    console.event(
        step.state.value,
        said.get(step.state, ""),
        **{key: value for key, value in what.items() if value},
        **({} if step.took_seconds is None else {"took_seconds": step.took_seconds}),
        done=step.done,
        total=step.total,
        seconds_left=step.seconds_left if step.state in (State.STARTED, State.FINISHED) else None,
    )


def compare(registry: Registry, study: str, console: Console) -> Ledger:
    """Compare synthetic data with the publication that they imitate."""
    published = load_targets(study)
    console.progress(f"comparing with {published.table.height} published numbers")
    return measure(registry, published, profile=DEFAULT_PROFILE)


def findings(result: RunResult) -> str:
    """Say the study's key findings, one a line."""
    return "\n".join(f"  {title}: {sentence}" for title, sentence in result.key_findings)


def run(args: argparse.Namespace, console: Console) -> int:
    """Carry out the plan."""
    result = carry_out(
        args.plan, args.registry, args.out, console, core=args.core, as_of=args.as_of, release=args.release
    )
    failed = "".join(f"\n  failed: {failure}" for failure in result.failures)
    console.result(
        f"wrote {args.out / 'report.html'}\n{findings(result)}{failed}",
        {
            "report": str(args.out / "report.html"),
            "key_findings": [{"title": title, "finding": finding} for title, finding in result.key_findings],
            "kept": list(result.kept),
            "failures": [asdict(failure) for failure in result.failures],
            "exit_code": result.exit_code,
        },
    )
    return result.exit_code
