"""What the guard does not refuse and does not pass over in silence."""

from __future__ import annotations

import polars as pl

from blinreg.analyses.plans.conditions import holds, in_words
from blinreg.analyses.plans.guard_use import median_of
from blinreg.analyses.plans.methods.base import Clock
from blinreg.analyses.plans.model import Condition, Entry, Plan
from blinreg.analyses.plans.options import Role, names_of, option_keys
from blinreg.analyses.plans.task import endpoint_origin
from blinreg.analyses.plans.values import INDEX, patient_values
from blinreg.analyses.plans.views import ViewFrames
from blinreg.analyses.plans.vocabulary import known_variables


def is_denominator(entry: Entry, condition: Condition) -> bool:
    """Whether a condition only narrows the patients of whom a share is taken, at no time.

    Shares among the evaluable or among responders count nobody's days; they are to be
    called what they are.
    """
    counts_shares = entry.method.clock is Clock.INDEX and "outcome" in option_keys(entry.method.options)
    return counts_shares and known_variables()[condition.variable].view == "response"


def cautions(plan: Plan, entry: Entry, views: ViewFrames) -> tuple[str, ...]:
    """List what must be said beside the result of an analysis.

    Parameters
    ----------
    plan : Plan
        The whole plan.
    entry : Entry
        One of its analyses.
    views : ViewFrames
        They hold the values and the times.

    Returns
    -------
    tuple of str
        Sentences: denominators without those who could not be evaluated or did not
        respond, and follow-up that ends at transplant.
    """
    return (*_denominators(plan, entry, views), *_censoring(plan, entry, views))


def _denominators(plan: Plan, entry: Entry, views: ViewFrames) -> list[str]:
    conditions = [condition for step in plan.lineage(entry.options.population) for condition in step.conditions]
    if not any(is_denominator(entry, condition) for condition in conditions):
        return []
    found = []
    left = views["cohort"].select("patient_id")
    for condition in conditions:
        values = patient_values(views, [condition.variable], origin=INDEX)
        kept = views.beside(left, values).filter(holds(condition)).select("patient_id")
        if is_denominator(entry, condition) and kept.height < left.height:
            found.append(
                f"The denominator is {kept.height} of {left.height} patients, those with "
                f"'{in_words(condition, plan)}': the others are often those who died or got worse first, so the "
                "share among all is lower. Give both."
            )
        left = kept
    return found


def _censoring(plan: Plan, entry: Entry, views: ViewFrames) -> list[str]:
    if not entry.censor_at:
        return []
    [endpoint] = names_of(entry.options, Role.ENDPOINT)
    followed = views.endpoint(endpoint).select("patient_id", "time_days")
    if not followed.height:
        return []
    origin = endpoint_origin(views, endpoint)
    for step in plan.lineage(entry.options.population):
        for condition in step.conditions:
            values = patient_values(views, [condition.variable], origin=origin)
            followed = views.beside(followed, values).filter(holds(condition)).select("patient_id", "time_days")
    transplants = views.exposure_of_cohort("allo_hct", origin).select("patient_id", "exposure_days")
    censored = views.beside(followed, transplants).filter(pl.col("exposure_days") < pl.col("time_days"))
    if not censored.height:
        return []
    days = median_of(censored["exposure_days"])
    return [
        f"Follow-up of {censored.height} of {followed.height} patients ends at transplant, {days:g} days (median) "
        "after the origin: informative censoring, for those who are transplanted are not like those who are not. The "
        "result is not the survival of anybody; give the analysis without censoring first."
    ]
