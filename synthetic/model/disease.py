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
hazards, so that the ratios of the parameter file are the truth of each transition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from blinreg.synthetic.courses import NEVER, SCHEMA
from blinreg.synthetic.model.baseline import Baseline
from blinreg.synthetic.model.hazards import Hazard
from blinreg.synthetic.model.response import BEST_RESPONSE, MRD_RESULT, Response
from blinreg.synthetic.streams import Draws, Flags, Floats, Numbers, Stream
from blinreg.synthetic.studies.parameters import DiseaseParameters, Hazards, Study

CAUSE = {name: code for code, name in enumerate(SCHEMA["cause_of_death"].categories)}  # type: ignore[attr-defined]
#: No event of a year or more ahead needs to be told apart: later than any observation, and exact as a whole number.
_LAST = float(NEVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Days of the transitions up to death, from the first dose; ``NEVER`` for what does not happen.

    The path goes on without regard to how long a patient is observed.
    """

    progression_day: Numbers
    molecular_relapse_day: Numbers
    relapse_day: Numbers
    transplant_day: Numbers
    second_transplant_day: Numbers
    death_day: Numbers
    cause_of_death: Numbers


def _whole_day(day: Floats, after: Numbers | int) -> Numbers:
    """Round up to a day, and keep the order of events."""
    return np.maximum(np.ceil(np.minimum(day, _LAST)).astype(np.int64), np.add(after, 1))


@dataclass(frozen=True, slots=True)
class _Remission:
    """From response to relapse or death, by way of transplant or not; days of relapse and death exclude each other."""

    transplant_day: Numbers
    relapse_day: Numbers
    death_day: Numbers
    cause: Numbers


@dataclass(frozen=True, slots=True)
class _Walk:
    """Draws the transitions."""

    draws: Draws
    hazards: Mapping[str, Hazard]
    disease: DiseaseParameters
    covariates: Mapping[str, Floats]

    def _time(self, name: str) -> Floats:
        hazard = self.hazards[name]
        return hazard.time(self.draws.waiting(), hazard.ratio(self.covariates))

    def in_remission(self, origin: Numbers) -> _Remission:
        """From response (on day ``origin``) on."""
        relapse_hazard = self.hazards["relapse"]
        relapse_ratio = relapse_hazard.ratio(self.covariates)
        relapse = relapse_hazard.time(self.draws.waiting(), relapse_ratio)
        transplant = self._time("transplant")
        death = self._time("death_in_remission")
        is_transplanted = transplant < np.minimum(relapse, death)
        entered = np.where(is_transplanted, transplant, 0.0)
        ratio = relapse_ratio * relapse_hazard.of_one("transplanted")
        relapse_after = relapse_hazard.time(self.draws.waiting(), ratio, after=entered)
        death_after = entered + self._time("transplant_mortality")
        relapse = np.where(is_transplanted, relapse_after, relapse)
        death = np.where(is_transplanted, death_after, death)
        transplant_day = _whole_day(np.add(origin, entered), origin)
        after = np.where(is_transplanted, transplant_day, origin)
        relapses = relapse < death
        is_infection = self.draws.chance(self.disease.infection_in_remission)
        cause = np.where(
            is_transplanted, CAUSE["transplant_related"], np.where(is_infection, CAUSE["infection"], CAUSE["other"])
        )
        return _Remission(
            transplant_day=np.where(is_transplanted, transplant_day, NEVER),
            relapse_day=np.where(relapses, _whole_day(origin + relapse, after), NEVER),
            death_day=np.where(relapses, NEVER, _whole_day(origin + death, after)),
            cause=cause,
        )

    def after_relapse(self, origin: Numbers, found: _Remission) -> tuple[Numbers, Numbers, Numbers]:
        """Day of a transplant after relapse, day of death and its cause, for all as if they had relapsed."""
        hazard, mortality = self.hazards["death_after_relapse"], self.hazards["transplant_mortality"]
        had_transplant = found.transplant_day < NEVER
        ratio = hazard.ratio({**self.covariates, "transplanted": had_transplant.astype(np.float64)})
        relapse_day = np.where(found.relapse_day < NEVER, found.relapse_day, 0)
        death = hazard.time(self.draws.waiting(), ratio)
        transplant = self._time("transplant_after_relapse")
        is_transplanted = (transplant < death) & (
            relapse_day + transplant <= origin + self.disease.last_transplant_days
        )
        entered = np.where(is_transplanted, transplant, 0.0)
        later = hazard.time(self.draws.waiting(), ratio * hazard.of_one("transplanted_after_relapse"), after=entered)
        early = entered + mortality.time(self.draws.waiting(), mortality.ratio(self.covariates))
        transplant_day = np.where(is_transplanted, _whole_day(relapse_day + entered, relapse_day), NEVER)
        death = np.where(is_transplanted, np.minimum(early, later), death)
        death_day = _whole_day(relapse_day + death, np.where(is_transplanted, transplant_day, relapse_day))
        # A death related to the second transplant has a cause of its own only if it is the first.
        related = np.where(had_transplant, CAUSE["other"], CAUSE["transplant_related"])
        cause = np.where(is_transplanted & (early < later), related, self.cause())
        return transplant_day, death_day, cause

    def cause(self) -> Numbers:
        """Cause of a death with active disease."""
        left, disease = self.draws.uniform(), self.disease
        other = np.where(left < disease.unknown_cause + disease.other_cause, CAUSE["other"], CAUSE["disease"])
        return np.where(left < disease.unknown_cause, CAUSE["unknown"], other)

    def without_response(self, response: Response) -> tuple[Numbers, Numbers]:
        """Days of progression and death without response."""
        death_day = _whole_day(self._time("death_without_response"), 1)
        is_progression = response.best_response == BEST_RESPONSE.index("progression")
        is_documented = self.draws.chance(self.disease.documented_progression)
        first, last = self.disease.progression_share
        share = first + (last - first) * self.draws.uniform()
        on_the_way = np.maximum((np.minimum(death_day, NEVER) * share).astype(np.int64), 7)
        at_once = is_progression & (response.assessment_day < death_day)
        day = np.where(at_once, response.assessment_day, on_the_way)
        return np.where((is_documented | is_progression) & (day < death_day), day, NEVER), death_day

    def molecular_relapse(self, origin: Numbers, found: _Remission, was_negative: Flags) -> Numbers:
        """Day on which residual disease came back, before the relapse and after the last state was entered."""
        happens = self.draws.chance(self.disease.molecular_relapse_first) & was_negative
        day = found.relapse_day - self.draws.whole(14, 60)
        entered = np.where(found.transplant_day < NEVER, found.transplant_day, origin)
        return np.where(happens & (found.relapse_day < NEVER) & (day > entered + 20), day, NEVER)


def prepare(hazards: Hazards) -> Mapping[str, Hazard]:
    """Prepare all hazards, by the name of the transition."""
    return {field.name: Hazard.of(getattr(hazards, field.name)) for field in fields(hazards)}


def draw_path(study: Study, entropy: tuple[int, int], numbers: Numbers, baseline: Baseline, response: Response) -> Path:
    """Draw the course of the disease.

    Parameters
    ----------
    study : Study
        Study to draw from.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.
    baseline : Baseline
        Covariates.
    response : Response
        What blinatumomab achieved, and the days of deaths from toxicity, which compete with those of the disease.
    """
    mrd_positive = (response.mrd_result == MRD_RESULT.index("positive")).astype(np.float64)
    covariates = {**baseline.covariates, "mrd_positive": mrd_positive}
    walk = _Walk(Draws(entropy, Stream.DISEASE, numbers), prepare(study.hazard), study.disease, covariates)
    origin = response.assessment_day
    found = walk.in_remission(origin)
    late_transplant_day, death_after_relapse_day, cause_after_relapse = walk.after_relapse(origin, found)
    progression_day, death_without_response_day = walk.without_response(response)
    cause_without_response = walk.cause()
    was_negative = response.mrd_result == MRD_RESULT.index("negative")
    molecular_relapse_day = walk.molecular_relapse(origin, found, was_negative)

    in_remission = response.is_responder | baseline.is_mrd_indication
    relapses = found.relapse_day < NEVER
    death_day = np.where(
        in_remission,
        np.where(relapses, death_after_relapse_day, found.death_day),
        death_without_response_day,
    )
    cause = np.where(in_remission, np.where(relapses, cause_after_relapse, found.cause), cause_without_response)
    is_toxic = response.toxic_death_day < death_day
    is_toxic_course = response.toxic_death_day < NEVER

    def only(mask: Flags, day: Numbers) -> Numbers:
        return np.where(mask, day, NEVER)

    first = only(in_remission, found.transplant_day)
    late = only(in_remission & relapses, late_transplant_day)
    return Path(
        progression_day=only(~in_remission & ~is_toxic_course, progression_day),
        molecular_relapse_day=only(in_remission, molecular_relapse_day),
        relapse_day=only(in_remission, found.relapse_day),
        transplant_day=np.minimum(first, late),
        second_transplant_day=only(first < NEVER, late),
        death_day=np.where(is_toxic, response.toxic_death_day, death_day),
        cause_of_death=np.where(is_toxic, CAUSE["blinatumomab_toxicity"], cause),
    )
