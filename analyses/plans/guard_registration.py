"""Registration after the origin: days in which a patient had to survive to be in the registry at all."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from blinreg.analyses.plans.guard_use import (
    COUNTS_TIME_BEFORE,
    REGISTRATION,
    TRUNCATED,
    EarlyUse,
    longest_of,
    median_of,
)
from blinreg.analyses.plans.time_rows import registration_days
from blinreg.analyses.plans.views import ViewFrames


def registers_late(views: ViewFrames) -> bool:
    """Whether anybody was registered after the first dose."""
    return bool((views["cohort"]["registration_date"] > views["cohort"]["index_date"]).any())


def early_registration(views: ViewFrames, clock: pl.DataFrame, landmark: float) -> Iterator[EarlyUse]:
    """Patients of sites that register only who is alive, counted from before they were registered.

    A site that has registered anybody after his follow-up ended takes its patients from its
    files, dead or alive; there nobody had to survive until registration.

    Parameters
    ----------
    views : ViewFrames
        They hold the days of registration.
    clock : polars.DataFrame
        ``patient_id, origin_date``: the patients of the analysis.
    landmark : float
        Day from the origin on which the clock starts.

    Yields
    ------
    EarlyUse
        One, or none.
    """
    ends = views["course"].select("patient_id", "observation_end_date")
    from_files = (
        views["cohort"]
        .join(ends, on="patient_id", how="inner")
        .filter(pl.col("registration_date") > pl.col("observation_end_date"))["site_id"]
        .unique()
    )
    compared = registration_days(views, clock.select("patient_id", "origin_date")).with_columns(
        (pl.col("registration_days") - landmark).alias("days")
    )
    late = compared.filter((pl.col("days") > 0) & ~pl.col("site_id").is_in(from_files.implode()))
    if late.height:
        yield EarlyUse(
            variable=REGISTRATION,
            how=COUNTS_TIME_BEFORE,
            n_patients=compared.height,
            n_after=late.height,
            n_never=0,
            median_days=median_of(late["days"]),
            longest_days=longest_of(late["days"]),
            is_exposure=False,
            bias=TRUNCATED,
        )
