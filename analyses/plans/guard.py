"""The guard against immortal time: nothing may be used before it is known.

Every variable has a date, a patient, at which it became known. An analysis that
groups, selects or adjusts by a value that became known only after its clock started
credits the days until then to that value: whoever is to be transplanted must first
survive until the transplant. Such a plan is refused, unless the use is time-dependent,
frozen at a landmark, or declared as biased.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.conditions import holds
from blinreg.analyses.plans.methods.base import Clock
from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.options import Role, Use, names_of, uses_of
from blinreg.analyses.plans.task import endpoint_origin
from blinreg.analyses.plans.values import INDEX, KNOWN_AT, patient_values
from blinreg.analyses.plans.views import ViewFrames
from blinreg.analyses.plans.vocabulary import known_variables
from blinreg.schemas.errors import GuardRefusal

SELECTS = "selects by"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyUse:
    """A variable that an analysis uses before it is known.

    Attributes
    ----------
    variable : str
    how : str
        "groups by", "adjusts by", "selects by".
    n_patients : int
        Patients compared.
    n_after : int
        Of them, those in whom the value became known after the clock started.
    n_never : int
        For ever/never variables: of `n_after`, the never exposed, known as such only at last contact.
    median_days : float
        Median delay, among the exposed for ever/never variables.
    is_exposure : bool
        Whether a time-dependent form exists.
    """

    variable: str
    how: str
    n_patients: int
    n_after: int
    n_never: int
    median_days: float
    is_exposure: bool

    @property
    def sentence(self) -> str:
        """What is wrong, with the numbers."""
        n_known_late = self.n_after - self.n_never
        parts = []
        if n_known_late:
            patients = "patient" if n_known_late == 1 else "patients"
            parts.append(
                f"becomes known {self.median_days:g} days (median) after the origin in {n_known_late} {patients}"
            )
        if self.n_never:
            parts.append(f"is known to be 'never' only at last contact in {self.n_never}")
        return f"{self.variable} {' and '.join(parts)}: immortal time"


def check_plan(plan: Plan, views: ViewFrames) -> dict[str, tuple[EarlyUse, ...]]:
    """Check every analysis of a plan before any is carried out.

    Parameters
    ----------
    plan : Plan
        With every analysis.
    views : ViewFrames
        They hold the dates at which values became known.

    Returns
    -------
    dict of str to tuple of EarlyUse
        What analyses declared as biased use before it is known.

    Raises
    ------
    GuardRefusal
        An analysis uses something before it is known and does not say so.
    """
    declared = {}
    for entry in plan.entries:
        early = early_uses(plan, entry, views)
        if early and not entry.biased:
            raise GuardRefusal(
                f"{plan.file}, analysis {entry.name} ({early[0].how} {early[0].variable}): {early[0].sentence}",
                next_step=_ways_out(early[0]),
            )
        declared[entry.name] = early
    return declared


def early_uses(plan: Plan, entry: Entry, views: ViewFrames) -> tuple[EarlyUse, ...]:
    """List what one analysis uses before it is known."""
    if entry.method.clock is Clock.NONE:
        return ()
    endpoints = names_of(entry.options, Role.ENDPOINT)
    if not _has_rows(views, endpoints):
        return ()
    origin = endpoint_origin(views, endpoints[0]) if endpoints else INDEX
    clock = _clock(views, endpoints)
    landmark: float | None = getattr(entry.options, "landmark", None)
    found = []
    for step in plan.lineage(entry.options.population):
        for condition in step.conditions:
            use = Use(variable=condition.variable, how=SELECTS)
            # Selection happens at the origin, whatever landmark the analysis has.
            found.append(_early(views, clock, use, origin, None))
            values = patient_values(views, [condition.variable], origin=origin)
            clock = clock.join(values.filter(holds(condition)), on="patient_id", how="semi")
    if landmark is not None:
        clock = clock.filter(pl.col("tstop") > landmark)
    for use in uses_of(entry.options):
        for source in plan.sources(use.variable):
            found.append(_early(views, clock, Use(variable=source, how=use.how), origin, landmark))
    return tuple(early for early in found if early is not None)


def _has_rows(views: ViewFrames, endpoints: tuple[str, ...]) -> bool:
    """Whether there is anything to check; an endpoint without rows fails later, with its own message."""
    return all((views["endpoint"]["endpoint"] == endpoint).any() for endpoint in endpoints)


def _clock(views: ViewFrames, endpoints: tuple[str, ...]) -> pl.DataFrame:
    """When each patient's clock starts: ``patient_id, origin_date, tstop``."""
    if not endpoints:
        return views["cohort"].select(
            "patient_id", pl.col("index_date").alias("origin_date"), pl.lit(None, dtype=pl.Float64).alias("tstop")
        )
    return (
        views["endpoint"]
        .filter(pl.col("endpoint") == endpoints[0])
        .select("patient_id", "origin_date", pl.col("time_days").alias("tstop"))
    )


def _early(
    views: ViewFrames,
    clock: pl.DataFrame,
    use: Use,
    origin: str,
    landmark: float | None,
) -> EarlyUse | None:
    known = known_variables()[use.variable]
    values = patient_values(views, [known.name], origin=origin, landmark=landmark)
    days = (pl.col(known.name + KNOWN_AT) - pl.col("origin_date")).dt.total_days() - (landmark or 0)
    compared = clock.join(values, on="patient_id", how="inner").with_columns(days.alias("days"))
    # A value without a date of becoming known cannot be shown to be in time.
    late = compared.filter(pl.col(known.name).is_not_null() & ((pl.col("days") > 0) | pl.col("days").is_null()))
    if not late.height:
        return None
    exposed = late.filter(pl.col(known.name) == 1) if known.exposure else late
    delay = exposed["days"].median()
    return EarlyUse(
        variable=known.exposure or known.name,
        how=use.how,
        n_patients=compared.height,
        n_after=late.height,
        n_never=late.height - exposed.height,
        median_days=float(delay) if isinstance(delay, int | float) else 0.0,
        is_exposure=bool(known.exposure),
    )


def _ways_out(early: EarlyUse) -> str:
    if early.how == SELECTS:
        return "start the clock when it is known (such as os_from_response), or say biased = true"
    if early.is_exposure:
        return "declare it time_dependent, give a landmark, or say biased = true"
    return "start the clock when it is known, give a landmark after it, or say biased = true"
