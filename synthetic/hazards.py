"""Piecewise-constant hazards with covariate effects: one transition of the multi-state model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Covariates that a hazard ratio may name; age counts in decades from 48 years, the others are 0 or 1.
COVARIATES = frozenset(
    {
        "age_per_decade",
        "age_over_70",
        "ph_positive",
        "tki",
        "kmt2a",
        "cns_history",
        "cr1_under_1_year",
        "prior_allo_hct",
        "mrd_positive",
        "mrd_indication",
        "transplanted",
        "transplanted_after_relapse",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """Hazard of one transition.

    Parameters
    ----------
    clock : str
        What time is counted from.
    cuts : tuple of float
        Days at which the rate changes.
    per_day : tuple of float
        Rate in each of the ``len(cuts) + 1`` intervals, per day.
    log_hazard_ratio : mapping of str to float
        Effect of each covariate.
    """

    clock: str
    cuts: tuple[float, ...]
    per_day: tuple[float, ...]
    log_hazard_ratio: Mapping[str, float]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Hazard:
        """Read a hazard from the parameter file, which gives hazard ratios; a ratio of 0 means never."""
        ratios: Mapping[str, float] = given["hazard_ratio"]
        unknown = sorted(set(ratios) - COVARIATES)
        if unknown or len(given["per_day"]) != len(given["cuts"]) + 1:
            raise ValueError(f"hazard on the clock {given['clock']}: unknown covariates {unknown}, or rates do not fit")
        return cls(
            clock=given["clock"],
            cuts=tuple(map(float, given["cuts"])),
            per_day=tuple(map(float, given["per_day"])),
            log_hazard_ratio={name: math.log(ratio) if ratio > 0 else -math.inf for name, ratio in ratios.items()},
        )

    def ratio(self, covariates: Mapping[str, float]) -> float:
        """Hazard relative to a patient with every covariate 0."""
        effects = [effect * covariates[name] for name, effect in self.log_hazard_ratio.items() if covariates[name]]
        return math.exp(math.fsum(effects))

    def time(self, waiting: float, *, ratio: float = 1.0, after: float = 0.0) -> float:
        """Time of the transition, on the clock of the hazard.

        Parameters
        ----------
        waiting : float
            A standard exponential waiting time: the cumulative hazard to be spent.
        ratio : float
            Factor on the rates.
        after : float
            Time from which the transition is possible; cumulative hazard before it is not spent.

        Returns
        -------
        float
            Days; infinity if the hazard is never spent.

        Examples
        --------
        >>> hazard = Hazard(clock="response", cuts=(10.0,), per_day=(0.0, 0.5), log_hazard_ratio={})
        >>> hazard.time(1.0), hazard.time(1.0, ratio=2.0), hazard.time(1.0, after=20.0)
        (12.0, 11.0, 22.0)
        """
        left, start = waiting, after
        for rate, end in zip(self.per_day, (*self.cuts, math.inf), strict=True):
            if end <= start or ratio * rate == 0:
                start = max(start, end)
                continue
            spent = ratio * rate * (end - start)
            if spent >= left:
                return start + left / (ratio * rate)
            left -= spent
            start = end
        return math.inf
