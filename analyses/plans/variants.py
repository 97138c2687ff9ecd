"""Sensitivity variants: an analysis with other options, its main estimates beside those of the analysis as planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import polars as pl

from blinreg.analyses.plans.guard import Verdict
from blinreg.analyses.plans.model import PLANNED, Entry
from blinreg.analyses.plans.outcome import MAIN, Kind, Outcome, ResultTable, Shown
from blinreg.schemas.errors import AnalysisError

#: Part of the table of the main estimates; those of other tables are ``variants_<part>``.
PART = "variants"
ATTRITION = "attrition"
_PATIENTS = "Patients"
_LEADING = ("variant", "is_biased", "n_analysed")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Compared:
    """The variants of one analysis, carried out.

    Attributes
    ----------
    tables : tuple of ResultTable
        With the leading columns ``variant, is_biased, n_analysed``. The analysis as planned comes first, then each
        variant in the order of the plan, estimate by estimate if all have the same. Empty without variants.
    failures : mapping of str to str
        Why a variant has no result, by variant.
    """

    tables: tuple[ResultTable, ...] = ()
    failures: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def compare_variants(entry: Entry, planned: Outcome, carry_out: Callable[[Entry], Outcome]) -> Compared:
    """Carry out the variants of an analysis and put their estimates side by side.

    Parameters
    ----------
    entry : Entry
        The analysis.
    planned : Outcome
        What it found.
    carry_out : callable
        Carries out one variant.

    Returns
    -------
    Compared
        A variant that fails fails alone.
    """
    if not entry.variants:
        return Compared()
    found, failures = [(entry, planned)], {}
    for variant in entry.variants:
        try:
            found.append((variant, carry_out(variant)))
        except AnalysisError as error:
            failures[variant.variant] = str(error)
    tables = tuple(
        _side_by_side(entry, table, found) for table in planned.tables if table.part in entry.method.compared
    )
    return Compared(tables=tables, failures=MappingProxyType(failures))


def variant_notes(entry: Entry, verdicts: Mapping[str, Verdict], compared: Compared) -> tuple[str, ...]:
    """Say of each variant what a reader must know: why it failed, why it is biased, what the guard warns of."""
    notes = []
    for variant in entry.variants:
        verdict = verdicts[variant.spoken_name]
        said = [f"it failed: {compared.failures[variant.variant]}"] if variant.variant in compared.failures else []
        said += [f"biased, {early.sentence}" for early in verdict.early]
        notes += [f"Variant '{variant.variant}': {what}" for what in (*said, *verdict.cautions)]
    return tuple(notes)


def _side_by_side(entry: Entry, planned: ResultTable, found: Iterable[tuple[Entry, Outcome]]) -> ResultTable:
    frames = [rows for one, outcome in found for rows in _rows(one, outcome, planned.part)]
    if len({frame.height for frame in frames}) == 1:
        # Row for row one below the other: the same estimate of each variant.
        frames = [frame[place : place + 1] for place in range(frames[0].height) for frame in frames]
    frame = pl.concat(frames, how="diagonal_relaxed").select(*_LEADING, pl.exclude(_LEADING))
    shown = [Shown(header="Variant", kind=Kind.TEXT, columns=("variant",))]
    if all(one.header != _PATIENTS for one in planned.shown):
        shown.append(Shown(header=_PATIENTS, kind=Kind.INTEGER, columns=("n_analysed",)))
    return ResultTable(
        part=PART if planned.part == MAIN else f"{PART}_{planned.part}",
        title=f"{planned.title}: variants of the analysis",
        frame=frame,
        shown=(
            *shown,
            # What is one of a whole table is one of each variant here.
            *(replace(one, once=False) for one in planned.shown),
        ),
        note=_note(entry, planned, frame),
    )


def _note(entry: Entry, planned: ResultTable, frame: pl.DataFrame) -> str:
    said = ["Each variant changes what it is called after, and nothing else."]
    biased = [f"'{variant.variant}'" for variant in entry.variants if variant.biased]
    if biased:
        said.append(f"Biased, as the plan says: {', '.join(biased)}.")
    months = [name for one in planned.shown if one.kind is Kind.MONTHS_INTERVAL for name in one.columns]
    if any(frame[name].null_count() for name in months):
        said.append("NR: not reached.")
    return " ".join(said)


def _rows(entry: Entry, outcome: Outcome, part: str) -> Iterator[pl.DataFrame]:
    """Take one table of a variant, if it has it, with what it is called and how many patients it analysed."""
    frames = {table.part: table.frame for table in outcome.tables}
    if part not in frames:
        return
    frame = entry.method.main_rows(frames[part]) if part == MAIN else frames[part]
    attrition = frames.get(ATTRITION)
    n_analysed = attrition["n_patients"][-1] if attrition is not None and attrition.height else None
    yield frame.with_columns(
        pl.lit(entry.variant or PLANNED).alias("variant"),
        pl.lit(entry.biased).alias("is_biased"),
        pl.lit(n_analysed, dtype=pl.Int64).alias("n_analysed"),
    )
