"""Piecewise-constant proportional hazards, for many patients at once: one transition of the multi-state model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from blinreg.synthetic.streams import Floats
from blinreg.synthetic.studies.parameters import HazardParameters


@dataclass(frozen=True, slots=True)
class Hazard:
    """Hazard of one transition, ready to draw times from.

    Parameters
    ----------
    starts, rates : array of float, (k,)
        Days from which each rate holds, the first 0, and the rates per day.
    spent : array of float, (k,)
        Cumulative hazard at each start.
    log_hazard_ratio : mapping of str to float
        Effect of each covariate; minus infinity where the transition never happens.
    """

    starts: Floats
    rates: Floats
    spent: Floats
    log_hazard_ratio: Mapping[str, float]

    @classmethod
    def of(cls, parameters: HazardParameters) -> Hazard:
        """Prepare a hazard from its parameters."""
        starts = np.array([0.0, *parameters.cuts])
        rates = np.array(parameters.per_day)
        spent = np.concatenate([[0.0], np.cumsum(rates[:-1] * np.diff(starts))])
        effects = {name: math.log(ratio) if ratio > 0 else -math.inf for name, ratio in parameters.hazard_ratio.items()}
        return cls(starts, rates, spent, effects)

    def ratio(self, covariates: Mapping[str, Floats]) -> Floats:
        """Hazard relative to a patient with every covariate 0; effects without a covariate given are left out."""
        n = len(next(iter(covariates.values())))
        effect, possible = np.zeros(n), np.ones(n)
        for name, value in self.log_hazard_ratio.items():
            if name not in covariates:
                continue
            if math.isinf(value):
                possible[covariates[name] > 0] = 0.0
            elif value:
                effect += value * covariates[name]
        return np.asarray(np.exp(effect) * possible, dtype=np.float64)

    def of_one(self, name: str) -> float:
        """Hazard ratio of one covariate."""
        return math.exp(self.log_hazard_ratio[name])

    def cumulative(self, time: Floats) -> Floats:
        """Baseline cumulative hazard at a time on the clock of the hazard."""
        piece = np.searchsorted(self.starts, time, side="right") - 1
        return np.asarray(self.spent[piece] + self.rates[piece] * (time - self.starts[piece]), dtype=np.float64)

    def time(self, waiting: Floats, ratio: Floats, *, after: Floats | None = None) -> Floats:
        """Time of the transition, on the clock of the hazard.

        Parameters
        ----------
        waiting : array of float, (n,)
            Standard exponential waiting times: the cumulative hazard to be spent.
        ratio : array of float, (n,)
            Factor on the rates of each patient.
        after : array of float, (n,), optional
            Time from which the transition is possible, finite; cumulative hazard before it is not spent.

        Returns
        -------
        array of float, (n,)
            Days; infinity where the hazard is never spent.

        Examples
        --------
        >>> hazard = Hazard.of(HazardParameters(clock="response", cuts=(10.0,), per_day=(0.0, 0.5), hazard_ratio={}))
        >>> hazard.time(np.ones(3), np.array([1.0, 2.0, 0.0])).tolist()
        [12.0, 11.0, inf]
        >>> hazard.time(np.ones(1), np.ones(1), after=np.array([20.0])).tolist()
        [22.0]
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            target = waiting / ratio
            if after is not None:
                target = target + self.cumulative(after)
            # From the right, so that a piece without hazard is passed over.
            piece = np.searchsorted(self.spent, target, side="right") - 1
            time = self.starts[piece] + (target - self.spent[piece]) / self.rates[piece]
        time[(ratio == 0) | (self.rates[piece] == 0)] = np.inf
        return np.asarray(time, dtype=np.float64)
