"""Transplants and graft-versus-host disease, those before blinatumomab included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.courses import GVHD_DIVIDE_DAYS, NEVER, SCHEMA
from blinreg.synthetic.records.columns import Codes, constant, frame, happened, slots, where
from blinreg.synthetic.records.history import History
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream

#: Slots of a patient: the transplant before blinatumomab, the first and the second after it.
_PRIOR, _FIRST, _SECOND = range(3)
REDUCED_FROM_AGE = 55

_DONOR = SCHEMA["donor"]
_COURSE_DONORS = list(_DONOR.categories) if isinstance(_DONOR, pl.Enum) else []
DONORS = Codes(*(name for name in _COURSE_DONORS if name != "none"))
_DONOR_OF_COURSE = np.array([-1 if name == "none" else DONORS.position(name) for name in _COURSE_DONORS])
SOURCES = Codes("blood", "marrow", "cord")
CONDITIONING = Codes("myeloablative", "reduced_intensity", "nonmyeloablative")
STATUS = Codes("cr1", "cr2", "cr3_or_later", "not_in_remission")
_NOT_IN_REMISSION = STATUS.position("not_in_remission")
_GVHD_STREAM = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Transplants:
    """Allogeneic transplants, one row each, by patient and day; codes are positions."""

    who: Numbers
    slot: Numbers
    number: Numbers
    day: Numbers
    status: Numbers


def draw_transplants(subjects: Subjects, history: History) -> Transplants:
    """Draw in which remission each transplant was given."""
    days = np.column_stack([history.transplant, subjects.transplant, subjects.second_transplant])
    is_row = happened(days)
    who, slot = slots(is_row)
    day = days[who, slot]
    draws = subjects.draws(Stream.DETAIL_TRANSPLANT).of_rows(who, slot)
    is_in_remission = draws.chance(subjects.details.in_remission_at_late_transplant)
    # The remission that blinatumomab achieved comes on top; the MRD indication is in one already.
    after_relapse = day > subjects.relapse[who]
    n_after = history.n_remissions[who] + ~subjects.is_mrd[who] + after_relapse
    n_remissions = np.where(slot == _PRIOR, history.n_remissions_at_transplant[who], n_after)
    status = np.where(after_relapse & ~is_in_remission, _NOT_IN_REMISSION, np.clip(n_remissions, 1, 3) - 1)
    return Transplants(
        who=who, slot=slot, number=np.cumsum(is_row, axis=1, dtype=np.int64)[who, slot], day=day, status=status
    )


def late_transplant(subjects: Subjects) -> Numbers:
    """Day of the first transplant after a relapse."""
    days = np.column_stack([subjects.transplant, subjects.second_transplant])
    return np.asarray(
        np.where(days > subjects.relapse[:, None], days, NEVER).min(axis=1, initial=NEVER), dtype=np.int64
    )


def _donor(subjects: Subjects, found: Transplants, draws: Draws) -> Numbers:
    """Give the donor of the course for the first transplant after blinatumomab, and draw the others."""
    weights = subjects.study.transplant.donor
    drawn = np.array([DONORS.position(name) for name in weights.names])[draws.choice(weights)]
    given = _DONOR_OF_COURSE[subjects.courses.code("donor")]
    return np.where(found.slot == _FIRST, given[found.who], drawn)


def _conditioning(subjects: Subjects, found: Transplants, draws: Draws) -> tuple[Numbers, Numbers]:
    """Draw the intensity of the conditioning, which age decides about, and the number of alkylating agents."""
    parameters = subjects.study.records
    is_young = subjects.courses.whole("age_years")[found.who] < REDUCED_FROM_AGE
    chance = np.where(is_young, parameters.myeloablative_under_55, parameters.myeloablative_from_55)
    is_reduced = draws.chance(subjects.details.reduced_intensity)
    kind = np.where(draws.chance(chance), 0, np.where(is_reduced, 1, 2))
    return kind, np.choose(kind, [draws.whole(1, 2), np.ones(len(kind), np.int64), draws.whole(0, 1)])


def transplant_rows(subjects: Subjects, found: Transplants) -> pl.DataFrame:
    """Write the table ``transplant``."""
    who = found.who
    draws = subjects.draws(Stream.DETAIL_TRANSPLANT).of_rows(who, 100 + found.slot)
    donor = _donor(subjects, found, draws)
    details = subjects.details
    is_haploidentical = donor == DONORS.position("haploidentical")
    is_marrow = draws.chance(np.where(is_haploidentical, details.marrow_graft_if_haploidentical, details.marrow_graft))
    source = np.where(donor == DONORS.position("cord_blood"), SOURCES.position("cord"), is_marrow.astype(np.int64))
    kind, n_alkylators = _conditioning(subjects, found, draws)
    neutrophils = found.day + draws.whole(12, 26)
    platelets = neutrophils + draws.whole(0, 18)
    until = np.where(found.slot == _FIRST, subjects.second_transplant[who] - 1, NEVER)
    until = np.minimum(until, subjects.last_day_alive[who])
    return frame(
        "transplant",
        {
            "patient_id": subjects.patient_id(who),
            "transplant_number": pl.Series(found.number),
            "transplant_date": subjects.dates(who, found.day),
            "transplant_type": constant("allogeneic", len(who)),
            "donor": DONORS.at(donor),
            "graft_source": SOURCES.at(source),
            "conditioning": CONDITIONING.at(kind),
            "n_alkylators": pl.Series(n_alkylators),
            "remission_status": STATUS.at(found.status),
            "neutrophil_recovery_date": subjects.dates(who, np.where(neutrophils <= until, neutrophils, NEVER)),
            "platelet_recovery_date": subjects.dates(who, np.where(platelets <= until, platelets, NEVER)),
        },
    )


def _prior_gvhd(subjects: Subjects, history: History) -> tuple[Numbers, Numbers]:
    """Days and grades of acute and chronic disease after the earlier transplant, which is recorded less often."""
    draws = subjects.draws(Stream.DETAIL_TRANSPLANT).of_rows(subjects.everybody, np.full(len(subjects), _GVHD_STREAM))
    share = subjects.study.records.prior_gvhd
    acute = history.transplant + draws.whole(12, 95)
    chronic = history.transplant + draws.whole(GVHD_DIVIDE_DAYS + 5, subjects.study.transplant.last_chronic_gvhd_days)
    has: list[Flags] = [draws.chance(share), draws.chance(share / 2)]
    grades = [draws.whole(1, 4), draws.whole(1, 3)]
    until = history.failure_after_transplant
    days = [
        np.where(is_found & happened(history.transplant) & (day <= until), day, NEVER)
        for is_found, day in zip(has, (acute, chronic), strict=True)
    ]
    return np.column_stack(days), np.column_stack(grades)


def gvhd_rows(subjects: Subjects, history: History) -> pl.DataFrame:
    """Write the table ``gvhd``; chronic disease is graded by NIH 2014, acute by the site's scale."""
    courses = subjects.courses
    prior_days, prior_grades = _prior_gvhd(subjects, history)
    days = np.column_stack([prior_days, courses.day("acute_gvhd_day"), courses.day("chronic_gvhd_day")])
    known = [courses.frame[f"{kind}_gvhd_grade"].fill_null(0).to_numpy() for kind in ("acute", "chronic")]
    grades = np.column_stack([prior_grades, *known])
    who, slot = slots(happened(days))
    is_chronic, is_after = slot % 2, slot >= 2
    has_prior = happened(history.transplant)[who]
    grade = grades[who, slot]
    sites = subjects.study.sites
    scales = Codes(*dict.fromkeys([*(site.gvhd_scale for site in sites), "nih_2014"]))
    of_site = np.array([scales.position(site.gvhd_scale) for site in sites])[subjects.site[who]]
    scale = np.where(is_chronic == 1, scales.position("nih_2014"), of_site)
    return frame(
        "gvhd",
        {
            "patient_id": subjects.patient_id(who),
            "transplant_number": pl.Series(1 + (is_after & has_prior).astype(np.int64)),
            "gvhd_type": Codes("acute", "chronic").at(is_chronic),
            "onset_date": subjects.dates(who, days[who, slot]),
            "grade": where(grade > 0, grade),
            "grade_scale": scales.at(np.where(grade > 0, scale, -1)),
        },
    )
