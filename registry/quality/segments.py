"""Where the findings of a submission are: by site, year and table, as views for readers of SQL and for the pages.

The year of a row is that of its patient's index date, the first blinatumomab dose in the submission: every row has
a patient, not every table a date, and analyses select their patients by it. It is read off the rows as sent, so that
rows that were not accepted have it too.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.schemas.codes import code_list
from blinreg.schemas.ledger import LEDGER_SCHEMA, VIOLATION, comment_on, quote_name
from blinreg.schemas.model import Column, Privacy, Relation, Table, Type
from blinreg.schemas.rules.store import LIMIT_IN_FORCE, QUALITY_SCHEMA, VERDICT, verdict_case
from blinreg.schemas.tables import TABLES

#: Parts of a key, in the text that stands for it.
KEY_SEPARATOR = ", "

#: The table and the rows of it that say when a patient was first given blinatumomab.
_DOSE_TABLE = "treatment_cycle"


def _column(name: str, kind: Type, description: str, *, unit: str = "", required: bool = True) -> Column:
    return Column(
        name=name,
        type=kind,
        description=description,
        unit=unit,
        required=required,
        privacy=Privacy.ADMINISTRATIVE,
    )


_YEAR = _column(
    "year",
    Type.INTEGER,
    "Year of the patient's first blinatumomab dose as sent; empty if the submission does not say it.",
    unit="year",
    required=False,
)

SENT_ROW = Relation(
    name="sent_row",
    grain="one row a row of a table of an accepted submission",
    description="Every row that was sent, accepted or not, with the year of its patient's first blinatumomab dose.",
    key=("submission_id", "table", "line"),
    columns=(
        VIOLATION.column("submission_id"),
        *(VIOLATION.column(name) for name in ("table", "line")),
        Column(
            name="key",
            type=Type.TEXT,
            description="Key of the row, its values joined by commas.",
            required=True,
            privacy=Privacy.PSEUDONYM,
        ),
        Column(
            name="disposition",
            type=Type.CODE,
            description="What became of it.",
            codes=code_list(
                accepted="it counts",
                quarantined="not accepted for what it says",
                held_back="sound, and the row that it belongs to is not accepted",
            ),
            required=True,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        _YEAR,
    ),
)

SEGMENT = Relation(
    name="segment",
    grain="one row an accepted submission, table and year",
    description="How many of the rows of a site, table and year have findings, and how many are not accepted.",
    key=("submission_id", "table", "year"),
    columns=(
        VIOLATION.column("submission_id"),
        _column("site_id", Type.TEXT, "Site."),
        VIOLATION.column("table"),
        _YEAR,
        _column("n_rows", Type.INTEGER, "Rows that were sent.", unit="rows"),
        _column("n_bad", Type.INTEGER, "Rows with findings.", unit="rows"),
        _column("n_not_accepted", Type.INTEGER, "Rows that are quarantined or held back.", unit="rows"),
        _column("percent_bad", Type.NUMBER, "Rows with findings among those that were sent.", unit="percent"),
    ),
)

RULE_SEGMENT = Relation(
    name="rule_segment",
    grain="one row an accepted submission, rule that found something, table and year",
    description=(
        "What a rule found in a site, table and year, and whether that is too much by the limits of now. Rules that "
        "only count (quality.rule.report is share) name no rows, and are in quality.verdict only."
    ),
    key=("submission_id", "rule", "table", "year"),
    columns=(
        VIOLATION.column("submission_id"),
        _column("site_id", Type.TEXT, "Site."),
        *(VIOLATION.column(name) for name in ("rule", "severity", "table")),
        _YEAR,
        _column("n_rows", Type.INTEGER, "Rows that were sent.", unit="rows"),
        _column("n_bad", Type.INTEGER, "Rows that break the rule.", unit="rows"),
        _column("percent_bad", Type.NUMBER, "Rows that break it among those that were sent.", unit="percent"),
        *(LIMIT_IN_FORCE.column(name) for name in ("max_rows", "max_percent", "min_percent", "min_checked")),
        VERDICT.column("verdict"),
    ),
)

#: Columns of what `segments` gives.
SEGMENT_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("site_id", "table"), pl.String()),
        **dict.fromkeys(("year", "n_rows", "n_bad", "n_not_accepted"), pl.Int64()),
    }
)


def segments(session: duckdb.DuckDBPyConnection, submission_ids: Sequence[str]) -> pl.DataFrame:
    """Count rows and bad rows of submissions by site, table and year.

    Parameters
    ----------
    session : duckdb.DuckDBPyConnection
        On a database with ``quality.segment``.
    submission_ids : sequence of str
        Accepted submissions.

    Returns
    -------
    polars.DataFrame
        With the columns of `SEGMENT_SCHEMA`, tables in their usual order.
    """
    query = (
        f"select {', '.join(quote_name(name) for name in SEGMENT_SCHEMA)} from {QUALITY_SCHEMA}.segment "
        "where submission_id in (select unnest(?))"
    )
    found = query_frame(session, query, [list(submission_ids)]).cast(SEGMENT_SCHEMA)
    order = {definition.name: place for place, definition in enumerate(TABLES)}
    return found.sort("site_id", pl.col("table").replace_strict(order, return_dtype=pl.Int32), "year", nulls_last=True)


def segments_ddl() -> str:
    """Render the views ``quality.sent_row``, ``segment`` and ``rule_segment`` with their comments."""
    parts = [_sent_row(), _segment(), _rule_segment()]
    parts += [comment_on("view", QUALITY_SCHEMA, relation) for relation in (SENT_ROW, SEGMENT, RULE_SEGMENT)]
    return "\n\n".join(parts) + "\n"


def _rows_of(definition: Table, source: str, disposition: str) -> str:
    key = f" || '{KEY_SEPARATOR}' || ".join(f"coalesce(cast({name} as varchar), '')" for name in definition.key)
    return (
        f"    select submission_id, '{definition.name}' as \"table\", source_line as line, {key} as key, "
        f"{disposition} as disposition, cast(patient_id as varchar) as patient_id from {source}"
    )


def _sent_row() -> str:
    union = "\n    union all\n"
    rows = union.join(
        _rows_of(definition, source, disposition)
        for definition in TABLES
        for source, disposition in (
            (f"submitted.{definition.name}", "'accepted'"),
            (f"{QUALITY_SCHEMA}.quarantine_{definition.name}", "disposition"),
        )
    )
    doses = union.join(
        f"    select submission_id, patient_id, start_date from {source}\n    where agent = 'blinatumomab'"
        for source in (f"submitted.{_DOSE_TABLE}", f"{QUALITY_SCHEMA}.quarantine_{_DOSE_TABLE}")
    )
    return f"""create or replace view {QUALITY_SCHEMA}.sent_row as
with any_row as (
{rows}
),

dose as (
{doses}
),

first_dose as (
    select submission_id, patient_id, min(cast(start_date[:4] as integer)) as year
    from dose
    where regexp_full_match(start_date, '[0-9]{{4}}(-[0-9]{{2}}){{0,2}}')
    group by submission_id, patient_id
)

select
    any_row.submission_id,
    any_row."table",
    any_row.line,
    any_row.key,
    any_row.disposition,
    first_dose.year
from any_row
left join first_dose
    on any_row.submission_id = first_dose.submission_id and any_row.patient_id = first_dose.patient_id;"""


def _segment() -> str:
    return f"""create or replace view {QUALITY_SCHEMA}.segment as
with bad as (
    select distinct submission_id, "table", line from {QUALITY_SCHEMA}.violation
)

select
    row.submission_id,
    submission.site_id,
    row."table",
    row.year,
    count(*) as n_rows,
    count(bad.line) as n_bad,
    count(*) filter (row.disposition <> 'accepted') as n_not_accepted,
    100.0 * count(bad.line) / count(*) as percent_bad
from {QUALITY_SCHEMA}.sent_row as row
inner join {LEDGER_SCHEMA}.submission as submission
    on row.submission_id = submission.submission_id and submission.outcome = 'accepted'
left join bad
    on row.submission_id = bad.submission_id and row."table" = bad."table" and row.line = bad.line
group by row.submission_id, submission.site_id, row."table", row.year;"""


def _rule_segment() -> str:
    return f"""create or replace view {QUALITY_SCHEMA}.rule_segment as
with bad as (
    select finding.submission_id, finding.rule, finding."table", row.year, count(distinct finding.line) as n_bad
    from {QUALITY_SCHEMA}.violation as finding
    left join {QUALITY_SCHEMA}.sent_row as row
        on
            finding.submission_id = row.submission_id
            and finding."table" = row."table"
            and finding.line = row.line
    group by finding.submission_id, finding.rule, finding."table", row.year
),

judged as (
    select
        bad.submission_id,
        segment.site_id,
        bad.rule,
        rule.severity,
        bad."table",
        bad.year,
        segment.n_rows,
        bad.n_bad,
        100.0 * bad.n_bad / segment.n_rows as percent_bad,
        limits.max_rows,
        limits.max_percent,
        limits.min_percent,
        limits.min_checked
    from bad
    inner join {QUALITY_SCHEMA}.segment as segment
        on
            bad.submission_id = segment.submission_id
            and bad."table" = segment."table"
            and bad.year is not distinct from segment.year
    inner join {QUALITY_SCHEMA}.rule as rule on bad.rule = rule.rule
    inner join {QUALITY_SCHEMA}.limit_in_force as limits
        on bad.rule = limits.rule and segment.site_id = limits.site_id
)

select
    *,
    {verdict_case("n_rows")} as verdict
from judged;"""
