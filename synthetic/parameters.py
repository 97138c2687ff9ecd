"""The parameters of a synthetic study, read from the TOML file that also says where each number comes from."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any, TypeVar, get_type_hints

from blinreg.schemas.errors import UsageError, nearest
from blinreg.synthetic.draws import Curve, Weights
from blinreg.synthetic.hazards import Hazard

#: Studies that can be imitated, and the file of each.
STUDIES: Mapping[str, str] = {"realworld-2020": "realworld_2020.toml"}

Section = TypeVar("Section")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """The study: who, when, and when the data were cut off."""

    id: str
    title: str
    salt: int
    n_patients: int
    n_mrd_indication: int
    n_not_evaluable: Mapping[str, int]
    accrual_start: dt.date
    accrual_end: dt.date
    accrual_power: float
    data_cutoff_date: dt.date
    created_at: str


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
class BaselineParameters:
    """Who the patients are at the first dose."""

    age_years: Curve
    wbc_1e9_per_l: Curve
    blood_blast_percent: Curve
    marrow_blast_percent: Curve
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
    prior_allo_hct_one_line: float
    prior_allo_hct_more_lines: float
    prior_inotuzumab: float
    with_chemotherapy: float
    with_rituximab: float
    ecog_if_no_karnofsky: float
    missing_blood_blast: float
    missing_wbc: float
    missing_prior_allo_hct: float
    missing_n_prior_lines: float
    race: Weights
    cd22: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryParameters:
    """What came before blinatumomab, and how exactly its dates are known."""

    year_only_diagnosis: float
    month_only_diagnosis: float
    month_only_first_line: float
    salvage_remission: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseParameters:
    """Chance and kind of response."""

    intercept_odds: float
    odds_ratio: Mapping[str, float]
    cycle_one: float
    cri: float
    mrd_negative: float
    mrd_negative_mrd_indication: float
    mrd_not_assessed_if_cri: float
    non_responder: Weights
    exactly_five_percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazards:
    """The transitions of the multi-state model."""

    relapse: Hazard
    transplant: Hazard
    death_in_remission: Hazard
    transplant_mortality: Hazard
    death_after_relapse: Hazard
    transplant_after_relapse: Hazard
    death_without_response: Hazard


@dataclass(frozen=True, slots=True, kw_only=True)
class DiseaseParameters:
    """Details of relapse, progression and causes of death."""

    molecular_relapse_first: float
    documented_progression: float
    cd19_negative_relapse: float
    cns_at_later_relapse: float
    other_cause: float
    unknown_cause: float
    infection_in_remission: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpParameters:
    """Loss to follow-up."""

    lost_per_day: float
    withdrew_if_lost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentParameters:
    """Cycles and what is given after them."""

    n_cycles_responder: Weights
    n_cycles_non_responder: Weights
    reduced_dosing: float
    next_line_after_failure: float
    car_t_in_remission: float
    dli_in_remission: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventParameters:
    """How often a kind of adverse event happens, how severe, and when within a cycle."""

    term: str
    any: float
    severe: float
    tki_ratio: float
    tki_severe: bool
    first_day: int
    last_day: int
    in_cycle_one: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyParameters:
    """Adverse events, interruptions and discontinuations."""

    fatal: float
    fatal_term: Weights
    discontinued: float
    discontinuation_term: Weights
    second_reason: float
    steroid_for_crs: float
    tocilizumab_if_severe: float
    tocilizumab_if_mild: float
    interrupted_if_severe: float
    interrupted_if_grade_2: float
    interrupted_if_grade_1: float
    interrupted_again: float
    event: tuple[EventParameters, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransplantParameters:
    """Donors, conditioning and complications of transplants."""

    donor: Weights
    myeloablative_under_55: float
    myeloablative_from_55: float
    acute_gvhd: float
    chronic_gvhd: float
    prior_gvhd: float
    infection: float
    veno_occlusive_disease: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything a cohort is simulated from."""

    study: Study
    site: tuple[Site, ...]
    baseline: BaselineParameters
    history: HistoryParameters
    response: ResponseParameters
    hazard: Hazards
    disease: DiseaseParameters
    follow_up: FollowUpParameters
    treatment: TreatmentParameters
    safety: SafetyParameters
    transplant: TransplantParameters

    def __post_init__(self) -> None:
        if sum(site.n_patients for site in self.site) != self.study.n_patients:
            raise ValueError("the patients of the sites do not add up to the patients of the study")

    def entropy(self, seed: int) -> tuple[int, int]:
        """Give what the random streams of a seed start from."""
        return (self.study.salt, seed)


def _read(kind: type[Section], given: Mapping[str, Any]) -> Section:
    """Build a section; every field must be given, and nothing else."""
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if names != set(given):
        raise ValueError(f"{kind.__name__}: missing {sorted(names - set(given))}, unknown {sorted(set(given) - names)}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in given.items()})


def _value(hint: Any, value: Any) -> Any:
    if hint is Weights:
        return Weights.of(value)
    if hint is Curve:
        return Curve(tuple((float(probability), float(quantile)) for probability, quantile in value))
    if hint is Hazard:
        return Hazard.of(value)
    if hint == tuple[Site, ...]:
        return tuple(_read(Site, site) for site in value)
    if hint == tuple[EventParameters, ...]:
        return tuple(_read(EventParameters, event) for event in value)
    return _read(hint, value) if hasattr(hint, "__dataclass_fields__") else value


@cache
def load_parameters(study: str) -> Parameters:
    """Read the parameters of a study.

    Parameters
    ----------
    study : str
        Name of the study, such as ``realworld-2020``.

    Raises
    ------
    UsageError
        If no study has that name; the nearest names are given.

    Examples
    --------
    >>> load_parameters("realworld-2020").study.n_patients
    239
    """
    if study not in STUDIES:
        raise UsageError(f"no synthetic study is called {study!r}", next_step=nearest(study, list(STUDIES)))
    text = resources.files("blinreg.synthetic").joinpath(STUDIES[study]).read_text(encoding="utf-8")
    return _read(Parameters, tomllib.loads(text))
