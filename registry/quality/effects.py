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
from blinreg.schemas.tables import TABLES

#: Endpoints that a site is told of.
ENDPOINTS = ("os", "rfs", "efs")

_DAYS_PER_MONTH = 30.4375
_ENDPOINT = "analysis.endpoint"
_CURVE = "analysis.kaplan_meier"
_CATALOG = "trial"
_RELATION = re.compile(r"\b(staging|derived|analysis)\.([a-z_]+)\b")
_MADE = re.compile(r"^create (?:or replace )?(?:table|view|macro) ((?:staging|derived|analysis)\.[a-z_]+)", re.MULTILINE)

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
with counted as (
    select
        endpoint as id,
        patient_id,
        0 as tstart,
        time_days as tstop,
        cast(event = 1 as integer) as event,
        endpoint as group_label
    from {_ENDPOINT}
    where
        endpoint in (select unnest($endpoints))
        and patient_id in (select patient_id from current.patient where submission_id = $submission_id)
),

one_subject as (
    select
        patient_id as id,
        tstart,
        tstop,
        event,
        group_label
    from counted
)
"""


@cache
def endpoint_steps() -> tuple[tuple[str, str], ...]:
    """List the files of ``sql/`` that ``analysis.endpoint`` and the Kaplan-Meier macro need, in their order."""
    made = {name: text for name, text in sql_files()}
    maker = {_MADE.findall(text)[0]: name for name, text in made.items() if _MADE.search(text)}
    needed: set[str] = set()
    open_names = [maker[_ENDPOINT], maker[_CURVE]]
    while open_names:
        name = open_names.pop()
        if name in needed:
            continue
        needed.add(name)
        if name < FIRST_MACRO:
            open_names += [maker[".".join(found)] for found in _RELATION.findall(made[name]) if ".".join(found) in maker]
    return tuple((name, text) for name, text in made.items() if name in needed)
