"""Exact inference in a family of distributions on whole numbers, w(k) * ratio^k.

Conditional on its margins the upper left cell of a 2 x 2 table is such a
variable (Fisher's noncentral hypergeometric distribution); so is, given their
sum, one of two Poisson counts. Its mean and tails are monotone in the ratio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf

import numpy as np

from blinreg.analyses.inputs import Floats

#: Outcomes as likely as the one observed, up to rounding, count as no more likely (as in R).
TIE_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class ExactFamily:
    """The distribution of a count at every value of a ratio.

    Attributes
    ----------
    first : int
        The smallest possible count.
    log_weight : ndarray of float64, shape (m,)
        Of the counts first, first + 1, ...; up to a constant.
    """

    first: int
    log_weight: Floats

    def density(self, log_ratio: float) -> Floats:
        """Give the probability of each count."""
        tilted = self.log_weight + log_ratio * np.arange(self.log_weight.size)
        likely = np.exp(tilted - tilted.max())
        share: Floats = likely / likely.sum()
        return share

    def ratio(self, observed: int) -> float | None:
        """Estimate the ratio by conditional maximum likelihood: its mean is the count observed.

        0 or infinite at the ends; None where only one count is possible.
        """
        place, last = observed - self.first, self.log_weight.size - 1
        if last == 0:
            return None
        if place in (0, last):
            return 0.0 if place == 0 else inf
        counts = np.arange(last + 1)
        return exp(_root(lambda log_ratio: float(counts @ self.density(log_ratio)) - place))

    def limits(self, observed: int, conf_level: float) -> tuple[float, float]:
        """Exact limits of the ratio, each with half of the error; 0 and infinity where open."""
        place, last = observed - self.first, self.log_weight.size - 1
        tail = (1 - conf_level) / 2
        lower, upper = 0.0, inf
        if place > 0:
            lower = exp(_root(lambda log_ratio: float(self.density(log_ratio)[place:].sum()) - tail))
        if place < last:
            upper = exp(_root(lambda log_ratio: tail - float(self.density(log_ratio)[: place + 1].sum())))
        return lower, upper

    def p_value(self, observed: int, log_ratio: float = 0.0) -> float:
        """Two-sided P: the probability of all counts no more likely than the one observed."""
        density = self.density(log_ratio)
        at_most = density[observed - self.first] * (1 + TIE_TOLERANCE)
        return min(1.0, float(density[density <= at_most].sum()))


def hypergeometric_family(n1: int, n0: int, n_events: int) -> ExactFamily:
    """Give the distribution of the events in group 1, the margins of the 2 x 2 table fixed.

    Parameters
    ----------
    n1, n0 : int
        Sizes of the groups.
    n_events : int
        Events in both.

    Returns
    -------
    ExactFamily
        Its ratio is the odds ratio of group 1 to group 0.

    Examples
    --------
    >>> hypergeometric_family(4, 4, 4).density(0.0).round(4).tolist()
    [0.0143, 0.2286, 0.5143, 0.2286, 0.0143]
    """
    from scipy.special import gammaln

    first, last = max(0, n_events - n0), min(n1, n_events)
    k = np.arange(first, last + 1)
    log_weight = -(gammaln(k + 1) + gammaln(n1 - k + 1) + gammaln(n_events - k + 1) + gammaln(n0 - n_events + k + 1))
    return ExactFamily(first, log_weight)


def binomial_family(n: int) -> ExactFamily:
    """Give the distribution of a binomial count; its ratio is the odds of success.

    Examples
    --------
    >>> binomial_family(2).density(0.0).tolist()
    [0.25, 0.5, 0.25]
    """
    from scipy.special import gammaln

    k = np.arange(n + 1)
    return ExactFamily(0, -(gammaln(k + 1) + gammaln(n - k + 1)))


def _root(increasing: Callable[[float], float]) -> float:
    """Find the root of an increasing function of a log ratio."""
    from scipy.optimize import brentq

    width = 1.0
    while increasing(-width) > 0 or increasing(width) < 0:
        width *= 2
    return float(brentq(increasing, -width, width, xtol=1e-14, rtol=1e-14))
