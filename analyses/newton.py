"""Newton-Raphson for concave log-likelihoods, with the two ways it can have no answer named.

A design without enough information (constant or collinear terms) is found at the
start; a likelihood that only rises towards an infinite coefficient (monotone
likelihood in Cox regression, separation in logistic regression) is found at the
end: the gain left is nil, yet the step still moves somebody's linear predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blinreg.schemas.errors import AnalysisError, InputError

Array = NDArray[np.float64]

MAX_ITERATIONS = 60
# Half of U' I^-1 U is the gain in log-likelihood left. Near the optimum it squares
# at each step, so a step taken at 1e-14 ends at the limit of double precision.
DECREMENT_CONVERGED = 1e-14
DECREMENT_FLAT = 1e-10
# Here the step is beyond the last digit of what it is added to: nothing need be evaluated again.
DECREMENT_EXACT = 1e-22
# Longest change of a linear predictor in one step: a likelihood that is almost flat
# points far beyond what exp() can hold, and log relative risks beyond it mean nothing.
LONGEST_STEP = 10.0
# A step that changes a linear predictor by this much while nothing is left to gain.
ENDLESS_STEP = 0.1
# Share of a term's information left after the terms before it (R's coxph: 1.8e-12).
SINGULAR_SHARE = 1e-11


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Log-likelihood (float), score (p,) and information (p, p) at one coefficient vector."""

    log_likelihood: float
    score: Array
    information: Array


@dataclass(frozen=True, slots=True)
class Maximum:
    """Where Newton-Raphson ended.

    Attributes
    ----------
    coef : array (p,)
    null, fitted : Evaluation
        At zero and at ``coef``.
    converged : bool
        True; otherwise an error was raised.
    n_iterations : int
        Newton steps taken.
    """

    coef: Array
    null: Evaluation
    fitted: Evaluation
    converged: bool
    n_iterations: int


def maximise(
    evaluate: Callable[[Array], Evaluation],
    *,
    n_terms: int,
    reach: Callable[[Array, float], float],
    check_start: Callable[[Evaluation], None],
    check_flat: Callable[[Array], None],
    start: Array | None = None,
) -> Maximum:
    """Climb a concave log-likelihood.

    Parameters
    ----------
    evaluate : callable
        Coefficients (p,) to :class:`Evaluation`.
    n_terms : int
        Number of coefficients, p.
    reach : callable
        A step (p,) to the largest change of a linear predictor that it makes. May be an
        upper bound while that is not above the second argument.
    check_start : callable
        Called with the evaluation at zero; raises where the design is singular.
    check_flat : callable
        Called with the step (p,) when no gain is left; raises where the step still moves.
    start : array (p,), optional
        A guess; zero otherwise, and where zero is better.

    Returns
    -------
    Maximum

    Raises
    ------
    AnalysisError
        No maximum was reached.

    Examples
    --------
    >>> parabola = lambda b: Evaluation(-float((b[0] - 2) ** 2), -2 * (b - 2), np.array([[2.0]]))
    >>> quiet = {"check_start": lambda e: None, "check_flat": lambda step: None}
    >>> float(maximise(parabola, n_terms=1, reach=of_matrix(np.ones((1, 1))), **quiet).coef[0])
    2.0
    """
    coef = np.zeros(n_terms)
    null = current = evaluate(coef)
    check_start(null)
    if start is not None:
        guessed = evaluate(start)
        if guessed.log_likelihood > null.log_likelihood:
            coef, current = start, guessed
    last = np.inf
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = _step(current)
        decrement = float(current.score @ step)
        if decrement <= DECREMENT_FLAT:
            check_flat(step)
        if decrement <= DECREMENT_EXACT:
            return Maximum(coef + step, null, current, converged=True, n_iterations=iteration)
        moved = reach(step, LONGEST_STEP)
        step *= min(1.0, LONGEST_STEP / moved) if moved > 0 else 1.0
        coef, current = _climb(evaluate, coef, step, current)
        # Where rounding is larger than the limit, the decrement stops falling instead.
        if decrement <= DECREMENT_CONVERGED or last <= decrement <= DECREMENT_FLAT:
            return Maximum(coef, null, current, converged=True, n_iterations=iteration)
        last = decrement
    raise AnalysisError(
        f"the fit did not converge in {MAX_ITERATIONS} Newton steps",
        next_step="look for terms that are nearly collinear, or that have few events",
    )


def _step(current: Evaluation) -> Array:
    try:
        return solve(current.information, current.score)
    except np.linalg.LinAlgError as error:
        raise AnalysisError(
            "the information matrix became singular during the fit",
            next_step="leave out terms with few events, or join their levels",
        ) from error


def _climb(
    evaluate: Callable[[Array], Evaluation], coef: Array, step: Array, current: Evaluation
) -> tuple[Array, Evaluation]:
    """Take the Newton step, halved while it goes down by more than rounding."""
    rounding = 1e-10 * (1.0 + abs(current.log_likelihood))
    for halving in range(30):
        candidate = coef + step * 0.5**halving
        found = evaluate(candidate)
        if np.isfinite(found.log_likelihood) and found.log_likelihood >= current.log_likelihood - rounding:
            return candidate, found
    return coef, current


def solve(information: Array, score: Array) -> Array:
    """Solve ``information @ step = score``, scaled to a unit diagonal first."""
    scale = _unit_diagonal(information)
    step: Array = scale * np.linalg.solve(information * np.outer(scale, scale), scale * score)
    return step


def inverse(information: Array) -> Array:
    """Invert a positive definite matrix, scaled to a unit diagonal first; exactly symmetric."""
    scale = _unit_diagonal(information)
    found = np.linalg.inv(information * np.outer(scale, scale)) * np.outer(scale, scale)
    symmetric: Array = (found + found.T) / 2
    return symmetric


def _unit_diagonal(information: Array) -> Array:
    diagonal = np.diag(information)
    return np.asarray(1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), dtype=np.float64)


def check_singular(information: Array, terms: Sequence[str], *, unit: float, hint: str) -> None:
    """Refuse a design in which some term carries no information of its own.

    Parameters
    ----------
    information : array (p, p)
        At zero, for covariates of unit spread.
    terms : sequence of str
        Their names, for the message.
    unit : float
        The information an ordinary term of unit spread would carry (events; rows / 4).
    hint : str
        What "constant" means for this model, for the message.

    Raises
    ------
    InputError
        Naming the term and, where it is a combination of others, those.
    """
    for j, term in enumerate(terms):
        own = float(information[j, j])
        if own <= SINGULAR_SHARE * unit:
            raise InputError(
                f"the term {term} {hint}, so it has no estimable effect",
                next_step=f"leave {term} out, or check how it was derived",
            )
        if j == 0:
            continue
        before = information[:j, :j]
        scale = 1.0 / np.sqrt(np.diag(before))
        weights = solve(before, information[:j, j])
        left = own - float(information[:j, j] @ weights)
        if left <= SINGULAR_SHARE * own:
            # A share of the term's own spread, so that names come only from real parts.
            parts = np.abs(weights) / scale / np.sqrt(own)
            others = [terms[i] for i in range(j) if parts[i] > 1e-6]
            raise InputError(
                f"the term {term} is a linear combination of {', '.join(others)} (collinear), "
                "so their effects cannot be told apart",
                next_step=f"leave out {term} or one of {', '.join(others)}",
            )


def of_matrix(matrix: Array) -> Callable[[Array, float], float]:
    """Make the ``reach`` of `maximise` for covariates (n, p) in memory."""
    return lambda step, _enough: float(np.abs(matrix @ step).max(initial=0.0))


def check_endless(
    reach: Callable[[Array, float], float], step: Array, terms: Sequence[str], *, phenomenon: str, advice: str
) -> None:
    """Refuse a fit whose coefficients have no finite maximum.

    Parameters
    ----------
    reach : callable
        As for `maximise`; covariates are centred and of unit spread.
    step : array (p,)
        The Newton step when no gain in log-likelihood is left.
    terms : sequence of str
        Their names, for the message.
    phenomenon, advice : str
        The field's word for it, and what to do.

    Raises
    ------
    AnalysisError
        Naming the terms that run away.
    """
    if reach(step, ENDLESS_STEP) <= ENDLESS_STEP:
        return
    size = np.abs(step)
    names = ", ".join(term for term, s in zip(terms, size, strict=True) if s > 0.05 * size.max())
    raise AnalysisError(
        f"the estimate of {names} is infinite ({phenomenon}): the log-likelihood rises without an end "
        "as its coefficient grows",
        next_step=advice.format(terms=names),
    )
