"""Change how much of a finding is too much: for every site or for one, without running a rule again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError, nearest
from blinreg.schemas.ledger import LEDGER_SCHEMA
from blinreg.schemas.rules import Threshold
from blinreg.schemas.rules import rule as rule_called
from blinreg.schemas.rules.store import EVERY_SITE, QUALITY_SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits(Threshold):
    """Limits that the keeper of a registry sets: a `Threshold` that can be met; one that is None does not count."""

    def __post_init__(self) -> None:
        if any(value is not None and not 0 <= value <= 100 for value in (self.max_percent, self.min_percent)):
            raise UsageError("a per cent limit must lie between 0 and 100")
        if (self.max_rows is not None and self.max_rows < 0) or self.min_checked < 0:
            raise UsageError("a limit must not be negative")


def set_limits(registry: Registry, rule: str, limits: Limits, *, site_id: str = EVERY_SITE) -> None:
    """Give a rule limits of its own; they replace the usual ones whole, and earlier ones of the same site.

    Parameters
    ----------
    registry : Registry
        Open for writing.
    rule : str
        Id of the rule.
    limits : Limits
        The limits.
    site_id : str
        Site they are for; by default every site that has none of its own.

    Raises
    ------
    UsageError
        If there is no such rule or site, or the registry is open for reading.
    """
    remove_limits(registry, rule, site_id=site_id)
    registry.cursor().execute(
        f"insert into {QUALITY_SCHEMA}.threshold (rule, site_id, max_rows, max_percent, min_percent, min_checked) "
        "values (?, ?, ?, ?, ?, ?)",
        [rule, site_id, limits.max_rows, limits.max_percent, limits.min_percent, limits.min_checked],
    )


def remove_limits(registry: Registry, rule: str, *, site_id: str = EVERY_SITE) -> None:
    """Go back to the usual limits.

    Raises
    ------
    UsageError
        If there is no such rule or site, or the registry is open for reading.
    """
    registry.require_writable()
    rule_called(rule)
    require_site(registry, site_id)
    registry.cursor().execute(f"delete from {QUALITY_SCHEMA}.threshold where rule = ? and site_id = ?", [rule, site_id])


def require_site(registry: Registry, site_id: str) -> None:
    """Refuse a site that never sent anything: a limit for a name that was mistyped would do nothing."""
    found = registry.cursor().execute(
        f"select distinct site_id from {LEDGER_SCHEMA}.submission where site_id is not null"
    )
    known = [row[0] for row in found.fetchall()]
    if site_id != EVERY_SITE and site_id not in known:
        raise UsageError(f"no site is called {site_id!r}", next_step=nearest(site_id, known))


def limits_in_force(registry: Registry, site_id: str) -> Mapping[str, Threshold]:
    """Give the limits of now, by rule; none for a site that never sent anything.

    Returns
    -------
    mapping of str to Threshold
        What ``quality.limit_in_force`` says.
    """
    query = f"select * exclude (site_id) from {QUALITY_SCHEMA}.limit_in_force where site_id = ?"
    found = query_frame(registry.cursor(), query, [site_id])
    return {row.pop("rule"): Threshold(**row) for row in found.iter_rows(named=True)}


def verdicts(registry: Registry, rule: str) -> pl.DataFrame:
    """Say what follows from the limits of now for the current submission of every site.

    Returns
    -------
    polars.DataFrame
        ``site_id, submission_id, n_checked, n_bad, percent_bad, max_rows, max_percent, min_percent, min_checked,
        verdict``, by site.

    Raises
    ------
    UsageError
        If there is no such rule.
    """
    rule_called(rule)
    query = f"""
        select
            site_id, submission_id, n_checked, n_bad, percent_bad,
            max_rows, max_percent, min_percent, min_checked, verdict
        from {QUALITY_SCHEMA}.verdict
        where rule = ? and submission_id in (select submission_id from {LEDGER_SCHEMA}.current_submission)
        order by site_id
    """
    return query_frame(registry.cursor(), query, [rule])
