"""What property tests share: random courses of synthetic patients, edge cases more often than in life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.synthetic.courses import (
    CR1_DAYS,
    DAYS_BEFORE_TRANSPLANT,
    IMPOSSIBLE,
    NULLABLE,
    SCHEMA,
    Courses,
    impossible_orders,
)
from blinreg.synthetic.courses import TERM_CATEGORY as COURSE_TERMS

SoundCourses = Callable[..., Courses]

CATEGORIES = ("neurotoxicity", "hepatotoxicity", "crs", "infection", "pain")
#: A day that never comes, large enough to add to.
NONE = 1 << 40


class Maker:
    """Draws columns of courses; a day that is ``NONE`` or more is null."""

    def __init__(self, seed: int, n: int) -> None:
        self.random = np.random.default_rng(seed)
        self.n = n
        self.columns: dict[str, Any] = {}

    def chance(self, share: float) -> np.ndarray:
        return self.random.random(self.n) < share

    def one_of(self, *values: Any) -> np.ndarray:
        return np.array(values, dtype=object)[self.random.integers(0, len(values), self.n)]

    def between(self, first: Any, last: Any, *, when: np.ndarray | bool = True) -> np.ndarray:
        """Days of a range, its two ends more often than others; none where the range is empty."""
        first, last = np.broadcast_to(first, self.n), np.broadcast_to(last, self.n)
        drawn = first + (self.random.random(self.n) ** 2 * (np.maximum(last - first, 0) + 1)).astype(np.int64)
        edge = self.random.random(self.n)
        drawn = np.where(edge < 0.15, first, np.where(edge > 0.9, last, drawn))
        return np.where(when & (first <= last), drawn, NONE)


def candidates(seed: int, n: int) -> pl.DataFrame:
    """Courses drawn without much care: some of them cannot be."""
    make = Maker(seed, n)
    column = make.columns
    column["number"] = np.arange(n)
    is_mrd = column["is_mrd_indication"] = make.chance(0.25)
    end = np.where(make.chance(0.35), make.between(3, 70), make.between(40, 1600))
    is_dead = column["is_dead"] = make.chance(0.55)
    column["end_day"] = end
    _who(make, is_mrd)
    _disease(make, is_mrd, end, end - is_dead)
    _treatment(make, is_mrd)
    _toxicity(make, is_dead)
    data = {}
    for name, kind in SCHEMA.items():
        values = pl.Series(name, list(column[name]), strict=False)
        if name in NULLABLE and kind == pl.Int64():
            values = pl.select(pl.when(values < NONE).then(values)).to_series()
        data[name] = values.cast(kind)
    return pl.DataFrame(data)


def _who(make: Maker, is_mrd: np.ndarray) -> None:
    column, chance = make.columns, make.chance
    column["age_years"] = make.between(18, 85)
    for name in ("is_female", "has_cns_at_diagnosis", "has_cns_at_relapse", "has_prior_inotuzumab"):
        column[name] = chance(0.4)
    for name in ("with_chemotherapy", "with_rituximab", "is_n_prior_lines_recorded", "has_marrow_disease"):
        column[name] = chance(0.7)
    column["has_extramedullary"] = chance(0.5)
    column["has_active_cns"] = chance(0.2)
    column["with_intrathecal"] = column["has_active_cns"] | chance(0.1)
    column["karnofsky_percent"] = make.one_of(NONE, 50, 70, 80, 100)
    column["wbc_1e9_per_l"] = make.one_of(None, 0.01, 4.2, 205.0)
    column["blood_blast_percent"] = make.one_of(None, 0.0, 0.2, 97.0)
    genetics = make.one_of("ph", "kmt2a", "none")
    is_ph = column["is_ph_positive"] = genetics == "ph"
    column["is_kmt2a_rearranged"] = genetics == "kmt2a"
    column["cytogenetic_abnormality"] = np.where(genetics != "none", "yes", make.one_of("yes", "no", "unknown"))
    column["tki"] = np.where(is_ph, make.one_of("none", "ponatinib", "dasatinib"), "none")
    column["n_prior_lines"] = make.one_of(1, 1, 2, 3, 7)
    cr1_class = np.where(chance(0.15) & is_mrd, "ongoing", make.one_of("primary_refractory", *CR1_DAYS))
    column["cr1_class"] = cr1_class
    spans = [CR1_DAYS.get(name, (NONE, NONE)) for name in cr1_class]
    column["cr1_days"] = make.between(np.array([s[0] for s in spans]), np.array([s[1] for s in spans]))
    column["prior_allo_hct"] = make.one_of("yes", "no", "unknown")
    column["dosing"] = np.where(is_mrd, "mrd", make.one_of("standard", "reduced"))


def _disease(make: Maker, is_mrd: np.ndarray, end: np.ndarray, alive: np.ndarray) -> None:
    column, chance, between = make.columns, make.chance, make.between
    can_respond = end > 14
    remits = np.where(is_mrd, True, chance(0.6) & can_respond)
    column["best_response"] = np.where(
        remits,
        make.one_of("cr", "cr", "cri"),
        make.one_of("pr", "stable", "no_response", "progression", "not_evaluable"),
    )
    mrd = make.one_of("negative", "positive", "not_assessed")
    mrd = np.where(is_mrd & (mrd == "negative") & ~can_respond, "positive", mrd)
    column["mrd_result"] = np.where(remits, mrd, "none")
    responds = remits & (~is_mrd | (mrd == "negative"))
    response = column["response_day"] = between(14, np.minimum(end - 1, 130), when=responds)
    start = np.where(responds, response, 2)
    relapse = column["relapse_day"] = between(start + 1, alive, when=remits & chance(0.5))
    progression = column["progression_day"] = between(7, end, when=~remits & chance(0.6))
    column["molecular_relapse_day"] = between(response + 1, np.minimum(end, relapse - 1), when=responds & chance(0.3))
    transplant = column["transplant_day"] = between(response + 1, end - 1, when=responds & chance(0.6))
    has_transplant = transplant < NONE
    column["second_transplant_day"] = between(transplant + 30, end - 1, when=has_transplant & chance(0.4))
    donors = make.one_of("matched_related", "matched_unrelated", "haploidentical", "cord_blood")
    column["donor"] = np.where(has_transplant, donors, "none")
    column["acute_gvhd_day"] = between(
        transplant + 1, np.minimum(transplant + 100, end), when=has_transplant & chance(0.6)
    )
    column["chronic_gvhd_day"] = between(transplant + 101, end, when=has_transplant & chance(0.6))
    for name in ("acute", "chronic"):
        known = (column[f"{name}_gvhd_day"] < NONE) & chance(0.8)
        column[f"{name}_gvhd_grade"] = np.where(known, make.one_of(1, 2, 3), NONE)
    for name in ("veno_occlusive_disease", "infection"):
        column[f"transplant_{name}_day"] = between(transplant + 1, end, when=has_transplant & chance(0.5))
    until = np.minimum(relapse, end) - 1
    column["car_t_day"] = between(response + 1, until, when=responds & chance(0.1))
    had = has_transplant | (column["prior_allo_hct"] == "yes")
    column["dli_day"] = between(response + 1, until, when=responds & had & chance(0.2))
    limit = np.minimum(np.minimum(end, transplant - DAYS_BEFORE_TRANSPLANT), np.minimum(relapse, progression))
    column["n_cycles"] = between(1, np.clip((limit - 3) // 42 + 1, 1, 5))
    living = make.one_of("cutoff", "lost", "withdrew")
    column["end_reason"] = np.where(column["is_dead"], "death", living)


def _treatment(make: Maker, is_mrd: np.ndarray) -> None:
    column = make.columns
    column["n_interruptions"] = make.one_of(0, 0, 1, 2, 3)
    for category in ("crs", "neurotoxicity", "hepatotoxicity"):
        column[f"evaluable_{category}"] = make.chance(0.9)


def _toxicity(make: Maker, is_dead: np.ndarray) -> None:
    column = make.columns
    fatal = np.where(is_dead & make.chance(0.2), make.one_of("crs", "liver_failure", "stroke", "sepsis"), "none")
    column["fatal_term"] = fatal
    causes = make.one_of("disease", "infection", "other", "unknown", "transplant_related")
    column["cause_of_death"] = np.where(fatal != "none", "blinatumomab_toxicity", np.where(is_dead, causes, "none"))
    for term in COURSE_TERMS:
        grade = np.where(make.chance(0.25), make.one_of(-1, 1, 2, 3, 4), 0)
        column[f"grade_{term}"] = np.where(fatal == term, make.one_of(5, 5, 4, -1), grade)
    for category in CATEGORIES:
        terms = [term for term in COURSE_TERMS if TERM_CATEGORY[term] == category]
        has_event = np.any([column[f"grade_{term}"] != 0 for term in terms], axis=0)
        column[f"stopped_for_{category}"] = has_event & make.chance(0.2)
    for name in ("crs_corticosteroid", "crs_tocilizumab"):
        column[name] = (column["grade_crs"] != 0) & make.chance(0.5)


def draw_sound_courses(seed: int, n: int = 900) -> Courses:
    """Those of n candidates that can be."""
    is_bad = pl.any_horizontal(rule.fill_null(value=False) for rule in IMPOSSIBLE.values())
    made = Courses(candidates(seed, n).filter(~is_bad))
    assert impossible_orders(made) == {}
    assert len(made) > 0.5 * n
    return made


@pytest.fixture(scope="session")
def sound_courses() -> SoundCourses:
    """Draw sound courses: ``sound_courses(seed, n)`` are those of n candidates that can be."""
    return draw_sound_courses
