"""What became of the findings of a submission since the one before: new, persisting or resolved.

A finding is the same if rule, table, key of the row and column are: its line moves with every export.
The same rule is the view ``quality.violation_delta`` for readers of SQL.
"""

from __future__ import annotations

import polars as pl

from blinreg.registry.quality.segments import KEY_SEPARATOR, SENT_ROW
from blinreg.schemas.codes import code_list
from blinreg.schemas.ledger import LEDGER_SCHEMA, VIOLATION, comment_on, quote_name
from blinreg.schemas.model import Column, Privacy, Relation, Table, Type
from blinreg.schemas.rules.store import QUALITY_SCHEMA

_SAME = ("rule", "table", "key", "column")

VIOLATION_DELTA = Relation(
    name="violation_delta",
    grain="one row a finding of a submission, or of the one before it if it is gone",
    description=(
        "The findings of every accepted submission beside those of the accepted one before it of the same site. "
        "A finding is the same if rule, table, key and column are."
    ),
    key=("submission_id", "rule", "table", "key", "column"),
    columns=(
        VIOLATION.column("submission_id"),
        Column(name="site_id", type=Type.TEXT, description="Site.", required=True, privacy=Privacy.ADMINISTRATIVE),
        Column(
            name="status",
            type=Type.CODE,
            description="What became of the finding.",
            codes=code_list(
                new="not in the submission before, or there was none",
                persisting="in the submission before too",
                resolved="in the submission before, and not in this one",
            ),
            required=True,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        *(VIOLATION.column(name) for name in ("rule", "severity", "table")),
        SENT_ROW.column("key"),
        *(VIOLATION.column(name) for name in ("file", "line", "column", "message")),
    ),
)


def key_text(definition: Table) -> pl.Expr:
    """Give the key of a row as one text."""
    return pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("") for name in definition.key], separator=KEY_SEPARATOR
    ).alias("key")


def with_status(now: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Tell new findings from those that persist, and find those that are gone.

    Parameters
    ----------
    now, before : polars.DataFrame
        Findings with ``rule, table, key, column``, of a submission and of the one before it.

    Returns
    -------
    tuple of polars.DataFrame
        ``now`` with ``status`` (new, persisting), and the rows of ``before`` that are resolved.

    Examples
    --------
    >>> def found(*keys):
    ...     return pl.DataFrame({"rule": "r", "table": "t", "key": list(keys), "column": "c"})
    >>> now, resolved = with_status(found("P1", "P2"), found("P2", "P3"))
    >>> now["status"].to_list(), resolved["key"].to_list()
    (['new', 'persisting'], ['P3'])
    """
    known = before.select(*_SAME, pl.lit("persisting").alias("status")).unique()
    marked = now.join(known, on=_SAME, how="left", nulls_equal=True, maintain_order="left")
    resolved = before.join(now.select(_SAME), on=_SAME, how="anti", nulls_equal=True, maintain_order="left")
    return marked.with_columns(pl.col("status").fill_null("new")), resolved


def violation_delta_ddl() -> str:
    """Render the view ``quality.violation_delta`` with its comments; it replaces an older one."""
    return "\n\n".join([_view(), comment_on("view", QUALITY_SCHEMA, VIOLATION_DELTA)]) + "\n"


def _view() -> str:
    told = ", ".join(f"finding.{quote_name(name)}" for name in ("rule", "severity", "table", "key"))
    place = ", ".join(f"finding.{quote_name(name)}" for name in ("file", "line", "column", "message"))
    same = " and ".join(f"other.{quote_name(name)} is not distinct from finding.{quote_name(name)}" for name in _SAME)
    return f"""create or replace view {QUALITY_SCHEMA}.violation_delta as
with accepted as (
    select
        submission_id,
        site_id,
        lag(submission_id) over (partition by site_id order by sequence) as previous_id
    from {LEDGER_SCHEMA}.submission
    where outcome = 'accepted'
),

finding as (
    select violation.*, coalesce(sent_row.key, '') as key
    from {QUALITY_SCHEMA}.violation as violation
    left join {QUALITY_SCHEMA}.sent_row as sent_row
        on
            violation.submission_id = sent_row.submission_id
            and violation."table" = sent_row."table"
            and violation.line = sent_row.line
)

select
    accepted.submission_id,
    accepted.site_id,
    case
        when exists (
            select 1 from finding as other where other.submission_id = accepted.previous_id and {same}
        ) then 'persisting'
        else 'new'
    end as status,
    {told},
    {place}
from accepted
inner join finding on accepted.submission_id = finding.submission_id
union all
select
    accepted.submission_id,
    accepted.site_id,
    'resolved' as status,
    {told},
    {place}
from accepted
inner join finding on accepted.previous_id = finding.submission_id
where not exists (
    select 1 from finding as other where other.submission_id = accepted.submission_id and {same}
);"""
