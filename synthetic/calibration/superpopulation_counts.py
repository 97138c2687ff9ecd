"""Published counts and medians of the baseline, of the response and of the transplants."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blinreg.synthetic.calibration.superpopulation_measures import Population
from blinreg.synthetic.calibration.superpopulation_statistics import MONTH_DAYS
from blinreg.synthetic.calibration.superpopulation_target import (
    Group,
    Target,
    bare,
    column,
    count,
    everybody,
    grafted,
    median_of,
    percent,
    relapsed,
    responded,
)
from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.streams import Flags, Numbers


def baseline() -> Iterator[Target]:
    """Make the targets of the baseline."""

    def code(name: str, *codes: str) -> Group:
        return lambda p: p.is_code(name, *codes)

    def flag(name: str) -> Group:
        return lambda p: p.flag(name)

    def lines(first: int, last: int) -> Group:
        return lambda p: (p.lines >= first) & (p.lines <= last)

    def karnofsky(p: Population) -> Numbers:
        return p.courses.day("karnofsky_percent")

    yield count("RR", 227, 239, relapsed, everybody)
    yield count("MRD", 12, 239, flag("is_mrd_indication"), everybody)
    yield count("female (text)", 101, 239, flag("is_female"), everybody, conflict="C_SEX")
    yield count("female (Table 1)", 138, 239, flag("is_female"), everybody, conflict="C_SEX")
    yield count("KPS>=80", 131, 156, lambda p: karnofsky(p) >= 80, lambda p: karnofsky(p) < NEVER)
    yield count("KPS<80", 25, 156, lambda p: karnofsky(p) < 80, lambda p: karnofsky(p) < NEVER)
    yield count("KPS missing", 83, 239, lambda p: karnofsky(p) == NEVER, everybody)
    yield count("blast missing", 10, 239, lambda p: np.isnan(column("blood_blast_percent")(p)), everybody)
    yield count("Ph+", 61, 239, lambda p: p.ph, everybody)
    yield count("Ph+ RR", 55, 227, lambda p: p.ph, relapsed)
    yield count("Ph+ MRD", 6, 12, lambda p: p.ph, lambda p: ~p.rr)
    yield count("t(4;11)", 28, 239, lambda p: p.kmt2a, everybody)
    yield count("any cyto", 164, 239, code("cytogenetic_abnormality", "yes"), everybody)
    yield count("CNS dx", 15, 239, flag("has_cns_at_diagnosis"), everybody)
    yield count("CNS relapse", 39, 239, flag("has_cns_at_relapse"), everybody)
    yield count("CNS at blina", 9, 239, flag("has_active_cns"), everybody)
    yield count("EMD", 10, 239, flag("has_extramedullary"), everybody)
    yield count(
        "EMD without marrow", 8, 239, lambda p: p.rr & ~p.flag("has_marrow_disease"), everybody, conflict="C_MARROW_EMD"
    )
    yield count("marrow disease RR", 221, 227, flag("has_marrow_disease"), relapsed)
    yield count("salvage1", 126, 239, lines(1, 1), everybody)
    yield count("salvage2", 51, 239, lines(2, 2), everybody)
    yield count("salvage3+", 62, 239, lines(3, 9), everybody)
    yield count(">=3 lines", 61, 239, lambda p: lines(3, 9)(p) & p.flag("is_n_prior_lines_recorded"), everybody)
    yield count("lines missing", 1, 239, lambda p: ~p.flag("is_n_prior_lines_recorded"), everybody)
    yield count("primary refractory", 55, 227, lambda p: p.refractory, relapsed)
    for name, printed, codes in (
        ("TTP<1", 93, "under_1_year"),
        ("TTP1-2", 45, "1_to_2_years"),
        ("TTP2-3", 16, "2_to_3_years"),
        ("TTP>=3", 18, "over_3_years"),
    ):
        yield count(name, printed, 227, code("cr1_class", codes), relapsed)
    yield count("prior HCT", 46, 239, code("prior_allo_hct", "yes"), everybody)
    yield count("InO", 22, 239, flag("has_prior_inotuzumab"), everybody)
    yield count("InO MRD", 1, 12, flag("has_prior_inotuzumab"), lambda p: ~p.rr)
    yield count("TKI", 29, 239, lambda p: p.tki, everybody)
    yield count("std dose", 218, 239, code("dosing", "standard"), everybody)
    yield count("MRD dose", 12, 239, code("dosing", "mrd"), everybody)
    yield count("reduced dose", 9, 239, code("dosing", "reduced"), everybody)
    yield count("IT chemo w/ CNS", 9, 239, flag("with_intrathecal"), everybody)
    yield count("chemotherapy", 3, 239, flag("with_chemotherapy"), everybody)
    yield count("rituximab", 1, 239, flag("with_rituximab"), everybody)
    yield count("ponatinib", 16, 29, code("tki", "ponatinib"), lambda p: p.tki)
    yield count("dasatinib", 13, 29, code("tki", "dasatinib"), lambda p: p.tki)
    yield median_of("age median", 48, column("age_years"), everybody, is_fine=True)
    yield median_of("WBC median", 4.2, column("wbc_1e9_per_l"), everybody)
    yield median_of("blast median", 0.2, column("blood_blast_percent"), everybody)
    yield median_of("lines median", 1, column("n_prior_lines"), everybody)
    yield median_of("cycles median", 2, column("n_cycles"), everybody)


def response() -> Iterator[Target]:
    """Make the targets of the response."""

    def cr(mrd: str) -> Group:
        return lambda p: p.is_code("best_response", "cr") & p.is_code("mrd_result", mrd) & p.responder

    def responded(p: Population) -> Flags:
        return p.responder

    def within(first: int, last: int) -> Group:
        return lambda p: p.rr & (p.cr1_days >= first) & (p.cr1_days <= last)

    yield count("CR+CRi", 149, 227, responded, relapsed)
    yield count("CR MRD-", 109, 227, cr("negative"), relapsed)
    yield count("CR MRD+", 37, 227, cr("positive"), relapsed)
    yield count("CRi", 3, 227, lambda p: p.is_code("best_response", "cri") & p.responder, relapsed)
    yield count("PR", 8, 227, lambda p: p.is_code("best_response", "pr"), relapsed)
    yield count("NE", 4, 227, lambda p: p.is_code("best_response", "not_evaluable"), relapsed)
    yield count("CR Ph+", 41, 55, responded, lambda p: p.rr & p.ph)
    yield count("CR Ph+ MRD-", 28, 55, cr("negative"), lambda p: p.rr & p.ph)
    yield count("TKI RR", 23, 55, lambda p: p.tki, lambda p: p.rr & p.ph)
    yield count("TKI RR (Discussion)", 25, 55, lambda p: p.tki, lambda p: p.rr & p.ph, conflict="C_TKI_N")
    yield count("CR Ph+TKI", 19, 23, responded, lambda p: p.rr & p.ph & p.tki)
    yield count("CR Ph+noTKI", 22, 32, responded, lambda p: p.rr & p.ph & ~p.tki)
    yield count("CR PR", 35, 55, responded, lambda p: p.rr & p.refractory)
    yield count("CR sal1", 90, 126, responded, lambda p: p.rr & (p.lines == 1))
    yield count("CR sal2", 33, 51, responded, lambda p: p.rr & (p.lines == 2))
    yield count("CR early<18", 78, 121, responded, within(0, 547))
    yield count("n early<18", 121, 227, within(0, 547), relapsed)
    yield count("CR late>=36", 12, 17, responded, within(1096, NEVER - 1))
    yield count("n late>=36 evaluable", 17, 227, within(1096, NEVER - 1), relapsed)
    yield count("CR EMD", 2, 10, responded, lambda p: p.rr & p.flag("has_extramedullary"))
    yield count("MRD cleared", 9, 12, responded, lambda p: ~p.rr)
    yield count("MRD Ph+ cleared", 4, 6, responded, lambda p: ~p.rr & p.ph, conflict="C_PHMRD_PCT")
    yield count("TKI MRD", 6, 6, lambda p: p.tki, lambda p: ~p.rr & p.ph)

    def evaluable(p: Population) -> Flags:
        return p.rr & ~p.is_code("best_response", "not_evaluable")

    yield percent("CR% RR of evaluable", 67, lambda p: p.responder, evaluable)
    yield percent("CR% RR (abstract)", 65, lambda p: p.responder, lambda p: p.rr, "C_CR_RATE")
    yield percent("MRD% (abstract)", 47, cr("negative"), lambda p: p.rr, "C_MRDNEG_RATE")
    yield percent("CR% TTP<1", 65, lambda p: p.responder, within(0, 364), "C_EARLY")
    yield percent("CR% late>2y", 51, lambda p: p.responder, within(731, NEVER - 1), "C_LATE")
    yield percent("CR% salvage1 (text)", 70, lambda p: p.responder, lambda p: p.rr & (p.lines == 1), "C_SALV1_PCT")
    yield count("late>2y n", 31, 227, within(731, NEVER - 1), relapsed, conflict="C_LATE")


def transplants() -> Iterator[Target]:
    """Make the targets of the transplants."""

    def bare_responder(p: Population) -> Flags:
        return bare(p) & p.responder

    def happened(name: str) -> Group:
        return lambda p: np.asarray(p.courses.day(name) < NEVER)

    def early_mortality(p: Population) -> Flags:
        return p.is_code("cause_of_death", "transplant_related") & (p.overall_from_transplant[0] < 100)

    def continuing(p: Population) -> Flags:
        events = [happened(name)(p) for name in ("relapse_day", "car_t_day", "dli_day")]
        return np.asarray(~np.logical_or.reduce([*events, p.dead]), dtype=np.bool_)

    yield count("nonHCT n", 142, 227, lambda p: ~p.transplanted, relapsed)
    yield count("nonHCT prior HCT", 41, 142, lambda p: p.is_code("prior_allo_hct", "yes"), bare)
    yield count("nonHCT Ph+", 35, 142, lambda p: p.ph, bare)
    yield count("nonHCT MLL", 22, 142, lambda p: p.kmt2a, bare)
    yield count("nonHCT primref", 25, 142, lambda p: p.refractory, bare)
    yield count("nonHCT CNS hx", 34, 142, lambda p: p.cns, bare)
    yield count("nonHCT CR", 64, 142, lambda p: p.responder, bare)
    yield count("nonHCT tox deaths", 4, 142, lambda p: p.is_code("cause_of_death", "blinatumomab_toxicity"), bare)
    yield count("nonHCT continuing", 29, 64, continuing, bare_responder)
    yield count("CAR-T", 3, 64, happened("car_t_day"), bare_responder)
    yield count("DLI prior HCT", 2, 64, happened("dli_day"), bare_responder)
    yield count("nonHCT progressed", 30, 64, happened("relapse_day"), bare_responder)
    yield count("HCT n", 85, 227, lambda p: p.transplanted, relapsed)
    yield count("HCT of responders", 85, 149, lambda p: p.transplanted, responded)
    yield count("HCT prior HCT", 5, 85, lambda p: p.is_code("prior_allo_hct", "yes"), grafted)
    for name, printed, donor in (
        ("MRDonor", 31, "matched_related"),
        ("MUD", 36, "matched_unrelated"),
        ("haplo", 13, "haploidentical"),
        ("cord", 5, "cord_blood"),
    ):
        yield count(name, printed, 85, lambda p, donor=donor: p.is_code("donor", donor), grafted)  # type: ignore[misc]
    yield percent("cord % (text)", 9.5, lambda p: p.is_code("donor", "cord_blood"), grafted, "C_DONOR_PCT")
    yield count("aGVHD", 28, 85, happened("acute_gvhd_day"), grafted)
    yield count("cGVHD", 14, 85, happened("chronic_gvhd_day"), grafted)
    yield count("HCT VOD", 2, 85, happened("transplant_veno_occlusive_disease_day"), grafted)
    yield count("HCT inf", 12, 85, happened("transplant_infection_day"), grafted)
    yield count("TRM<100d", 6, 85, early_mortality, grafted)
    yield median_of("HCT age med", 59, column("age_years"), grafted, conflict="C_AGE_SUBGROUPS")
    yield median_of("nonHCT age med", 51, column("age_years"), bare, is_fine=True)
    yield median_of("HCT lines incl blina med", 2, lambda p: column("n_prior_lines")(p) + 1, grafted)
    yield median_of("nonHCT lines med", 2, column("n_prior_lines"), bare)
    yield median_of("HCT cycles med", 2, column("n_cycles"), grafted)
    yield median_of(
        "CR->HCT median mo",
        1.7,
        lambda p: np.asarray((p.courses.day("transplant_day") - p.courses.day("response_day")) / MONTH_DAYS),
        grafted,
        is_fine=True,
    )
