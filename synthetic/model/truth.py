"""The planted truth: the log hazard ratio of every covariate of every transition, as an analysis would find it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib import resources
from typing import Any

from blinreg.synthetic.studies.parameters import HazardParameters, Study

#: From where to where each transition leads, and who is at risk of it.
TRANSITIONS: Mapping[str, tuple[str, str, str]] = {
    "relapse": (
        "remission or transplant in remission",
        "relapse",
        "from response; transplanted is 1 from the day after a transplant in remission",
    ),
    "transplant": ("remission", "transplant in remission", "from response until relapse"),
    "death_in_remission": ("remission", "death", "from response until relapse or transplant"),
    "transplant_mortality": ("transplant in remission", "death", "from transplant until relapse"),
    "death_after_relapse": (
        "relapse",
        "death",
        "from relapse until a transplant after it; transplanted is 1 for those transplanted before. After such a "
        "transplant transplanted_after_relapse holds, and mortality of the transplant competes",
    ),
    "transplant_after_relapse": (
        "relapse",
        "transplant after relapse",
        "from relapse until death, and until the last day from response on which transplants are done",
    ),
    "death_without_response": (
        "first dose",
        "death",
        "those without response whose potential follow-up is long enough to have seen one",
    ),
}

#: Potential follow-up, in days, after which every response would have been seen: the second cycle's assessment.
RESPONSE_WOULD_BE_SEEN_DAYS = 100


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a covariate on a transition.

    Parameters
    ----------
    transition, clock, covariate : str
        Names as in the parameter file; the clock says what time is counted from.
    log_hazard_ratio : float
        The planted value; zero effects are left out.
    """

    transition: str
    clock: str
    covariate: str
    log_hazard_ratio: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known about a population because it was made.

    Parameters
    ----------
    effects : tuple of Effect
        Finite log hazard ratios of all transitions.
    never : tuple of tuple of str
        Transition and covariate where the transition never happens.
    large_sample_values : mapping of str to float
        What analyses of all the responders tend to, from a simulation: in an illness-death model the overall effect of
        a transplant is not one of the planted ratios, and an analysis by ever and never transplanted tends elsewhere.
    """

    effects: tuple[Effect, ...]
    never: tuple[tuple[str, str], ...]
    large_sample_values: Mapping[str, float]

    def of(self, transition: str) -> dict[str, float]:
        """Give the log hazard ratios of a transition by covariate."""
        return {effect.covariate: effect.log_hazard_ratio for effect in self.effects if effect.transition == transition}

    def as_json(self) -> dict[str, Any]:
        """Give the truth as plain data, with a description of each transition."""
        return {
            "transitions": {
                name: {"from": start, "to": end, "at_risk": at_risk}
                for name, (start, end, at_risk) in TRANSITIONS.items()
            },
            "effects": [asdict(effect) for effect in self.effects],
            "never": [{"transition": transition, "covariate": covariate} for transition, covariate in self.never],
            "large_sample_values": dict(self.large_sample_values),
        }


def truth(study: Study) -> Truth:
    """Give the planted truth of a study.

    Covariates are those of the parameter file: ``age_per_decade`` counts decades from 48 years, the others are 0 or 1.
    Toxicity and GVHD do not enter the hazards; deaths from toxicity compete with those without response.

    Parameters
    ----------
    study : Study
        Study to draw from.

    Examples
    --------
    >>> from blinreg.synthetic.studies import load_study
    >>> planted = truth(load_study("realworld-2020"))
    >>> planted.of("relapse")["transplanted"] < 0
    True
    """
    effects, never = [], []
    for field in fields(study.hazard):
        hazard: HazardParameters = getattr(study.hazard, field.name)
        for covariate, ratio in hazard.hazard_ratio.items():
            if ratio == 0:
                never.append((field.name, covariate))
            elif ratio != 1:
                effects.append(Effect(field.name, hazard.clock, covariate, math.log(ratio)))
    return Truth(tuple(effects), tuple(never), large_sample_values(study.id))


def large_sample_values(study_id: str) -> dict[str, float]:
    """Read the large-sample values of a study: empty where none were computed.

    ``benchmarks/large_sample.py`` computes them.
    """
    name = f"{study_id.replace('-', '_')}_large_sample.json"
    file = resources.files("blinreg.synthetic.studies").joinpath(name)
    if not file.is_file():
        return {}
    return dict(json.loads(file.read_text(encoding="utf-8"))["values"])
