r"""The Cox partial log-likelihood, its score and its information, from sums over risk sets.

With ``w`` the case weight times ``exp(x'b)``, the sums at event time k are

    S0, S1 = sum of w, w x over the risk set;  T0, T1 = the same over those who fail at k.

Breslow's and Efron's rules for ties are both a list of terms
``weight * log(S0 - f T0)``: Breslow one term with f = 0, Efron d terms with
f = 0, 1/d, ..., (d-1)/d (Efron, J Am Stat Assoc 1977;72:557-565; with case
weights as in Therneau and Grambsch, Modeling Survival Data, 2000, section 3.3).
Everything else follows from five sums over the terms of an event time,

    c_ab = sum of weight f^a / (S0 - f T0)^b,

so tied deaths cost one number each, not a matrix. The information is the
difference of sum_i w_i x_i x_i' (H(exit) - H(entry)), a pass over the rows with
the hazard H each of them lived through, and products of S1, T1 per event time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blinreg.analyses.cox_regression.grid import CoxRows
from blinreg.analyses.cox_regression.sums import Array, Index, Intervals, TreeIntervals, bucket_sums, loses_digits
from blinreg.analyses.newton import Evaluation, of_matrix

# Rows a block in X' diag(c) X: the block stays in the processor's cache, and the
# order of summation, hence every last digit, is fixed.
BLOCK_ROWS = 16_384
# Beyond this, exp() is taken relative to the stratum's largest predictor.
SAFE_PREDICTOR = 300.0


@dataclass(frozen=True, slots=True)
class TieTerms:
    """The terms of the log-likelihood: slot (int), fraction f of the failing left out, weight; each (terms,)."""

    slot: Index
    fraction: Array
    weight: Array


def tie_terms(rows: CoxRows, ties: str) -> TieTerms:
    """List the terms for ``ties`` "efron" or "breslow".

    Efron shares the weights of those who fail together equally among the d terms.
    """
    n_slots = rows.intervals.n_slots
    n_tied = np.bincount(rows.event_slot, minlength=n_slots)
    weight = bucket_sums(rows.event_slot, rows.weight[rows.event_row], n_slots)
    slot = np.flatnonzero(n_tied)
    if ties == "breslow":
        return TieTerms(slot, np.zeros(len(slot)), weight[slot])
    repeated = np.repeat(slot, n_tied[slot])
    begin = np.repeat(np.cumsum(n_tied[slot]) - n_tied[slot], n_tied[slot])
    rank = np.arange(len(repeated)) - begin
    return TieTerms(repeated, rank / n_tied[repeated], weight[repeated] / n_tied[repeated])


@dataclass(frozen=True, slots=True)
class RiskSums:
    """Sums per event time at one coefficient vector.

    Attributes
    ----------
    relative_risk : array (n,)
        w of each row, over exp(shift of its stratum); empty where rows are compact (`cox_regression.passes`).
    s0, t0 : array (slots,)
        Over the risk set; over those who fail.
    s1, t1 : array (slots, p)
    c : dict of (a, b) to array (slots,)
        The sums c_ab of the module's formula.
    log_likelihood : float
    exact : bool
        Summed without subtraction (see `cox_sums`).
    """

    relative_risk: Array
    s0: Array
    t0: Array
    s1: Array
    t1: Array
    c: dict[tuple[int, int], Array]
    log_likelihood: float
    exact: bool


class CoxLikelihood:
    """The partial likelihood of one data set under one rule for ties.

    Parameters
    ----------
    rows : CoxRows
    ties : {"efron", "breslow"}
    """

    def __init__(self, rows: CoxRows, ties: str) -> None:
        self.rows = rows
        self.ties = ties
        self.terms = tie_terms(rows, ties)
        self._intervals: Intervals | TreeIntervals = rows.intervals
        self.scale = rows.scale
        self.reach = of_matrix(rows.x)

    @property
    def event_weight(self) -> float:
        """Sum of the case weights of the events."""
        return float(self.terms.weight.sum())

    def cluster_moments(self, coef: Array, cluster: NDArray[np.integer]) -> tuple[Array, Array]:
        """Sum the score contributions u of clusters, and u u' over clusters: (p,) and (p, p).

        Parameters
        ----------
        coef : array (p,)
            Of the scaled covariates.
        cluster : int array
            0 .. clusters - 1 for each of the *caller's* rows.
        """
        from blinreg.analyses.cox_regression.robust import by_cluster

        scores = by_cluster(self, self.sums(coef), cluster[self.rows.position].astype(np.intp))
        return scores.sum(axis=0), scores.T @ scores

    def __call__(self, coef: Array) -> Evaluation:
        """Evaluate at coefficients (p,) of the scaled covariates."""
        with np.errstate(all="ignore"):
            sums = self.sums(coef)
            score, information = self.score(sums), self.information(sums)
        finite = np.isfinite(sums.log_likelihood) and np.isfinite(score).all() and np.isfinite(information).all()
        # Relative risks beyond the range of a double: worse than anywhere else, so that the step is halved.
        return Evaluation(sums.log_likelihood if finite else -np.inf, score, information)

    def sums(self, coef: Array) -> RiskSums:
        """Sum over risk sets at coefficients (p,); switches to exact sums, for good, where digits are lost."""
        rows = self.rows
        predictor = self._predictor(coef)
        w = rows.weight * np.exp(predictor)
        s0 = self._intervals.per_slot(w)
        if isinstance(self._intervals, Intervals) and loses_digits(s0, rows.intervals.segments):
            self._intervals = TreeIntervals(rows.intervals.first, rows.intervals.last, rows.intervals.segments)
            s0 = self._intervals.per_slot(w)
        failing = w[rows.event_row]
        t0 = self._per_event_slot(failing)
        s1, t1 = np.empty((len(s0), rows.x.shape[1])), np.empty((len(s0), rows.x.shape[1]))
        for j in range(rows.x.shape[1]):
            s1[:, j] = self._intervals.per_slot(w * rows.x[:, j])
            t1[:, j] = self._per_event_slot(failing * rows.x[rows.event_row, j])
        left = s0[self.terms.slot] - self.terms.fraction * t0[self.terms.slot]
        gained = float(rows.weight[rows.event_row] @ predictor[rows.event_row])
        log_likelihood = gained - float(self.terms.weight @ np.log(left))
        c = self._term_sums(left, len(s0))
        exact = isinstance(self._intervals, TreeIntervals)
        return RiskSums(w, s0, t0, s1, t1, c, log_likelihood, exact)

    def hazard_lived(self, slot_values: Array, tied_values: Array) -> Array:
        """Sum ``slot_values`` over each row's time at risk, less ``tied_values`` where the row fails (n,).

        With c_01 and c_11 this is the cumulative hazard of the row at x = 0; the
        subtraction is Efron's: who fails leaves the risk set gradually.
        """
        lived = self._intervals.per_row(slot_values)
        lived[self.rows.event_row] -= tied_values[self.rows.event_slot]
        return lived

    def _predictor(self, coef: Array) -> Array:
        rows = self.rows
        predictor = rows.x @ coef + rows.offset
        if float(predictor.max()) > SAFE_PREDICTOR:
            largest = np.full(rows.n_strata, -np.inf)
            np.maximum.at(largest, rows.stratum, predictor)
            predictor -= largest[rows.stratum]
        return np.asarray(predictor, dtype=np.float64)

    def _per_event_slot(self, values: Array) -> Array:
        return bucket_sums(self.rows.event_slot, values, self.rows.intervals.n_slots)

    def _term_sums(self, left: Array, n_slots: int) -> dict[tuple[int, int], Array]:
        f, once = self.terms.fraction, self.terms.weight / left
        twice = once / left
        values = {(0, 1): once, (1, 1): f * once, (0, 2): twice, (1, 2): f * twice, (2, 2): f * f * twice}
        return {key: bucket_sums(self.terms.slot, value, n_slots) for key, value in values.items()}

    def score(self, sums: RiskSums) -> Array:
        """Work out the score (p,) from sums at any coefficients, with the c of any rule for ties."""
        rows = self.rows
        return slot_score(rows.weight[rows.event_row] @ rows.x[rows.event_row], sums)

    def information(self, sums: RiskSums) -> Array:
        """Work out the information (p, p) from sums at any coefficients, with the c of any rule for ties."""
        x = self.rows.x
        lived = sums.relative_risk * self.hazard_lived(sums.c[0, 1], sums.c[1, 1])
        second = np.zeros((x.shape[1], x.shape[1]))
        for begin in range(0, len(x), BLOCK_ROWS):
            block = x[begin : begin + BLOCK_ROWS]
            second += (block * lived[begin : begin + BLOCK_ROWS, None]).T @ block
        cross = (sums.s1 * sums.c[1, 2][:, None]).T @ sums.t1
        squares = (sums.s1 * sums.c[0, 2][:, None]).T @ sums.s1 + (sums.t1 * sums.c[2, 2][:, None]).T @ sums.t1
        information: Array = second - squares + cross + cross.T
        return (information + information.T) / 2


def slot_score(observed: Array, sums: RiskSums) -> Array:
    """Score (p,) from the weighted sum of x over events and the sums per slot."""
    expected = (sums.c[0, 1][:, None] * sums.s1).sum(axis=0) - (sums.c[1, 1][:, None] * sums.t1).sum(axis=0)
    return np.asarray(observed - expected, dtype=np.float64)
