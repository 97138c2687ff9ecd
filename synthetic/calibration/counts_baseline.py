"""The patients at the first dose: what the survival analyses do not use, with the counts of Table 1."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.synthetic.calibration.counts import Flags, Numbers, Picker
from blinreg.synthetic.calibration.counts_statements import Profile
from blinreg.synthetic.courses import CR1_DAYS
from blinreg.synthetic.streams import Curve

Floats = NDArray[np.float64]
Columns = dict[str, pl.Series]

#: Table 1: median 4.2 (0.01 to 205); the other points are those of the multi-state model.
_WBC = Curve(((0.0, 0.01), (0.1, 0.8), (0.25, 2.1), (0.5, 4.2), (0.75, 9.0), (0.95, 45.0), (1.0, 205.0)))
#: Table 1: median 0.2 (0.2 to 97). A median at the minimum needs half of the patients there; the profile ``plausible``
#: has the minimum at 0.
_BLASTS = {
    "strict": Curve(((0.0, 0.2), (0.5, 0.2), (0.7, 15.0), (0.9, 70.0), (1.0, 97.0))),
    "plausible": Curve(((0.0, 0.0), (0.45, 0.0), (0.5, 0.2), (0.7, 15.0), (0.9, 70.0), (1.0, 97.0))),
}
#: Karnofsky performance status: 131 of 80% and more, 25 below, 83 not recorded. The shares within are plausible.
_KARNOFSKY = {100: 22, 90: 62, 80: 47, 70: 14, 60: 8, 50: 3}
#: The first remission that carried a transplant lasted so many days at least.
_SHORTEST_REMISSION_WITH_TRANSPLANT = 160
#: Relapses within 18 months, which Table 2 sets apart, come up to this day.
_LAST_DAY_OF_18_MONTHS = 547


def _by_rank(latent: Floats, among: Flags, curve: Curve, decimals: int) -> list[float | None]:
    """Give the values of a distribution to patients in the order of a latent variable; none to the others."""
    values: list[float | None] = [None] * len(latent)
    chosen = np.flatnonzero(among)
    sizes = np.round(curve.at(np.linspace(0.0, 1.0, len(chosen))), decimals)
    for position, size in zip(chosen[np.argsort(latent[chosen], kind="stable")], sizes.tolist(), strict=True):
        values[int(position)] = size
    return values


def _genetics_and_sex(frame: pl.DataFrame, picker: Picker) -> Columns:
    size = frame.height
    everyone = np.ones(size, dtype=np.bool_)
    known = (frame["is_ph_positive"] | frame["is_kmt2a_rearranged"]).to_numpy()
    abnormal = known | picker.pick(~known, 164 - int(known.sum()))
    unknown = picker.pick(~abnormal, 5)
    return {
        # Printed are 101 (text) and 138 (Table 1) women, which add up to 239; the text is followed.
        "is_female": pl.Series(picker.pick(everyone, 101)),
        "cytogenetic_abnormality": pl.Series(np.where(abnormal, "yes", np.where(unknown, "unknown", "no")).tolist()),
    }


def _disease(frame: pl.DataFrame, picker: Picker) -> Columns:
    """CNS disease 15 at diagnosis, 39 at relapse, 9 active; extramedullary 10, of whom 6 without marrow disease."""
    history = frame["cns_history"].to_numpy() == 1
    active = frame["has_active_cns"].to_numpy()
    rest = history & ~active
    relapse_of_active = min(6, 39 - max(0, int(rest.sum()) - 15))
    at_relapse = picker.pick(active, relapse_of_active) | picker.pick(rest, 39 - relapse_of_active)
    at_diagnosis = rest & ~at_relapse
    at_diagnosis = at_diagnosis | picker.pick(history & at_relapse, 15 - int(at_diagnosis.sum()))
    block = frame["block"].cast(pl.String).to_numpy()
    earlier = frame["prior_allo_hct"].cast(pl.String).to_numpy() == "yes"
    responding = np.isin(block, ["transplanted", "responder"]) & ~active
    failing = (block == "nonresponder") & ~active & ~frame["toxic_death"].to_numpy()
    responding_extramedullary = picker.pick(responding & ~earlier, 1) | picker.pick(responding & earlier, 1)
    failing_extramedullary = picker.pick(failing & ~earlier, 4) | picker.pick(failing & earlier, 4)
    no_marrow = picker.pick(failing_extramedullary, 6)
    return {
        "has_cns_at_diagnosis": pl.Series(at_diagnosis),
        "has_cns_at_relapse": pl.Series(at_relapse),
        "has_extramedullary": pl.Series(responding_extramedullary | failing_extramedullary),
        "has_marrow_disease": pl.Series(~no_marrow & ~frame["is_mrd_indication"].to_numpy()),
    }


def _first_remission_days(frame: pl.DataFrame, picker: Picker) -> pl.Series:
    days: list[int | None] = []
    uniform = picker.generator.random(frame.height)
    rows = zip(
        frame["cr1_class"].cast(pl.String),
        frame["is_relapse_within_18_months"],
        frame["prior_allo_hct"].cast(pl.String),
        frame["n_prior_lines"],
        uniform.tolist(),
        strict=True,
    )
    for kind, is_early, earlier, n_lines, share in rows:
        if kind not in CR1_DAYS:
            days.append(None)
            continue
        first, last = CR1_DAYS[kind]
        if kind == "1_to_2_years":
            first, last = (first, _LAST_DAY_OF_18_MONTHS) if is_early else (_LAST_DAY_OF_18_MONTHS + 2, last)
        if earlier == "yes" and n_lines == 1:
            first = max(first, _SHORTEST_REMISSION_WITH_TRANSPLANT)
        days.append(first + int(share * (last - first + 1)))
    return pl.Series(days, dtype=pl.Int64)


def _treatment(frame: pl.DataFrame, picker: Picker) -> Columns:
    """Earlier inotuzumab 22, one of them of the MRD indication and not cleared by blinatumomab; dosing 218, 12, 9."""
    is_mrd = frame["is_mrd_indication"].to_numpy()
    block = frame["block"].cast(pl.String).to_numpy()
    several = frame["n_prior_lines"].to_numpy() >= 2
    reduced = picker.pick(~is_mrd, 9, np.exp((frame["age_years"].to_numpy() - 48) / 20))
    alone = (frame["tki"].cast(pl.String) == "none").to_numpy() & ~frame["with_chemotherapy"].to_numpy()
    return {
        "has_prior_inotuzumab": pl.Series(
            picker.pick(several & ~is_mrd, 21) | picker.pick(several & (block == "mrd_nonresponder"), 1)
        ),
        "dosing": pl.Series(np.where(is_mrd, "mrd", np.where(reduced, "reduced", "standard")).tolist()),
        "with_rituximab": pl.Series(picker.pick(~is_mrd & alone & (block != "not_evaluable"), 1)),
        "with_intrathecal": frame["has_active_cns"],
        # Of one patient the paper does not know; of the MRD indication here, so that no model of the 227 loses one.
        "prior_allo_hct": pl.Series(
            np.where(picker.pick(is_mrd, 1), "unknown", frame["prior_allo_hct"].cast(pl.String).to_numpy()).tolist()
        ),
    }


def _karnofsky(frame: pl.DataFrame, burden: Floats, picker: Picker) -> pl.Series:
    size = frame.height
    early_death = frame["is_dead"].to_numpy() & (frame["end_day"].to_numpy() < 60)
    missing = picker.pick(np.ones(size, dtype=np.bool_), 83, np.where(early_death, 1.6, 1.0))
    weakness = 0.5 * burden + (frame["age_years"].to_numpy() - 48) / 25 + picker.generator.normal(size=size)
    values = np.repeat(list(_KARNOFSKY), list(_KARNOFSKY.values()))
    column = np.zeros(size, dtype=np.int64)
    recorded = np.flatnonzero(~missing)
    column[recorded[np.argsort(weakness[recorded], kind="stable")]] = values
    return pl.Series([value or None for value in column.tolist()], dtype=pl.Int64)


def disease_burden(frame: pl.DataFrame, picker: Picker) -> Floats:
    """Draw a latent burden of disease: higher without response, low in the MRD indication; about standard normal."""
    block = frame["block"].cast(pl.String).to_numpy()
    shift = np.where(np.isin(block, ["nonresponder", "not_evaluable"]), 0.4, -0.2)
    shift = np.where(frame["is_mrd_indication"].to_numpy(), -2.5, shift)
    return np.asarray(shift + picker.generator.normal(size=frame.height), dtype=np.float64)


def baseline_columns(frame: pl.DataFrame, burden: Floats, profile: Profile, picker: Picker) -> Columns:
    """Columns of ``courses.SCHEMA`` on the patient at the first dose that the skeleton does not have.

    Parameters
    ----------
    frame : polars.DataFrame
        Skeleton with days.
    burden : array of float
        From `disease_burden`: white cells and blasts go with it.
    profile : str
        Decides about the smallest value of the blasts.
    picker : Picker
        Random choices.
    """
    size = frame.height
    disease = _disease(frame, picker)
    without_marrow = ~disease["has_marrow_disease"].to_numpy() & ~frame["is_mrd_indication"].to_numpy()
    not_counted = without_marrow | picker.pick(~without_marrow, 10 - int(without_marrow.sum()))
    cells = 0.7 * burden + picker.generator.normal(size=size) * 0.7
    blasts = 0.8 * burden + picker.generator.normal(size=size) * 0.6
    return {
        **_genetics_and_sex(frame, picker),
        **disease,
        **_treatment(frame, picker),
        "cr1_days": _first_remission_days(frame, picker),
        "karnofsky_percent": _karnofsky(frame, burden, picker),
        "wbc_1e9_per_l": pl.Series(_by_rank(cells, np.ones(size, dtype=np.bool_), _WBC, 2), dtype=pl.Float64),
        "blood_blast_percent": pl.Series(_by_rank(blasts, ~not_counted, _BLASTS[profile], 1), dtype=pl.Float64),
    }


__all__ = ["Columns", "Floats", "Numbers", "baseline_columns", "disease_burden"]
