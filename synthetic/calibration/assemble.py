"""The 239 courses: everything that no survival analysis uses is added to the patients whose days have been found."""

from __future__ import annotations

import polars as pl

from blinreg.schemas.errors import AnalysisError
from blinreg.synthetic.calibration.counts import Picker
from blinreg.synthetic.calibration.counts_baseline import baseline_columns, disease_burden
from blinreg.synthetic.calibration.counts_statements import Profile
from blinreg.synthetic.calibration.counts_transplant import cellular_columns, ending_columns, transplant_columns
from blinreg.synthetic.calibration.safety_counts import safety_columns
from blinreg.synthetic.courses import SCHEMA, Courses, impossible_orders


def complete(times: pl.DataFrame, profile: Profile) -> Courses:
    """Add what only counts: baseline, transplant details, causes of death, toxicity.

    Parameters
    ----------
    times : polars.DataFrame
        Skeleton of `counts.skeleton` with ``response_day, relapse_day, progression_day, transplant_day, end_day``
        (days from the first dose, null where it did not happen) and ``is_dead``.
    profile : str
        strict or plausible.

    Returns
    -------
    Courses
        The 239 in the order of their numbers; the same for the same input.

    Raises
    ------
    AnalysisError
        A printed count has too few patients to choose from, or a course has an impossible order of events.
    """
    frame = times.sort("number")
    picker = Picker(2, 0 if profile == "strict" else 1)
    burden = disease_burden(frame, picker)
    baseline = baseline_columns(frame, burden, profile, picker)
    frame = frame.with_columns(**ending_columns(frame, picker))
    added = {
        **transplant_columns(frame, picker),
        **cellular_columns(frame, picker),
        **safety_columns(frame, burden, baseline["has_prior_inotuzumab"].to_numpy(), picker),
        **baseline,
        "molecular_relapse_day": pl.Series([None] * frame.height, dtype=pl.Int64),
    }
    complete_frame = frame.with_columns(**added).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    courses = Courses(complete_frame)
    impossible = impossible_orders(courses)
    if impossible:
        raise AnalysisError(f"impossible orders of events in the calibrated cohort: {impossible}")
    return courses
