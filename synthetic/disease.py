"""The course of the disease after the first dose: a multi-state model in days.

States and the transitions between them::

    first dose --> no response ------------------------> death
        |             (progression is dated on the way)
        +--> response --> relapse ----> death
        |        |           +--> transplant --> death
        |        +--> transplant --> relapse --> death (or a second transplant)
        |        |        +--> death without relapse
        |        +--> death in remission
        +--> death from toxicity

Transplant is a transition that happens or not as time goes on, not a group that a patient belongs
to: its hazard starts at response, and from that day the hazard of relapse is multiplied by the
ratio called ``transplanted`` while early transplant mortality is added. GVHD does not change the
hazards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from blinreg.synthetic.baseline import Baseline
from blinreg.synthetic.draws import Draws
from blinreg.synthetic.parameters import DiseaseParameters, Hazards, Parameters, ResponseParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What blinatumomab achieved.

    ``best_response`` is a code of ``disease_assessment.response``. For the MRD indication it is the
    remission that was there before, and ``is_responder`` says whether residual disease became negative.
    ``is_mrd_negative`` is nothing where it was not assessed.
    """

    is_responder: bool
    best_response: str
    cycle: int
    is_mrd_negative: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Days of the transitions, from the first dose; nothing for what never happens.

    ``response_day`` is the day of the first response, or of the assessment that found none.
    """

    response_day: int
    death_day: int
    cause_of_death: str
    relapse_day: int | None = None
    progression_day: int | None = None
    molecular_relapse_day: int | None = None
    transplant_days: tuple[int, ...] = ()


def _response_odds(baseline: Baseline, parameters: ResponseParameters) -> float:
    present = {
        "tki_or_chemotherapy": bool(baseline.tki) or baseline.with_chemotherapy,
        "three_or_more_lines": baseline.n_prior_lines >= 3,
        "extramedullary": baseline.has_extramedullary,
        "kmt2a": baseline.is_kmt2a_rearranged,
        "ph_positive": baseline.is_ph_positive,
        "cns_history": baseline.has_cns_history,
    }
    return math.prod(
        (parameters.odds_ratio[name] for name, is_so in present.items() if is_so), start=parameters.intercept_odds
    )


def draw_response(draws: Draws, baseline: Baseline, parameters: ResponseParameters) -> Response:
    """Draw the response to blinatumomab.

    Parameters
    ----------
    draws : Draws
        The patient's stream for the disease.
    baseline : Baseline
        Covariates of the logistic model.
    parameters : ResponseParameters
        Odds ratios and shares.
    """
    cycle = 1 if draws.chance(parameters.cycle_one) else 2
    if baseline.is_mrd_indication:
        is_negative = draws.chance(parameters.mrd_negative_mrd_indication)
        return Response(is_responder=is_negative, best_response="cr", cycle=cycle, is_mrd_negative=is_negative)
    odds = _response_odds(baseline, parameters)
    is_responder = draws.chance(odds / (1 + odds))
    non_response = draws.choice(parameters.non_responder)
    if not is_responder:
        return Response(is_responder=False, best_response=non_response, cycle=1, is_mrd_negative=None)
    is_cri = draws.chance(parameters.cri)
    is_assessed = not (is_cri and draws.chance(parameters.mrd_not_assessed_if_cri))
    is_negative = draws.chance(parameters.mrd_negative)
    return Response(
        is_responder=True,
        best_response="cri" if is_cri else "cr",
        cycle=cycle,
        is_mrd_negative=is_negative if is_assessed else None,
    )


def _whole_day(day: float, *, after: int) -> int:
    """Round up to a day, and keep the order of events."""
    return max(after + 1, math.ceil(day))


@dataclass(frozen=True, slots=True)
class _Walk:
    """Draws the transitions of one patient."""

    draws: Draws
    hazards: Hazards
    disease: DiseaseParameters
    covariates: Mapping[str, float]
    was_mrd_negative: bool

    def in_remission(self, origin: int) -> Path:
        """From response (on day ``origin``) to death."""
        draws, hazards, covariates = self.draws, self.hazards, self.covariates
        to_relapse = draws.waiting()
        relapse = hazards.relapse.time(to_relapse, ratio=hazards.relapse.ratio(covariates))
        transplant = hazards.transplant.time(draws.waiting(), ratio=hazards.transplant.ratio(covariates))
        death = hazards.death_in_remission.time(draws.waiting(), ratio=hazards.death_in_remission.ratio(covariates))
        if transplant < min(relapse, death):
            return self.transplanted(origin, transplant)
        if relapse < death:
            return self.relapsed(origin, _whole_day(origin + relapse, after=origin), ())
        cause = "infection" if draws.chance(self.disease.infection_in_remission) else "other"
        return Path(response_day=origin, death_day=_whole_day(origin + death, after=origin), cause_of_death=cause)

    def transplanted(self, origin: int, transplant: float) -> Path:
        """From transplant (``transplant`` days after response) to death."""
        hazards = self.hazards
        covariates = {**self.covariates, "transplanted": 1.0}
        day = _whole_day(origin + transplant, after=origin)
        relapse = hazards.relapse.time(self.draws.waiting(), ratio=hazards.relapse.ratio(covariates), after=transplant)
        mortality = hazards.transplant_mortality
        death = transplant + mortality.time(self.draws.waiting(), ratio=mortality.ratio(covariates))
        if relapse < death:
            return self.relapsed(origin, _whole_day(origin + relapse, after=day), (day,))
        return Path(
            response_day=origin,
            death_day=_whole_day(origin + death, after=day),
            cause_of_death="transplant_related",
            transplant_days=(day,),
        )

    def relapsed(self, origin: int, relapse_day: int, transplant_days: tuple[int, ...]) -> Path:
        """From relapse to death, for some by way of a transplant."""
        draws, hazards = self.draws, self.hazards
        after_relapse = hazards.death_after_relapse
        transplant = hazards.transplant_after_relapse.time(
            draws.waiting(), ratio=hazards.transplant_after_relapse.ratio(self.covariates)
        )
        waiting = draws.waiting()
        death = after_relapse.time(waiting, ratio=after_relapse.ratio(self.covariates))
        cause = self._cause_after_relapse()
        death_day = _whole_day(relapse_day + death, after=relapse_day)
        if transplant < death:
            covariates = {**self.covariates, "transplanted_after_relapse": 1.0}
            transplant_day = _whole_day(relapse_day + transplant, after=relapse_day)
            later = after_relapse.time(draws.waiting(), ratio=after_relapse.ratio(covariates), after=transplant)
            mortality = hazards.transplant_mortality
            early = transplant + mortality.time(draws.waiting(), ratio=mortality.ratio(covariates))
            cause = "transplant_related" if early < later else cause
            death_day = _whole_day(relapse_day + min(later, early), after=transplant_day)
            transplant_days = (*transplant_days, transplant_day)
        return Path(
            response_day=origin,
            death_day=death_day,
            cause_of_death=cause,
            relapse_day=relapse_day,
            molecular_relapse_day=self._molecular_relapse(origin, relapse_day, transplant_days),
            transplant_days=transplant_days,
        )

    def without_response(self, origin: int, *, is_progression: bool) -> Path:
        """From the first dose to death without response; ``is_progression`` if the first assessment shows it."""
        hazard = self.hazards.death_without_response
        death = hazard.time(self.draws.waiting(), ratio=hazard.ratio(self.covariates))
        death_day = _whole_day(death, after=1)
        is_documented = self.draws.chance(self.disease.documented_progression) or is_progression
        # Most of the way to death, as the printed medians of event-free and overall survival lie close together.
        share = 0.0 if is_progression else 0.35 + 0.6 * self.draws.uniform()
        progression_day = origin + int((death_day - origin) * share)
        return Path(
            response_day=origin,
            death_day=death_day,
            cause_of_death=self._cause_after_relapse(),
            progression_day=progression_day if is_documented and progression_day < death_day else None,
        )

    def _cause_after_relapse(self) -> str:
        left = self.draws.uniform()
        if left < self.disease.unknown_cause:
            return "unknown"
        return "other" if left < self.disease.unknown_cause + self.disease.other_cause else "disease"

    def _molecular_relapse(self, origin: int, relapse_day: int, transplant_days: tuple[int, ...]) -> int | None:
        """Day on which residual disease came back, before the relapse and after the last state was entered."""
        happens = self.draws.chance(self.disease.molecular_relapse_first)
        day = relapse_day - self.draws.whole(14, 60)
        entered = max((origin, *(day for day in transplant_days if day < relapse_day)))
        return day if happens and self.was_mrd_negative and day > entered + 20 else None


def draw_path(
    draws: Draws, baseline: Baseline, response: Response, parameters: Parameters, *, assessment_day: int
) -> Path:
    """Draw the course of the disease.

    Parameters
    ----------
    draws : Draws
        The patient's stream for the disease, after the response was drawn from it.
    baseline : Baseline
        Covariates.
    response : Response
        What blinatumomab achieved.
    parameters : Parameters
        The hazards of the transitions.
    assessment_day : int
        Day of the assessment at the end of the cycle that decides about the response.

    Returns
    -------
    Path
        Days of all transitions up to death, without regard to how long the patient is observed.
    """
    covariates = baseline.covariates()
    covariates["mrd_positive"] = float(response.is_mrd_negative is False)
    walk = _Walk(draws, parameters.hazard, parameters.disease, covariates, bool(response.is_mrd_negative))
    if response.is_responder or baseline.is_mrd_indication:
        return walk.in_remission(assessment_day)
    return walk.without_response(assessment_day, is_progression=response.best_response == "progression")
