"""What a run of a plan gives: released tables and figures, in the order of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from blinreg.analyses.disclosure import DisclosureGate, ReleasedFigure, ReleasedTable
from blinreg.analyses.plans.guard import EarlyUse
from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.outcome import MAIN, FigureSpec, TableSpec
from blinreg.analyses.plans.provenance import Provenance
from blinreg.schemas.errors import AnalysisError


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class AnalysisResult:
    """One analysis carried out, or the reason why it failed.

    Attributes
    ----------
    entry : Entry
    tables : tuple of (TableSpec, ReleasedTable)
        How a table is shown, and what of it was released.
    figures : tuple of (FigureSpec, ReleasedFigure)
    sentence : str
        The result in one sentence.
    conventions : mapping
    notes : tuple of str
    early_uses : tuple of EarlyUse
        What a biased analysis uses before it is known.
    failure : str
        Why there is no result; empty if there is one.
    failed_variants : mapping of str to str
        Why a variant has no result, by variant; those that have stand in the tables ``variants``.
    """

    entry: Entry
    tables: tuple[tuple[TableSpec, ReleasedTable], ...] = ()
    figures: tuple[tuple[FigureSpec, ReleasedFigure], ...] = ()
    sentence: str = ""
    conventions: Mapping[str, str | float]
    notes: tuple[str, ...] = ()
    early_uses: tuple[EarlyUse, ...] = ()
    failure: str = ""
    failed_variants: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def table(self, part: str = MAIN) -> pl.DataFrame:
        """Return a released table by part; ``KeyError`` if there is none."""
        for spec, released in self.tables:
            if spec.part == part:
                return released.frame
        raise KeyError(f"{self.entry.name} has no table {part!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An analysis without a result, or a variant of one.

    Attributes
    ----------
    analysis, title : str
    variant : str
        Empty if the analysis itself failed.
    reason : str
    """

    analysis: str
    title: str
    variant: str
    reason: str

    def __str__(self) -> str:
        of = f", variant '{self.variant}'" if self.variant else ""
        return f"{self.title}{of}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RunResult:
    """A plan carried out.

    Attributes
    ----------
    plan : Plan
    provenance : Provenance
    gate : DisclosureGate
        The gate everything passed.
    analyses : tuple of AnalysisResult
        In the order of the plan.
    manifest : dict
        As written to ``run_manifest.json``.
    out : Path
    kept : tuple of str
        Analyses that an earlier run had finished, and that nothing has changed since.
    """

    plan: Plan
    provenance: Provenance
    gate: DisclosureGate
    analyses: tuple[AnalysisResult, ...]
    manifest: dict[str, Any]
    out: Path
    kept: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What failed: each alone."""
        return tuple(
            Failure(analysis=found.entry.name, title=found.entry.title, variant=variant, reason=reason)
            for found in self.analyses
            for variant, reason in (*((("", found.failure),) if found.failure else ()), *found.failed_variants.items())
        )

    @property
    def exit_code(self) -> int:
        """0 if every analysis and variant has a result, else that of a failed analysis."""
        return AnalysisError.exit_code if self.failures else 0

    @property
    def key_findings(self) -> tuple[tuple[str, str], ...]:
        """Title and sentence of the analyses that sum the study up."""
        named = [self.analysis(name) for name in self.plan.study.key_findings]
        return tuple((found.entry.title, found.sentence or f"failed: {found.failure}") for found in named)

    def analysis(self, name: str) -> AnalysisResult:
        """Return the result called ``name``; ``KeyError`` if there is none."""
        for analysis in self.analyses:
            if analysis.entry.name == name:
                return analysis
        raise KeyError(name)
