"""How long patients are observed, what is seen of their course by then, and what is not recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blinreg.synthetic.courses import NEVER, SCHEMA
from blinreg.synthetic.model.baseline import Baseline
from blinreg.synthetic.model.disease import CAUSE, Path
from blinreg.synthetic.model.response import BEST_RESPONSE, MRD_RESULT, Response
from blinreg.synthetic.streams import Draws, Flags, Floats, Numbers, Stream
from blinreg.synthetic.studies.parameters import MissingParameters, Study

END_REASON = {name: code for code, name in enumerate(SCHEMA["end_reason"].categories)}  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The course as observed: nothing after ``end_day``. Days are ``NEVER`` for what was not seen.

    ``fatal_term`` is 0 for none, else one more than the position among the study's fatal terms.
    """

    best_response: Numbers
    mrd_result: Numbers
    response_day: Numbers
    progression_day: Numbers
    molecular_relapse_day: Numbers
    relapse_day: Numbers
    transplant_day: Numbers
    second_transplant_day: Numbers
    end_day: Numbers
    is_dead: Flags
    end_reason: Numbers
    cause_of_death: Numbers
    fatal_term: Numbers

    @property
    def has_response(self) -> Flags:
        """Whether a response was seen."""
        return np.asarray(self.response_day < NEVER)

    @property
    def has_transplant(self) -> Flags:
        """Whether a transplant was seen."""
        return np.asarray(self.transplant_day < NEVER)


def draw_end(study: Study, entropy: tuple[int, int], numbers: Numbers, baseline: Baseline) -> tuple[Numbers, Numbers]:
    """Draw the day to which the living are observed, and why observation ends then.

    Both the data cutoff and the loss of patients are independent of all else, by indication: the status of everybody in
    contact is asked for on the day of the cutoff, so that the living are censored there and not at a
    last visit. That makes censoring independent in every group of patients within an indication.
    """
    draws = Draws(entropy, Stream.FOLLOW_UP, numbers)
    cutoff_day = (study.data_cutoff_date - study.accrual_start).days - baseline.index_day
    waiting = draws.waiting() / study.follow_up.lost_per_day
    lost_day = study.follow_up.first_lost_day + np.minimum(waiting, NEVER).astype(np.int64)
    lost = np.where(draws.chance(study.follow_up.withdrew_if_lost), END_REASON["withdrew"], END_REASON["lost"])
    return np.minimum(cutoff_day, lost_day), np.where(cutoff_day <= lost_day, END_REASON["cutoff"], lost)


def observe(
    study: Study, baseline: Baseline, response: Response, path: Path, *, last_day: Numbers, reason: Numbers
) -> Observed:
    """Cut the course where observation ends.

    Parameters
    ----------
    study, baseline, response, path
        The course without regard to observation.
    last_day, reason : array of int, (n,)
        Day to which the patient is observed if alive, and the code of the reason.
    """
    is_dead = path.death_day <= last_day
    end_day = np.where(is_dead, path.death_day, last_day)
    last_alive_day = end_day - 1

    def seen(day: Numbers, until: Numbers) -> Numbers:
        return np.where(day <= until, day, NEVER)

    response_day = seen(np.where(response.is_responder, response.assessment_day, NEVER), last_alive_day)
    is_toxic = is_dead & (path.cause_of_death == CAUSE["blinatumomab_toxicity"])
    observed = Observed(
        best_response=response.best_response,
        mrd_result=response.mrd_result,
        response_day=response_day,
        progression_day=seen(path.progression_day, end_day),
        molecular_relapse_day=seen(path.molecular_relapse_day, last_alive_day),
        relapse_day=seen(path.relapse_day, last_alive_day),
        transplant_day=seen(path.transplant_day, last_alive_day),
        second_transplant_day=seen(path.second_transplant_day, last_alive_day),
        end_day=end_day,
        is_dead=is_dead,
        end_reason=np.where(is_dead, END_REASON["death"], reason),
        cause_of_death=np.where(is_dead, path.cause_of_death, CAUSE["none"]),
        fatal_term=np.where(is_toxic, response.fatal_term + 1, 0),
    )
    return _assessed(study, baseline, response, observed)


def _assessed(study: Study, baseline: Baseline, response: Response, observed: Observed) -> Observed:
    """Leave the response open where observation ended before the assessment that decides about it."""
    is_mrd = baseline.is_mrd_indication
    unseen = response.is_responder & ~observed.has_response
    # Marrow is looked at in the third week where treatment fails early; before, nothing is known.
    first = study.response.not_evaluable_before_day
    needed = np.where(observed.is_dead, first, response.assessment_day + 1)
    is_open = ~is_mrd & (unseen | (~response.is_responder & (observed.end_day < needed)))
    progressed = observed.best_response == BEST_RESPONSE.index("progression")
    without = progressed & (observed.progression_day == NEVER)
    best = np.where(without, BEST_RESPONSE.index("no_response"), observed.best_response)
    mrd = np.where(is_mrd & unseen, MRD_RESULT.index("not_assessed"), observed.mrd_result)
    return replace(
        observed,
        best_response=np.where(is_open, BEST_RESPONSE.index("not_evaluable"), best),
        mrd_result=np.where(is_open, MRD_RESULT.index("none"), mrd),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Which baseline values were recorded."""

    karnofsky_percent: Flags
    wbc: Flags
    blood_blast: Flags
    prior_allo_hct: Flags
    n_prior_lines: Flags


def _odds_without_early_death(share_missing: Floats, parameters: MissingParameters) -> Floats:
    """Odds of a missing value in those who did not die early, such that a site's share holds for all its patients."""
    early, ratio = parameters.early_death_share, parameters.early_death_odds_ratio
    # share = (1 - early) o / (1 + o) + early r o / (1 + r o), solved for the odds o.
    square = ratio * (1 - share_missing)
    linear = (1 - early) + early * ratio - share_missing * (1 + ratio)
    root = np.sqrt(linear**2 + 4 * square * share_missing)
    return np.asarray((root - linear) / (2 * square), dtype=np.float64)


def draw_recorded(
    study: Study, entropy: tuple[int, int], numbers: Numbers, baseline: Baseline, observed: Observed
) -> Recorded:
    """Draw which values were recorded: the performance status by site and outcome, the others at random.

    Parameters
    ----------
    study : Study
        Study to draw from; the sites have their own shares of missing performance status.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.
    baseline, observed
        Sites and early deaths.
    """
    parameters = study.missing
    draws = Draws(entropy, Stream.MISSING, numbers)
    odds = _odds_without_early_death(np.array([site.karnofsky_missing for site in study.sites]), parameters)
    died_early = observed.is_dead & (observed.end_day <= parameters.early_death_days)
    odds = odds[baseline.site] * np.where(died_early, parameters.early_death_odds_ratio, 1.0)
    return Recorded(
        karnofsky_percent=~draws.chance(odds / (1 + odds)),
        wbc=~draws.chance(parameters.wbc),
        blood_blast=~draws.chance(parameters.blood_blast),
        prior_allo_hct=baseline.has_prior_allo_hct | ~draws.chance(parameters.prior_allo_hct),
        n_prior_lines=~draws.chance(parameters.n_prior_lines),
    )
