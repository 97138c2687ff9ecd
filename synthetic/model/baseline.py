"""Who the patients are at the first dose: site, date, age, genetics, burden of disease, earlier treatment in brief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blinreg.synthetic.courses import CR1_DAYS
from blinreg.synthetic.streams import Draws, Flags, Floats, Numbers, Stream, Weights
from blinreg.synthetic.studies.parameters import BaselineParameters, Study

#: The chance of a prior transplant needs this long a first remission to fall into it.
SHORTEST_CR1_WITH_TRANSPLANT = 150
#: First remissions shorter than this count as early in the published table of responses (18 months).
EARLY_CR1_DAYS = 548

NO_CR1 = -1


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Patients at the first dose, as arrays of one value a patient, and nothing missing.

    ``cr1_class`` is a position among the codes of the study's ``cr1_class`` weights, or the number of
    them where the first remission goes on; ``cr1_days`` is ``NO_CR1`` where there was none or it goes on.
    ``index_day`` counts from the start of accrual. ``tki``: 0 none, 1 ponatinib, 2 dasatinib.
    """

    site: Numbers
    index_day: Numbers
    is_mrd_indication: Flags
    age_years: Numbers
    is_female: Flags
    is_ph_positive: Flags
    tki: Numbers
    is_kmt2a_rearranged: Flags
    cytogenetics: Numbers
    has_cns_at_diagnosis: Flags
    has_cns_at_relapse: Flags
    has_active_cns: Flags
    has_extramedullary: Flags
    has_marrow_disease: Flags
    n_prior_lines: Numbers
    cr1_class: Numbers
    cr1_days: Numbers
    has_prior_allo_hct: Flags
    has_prior_inotuzumab: Flags
    with_chemotherapy: Flags
    with_rituximab: Flags
    is_reduced_dosing: Flags
    karnofsky_percent: Numbers
    wbc_1e9_per_l: Floats
    blood_blast_percent: Floats

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.site)

    @property
    def burden(self) -> Floats:
        """Burden of disease: blasts as a share of the blood cells, 0 to 1."""
        return np.asarray(self.blood_blast_percent / 100, dtype=np.float64)

    @cached_property
    def covariates(self) -> Mapping[str, Floats]:
        """Covariates by the names of the parameter file; age in decades from 48, the others 0 or 1."""
        has_cr1 = self.cr1_days != NO_CR1
        values: dict[str, NDArray[np.generic]] = {
            "age_per_decade": (self.age_years - 48) / 10,
            "age_over_72": self.age_years > 72,
            "ph_positive": self.is_ph_positive,
            "tki": self.tki > 0,
            "chemotherapy": self.with_chemotherapy,
            "kmt2a": self.is_kmt2a_rearranged,
            "cns_history": self.has_cns_at_diagnosis | self.has_cns_at_relapse | self.has_active_cns,
            "extramedullary": self.has_extramedullary,
            "primary_refractory": self.cr1_class == 0,
            "cr1_under_1_year": has_cr1 & (self.cr1_days < 365),
            "cr1_under_18_months": has_cr1 & (self.cr1_days < EARLY_CR1_DAYS),
            "prior_allo_hct": self.has_prior_allo_hct,
            "two_lines": self.n_prior_lines == 2,
            "three_or_more_lines": self.n_prior_lines >= 3,
            "two_or_more_lines": self.n_prior_lines >= 2,
            "over_five_lines": self.n_prior_lines > 5,
            "mrd_indication": self.is_mrd_indication,
        }
        return {name: np.asarray(value, dtype=np.float64) for name, value in values.items()}


def _index_day(draws: Draws, study: Study, is_mrd_indication: Flags) -> Numbers:
    share = draws.uniform()
    day = np.where(is_mrd_indication, study.accrual.mrd_indication.at(share), study.accrual.rr.at(share))
    return np.minimum(day.astype(np.int64), (study.accrual_end - study.accrual_start).days)


def _first_remission(
    draws: Draws, parameters: BaselineParameters, *, is_mrd_indication: Flags, n_lines: Numbers
) -> tuple[Numbers, Numbers]:
    """Class of the first remission and its days."""
    names = parameters.cr1_class.names
    drawn = draws.choice(parameters.cr1_class)
    under_1_year = names.index("under_1_year")
    # In the MRD indication the first remission goes on after one line, and ended before a second.
    relapsed = np.where(drawn == names.index("primary_refractory"), under_1_year, drawn)
    drawn = np.where(is_mrd_indication, np.where(n_lines == 1, len(names), relapsed), drawn)
    bounds = np.array([CR1_DAYS.get(name, (NO_CR1, NO_CR1)) for name in (*names, "ongoing")], dtype=np.int64)
    first, last = bounds[drawn, 0].copy(), bounds[drawn, 1].copy()
    in_second_year = drawn == names.index("1_to_2_years")
    is_early = draws.chance(parameters.cr1_under_18_months)
    last[in_second_year & is_early] = EARLY_CR1_DAYS - 1
    first[in_second_year & ~is_early] = EARLY_CR1_DAYS
    return drawn, draws.whole(first, last)


def _prior_lines(draws: Draws, parameters: BaselineParameters, is_mrd_indication: Flags) -> Numbers:
    def counts(weights: Weights) -> Numbers:
        return np.array([int(name) for name in weights.names])[draws.choice(weights)]

    return np.where(is_mrd_indication, counts(parameters.n_prior_lines_mrd), counts(parameters.n_prior_lines_rr))


def _genetics(
    draws: Draws, parameters: BaselineParameters, is_mrd_indication: Flags
) -> tuple[Flags, Numbers, Flags, Numbers]:
    """Ph, the TKI given with blinatumomab, KMT2A, and any cytogenetic abnormality (yes, no, unknown)."""
    is_ph = draws.chance(np.where(is_mrd_indication, parameters.ph_positive_mrd, parameters.ph_positive_rr))
    is_given = draws.chance(np.where(is_mrd_indication, parameters.tki_mrd, parameters.tki_rr))
    agent = np.where(draws.chance(parameters.ponatinib), 1, 2)
    is_kmt2a = draws.chance(parameters.kmt2a_rearranged) & ~is_ph
    is_unknown = draws.chance(parameters.cytogenetics_unknown)
    is_other = draws.chance(parameters.other_cytogenetic)
    cytogenetics = np.where(is_ph | is_kmt2a, 0, np.where(is_unknown, 2, np.where(is_other, 0, 1)))
    return is_ph, np.where(is_given & is_ph, agent, 0), is_kmt2a, cytogenetics


def draw_baseline(study: Study, entropy: tuple[int, int], numbers: Numbers) -> Baseline:
    """Draw patients at the first dose.

    Parameters
    ----------
    study : Study
        Study to draw from.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.

    Returns
    -------
    Baseline
        One value a patient. Under the MRD indication there is no relapse to describe and no prior
        transplant: the study's printed identities close only that way.
    """
    parameters = study.baseline
    planning = Draws(entropy, Stream.PLAN, numbers)
    site = planning.choice(Weights.of({each.id: each.n_patients for each in study.sites}))
    is_mrd_indication = planning.chance(study.n_mrd_indication / study.n_patients)
    index_day = _index_day(Draws(entropy, Stream.CALENDAR, numbers), study, is_mrd_indication)
    draws = Draws(entropy, Stream.BASELINE, numbers)
    age_years = draws.value(parameters.age_years).astype(np.int64)
    is_ph_positive, tki, is_kmt2a, cytogenetics = _genetics(draws, parameters, is_mrd_indication)
    is_relapsed = ~is_mrd_indication
    n_lines = _prior_lines(draws, parameters, is_mrd_indication)
    cr1_class, cr1_days = _first_remission(draws, parameters, is_mrd_indication=is_mrd_indication, n_lines=n_lines)
    one_line = n_lines == 1
    chance = np.where(one_line, parameters.prior_allo_hct_one_line, parameters.prior_allo_hct_more_lines)
    # Nobody is transplanted without a remission to carry it.
    has_prior_hct = is_relapsed & draws.chance(chance) & ~(one_line & (cr1_days == NO_CR1))
    longer = SHORTEST_CR1_WITH_TRANSPLANT + draws.whole(0, 60)
    cr1_days = np.where(has_prior_hct & one_line, np.maximum(cr1_days, longer), cr1_days)
    has_cns_at_relapse = is_relapsed & draws.chance(parameters.cns_at_relapse_rr)
    has_extramedullary = is_relapsed & draws.chance(parameters.extramedullary_rr)
    has_marrow = is_relapsed & ~(has_extramedullary & draws.chance(parameters.no_marrow_if_extramedullary))
    karnofsky = np.array([int(name) for name in parameters.karnofsky_percent.names])
    return Baseline(
        site=site,
        index_day=index_day,
        is_mrd_indication=is_mrd_indication,
        age_years=age_years,
        is_female=draws.chance(parameters.female),
        is_ph_positive=is_ph_positive,
        tki=tki,
        is_kmt2a_rearranged=is_kmt2a,
        cytogenetics=cytogenetics,
        has_cns_at_diagnosis=draws.chance(parameters.cns_at_diagnosis),
        has_cns_at_relapse=has_cns_at_relapse,
        has_active_cns=has_cns_at_relapse & draws.chance(parameters.cns_at_start),
        has_extramedullary=has_extramedullary,
        has_marrow_disease=has_marrow,
        n_prior_lines=n_lines,
        cr1_class=cr1_class,
        cr1_days=cr1_days,
        has_prior_allo_hct=has_prior_hct,
        has_prior_inotuzumab=~one_line & draws.chance(parameters.prior_inotuzumab),
        with_chemotherapy=is_relapsed & (tki == 0) & draws.chance(parameters.with_chemotherapy),
        with_rituximab=is_relapsed & draws.chance(parameters.with_rituximab),
        is_reduced_dosing=draws.chance(study.treatment.reduced_dosing),
        karnofsky_percent=karnofsky[draws.choice(parameters.karnofsky_percent)],
        wbc_1e9_per_l=np.round(draws.value(parameters.wbc_1e9_per_l), 2),
        blood_blast_percent=np.where(has_marrow, np.round(draws.value(parameters.blood_blast_percent), 1), 0.0),
    )
