"""What a study is described by: one dataclass for each section of its parameter file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from blinreg.synthetic.streams import Curve, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A hospital: how many patients, which file format, what it leaves out, which scales it grades by."""

    id: str
    n_patients: int
    format: str
    karnofsky_missing: float
    grade_scale: str
    crs_scale: str
    gvhd_scale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """Time of the first dose: quantile functions of the days from the start of accrual, by indication."""

    rr: Curve
    mrd_indication: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineParameters:
    """Who the patients are at the first dose."""

    age_years: Curve
    wbc_1e9_per_l: Curve
    blood_blast_percent: Curve
    karnofsky_percent: Weights
    female: float
    ph_positive_rr: float
    ph_positive_mrd: float
    tki_rr: float
    tki_mrd: float
    ponatinib: float
    kmt2a_rearranged: float
    other_cytogenetic: float
    cytogenetics_unknown: float
    cns_at_diagnosis: float
    cns_at_relapse_rr: float
    cns_at_start: float
    extramedullary_rr: float
    no_marrow_if_extramedullary: float
    n_prior_lines_rr: Weights
    n_prior_lines_mrd: Weights
    cr1_class: Weights
    cr1_under_18_months: float
    prior_allo_hct_one_line: float
    prior_allo_hct_more_lines: float
    prior_inotuzumab: float
    with_chemotherapy: float
    with_rituximab: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingParameters:
    """Values that exist and were not recorded; for the performance status the sites have shares of their own."""

    wbc: float
    blood_blast: float
    prior_allo_hct: float
    n_prior_lines: float
    early_death_days: int
    early_death_odds_ratio: float
    early_death_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseParameters:
    """Chance and kind of response."""

    intercept_odds: float
    odds_ratio: Mapping[str, float]
    cycle_one: float
    cri: float
    mrd_negative: float
    mrd_negative_if_ph_positive: float
    mrd_indication: float
    mrd_indication_if_ph_positive: float
    mrd_not_assessed_if_cri: float
    non_responder: Weights
    not_evaluable_before_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardParameters:
    """A transition of the multi-state model: rates per day between the cuts, and hazard ratios."""

    clock: str
    cuts: tuple[float, ...]
    per_day: tuple[float, ...]
    hazard_ratio: Mapping[str, float]

    def __post_init__(self) -> None:
        if len(self.per_day) != len(self.cuts) + 1:
            raise ValueError(f"a hazard on the clock {self.clock}: {len(self.cuts)} cuts need one rate more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazards:
    """The transitions of the multi-state model."""

    relapse: HazardParameters
    transplant: HazardParameters
    death_in_remission: HazardParameters
    transplant_mortality: HazardParameters
    death_after_relapse: HazardParameters
    transplant_after_relapse: HazardParameters
    death_without_response: HazardParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class DiseaseParameters:
    """Details of relapse, progression and causes of death."""

    last_transplant_days: int
    molecular_relapse_first: float
    documented_progression: float
    progression_share: tuple[float, ...]
    other_cause: float
    unknown_cause: float
    infection_in_remission: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpParameters:
    """Loss to follow-up."""

    first_lost_day: int
    lost_per_day: float
    withdrew_if_lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentParameters:
    """Cycles and cells given in remission."""

    n_cycles_responder: Weights
    n_cycles_non_responder: Weights
    most_cycles_before_transplant: int
    reduced_dosing: float
    car_t_in_remission: float
    dli_in_remission: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OddsParameters:
    """Logistic model of an event: odds without blasts and TKI, and odds ratios."""

    odds: float
    burden: float
    tki: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryParameters:
    """How often a category of adverse events happens, as which term, and how severe."""

    odds: float
    burden: float
    tki: float
    terms: Weights
    severe: Mapping[str, float]
    severe_if_tki: float
    severe_burden: float
    stop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyCategories:
    """The categories of adverse events on treatment."""

    crs: CategoryParameters
    neurotoxicity: CategoryParameters
    hepatotoxicity: CategoryParameters
    febrile_neutropenia: CategoryParameters
    infection: CategoryParameters
    pain: CategoryParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyParameters:
    """Adverse events on treatment, deaths from them, and what was done about them."""

    fatal: OddsParameters
    fatal_term: Weights
    interrupted_if_severe: float
    interrupted_if_grade_2: float
    interrupted_if_grade_1: float
    interrupted_again: float
    crs_corticosteroid_if_severe: float
    crs_corticosteroid_if_mild: float
    crs_tocilizumab_if_severe: float
    crs_tocilizumab_if_mild: float
    category: SafetyCategories


@dataclass(frozen=True, slots=True, kw_only=True)
class TransplantParameters:
    """Donors and complications of the transplants after the first dose."""

    donor: Weights
    acute_gvhd: float
    chronic_gvhd: float
    last_chronic_gvhd_days: int
    infection: float
    veno_occlusive_disease: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsetParameters:
    """When a kind of adverse event begins, in days of the cycle, and how often that is the first cycle."""

    first_day: int
    last_day: int
    in_cycle_one: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsParameters:
    """Details of the records on which no statistic of the study depends."""

    year_only_diagnosis: float
    month_only_diagnosis: float
    month_only_first_line: float
    salvage_remission: float
    marrow_blast_percent: Curve
    ecog_if_no_karnofsky: float
    race: Weights
    cd22: Weights
    exactly_five_percent: float
    cd19_negative_relapse: float
    cns_at_later_relapse: float
    next_line_after_failure: float
    myeloablative_under_55: float
    myeloablative_from_55: float
    prior_gvhd: float
    onset: Mapping[str, OnsetParameters]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study: who, when, where, and the parameters that its patients are drawn from.

    ``n_patients`` is the size of the published study; ``salt`` is mixed into every seed.
    """

    id: str
    title: str
    salt: int
    n_patients: int
    n_mrd_indication: int
    n_not_evaluable: Mapping[str, int]
    accrual_start: dt.date
    accrual_end: dt.date
    data_cutoff_date: dt.date
    created_at: str
    sites: tuple[Site, ...]
    accrual: Accrual
    baseline: BaselineParameters
    missing: MissingParameters
    response: ResponseParameters
    hazard: Hazards
    disease: DiseaseParameters
    follow_up: FollowUpParameters
    treatment: TreatmentParameters
    safety: SafetyParameters
    transplant: TransplantParameters
    records: RecordsParameters

    def __post_init__(self) -> None:
        if sum(site.n_patients for site in self.sites) != self.n_patients:
            raise ValueError("the patients of the sites do not add up to the patients of the study")

    def entropy(self, seed: int) -> tuple[int, int]:
        """Give what the random streams of a seed start from."""
        return (self.salt, seed)
