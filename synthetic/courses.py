"""The course of patients: everything about them that decides what is recorded, one row a patient.

This is where the two ways of making a cohort meet. The multi-state model (``synthetic.model``) draws courses for
any number of patients; the calibration finds the one set of 239 whose statistics are the published ones. From the
courses the records (``synthetic.records``) are written the same way, whichever way it was made: dates, visits,
laboratory values and all that no publication prints.

Days are whole days from the first dose of blinatumomab (day 0). What never happens has no day (null).
A course is what was observed: nothing in it lies after ``end_day``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

#: A day that never comes, where arrays have to hold one: larger than every day, and small enough to add to.
NEVER = 1 << 30

_CR1_CLASSES = ("primary_refractory", "under_1_year", "1_to_2_years", "2_to_3_years", "over_3_years", "ongoing")

#: Columns of a course with their types; an ``Enum`` lists the codes. Nullable are those of ``NULLABLE`` only.
SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "number": pl.Int64(),  # number of the patient, from 0
        # The patient at the first dose.
        "is_mrd_indication": pl.Boolean(),
        "age_years": pl.Int64(),
        "is_female": pl.Boolean(),
        "karnofsky_percent": pl.Int64(),  # null: not recorded
        "wbc_1e9_per_l": pl.Float64(),  # null: not recorded; two decimals
        "blood_blast_percent": pl.Float64(),  # null: not recorded; one decimal
        "is_ph_positive": pl.Boolean(),
        "is_kmt2a_rearranged": pl.Boolean(),
        "cytogenetic_abnormality": pl.Enum(["yes", "no", "unknown"]),  # yes where Ph or KMT2A
        "has_cns_at_diagnosis": pl.Boolean(),
        "has_cns_at_relapse": pl.Boolean(),  # at a relapse or failure before the first dose
        "has_active_cns": pl.Boolean(),  # at the first dose
        "has_extramedullary": pl.Boolean(),
        "has_marrow_disease": pl.Boolean(),
        "n_prior_lines": pl.Int64(),
        "is_n_prior_lines_recorded": pl.Boolean(),
        "cr1_class": pl.Enum(_CR1_CLASSES),  # length of the first remission
        "cr1_days": pl.Int64(),  # null: no first remission, or it goes on
        "prior_allo_hct": pl.Enum(["yes", "no", "unknown"]),  # unknown: not recorded, and there was none
        "has_prior_inotuzumab": pl.Boolean(),
        # Treatment.
        "dosing": pl.Enum(["standard", "reduced", "mrd"]),
        "n_cycles": pl.Int64(),
        "tki": pl.Enum(["none", "ponatinib", "dasatinib"]),
        "with_chemotherapy": pl.Boolean(),  # systemic
        "with_rituximab": pl.Boolean(),
        "with_intrathecal": pl.Boolean(),
        # Response. For the MRD indication best_response is cr, and mrd_result says whether the MRD became negative.
        "best_response": pl.Enum(["cr", "cri", "pr", "stable", "no_response", "progression", "not_evaluable"]),
        "mrd_result": pl.Enum(["negative", "positive", "not_assessed", "none"]),  # none: no response to look at
        "response_day": pl.Int64(),  # of the first CR or CRi (MRD indication: first MRD negativity); else null
        # What happened, in days from the first dose.
        "progression_day": pl.Int64(),  # without response
        "molecular_relapse_day": pl.Int64(),
        "relapse_day": pl.Int64(),
        "transplant_day": pl.Int64(),  # first allogeneic transplant after the first dose, also after relapse
        "second_transplant_day": pl.Int64(),
        "car_t_day": pl.Int64(),  # in remission, without transplant
        "dli_day": pl.Int64(),
        "end_day": pl.Int64(),  # death or last contact
        "is_dead": pl.Boolean(),
        "end_reason": pl.Enum(["death", "cutoff", "lost", "withdrew"]),
        "cause_of_death": pl.Enum(
            ["none", "disease", "transplant_related", "blinatumomab_toxicity", "infection", "other", "unknown"]
        ),
        "fatal_term": pl.Enum(["none", "crs", "liver_failure", "stroke", "sepsis"]),  # of a death from toxicity
        # The transplant of transplant_day.
        "donor": pl.Enum(["none", "matched_related", "matched_unrelated", "haploidentical", "cord_blood"]),
        "acute_gvhd_day": pl.Int64(),
        "acute_gvhd_grade": pl.Int64(),
        "chronic_gvhd_day": pl.Int64(),
        "chronic_gvhd_grade": pl.Int64(),
        "transplant_veno_occlusive_disease_day": pl.Int64(),
        "transplant_infection_day": pl.Int64(),
        # Toxicity on treatment. Maximum grade of each term: 0 none, 1 to 5, -1 an event without a grade.
        "evaluable_crs": pl.Boolean(),
        "evaluable_neurotoxicity": pl.Boolean(),
        "evaluable_hepatotoxicity": pl.Boolean(),
        "grade_crs": pl.Int64(),
        "grade_encephalopathy": pl.Int64(),
        "grade_headache": pl.Int64(),
        "grade_seizure": pl.Int64(),
        "grade_stroke": pl.Int64(),
        "grade_transaminase_increase": pl.Int64(),
        "grade_bilirubin_increase": pl.Int64(),
        "grade_veno_occlusive_disease": pl.Int64(),
        "grade_liver_failure": pl.Int64(),
        "grade_febrile_neutropenia": pl.Int64(),
        "grade_infection": pl.Int64(),
        "grade_sepsis": pl.Int64(),
        "grade_pain": pl.Int64(),
        "crs_corticosteroid": pl.Boolean(),
        "crs_tocilizumab": pl.Boolean(),
        "n_interruptions": pl.Int64(),  # 0 to 3
        # Adverse events that ended blinatumomab for good; a patient may have two reasons.
        "stopped_for_neurotoxicity": pl.Boolean(),
        "stopped_for_hepatotoxicity": pl.Boolean(),
        "stopped_for_crs": pl.Boolean(),
        "stopped_for_infection": pl.Boolean(),
        "stopped_for_pain": pl.Boolean(),
    }
)

NULLABLE = frozenset(
    {"karnofsky_percent", "wbc_1e9_per_l", "blood_blast_percent", "cr1_days", "response_day", "progression_day"}
    | {"molecular_relapse_day", "relapse_day", "transplant_day", "second_transplant_day", "car_t_day", "dli_day"}
    | {"acute_gvhd_day", "acute_gvhd_grade", "chronic_gvhd_day", "chronic_gvhd_grade"}
    | {"transplant_veno_occlusive_disease_day", "transplant_infection_day"}
)

#: Terms graded in a course, by category of the published toxicity table ("" where it prints none).
TERM_CATEGORY: Mapping[str, str] = MappingProxyType(
    {
        "crs": "crs",
        "encephalopathy": "neurotoxicity",
        "headache": "neurotoxicity",
        "seizure": "neurotoxicity",
        "stroke": "neurotoxicity",
        "transaminase_increase": "hepatotoxicity",
        "bilirubin_increase": "hepatotoxicity",
        "veno_occlusive_disease": "hepatotoxicity",
        "liver_failure": "hepatotoxicity",
        "febrile_neutropenia": "infection",
        "infection": "infection",
        "sepsis": "infection",
        "pain": "other",
    }
)

#: Length of the first remission in each class, in days: shortest and longest.
CR1_DAYS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "under_1_year": (40, 364),
        "1_to_2_years": (366, 729),
        "2_to_3_years": (731, 1095),
        "over_3_years": (1096, 2600),
    }
)

#: The infusion lasts four weeks and a cycle begins six weeks after the last one began, at the earliest.
INFUSION_DAYS, CYCLE_DAYS = 28, 42
#: Days between the last day of an infusion and a transplant.
DAYS_BEFORE_TRANSPLANT = 5
#: Acute graft-versus-host disease begins within, chronic after so many days of the transplant (printed definition).
GVHD_DIVIDE_DAYS = 100


@dataclass(frozen=True, slots=True)
class Courses:
    """Courses of patients.

    Parameters
    ----------
    frame : polars.DataFrame
        One row a patient with the columns and types of ``SCHEMA``.
    """

    frame: pl.DataFrame

    def __post_init__(self) -> None:
        if dict(self.frame.schema) != dict(SCHEMA):
            wrong = [name for name, kind in SCHEMA.items() if self.frame.schema.get(name) != kind]
            extra = [name for name in self.frame.columns if name not in SCHEMA]
            raise ValueError(f"a course has other columns: missing or of another type {wrong}, unknown {extra}")

    def __len__(self) -> int:
        """Return the number of patients."""
        return self.frame.height

    @property
    def numbers(self) -> NDArray[np.int64]:
        """Numbers of the patients."""
        return self.frame["number"].to_numpy()

    def day(self, name: str) -> NDArray[np.int64]:
        """Days of a column; ``NEVER`` where it did not happen."""
        return np.asarray(self.frame[name].fill_null(NEVER).to_numpy(), dtype=np.int64)

    def whole(self, name: str) -> NDArray[np.int64]:
        """Whole numbers of a column without missing values."""
        return np.asarray(self.frame[name].to_numpy(), dtype=np.int64)

    def flag(self, name: str) -> NDArray[np.bool_]:
        """Yes or no, of a column without missing values."""
        return np.asarray(self.frame[name].to_numpy(), dtype=np.bool_)

    def code(self, name: str) -> NDArray[np.int64]:
        """Positions of the codes in the column's list of codes."""
        return np.asarray(self.frame[name].to_physical().to_numpy(), dtype=np.int64)

    def is_code(self, name: str, *codes: str) -> NDArray[np.bool_]:
        """Whether the column has one of these codes."""
        return np.asarray(self.frame[name].is_in(list(codes)).to_numpy(), dtype=np.bool_)


#: Adverse events up to 30 days after an infusion count as on treatment. The last infusion can end after 6 days, so
#: that an event after transplant can come after that time only if it is later than this in the last cycle.
_SOONEST_AFTER_CYCLE_DAYS = 36


def _grades(category: str) -> list[str]:
    """Name the columns of the grades of a category; pain is one of its own."""
    return [f"grade_{term}" for term, its in TERM_CATEGORY.items() if category in {its, term}]


#: Orders of events that cannot be, each true for a patient who has it: nothing happens after the end of
#: observation, a relapse needs a remission, and so on. Comparisons with a day that never comes are null: not true.
IMPOSSIBLE: Mapping[str, pl.Expr] = MappingProxyType(
    {
        "end before or on the first dose": pl.col("end_day") < 1,
        "response before two weeks or not before the end": ~pl.col("response_day").is_between(
            14, pl.col("end_day") - 1
        ),
        "response day without response": pl.col("response_day").is_not_null()
        & ~(pl.col("best_response").is_in(["cr", "cri"])),
        "response of relapsed or refractory disease without a day": pl.col("response_day").is_null()
        & pl.col("best_response").is_in(["cr", "cri"])
        & ~pl.col("is_mrd_indication"),
        "MRD response without MRD negativity": pl.col("is_mrd_indication")
        & (pl.col("response_day").is_not_null() != (pl.col("mrd_result") == "negative")),
        "relapse without remission": pl.col("relapse_day").is_not_null()
        & ~pl.col("best_response").is_in(["cr", "cri"]),
        "relapse not after response": pl.col("relapse_day") <= pl.col("response_day"),
        "relapse after the end": pl.col("relapse_day") > pl.col("end_day"),
        "relapse on the day of death": pl.col("is_dead") & (pl.col("relapse_day") == pl.col("end_day")),
        "progression in a responder": pl.col("progression_day").is_not_null() & pl.col("response_day").is_not_null(),
        "progression before day 7 or after the end": ~pl.col("progression_day").is_between(7, pl.col("end_day")),
        "molecular relapse not between response and relapse": (
            (pl.col("molecular_relapse_day") <= pl.col("response_day"))
            | (pl.col("molecular_relapse_day") >= pl.col("relapse_day"))
            | (pl.col("molecular_relapse_day") > pl.col("end_day"))
        ),
        "transplant not after response": pl.col("transplant_day") <= pl.col("response_day"),
        "transplant without response": pl.col("transplant_day").is_not_null() & pl.col("response_day").is_null(),
        "transplant not before the end": pl.col("transplant_day") >= pl.col("end_day"),
        "transplant on the day of relapse": pl.col("transplant_day") == pl.col("relapse_day"),
        "second transplant not after the first": ~pl.col("second_transplant_day").is_between(
            pl.col("transplant_day") + 30, pl.col("end_day") - 1
        ),
        "transplant and donor do not fit": pl.col("transplant_day").is_null() != (pl.col("donor") == "none"),
        "CAR-T or donor lymphocytes outside remission": (
            (pl.min_horizontal("car_t_day", "dli_day") <= pl.col("response_day"))
            | (pl.max_horizontal("car_t_day", "dli_day") >= pl.col("relapse_day"))
            | (pl.max_horizontal("car_t_day", "dli_day") >= pl.col("end_day"))
        ),
        "donor lymphocytes without an earlier transplant": pl.col("dli_day").is_not_null()
        & (pl.col("prior_allo_hct") != "yes")
        & pl.col("transplant_day").is_null(),
        "acute GVHD outside its 100 days or after the end": ~(
            pl.col("acute_gvhd_day") - pl.col("transplant_day")
        ).is_between(1, pl.min_horizontal(pl.lit(GVHD_DIVIDE_DAYS), pl.col("end_day") - pl.col("transplant_day"))),
        "chronic GVHD within 100 days or after the end": (
            (pl.col("chronic_gvhd_day") - pl.col("transplant_day") <= GVHD_DIVIDE_DAYS)
            | (pl.col("chronic_gvhd_day") > pl.col("end_day"))
        ),
        "event after transplant before it or after the end": (
            (
                pl.min_horizontal("transplant_veno_occlusive_disease_day", "transplant_infection_day")
                <= pl.col("transplant_day")
            )
            | (
                pl.max_horizontal("transplant_veno_occlusive_disease_day", "transplant_infection_day")
                > pl.col("end_day")
            )
        ),
        "vital status and end do not fit": (pl.col("is_dead") != (pl.col("end_reason") == "death"))
        | (pl.col("is_dead") != (pl.col("cause_of_death") != "none")),
        "transplant-related death without transplant or after relapse": (
            pl.col("cause_of_death") == "transplant_related"
        )
        & (pl.col("transplant_day").is_null() | (pl.col("relapse_day") > pl.col("transplant_day")).fill_null(False)),
        "toxic death and its term do not fit": (pl.col("cause_of_death") == "blinatumomab_toxicity")
        != (pl.col("fatal_term") != "none"),
        "cycles do not fit before the end of treatment": (pl.col("n_cycles") - 1) * CYCLE_DAYS + 3
        > pl.min_horizontal(
            pl.col("end_day"),
            pl.col("transplant_day") - DAYS_BEFORE_TRANSPLANT,
            "relapse_day",
            "progression_day",
        ),
        "no cycle or more than five": ~pl.col("n_cycles").is_between(1, 5),
        "TKI without Ph": (pl.col("tki") != "none") & ~pl.col("is_ph_positive"),
        "Ph and KMT2A": pl.col("is_ph_positive") & pl.col("is_kmt2a_rearranged"),
        "genetics and cytogenetics do not fit": (pl.col("is_ph_positive") | pl.col("is_kmt2a_rearranged"))
        & (pl.col("cytogenetic_abnormality") != "yes"),
        "active CNS disease without intrathecal treatment": pl.col("has_active_cns") & ~pl.col("with_intrathecal"),
        "first remission and its days do not fit": pl.col("cr1_class").is_in(["primary_refractory", "ongoing"])
        != pl.col("cr1_days").is_null(),
        "prior transplant of one who was refractory to the only line": (pl.col("prior_allo_hct") == "yes")
        & (pl.col("cr1_class") == "primary_refractory")
        & (pl.col("n_prior_lines") == 1),
        "indication and dosing do not fit": pl.col("is_mrd_indication") != (pl.col("dosing") == "mrd"),
        "no prior line, or too many": ~pl.col("n_prior_lines").is_between(1, 18),
        "first remission that goes on in relapsed or refractory disease": ~pl.col("is_mrd_indication")
        & (pl.col("cr1_class") == "ongoing"),
        "MRD indication without a remission": pl.col("is_mrd_indication")
        & (
            ~pl.col("best_response").is_in(["cr", "cri"])
            | ((pl.col("cr1_class") == "primary_refractory") & (pl.col("n_prior_lines") == 1))
        ),
        "CNS relapse in a first remission that goes on": pl.col("has_cns_at_relapse")
        & (pl.col("cr1_class") == "ongoing"),
        "MRD result without a response": ~pl.col("best_response").is_in(["cr", "cri"])
        & (pl.col("mrd_result") != "none"),
        "relapse and progression": pl.col("relapse_day").is_not_null() & pl.col("progression_day").is_not_null(),
        "what follows a transplant without one": pl.col("transplant_day").is_null()
        & pl.any_horizontal(
            pl.col(f"{name}_day").is_not_null()
            for name in (
                *("second_transplant", "acute_gvhd", "chronic_gvhd"),
                *("transplant_veno_occlusive_disease", "transplant_infection"),
            )
        ),
        "event after transplant that counts as one on treatment": pl.any_horizontal(
            (pl.max_horizontal(_grades(category)) <= 0)
            & (pl.col(f"transplant_{name}_day") <= (pl.col("n_cycles") - 1) * CYCLE_DAYS + _SOONEST_AFTER_CYCLE_DAYS)
            for name, category in (("veno_occlusive_disease", "hepatotoxicity"), ("infection", "infection"))
        ),
        "grade and fatal term do not fit": pl.any_horizontal(
            ((pl.col(f"grade_{term}") == 5) & (pl.col("fatal_term").cast(pl.String) != term))
            | ((pl.col(f"grade_{term}") == 0) & (pl.col("fatal_term").cast(pl.String) == term))
            for term in TERM_CATEGORY
        ),
        "stopped for a category without an event of it": pl.any_horizontal(
            pl.col(f"stopped_for_{category}") & pl.all_horizontal(pl.col(name) == 0 for name in _grades(category))
            for category in ("neurotoxicity", "hepatotoxicity", "crs", "infection", "pain")
        ),
        "treatment of cytokine release syndrome without one": (pl.col("grade_crs") == 0)
        & (pl.col("crs_corticosteroid") | pl.col("crs_tocilizumab")),
        "no room for the interruptions": ~pl.col("n_interruptions").is_between(0, 3)
        | (
            (pl.col("n_cycles") == 1)
            & (
                2 * pl.col("n_interruptions") + 1
                > pl.min_horizontal(
                    "end_day", pl.col("transplant_day") - DAYS_BEFORE_TRANSPLANT, "relapse_day", "progression_day"
                )
            )
        ),
        "no disease to treat": ~pl.col("is_mrd_indication")
        & ~(pl.col("has_marrow_disease") | pl.col("has_extramedullary") | pl.col("has_active_cns")),
    }
)


def impossible_orders(courses: Courses) -> dict[str, int]:
    """Count the patients with an impossible order of events, by its name; empty for a sound course.

    Examples
    --------
    >>> impossible_orders(Courses(pl.DataFrame(schema=dict(SCHEMA))))
    {}
    """
    counts = courses.frame.select(rule.fill_null(False).sum().alias(name) for name, rule in IMPOSSIBLE.items())
    return {name: int(n) for name, n in counts.row(0, named=True).items() if n} if len(courses) else {}


@dataclass(frozen=True, slots=True)
class Placement:
    """Where and when each patient was treated.

    Parameters
    ----------
    site : array of int
        Position of the patient's site among the sites of the study.
    index_date : array of datetime64[D]
        Day of the first dose.
    """

    site: NDArray[np.int64]
    index_date: NDArray[np.datetime64]
