"""Toxicity of blinatumomab with the counts of Table 3 and of the text.

Every patient gets the worst grade of each term. The rows of Table 3 within neurotoxicity and within hepatotoxicity add
up to the patients with any, so that nobody has two of them. A fatal event is grade 5 and counts among those of grade 3
and more. Toxicity is more frequent with a higher burden of disease where the printed counts leave it free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from blinreg.synthetic.calibration.counts import Flags, Numbers, Picker
from blinreg.synthetic.calibration.counts_baseline import Columns, Floats
from blinreg.synthetic.calibration.counts_transplant import days_of
from blinreg.synthetic.courses import TERM_CATEGORY

#: Patients with an event, by term: (severity, with a TKI, without). Severity: mild is grade 1 to 2, severe 3 and more.
#: Table 3 for all, the text for the 29 with a TKI: CRS 10 (none severe), transaminases 7 (1 severe), neurotoxicity 4
#: (1 severe encephalopathy).
_CRS = (("severe", 0, 8), ("mild", 10, 76))
_NEUROTOXICITY = (
    ("stroke", "severe", 0, 1),
    ("stroke", "ungraded", 0, 2),
    ("encephalopathy", "severe", 1, 11),
    ("encephalopathy", "mild", 0, 10),
    ("headache", "severe", 0, 3),
    ("headache", "mild", 3, 21),
    ("seizure", "severe", 0, 1),
    ("seizure", "mild", 0, 2),
)
_HEPATOTOXICITY = (
    ("bilirubin_increase", "severe", 0, 3),
    ("bilirubin_increase", "mild", 1, 16),
    ("transaminase_increase", "severe", 1, 21),
    ("transaminase_increase", "mild", 6, 34),
    ("veno_occlusive_disease", "severe", 0, 1),
    ("veno_occlusive_disease", "mild", 0, 1),
)
#: Not printed; plausible numbers of patients by grade.
_INFECTION = {
    "febrile_neutropenia": {3: 46, 4: 4},
    "infection": {1: 6, 2: 24, 3: 26, 4: 3},
    "sepsis": {4: 6},
}
_PAIN = {1: 8, 2: 5, 3: 1}
#: Patients with so many interruptions of the infusion (Table 3).
_INTERRUPTIONS = {3: 5, 2: 9, 1: 36}
#: Term of the category in which a death of toxicity is counted: its printed row has one severe event for it.
_COUNTED_AS = {"liver_failure": "bilirubin_increase", "stroke": "stroke"}


@dataclass(slots=True)
class _Toxicity:
    """Grades as they are given out."""

    picker: Picker
    tki: Flags
    fatal: Mapping[str, Flags]
    weight: Floats
    evaluable: Mapping[str, Flags]
    grades: dict[str, Numbers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for term in TERM_CATEGORY:
            self.grades[term] = np.zeros(len(self.tki), dtype=np.int64)

    def has(self, category: str) -> Flags:
        """Who has an event of the category."""
        flags = [grade != 0 for term, grade in self.grades.items() if TERM_CATEGORY[term] == category]
        return np.asarray(np.logical_or.reduce(flags))

    def give(self, term: str, severity: str, with_tki: int, without: int, *, but_not: Flags | None = None) -> None:
        """Give patients who have no event of the category this one."""
        free = self.evaluable[TERM_CATEGORY[term]] & ~self.has(TERM_CATEGORY[term])
        if but_not is not None:
            free = free & ~but_not
        # Who died of it has the severe event of its category; nobody else who died of toxicity is severe in it.
        dies = np.zeros(len(self.tki), dtype=np.bool_)
        for death, row in {"crs": "crs", **_COUNTED_AS}.items():
            if row == term and severity == "severe":
                dies = dies | self.fatal[death]
            elif TERM_CATEGORY[row] == TERM_CATEGORY[term]:
                free = free & ~self.fatal[death]
        chosen = dies.copy()
        for group, n in ((self.tki, with_tki), (~self.tki, without - int(dies.sum()))):
            chosen = chosen | self.picker.pick(free & group & ~dies, n, self.weight)
        self.grades[term][chosen] = self._worst(severity, int(chosen.sum()))
        if term in {"crs", "stroke"}:
            self.grades[term][dies] = 5

    def _worst(self, severity: str, n: int) -> Numbers:
        uniform = self.picker.generator.random(n)
        if severity == "ungraded":
            return np.full(n, -1, dtype=np.int64)
        return np.where(uniform < 0.45, 2, 1) if severity == "mild" else np.full(n, 3, dtype=np.int64)

    def spread(self, term: str, numbers: Mapping[int, int], among: Flags) -> None:
        """Give an event whose numbers are not printed."""
        for grade, n in numbers.items():
            chosen = self.picker.pick(among & (self.grades[term] == 0), n, self.weight)
            self.grades[term][chosen] = grade


def _evaluability(frame: pl.DataFrame, picker: Picker, tki: Flags) -> dict[str, Flags]:
    """236, 236 and 238 of 239 could be assessed; the same three patients could not."""
    missing = picker.pick(~tki & ~frame["toxic_death"].to_numpy() & (days_of(frame, "end_day") < 200), 3)
    hepatotoxicity = picker.pick(missing, 1)
    everyone = np.ones(len(tki), dtype=np.bool_)
    return {
        "crs": ~missing,
        "neurotoxicity": ~missing,
        "hepatotoxicity": ~hepatotoxicity,
        "infection": everyone,
        "other": everyone,
    }


def _stops(toxicity: _Toxicity, allowed: Flags) -> dict[str, Flags]:
    """Seventeen stopped for good: neurotoxicity 8, hepatotoxicity 4, CRS 3, infection 3, pain 1; two for two reasons.

    Those who died of toxicity stopped for it. CRS of grade 3 was treated and blinatumomab resumed (text), so that the
    other stops for CRS are of grade 2.
    """
    grades, pick, fatal = toxicity.grades, toxicity.picker.pick, toxicity.fatal
    nobody_fatal = ~np.logical_or.reduce(list(fatal.values())) & allowed
    severe = nobody_fatal & ((grades["encephalopathy"] >= 3) | (grades["seizure"] >= 3))
    both = pick(severe & (grades["crs"] == 2), 1)
    neurotoxicity = fatal["stroke"] | both | pick(severe & ~both, 6)
    hepatotoxicity = fatal["liver_failure"] | pick(
        nobody_fatal & ~neurotoxicity & (grades["transaminase_increase"] >= 3), 3
    )
    taken = neurotoxicity | hepatotoxicity
    crs = fatal["crs"] | both | pick(nobody_fatal & ~taken & (grades["crs"] == 2), 1)
    taken = taken | crs
    pain = nobody_fatal & (grades["pain"] == 3)
    infected = nobody_fatal & ~taken & ((grades["infection"] >= 3) | (grades["sepsis"] >= 3))
    infection = fatal["sepsis"] | pain | pick(infected & ~pain, 1)
    return {
        "neurotoxicity": neurotoxicity,
        "hepatotoxicity": hepatotoxicity,
        "crs": crs,
        "infection": infection,
        "pain": pain,
    }


def _interruptions(frame: pl.DataFrame, toxicity: _Toxicity, stopped: Flags) -> Numbers:
    """Fifty had the infusion interrupted; of grade 3 CRS all who lived."""
    grades, picker = toxicity.grades, toxicity.picker
    worst = np.max(list(grades.values()), axis=0)
    on_treatment = np.minimum.reduce(
        [days_of(frame, name) for name in ("end_day", "transplant_day", "relapse_day", "progression_day")]
    )
    possible = (worst >= 1) & ~stopped & ~frame["toxic_death"].to_numpy() & (on_treatment >= 24)
    held = possible & (grades["crs"] >= 3)
    weight = np.where(worst >= 3, 4.0, np.where(worst == 2, 2.0, 0.7))
    numbers = np.zeros(frame.height, dtype=np.int64)
    cycles = days_of(frame, "n_cycles")
    for n, size in _INTERRUPTIONS.items():
        room = possible & (numbers == 0) & (worst >= min(n, 2))
        if n == 1:
            chosen = held & (numbers == 0)
            numbers[chosen] = 1
            numbers[picker.pick(room & (numbers == 0), size - int(chosen.sum()), weight)] = 1
        else:
            numbers[picker.pick(room & ((cycles >= 2) | (on_treatment >= 29)), size, weight)] = n
    return numbers


def safety_columns(frame: pl.DataFrame, burden: Floats, prior_inotuzumab: Flags, picker: Picker) -> Columns:
    """Grades, treatment of CRS, interruptions and reasons for stopping.

    Parameters
    ----------
    frame : polars.DataFrame
        Skeleton with days and ``fatal_term``.
    burden : array of float
        Latent burden of disease, about standard normal.
    prior_inotuzumab : array of bool
        The two with veno-occlusive disease on blinatumomab had had no inotuzumab (text).
    picker : Picker
        Random choices.
    """
    tki = (frame["tki"].cast(pl.String) != "none").to_numpy()
    fatal_term = frame["fatal_term"].cast(pl.String).to_numpy()
    fatal = {term: np.asarray(fatal_term == term) for term in ("crs", "stroke", "liver_failure", "sepsis")}
    weight = np.exp(0.4 * np.clip(burden, -2.0, 2.0))
    toxicity = _Toxicity(picker, tki, fatal, weight, _evaluability(frame, picker, tki))
    for severity, with_tki, without in _CRS:
        toxicity.give("crs", severity, with_tki, without)
    for term, severity, with_tki, without in (*_NEUROTOXICITY, *_HEPATOTOXICITY):
        is_occlusive = term == "veno_occlusive_disease"
        toxicity.give(term, severity, with_tki, without, but_not=prior_inotuzumab if is_occlusive else None)
    grades = toxicity.grades
    grades["liver_failure"][fatal["liver_failure"]] = 5
    grades["sepsis"][fatal["sepsis"]] = 5
    survives = fatal_term == "none"
    for term, numbers in _INFECTION.items():
        toxicity.spread(term, numbers, survives)
    infected = (grades["infection"] >= 3) | (grades["sepsis"] >= 3)
    toxicity.spread("pain", {3: _PAIN[3]}, survives & infected & (grades["crs"] != 2) & ~toxicity.has("neurotoxicity")
                    & ~toxicity.has("hepatotoxicity"))  # fmt: skip
    toxicity.spread("pain", {grade: n for grade, n in _PAIN.items() if grade < 3}, survives)
    stops = _stops(toxicity, survives)
    stopped = np.logical_or.reduce(list(stops.values()))
    # A stop for neurotoxicity may be for grade 4; elsewhere severe neurotoxicity is of grade 3.
    worse = picker.pick(stops["neurotoxicity"] & (grades["encephalopathy"] == 3), 2)
    grades["encephalopathy"][worse] = 4
    worse = picker.pick(grades["transaminase_increase"] == 3, 5)
    grades["transaminase_increase"][worse] = 4
    severe_crs = grades["crs"] >= 3
    steroid = severe_crs | picker.pick((grades["crs"] > 0) & ~severe_crs, 36, np.where(grades["crs"] == 2, 3.0, 1.0))
    return {
        **{
            f"evaluable_{name}": pl.Series(toxicity.evaluable[name])
            for name in ("crs", "neurotoxicity", "hepatotoxicity")
        },
        **{f"grade_{term}": pl.Series(grade) for term, grade in grades.items()},
        "crs_corticosteroid": pl.Series(steroid),
        "crs_tocilizumab": pl.Series(severe_crs),
        "n_interruptions": pl.Series(_interruptions(frame, toxicity, stopped)),
        **{f"stopped_for_{reason}": pl.Series(flags) for reason, flags in stops.items()},
    }
