"""Details of the transplants after the first dose, and cells given in remission without one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blinreg.synthetic.courses import CYCLE_DAYS, GVHD_DIVIDE_DAYS, NEVER
from blinreg.synthetic.model.baseline import Baseline
from blinreg.synthetic.model.observation import Observed
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream
from blinreg.synthetic.studies.parameters import Study

#: A last infusion can end on the sixth day, and 30 days later its events are over.
_AFTER_CYCLE_DAYS = 37


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Transplant details and cells; days are ``NEVER`` where there was none, ``donor`` 0 without a transplant."""

    donor: Numbers
    acute_gvhd_day: Numbers
    acute_gvhd_grade: Numbers
    chronic_gvhd_day: Numbers
    chronic_gvhd_grade: Numbers
    veno_occlusive_disease_day: Numbers
    infection_day: Numbers
    car_t_day: Numbers
    dli_day: Numbers


def draw_cells(
    study: Study,
    entropy: tuple[int, int],
    numbers: Numbers,
    baseline: Baseline,
    observed: Observed,
    *,
    n_cycles: Numbers,
) -> Cells:
    """Draw donors, graft-versus-host disease and complications after transplant, and cells in remission.

    GVHD and complications have days of onset; those that would begin after death, the second transplant or
    the end of observation did not happen. They follow the disease and do not change its hazards.

    Parameters
    ----------
    study : Study
        Study to draw from.
    entropy : tuple of int
        What the streams start from.
    numbers : array of int, (n,)
        Numbers of the patients.
    baseline, observed
        Prior transplants; the course as observed.
    n_cycles : array of int, (n,)
        Cycles of blinatumomab: events of toxicity up to 30 days after the last infusion would count as its own.
    """
    parameters = study.transplant
    draws = Draws(entropy, Stream.TRANSPLANT, numbers)
    day = observed.transplant_day
    last_day = np.minimum(observed.end_day - 1, observed.second_transplant_day - 1)

    after_treatment = (n_cycles - 1) * CYCLE_DAYS + _AFTER_CYCLE_DAYS

    def event(chance: float, first: int, last: int, *, soonest: Numbers | int = 0) -> Numbers:
        happens = draws.chance(chance)
        onset = np.maximum(day + draws.whole(first, last), soonest)
        return np.where(happens & observed.has_transplant & (onset <= last_day), onset, NEVER)

    donor = np.where(observed.has_transplant, draws.choice(parameters.donor) + 1, 0)
    acute = event(parameters.acute_gvhd, 12, GVHD_DIVIDE_DAYS - 5)
    acute_grade = draws.whole(1, 4)
    chronic = event(parameters.chronic_gvhd, GVHD_DIVIDE_DAYS + 5, parameters.last_chronic_gvhd_days)
    chronic_grade = draws.whole(1, 3)
    veno_occlusive_disease = event(parameters.veno_occlusive_disease, 6, 30, soonest=after_treatment)
    infection = event(parameters.infection, 6, 90, soonest=after_treatment)
    car_t, dli = _cells_in_remission(study, Draws(entropy, Stream.LATER_TREATMENT, numbers), baseline, observed)
    return Cells(
        donor=donor,
        acute_gvhd_day=acute,
        acute_gvhd_grade=np.where(acute < NEVER, acute_grade, NEVER),
        chronic_gvhd_day=chronic,
        chronic_gvhd_grade=np.where(chronic < NEVER, chronic_grade, NEVER),
        veno_occlusive_disease_day=veno_occlusive_disease,
        infection_day=infection,
        car_t_day=car_t,
        dli_day=dli,
    )


def _cells_in_remission(study: Study, draws: Draws, baseline: Baseline, observed: Observed) -> tuple[Numbers, Numbers]:
    """CAR-T cells or donor lymphocytes for a few in remission who are not transplanted; they do not censor."""
    has_car_t = draws.chance(study.treatment.car_t_in_remission)
    has_dli: Flags = draws.chance(study.treatment.dli_in_remission) & baseline.has_prior_allo_hct
    day = observed.response_day + draws.whole(80, 160)
    limit = np.minimum(observed.relapse_day, observed.end_day)
    possible = observed.has_response & ~observed.has_transplant & (day < limit - 30)
    is_car_t = possible & has_car_t & ~has_dli & ~baseline.is_mrd_indication
    return np.where(is_car_t, day, NEVER), np.where(possible & has_dli, day, NEVER)
