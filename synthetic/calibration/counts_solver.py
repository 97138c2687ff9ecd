"""Integer programs with CP-SAT: one worker, fixed seed and a deterministic limit, so that every machine agrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blinreg.schemas.errors import AnalysisError
from blinreg.synthetic.calibration.counts_cells import Cells
from blinreg.synthetic.calibration.counts_statements import Statement

#: Deterministic time of CP-SAT, about a second each on a usual core.
DETERMINISTIC_LIMIT = 120.0


def new_solver(*, seed: int = 1, limit: float = DETERMINISTIC_LIMIT) -> Any:
    """Return a CP-SAT solver whose answer does not depend on the machine."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    solver.parameters.max_deterministic_time = limit
    return solver


def coefficients(cells: Cells, statements: Sequence[Statement]) -> NDArray[np.int64]:
    """Matrix of the counts: a row a statement, a column a kind of patient."""
    return np.array([statement.select(cells) for statement in statements], dtype=np.int64)


def solve_cells(cells: Cells, statements: Sequence[Statement], *, seed: int) -> NDArray[np.int64]:
    """Find numbers of patients of each kind with all the counts.

    Of the many solutions one without large groups is taken: the largest number of a kind is made small, ties are
    broken by random weights.

    Returns
    -------
    array of int
        Number of patients of each kind.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    numbers = [model.new_int_var(0, 40, f"n{i}") for i in range(len(cells))]
    matrix = coefficients(cells, statements)
    for row, statement in zip(matrix, statements, strict=True):
        count = sum(numbers[i] for i in np.flatnonzero(row))
        model.add_linear_constraint(count, statement.low, statement.high)
    largest = model.new_int_var(0, 40, "largest")
    model.add_max_equality(largest, numbers)
    weights = np.random.Generator(np.random.PCG64(seed)).integers(0, 10, len(cells))
    model.minimize(20 * largest + sum(int(w) * n for w, n in zip(weights, numbers, strict=True)))
    solver = new_solver(seed=seed, limit=20.0)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise AnalysisError(f"the printed counts could not be solved: CP-SAT says {solver.status_name(status)}")
    return np.array([solver.value(number) for number in numbers], dtype=np.int64)
