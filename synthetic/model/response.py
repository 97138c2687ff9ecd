"""Whether toxicity kills, and else what blinatumomab achieves, when, and with how much residual disease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blinreg.synthetic.courses import CYCLE_DAYS, INFUSION_DAYS, NEVER, SCHEMA
from blinreg.synthetic.model.baseline import Baseline
from blinreg.synthetic.streams import Draws, Flags, Floats, Numbers, Stream
from blinreg.synthetic.studies.parameters import OddsParameters, Study

BEST_RESPONSE = tuple(SCHEMA["best_response"].categories)  # type: ignore[attr-defined]
MRD_RESULT = tuple(SCHEMA["mrd_result"].categories)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What blinatumomab does to each patient, if observed for long enough.

    ``best_response`` and ``mrd_result`` are positions among the codes of a course. Under the MRD indication
    ``is_responder`` says whether residual disease became negative. ``assessment_day`` is the day of the
    response or of the assessment that finds none. ``toxic_death_day`` is ``NEVER`` for all but a few, who
    do not respond; ``fatal_term`` is a position among the study's terms.
    """

    is_responder: Flags
    best_response: Numbers
    mrd_result: Numbers
    cycle: Numbers
    assessment_day: Numbers
    toxic_death_day: Numbers
    fatal_term: Numbers


def chance_of(parameters: OddsParameters, baseline: Baseline) -> Floats:
    """Chance of an event of toxicity, by burden of disease and TKI."""
    odds = parameters.odds * parameters.burden**baseline.burden * np.where(baseline.tki > 0, parameters.tki, 1.0)
    return np.asarray(odds / (1 + odds), dtype=np.float64)


def response_odds(baseline: Baseline, intercept: float, odds_ratios: Mapping[str, float]) -> Floats:
    """Odds of CR or CRi in relapsed or refractory disease."""
    log_odds = np.full(len(baseline), np.log(intercept))
    for name, ratio in odds_ratios.items():
        log_odds += np.log(ratio) * baseline.covariates[name]
    return np.asarray(np.exp(log_odds), dtype=np.float64)


def _toxic_death(draws: Draws, study: Study, baseline: Baseline) -> tuple[Numbers, Numbers]:
    """Day of death from toxicity in the first cycle, and its term."""
    terms = study.safety.fatal_term
    # Printed: those who died of toxicity had relapsed or refractory disease.
    is_fatal = draws.chance(chance_of(study.safety.fatal, baseline)) & ~baseline.is_mrd_indication
    term = draws.choice(terms)
    is_crs = term == terms.names.index("crs")
    stop_day = draws.whole(np.where(is_crs, 2, 3), np.where(is_crs, 6, 20))
    return np.where(is_fatal, stop_day + draws.whole(2, 14), NEVER), term


def draw_response(study: Study, entropy: tuple[int, int], numbers: Numbers, baseline: Baseline) -> Response:
    """Draw death from toxicity, else the response.

    Parameters
    ----------
    study : Study
        Study to draw from.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.
    baseline : Baseline
        Covariates of the logistic models.
    """
    parameters = study.response
    draws = Draws(entropy, Stream.RESPONSE, numbers)
    toxic_death_day, fatal_term = _toxic_death(draws, study, baseline)
    is_mrd = baseline.is_mrd_indication
    odds = response_odds(baseline, parameters.intercept_odds, parameters.odds_ratio)
    cleared = np.where(baseline.is_ph_positive, parameters.mrd_indication_if_ph_positive, parameters.mrd_indication)
    chance = np.where(is_mrd, cleared, odds / (1 + odds))
    is_responder = draws.chance(chance) & (toxic_death_day == NEVER)
    cycle = np.where(draws.chance(parameters.cycle_one) | ~(is_responder | is_mrd), 1, 2)
    assessment_day = (cycle - 1) * CYCLE_DAYS + draws.whole(INFUSION_DAYS - 2, INFUSION_DAYS + 9)
    none = parameters.non_responder
    failed = np.array([BEST_RESPONSE.index(name) for name in none.names])[draws.choice(none)]
    is_cri = draws.chance(parameters.cri) & is_responder & ~is_mrd
    remission = np.where(is_cri, BEST_RESPONSE.index("cri"), BEST_RESPONSE.index("cr"))
    negative = np.where(baseline.is_ph_positive, parameters.mrd_negative_if_ph_positive, parameters.mrd_negative)
    is_negative = np.where(is_mrd, is_responder, draws.chance(negative))
    mrd = np.where(is_negative, MRD_RESULT.index("negative"), MRD_RESULT.index("positive"))
    is_not_assessed = is_cri & draws.chance(parameters.mrd_not_assessed_if_cri)
    mrd = np.where(is_not_assessed, MRD_RESULT.index("not_assessed"), mrd)
    return Response(
        is_responder=is_responder,
        best_response=np.where(is_responder | is_mrd, remission, failed),
        mrd_result=np.where(is_responder | is_mrd, mrd, MRD_RESULT.index("none")),
        cycle=cycle,
        assessment_day=assessment_day,
        toxic_death_day=toxic_death_day,
        fatal_term=fatal_term,
    )
