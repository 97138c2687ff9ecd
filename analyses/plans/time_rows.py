"""Rows (tstart, tstop] made shorter or cut: an exposure begins, observation begins late or ends early."""

from __future__ import annotations

import polars as pl

from blinreg.analyses.plans.selection import Attrition
from blinreg.analyses.plans.views import ViewFrames
from blinreg.schemas.errors import AnalysisError

_DAY = "__day"


def cut_at_exposure(rows: pl.DataFrame, views: ViewFrames, origin: str, exposure: str) -> pl.DataFrame:
    """Cut rows where an exposure begins and add its 0/1 column.

    Parameters
    ----------
    rows : polars.DataFrame
        ``patient_id, tstart, tstop, event`` and other exposures, days from the origin.
    views : ViewFrames
        They hold the day on which the exposure began.
    origin : str
        From which the days are counted.
    exposure : str
        Name in the view ``exposure``.

    Returns
    -------
    polars.DataFrame
        Sorted by patient and time. An exposure of day t counts from just after t; one of day 0 from the start.
    """
    dated = rows.join(_exposure_days(views, origin, exposure), on="patient_id", how="left", maintain_order="left")
    inside = (pl.col("tstart") < pl.col(_DAY)) & (pl.col(_DAY) < pl.col("tstop"))
    is_cut = inside.fill_null(value=False)
    until = dated.with_columns(
        pl.when(is_cut).then(pl.col(_DAY)).otherwise(pl.col("tstop")).alias("tstop"),
        pl.when(is_cut).then(pl.lit(0, dtype=dated.schema["event"])).otherwise(pl.col("event")).alias("event"),
        (pl.col(_DAY) <= pl.col("tstart")).fill_null(value=False).cast(pl.Int64).alias(exposure),
    )
    after = dated.filter(is_cut).with_columns(pl.col(_DAY).alias("tstart"), pl.lit(1, dtype=pl.Int64).alias(exposure))
    return pl.concat([until, after]).drop(_DAY).sort("patient_id", "tstart")


def censored_at_transplant(rows: pl.DataFrame, views: ViewFrames, origin: str, attrition: Attrition) -> pl.DataFrame:
    """End follow-up on the day of the first transplant after the origin; an event of that day counts."""
    dated = rows.join(_exposure_days(views, origin, "allo_hct"), on="patient_id", how="left", maintain_order="left")
    is_later = (pl.col("tstop") > pl.col(_DAY)).fill_null(value=False)
    kept = (
        dated.filter((pl.col("tstart") < pl.col(_DAY)).fill_null(value=True))
        .with_columns(
            pl.when(is_later).then(pl.col(_DAY)).otherwise(pl.col("tstop")).alias("tstop"),
            pl.when(is_later).then(pl.lit(0, dtype=rows.schema["event"])).otherwise(pl.col("event")).alias("event"),
        )
        .drop(_DAY)
    )
    attrition.keep("Followed before transplant", kept["patient_id"].n_unique(), "transplant on the day of the origin")
    return kept


def entered_at_registration(
    rows: pl.DataFrame, views: ViewFrames, endpoint: str, attrition: Attrition, *, drop_unknown: bool
) -> pl.DataFrame:
    """Let a patient come under observation at registration, if that is after the origin.

    Time stays counted from the origin; who left or had the event by then was never under observation.

    Raises
    ------
    AnalysisError
        The day of registration of a patient is not known, and unknown values are not to be left out.
    """
    origin = views.endpoint(endpoint).select("patient_id", "origin_date")
    dated = rows.join(
        registration_days(views, origin).select("patient_id", pl.col("registration_days").alias(_DAY)),
        on="patient_id",
        how="left",
        maintain_order="left",
    )
    known = dated.filter(pl.col(_DAY).is_not_null())
    n_patients, n_known = dated["patient_id"].n_unique(), known["patient_id"].n_unique()
    if n_known < n_patients and not drop_unknown:
        raise AnalysisError(
            f"the day of registration is not known in {n_patients - n_known} of {n_patients} patients",
            next_step='write missing = "complete_case" to leave these patients out, counted',
        )
    attrition.keep("Day of registration known", n_known, "day of registration not known")
    kept = (
        known.filter(pl.col("tstop") > pl.col(_DAY))
        .with_columns(pl.max_horizontal("tstart", _DAY).alias("tstart"))
        .drop(_DAY)
    )
    attrition.keep("Followed after registration", kept["patient_id"].n_unique(), "event or end of follow-up before it")
    return kept


def registration_days(views: ViewFrames, origin: pl.DataFrame) -> pl.DataFrame:
    """Count the days from origin to registration; 0 if the patient was registered before it.

    Parameters
    ----------
    views : ViewFrames
        They hold the day of registration.
    origin : polars.DataFrame
        ``patient_id, origin_date``.

    Returns
    -------
    polars.DataFrame
        ``patient_id, site_id, registration_days``; null if the day is not recorded.
    """
    days = (pl.col("registration_date") - pl.col("origin_date")).dt.total_days().cast(pl.Float64)
    return origin.join(
        views["cohort"].select("patient_id", "site_id", "registration_date"), on="patient_id", how="inner"
    ).select("patient_id", "site_id", days.clip(lower_bound=0).alias("registration_days"))


def _exposure_days(views: ViewFrames, origin: str, exposure: str) -> pl.DataFrame:
    return views.exposure(exposure, origin).select("patient_id", pl.col("exposure_days").alias(_DAY))
