"""Draw courses: all parts of the model in their order, put together as one row a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.synthetic.courses import NEVER, NULLABLE, SCHEMA, TERM_CATEGORY, Courses, Placement
from blinreg.synthetic.model.baseline import NO_CR1, Baseline, draw_baseline
from blinreg.synthetic.model.cells import Cells, draw_cells
from blinreg.synthetic.model.disease import draw_path
from blinreg.synthetic.model.observation import Observed, Recorded, draw_end, draw_recorded, observe
from blinreg.synthetic.model.response import Response, draw_response
from blinreg.synthetic.model.toxicity import EVALUATED, STOP_CATEGORIES, Toxicity, draw_cycles, draw_toxicity
from blinreg.synthetic.streams import Numbers
from blinreg.synthetic.studies.parameters import Study

Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Baseline, response and the observed course: all that the outcome of patients depends on."""

    baseline: Baseline
    response: Response
    observed: Observed


def draw_outcome(study: Study, seed: int, numbers: Numbers, *, baseline: Baseline | None = None) -> Outcome:
    """Draw baseline, response, disease and observation.

    Parameters
    ----------
    study : Study
        Study to draw from.
    seed : int
        Seed of the cohort, not negative.
    numbers : array of int, (n,)
        Numbers of the patients.
    baseline : Baseline, optional
        Baseline drawn before from the same study, seed and numbers, to save the time.
    """
    entropy = study.entropy(seed)
    baseline = baseline or draw_baseline(study, entropy, numbers)
    response = draw_response(study, entropy, numbers, baseline)
    path = draw_path(study, entropy, numbers, baseline, response)
    last_day, reason = draw_end(study, entropy, numbers, baseline)
    observed = observe(study, baseline, response, path, last_day=last_day, reason=reason)
    return Outcome(baseline=baseline, response=response, observed=observed)


def draw_courses(study: Study, seed: int, numbers: Numbers) -> tuple[Courses, Placement]:
    """Draw the courses of patients, and where and when each was treated.

    Parameters
    ----------
    study : Study
        Study to draw from.
    seed : int
        Seed of the cohort, not negative.
    numbers : array of int, (n,)
        Numbers of the patients, from 0. A patient depends on the study, the seed and the number only:
        neither on which others are drawn nor on their order.

    Returns
    -------
    Courses, Placement
        One row a patient, in the order of ``numbers``.

    Examples
    --------
    >>> from blinreg.synthetic.studies import load_study
    >>> study = load_study("realworld-2020")
    >>> courses, placement = draw_courses(study, 2020, np.arange(1000))
    >>> alone, _ = draw_courses(study, 2020, np.array([17]))
    >>> len(courses), courses.frame[17].equals(alone.frame)
    (1000, True)
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    entropy = study.entropy(seed)
    outcome = draw_outcome(study, seed, numbers)
    baseline, observed = outcome.baseline, outcome.observed
    toxicity = draw_toxicity(study, entropy, numbers, baseline, observed)
    n_cycles = draw_cycles(
        study, entropy, numbers, planned_cycle=outcome.response.cycle, observed=observed, toxicity=toxicity
    )
    cells = draw_cells(study, entropy, numbers, baseline, observed, n_cycles=n_cycles)
    recorded = draw_recorded(study, entropy, numbers, baseline, observed)
    columns = {
        "number": numbers,
        **_baseline_columns(study, baseline, recorded),
        "n_cycles": n_cycles,
        **_observed_columns(observed),
        **_cell_columns(cells),
        **_toxicity_columns(toxicity),
    }
    start = np.datetime64(study.accrual_start, "D")
    return Courses(_frame(columns)), Placement(
        site=baseline.site, index_date=start + baseline.index_day.astype("timedelta64[D]")
    )


def _baseline_columns(study: Study, baseline: Baseline, recorded: Recorded) -> Columns:
    hct = np.where(baseline.has_prior_allo_hct, 0, np.where(recorded.prior_allo_hct, 1, 2))
    names = study.baseline.cr1_class.names
    classes = list(SCHEMA["cr1_class"].categories)  # type: ignore[attr-defined]
    positions = np.array([classes.index(name) for name in (*names, "ongoing")])
    dosing = np.where(baseline.is_mrd_indication, 2, np.where(baseline.is_reduced_dosing, 1, 0))
    return {
        "is_mrd_indication": baseline.is_mrd_indication,
        "age_years": baseline.age_years,
        "is_female": baseline.is_female,
        "karnofsky_percent": np.where(recorded.karnofsky_percent, baseline.karnofsky_percent, NEVER),
        "wbc_1e9_per_l": np.where(recorded.wbc, baseline.wbc_1e9_per_l, np.nan),
        "blood_blast_percent": np.where(recorded.blood_blast, baseline.blood_blast_percent, np.nan),
        "is_ph_positive": baseline.is_ph_positive,
        "is_kmt2a_rearranged": baseline.is_kmt2a_rearranged,
        "cytogenetic_abnormality": baseline.cytogenetics,
        "has_cns_at_diagnosis": baseline.has_cns_at_diagnosis,
        "has_cns_at_relapse": baseline.has_cns_at_relapse,
        "has_active_cns": baseline.has_active_cns,
        "has_extramedullary": baseline.has_extramedullary,
        "has_marrow_disease": baseline.has_marrow_disease,
        "n_prior_lines": baseline.n_prior_lines,
        "is_n_prior_lines_recorded": recorded.n_prior_lines,
        "cr1_class": positions[baseline.cr1_class],
        "cr1_days": np.where(baseline.cr1_days == NO_CR1, NEVER, baseline.cr1_days),
        "prior_allo_hct": hct,
        "has_prior_inotuzumab": baseline.has_prior_inotuzumab,
        "dosing": dosing,
        "tki": baseline.tki,
        "with_chemotherapy": baseline.with_chemotherapy,
        "with_rituximab": baseline.with_rituximab,
        "with_intrathecal": baseline.has_active_cns,
    }


def _observed_columns(observed: Observed) -> Columns:
    return {
        "best_response": observed.best_response,
        "mrd_result": observed.mrd_result,
        "response_day": observed.response_day,
        "progression_day": observed.progression_day,
        "molecular_relapse_day": observed.molecular_relapse_day,
        "relapse_day": observed.relapse_day,
        "transplant_day": observed.transplant_day,
        "second_transplant_day": observed.second_transplant_day,
        "end_day": observed.end_day,
        "is_dead": observed.is_dead,
        "end_reason": observed.end_reason,
        "cause_of_death": observed.cause_of_death,
        "fatal_term": observed.fatal_term,
    }


def _cell_columns(cells: Cells) -> Columns:
    return {
        "car_t_day": cells.car_t_day,
        "dli_day": cells.dli_day,
        "donor": cells.donor,
        "acute_gvhd_day": cells.acute_gvhd_day,
        "acute_gvhd_grade": cells.acute_gvhd_grade,
        "chronic_gvhd_day": cells.chronic_gvhd_day,
        "chronic_gvhd_grade": cells.chronic_gvhd_grade,
        "transplant_veno_occlusive_disease_day": cells.veno_occlusive_disease_day,
        "transplant_infection_day": cells.infection_day,
    }


def _toxicity_columns(toxicity: Toxicity) -> Columns:
    columns: Columns = {f"evaluable_{category}": toxicity.evaluable[category] for category in EVALUATED}
    columns |= {f"grade_{term}": toxicity.grades[term] for term in TERM_CATEGORY}
    columns |= {f"stopped_for_{category}": toxicity.stopped[category] for category in STOP_CATEGORIES}
    columns["crs_corticosteroid"] = toxicity.crs_corticosteroid
    columns["crs_tocilizumab"] = toxicity.crs_tocilizumab
    columns["n_interruptions"] = toxicity.n_interruptions
    return columns


def _frame(columns: Columns) -> pl.DataFrame:
    """Make the frame of a course: codes from positions, nulls for what did not happen or was not recorded."""
    made = []
    for name, kind in SCHEMA.items():
        values = columns[name]
        if isinstance(kind, pl.Enum):
            made.append(pl.Series(name, list(kind.categories), dtype=kind).gather(values))
        elif name in NULLABLE and kind == pl.Int64():
            series = pl.Series(name, values)
            made.append(series.set(series == NEVER, None))
        elif kind == pl.Float64():
            made.append(pl.Series(name, values, nan_to_null=True))
        else:
            made.append(pl.Series(name, values))
    return pl.DataFrame(made)
