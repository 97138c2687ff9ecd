"""Compiled kernels: the logistic model of response, and annealing that keeps every printed count.

Imported by ``logistic`` only, and there inside functions: compiling takes seconds.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

# Positions in ``counts_cells.ATTRIBUTES``.
BLOCK, CYTOGENETICS, THERAPY, LINES, CNS, FIRST_REMISSION, PRIOR = range(7)
#: Terms: intercept, TKI or chemotherapy, 2 lines, 3 and more lines, Ph, KMT2A, CNS history,
#: first remission under 1 year, of 1 to 2 years, of more than 2 years (each against primary refractory).
N_TERMS = 10
Z = 1.959963984540054


@numba.njit(cache=True)
def terms_of(code: Any, row: Any) -> None:
    """Write the covariates of one patient."""
    row[:] = 0.0
    row[0] = 1.0
    row[1] = code[THERAPY] != 0
    row[2] = code[LINES] == 2
    row[3] = code[LINES] == 3
    row[4] = code[CYTOGENETICS] == 2
    row[5] = code[CYTOGENETICS] == 1
    row[6] = code[CNS]
    row[7] = code[FIRST_REMISSION] == 1
    row[8] = code[FIRST_REMISSION] == 2 or code[FIRST_REMISSION] == 3
    row[9] = code[FIRST_REMISSION] == 4 or code[FIRST_REMISSION] == 5


@numba.njit(cache=True)
def _factor(matrix: Any) -> None:
    """Cholesky factor in the lower half, written out: a library's depends on the processor in the last bit."""
    p = len(matrix)
    for j in range(p):
        for k in range(j):
            for i in range(j, p):
                matrix[i, j] -= matrix[i, k] * matrix[j, k]
        root = math.sqrt(max(matrix[j, j], 1e-12))
        for i in range(j, p):
            matrix[i, j] /= root


@numba.njit(cache=True)
def _solve(factor: Any, x: Any) -> None:
    """Solve in place with a Cholesky factor."""
    p = len(x)
    for i in range(p):
        for k in range(i):
            x[i] -= factor[i, k] * x[k]
        x[i] /= factor[i, i]
    for i in range(p - 1, -1, -1):
        for k in range(i + 1, p):
            x[i] -= factor[k, i] * x[k]
        x[i] /= factor[i, i]


@numba.njit(cache=True)
def _add_patient(row: Any, residual: float, weight: float, score: Any, information: Any) -> None:
    for j in range(len(row)):
        if row[j] != 0.0:
            score[j] += residual
            for k in range(j + 1):
                if row[k] != 0.0:
                    information[j, k] += weight


@numba.njit(cache=True)
def fit(x: Any, y: Any, beta: Any) -> Any:
    """Newton's method from ``beta``, which is overwritten; returns the standard errors. Covariates are 0 or 1."""
    n, p = x.shape
    information = np.zeros((p, p))
    score = np.zeros(p)
    for _ in range(40):
        score[:] = 0.0
        information[:, :] = 0.0
        for i in range(n):
            eta = 0.0
            for j in range(p):
                eta += x[i, j] * beta[j]
            q = 1.0 / (1.0 + math.exp(-eta))
            _add_patient(x[i], y[i] - q, q * (1.0 - q), score, information)
        _factor(information)
        _solve(information, score)
        largest = 0.0
        for j in range(p):
            step = min(max(score[j], -2.0), 2.0)
            beta[j] += step
            largest = max(largest, abs(step))
        if largest < 1e-9:
            break
    error = np.zeros(p)
    for j in range(p):
        score[:] = 0.0
        score[j] = 1.0
        _solve(information, score)
        error[j] = math.sqrt(score[j])
    return error


@numba.njit(cache=True)
def printed(beta: Any, error: Any, out: Any) -> None:
    """Statistics in the order of ``logistic.TARGETS``: logarithms of odds ratios and limits, and |z| for P values."""
    position = 0
    for term in (1, 3):
        out[position] = beta[term]
        out[position + 1] = beta[term] - Z * error[term]
        out[position + 2] = beta[term] + Z * error[term]
        out[position + 3] = abs(beta[term] / error[term])
        position += 4
    for term in (4, 5, 6, 2, 7, 8):
        out[position] = abs(beta[term] / error[term])
        position += 1


@numba.njit(cache=True)
def loss_of(out: Any, least: Any, most: Any) -> float:
    """Sum of the distances to the rounding windows; 0 when every number rounds to the printed one."""
    loss = 0.0
    for k in range(len(least)):
        miss = max(least[k] - out[k], out[k] - most[k])
        if miss > 0.0:
            loss += miss + 0.001
    return loss


@numba.njit(cache=True)
def _cell(code: Any, shape: Any, lookup: Any) -> int:
    key = 0
    for k in range(len(shape)):
        key = key * shape[k] + code[k]
    return int(lookup[key])


@numba.njit(cache=True)
def _propose(codes: Any, changed: Any, old: Any) -> int:
    """Exchange an attribute of two patients, or change one of one patient; returns how many rows changed."""
    n = len(codes)
    i = np.random.randint(n)
    j = np.random.randint(n)
    kind = np.random.randint(9)
    changed[0] = i
    changed[1] = j
    old[0] = codes[i]
    old[1] = codes[j]
    if kind == 8:
        codes[i, CNS] = 1 - codes[i, CNS]
        return 1
    if i == j:
        return 0
    if kind == 7:
        for k in (CYTOGENETICS, THERAPY):
            codes[i, k], codes[j, k] = codes[j, k], codes[i, k]
    else:
        attribute = kind if kind > 0 else LINES
        codes[i, attribute], codes[j, attribute] = codes[j, attribute], codes[i, attribute]
    return 2


@numba.njit(cache=True)
def _is_allowed(delta: Any, counts: Any, low: Any, high: Any) -> bool:
    for k in range(len(counts)):
        value = counts[k] + delta[k]
        if delta[k] != 0 and (value < low[k] or value > high[k]):
            return False
    return True


@numba.njit(cache=True)
def _try_move(  # noqa: PLR0917
    codes: Any,
    shape: Any,
    lookup: Any,
    matrix: Any,
    counts: Any,
    low: Any,
    high: Any,
    changed: Any,
    old: Any,
    delta: Any,
) -> int:
    """Make a move that keeps all counts; returns the number of changed rows, 0 if there was none."""
    n_changed = _propose(codes, changed, old)
    delta[:] = 0
    good = n_changed > 0
    for k in range(n_changed):
        cell = _cell(codes[changed[k]], shape, lookup)
        if cell < 0:
            good = False
            break
        delta += matrix[cell]
        delta -= matrix[_cell(old[k], shape, lookup)]
    if good and _is_allowed(delta, counts, low, high):
        counts += delta
        return n_changed
    for k in range(n_changed):
        codes[changed[k]] = old[k]
    return 0


@numba.njit(cache=True)
def anneal(  # noqa: PLR0917
    codes: Any,
    shape: Any,
    lookup: Any,
    matrix: Any,
    low: Any,
    high: Any,
    least: Any,
    most: Any,
    n_mixing: int,
    n_steps: int,
    seed: int,
) -> Any:
    """Mix freely, then anneal until every statistic rounds to its printed value or the steps are used up.

    Parameters
    ----------
    codes : array of int, (n, 7)
        Attributes of the patients with relapsed or refractory disease; overwritten with the best found.
    shape, lookup : array of int
        Radix of each attribute, and position of the kind for every combination (-1: cannot be).
    matrix : array of int, (n kinds, n statements)
        What each kind adds to the counts.
    low, high : array of int
        Bounds of the counts over these patients.
    least, most : array of float
        Windows of the statistics within which they round to what is printed.
    n_mixing, n_steps : int
        Free moves before, and moves tried in the annealing at most.
    seed : int
        Of the random numbers.

    Returns
    -------
    tuple
        Best loss and number of steps taken.
    """
    np.random.seed(seed)
    n = len(codes)
    counts = np.zeros(matrix.shape[1], np.int64)
    for i in range(n):
        counts += matrix[_cell(codes[i], shape, lookup)]
    changed = np.zeros(2, np.int64)
    old = np.zeros((2, codes.shape[1]), np.int64)
    delta = np.zeros_like(counts)
    for _ in range(n_mixing):
        _try_move(codes, shape, lookup, matrix, counts, low, high, changed, old, delta)
    x = np.zeros((n, N_TERMS))
    y = np.zeros(n)
    for i in range(n):
        terms_of(codes[i], x[i])
        y[i] = codes[i, BLOCK] < 2
    beta = np.zeros(N_TERMS)
    out = np.zeros(len(least))
    error = fit(x, y, beta)
    printed(beta, error, out)
    loss = loss_of(out, least, most)
    best = loss
    best_codes = codes.copy()
    trial = beta.copy()
    step = 0
    while step < n_steps and best > 0.0:
        step += 1
        temperature = 0.08 * (1.0 - step / n_steps) ** 3 + 5e-5
        n_changed = _try_move(codes, shape, lookup, matrix, counts, low, high, changed, old, delta)
        if n_changed == 0:
            continue
        for k in range(n_changed):
            terms_of(codes[changed[k]], x[changed[k]])
        trial[:] = beta
        error = fit(x, y, trial)
        printed(trial, error, out)
        new = loss_of(out, least, most)
        if new <= loss or np.random.random() < math.exp((loss - new) / temperature):
            loss = new
            beta[:] = trial
            if loss < best:
                best = loss
                best_codes[:] = codes
        else:
            counts -= delta
            for k in range(n_changed):
                codes[changed[k]] = old[k]
                terms_of(codes[changed[k]], x[changed[k]])
    codes[:] = best_codes
    return best, step
