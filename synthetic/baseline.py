"""Who the patient is at the first dose: index date, age, genetics, disease burden, earlier treatment in brief."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from blinreg.synthetic.draws import Draws
from blinreg.synthetic.parameters import BaselineParameters, Study

#: Days of first remission in each class: shortest and longest.
CR1_DAYS: Mapping[str, tuple[int, int]] = {
    "under_1_year": (40, 364),
    "1_to_2_years": (366, 729),
    "2_to_3_years": (731, 1095),
    "over_3_years": (1096, 2600),
}

#: The chance of a prior transplant needs this long a first remission to fall into it.
SHORTEST_CR1_WITH_TRANSPLANT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A patient at the first dose, in the units of the submitted tables.

    ``birthday`` is a day of the year, 1 to 365; it is not submitted. ``cr1_days`` is nothing where there
    was no first remission or it goes on. ``tki`` names the inhibitor given with blinatumomab, if any.
    """

    index_date: dt.date
    age_years: int
    birth_year: int
    birthday: int
    sex: str
    is_mrd_indication: bool
    is_ph_positive: bool
    tki: str
    is_kmt2a_rearranged: bool
    cytogenetic_abnormality: str
    has_cns_at_diagnosis: bool
    has_cns_at_relapse: bool
    has_active_cns: bool
    has_extramedullary: bool
    has_marrow_disease: bool
    n_prior_lines: int
    is_primary_refractory: bool
    cr1_days: int | None
    has_prior_allo_hct: bool
    has_prior_inotuzumab: bool
    with_chemotherapy: bool
    with_rituximab: bool
    karnofsky_percent: int
    wbc_1e9_per_l: float
    blood_blast_percent: float
    marrow_blast_percent: int
    race: str
    cd22: str

    @property
    def has_cns_history(self) -> bool:
        """CNS disease at diagnosis, at a relapse or at the first dose."""
        return self.has_cns_at_diagnosis or self.has_cns_at_relapse or self.has_active_cns

    def age_on(self, day: dt.date) -> int:
        """Age in completed years on a day."""
        return day.year - self.birth_year - (self.birthday > day.timetuple().tm_yday)

    def covariates(self) -> dict[str, float]:
        """Values of the covariates that are known at the first dose, as the hazards name them."""
        return {
            "age_per_decade": (self.age_years - 48) / 10,
            "age_over_70": float(self.age_years > 70),
            "ph_positive": float(self.is_ph_positive),
            "tki": float(bool(self.tki)),
            "kmt2a": float(self.is_kmt2a_rearranged),
            "cns_history": float(self.has_cns_history),
            "cr1_under_1_year": float(self.cr1_days is not None and self.cr1_days < 365),
            "prior_allo_hct": float(self.has_prior_allo_hct),
            "mrd_indication": float(self.is_mrd_indication),
            "mrd_positive": 0.0,
            "transplanted": 0.0,
            "transplanted_after_relapse": 0.0,
        }


def _index_date(draws: Draws, study: Study) -> dt.date:
    span = (study.accrual_end - study.accrual_start).days
    return study.accrual_start + dt.timedelta(days=int((span + 1) * draws.uniform() ** study.accrual_power))


def _cytogenetics(draws: Draws, parameters: BaselineParameters, *, is_known: bool) -> str:
    if is_known:
        return "yes"
    if draws.chance(parameters.cytogenetics_unknown):
        return "unknown"
    return "yes" if draws.chance(parameters.other_cytogenetic) else "no"


def _tki(draws: Draws, parameters: BaselineParameters, *, is_ph_positive: bool, is_mrd_indication: bool) -> str:
    """Name the tyrosine kinase inhibitor given with blinatumomab, or nothing."""
    is_given = draws.chance(parameters.tki_mrd if is_mrd_indication else parameters.tki_rr)
    agent = "ponatinib" if draws.chance(parameters.ponatinib) else "dasatinib"
    return agent if is_given and is_ph_positive else ""


def _first_remission(draws: Draws, parameters: BaselineParameters, *, is_mrd_indication: bool, n_lines: int) -> str:
    """Class of the first remission; empty while a first remission goes on."""
    drawn = draws.choice(parameters.cr1_class)
    if not is_mrd_indication:
        return drawn
    if n_lines == 1:
        return ""
    return "under_1_year" if drawn == "primary_refractory" else drawn


def draw_baseline(draws: Draws, parameters: BaselineParameters, study: Study, *, is_mrd_indication: bool) -> Baseline:
    """Draw a patient at the first dose.

    Parameters
    ----------
    draws : Draws
        The patient's stream for the baseline.
    parameters : BaselineParameters
        How often and how much.
    study : Study
        For the time of accrual.
    is_mrd_indication : bool
        Whether blinatumomab is given for residual disease: then there is no relapse to describe,
        and no prior transplant (the study's identities close only that way).
    """
    index_date = _index_date(draws, study)
    age_years = int(draws.value(parameters.age_years))
    birthday = draws.whole(1, 365)
    still_to_come = birthday > index_date.timetuple().tm_yday
    is_relapsed = not is_mrd_indication
    is_ph_positive = draws.chance(parameters.ph_positive_mrd if is_mrd_indication else parameters.ph_positive_rr)
    tki = _tki(draws, parameters, is_ph_positive=is_ph_positive, is_mrd_indication=is_mrd_indication)
    is_kmt2a = draws.chance(parameters.kmt2a_rearranged) and not is_ph_positive
    cytogenetics = _cytogenetics(draws, parameters, is_known=is_ph_positive or is_kmt2a)
    n_lines = int(draws.choice(parameters.n_prior_lines_mrd if is_mrd_indication else parameters.n_prior_lines_rr))
    cr1_class = _first_remission(draws, parameters, is_mrd_indication=is_mrd_indication, n_lines=n_lines)
    has_prior_hct = is_relapsed and draws.chance(
        parameters.prior_allo_hct_one_line if n_lines == 1 else parameters.prior_allo_hct_more_lines
    )
    cr1_days = draws.whole(*CR1_DAYS[cr1_class]) if cr1_class in CR1_DAYS else None
    if cr1_days is None and n_lines == 1:
        has_prior_hct = False  # nobody is transplanted without a remission to carry it
    if cr1_days is not None and has_prior_hct and n_lines == 1:
        cr1_days = max(cr1_days, SHORTEST_CR1_WITH_TRANSPLANT + draws.whole(0, 60))
    has_cns_at_relapse = is_relapsed and draws.chance(parameters.cns_at_relapse_rr)
    has_extramedullary = is_relapsed and draws.chance(parameters.extramedullary_rr)
    has_marrow = is_relapsed and not (has_extramedullary and draws.chance(parameters.no_marrow_if_extramedullary))
    blood_blasts = draws.value(parameters.blood_blast_percent)
    marrow_blasts = int(draws.value(parameters.marrow_blast_percent))
    return Baseline(
        index_date=index_date,
        age_years=age_years,
        birth_year=index_date.year - age_years - still_to_come,
        birthday=birthday,
        sex="female" if draws.chance(parameters.female) else "male",
        is_mrd_indication=is_mrd_indication,
        is_ph_positive=is_ph_positive,
        tki=tki,
        is_kmt2a_rearranged=is_kmt2a,
        cytogenetic_abnormality=cytogenetics,
        has_cns_at_diagnosis=draws.chance(parameters.cns_at_diagnosis),
        has_cns_at_relapse=has_cns_at_relapse,
        has_active_cns=has_cns_at_relapse and draws.chance(parameters.cns_at_start),
        has_extramedullary=has_extramedullary,
        has_marrow_disease=has_marrow,
        n_prior_lines=n_lines,
        is_primary_refractory=cr1_class == "primary_refractory",
        cr1_days=cr1_days,
        has_prior_allo_hct=has_prior_hct,
        has_prior_inotuzumab=n_lines > 1 and draws.chance(parameters.prior_inotuzumab),
        with_chemotherapy=is_relapsed and not tki and draws.chance(parameters.with_chemotherapy),
        with_rituximab=is_relapsed and draws.chance(parameters.with_rituximab),
        karnofsky_percent=int(draws.choice(parameters.karnofsky_percent)),
        wbc_1e9_per_l=round(draws.value(parameters.wbc_1e9_per_l), 2),
        blood_blast_percent=round(blood_blasts, 1) if has_marrow else 0.0,
        marrow_blast_percent=marrow_blasts if has_marrow else draws.whole(0, 4),
        race=draws.choice(parameters.race),
        cd22=draws.choice(parameters.cd22),
    )
