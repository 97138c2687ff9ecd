"""What a submission does to the endpoints of its site's own patients: events, person-time, medians.

Only what an endpoint is made of is derived, over the rows of one submission, in a database in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import duckdb
import polars as pl

from blinreg.registry.derive import FIRST_MACRO, run_step, sql_files
from blinreg.registry.frames import query_frame
from blinreg.registry.store import CATALOG, Registry
from blinreg.schemas.ledger import LEDGER_SCHEMA
from blinreg.schemas.render.ddl import quote
from blinreg.schemas.tables import TABLES

#: Endpoints that a site is told of.
ENDPOINTS = ("os", "rfs", "efs")

_DAYS_PER_MONTH = 30.4375
_ENDPOINT = "analysis.endpoint"
_CURVE = "analysis.kaplan_meier"
_CATALOG = "trial"
_RELATION = re.compile(r"\b(staging|derived|analysis)\.([a-z_]+)\b")
_MADE = re.compile(
    r"^create (?:or replace )?(?:table|view|macro) ((?:staging|derived|analysis)\.[a-z_]+)", re.MULTILINE
)

EFFECT_SCHEMA = pl.Schema(
    {
        "endpoint": pl.String(),
        **dict.fromkeys(
            (f"{what}_{when}" for what in ("n_patients", "events", "person_days") for when in ("before", "after")),
            pl.Int64(),
        ),
        **dict.fromkeys((f"median_months_{when}" for when in ("before", "after")), pl.Float64()),
    }
)

_MEASURES = f"""
with one_subject as (
    select
        patient_id as id,
        0 as tstart,
        time_days as tstop,
        cast(event = 1 as integer) as event,
        endpoint as group_label
    from {_ENDPOINT}
    where
        endpoint in (select unnest($endpoints))
        and patient_id in (select patient_id from current.patient where submission_id = $submission_id)
),

counted as (
    select
        group_label as endpoint,
        count(*) as n_patients,
        sum(event) as events,
        round(sum(tstop)) as person_days
    from one_subject
    group by group_label
)
"""

_COUNTS = f"{_MEASURES} select * from counted"

#: The median is the first time at which no more than half are left, as everywhere in blinreg.
_MEDIANS = f"""{_MEASURES}
select
    group_label as endpoint,
    min(time) filter (survival <= 0.5 + 1e-12) / {_DAYS_PER_MONTH} as median_months
from {_CURVE}('one_subject')
group by group_label
"""


@cache
def endpoint_steps() -> tuple[tuple[str, str], ...]:
    """List the files of ``sql/`` that ``analysis.endpoint`` and the Kaplan-Meier macro need, in their order."""
    made = dict(sql_files())
    maker = {_MADE.findall(text)[0]: name for name, text in made.items() if _MADE.search(text)}
    needed: set[str] = set()
    open_names = [maker[_ENDPOINT], maker[_CURVE]]
    while open_names:
        name = open_names.pop()
        if name in needed:
            continue
        needed.add(name)
        if name < FIRST_MACRO:
            open_names += [
                maker[".".join(found)] for found in _RELATION.findall(made[name]) if ".".join(found) in maker
            ]
    return tuple((name, text) for name, text in made.items() if name in needed)


def effects(before: pl.DataFrame | None, after: pl.DataFrame) -> pl.DataFrame:
    """Put the endpoints before and after beside each other.

    Parameters
    ----------
    before, after : polars.DataFrame
        As `measured` gives them; without an earlier submission there is no before.

    Returns
    -------
    polars.DataFrame
        One row an endpoint, with the columns of `EFFECT_SCHEMA`; an endpoint that nobody has counts 0 patients.
    """
    frame = pl.DataFrame({"endpoint": ENDPOINTS})
    for when, measured_then in (("before", before), ("after", after)):
        if measured_then is None:
            continue
        counts = ("n_patients", "events", "person_days")
        there = pl.DataFrame({"endpoint": ENDPOINTS}).join(measured_then, on="endpoint", how="left")
        there = there.with_columns(pl.col(counts).fill_null(0))
        frame = frame.join(
            there.rename({name: f"{name}_{when}" for name in (*counts, "median_months")}),
            on="endpoint",
            how="left",
            maintain_order="left",
        )
    return frame.select(
        pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in EFFECT_SCHEMA.items()
    )


def measured(registry: Registry, submission_id: str, *, is_current: bool) -> pl.DataFrame:
    """Measure the endpoints of the patients of a submission.

    Parameters
    ----------
    registry : Registry
        Holds the submission.
    submission_id : str
        An accepted submission.
    is_current : bool
        Whether it counts now and ``analysis.endpoint`` is derived from it: nothing is derived then.

    Returns
    -------
    polars.DataFrame
        ``endpoint, n_patients, events, person_days, median_months`` of `ENDPOINTS` that somebody has.
    """
    if is_current:
        return _measure(registry.cursor(), submission_id)
    with _derived(registry, submission_id) as session:
        return _measure(session, submission_id)


def _measure(session: duckdb.DuckDBPyConnection, submission_id: str) -> pl.DataFrame:
    names = {"endpoints": list(ENDPOINTS), "submission_id": submission_id}
    counts = query_frame(session, _COUNTS, names)
    if counts.is_empty():
        return counts.with_columns(median_months=pl.lit(None, pl.Float64))
    return counts.join(query_frame(session, _MEDIANS, names), on="endpoint", how="left")


@contextmanager
def _derived(registry: Registry, submission_id: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Derive the endpoints of one submission beside its registry; they are gone afterwards."""
    session = registry.cursor()
    session.execute(f"attach ':memory:' as {_CATALOG}")
    try:
        session.execute(f"use {_CATALOG}")
        session.execute("set variable as_of = ?", [submission_id])
        for schema in ("current", LEDGER_SCHEMA, "staging", "derived", "analysis"):
            session.execute(f"create schema {schema}")
        of_it = f"where submission_id = {quote(submission_id)}"
        for relation in (*(f"current.{each.name}" for each in TABLES), f"{LEDGER_SCHEMA}.current_submission"):
            session.execute(f"create view {relation} as select * from {CATALOG}.{relation} {of_it}")
        for name, text in endpoint_steps():
            run_step(session, f"sql/{name}", text)
        yield session
    finally:
        session.execute(f"use {CATALOG}")
        session.execute(f"detach {_CATALOG}")
        session.close()
