"""Lineage of an endpoint: which rows of which files started and stopped a patient's clock, and by which rule."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError, nearest
from blinreg.schemas.views import view

#: The same answer for any DuckDB client; `?` are the patient and the endpoint.
CANDIDATES = """
select
    verdict,
    source,
    role,
    event_date,
    n_days,
    event_date_is_imputed as is_imputed,
    source_table,
    source_file,
    source_line,
    submission_id,
    origin_date,
    origin_source_table,
    origin_source_file,
    origin_source_line
from derived.endpoint_candidate
where patient_id = ? and endpoint = ?
order by verdict <> 'decides', event_date, priority, source_file, source_line
"""

_OUTCOME = "select time_days, event, reason from analysis.endpoint where patient_id = ? and endpoint = ?"
_EXCLUSION = "select reason from analysis.endpoint_exclusion where patient_id = ? and endpoint = ?"
_ORIGIN = "select distinct origin from derived.endpoint_source where endpoint = ?"
_PATIENT = "select count(*) from current.patient where patient_id = ?"

#: What becomes of a candidate, in words.
VERDICTS = {
    "decides": "decides",
    "comes_later": "comes later",
    "before_origin": "before the clock starts",
    "is_the_origin": "started the clock",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a patient has the time and the event of an endpoint.

    Parameters
    ----------
    patient_id, endpoint : str
    meaning : str
        What the endpoint is.
    origin : str
        Name of the day from which time counts: index, response, transplant.
    origin_date : date, optional
        Nothing if the patient never has that day.
    time_days : float, optional
        Nothing if the patient is not counted.
    event : int, optional
        1 the event, 2 a competing event, 0 censored.
    exclusion : str
        Why the patient is not counted; empty if counted.
    candidates : polars.DataFrame
        Every row that could have decided, the deciding one first: ``verdict, source, role, event_date, n_days,
        is_imputed, source_table, source_file, source_line, submission_id`` and the row of the origin.
    """

    patient_id: str
    endpoint: str
    meaning: str
    origin: str
    origin_date: dt.date | None
    time_days: float | None
    event: int | None
    exclusion: str
    candidates: pl.DataFrame


def explain(registry: Registry, patient_id: str, endpoint: str) -> Explanation:
    """Say which rows and which rule decided an endpoint of a patient.

    Parameters
    ----------
    registry : Registry
        Its analysis tables must be current.
    patient_id : str
        Pseudonym.
    endpoint : str
        Name of an endpoint, such as ``os`` or ``rfs``.

    Returns
    -------
    Explanation

    Raises
    ------
    UsageError
        For an unknown endpoint (with the nearest names) or a patient who is not in the registry.
    """
    column = view("endpoint").column("endpoint")
    if endpoint not in column.codes:
        raise UsageError(
            f"there is no endpoint {endpoint!r}: {nearest(endpoint, list(column.codes))}",
            next_step="endpoints: " + ", ".join(column.codes),
        )
    connection = registry.connection
    (known,) = connection.execute(_PATIENT, [patient_id]).fetchall()[0]
    if not known:
        raise UsageError(
            "no current row of the table patient has this patient_id",
            next_step="any DuckDB client lists them: select patient_id from current.patient",
        )
    key = [patient_id, endpoint]
    candidates = query_frame(connection, CANDIDATES, key)
    outcome = connection.execute(_OUTCOME, key).fetchall()
    excluded = connection.execute(_EXCLUSION, key).fetchall()
    (origin,) = connection.execute(_ORIGIN, [endpoint]).fetchall()[0]
    exclusion = ""
    if not outcome:
        words = view("endpoint_exclusion").column("reason").codes
        exclusion = words[excluded[0][0]] if excluded else f"there is no {origin}: the clock never starts"
    return Explanation(
        patient_id=patient_id,
        endpoint=endpoint,
        meaning=column.codes[endpoint],
        origin=origin,
        origin_date=candidates["origin_date"][0] if candidates.height else None,
        time_days=outcome[0][0] if outcome else None,
        event=outcome[0][1] if outcome else None,
        exclusion=exclusion,
        candidates=candidates,
    )
