"""The guard against immortal time: nothing may be used before it is known.

Every variable has a date, a patient, at which it became known. An analysis that
groups, selects or adjusts by a value that became known only after its clock started
credits the days until then to that value: whoever is to be transplanted must first
survive until the transplant. Such a plan is refused, unless the use is time-dependent,
frozen at a landmark, or declared as biased.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import polars as pl

from blinreg.analyses.plans.conditions import holds
from blinreg.analyses.plans.guard_advice import Correction, correction, ways_out
from blinreg.analyses.plans.guard_caution import cautions, is_denominator
from blinreg.analyses.plans.guard_registration import early_registration, registers_late
from blinreg.analyses.plans.guard_use import (
    FUTURE,
    IMMORTAL,
    LOOKS_AHEAD,
    SELECTED_LATER,
    SELECTS,
    EarlyUse,
    longest_of,
    median_of,
)
from blinreg.analyses.plans.methods.base import Clock
from blinreg.analyses.plans.model import Condition, Entry, Plan
from blinreg.analyses.plans.options import Role, Use, names_of, uses_of
from blinreg.analyses.plans.task import endpoint_origin
from blinreg.analyses.plans.values import INDEX, KNOWN_AT, condition_values, patient_values
from blinreg.analyses.plans.views import ViewFrames
from blinreg.analyses.plans.vocabulary import known_variables
from blinreg.schemas.errors import GuardRefusal

__all__ = ["EarlyUse", "Outcome", "Verdict", "check_plan", "early_uses", "judge", "judge_plan"]


class Outcome(StrEnum):
    """What the guard says of an analysis."""

    ACCEPTED = "accepted"
    WARNED = "warned"
    BIASED = "accepted as biased"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the guard says of one analysis, and why.

    Attributes
    ----------
    entry : Entry
    early : tuple of EarlyUse
        What it uses before it is known.
    cautions : tuple of str
        What is no mistake and must be said beside the result.
    corrections : tuple of Correction
        One for each early use: the lines that do without it.
    """

    entry: Entry
    early: tuple[EarlyUse, ...]
    cautions: tuple[str, ...]
    corrections: tuple[Correction, ...]

    @property
    def outcome(self) -> Outcome:
        """Refused, warned, accepted, or accepted because the plan says that it is biased."""
        if self.early:
            return Outcome.BIASED if self.entry.biased else Outcome.REFUSED
        return Outcome.WARNED if self.cautions else Outcome.ACCEPTED

    @property
    def reason(self) -> str:
        """The first early use in words; without any, the cautions."""
        if not self.early:
            return " ".join(self.cautions)
        first = self.early[0]
        return f"{first.how} {first.variable}): {first.sentence}"

    @property
    def next_step(self) -> str:
        """The ways out of a refusal, the last of them as lines of the plan."""
        if not self.early:
            return ""
        lines = "".join(f"\n    {line}" for line in self.corrections[0].lines)
        return f"{ways_out(self.entry, self.early[0])}. Written right:{lines}"


def check_plan(plan: Plan, views: ViewFrames) -> dict[str, Verdict]:
    """Check every analysis of a plan before any is carried out.

    Parameters
    ----------
    plan : Plan
        With every analysis.
    views : ViewFrames
        They hold the dates at which values became known.

    Returns
    -------
    dict of str to Verdict
        By the spoken name of each analysis and variant; none is refused.

    Raises
    ------
    GuardRefusal
        An analysis uses something before it is known and does not say so: the first is
        explained, with the lines that would be right; others are named.
    """
    verdicts = judge_plan(plan, views)
    refused = [verdict for verdict in verdicts.values() if verdict.outcome is Outcome.REFUSED]
    if refused:
        first = refused[0]
        others = "; ".join(verdict.entry.spoken_name for verdict in refused[1:])
        also = f". Refused too: {others}" if others else ""
        raise GuardRefusal(
            f"{plan.file}, analysis {first.entry.spoken_name} ({first.reason}{also}", next_step=first.next_step
        )
    return verdicts


def judge_plan(plan: Plan, views: ViewFrames) -> dict[str, Verdict]:
    """Say of every analysis and variant, by its spoken name, what `judge` says; nothing is raised."""
    return {entry.spoken_name: judge(plan, entry, views) for entry in plan.judged}


def judge(plan: Plan, entry: Entry, views: ViewFrames) -> Verdict:
    """Say whether one analysis looks into the future, and how to write it right.

    Parameters
    ----------
    plan : Plan
        The whole plan.
    entry : Entry
        One of its analyses.
    views : ViewFrames
        They hold the dates at which values became known.

    Returns
    -------
    Verdict
    """
    early = early_uses(plan, entry, views)
    return Verdict(
        entry=entry,
        early=early,
        cautions=cautions(plan, entry, views),
        corrections=tuple(correction(plan, entry, use) for use in early),
    )


def early_uses(plan: Plan, entry: Entry, views: ViewFrames) -> tuple[EarlyUse, ...]:
    """List what one analysis uses before it is known."""
    if entry.method.clock is Clock.NONE:
        return ()
    endpoints = names_of(entry.options, Role.ENDPOINT)
    found = [
        early
        for endpoint in endpoints or ("",)
        if _has_rows(views, endpoint)
        for early in _of_endpoint(plan, entry, views, endpoint)
    ]
    first = {(early.how, early.variable, early.condition): early for early in reversed(found)}
    return tuple(reversed(first.values()))


def _can_be_late(plan: Plan, entry: Entry) -> bool:
    """Whether an analysis uses anything but what is known at the first dose; no clock starts before that."""
    conditions = [
        condition.variable for step in plan.lineage(entry.options.population) for condition in step.conditions
    ]
    sources = [source for use in uses_of(entry.options) for source in plan.sources(use.variable)]
    return any(known_variables()[name].known_at != "index_date" for name in (*conditions, *sources))


def _of_endpoint(plan: Plan, entry: Entry, views: ViewFrames, endpoint: str) -> Iterator[EarlyUse]:
    is_registration_due = bool(endpoint) and not entry.enters_at and registers_late(views)
    if not is_registration_due and not _can_be_late(plan, entry):
        return
    origin = endpoint_origin(views, endpoint) if endpoint else INDEX
    landmark: float | None = getattr(entry.options, "landmark", None)
    clock = _clock(views, endpoint)
    if landmark is not None:
        clock = clock.filter(pl.col("tstop") > landmark)
    for step in plan.lineage(entry.options.population):
        for condition in step.conditions:
            selected = _selected(views, clock, condition, origin)
            if not is_denominator(entry, condition):
                yield from _early_selection(selected, condition, landmark, FUTURE if endpoint else SELECTED_LATER)
            clock = selected.select(clock.columns)
    bias = IMMORTAL if endpoint else LOOKS_AHEAD
    for use in uses_of(entry.options):
        for source in plan.sources(use.variable):
            for early in _early(views, clock, Use(variable=source, how=use.how), origin, landmark):
                yield replace(early, bias=bias)
    if is_registration_due:
        yield from early_registration(views, clock, landmark or 0.0)


def _has_rows(views: ViewFrames, endpoint: str) -> bool:
    """Whether there is anything to check; an endpoint without rows fails later, with its own message."""
    return not endpoint or views.endpoint(endpoint).height > 0


def _clock(views: ViewFrames, endpoint: str) -> pl.DataFrame:
    """When each patient's clock starts: ``patient_id, origin_date, tstop``."""
    if not endpoint:
        return views["cohort"].select(
            "patient_id", pl.col("index_date").alias("origin_date"), pl.lit(None, dtype=pl.Float64).alias("tstop")
        )
    return views.endpoint(endpoint).select("patient_id", "origin_date", pl.col("time_days").alias("tstop"))


def _days(variable: str, landmark: float | None) -> pl.Expr:
    known_at = (pl.col(variable + KNOWN_AT) - pl.col("origin_date")).dt.total_days()
    return (known_at - (landmark or 0)).alias("days")


def _selected(views: ViewFrames, clock: pl.DataFrame, condition: Condition, origin: str) -> pl.DataFrame:
    """Those of whom a condition holds, with their values."""
    values = condition_values(views, condition, origin=origin)
    return views.beside(clock, values).filter(holds(condition))


def _early_selection(
    selected: pl.DataFrame, condition: Condition, landmark: float | None, bias: str
) -> Iterator[EarlyUse]:
    """Whoever is selected must be known to be so when the clock starts; then so are those who are left out."""
    known = known_variables()[condition.variable]
    late = _late(selected.with_columns(_days(known.name, landmark)))
    if late.height:
        yield EarlyUse(
            variable=known.exposure if known.window is None and known.exposure else known.name,
            how=SELECTS,
            n_patients=selected.height,
            n_after=late.height,
            n_never=0,
            median_days=median_of(late["days"]),
            longest_days=longest_of(late["days"]),
            is_exposure=bool(known.exposure),
            n_undated=late["days"].null_count(),
            condition=str(condition),
            bias=bias,
            landmark=landmark or 0.0,
            is_never=bool(known.exposure) and selected[known.name].max() == 0,
        )


def _early(views: ViewFrames, clock: pl.DataFrame, use: Use, origin: str, landmark: float | None) -> Iterator[EarlyUse]:
    known = known_variables()[use.variable]
    values = patient_values(views, [known.name], origin=origin, landmark=landmark)
    compared = views.beside(clock, values).with_columns(_days(known.name, landmark))
    late = _late(compared.filter(pl.col(known.name).is_not_null()))
    if not late.height:
        return
    is_ever = bool(known.exposure) and known.window is None
    dated = late.filter(pl.col(known.name) == 1) if is_ever else late
    yield EarlyUse(
        variable=known.exposure if is_ever else known.name,
        how=use.how,
        n_patients=compared.height,
        n_after=late.height,
        n_never=late.height - dated.height,
        median_days=median_of(dated["days"]),
        longest_days=longest_of(dated["days"]),
        is_exposure=is_ever,
        n_undated=dated["days"].null_count(),
        landmark=landmark or 0.0,
    )


def _late(compared: pl.DataFrame) -> pl.DataFrame:
    """A value without a date of becoming known cannot be shown to be in time."""
    return compared.filter((pl.col("days") > 0) | pl.col("days").is_null())
