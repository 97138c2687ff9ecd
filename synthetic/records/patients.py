"""Who the patient is, the state at the first dose and at transplant, enrolment, and how observation ended."""

from __future__ import annotations

import numpy as np
import polars as pl

from blinreg.synthetic.courses import NEVER
from blinreg.synthetic.records.columns import Codes, constant, frame, where, yes_no
from blinreg.synthetic.records.history import History
from blinreg.synthetic.records.later_treatment import NextLine
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.records.transplants import STATUS, Transplants
from blinreg.synthetic.streams import Flags, Floats, Numbers, Stream

_YES_NO_UNKNOWN = Codes("yes", "no", "unknown")
#: The state before a transplant was assessed so long before it.
DAYS_BEFORE_TRANSPLANT = 7
_KARYOTYPES = Codes("other_abnormality", "normal", "unknown", "t(9;22)", "t(4;11)")
_FIRST_SLOT = 1


def _calendar(days: Numbers) -> tuple[Numbers, Numbers]:
    """Year and day of the year of days from 1970-01-01."""
    moment = days.astype("datetime64[D]")
    year = moment.astype("datetime64[Y]")
    return year.astype(np.int64) + 1970, (moment - year.astype("datetime64[D]")).astype(np.int64) + 1


def _birth(subjects: Subjects) -> tuple[Numbers, Numbers]:
    """Year of birth, and birthday as a day of the year, which is not submitted."""
    birthday = subjects.draws(Stream.DETAIL_PATIENT).whole(1, 365)
    year, day = _calendar(subjects.index_day)
    return year - subjects.courses.whole("age_years") - (birthday > day), birthday


def patient_rows(subjects: Subjects, history: History) -> pl.DataFrame:
    """Write the table ``patient``."""
    courses, everybody = subjects.courses, subjects.everybody
    n = len(subjects)
    return frame(
        "patient",
        {
            "patient_id": subjects.names,
            "site_id": Codes(*(site.id for site in subjects.study.sites)).at(subjects.site),
            "birth_year": pl.Series(_birth(subjects)[0]),
            "sex": Codes("male", "female").at(courses.flag("is_female")),
            "disease": constant("b_all", n),
            "diagnosis_date": subjects.dates(everybody, history.diagnosis, history.diagnosis_precision),
            "ph_status": Codes("negative", "positive").at(courses.flag("is_ph_positive")),
            "kmt2a_rearranged": yes_no(courses.flag("is_kmt2a_rearranged")),
            "cytogenetic_abnormality": courses.frame["cytogenetic_abnormality"],
            "cns_at_diagnosis": yes_no(courses.flag("has_cns_at_diagnosis")),
        },
    )


def _ecog(subjects: Subjects) -> Numbers:
    """ECOG performance status of some whose Karnofsky value is missing; -1 without one."""
    draws = subjects.draws(Stream.DETAIL_PATIENT).of_rows(subjects.everybody, np.full(len(subjects), 1))
    weights = subjects.details.ecog
    is_given = draws.chance(subjects.study.records.ecog_if_no_karnofsky)
    grade = np.array([int(name) for name in weights.names])[draws.choice(weights)]
    is_missing = subjects.courses.frame["karnofsky_percent"].is_null().to_numpy()
    return np.where(is_given & is_missing, grade, -1)


def _marrow_blasts(subjects: Subjects) -> Floats:
    draws = subjects.draws(Stream.DETAIL_PATIENT).of_rows(subjects.everybody, np.full(len(subjects), 2))
    drawn, in_remission = draws.value(subjects.study.records.marrow_blast_percent), draws.whole(0, 4)
    has_blasts = subjects.courses.flag("has_marrow_disease") & ~subjects.is_mrd  # residual disease is below 5%
    return np.where(has_blasts, np.floor(drawn), in_remission)


def _at_first_dose(subjects: Subjects, common: dict[str, pl.Series]) -> dict[str, pl.Series]:
    courses = subjects.courses
    draws = subjects.draws(Stream.DETAIL_PATIENT).of_rows(subjects.everybody, np.full(len(subjects), 3))
    ecog = _ecog(subjects)
    return {
        **common,
        "timepoint": constant("blinatumomab_start", len(subjects)),
        "assessment_date": subjects.dates(subjects.everybody, -draws.whole(0, 3)),
        "age_years": courses.frame["age_years"],
        "ecog": where(ecog >= 0, ecog),
        "wbc_1e9_per_l": courses.frame["wbc_1e9_per_l"],
        "blood_blast_percent": courses.frame["blood_blast_percent"],
        "marrow_blast_percent": pl.Series(_marrow_blasts(subjects)),
        "marrow_disease": yes_no(courses.flag("has_marrow_disease")),
        "cns_disease": yes_no(courses.flag("has_active_cns")),
        "extramedullary_disease": yes_no(courses.flag("has_extramedullary")),
        "n_prior_lines": common["n_prior_lines"],
    }


def _at_transplant(
    subjects: Subjects, common: dict[str, pl.Series], transplants: Transplants, next_line: NextLine
) -> dict[str, pl.Series]:
    """State before the first transplant after the first dose."""
    first = np.flatnonzero(transplants.slot == _FIRST_SLOT)
    who, day = transplants.who[first], transplants.day[first]
    birth_year, birthday = _birth(subjects)
    year, day_of_year = _calendar(subjects.index_day[who] + day)
    in_remission = transplants.status[first] != STATUS.position("not_in_remission")
    no = np.zeros(len(who), dtype=np.bool_)
    chosen = {name: values.gather(who.astype(np.uint32)) for name, values in common.items()}
    return {
        **chosen,
        "timepoint": constant("transplant", len(who)),
        "assessment_date": subjects.dates(who, day - DAYS_BEFORE_TRANSPLANT),
        "age_years": pl.Series(year - birth_year[who] - (birthday[who] > day_of_year)),
        "marrow_disease": yes_no(~in_remission),
        "cns_disease": yes_no(no),
        "extramedullary_disease": yes_no(no),
        # Blinatumomab is a line, and so is what came between it and the transplant.
        "n_prior_lines": chosen["n_prior_lines"] + pl.Series(1 + (next_line.start[who] < day)),
    }


def baseline_rows(subjects: Subjects, transplants: Transplants, next_line: NextLine) -> pl.DataFrame:
    """Write the table ``baseline``: the first dose, and the first transplant after it."""
    courses = subjects.courses
    common = {
        "patient_id": subjects.names,
        "karnofsky_percent": courses.frame["karnofsky_percent"],
        "n_prior_lines": where(courses.flag("is_n_prior_lines_recorded"), courses.whole("n_prior_lines")),
        "prior_allo_hct": courses.frame["prior_allo_hct"].cast(pl.String),
        "primary_refractory": yes_no(courses.is_code("cr1_class", "primary_refractory")),
        "cr1_duration_days": courses.frame["cr1_days"],
    }
    at_transplant = _at_transplant(subjects, common, transplants, next_line)
    first = np.flatnonzero(transplants.slot == _FIRST_SLOT)
    parts = [
        frame("baseline", _at_first_dose(subjects, common)),
        frame("baseline", at_transplant),
    ]
    order = np.argsort(np.concatenate([subjects.everybody, transplants.who[first]]), kind="stable")
    return pl.concat(parts)[order.astype(np.uint32)]


def characteristic_rows(subjects: Subjects) -> pl.DataFrame:
    """Write the table ``patient_characteristic``: race, CD22 and karyotype of each patient."""
    courses, parameters = subjects.courses, subjects.study.records
    draws = subjects.draws(Stream.DETAIL_PATIENT).of_rows(subjects.everybody, np.full(len(subjects), 4))
    karyotype = courses.code("cytogenetic_abnormality")
    karyotype = np.where(courses.flag("is_ph_positive"), 3, karyotype)
    karyotype = np.where(courses.flag("is_kmt2a_rearranged"), 4, karyotype)
    values = Codes(*parameters.race.names, *parameters.cd22.names, *_KARYOTYPES.names)
    n_race, n_cd22 = len(parameters.race.names), len(parameters.cd22.names)
    drawn = [draws.choice(parameters.race), n_race + draws.choice(parameters.cd22), n_race + n_cd22 + karyotype]
    who, slot = np.repeat(subjects.everybody, 3), np.tile(np.arange(3), len(subjects))
    return frame(
        "patient_characteristic",
        {
            "patient_id": subjects.patient_id(who),
            "characteristic": Codes("race", "cd22", "karyotype").at(slot),
            "value": values.at(np.column_stack(drawn).ravel()),
        },
    )


def enrolment_rows(subjects: Subjects) -> pl.DataFrame:
    """Write the table ``enrolment``; the study has no arms."""
    return frame("enrolment", {"patient_id": subjects.names, "study_id": constant(subjects.study.id, len(subjects))})


def enrolment_event_rows(subjects: Subjects) -> pl.DataFrame:
    """Write the table ``enrolment_event``: the first dose."""
    n = len(subjects)
    return frame(
        "enrolment_event",
        {
            "patient_id": subjects.names,
            "study_id": constant(subjects.study.id, n),
            "milestone": constant("treated", n),
            "event_date": subjects.dates(subjects.everybody, np.zeros(n, dtype=np.int64)),
        },
    )


def follow_up_rows(subjects: Subjects, last_assessment: Numbers) -> pl.DataFrame:
    """Write the table ``follow_up``."""
    courses, who, is_dead = subjects.courses, subjects.everybody, subjects.is_dead
    alive: Flags = ~is_dead
    return frame(
        "follow_up",
        {
            "patient_id": subjects.names,
            "last_contact_date": subjects.dates(who, subjects.end),
            "last_disease_assessment_date": subjects.dates(who, last_assessment),
            "vital_status": Codes("alive", "dead").at(is_dead),
            "death_date": subjects.dates(who, np.where(is_dead, subjects.end, NEVER)),
            "cause_of_death": where(is_dead, courses.frame["cause_of_death"].cast(pl.String)),
            "end_reason": where(alive, courses.frame["end_reason"].cast(pl.String)),
        },
    )
