"""Carrying out a plan: guard first, then every analysis through the disclosure gate to files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from blinreg.analyses.disclosure import DisclosureGate, Release, open_gate
from blinreg.analyses.inputs import Rows
from blinreg.analyses.plans.figure import render_png, render_svg
from blinreg.analyses.plans.fingerprint import Fingerprints, versions
from blinreg.analyses.plans.guard import Verdict, check_plan
from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.outcome import Outcome
from blinreg.analyses.plans.progress import OnProgress, Progress
from blinreg.analyses.plans.provenance import Provenance
from blinreg.analyses.plans.published import beside_published
from blinreg.analyses.plans.result import AnalysisResult, RunResult
from blinreg.analyses.plans.stored import read_stored, released_name, store
from blinreg.analyses.plans.task import Task
from blinreg.analyses.plans.variants import compare_variants, variant_notes
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.analyses.results import (
    MANIFEST,
    RESULTS,
    file_hashes,
    open_folder,
    remove_others,
    write_json,
    write_text,
)
from blinreg.schemas.errors import AnalysisError, BlinregError, bug

#: The plan as it was carried out, beside its results.
PLAN_COPY = f"{RESULTS}/plan.toml"


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
        Folder for ``results/`` (Parquet, CSV, JSON), ``figures/`` (SVG, PNG) and ``run_manifest.json``.
        What an earlier run in it finished, whole or interrupted, is kept if it was made from the same
        data, the same part of the plan and the same code; other results in it are replaced.
    release : {"", "public"}
        "public" declares that data not marked synthetic may be shown unprotected.
    on_progress : callable, optional
        Is given each `Step`.

    Returns
    -------
    RunResult
        An analysis that fails fails alone: it is in ``.failures``, and ``.exit_code`` says so.
        What failed is tried again by the next run.

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
    open_folder(folder)
    fingerprints, progress = Fingerprints(plan, frames, gate), Progress(plan.entries, on_progress)
    write_text(folder / PLAN_COPY, plan.text)
    analyses, files, kept = [], [PLAN_COPY], []
    for entry in plan.entries:
        made_from = fingerprints.of(entry)
        found = read_stored(folder, entry, gate, verdicts[entry.spoken_name], made_from=made_from)
        if found is not None:
            analysis, written = found
            kept.append(entry.name)
            progress.kept(entry)
        else:
            progress.started(entry)
            analysis = _carry_out(plan, entry, frames, gate, verdicts)
            written = store(folder, analysis, gate, made_from=made_from)
            progress.ended(entry, failure=analysis.failure)
        analyses.append(analysis)
        files += written
    remove_others(folder, files)
    manifest = _manifest(plan, provenance, gate, analyses, file_hashes(folder, files))
    # Under a key of their own, where an analysis that was kept has none: all else is the same for the same inputs.
    write_json(folder, MANIFEST, manifest | {"durations_seconds": progress.seconds})
    progress.done()
    return RunResult(
        plan=plan,
        provenance=provenance,
        gate=gate,
        analyses=tuple(analyses),
        manifest=manifest,
        out=folder,
        kept=tuple(kept),
    )


def _carry_out(
    plan: Plan, entry: Entry, views: ViewFrames, gate: DisclosureGate, verdicts: Mapping[str, Verdict]
) -> AnalysisResult:
    try:
        with _bugs_as_failures():
            return _result(plan, entry, views, gate, verdicts)
    except AnalysisError as error:
        early = verdicts[entry.spoken_name].early
        return AnalysisResult(entry=entry, conventions={}, early_uses=early, failure=str(error))


@contextmanager
def _bugs_as_failures() -> Iterator[None]:
    """Let a bug in one analysis, or in one variant of it, not take the others with it."""
    try:
        yield
    except BlinregError:
        raise
    except Exception as error:
        raise AnalysisError(str(bug(error))) from error


def _result(
    plan: Plan, entry: Entry, views: ViewFrames, gate: DisclosureGate, verdicts: Mapping[str, Verdict]
) -> AnalysisResult:
    from matplotlib import rc_context

    def run(one: Entry) -> Outcome:
        # A dollar sign in a label is a dollar sign, not the beginning of a formula.
        with rc_context({"text.parse_math": False}), _bugs_as_failures():
            return one.method.run(one.options, Task(plan=plan, entry=one, views=views, mark=gate.mark))

    verdict = verdicts[entry.spoken_name]
    outcome = run(entry)
    compared = compare_variants(entry, outcome, run)
    found = (*outcome.tables, *compared.tables, *beside_published(plan.published, entry.name, outcome.tables))
    tables = tuple((table.spec, gate.table(released_name(entry, table.part), table.frame)) for table in found)
    figures = []
    for drawn in outcome.figures:
        name = released_name(entry, drawn.part)
        svg, png = render_svg(drawn.figure, name=name), render_png(drawn.figure)
        figures.append((drawn.spec, gate.figure(name, svg, png)))
    released = {spec.part: table.frame for spec, table in tables}
    return AnalysisResult(
        entry=entry,
        tables=tables,
        figures=tuple(figures),
        sentence=entry.method.summarise(entry.options, released),
        # In the order in which they are read back.
        conventions=MappingProxyType(dict(sorted(outcome.conventions.items()))),
        notes=(*verdict.cautions, *outcome.notes, *variant_notes(entry, verdicts, compared)),
        early_uses=verdict.early,
        failed_variants=compared.failures,
    )


def _manifest(
    plan: Plan,
    provenance: Provenance,
    gate: DisclosureGate,
    analyses: list[AnalysisResult],
    hashes: dict[str, str],
) -> dict[str, Any]:
    return {
        "state": "finished",
        "plan": {
            "name": plan.name,
            "file": PLAN_COPY,
            "text_sha256": plan.text_sha256,
            "left_out": list(plan.left_out),
        },
        "submissions": provenance.as_json(),
        "is_synthetic": gate.is_synthetic,
        "release": gate.release or ("synthetic" if gate.is_synthetic else ""),
        "analyses": {
            analysis.entry.name: {
                "method": analysis.entry.method.name,
                "is_biased": analysis.entry.biased,
                "outcome": f"failed: {analysis.failure}" if analysis.failure else "complete",
                "failed_variants": dict(analysis.failed_variants),
            }
            for analysis in analyses
        },
        "versions": versions(),
        "seed": {
            analysis.entry.name: seed
            for analysis in analyses
            if (seed := getattr(analysis.entry.options, "seed", None)) is not None
        },
        "outputs_sha256": hashes,
    }
