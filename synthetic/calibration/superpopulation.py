"""Find the parameters of the model with which a large population shows the published numbers.

All targets are fitted together. The parameters are moved on the log scale by damped Gauss-Newton steps, the population
is drawn anew with the same random numbers each time, and the distance of each statistic to its target counts in
units of its tolerance. A weak pull, of ratios towards 1 and of all else towards the values it starts from, keeps
those plausible that no target speaks about. The solved values are written back into the parameter file::

    python -m blinreg.synthetic.calibration.superpopulation --out new.toml
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blinreg.synthetic.calibration.superpopulation_measures import Population
from blinreg.synthetic.calibration.superpopulation_targets import SECTIONS
from blinreg.synthetic.courses import Courses
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.streams import Floats
from blinreg.synthetic.studies.loading import read_study, study_text

#: Patients that the Cox models are fitted to while calibrating: their estimates are for guidance.
_REGRESSION_PATIENTS = 8_000
#: Distance on the log scale that counts as much as one tolerance: of ratios from 1, of all else from the start.
_PRIOR_RATIO, _PRIOR = 2.0, 2.5
_STEP, _LONGEST_STEP = 0.04, 0.7
#: From so many tolerances on, a distance counts less than in proportion.
_FAR = 4.0
_SLOPE_PATIENTS = 80_000
#: Below this share of a tolerance a distance counts less and less.
_WITHIN = 0.5

#: Parameters that are solved for, by section of the targets that they answer to. A path names section, key and
#: position in a list or key of an inline table.
OUTCOME = (
    *(
        f"response.{name}"
        for name in (
            "intercept_odds",
            *(f"odds_ratio.{term}" for term in ("tki", "two_lines", "three_or_more_lines", "extramedullary")),
            *(f"odds_ratio.{term}" for term in ("kmt2a", "ph_positive", "primary_refractory", "cr1_under_18_months")),
            "mrd_negative",
            "mrd_negative_if_ph_positive",
        )
    ),
    *(f"hazard.relapse.per_day.{i}" for i in range(1, 9)),
    *(
        f"hazard.relapse.hazard_ratio.{term}"
        for term in ("kmt2a", "cns_history", "ph_positive", "tki", "cr1_under_1_year", "primary_refractory")
    ),
    *(f"hazard.relapse.hazard_ratio.{term}" for term in ("mrd_indication", "transplanted")),
    *(f"hazard.transplant.per_day.{i}" for i in range(1, 5)),
    *(
        f"hazard.transplant.hazard_ratio.{term}"
        for term in (
            "prior_allo_hct",
            "age_per_decade",
            "ph_positive",
            "tki",
            "kmt2a",
            "primary_refractory",
            "two_or_more_lines",
        )
    ),
    *(f"hazard.transplant_mortality.per_day.{i}" for i in range(1, 4)),
    *(f"hazard.transplant_mortality.hazard_ratio.{term}" for term in ("ph_positive", "tki")),
    *(f"hazard.death_after_relapse.per_day.{i}" for i in range(4)),
    *(
        f"hazard.death_after_relapse.hazard_ratio.{term}"
        for term in (
            "ph_positive",
            "tki",
            "cr1_under_1_year",
            "kmt2a",
            "primary_refractory",
            "transplanted",
            "cns_history",
            "mrd_indication",
        )
    ),
    *(f"hazard.death_without_response.per_day.{i}" for i in range(1, 6)),
    *(
        f"hazard.death_without_response.hazard_ratio.{term}"
        for term in ("ph_positive", "tki", "cr1_under_1_year", "kmt2a", "primary_refractory")
    ),
    "baseline.prior_allo_hct_one_line",
    "baseline.prior_allo_hct_more_lines",
    "treatment.car_t_in_remission",
    "treatment.dli_in_remission",
    "transplant.acute_gvhd",
    "transplant.chronic_gvhd",
    "accrual.rr.5",
    "accrual.mrd_indication.5",
)
TOXICITY = (
    "safety.fatal.odds",
    *(f"safety.{name}" for name in ("interrupted_if_severe", "interrupted_if_grade_2", "interrupted_again")),
    "safety.crs_corticosteroid_if_mild",
    "safety.crs_tocilizumab_if_mild",
    *(f"safety.category.{name}.odds" for name in ("crs", "neurotoxicity", "hepatotoxicity")),
    *(f"safety.category.{name}.tki" for name in ("crs", "neurotoxicity", "hepatotoxicity")),
    "safety.category.crs.severe.crs",
    "safety.category.neurotoxicity.severe.encephalopathy",
    "safety.category.hepatotoxicity.severe.transaminase_increase",
    "safety.category.neurotoxicity.severe_if_tki",
    *(f"safety.category.{name}.stop" for name in ("crs", "neurotoxicity", "hepatotoxicity", "infection", "pain")),
    "baseline.prior_inotuzumab",
)
BLOCKS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "outcome": (OUTCOME, ("Response", "Transplant", "Time to event", "Regression")),
    "toxicity": (TOXICITY, ("Baseline", "Toxicity")),
}

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.]*\s*=)")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the number of a parameter stands in the text of the file."""

    first: int
    last: int


def _line(text: str, section: str, key: str) -> tuple[int, str]:
    header = text.index(f"\n[{section}]") if section else 0
    found = re.compile(rf"^{re.escape(key)} = (.*)$", re.MULTILINE).search(text, header)
    if found is None:
        raise ValueError(f"no parameter {section}.{key}")
    return found.start(1), found.group(1).split("#")[0]


def locate(text: str, path: str) -> _Place:
    r"""Find the number of a parameter in the text of a parameter file.

    Examples
    --------
    >>> text = "\n[hazard.relapse]\nper_day = [0.0, 0.5]  # solved\nhazard_ratio = { tki = 2.0 }\n"
    >>> places = [locate(text, f"hazard.relapse.{name}") for name in ("per_day.1", "hazard_ratio.tki")]
    >>> [text[place.first : place.last] for place in places]
    ['0.5', '2.0']
    """
    parts = path.split(".")
    for n in range(len(parts) - 1, 0, -1):
        section, rest = ".".join(parts[:n]), parts[n:]
        if f"\n[{section}]" in text and len(rest) <= 2:
            start, value = _line(text, section, rest[0])
            break
    else:
        raise ValueError(f"no section for {path}")
    if len(rest) == 2 and not rest[1].isdigit():
        found = re.search(rf"\b{re.escape(rest[1])} = (-?[\d.e-]+)", value)
        if found is None:
            raise ValueError(f"no parameter {path}")
        return _Place(start + found.start(1), start + found.end(1))
    numbers = list(_NUMBER.finditer(value))
    number = numbers[int(rest[1]) if len(rest) == 2 else 0]
    return _Place(start + number.start(), start + number.end())


def write_values(text: str, values: Mapping[str, float]) -> str:
    """Put values into the text of a parameter file, to four significant digits."""
    places = {path: locate(text, path) for path in values}
    for path in sorted(values, key=lambda path: -places[path].first):
        place = places[path]
        text = text[: place.first] + f"{values[path]:.4g}" + text[place.last :]
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """A block of parameters and the targets that it answers to."""

    text: str
    paths: tuple[str, ...]
    sections: tuple[str, ...]
    n_patients: int
    seed: int

    def start(self) -> Floats:
        """Parameters of the file, on the log scale."""
        places = [locate(self.text, path) for path in self.paths]
        return np.log([float(self.text[place.first : place.last]) for place in places])

    def values(self, x: Floats) -> dict[str, float]:
        """Parameters by path."""
        return {path: float(np.exp(value)) for path, value in zip(self.paths, x, strict=True)}

    def misses(self, x: Floats, *, n_patients: int | None = None) -> Floats:
        """Distances to all targets outside conflicts, in units of their tolerances; from fewer patients if asked."""
        study = read_study(write_values(self.text, self.values(x)))
        courses, _ = draw_courses(study, self.seed, np.arange(n_patients or self.n_patients))
        population = Population(courses)
        few = Population(Courses(courses.frame.head(_REGRESSION_PATIENTS)))
        misses = np.array(
            [
                target.guide(few if section == "Regression" else population)
                for section in self.sections
                for target in SECTIONS[section]
                if not target.conflict
            ]
        )
        # Far away the direction matters more than the distance, and within the tolerance little is asked for.
        near = _FAR * np.arcsinh(misses / _FAR)
        return np.asarray(near * np.sqrt(_WITHIN**2 + near**2), dtype=np.float64)


def solve(problem: Problem, *, n_iterations: int, on_progress: Callable[[str], None]) -> Floats:
    """Move the parameters until the targets are met as nearly as possible.

    Parameters
    ----------
    problem : Problem
        Parameters and targets.
    n_iterations : int
        Times that the slopes are computed, for which one population is drawn for each parameter. In between the
        slopes are brought up to date by Broyden's formula, as long as the steps help.
    on_progress : callable
        Told the sum of squares and the worst distance after each step.

    Returns
    -------
    array of float
        Parameters on the log scale.
    """
    start = problem.start()
    is_ratio = np.array(["_ratio." in path for path in problem.paths])
    prior, centre = np.where(is_ratio, _PRIOR_RATIO, _PRIOR), np.where(is_ratio, 0.0, start)

    def residuals(at: Floats) -> Floats:
        return np.concatenate([problem.misses(at), (at - centre) / prior])

    def slopes_at(at: Floats) -> list[Floats]:
        # The same random numbers on both sides: slopes need fewer patients than distances.
        few = min(_SLOPE_PATIENTS, problem.n_patients)
        here = problem.misses(at, n_patients=few)
        units = np.eye(len(at))
        moved = [problem.misses(at + _STEP * unit, n_patients=few) - here for unit in units]
        return [np.concatenate([by, _STEP * unit / prior]) / _STEP for by, unit in zip(moved, units, strict=True)]

    x, now = start.copy(), residuals(start)
    for iteration in range(n_iterations):
        slopes = slopes_at(x)
        x, now, is_better = _descend(residuals, x, now, np.stack(slopes, axis=1))
        worst = np.abs(now[: len(now) - len(x)]).max()
        on_progress(f"{iteration + 1}: sum of squares {now @ now:.2f}, worst distance {worst:.2f}")
        if not is_better:
            break
    return x


def _descend(
    residuals: Callable[[Floats], Floats], x: Floats, now: Floats, jacobian: Floats
) -> tuple[Floats, Floats, bool]:
    """Take damped Gauss-Newton steps from known slopes while they help; tells whether any did."""
    damping, first, n_failed = 0.02, now @ now, 0
    while n_failed < 4:
        square, slope = jacobian.T @ jacobian, jacobian.T @ now
        step = -np.linalg.solve(square + damping * np.diag(np.diag(square) + 1.0), slope)
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        then = residuals(x + step)
        jacobian = jacobian + np.outer(then - now - jacobian @ step, step) / (step @ step)
        if then @ then < 0.995 * (now @ now):
            x, now, damping, n_failed = x + step, then, damping / 3, 0
        else:
            damping, n_failed = damping * 8, n_failed + 1
    return x, now, bool(now @ now < 0.99 * first)


def early_deaths(text: str, *, n_patients: int, seed: int) -> float:
    """Measure the share of patients who die early, which the model of missing values has to know."""
    study = read_study(text)
    courses, _ = draw_courses(study, seed, np.arange(n_patients))
    early = courses.flag("is_dead") & (courses.whole("end_day") <= study.missing.early_death_days)
    return float(early.mean())


def main(arguments: Sequence[str]) -> int:
    """Solve the blocks in turn and write the parameter file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="realworld-2020")
    parser.add_argument("--patients", type=int, default=400_000)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--block", choices=sorted(BLOCKS), action="append")
    parser.add_argument("--start", type=Path, help="parameter file to start from (default: that of the study)")
    parser.add_argument("--out", type=Path, required=True, help="parameter file to write")
    given: Any = parser.parse_args(arguments)
    text = given.start.read_text(encoding="utf-8") if given.start else study_text(given.study)
    tomllib.loads(text)
    for name in given.block or BLOCKS:
        paths, sections = BLOCKS[name]
        problem = Problem(text, paths, sections, given.patients, given.seed)
        x = solve(problem, n_iterations=given.iterations, on_progress=lambda line: print(line, flush=True))
        text = write_values(text, problem.values(x))
        share = early_deaths(text, n_patients=given.patients, seed=given.seed)
        text = write_values(text, {"missing.early_death_share": share})
        given.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
