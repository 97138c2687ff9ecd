"""The report as one self-contained HTML page: released tables and figures in, text out."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from blinreg.analyses.disclosure import ReleasedFigure
from blinreg.analyses.plans.guard_use import (
    COUNTS_TIME_BEFORE,
    FUTURE,
    IMMORTAL,
    LOOKS_AHEAD,
    SELECTED_LATER,
    EarlyUse,
)
from blinreg.analyses.plans.model import Plan
from blinreg.analyses.plans.options import Role, names_of
from blinreg.analyses.plans.outcome import FigureSpec
from blinreg.analyses.plans.published import PART as PUBLISHED
from blinreg.analyses.plans.result import AnalysisResult, RunResult
from blinreg.analyses.plans.vocabulary import EVER, endpoints
from blinreg.analyses.report.cells import Row, table_rows
from blinreg.analyses.report.headline import answer
from blinreg.analyses.results import figure_file, table_file

_PROLOGUE = re.compile(r"^.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_SIZE = re.compile(r'(<svg\b[^>]*?) (?:width|height)="[^"]*"')
_WIDTH = re.compile(r'<svg\b[^>]*? width="([0-9.]+)pt"')
#: Figures wider than this scroll on a phone: shrunk to its screen their words would be too small to read.
_WIDE_POINTS = 435
ATTRITION = "attrition"
_SURVIVED = "whoever has it must first have survived until then, and this immortal time makes it look better than it is"
_LIVED = "whoever lived long enough for it is left out together with the days lived until then (immortal time)"
_HAPPENED = "what happened in between decided who has it"
_CONSEQUENCES = {IMMORTAL: _SURVIVED, FUTURE: _SURVIVED, LOOKS_AHEAD: _HAPPENED, SELECTED_LATER: _HAPPENED}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    """A table of the page; `name` is that of its file without folder and suffix, a folded one shows its title only."""

    name: str
    file: str
    title: str
    note: str
    headers: tuple[tuple[str, str, str], ...]
    rows: tuple[Row, ...]
    is_folded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownFigure:
    """A figure of the page, as inline SVG."""

    file: str
    data_file: str
    title: str
    description: str
    width_points: float
    is_wide: bool
    svg: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of the attrition of one analysis."""

    step: str
    n_patients: int
    n_excluded: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnalysis:
    """An analysis of the page."""

    name: str
    title: str
    note: str
    sentence: str
    failure: str
    bias: str
    is_biased: bool
    tables: tuple[ShownTable, ...]
    figures: tuple[ShownFigure, ...]
    steps: tuple[Step, ...]
    steps_name: str
    conventions: str
    notes: tuple[str, ...]
    beside: tuple[ShownAnalysis, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section of the page."""

    anchor: str
    title: str
    analyses: tuple[ShownAnalysis, ...]


def render_report(run: RunResult, *, fidelity: tuple[str, str] | None = None) -> str:
    """Compose the page.

    Parameters
    ----------
    run : RunResult
        Its tables and figures passed the disclosure gate.
    fidelity : tuple of str, optional
        Address of the page that compares the synthetic data with the publication, and what it says in a sentence.

    Returns
    -------
    str
        HTML that loads nothing; the same run gives the same text.
    """
    environment = Environment(
        loader=PackageLoader("blinreg.analyses.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _asset("sort.js")
    return environment.get_template("report.html").render(
        run=run,
        fidelity=fidelity,
        answer=answer(run),
        sections=_sections(run.plan, run.analyses),
        definitions=_definitions(run.analyses),
        notice=run.gate.notice,
        mark=run.gate.mark,
        style=Markup(_asset("report.css").replace("{{mark}}", run.gate.mark)),  # noqa: S704 - our own text
        script=Markup(script),  # noqa: S704 - our own text
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )


def _asset(name: str) -> str:
    return (resources.files("blinreg.analyses.report") / "templates" / name).read_text(encoding="utf-8")


def _sections(plan: Plan, analyses: Iterable[AnalysisResult]) -> tuple[Section, ...]:
    """Group analyses by section, in the order in which the plan names the sections."""
    found = list(analyses)
    besides: dict[str, list[ShownAnalysis]] = {}
    for analysis in found:
        if analysis.entry.beside:
            besides.setdefault(analysis.entry.beside, []).append(_shown(plan, analysis, ()))
    titles = dict.fromkeys(analysis.entry.section for analysis in found if not analysis.entry.beside)
    return tuple(
        Section(
            anchor=f"section-{number}",
            title=title,
            analyses=tuple(
                _shown(plan, analysis, tuple(besides.get(analysis.entry.name, ())))
                for analysis in found
                if analysis.entry.section == title and not analysis.entry.beside
            ),
        )
        for number, title in enumerate(titles, start=1)
    )


def _shown(plan: Plan, analysis: AnalysisResult, beside: tuple[ShownAnalysis, ...]) -> ShownAnalysis:
    entry = analysis.entry
    steps = next((released for spec, released in analysis.tables if spec.part == ATTRITION), None)
    return ShownAnalysis(
        name=entry.name,
        title=entry.title,
        note=entry.note,
        sentence=analysis.sentence,
        failure=analysis.failure,
        bias=_bias(plan, analysis.early_uses),
        is_biased=entry.biased,
        tables=_tables(analysis),
        figures=_figures(analysis),
        steps=tuple(Step(**row) for row in steps.frame.drop("step_number").to_dicts()) if steps else (),
        steps_name=steps.name if steps else "",
        conventions="; ".join(
            f"{key}: {value:.7g}" if isinstance(value, float) else f"{key}: {value}"
            for key, value in analysis.conventions.items()
        ),
        notes=analysis.notes,
        beside=beside,
    )


def _tables(analysis: AnalysisResult) -> tuple[ShownTable, ...]:
    return tuple(
        ShownTable(
            name=released.name,
            file=table_file(released.name),
            title=spec.title,
            note=spec.note,
            headers=tuple((shown.header, shown.kind.value, " ".join(shown.columns)) for shown in spec.shown),
            rows=table_rows(spec, released.frame),
            is_folded=spec.part == PUBLISHED,
        )
        for spec, released in analysis.tables
        if spec.shown
    )


def _figures(analysis: AnalysisResult) -> tuple[ShownFigure, ...]:
    names = {spec.part: released.name for spec, released in analysis.tables}
    data_file = table_file(names.get("curve", analysis.entry.name))
    return tuple(_figure(spec, released, data_file) for spec, released in analysis.figures)


def _figure(spec: FigureSpec, released: ReleasedFigure, data_file: str) -> ShownFigure:
    width = _WIDTH.search(released.svg)
    points = round(float(width[1]), 1) if width else 0.0
    return ShownFigure(
        file=figure_file(released.name),
        data_file=data_file,
        title=spec.title,
        description=spec.description,
        width_points=points,
        is_wide=points > _WIDE_POINTS,
        svg=_inline(released.svg),
    )


def _inline(svg: str) -> Markup:
    """Strip what only a file of its own needs; matplotlib escaped every text in it."""
    text = _METADATA.sub("", _PROLOGUE.sub("", svg))
    text = _SIZE.sub(r"\1", _SIZE.sub(r"\1", text, count=1), count=1)
    return Markup(text)  # noqa: S704 - made by matplotlib, which escapes texts


def _bias(plan: Plan, early_uses: tuple[EarlyUse, ...]) -> str:
    """Say in a sentence why an analysis declared as biased is biased."""
    if not early_uses:
        return ""
    early = max(early_uses, key=lambda use: use.n_after)
    if early.how == COUNTS_TIME_BEFORE:
        return f"{early.sentence}."
    variable = EVER + early.variable if early.is_exposure else early.variable
    late = early.n_after - early.n_never
    never = f" (and in the {early.n_never} others only at last contact)" if early.n_never else ""
    delay = f"a median of {early.median_days:g} days later in {late} patients{never}"
    if early.is_never:
        left_out = _LIVED if early.bias == FUTURE else "whoever did well enough for it is left out"
        return (
            f"Only the {plan.say(variable, 'no')} are taken, and that becomes known, at last contact, {delay}: "
            f"{left_out}, and the others look worse than they are."
        )
    return f"'{plan.label(variable)}' is used from day 0, but becomes known {delay}: {_CONSEQUENCES[early.bias]}."


def _definitions(analyses: Iterable[AnalysisResult]) -> tuple[tuple[str, str], ...]:
    used = {name for analysis in analyses for name in names_of(analysis.entry.options, Role.ENDPOINT)}
    return tuple((name, meaning) for name, meaning in endpoints().items() if name in used)
