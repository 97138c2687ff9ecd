"""How old the data of a submission are, in days, beside the other sites."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from statistics import median

import duckdb
import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.registry.ledger import LedgerRow
from blinreg.registry.quality.other_sites import OtherSites
from blinreg.schemas.ledger import LEDGER_SCHEMA
from blinreg.schemas.render.ddl import date_interval

TIMELINESS_SCHEMA = pl.Schema(
    {"measure": pl.String(), "value": pl.Float64(), "unit": pl.String(), "sites_median": pl.Float64()}
)

#: Living patients without contact for longer than this before the data cutoff may be lost.
LONG_WITHOUT_CONTACT_DAYS = 365

_CONTACT = f"""
with contact as (
    select
        follow_up.submission_id,
        greatest(submission.data_cutoff_date - ({date_interval("last_contact_date")[1]}), 0) as days
    from submitted.follow_up as follow_up
    inner join {LEDGER_SCHEMA}.submission as submission
        on follow_up.submission_id = submission.submission_id and submission.outcome = 'accepted'
    where follow_up.vital_status = 'alive' and follow_up.submission_id in (select unnest(?))
)

select
    submission_id,
    count(*) as n_patients,
    cast(median(days) as double) as median_days,
    100.0 * count(*) filter (where days > {LONG_WITHOUT_CONTACT_DAYS}) / count(*) as percent_long
from contact
group by submission_id
"""


def timeliness(
    row: LedgerRow, ledger: Sequence[LedgerRow], own: duckdb.DuckDBPyConnection, others: OtherSites | None
) -> pl.DataFrame:
    """Measure how old the data are; no clock is read.

    Parameters
    ----------
    row : LedgerRow
        The submission.
    ledger : sequence of LedgerRow
        Submissions received before.
    own : duckdb.DuckDBPyConnection
        Where its accepted rows are; of a rejected submission there are none.
    others : OtherSites, optional
        Current submissions of the other sites.

    Returns
    -------
    polars.DataFrame
        With the columns of `TIMELINESS_SCHEMA`: the other sites' median is null if there are none.
    """
    theirs = () if others is None else others.rows
    newest = max((each.data_cutoff_date for each in (row, *theirs) if each.data_cutoff_date), default=None)
    measures = [
        ("from the data cutoff to the submission", "days", _delay(row), [_delay(each) for each in theirs]),
        (
            "from the last submission's data cutoff to this one's",
            "days",
            _step(row, ledger),
            [_step(each, ledger) for each in theirs],
        ),
        (
            "behind the newest data cutoff of any site",
            "days",
            _days(row.data_cutoff_date, newest) if theirs else None,
            [_days(each.data_cutoff_date, newest) for each in theirs],
        ),
        *_contact_measures(own, row, others),
    ]
    rows = [
        (measure, value, unit, _median(elsewhere))
        for measure, unit, value, elsewhere in measures
        if value is not None or _median(elsewhere) is not None
    ]
    return pl.DataFrame(rows, schema=TIMELINESS_SCHEMA, orient="row")


def _contact_measures(
    own: duckdb.DuckDBPyConnection, row: LedgerRow, others: OtherSites | None
) -> Iterator[tuple[str, str, float | None, list[float | None]]]:
    here = _contact(own, [row.submission_id], fewest=1)
    theirs = {} if others is None else _contact(others.cursor, others.submission_ids, fewest=others.fewest)
    for measure, unit, place in (
        ("from the last contact with a living patient to the data cutoff, median", "days", 0),
        (f"living patients without contact in the last {LONG_WITHOUT_CONTACT_DAYS} days before the cutoff", "%", 1),
    ):
        yield (
            measure,
            unit,
            next((each[place] for each in here.values()), None),
            [each[place] for each in theirs.values()],
        )


def _contact(
    connection: duckdb.DuckDBPyConnection, submission_ids: Sequence[str | None], *, fewest: int
) -> Mapping[str, tuple[float, float]]:
    found = query_frame(connection, _CONTACT, [list(submission_ids)]).filter(pl.col("n_patients") >= fewest)
    return {row["submission_id"]: (row["median_days"], row["percent_long"]) for row in found.iter_rows(named=True)}


def _days(first: date | None, last: date | None) -> float | None:
    return None if first is None or last is None else float((last - first).days)


def _delay(row: LedgerRow) -> float | None:
    return None if row.created_at is None else _days(row.data_cutoff_date, row.created_at.date())


def _step(row: LedgerRow, ledger: Sequence[LedgerRow]) -> float | None:
    before = [
        each
        for each in ledger
        if each.outcome == "accepted" and each.site_id == row.site_id and each.sequence < row.sequence
    ]
    return _days(before[-1].data_cutoff_date, row.data_cutoff_date) if before else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
