"""Ages: how many patients of each group are of each age, so that medians and ranges are the printed ones.

The printed medians are odd: 59 years in the transplanted, 51 in the others with relapsed or refractory disease, and 48
overall. They can hold together only if hardly anyone is between 48 and 59 (see the proofs). The profile ``plausible``
gives up the 59 and has 45 in the transplanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blinreg.schemas.errors import AnalysisError
from blinreg.synthetic.calibration.counts_solver import new_solver
from blinreg.synthetic.calibration.counts_statements import Profile

YOUNGEST, OLDEST = 18, 85
#: Groups with their sizes.
GROUPS: Mapping[str, int] = MappingProxyType({"transplanted": 85, "not_transplanted": 142, "mrd": 12})


@dataclass(frozen=True, slots=True)
class AgeStatement:
    """A printed median or limit of age in some groups together.

    Parameters
    ----------
    targets : tuple of str
        Ids of the published numbers.
    words : str
        The statement.
    groups : tuple of str
        Groups that are pooled.
    kind : str
        median, minimum or maximum.
    value : int
        Printed age in years.
    """

    targets: tuple[str, ...]
    words: str
    groups: tuple[str, ...]
    kind: str
    value: int


_ALL = tuple(GROUPS)


def age_statements(profile: Profile) -> list[AgeStatement]:
    """Printed ages of a profile."""
    transplanted, others = ("transplanted",), ("not_transplanted",)
    made = [
        AgeStatement(("age_median",), "median age of the 239: 48", _ALL, "median", 48),
        AgeStatement(("age_min",), "youngest of the 239: 18", _ALL, "minimum", 18),
        AgeStatement(("age_max",), "oldest of the 239: 85", _ALL, "maximum", 85),
        AgeStatement(("nonhct_age_median",), "median age of the 142 RR without transplant: 51", others, "median", 51),
        AgeStatement(("nonhct_age_min",), "youngest RR without transplant: 18", others, "minimum", 18),
        AgeStatement(("nonhct_age_max",), "oldest RR without transplant: 85", others, "maximum", 85),
        AgeStatement(("hct_age_min",), "youngest of the transplanted: 18", transplanted, "minimum", 18),
        AgeStatement(("hct_age_max",), "oldest of the transplanted: 72", transplanted, "maximum", 72),
    ]
    if profile == "strict":
        made.append(
            AgeStatement(("hct_age_median",), "median age of the 85 transplanted: 59", transplanted, "median", 59)
        )
    else:
        made.append(AgeStatement((), "median age of the 85 transplanted: 45 (assumed)", transplanted, "median", 45))
    return made


class AgeModel:
    """Integer program of the numbers of patients by group and age."""

    def __init__(self) -> None:
        from ortools.sat.python import cp_model

        self.model = cp_model.CpModel()
        self.numbers = {
            (group, age): self.model.new_int_var(0, size, f"{group}_{age}")
            for group, size in GROUPS.items()
            for age in range(YOUNGEST, OLDEST + 1)
        }
        for group, size in GROUPS.items():
            self.model.add(sum(self.numbers[group, age] for age in range(YOUNGEST, OLDEST + 1)) == size)

    def _below(self, groups: Sequence[str], age: int) -> Any:
        """Count the patients younger than this."""
        return sum(self.numbers[group, a] for group in groups for a in range(YOUNGEST, min(age, OLDEST + 1)))

    def add(self, statement: AgeStatement) -> None:
        """Demand a printed statement."""
        size = sum(GROUPS[group] for group in statement.groups)
        below = self._below(statement.groups, statement.value)
        upto = self._below(statement.groups, statement.value + 1)
        if statement.kind == "minimum":
            self.model.add(below == 0)
            self.model.add(upto >= 1)
        elif statement.kind == "maximum":
            self.model.add(upto == size)
            self.model.add(upto - below >= 1)
        elif size % 2:
            self.model.add(below <= size // 2)
            self.model.add(upto >= size // 2 + 1)
        else:
            self._add_even_median(statement, size // 2)

    def _add_even_median(self, statement: AgeStatement, half: int) -> None:
        """Demand that the two middle ages have the printed mean: they are v - d and v + d for some d."""
        chosen = []
        for distance in range(min(statement.value - YOUNGEST, OLDEST - statement.value) + 1):
            is_chosen = self.model.new_bool_var(f"distance_{distance}")
            lower, upper = statement.value - distance, statement.value + distance
            self.model.add(self._below(statement.groups, lower) <= half - 1).only_enforce_if(is_chosen)
            self.model.add(self._below(statement.groups, lower + 1) >= half).only_enforce_if(is_chosen)
            self.model.add(self._below(statement.groups, upper) <= half).only_enforce_if(is_chosen)
            self.model.add(self._below(statement.groups, upper + 1) >= half + 1).only_enforce_if(is_chosen)
            chosen.append(is_chosen)
        self.model.add_exactly_one(chosen)


def _shape(centre: float, spread: float, oldest: int, size: int) -> NDArray[np.int64]:
    """Hundredths of patients wanted at each age: a bell with ends cut off, in whole patients."""
    ages = np.arange(YOUNGEST, OLDEST + 1)
    weight = np.where(ages <= oldest, np.exp(-(((ages - centre) / spread) ** 2) / 2), 0.0)
    upto = np.rint(size * np.cumsum(weight) / weight.sum())
    wanted: NDArray[np.int64] = (100 * np.diff(upto, prepend=0.0)).astype(np.int64)
    return wanted


def solve_ages(profile: Profile) -> dict[str, NDArray[np.int64]]:
    """Find ages with all the printed medians and ranges, as near to smooth shapes as they allow.

    Returns
    -------
    dict of str to array of int
        Ages of the patients of each group, sorted.
    """
    from ortools.sat.python import cp_model

    made = AgeModel()
    for statement in age_statements(profile):
        made.add(statement)
    # Wide and flat, as the printed ranges suggest; the transplanted of the profile strict are two humps around the gap.
    shapes = {
        "transplanted": _shape(52.0 if profile == "strict" else 44.0, 24.0 if profile == "strict" else 15.0, 72, 85),
        "not_transplanted": _shape(51.0, 20.0, 85, 142),
        "mrd": _shape(42.0, 14.0, 72, 12),
    }
    misses = []
    for (group, age), number in made.numbers.items():
        wanted = int(shapes[group][age - YOUNGEST])
        miss = made.model.new_int_var(0, 100 * GROUPS[group], f"miss_{group}_{age}")
        made.model.add(100 * number - wanted <= miss)
        made.model.add(wanted - 100 * number <= miss)
        # Twice as much for the second patient too many of one age as for the first.
        excess = made.model.new_int_var(0, 100 * GROUPS[group], f"excess_{group}_{age}")
        made.model.add(100 * number - wanted - 150 <= excess)
        misses += [miss, excess, excess]
    made.model.minimize(sum(misses))
    solver = new_solver(limit=10.0)
    status = solver.solve(made.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise AnalysisError(f"the printed ages could not be solved: CP-SAT says {solver.status_name(status)}")
    ages = np.arange(YOUNGEST, OLDEST + 1)
    return {
        group: np.repeat(ages, [solver.value(made.numbers[group, int(age)]) for age in ages]).astype(np.int64)
        for group in GROUPS
    }
