"""Samples for residual disease: local flow cytometry as in the study, and PCR in Ph-positive disease."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.records.assessments import Assessments
from blinreg.synthetic.records.columns import Codes, constant, frame, happened, slots
from blinreg.synthetic.records.subjects import Subjects
from blinreg.synthetic.streams import Flags, Floats, Numbers, Stream

#: Limit of detection of the two methods, as a fraction of cells.
METHODS = Codes("flow", "pcr")
SENSITIVITY = np.array([0.0001, 0.00001])
RESULTS = Codes("negative", "positive", "not_assessed")
_NEGATIVE, _POSITIVE, _NOT_ASSESSED = range(3)

#: Residual disease counts as that at response up to so many days after it (derived.response of a registry).
NEAR_RESPONSE_DAYS = 42
#: Engraftment has to be there before residual disease is looked for again.
DAYS_AFTER_TRANSPLANT = 20
#: Levels from 1.6e-4 to 3.2e-2 with two digits, evenly on the scale of logarithms.
_LEVELS = np.array([float(f"{10 ** -(1.5 + 2.3 * (step + 0.5) / 1024):.1e}") for step in range(1024)])

_AXIS = 1 << 20
_BEFORE, _MOLECULAR = 20_000, 20_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Days on which samples were taken or ought to have been, with the result of flow cytometry."""

    who: Numbers
    row: Numbers
    day: Numbers
    result: Numbers


def _flow(subjects: Subjects, who: Numbers, day: Numbers, molecular: Numbers) -> Numbers:
    """Give the result of flow cytometry on a day in remission."""
    courses, details = subjects.courses, subjects.details
    result = np.where(courses.is_code("mrd_result", "negative"), _NEGATIVE, _POSITIVE)[who]
    cleared = subjects.draws(Stream.DETAIL_TRANSPLANT).of_rows(subjects.everybody, np.full(len(subjects), _MOLECULAR))
    is_cleared = cleared.chance(details.negative_after_transplant) & ~subjects.is_mrd
    is_late = day > np.maximum(
        subjects.transplant[who] + DAYS_AFTER_TRANSPLANT, subjects.response[who] + NEAR_RESPONSE_DAYS
    )
    result = np.where(is_late & is_cleared[who], _NEGATIVE, result)
    # The MRD indication is positive until it responds.
    is_positive = (subjects.is_mrd[who] & (day < subjects.response[who])) | (day >= molecular[who])
    result = np.where(is_positive, _POSITIVE, result)
    return np.where(courses.is_code("mrd_result", "not_assessed")[who] & (day >= 0), _NOT_ASSESSED, result)


def draw_samples(subjects: Subjects, assessments: Assessments) -> Samples:
    """Draw the samples: before the first dose (MRD indication) and with the assessments in remission.

    Where residual disease was not assessed at response, one row says so.
    """
    courses = subjects.courses
    molecular = courses.day("molecular_relapse_day")
    is_none, is_not_assessed = courses.is_code("mrd_result", "none"), courses.is_code("mrd_result", "not_assessed")
    seen = np.flatnonzero(assessments.is_remission & ~is_none[assessments.who])
    who, day, row = assessments.who[seen], assessments.day[seen], assessments.row[seen]
    keep = day >= np.where(subjects.is_mrd, 0, subjects.response)[who]
    who, day, row = who[keep], day[keep], row[keep]
    is_first = np.append(True, who[1:] != who[:-1])[: len(who)]
    keep = is_first | ~is_not_assessed[who]
    before = np.flatnonzero(subjects.is_mrd)
    draws = subjects.draws(Stream.DETAIL_ASSESSMENT).of_rows(before, np.full(len(before), _BEFORE))
    found = happened(molecular) & subjects.is_remission & ~is_none & ~is_not_assessed
    again = np.flatnonzero(found)
    who = np.concatenate([before, who[keep], again])
    day = np.concatenate([-draws.whole(3, 14), day[keep], molecular[again]])
    row = np.concatenate([np.full(len(before), _BEFORE), row[keep], np.full(len(again), _MOLECULAR)])
    point = who * _AXIS + day
    order = np.argsort(point, kind="stable")
    order = order[np.append(True, np.diff(point[order]) > 0)[: len(order)]]
    return Samples(
        who=who[order], row=row[order], day=day[order], result=_flow(subjects, who[order], day[order], molecular)
    )


def sample_rows(subjects: Subjects, samples: Samples) -> pl.DataFrame:
    """Write the table ``mrd_assessment``."""
    courses, details = subjects.courses, subjects.details
    followed = subjects.draws(Stream.DETAIL_ASSESSMENT).of_rows(subjects.everybody, np.full(len(subjects), _BEFORE + 9))
    has_pcr = courses.flag("is_ph_positive") & followed.chance(details.pcr_in_ph_positive)
    draws = subjects.draws(Stream.DETAIL_ASSESSMENT).of_rows(samples.who, 30_000 + samples.row)
    only_pcr = draws.chance(details.pcr_positive_if_flow_negative)
    level_drawn = [(len(_LEVELS) * draws.uniform()).astype(np.int64) for _ in METHODS.names]
    is_done = samples.result != _NOT_ASSESSED
    is_row = np.column_stack([np.ones(len(samples.who), dtype=np.bool_), has_pcr[samples.who] & is_done])
    sample, method = slots(is_row)
    result = np.where((method == 1) & only_pcr[sample], _POSITIVE, samples.result[sample])
    level: Floats = _LEVELS[np.column_stack(level_drawn)[sample, method]]
    who = samples.who[sample]
    return frame(
        "mrd_assessment",
        {
            "patient_id": subjects.patient_id(who),
            "sample_date": subjects.dates(who, samples.day[sample]),
            "method": METHODS.at(method),
            "tissue": constant("marrow", len(who)),
            "result": RESULTS.at(result),
            "level": _where(result == _POSITIVE, level),
            "sensitivity": _where(is_done[sample], SENSITIVITY[method]),
            "laboratory": constant("local", len(who)),
        },
    )


def _where(is_known: Flags, values: Floats) -> pl.Series:
    return pl.Series(values=np.where(is_known, values, np.nan)).fill_nan(None)
