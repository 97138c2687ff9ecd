"""Cluster-robust (sandwich) variance of a Cox model.

Lin and Wei, J Am Stat Assoc 1989;84:1074-1078; with Efron's ties as in R's
``survival`` (residuals of type "score", weighted, collapsed by cluster).
"""

from __future__ import annotations

import numpy as np

from blinreg.analyses.cox_regression.likelihood import CoxLikelihood, RiskSums
from blinreg.analyses.cox_regression.sums import Array, Index, bucket_sums


def score_residuals(likelihood: CoxLikelihood, sums: RiskSums) -> Array:
    """Give each row's contribution to the score, without its case weight, in scaled covariates (n, p).

    A row adds ``x - mean`` over the hazard it lived through with a minus sign, and
    once, averaged over the tie terms, where it fails. Times the case weights, the
    rows sum to the score.

    Parameters
    ----------
    likelihood : CoxLikelihood
        The data and the rule for ties.
    sums : RiskSums
        ``likelihood.sums(coef)``: at the fitted coefficients, or at zero.
    """
    rows, c = likelihood.rows, sums.c
    hazard = likelihood.hazard_lived(c[0, 1], c[1, 1])
    mean = tied_means(likelihood, sums)
    out = np.empty(rows.x.shape, order="F")
    risk = np.exp(np.log(sums.relative_risk) - np.log(rows.weight))
    for j in range(rows.x.shape[1]):
        drift = likelihood.hazard_lived(
            c[0, 2] * sums.s1[:, j] - c[1, 2] * sums.t1[:, j],
            c[1, 2] * sums.s1[:, j] - c[2, 2] * sums.t1[:, j],
        )
        out[:, j] = -risk * (rows.x[:, j] * hazard - drift)
        out[rows.event_row, j] += rows.x[rows.event_row, j] - mean[rows.event_slot, j]
    return out


def tied_means(likelihood: CoxLikelihood, sums: RiskSums) -> Array:
    """Average the mean covariates of the risk set over the tie terms of each slot (slots, p).

    Parameters
    ----------
    likelihood : CoxLikelihood
        The data and the rule for ties.
    sums : RiskSums
        ``likelihood.sums(coef)``.
    """
    terms = likelihood.terms
    left = sums.s0[terms.slot] - terms.fraction * sums.t0[terms.slot]
    n_terms = np.maximum(np.bincount(terms.slot, minlength=len(sums.s0)), 1)
    means = np.empty_like(sums.s1)
    for j in range(means.shape[1]):
        mean = (sums.s1[terms.slot, j] - terms.fraction * sums.t1[terms.slot, j]) / left
        means[:, j] = bucket_sums(terms.slot, mean, len(n_terms)) / n_terms
    return means


def by_cluster(likelihood: CoxLikelihood, sums: RiskSums, cluster: Index) -> Array:
    """Sum the weighted score residuals over clusters (clusters, p).

    Parameters
    ----------
    likelihood : CoxLikelihood
        The data and the rule for ties.
    sums : RiskSums
        ``likelihood.sums(coef)``.
    cluster : int array (n,)
        0 .. clusters - 1, of the rows of ``likelihood``.
    """
    residuals = score_residuals(likelihood, sums)
    weight = likelihood.rows.weight
    n_clusters = int(cluster.max()) + 1
    columns = [bucket_sums(cluster, weight * residuals[:, j], n_clusters) for j in range(residuals.shape[1])]
    return np.column_stack(columns)


def sandwich(squares: Array, variance: Array) -> Array:
    """Robust variance (p, p) from the sum of u u' over cluster scores u, and the model's variance, both (p, p)."""
    robust = variance @ squares @ variance
    return np.asarray((robust + robust.T) / 2, dtype=np.float64)
