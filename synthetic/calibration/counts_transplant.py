"""Transplant after blinatumomab and what ended observation, with the counts of Table 4."""

from __future__ import annotations

import numpy as np
import polars as pl

from blinreg.synthetic.calibration.counts import Flags, Numbers, Picker
from blinreg.synthetic.calibration.counts_baseline import Columns
from blinreg.synthetic.courses import CYCLE_DAYS, GVHD_DIVIDE_DAYS, INFUSION_DAYS, NEVER

_DONORS = {"matched_related": 31, "matched_unrelated": 36, "haploidentical": 13, "cord_blood": 5}
_FATAL_TERMS = ("crs", "liver_failure", "stroke", "sepsis")
#: Chronic graft-versus-host disease begins up to this day after transplant.
_LATEST_CHRONIC = 400
#: From the first day of the last cycle until events no longer count as on treatment: 6 days of infusion and 30 more.
_OFF_TREATMENT_DAYS = 37


def _nullable(values: Numbers, present: Flags) -> pl.Series:
    return pl.Series(
        [value if is_present else None for value, is_present in zip(values.tolist(), present.tolist(), strict=True)],
        dtype=pl.Int64,
    )


def days_of(frame: pl.DataFrame, name: str) -> Numbers:
    """Days of a column, ``NEVER`` where it did not happen."""
    return np.asarray(frame[name].cast(pl.Int64).fill_null(NEVER).to_numpy(), dtype=np.int64)


def _between(picker: Picker, first: Numbers | int, last: Numbers | int, size: int) -> Numbers:
    span = np.maximum(np.broadcast_to(np.asarray(last) - np.asarray(first) + 1, size), 1)
    return np.asarray(first + (picker.generator.random(size) * span).astype(np.int64), dtype=np.int64)


def transplant_columns(frame: pl.DataFrame, picker: Picker) -> Columns:
    """Donor, graft-versus-host disease (28 acute, 14 chronic), veno-occlusive disease (2) and infection (12)."""
    size = frame.height
    transplant, end = days_of(frame, "transplant_day"), days_of(frame, "end_day")
    transplanted = transplant < NEVER
    followed = np.where(transplanted, end - transplant, 0)
    donor = np.full(size, "none", dtype=object)
    donor[transplanted] = picker.generator.permutation(np.repeat(list(_DONORS), list(_DONORS.values())))
    early_death = frame["is_dead"].to_numpy() & (followed <= GVHD_DIVIDE_DAYS)
    more = np.where(early_death, 2.0, 1.0) * np.where(donor == "matched_related", 0.8, 1.1)
    acute = picker.pick(transplanted & (followed >= 25), 28, more)
    chronic = picker.pick(transplanted & (followed >= GVHD_DIVIDE_DAYS + 30), 14, np.where(acute, 2.0, 1.0))
    # What begins before the last infusion is over by a month would count as toxicity of blinatumomab.
    off_treatment = (days_of(frame, "n_cycles") - 1) * CYCLE_DAYS + _OFF_TREATMENT_DAYS - transplant
    first_occlusive, last_occlusive = np.maximum(6, off_treatment), np.minimum(24, followed - 1)
    first_infection, last_infection = np.maximum(3, off_treatment), np.minimum(90, followed - 1)
    occlusive = picker.pick(transplanted & (first_occlusive <= last_occlusive), 2, more)
    infection = picker.pick(transplanted & (first_infection <= last_infection), 12, more)
    acute_grade = np.where(acute & early_death, 3, _between(picker, 1, 3, size))
    return {
        "donor": pl.Series(donor.tolist()),
        "acute_gvhd_day": _nullable(transplant + _between(picker, 14, np.minimum(95, followed - 1), size), acute),
        "acute_gvhd_grade": _nullable(acute_grade, acute),
        "chronic_gvhd_day": _nullable(
            transplant + _between(picker, GVHD_DIVIDE_DAYS + 5, np.minimum(_LATEST_CHRONIC, followed - 1), size),
            chronic,
        ),
        "chronic_gvhd_grade": _nullable(_between(picker, 1, 3, size), chronic),
        "transplant_veno_occlusive_disease_day": _nullable(
            transplant + _between(picker, first_occlusive, last_occlusive, size), occlusive
        ),
        "transplant_infection_day": _nullable(
            transplant + _between(picker, first_infection, last_infection, size), infection
        ),
        "second_transplant_day": pl.Series([None] * size, dtype=pl.Int64),
    }


def cellular_columns(frame: pl.DataFrame, picker: Picker) -> Columns:
    """CAR-T cells in 3 and donor lymphocytes in 2 of the responders without transplant, in remission."""
    status = frame["in_remission_status"].cast(pl.String).fill_null("none").to_numpy()
    response, end = days_of(frame, "response_day"), days_of(frame, "end_day")
    after_cycles = (days_of(frame, "n_cycles") - 1) * CYCLE_DAYS + INFUSION_DAYS + 3
    first = np.maximum(response + 10, after_cycles)
    first = np.where(first > end - 2, np.minimum(response + 1, end - 1), first)
    day = _between(picker, first, np.minimum(first + 60, end - 2), frame.height)
    return {"car_t_day": _nullable(day, status == "car_t"), "dli_day": _nullable(day, status == "dli")}


def ending_columns(frame: pl.DataFrame, picker: Picker) -> Columns:
    """Why observation ended, and the cause of death: 4 of toxicity, 6 of transplant within 100 days of it."""
    size = frame.height
    dead, toxic = frame["is_dead"].to_numpy(), frame["toxic_death"].to_numpy()
    transplant, relapse, end = (days_of(frame, name) for name in ("transplant_day", "relapse_day", "end_day"))
    uniform = picker.generator.random(size)
    in_remission = (relapse == NEVER) & (days_of(frame, "response_day") < NEVER)
    in_remission = in_remission | (frame["is_mrd_indication"].to_numpy() & (relapse == NEVER))
    cause = np.where(uniform < 0.9, "disease", np.where(uniform < 0.96, "infection", "unknown")).astype(object)
    cause[in_remission] = np.where(uniform < 0.5, "infection", np.where(uniform < 0.8, "other", "unknown"))[
        in_remission
    ]
    after_transplant = in_remission & (transplant < NEVER)
    related = after_transplant & ((end - transplant <= GVHD_DIVIDE_DAYS) | (uniform < 0.6))
    cause[related] = "transplant_related"
    cause[toxic] = "blinatumomab_toxicity"
    cause[~dead] = "none"
    fatal = np.full(size, "none", dtype=object)
    fatal[toxic] = picker.generator.permutation(np.array(_FATAL_TERMS, dtype=object))
    lost = uniform < np.where(end < 180, 0.3, 0.08)
    reason = np.where(dead, "death", np.where(lost, np.where(uniform < 0.015, "withdrew", "lost"), "cutoff"))
    return {
        "end_reason": pl.Series(reason.tolist()),
        "cause_of_death": pl.Series(cause.tolist()),
        "fatal_term": pl.Series(fatal.tolist()),
    }
