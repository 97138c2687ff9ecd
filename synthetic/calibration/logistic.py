"""The logistic model of response: kinds of patients are exchanged until the published odds ratios are met.

The model is that of the 2020 multicenter real-world study: CR or CRi among all 227 patients with relapsed or refractory
disease, on treatment with a tyrosine kinase inhibitor or chemotherapy along with blinatumomab, 2 and 3 or more earlier
lines (against 1; the paper prints ">3", and no category is left for 3), Ph, KMT2A, history of CNS disease, and the
length of the first remission (against primary refractory; 2 years and more is one class).

Two readings were settled by trying. Chemotherapy includes the intrathecal chemotherapy of the nine with active CNS
disease: with the 23 and 3 patients on an inhibitor or systemic chemotherapy alone, no cohort with the printed counts
was found whose interval of the odds ratio is as narrow as the printed one. And the four who were not evaluable count as
without response: without them, none was found whose odds ratio of 3 and more lines has the printed P value when all
177 of Table 2 in first and second salvage are relapsed or refractory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.calibration.counts_cells import ATTRIBUTES, BLOCKS, Cells
from blinreg.synthetic.calibration.counts_solver import coefficients
from blinreg.synthetic.calibration.counts_statements import Statement

#: Id of each published number, its value and half the unit of its last digit, in the order of the kernel.
TARGETS: tuple[tuple[str, float, float], ...] = (
    ("logit_tki_chemo_or", 4.97, 0.005),
    ("logit_tki_chemo_ci_lower", 1.51, 0.005),
    ("logit_tki_chemo_ci_upper", 16.43, 0.005),
    ("logit_tki_chemo_p", 0.008, 0.0005),
    ("logit_prior_gt3_or", 0.33, 0.005),
    ("logit_prior_gt3_ci_lower", 0.15, 0.005),
    ("logit_prior_gt3_ci_upper", 0.71, 0.005),
    ("logit_prior_gt3_p", 0.004, 0.0005),
    ("logit_ph_p", 0.57, 0.005),
    ("logit_mll_p", 0.38, 0.005),
    ("logit_cns_p", 0.8, 0.05),
    ("logit_prior_2v1_p", 0.8, 0.05),
    ("logit_ttp_lt1_p", 0.53, 0.005),
    ("logit_ttp_1_2_p", 0.92, 0.005),
)
#: Part of the rounding window that is aimed at: a number at its very edge could round the other way elsewhere.
_WITHIN = 0.98


def _windows() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rounding windows on the scale of the kernel: logarithms of ratios, |z| of P values."""
    normal = NormalDist()
    edges = []
    for name, value, half in TARGETS:
        ends = (value - _WITHIN * half, value + _WITHIN * half)
        if name.endswith("_p"):
            edges.append(sorted(-normal.inv_cdf(end / 2) for end in ends))
        else:
            edges.append([math.log(end) for end in ends])
    windows = np.array(edges)
    return windows[:, 0].copy(), windows[:, 1].copy()


def _lookup(cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shape = cells.codes.max(axis=0) + 1
    lookup = np.full(int(np.prod(shape)), -1, dtype=np.int64)
    lookup[np.ravel_multi_index(tuple(cells.codes.T), tuple(shape))] = np.arange(len(cells))
    return shape, lookup


def response_statistics(codes: NDArray[np.int64]) -> dict[str, float]:
    """Fit the model to patients and return the published statistics by id.

    Parameters
    ----------
    codes : array of int, (n, 7)
        Attributes of the patients, in the order of ``counts_cells.ATTRIBUTES``.
    """
    from blinreg.synthetic.calibration import logistic_kernels as kernels

    block = codes[:, ATTRIBUTES.index("block")]
    x = np.zeros((len(codes), kernels.N_TERMS))
    for code, row in zip(codes, x, strict=True):
        kernels.terms_of(code, row)
    y = (block < BLOCKS.index("nonresponder")).astype(np.float64)
    beta = np.zeros(kernels.N_TERMS)
    error = kernels.fit(x, y, beta)
    out = np.zeros(len(TARGETS))
    kernels.printed(beta, error, out)
    return {
        name: math.erfc(value / math.sqrt(2)) if name.endswith("_p") else math.exp(value)
        for (name, _, _), value in zip(TARGETS, out.tolist(), strict=True)
    }


def match_response_model(
    cells: Cells,
    numbers: NDArray[np.int64],
    statements: Sequence[Statement],
    *,
    seed: int,
    n_steps: int = 2_000_000,
) -> tuple[NDArray[np.int64], float]:
    """Exchange characteristics between patients until the logistic model is the published one.

    Parameters
    ----------
    cells : Cells
        Kinds of patients.
    numbers : array of int
        Patients of each kind; all counts hold.
    statements : sequence of Statement
        Counts to be kept.
    seed : int
        Of the annealing.
    n_steps : int
        Exchanges tried at most.

    Returns
    -------
    tuple
        Patients of each kind with the same counts, and the loss left (0: every number rounds as printed).
    """
    from blinreg.synthetic.calibration import logistic_kernels as kernels

    rr = np.where(cells.is_rr, numbers, 0)
    codes = np.repeat(cells.codes, rr, axis=0)
    matrix = coefficients(cells, statements)
    rest = matrix @ (numbers - rr)
    shape, lookup = _lookup(cells)
    least, most = _windows()
    best, _ = kernels.anneal(
        codes,
        shape,
        lookup,
        np.ascontiguousarray(matrix.T),
        np.array([statement.low for statement in statements]) - rest,
        np.array([statement.high for statement in statements]) - rest,
        least,
        most,
        200_000,
        n_steps,
        seed,
    )
    found = lookup[np.ravel_multi_index(tuple(codes.T), tuple(shape))]
    return np.bincount(found, minlength=len(cells)).astype(np.int64) + (numbers - rr), float(best)
