"""What an analysis of a plan will do, in words, before it is carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.plans.conditions import in_words
from blinreg.analyses.plans.guard import Verdict, judge
from blinreg.analyses.plans.methods.base import Clock
from blinreg.analyses.plans.model import Entry, Plan
from blinreg.analyses.plans.options import uses_of
from blinreg.analyses.plans.row_request import RowRequest, request_of, take_rows
from blinreg.analyses.plans.rows_sql import rows_sql
from blinreg.analyses.plans.task import ORIGIN_WORDS, Task, endpoint_origin
from blinreg.analyses.plans.views import ViewFrames
from blinreg.analyses.plans.vocabulary import KnownVariable, endpoints, exposures, known_variables
from blinreg.schemas.errors import AnalysisError
from blinreg.schemas.views import view


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Explanation:
    """One analysis or variant in words.

    Attributes
    ----------
    entry : Entry
    population : tuple of str
        Who is taken, step by step.
    clock : tuple of str
        From when time counts and what that asks of the variables.
    uses : tuple of str
        Variables that group, adjust or stratify, and when each is known.
    sql : str
        One statement that gives the rows.
    verdict : Verdict, optional
        What the guard says, if there are data.
    attrition : polars.DataFrame, optional
        Patients left after each step, if there are data.
    failure : str
        Why the rows cannot be taken from the data; empty if they can.
    """

    entry: Entry
    population: tuple[str, ...]
    clock: tuple[str, ...]
    uses: tuple[str, ...]
    sql: str
    verdict: Verdict | None = None
    attrition: pl.DataFrame | None = None
    failure: str = ""


def explain_analysis(plan: Plan, entry: Entry, views: ViewFrames | None = None) -> Explanation:
    """Say what an analysis will do.

    Parameters
    ----------
    plan : Plan
        The whole plan.
    entry : Entry
        One of its analyses or variants.
    views : ViewFrames, optional
        With them the guard's verdict and the attrition are given, and the origin by name.

    Returns
    -------
    Explanation

    Examples
    --------
    >>> from blinreg.analyses.plans import load_plan
    >>> plan = load_plan("realworld-2020")
    >>> explain_analysis(plan, plan.entry("os_tki")).population[-1]
    'Ph+, relapsed or refractory: Philadelphia chromosome: Ph+'
    """
    request = request_of(entry)
    words = Explanation(
        entry=entry,
        population=_population(plan, request.population),
        clock=tuple(_clock(entry, request, views)),
        uses=tuple(_uses(plan, entry, request.landmark)),
        sql=rows_sql(plan, entry),
    )
    return words if views is None else _with_data(words, plan, request, views)


def _with_data(words: Explanation, plan: Plan, request: RowRequest, views: ViewFrames) -> Explanation:
    entry = words.entry
    attrition, failure = None, ""
    try:
        attrition = take_rows(Task(plan=plan, entry=entry, views=views, mark=""), request).attrition.table
    except AnalysisError as error:
        failure = str(error)
    return Explanation(
        entry=entry,
        population=words.population,
        clock=words.clock,
        uses=words.uses,
        sql=words.sql,
        verdict=judge(plan, entry, views),
        attrition=attrition,
        failure=failure,
    )


def _population(plan: Plan, population: str) -> tuple[str, ...]:
    steps = ["patients with a first dose of blinatumomab"]
    for step in plan.lineage(population):
        conditions = " and ".join(in_words(condition, plan) for condition in step.conditions)
        steps.append(f"{step.title}: {conditions}" if conditions else step.title)
    return tuple(steps)


def _clock(entry: Entry, request: RowRequest, views: ViewFrames | None) -> Iterable[str]:
    if not request.endpoint:
        yield (
            "nothing is compared over time: values may have become known at any time"
            if entry.method.clock is Clock.NONE
            else "shares are counted from the first dose: groups and covariates must be known by then"
        )
        return
    yield f"{request.endpoint}: {endpoints()[request.endpoint]}"
    origin = _origin(request.endpoint, views)
    start = f"day {request.landmark:g} after {origin} (landmark)" if request.landmark else origin
    if entry.method.clock is not Clock.NONE:
        yield f"the clock starts at {start}: groups, covariates and conditions must be known by then in every patient"
    if request.landmark is not None:
        yield (
            f"only who is followed after day {request.landmark:g} counts; times stay counted from the origin, and "
            "ever/never exposures are those begun by that day"
        )
    for name in request.time_dependent:
        yield f"{name} is time-dependent ({exposures()[name]}): it counts from just after its day, not before"
    if entry.enters_at:
        yield "a patient registered after the origin is at risk from registration on"
    if entry.censor_at:
        yield "follow-up ends at transplant"


def _origin(endpoint: str, views: ViewFrames | None) -> str:
    if views is None:
        return "the origin of the endpoint"
    try:
        return f"the {ORIGIN_WORDS[endpoint_origin(views, endpoint)]}"
    except AnalysisError:
        return "the origin of the endpoint, which nobody has"


def _uses(plan: Plan, entry: Entry, landmark: float | None) -> Iterable[str]:
    for use in uses_of(entry.options):
        dates = dict.fromkeys(_known(known_variables()[name], landmark) for name in plan.sources(use.variable))
        yield f"{use.how} {plan.label(use.variable)}; known: {'; '.join(dates)}"


def _known(known: KnownVariable, landmark: float | None) -> str:
    """Say when a variable is known in a patient."""
    frozen = landmark if known.window is None and known.exposure else known.window
    if frozen is not None:
        return f"by day {frozen:g} after the origin"
    meaning = view(known.view).column(known.known_at).description.rstrip(".")
    return meaning[:1].lower() + meaning[1:]
