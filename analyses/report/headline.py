"""The first screen: the answer to the study's question, with how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.analyses import wording
from blinreg.analyses.plans.methods.survival_options import sentence_case
from blinreg.analyses.plans.model import PLANNED, Headline
from blinreg.analyses.plans.result import AnalysisResult, RunResult
from blinreg.analyses.plans.variants import PART as VARIANTS
from blinreg.analyses.plans.vocabulary import EVER

_IN_TIME = "The exposure counts from the day it happens, not before."
_IMMORTAL = "Credits the exposure with the days survived until it (immortal time)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the first screen.

    Attributes
    ----------
    label, value, detail : str
    analysis : str
        Analysis it comes from; the file of its main table holds it.
    row : int
        Row of that table.
    columns : tuple of str
        Columns of that row, in the order in which the value names them.
    is_biased : bool
    """

    label: str
    value: str
    detail: str
    analysis: str
    row: int
    columns: tuple[str, ...]
    is_biased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to the study's question."""

    question: str
    verdict: str
    explanation: str
    sureness: str
    figures: tuple[Figure, ...]


def answer(run: RunResult) -> Answer | None:
    """Compose the first screen from released tables.

    Returns
    -------
    Answer or None
        None if the plan has no headline, or an analysis it needs failed.
    """
    headline = run.plan.headline
    if headline is None:
        return None
    effect, test = run.analysis(headline.effect), run.analysis(headline.test)
    if effect.failure or test.failure:
        return None
    found = _term_row(effect, headline.term)
    if found is None:
        return None
    place, row = found
    figures = [
        _ratio(effect, place, row, label=f"Hazard ratio, time-dependent Cox model{_adjusted(effect)}", why=_IN_TIME),
        _test(test, headline),
    ]
    if headline.contrast and not run.analysis(headline.contrast).failure:
        contrast = run.analysis(headline.contrast)
        naive = _term_row(contrast, EVER + headline.term)
        if naive is not None:
            figures.append(_ratio(contrast, *naive, label="For contrast, biased: ever or never", why=_IMMORTAL))
    where = "in these synthetic data" if run.gate.is_synthetic else "in these data"
    return Answer(
        question=run.plan.study.question,
        verdict=_verdict(row, headline, where),
        explanation=_explanation(run, effect, row, headline),
        sureness=_sureness(effect, headline.term),
        figures=tuple(figures),
    )


def _term_row(analysis: AnalysisResult, term: str) -> tuple[int, dict[str, Any]] | None:
    table = analysis.table()
    places = table.with_row_index("place").filter(pl.col("variable") == term)["place"].to_list()
    return (places[0], table.row(places[0], named=True)) if places else None


def _ratio(analysis: AnalysisResult, place: int, row: dict[str, Any], *, label: str, why: str) -> Figure:
    return Figure(
        label=label,
        value=wording.ratio_interval(row["hazard_ratio"], row["lower"], row["upper"]),
        detail=f"{wording.p_value(row['p_value'], sign=True)}. {why}",
        analysis=analysis.entry.name,
        row=place,
        columns=("hazard_ratio", "lower", "upper", "p_value"),
        is_biased=analysis.entry.biased,
    )


def _adjusted(analysis: AnalysisResult) -> str:
    """Say whether a model has covariates: if so, its P value and that of the test beside it may disagree."""
    return ", adjusted" if getattr(analysis.entry.options, "covariates", ()) else ", not adjusted"


def _stratified(analysis: AnalysisResult) -> str:
    return ", stratified" if getattr(analysis.entry.options, "strata", ()) else ", not adjusted"


def _test(analysis: AnalysisResult, headline: Headline) -> Figure:
    table = analysis.table()
    row = table.row(-1, named=True)
    return Figure(
        label=f"Mantel-Byar test, Simon-Makuch curves{_stratified(analysis)}",
        value=wording.p_value(row["p_value"], sign=True),
        detail=(
            f"{row['observed']:.0f} {headline.event_words} in the state '{row['label']}'; "
            f"{wording.number(row['expected'])} expected if it changed nothing."
        ),
        analysis=analysis.entry.name,
        row=table.height - 1,
        columns=("p_value", "observed", "expected"),
    )


def _verdict(row: dict[str, Any], headline: Headline, where: str) -> str:
    exposure = sentence_case(headline.exposure_words)
    if row["upper"] is not None and row["upper"] < 1:
        return f"{exposure} goes with fewer {headline.event_words} {where}."
    if row["lower"] is not None and row["lower"] > 1:
        return f"{exposure} goes with more {headline.event_words} {where}."
    return f"A benefit of {headline.exposure_words} is not shown {where}: the interval includes no effect."


def _sureness(effect: AnalysisResult, term: str) -> str:
    """Say what becomes of the hazard ratio when the analysis is done otherwise; empty without variants."""
    if all(spec.part != VARIANTS for spec, _ in effect.tables):
        return ""
    others = effect.table(VARIANTS).filter(pl.col("variant") != PLANNED, ~pl.col("is_biased"))
    is_alone = pl.len().over("variant") == 1
    found = others.filter((pl.col("variable") == term) | is_alone).drop_nulls(["hazard_ratio", "lower", "upper"])
    if not found.height:
        return ""
    lowest, highest = (
        wording.ratio(bound) for bound in found.select(low=pl.min("hazard_ratio"), high=pl.max("hazard_ratio")).row(0)
    )
    n_open = found.filter(pl.col("lower") <= 1, pl.col("upper") >= 1).height
    if found.height == 1:
        includes = "includes" if n_open else "does not include"
        return f"In one variant of this model the hazard ratio is {lowest}, and its interval {includes} no effect."
    where = lowest if lowest == highest else f"{lowest} to {highest}"
    include = f"{n_open} of their intervals {'includes' if n_open == 1 else 'include'}"
    return f"In {found.height} variants of this model the hazard ratio is {where}; {include} no effect."


def _explanation(run: RunResult, effect: AnalysisResult, row: dict[str, Any], headline: Headline) -> str:
    options = effect.entry.options
    others = [run.plan.label(name) for name in getattr(options, "covariates", ())]
    adjusted = f", adjusted for {'; '.join(others)}" if others else ""
    level = 100 * getattr(options, "conf_level", 0.95)
    return (
        f"{row['n_events']} {headline.event_words} in {row['n_patients']} patients{adjusted}. Hazard ratios with "
        f"{level:g}% confidence intervals; below 1 means fewer {headline.event_words}. The exposure is chosen, not "
        "drawn by lot: a difference may still come from what was not recorded."
    )
