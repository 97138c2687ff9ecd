"""The counts of the 239 patients: one row a patient, all that is known but the days.

Kinds of patients come from an integer program (``counts_solver``), are exchanged until the logistic model of response
is the published one (``logistic``), and get ages (``counts_ages``), numbers of lines and cycles, depth of response and
what became of them. The days (``survival``) and all that only counts (``assemble``) follow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.errors import AnalysisError
from blinreg.synthetic.calibration.counts_ages import solve_ages
from blinreg.synthetic.calibration.counts_cells import BLOCKS, FIRST_REMISSIONS, Cells, make_cells
from blinreg.synthetic.calibration.counts_solver import solve_cells
from blinreg.synthetic.calibration.counts_statements import Profile, statements
from blinreg.synthetic.calibration.logistic import match_response_model

Numbers = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Class of the first remission for each length that the cells know.
CR1_CLASS = (
    "primary_refractory",
    "under_1_year",
    "1_to_2_years",
    "1_to_2_years",
    "2_to_3_years",
    "over_3_years",
    "ongoing",
)
#: Annealing runs that are tried, with the seeds 1, 2, ...; the best is kept.
_TRIES = 8
_STEPS = 1_000_000
_SALT = 20200525


def solve_kinds(profile: Profile, on_progress: Callable[[str], None] = lambda _: None) -> tuple[Cells, Numbers, float]:
    """Find the numbers of patients of each kind.

    Returns
    -------
    tuple
        Kinds, numbers of patients and what is left of the loss of the logistic model (0: all as printed).
    """
    cells = make_cells()
    rules = statements(profile)
    start = solve_cells(cells, rules, seed=1)
    best, least = start, np.inf
    for seed in range(1, _TRIES + 1):
        numbers, loss = match_response_model(cells, start, rules, seed=seed, n_steps=_STEPS)
        on_progress(f"logistic model, run {seed}: distance {loss:.4f}")
        if loss < least:
            best, least = numbers, loss
        if least == 0:
            break
    return cells, best, float(least)


class Picker:
    """Choose patients at random, reproducibly."""

    def __init__(self, *salt: int) -> None:
        self.generator = np.random.Generator(np.random.PCG64([_SALT, *salt]))

    def pick(self, among: Flags, n: int, weight: NDArray[np.float64] | None = None) -> Flags:
        """Mark ``n`` of those who are allowed, more often those of larger weight."""
        allowed = np.flatnonzero(among)
        if len(allowed) < n:
            raise AnalysisError(f"{n} patients are wanted, {len(allowed)} can be chosen")
        keys = self.generator.exponential(size=len(among)) / (np.ones(len(among)) if weight is None else weight)
        chosen = np.zeros(len(among), dtype=np.bool_)
        chosen[allowed[np.argsort(keys[allowed], kind="stable")[:n]]] = True
        return chosen

    def deal(self, among: Flags, values: NDArray[np.int64] | list[int], into: Numbers) -> None:
        """Give each of these patients one of the values, in random order."""
        values = np.asarray(values)
        into[among] = self.generator.permutation(values)


def _expand(cells: Cells, numbers: Numbers, picker: Picker) -> dict[str, NDArray[np.int64]]:
    codes = np.repeat(cells.codes, numbers, axis=0)
    codes = codes[np.lexsort((picker.generator.random(len(codes)), codes[:, 0] >= BLOCKS.index("mrd_responder")))]
    names = ("block", "cytogenetics", "therapy", "lines", "cns", "first_remission", "prior_transplant")
    return {name: codes[:, position] for position, name in enumerate(names)}


def _prior_lines(kind: dict[str, Numbers], picker: Picker) -> tuple[Numbers, Flags]:
    """Lines before blinatumomab, at most 5 in the transplanted (6 with blinatumomab) and 7 overall."""
    lines = kind["lines"].copy()
    block = kind["block"]
    many = lines == 3
    transplanted, others, mrd = many & (block == 0), many & (block > 0) & (block < 4), many & (block >= 4)
    n = int(transplanted.sum())
    picker.deal(transplanted, [5] + [4] * ((n - 1) // 3) + [3] * (n - 1 - (n - 1) // 3), lines)
    n = int(others.sum())
    tail = [7, 6, 5, 5, 5] + [4] * ((n - 5) // 3)
    picker.deal(others, tail + [3] * (n - len(tail)), lines)
    n = int(mrd.sum())
    picker.deal(mrd, [4] * (n // 4) + [3] * (n - n // 4), lines)
    # Third salvage or beyond are 62, with three or more lines 61: of one the number of lines is not recorded.
    # He is one of the MRD indication, so that the logistic model has all 227.
    missing = picker.pick(mrd & (lines == 3), 1)
    return lines, ~missing


def _ages(block: Numbers, profile: Profile, picker: Picker) -> Numbers:
    ages = np.zeros(len(block), dtype=np.int64)
    groups = solve_ages(profile)
    picker.deal(block == 0, groups["transplanted"], ages)
    picker.deal((block > 0) & (block < 4), groups["not_transplanted"], ages)
    picker.deal(block >= 4, groups["mrd"], ages)
    return ages


def _depth(block: Numbers, is_ph: Flags, picker: Picker) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Best response and MRD: 109 negative (28 of 41 Ph+), 37 positive, 3 CRi; 8 PR."""
    size = len(block)
    response, mrd = np.full(size, "no_response", dtype=object), np.full(size, "none", dtype=object)
    responders = block < 2
    response[responders], mrd[responders] = "cr", "negative"
    mrd[picker.pick(responders & is_ph, 41 - 28)] = "positive"
    mrd[picker.pick(responders & ~is_ph, 37 - 13)] = "positive"
    cri = picker.pick(responders & ~is_ph & (mrd == "negative"), 3)
    response[cri], mrd[cri] = "cri", "not_assessed"
    nonresponders = block == BLOCKS.index("nonresponder")
    for name, n in (("pr", 8), ("stable", 14), ("progression", 22)):
        response[picker.pick(nonresponders & (response == "no_response"), n)] = name
    response[block == BLOCKS.index("not_evaluable")] = "not_evaluable"
    response[block >= 4] = "cr"
    mrd[block == 4], mrd[block == 5] = "negative", "positive"
    return response, mrd


def _remission(kind: dict[str, Numbers], picker: Picker) -> NDArray[np.object_]:
    """What became of the 64 responders without transplant: 30 relapsed, 3 CAR-T, 2 donor lymphocytes, 29 went on."""
    left = kind["block"] == BLOCKS.index("responder")
    status = np.full(len(left), None, dtype=object)
    # Relapse is more likely with the factors of the published Cox model of relapse-free survival.
    weight = np.where(kind["cns"] == 1, 2.4, 1.0) * np.where(kind["cytogenetics"] == 1, 3.4, 1.0)
    for name, n, among in (
        ("dli", 2, kind["prior_transplant"] == 1),
        ("relapsed", 30, left),
        ("car_t", 3, left),
        ("continuing", 29, left),
    ):
        chosen = picker.pick(left & among, n, weight)
        status[chosen] = name
        left = left & ~chosen
    return status


#: Numbers of cycles in each block, from the largest group of patients that got one to those that got five.
_CYCLES = {
    "transplanted": (24, 44, 13, 4, 0),
    "responder": (14, 22, 14, 8, 6),
    "nonresponder": (46, 23, 4, 1, 0),
    "not_evaluable": (4, 0, 0, 0, 0),
    "mrd_responder": (1, 4, 3, 1, 0),
    "mrd_nonresponder": (2, 1, 0, 0, 0),
}


def _cycles(block: Numbers, toxic_death: Flags, picker: Picker) -> Numbers:
    cycles = np.zeros(len(block), dtype=np.int64)
    for name, numbers in _CYCLES.items():
        among = block == BLOCKS.index(name)
        fatal = among & toxic_death
        cycles[fatal] = 1
        first = numbers[0] - int(fatal.sum())
        picker.deal(among & ~fatal, np.repeat([1, 2, 3, 4, 5], [first, *numbers[1:]]), cycles)
    return cycles


def _toxic_deaths(block: Numbers, tki: Flags, picker: Picker) -> Flags:
    """Four died of toxicity without transplant; nobody with a TKI had CRS of grade 3 or more."""
    first = picker.pick((block == BLOCKS.index("not_evaluable")) & ~tki, 2)
    return first | picker.pick((block == BLOCKS.index("nonresponder")) & ~tki, 2)


def skeleton(profile: Profile, *, on_progress: Callable[[str], None] = lambda _: None) -> pl.DataFrame:
    """All of the 239 patients that decides their place in the survival analyses, without the days.

    Parameters
    ----------
    profile : str
        strict or plausible.
    on_progress : callable, optional
        Is told in a line what has been reached.

    Returns
    -------
    polars.DataFrame
        One row a patient, those with relapsed or refractory disease first.
    """
    cells, numbers, _ = solve_kinds(profile, on_progress)
    picker = Picker(0 if profile == "strict" else 1)
    kind = _expand(cells, numbers, picker)
    block, is_ph, has_tki = kind["block"], kind["cytogenetics"] == 2, kind["therapy"] == 1
    lines, is_recorded = _prior_lines(kind, picker)
    response, mrd = _depth(block, is_ph, picker)
    ponatinib = picker.pick(has_tki, 16)
    toxic_death = _toxic_deaths(block, has_tki, picker)
    remission = kind["first_remission"]
    return pl.DataFrame(
        {
            "number": np.arange(len(block)),
            "is_mrd_indication": block >= 4,
            "block": np.array(BLOCKS, dtype=object)[block].tolist(),
            "is_ph_positive": is_ph,
            "is_kmt2a_rearranged": kind["cytogenetics"] == 1,
            "tki": np.where(ponatinib, "ponatinib", np.where(has_tki, "dasatinib", "none")).tolist(),
            "with_chemotherapy": kind["therapy"] == 2,
            "has_active_cns": kind["therapy"] == 3,
            "cr1_class": [CR1_CLASS[code] for code in remission.tolist()],
            "is_relapse_within_18_months": (remission == 1) | (remission == FIRST_REMISSIONS.index("12_to_18_months")),
            "is_primary_refractory": remission == 0,
            "cns_history": kind["cns"],
            "prior_allo_hct": np.where(kind["prior_transplant"] == 1, "yes", "no").tolist(),
            "n_prior_lines": lines,
            "is_n_prior_lines_recorded": is_recorded,
            "age_years": _ages(block, profile, picker),
            "mrd_result": mrd.tolist(),
            "best_response": response.tolist(),
            "in_remission_status": _remission(kind, picker).tolist(),
            "toxic_death": toxic_death,
            "n_cycles": _cycles(block, toxic_death, picker),
        },
        schema_overrides={"number": pl.Int64, "in_remission_status": pl.String},
    )
