"""Hold a synthetic cohort against the paper it imitates, number by number.

Loads the submissions of DIR into a temporary registry (or reads the registry named), measures every
published number on its tables with blinreg's own estimators, and says which are met, which other
printed numbers exclude, and which are missed. --out writes fidelity.csv, fidelity.json and index.html.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from blinreg.analyses.fidelity import Ledger, Proof, parse_definitions, parse_targets, score
from blinreg.registry.cli.console import Console, text_table
from blinreg.registry.cli.fill import fill
from blinreg.registry.cli.source import provenance
from blinreg.registry.frames import query_frame
from blinreg.registry.manifest import MANIFEST_NAME
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError
from blinreg.synthetic.calibrated import DEFAULT_PROFILE
from blinreg.synthetic.targets import PublishedTargets, load_given_up, load_proofs, load_targets

NAME = "fidelity"
HELP = "hold a synthetic cohort against the paper it imitates"
EXAMPLE = "blinreg fidelity submissions --out fidelity"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("submissions", type=Path, nargs="?", metavar="DIR", help="folder of submissions, as of synth")
    parser.add_argument("--registry", type=Path, metavar="R", help="registry to measure instead of a folder")
    parser.add_argument("--study", default="realworld-2020", metavar="STUDY", help="study (default realworld-2020)")
    parser.add_argument("--out", type=Path, metavar="OUT", help="folder for the ledger")
    parser.add_argument(
        "--frames", action="store_true", help="with --out: also write the frames that were measured, as CSV"
    )
    parser.add_argument(
        "--profile",
        default=DEFAULT_PROFILE,
        metavar="NAME",
        help="profile of the cohort: plausible (default) or strict",
    )
    parser.add_argument(
        "--tolerance",
        choices=["printed", "population"],
        default="printed",
        help="'printed': as the paper rounds; 'population': medians within 5%%, percentages within 2 points",
    )


@contextmanager
def _registry(args: argparse.Namespace, console: Console) -> Iterator[Registry]:
    """Open the registry named, or fill a temporary one."""
    if (args.registry is None) == (args.submissions is None):
        raise UsageError("name a folder of submissions or a registry, one of them", next_step=f"such as: {EXAMPLE}")
    if args.registry is not None:
        with Registry.open(args.registry) as registry:
            yield registry
        return
    folders = sorted(path.parent for path in args.submissions.glob(f"*/{MANIFEST_NAME}"))
    if not folders:
        raise UsageError(
            f"{args.submissions} holds no submission", next_step="name the folder that `blinreg synth` wrote"
        )
    with (
        tempfile.TemporaryDirectory(prefix="blinreg-fidelity-") as folder,
        Registry.create(Path(folder) / "registry.duckdb") as registry,
    ):
        fill(registry, folders, console)
        yield registry


def measure(
    registry: Registry, published: PublishedTargets, *, profile: str = DEFAULT_PROFILE, tolerance: str = "printed"
) -> Ledger:
    """Score what a registry holds.

    Raises
    ------
    UsageError
        The registry holds patients who exist: small counts would be shown.
    """
    if not all(submission.is_synthetic for submission in provenance(registry).submissions):
        raise UsageError(
            f"{registry.path.name} holds data of patients who exist; a ledger shows counts of few",
            next_step="`blinreg run realworld-2020` reports on them, small counts suppressed",
        )
    frames = read_frames(registry, published)
    return score(
        parse_targets(published.table),
        parse_definitions(published.definitions, published.conflicts),
        frames.__getitem__,
        proofs=[Proof.from_mapping(proof) for proof in load_proofs()],
        given_up=load_given_up(profile),
        tolerance="population" if tolerance == "population" else "printed",
    )


def read_frames(registry: Registry, published: PublishedTargets) -> dict[str, pl.DataFrame]:
    """Read the frames that the targets are measured on."""
    return {name: query_frame(registry.connection, query) for name, query in published.queries.items()}


def describe(ledger: Ledger) -> str:
    """Say the counts by section, those with most misses first, and every miss with its class and reason."""
    total = ledger.summary.row(-1, named=True)
    sections = ledger.summary.head(-1).sort("attainable_percent", maintain_order=True)
    rows = [
        [row["section"], row["n"], row["n_hit"], row["n_contradicted"], row["n_residual"], _percent(row)]
        for row in [*sections.iter_rows(named=True), total]
    ]
    table = text_table(["section", "printed", "met", "contradicted", "residual", "met of attainable"], rows)
    misses = ledger.misses.select("status", "section", "label", "printed", "achieved_text", "explanation")
    worst = sections["section"].to_list()
    ordered = sorted(misses.rows(), key=lambda row: (row[0] != "residual", worst.index(row[1])))
    listed = text_table(["class", "section", "number", "printed", "here", "reason"], ordered) if ordered else "none"
    return f"{ledger.n_patients} synthetic patients against {ledger.title}\n\n{table}\n\nmisses\n{listed}"


def _percent(row: dict[str, float | None]) -> str:
    return "" if row["attainable_percent"] is None else f"{row['attainable_percent']:.1f}%"


def run(args: argparse.Namespace, console: Console) -> int:
    """Measure, say, and write."""
    from blinreg.analyses.report.ledger import write_ledger

    if args.frames and args.out is None:
        raise UsageError("--frames needs a folder", next_step="add --out OUT")
    published = load_targets(args.study)
    load_given_up(args.profile)
    with _registry(args, console) as registry:
        console.progress(f"measuring {published.table.height} printed numbers")
        ledger = measure(registry, published, profile=args.profile, tolerance=args.tolerance)
        frames = read_frames(registry, published) if args.frames else {}
    written = write_ledger(ledger, args.out, frames=frames) if args.out is not None else []
    text = describe(ledger)
    console.result(
        f"{text}\n\nwrote {args.out / 'index.html'}" if args.out is not None else text,
        {
            "study": ledger.study,
            "synthetic": True,
            "n_patients": ledger.n_patients,
            "tolerance": ledger.tolerance,
            "summary": ledger.summary.to_dicts(),
            "misses": ledger.misses.to_dicts(),
            "files": [str(path) for path in written],
            "exit_code": 0,
        },
    )
    return 0
