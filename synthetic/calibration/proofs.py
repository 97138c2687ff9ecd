"""Proofs that printed numbers of the paper exclude each other.

Each is found by CP-SAT: all statements together are infeasible, and statements are taken away as long as the rest
stays infeasible. What remains is a minimal core: without any one of its statements there is a cohort. Contradictions
of a single number with itself (a percentage that no count gives, a P value against its own interval) are arithmetic.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from blinreg.schemas.errors import AnalysisError
from blinreg.synthetic.calibration.counts_profiles import GIVEN_UP
from blinreg.synthetic.calibration.counts_solver import new_solver
from blinreg.synthetic.calibration.proofs_arithmetic import arithmetic_proofs
from blinreg.synthetic.calibration.proofs_problems import Count, Problem, problems

#: Orders in which statements are taken away; the smallest core of all is kept.
_N_ORDERS = 4


def status_of(counts: Sequence[Count]) -> str:
    """Whether there are numbers of patients with all these counts, as CP-SAT says: OPTIMAL or INFEASIBLE."""
    from ortools.sat.python import cp_model

    # Kinds that no statement tells apart are one.
    columns = np.unique(np.array([count.kinds for count in counts]), axis=1)
    model = cp_model.CpModel()
    numbers = [model.new_int_var(0, 239, f"n{i}") for i in range(columns.shape[1])]
    for row, count in zip(columns, counts, strict=True):
        total = sum((numbers[i] for i in np.flatnonzero(row)), start=0 * numbers[0])
        model.add_linear_constraint(total, count.low, count.high)
    solver = new_solver(limit=60.0)
    return str(solver.status_name(solver.solve(model)))


def _delete(counts: list[Count], order: Sequence[int]) -> list[int]:
    """Take statements away in this order while the rest is infeasible; returns the positions that remain.

    Many are tried at a time first, then fewer, at last one by one: what remains cannot be made smaller.
    """
    kept = list(range(len(counts)))
    size = max(1, len(order) // 3)
    while True:
        left = [position for position in order if position in kept]
        for start in range(0, len(left), size):
            rest = [i for i in kept if i not in left[start : start + size]]
            if rest and status_of([counts[i] for i in rest]) == "INFEASIBLE":
                kept = rest
        if size == 1:
            return kept
        size = max(1, size // 3)


def minimal_core(problem: Problem) -> tuple[Count, ...]:
    """Find a smallest set of statements that exclude each other, the last one included.

    Raises
    ------
    AnalysisError
        The statements can hold together.
    """
    counts = list(problem.counts)
    if status_of(counts) != "INFEASIBLE":
        raise AnalysisError(f"{problem.id}: the statements can hold together; there is nothing to prove")
    last = len(counts) - 1
    best: list[int] = []
    for seed in range(_N_ORDERS):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(last).tolist()
        kept = _delete(counts, order)
        if not best or len(kept) < len(best):
            best = kept
        if len(counts) <= 6:
            break
    return tuple(counts[i] for i in best)


def prove(problem: Problem) -> dict[str, Any]:
    """Prove a problem and say so as data."""
    core = minimal_core(problem)
    return {
        "id": problem.id,
        "conflict": problem.conflict,
        "kind": problem.sort,
        "targets": sorted({target for count in core for target in count.targets} | set(problem.gives_up)),
        "gives_up": list(problem.gives_up),
        "statements": [count.words for count in core],
        "arithmetic": problem.arithmetic,
        "status": status_of(core),
    }


def all_proofs(on_progress: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Make all proofs, with what each profile gives up; the content of ``calibrated/proofs.json``."""
    made = []
    for problem in problems():
        made.append(prove(problem))
        on_progress(f"{problem.id}: {len(made[-1]['statements'])} statements exclude each other")
    arithmetic = arithmetic_proofs()
    impossible = {target: proof["arithmetic"] for proof in arithmetic for target in proof["gives_up"]}
    return {
        "study": "realworld-2020",
        "proofs": [*made, *arithmetic],
        "given_up": {
            profile: [
                {"target": target, "reason": reason} for target, reason in sorted({**impossible, **reasons}.items())
            ]
            for profile, reasons in GIVEN_UP.items()
        },
    }


def write_proofs(path: Path, on_progress: Callable[[str], None] = lambda _: None) -> None:
    """Write all proofs as JSON."""
    path.write_text(json.dumps(all_proofs(on_progress), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
