"""The patients whose records are written: their courses as arrays, their names and calendars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from blinreg.synthetic.courses import DAYS_BEFORE_TRANSPLANT, NEVER, Courses, Placement
from blinreg.synthetic.records.columns import DAY, dates
from blinreg.synthetic.records.details import Details, load_details
from blinreg.synthetic.streams import Draws, Flags, Numbers, Stream
from blinreg.synthetic.studies import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Patients with what most tables need of them. Days count from the first dose; ``NEVER`` is no day.

    ``index_day`` is the first dose in days from 1970-01-01. ``last_day_alive`` is the last day on which something
    can happen that is not death. ``failure`` is the relapse or the progression. ``first_limit`` is the first day that
    ends treatment: end of observation, conditioning, relapse or progression. ``is_remission`` says whether the best
    response is a complete remission, with which the MRD indication starts.
    """

    courses: Courses
    study: Study
    details: Details
    seed: int
    names: pl.Series
    index_day: Numbers
    site: Numbers
    is_mrd: Flags
    is_dead: Flags
    is_remission: Flags
    end: Numbers
    last_day_alive: Numbers
    response: Numbers
    relapse: Numbers
    failure: Numbers
    transplant: Numbers
    second_transplant: Numbers
    first_limit: Numbers

    def __len__(self) -> int:
        """Return the number of patients."""
        return len(self.courses)

    @property
    def everybody(self) -> Numbers:
        """Positions of all patients."""
        return np.arange(len(self), dtype=np.int64)

    def draws(self, stream: Stream) -> Draws:
        """Open a stream of random numbers for all patients."""
        return Draws(self.study.entropy(self.seed), stream, self.courses.numbers)

    def patient_id(self, who: Numbers) -> pl.Series:
        """Write the names of the patients at these positions."""
        return self.names.gather(who.astype(np.uint32))

    def dates(self, who: Numbers, days: Numbers, precision: Numbers | int = DAY) -> pl.Series:
        """Write the dates of days of the patients at these positions; nothing for days that never come."""
        return dates(np.where(days < NEVER // 2, self.index_day[who] + days, NEVER), precision)

    def dates_if_seen(self, who: Numbers, days: Numbers) -> pl.Series:
        """Write dates, or nothing where it did not happen while the patient was observed."""
        return self.dates(who, np.where(days <= self.end[who], days, NEVER))


def patient_names(numbers: Numbers) -> pl.Series:
    """Pseudonyms of patients; they say that the patients are synthetic.

    Examples
    --------
    >>> patient_names(np.array([0, 99999])).to_list()
    ['SYN-0001', 'SYN-100000']
    """
    texts = pl.Series(numbers + 1).cast(pl.String).str.zfill(4)
    return pl.select(pl.concat_str(pl.lit("SYN-"), texts)).to_series()


def subjects_of(courses: Courses, placement: Placement, *, study: Study, seed: int) -> Subjects:
    """Put together the patients whose records are written.

    Raises
    ------
    ValueError
        If the placement is of another number of patients.
    """
    if not len(courses) == len(placement.site) == len(placement.index_date):
        raise ValueError(f"{len(courses)} courses and {len(placement.site)} places: one is needed for each")
    end, is_dead = courses.whole("end_day"), courses.flag("is_dead")
    relapse, transplant = courses.day("relapse_day"), courses.day("transplant_day")
    failure = np.minimum(relapse, courses.day("progression_day"))
    return Subjects(
        courses=courses,
        study=study,
        details=load_details(study.id),
        seed=seed,
        names=patient_names(courses.numbers),
        index_day=placement.index_date.astype("datetime64[D]").astype(np.int64),
        site=placement.site,
        is_mrd=courses.flag("is_mrd_indication"),
        is_dead=is_dead,
        is_remission=courses.is_code("best_response", "cr", "cri"),
        end=end,
        last_day_alive=end - is_dead,
        response=courses.day("response_day"),
        relapse=relapse,
        failure=failure,
        transplant=transplant,
        second_transplant=courses.day("second_transplant_day"),
        first_limit=np.minimum(np.minimum(end, transplant - DAYS_BEFORE_TRANSPLANT), failure),
    )
