"""What a registry holds: sites, rows, what was held out and why, what fell away."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.registry.ledger import read_ledger
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError, nearest
from blinreg.schemas.ledger import LEDGER_SCHEMA, VIOLATION, quote_name
from blinreg.schemas.model import Table
from blinreg.schemas.tables import TABLES
from blinreg.schemas.tables import table as table_named

_VIOLATION_COLUMNS = ", ".join(f"violation.{quote_name(name)}" for name in VIOLATION.column_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What a registry holds now.

    Parameters
    ----------
    sites : polars.DataFrame
        One row a site: ``site_id, submission_id`` (its newest accepted one)``, created_at,
        data_cutoff_date, is_synthetic, n_rows, n_accepted, n_quarantined, n_held_back, n_warnings``.
    tables : polars.DataFrame
        One row a table, over all sites: ``table, n_accepted, n_quarantined, n_held_back``.
    dropped : polars.DataFrame
        ``site_id, table, absent, quarantined, held_back``: keys that counted in the submission
        before and do not in the newest.
    rejected : polars.DataFrame
        One row a rejected submission: ``sequence, submission_id, site_id, received_at, reason``.
    first_data_cutoff_date, last_data_cutoff_date : date, optional
        Earliest and latest day to which the sites' data are complete.
    analysis_cutoff_date : date, optional
        Day set on the session by ``set variable analysis_cutoff_date``; it censors earlier
        than the sites' own days.
    is_synthetic : bool, optional
        True or false if it holds for every site; ``None`` if sites differ or there are none.
    """

    sites: pl.DataFrame
    tables: pl.DataFrame
    dropped: pl.DataFrame
    rejected: pl.DataFrame
    first_data_cutoff_date: date | None
    last_data_cutoff_date: date | None
    analysis_cutoff_date: date | None
    is_synthetic: bool | None


def status(registry: Registry) -> Status:
    """Sum up a registry; with the variable ``as_of`` set on its connection, as it was then.

    Parameters
    ----------
    registry : Registry
        Open for reading or writing.
    """
    sites = _sites(registry)
    kinds = set(sites["is_synthetic"].to_list())
    cutoff = registry.connection.execute("select cast(getvariable('analysis_cutoff_date') as date)").fetchall()[0][0]
    days = sorted(sites["data_cutoff_date"].to_list())
    return Status(
        sites=sites,
        tables=_tables(registry),
        dropped=_dropped(registry, sites),
        rejected=_rejected(registry),
        first_data_cutoff_date=days[0] if days else None,
        last_data_cutoff_date=days[-1] if days else None,
        analysis_cutoff_date=cutoff,
        is_synthetic=kinds.pop() if len(kinds) == 1 else None,
    )


def violations(registry: Registry, submission_id: str | None = None) -> pl.DataFrame:
    """List what is wrong, row by row, with file and line.

    Parameters
    ----------
    registry : Registry
        Open for reading or writing.
    submission_id : str, optional
        An accepted submission; by default the newest one of every site.

    Returns
    -------
    polars.DataFrame
        ``submission_id, rule, severity, table, file, line, column, message``.

    Raises
    ------
    UsageError
        If no accepted submission has that name.
    """
    if submission_id is None:
        chosen, values = f"select submission_id from {LEDGER_SCHEMA}.current_submission", []
    else:
        _require_accepted(registry, submission_id)
        chosen, values = "select cast(? as varchar)", [submission_id]
    order = {definition.name: position for position, definition in enumerate(TABLES)}
    query = f"select {_VIOLATION_COLUMNS} from quality.violation where violation.submission_id in ({chosen})"
    found = query_frame(registry.connection, query, values)
    return found.with_columns(pl.col("line").cast(pl.Int64)).sort(
        "submission_id",
        pl.col("table").replace_strict(order, return_dtype=pl.Int32),
        "line",
        "column",
        "rule",
    )


def delta(registry: Registry, submission_id: str, table: str) -> pl.DataFrame:
    """List the keys of a table that counted before a submission and do not count in it.

    Parameters
    ----------
    registry : Registry
        Open for reading or writing.
    submission_id : str
        An accepted submission; it is compared with the one before it of the same site.
    table : str
        A submitted table.

    Returns
    -------
    polars.DataFrame
        The key columns, and ``reason``: absent, quarantined or held_back.
    """
    definition = table_named(table)
    previous = _previous(registry, submission_id)
    key = ", ".join(definition.key)
    query = f"select {key}, reason from ({_fallen(definition)}) order by {key}"
    names = {"new": submission_id, "previous": previous}
    return query_frame(registry.connection, query, names)


def count_dropped(registry: Registry, submission_id: str, previous: str | None) -> pl.DataFrame:
    """Count by table the keys that counted in the submission before and do not in this one.

    Returns
    -------
    polars.DataFrame
        ``table, absent, quarantined, held_back``; tables without any are left out.
    """
    counts = {"absent": pl.Int64(), "quarantined": pl.Int64(), "held_back": pl.Int64()}
    if previous is None or previous == submission_id:
        return pl.DataFrame(schema={"table": pl.String(), **counts})
    parts = [
        f"""
        select
            '{definition.name}' as "table",
            count(*) filter (where reason = 'absent') as absent,
            count(*) filter (where reason = 'quarantined') as quarantined,
            count(*) filter (where reason = 'held_back') as held_back
        from ({_fallen(definition)})
        """
        for definition in TABLES
    ]
    query = f"select * from ({' union all '.join(parts)}) where absent + quarantined + held_back > 0"
    counted = query_frame(registry.connection, query, {"new": submission_id, "previous": previous})
    order = {definition.name: position for position, definition in enumerate(TABLES)}
    return counted.cast(pl.Schema({"table": pl.String(), **counts})).sort(
        pl.col("table").replace_strict(order, return_dtype=pl.Int32)
    )


def _fallen(definition: Table) -> str:
    """Give the SQL of the keys in ``$previous`` that are not in ``$new``, with the reason."""
    same = " and ".join(f"cast(before.{name} as varchar) = held.{name}" for name in definition.key)
    key = ", ".join(definition.key)
    return f"""
        select
            {", ".join(f"before.{name}" for name in definition.key)},
            coalesce(
                (
                    select min(held.disposition)
                    from quality.quarantine_{definition.name} as held
                    where held.submission_id = $new and {same}
                ),
                'absent'
            ) as reason
        from (
            select {key} from submitted.{definition.name} where submission_id = $previous
            except
            select {key} from submitted.{definition.name} where submission_id = $new
        ) as before
    """


def _require_accepted(registry: Registry, submission_id: str) -> None:
    names = [
        row.submission_id
        for row in read_ledger(registry.connection)
        if row.outcome == "accepted" and row.submission_id is not None
    ]
    if submission_id not in names:
        raise UsageError(f"no accepted submission is called {submission_id!r}", next_step=nearest(submission_id, names))


def _previous(registry: Registry, submission_id: str) -> str | None:
    """Find the accepted submission of the same site before this one."""
    _require_accepted(registry, submission_id)
    accepted = [row for row in read_ledger(registry.connection) if row.outcome == "accepted"]
    this = next(row for row in accepted if row.submission_id == submission_id)
    before = [row for row in accepted if row.site_id == this.site_id and row.sequence < this.sequence]
    return before[-1].submission_id if before else None


def _sites(registry: Registry) -> pl.DataFrame:
    query = f"""
        select
            newest.site_id,
            newest.submission_id,
            submission.created_at,
            newest.data_cutoff_date,
            newest.is_synthetic,
            submission.n_rows,
            submission.n_rows - submission.n_quarantined - submission.n_held_back as n_accepted,
            submission.n_quarantined,
            submission.n_held_back,
            (
                select count(*)
                from quality.violation
                where violation.submission_id = newest.submission_id and violation.severity = 'warn'
            ) as n_warnings
        from {LEDGER_SCHEMA}.current_submission as newest
        inner join {LEDGER_SCHEMA}.submission using (sequence)
        order by newest.site_id
    """
    return query_frame(registry.connection, query)


def _tables(registry: Registry) -> pl.DataFrame:
    query = f"""
        select
            file."table",
            cast(sum(file.n_rows - file.n_quarantined - file.n_held_back) as bigint) as n_accepted,
            cast(sum(file.n_quarantined) as bigint) as n_quarantined,
            cast(sum(file.n_held_back) as bigint) as n_held_back
        from {LEDGER_SCHEMA}.submission_file as file
        where file.submission_id in (select submission_id from {LEDGER_SCHEMA}.current_submission)
        group by file."table"
    """
    counted = query_frame(registry.connection, query)
    every = pl.DataFrame({"table": [definition.name for definition in TABLES]})
    return every.join(counted, on="table", how="left", maintain_order="left").fill_null(0)


def _dropped(registry: Registry, sites: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for site_id, submission_id in sites.select("site_id", "submission_id").iter_rows():
        counted = count_dropped(registry, submission_id, _previous(registry, submission_id))
        parts.append(counted.select(pl.lit(site_id).alias("site_id"), pl.all()))
    columns = {"site_id": pl.String, "table": pl.String, "absent": pl.Int64, "quarantined": pl.Int64}
    return pl.concat([pl.DataFrame(schema={**columns, "held_back": pl.Int64}), *parts])


def _rejected(registry: Registry) -> pl.DataFrame:
    query = f"""
        select sequence, submission_id, site_id, received_at, reason
        from {LEDGER_SCHEMA}.submission
        where outcome = 'rejected'
        order by sequence
    """
    return query_frame(registry.connection, query)
