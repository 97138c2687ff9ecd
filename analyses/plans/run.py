"""Carrying out a plan: guard first, then every analysis through the disclosure gate to files."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from blinreg.analyses.disclosure import DisclosureGate, Release, open_gate
from blinreg.analyses.inputs import Rows
from blinreg.analyses.plans.figure import render_png, render_svg
from blinreg.analyses.plans.guard import EarlyUse, Verdict, check_plan
from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.outcome import MAIN
from blinreg.analyses.plans.provenance import Provenance
from blinreg.analyses.plans.published import beside_published
from blinreg.analyses.plans.result import AnalysisResult, RunResult
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.analyses.results import (
    MANIFEST,
    RESULTS,
    file_hashes,
    frame_as_json,
    prepare_folder,
    write_figure,
    write_json,
    write_table,
)
from blinreg.schemas.errors import AnalysisError

#: Called before each analysis with how many are done, how many there are, and its title.
OnProgress = Callable[[int, int, str], None]

_PACKAGES = ("blinreg", "matplotlib", "numpy", "polars", "scipy")


def run_plan(
    plan: Plan,
    views: Mapping[str, Rows],
    *,
    provenance: Provenance,
    out: str | Path,
    release: Release = "",
    on_progress: OnProgress | None = None,
) -> RunResult:
    """Carry out a plan and write its results.

    Parameters
    ----------
    plan : Plan
        As `load_plan` returned it.
    views : mapping of str to Rows
        Every view of the ``analysis`` schema by name, as frames or relations.
    provenance : Provenance
        Submissions behind the views; they say whether the data are synthetic.
    out : str or Path
        Folder for ``results/*.parquet`` and ``*.json``, ``figures/*.svg`` and
        ``*.png``, and ``run_manifest.json``; results of an earlier run in it are replaced.
    release : {"", "public"}
        "public" declares that data not marked synthetic may be shown unprotected.
    on_progress : callable, optional
        ``(done, total, title)``.

    Returns
    -------
    RunResult
        An analysis that fails fails alone: it is in ``.failures``, and ``.exit_code`` says so.

    Raises
    ------
    UsageError
        The data may not be released, or the folder cannot be used. Nothing was written.
    GuardRefusal
        The plan uses something before it is known. Nothing was written.
    """
    gate = open_gate(is_synthetic=provenance.is_synthetic, release=release)
    frames = read_views(views)
    verdicts = check_plan(plan, frames)
    folder = Path(out)
    prepare_folder(folder)
    analyses, files, durations = [], [], {}
    for done, entry in enumerate(plan.entries):
        if on_progress is not None:
            on_progress(done, len(plan.entries), entry.title)
        began = perf_counter()
        analysis = _carry_out(plan, entry, frames, gate, verdicts[entry.name])
        files.extend(_write(folder, analysis, gate))
        analyses.append(analysis)
        durations[entry.name] = round(perf_counter() - began, 3)
    manifest = _manifest(plan, provenance, gate, analyses, file_hashes(folder, files))
    # Kept under a key of their own: all else is the same for the same inputs.
    write_json(folder, MANIFEST, manifest | {"durations_seconds": durations})
    if on_progress is not None:
        on_progress(len(plan.entries), len(plan.entries), "done")
    return RunResult(
        plan=plan, provenance=provenance, gate=gate, analyses=tuple(analyses), manifest=manifest, out=folder
    )


def _carry_out(plan: Plan, entry: Entry, views: ViewFrames, gate: DisclosureGate, verdict: Verdict) -> AnalysisResult:
    from matplotlib import rc_context

    task = Task(plan=plan, entry=entry, views=views, mark=gate.mark)
    try:
        # A dollar sign in a label is a dollar sign, not the beginning of a formula.
        with rc_context({"text.parse_math": False}):
            outcome = entry.method.run(entry.options, task)
    except AnalysisError as error:
        return AnalysisResult(entry=entry, conventions={}, early_uses=verdict.early, failure=str(error))
    specs = (*outcome.tables, *beside_published(plan.published, entry.name, outcome.tables))
    tables = tuple((spec, gate.table(_name(entry, spec.part), spec.frame)) for spec in specs)
    figures = []
    for figure in outcome.figures:
        name = _name(entry, figure.part)
        svg, png = render_svg(figure.figure, name=name), render_png(figure.figure)
        figures.append((figure, gate.figure(name, svg, png)))
    released = {spec.part: table.frame for spec, table in tables}
    return AnalysisResult(
        entry=entry,
        tables=tables,
        figures=tuple(figures),
        sentence=entry.method.summarise(entry.options, released),
        conventions=outcome.conventions,
        notes=(*verdict.cautions, *outcome.notes),
        early_uses=verdict.early,
    )


def _name(entry: Entry, part: str) -> str:
    return entry.name if part == MAIN else f"{entry.name}.{part}"


def _write(folder: Path, analysis: AnalysisResult, gate: DisclosureGate) -> list[str]:
    if analysis.failure:
        return []
    files = [write_table(folder, released, gate) for _, released in analysis.tables]
    for _, released in analysis.figures:
        files += write_figure(folder, released)
    content = {
        "analysis": analysis.entry.name,
        "title": analysis.entry.title,
        "method": analysis.entry.method.name,
        "data": gate.mark,
        "notice": gate.notice,
        "is_biased": analysis.entry.biased,
        "sentence": analysis.sentence,
        "conventions": dict(analysis.conventions),
        "notes": list(analysis.notes),
        "known_too_late": [_early_as_json(early) for early in analysis.early_uses],
        "tables": {spec.part or "main": frame_as_json(released.frame) for spec, released in analysis.tables},
    }
    files.append(write_json(folder, f"{RESULTS}/{analysis.entry.name}.json", content))
    return files


def _early_as_json(early: EarlyUse) -> dict[str, Any]:
    return {
        "variable": early.variable,
        "use": early.how,
        "n_patients": early.n_patients,
        "n_known_after_origin": early.n_after,
        "n_never": early.n_never,
        "median_days": early.median_days,
    }


def _manifest(
    plan: Plan,
    provenance: Provenance,
    gate: DisclosureGate,
    analyses: list[AnalysisResult],
    hashes: dict[str, str],
) -> dict[str, Any]:
    return {
        "plan": {"name": plan.name, "text_sha256": plan.text_sha256},
        "submissions": provenance.as_json(),
        "is_synthetic": gate.is_synthetic,
        "release": gate.release or ("synthetic" if gate.is_synthetic else ""),
        "analyses": {
            analysis.entry.name: {
                "method": analysis.entry.method.name,
                "is_biased": analysis.entry.biased,
                "outcome": f"failed: {analysis.failure}" if analysis.failure else "complete",
            }
            for analysis in analyses
        },
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        # No analysis draws random numbers.
        "seed": None,
        "outputs_sha256": hashes,
    }
