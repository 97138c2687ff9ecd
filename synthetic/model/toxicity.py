"""Adverse events on treatment, by burden of disease and TKI: grades, what was done about them, what they ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from blinreg.synthetic.courses import CYCLE_DAYS, DAYS_BEFORE_TRANSPLANT, TERM_CATEGORY
from blinreg.synthetic.model.baseline import Baseline
from blinreg.synthetic.model.observation import Observed
from blinreg.synthetic.model.response import chance_of
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream
from blinreg.synthetic.studies.parameters import CategoryParameters, OddsParameters, SafetyParameters, Study

EVALUATED = ("crs", "neurotoxicity", "hepatotoxicity")
STOP_CATEGORIES = ("neurotoxicity", "hepatotoxicity", "crs", "infection", "pain")
#: A first infusion shorter than this leaves no room for an interruption.
SHORTEST_WITH_INTERRUPTION = 21
#: Of the milder events, how many are of grade 2; of the severe ones, how many of grade 4 (plausible).
SHARE_GRADE_2, SHARE_GRADE_4 = 0.45, 0.15
SHARE_GRADE_4_IF_STOPPED = 0.30


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxicity:
    """Toxicity of each patient: grades by term (0 none, -1 without a grade), flags by category."""

    evaluable: Mapping[str, Flags]
    grades: Mapping[str, Numbers]
    stopped: Mapping[str, Flags]
    crs_corticosteroid: Flags
    crs_tocilizumab: Flags
    n_interruptions: Numbers

    @property
    def is_stopped(self) -> Flags:
        """Whether toxicity ended blinatumomab for good."""
        return np.asarray(np.logical_or.reduce(list(self.stopped.values())), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class _Category:
    """Events of one category: the term (position, -1 none), whether severe, whether it ended treatment."""

    term: Numbers
    is_severe: Flags
    is_stopped: Flags


def _severe(draws: Draws, kind: CategoryParameters, baseline: Baseline, term: Numbers) -> Flags:
    shares = np.array([kind.severe[name] for name in kind.terms.names])[term]
    odds_ratio = kind.severe_burden**baseline.burden
    chance = shares * odds_ratio / (1 - shares + shares * odds_ratio)
    return draws.chance(chance * np.where(baseline.tki > 0, kind.severe_if_tki, 1.0))


def _draw_category(draws: Draws, kind: CategoryParameters, baseline: Baseline, possible: Flags) -> _Category:
    odds = OddsParameters(odds=kind.odds, burden=kind.burden, tki=kind.tki)
    happens = draws.chance(chance_of(odds, baseline)) & possible
    term = draws.choice(kind.terms)
    is_severe = _severe(draws, kind, baseline, term) & happens
    is_stopped = draws.chance(kind.stop) & is_severe
    return _Category(np.where(happens, term, -1), is_severe, is_stopped)


def _grade(draws: Draws, category: str, found: _Category) -> Numbers:
    """Grade of the event of a category."""
    mild = np.where(draws.chance(SHARE_GRADE_2), 2, 1)
    left = draws.uniform()
    # A neurological event or CRS of grade 4 would have to end the treatment.
    if category in {"crs", "neurotoxicity"}:
        is_fourth = found.is_stopped & (left < SHARE_GRADE_4_IF_STOPPED)
    else:
        is_fourth = (left < SHARE_GRADE_4) & (category not in {"pain"})
    return np.where(found.is_severe, np.where(is_fourth, 4, 3), mild)


def _grades(
    study: Study, draws: Draws, baseline: Baseline, observed: Observed, possible: Mapping[str, Flags]
) -> tuple[dict[str, Numbers], dict[str, Flags]]:
    """Draw grades by term and reasons for stopping by category, deaths from toxicity included."""
    n = len(baseline)
    grades = {term: np.zeros(n, dtype=np.int64) for term in TERM_CATEGORY}
    stopped = {category: np.zeros(n, dtype=np.bool_) for category in STOP_CATEGORIES}
    fatal = {term: observed.fatal_term == code for code, term in enumerate(study.safety.fatal_term.names, start=1)}
    for field in fields(study.safety.category):
        kind: CategoryParameters = getattr(study.safety.category, field.name)
        category = TERM_CATEGORY[kind.terms.names[0]].replace("other", "pain")
        deadly = np.logical_or.reduce(
            [is_so for term, is_so in fatal.items() if TERM_CATEGORY[term] == category] or [np.zeros(n, dtype=np.bool_)]
        )
        found = _draw_category(draws, kind, baseline, possible.get(category, np.ones(n, dtype=np.bool_)) & ~deadly)
        grade = _grade(draws, category, found)
        for code, term in enumerate(kind.terms.names):
            # Printed: two strokes without a grade.
            value = np.full(n, -1) if term == "stroke" else grade
            grades[term] = np.where(found.term == code, value, grades[term])
        if category in stopped:
            stopped[category] |= found.is_stopped | deadly
    for term, is_so in fatal.items():
        grades[term] = np.where(is_so, 5, grades[term])
    return grades, stopped


def _interruptions(
    draws: Draws, parameters: SafetyParameters, grades: Mapping[str, Numbers], possible: Flags
) -> Numbers:
    """Number of interruptions, by the worst event; severe CRS always interrupts (printed: it was held)."""
    worst = np.maximum.reduce(list(grades.values()))
    chance = np.where(
        worst >= 3,
        parameters.interrupted_if_severe,
        np.where(worst == 2, parameters.interrupted_if_grade_2, parameters.interrupted_if_grade_1 * (worst == 1)),
    )
    chance = np.where(grades["crs"] >= 3, 1.0, chance)
    first = draws.chance(chance) & possible
    second = first & draws.chance(parameters.interrupted_again)
    third = second & draws.chance(parameters.interrupted_again)
    return first.astype(np.int64) + second + third


def draw_toxicity(
    study: Study, entropy: tuple[int, int], numbers: Numbers, baseline: Baseline, observed: Observed
) -> Toxicity:
    """Draw the adverse events on treatment.

    Parameters
    ----------
    study : Study
        Study to draw from.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.
    baseline : Baseline
        Burden of disease and TKI.
    observed : Observed
        Deaths from toxicity, and how long there was an infusion to interrupt.
    """
    draws = Draws(entropy, Stream.SAFETY, numbers)
    terms = study.safety.fatal_term.names
    evaluable = {}
    for category in EVALUATED:
        deadly = [code for code, term in enumerate(terms, start=1) if TERM_CATEGORY[term] == category]
        is_missed = draws.chance(study.n_not_evaluable[category] / study.n_patients)
        evaluable[category] = ~is_missed | np.isin(observed.fatal_term, deadly)
    grades, stopped = _grades(study, draws, baseline, observed, evaluable)
    crs = grades["crs"]
    safety = study.safety
    tocilizumab = draws.chance(np.where(crs >= 3, safety.crs_tocilizumab_if_severe, safety.crs_tocilizumab_if_mild))
    steroid = draws.chance(np.where(crs >= 3, safety.crs_corticosteroid_if_severe, safety.crs_corticosteroid_if_mild))
    tocilizumab = (crs == 5) | (tocilizumab & (crs > 0))
    first_infusion = np.minimum(observed.end_day, np.minimum(observed.progression_day, observed.transplant_day - 5))
    possible = (first_infusion >= SHORTEST_WITH_INTERRUPTION) & (observed.fatal_term == 0)
    possible &= ~np.logical_or.reduce(list(stopped.values()))
    return Toxicity(
        evaluable=evaluable,
        grades=grades,
        stopped=stopped,
        crs_corticosteroid=(steroid & (crs > 0)) | tocilizumab,
        crs_tocilizumab=tocilizumab,
        n_interruptions=_interruptions(draws, safety, grades, possible),
    )


def draw_cycles(
    study: Study,
    entropy: tuple[int, int],
    numbers: Numbers,
    *,
    planned_cycle: Numbers,
    observed: Observed,
    toxicity: Toxicity,
) -> Numbers:
    """Draw the number of cycles started: as planned, until disease, transplant, the end or toxicity ends them.

    Parameters
    ----------
    study : Study
        Study to draw from.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.
    planned_cycle : array of int, (n,)
        Cycle after which the response is decided; given to responders at least.
    observed, toxicity
        What ends treatment.
    """
    draws = Draws(entropy, Stream.TREATMENT, numbers)
    treatment = study.treatment

    def counts(weights_names: tuple[str, ...], drawn: Numbers) -> Numbers:
        return np.array([int(name) for name in weights_names])[drawn]

    many, few = treatment.n_cycles_responder, treatment.n_cycles_non_responder
    if_response, if_none = counts(many.names, draws.choice(many)), counts(few.names, draws.choice(few))
    planned = np.where(observed.has_response, np.maximum(if_response, planned_cycle), if_none)
    planned = np.where(toxicity.is_stopped, np.where(observed.has_response, planned_cycle, 1), planned)
    most = np.where(observed.has_transplant, treatment.most_cycles_before_transplant, planned)
    limit = np.minimum(observed.end_day, observed.transplant_day - DAYS_BEFORE_TRANSPLANT)
    limit = np.minimum(limit, np.minimum(observed.relapse_day, observed.progression_day))
    possible = (limit - 3) // CYCLE_DAYS + 1
    return np.asarray(np.maximum(np.minimum(np.minimum(planned, most), possible), 1), dtype=np.int64)
