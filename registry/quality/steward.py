"""How the sites of a registry stand: who is late, and who sends more findings than last time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from blinreg.registry.frames import query_frame
from blinreg.registry.ledger import LedgerRow, read_ledger
from blinreg.registry.quality.segments import segments
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError
from blinreg.schemas.rules import RULES

#: Sites send twice a year.
LATE_AFTER_DAYS = 183

#: Rules that are named for each site.
WORST = 5

SITE_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("site_id", "submission_id", "created_at", "data_cutoff_date", "verdict"), pl.String()),
        **dict.fromkeys(
            (
                "days_since",
                "n_patients",
                "n_rows",
                "n_findings",
                "n_quarantined",
                "n_beyond",
                "n_findings_before",
                "n_rows_before",
            ),
            pl.Int64(),
        ),
        **dict.fromkeys(("is_late", "is_worse"), pl.Boolean()),
    }
)

WORST_SCHEMA = pl.Schema(
    {
        **dict.fromkeys(("site_id", "rule", "title", "severity"), pl.String()),
        **dict.fromkeys(("n_bad", "n_bad_before"), pl.Int64()),
    }
)

#: Rules whose findings are beyond the limits of now.
_BEYOND = """
select submission_id, count(*) as n
from quality.verdict
where verdict in ('too_many', 'too_few')
group by submission_id
"""

_FINDINGS = """
select submission_id, rule, any_value(severity) as severity, count(*) as n
from quality.violation
group by submission_id, rule
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StewardReview:
    """How the sites stand; counts only.

    Parameters
    ----------
    is_synthetic : bool
        Whether the patients of every site are invented.
    as_of : date
        Day to which days are counted: the newest data cutoff.
    late_after_days : int
        More days than this since its data cutoff, and a site is late.
    sites : polars.DataFrame
        One row a site: ``site_id, submission_id, created_at, data_cutoff_date, verdict, days_since, n_patients,
        n_rows, n_findings, n_quarantined, n_beyond, n_findings_before, n_rows_before, is_late, is_worse``. Counts
        are of its newest accepted submission, ``n_beyond`` of rules beyond the limits of now; a verdict ``rejected``
        means that a later one was refused, or that none was accepted yet. Worse: more findings a row than in the
        submission before.
    worst_rules : polars.DataFrame
        ``site_id, rule, title, severity, n_bad, n_bad_before``: the rules with most findings, by site.
    segments : polars.DataFrame
        ``site_id, table, year, n_rows, n_bad, n_not_accepted`` of the newest accepted submissions; see
        `blinreg.registry.quality.segments`.
    """

    is_synthetic: bool
    as_of: date
    late_after_days: int
    sites: pl.DataFrame
    worst_rules: pl.DataFrame
    segments: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """What was found, by submission; patients as sent and accepted."""

    totals: Mapping[str, int]
    patients: Mapping[str, int]
    beyond: Mapping[str, int]
    warned: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Site:
    """What a site sent: its accepted submissions, and the last one received."""

    site_id: str
    accepted: Sequence[LedgerRow]
    last: LedgerRow

    @property
    def now(self) -> LedgerRow | None:
        return self.accepted[-1] if self.accepted else None

    @property
    def before(self) -> LedgerRow | None:
        return self.accepted[-2] if len(self.accepted) > 1 else None


def steward_review(registry: Registry, *, late_after_days: int = LATE_AFTER_DAYS) -> StewardReview:
    """Compare the sites by their newest submissions; no clock is read.

    Parameters
    ----------
    registry : Registry
        Open for reading or writing.
    late_after_days : int
        Days from a site's data cutoff to the newest of all after which it is late.

    Raises
    ------
    UsageError
        If no submission has been accepted yet: there is no day to count to.
    """
    cursor = registry.cursor()
    sites = _sites(read_ledger(cursor))
    found = query_frame(cursor, _FINDINGS)
    patients = dict(
        query_frame(cursor, "select submission_id, count(*) from submitted.patient group by submission_id").iter_rows()
    )
    cutoffs = [site.now.data_cutoff_date for site in sites if site.now and site.now.data_cutoff_date]
    if not cutoffs:
        raise UsageError(
            f"{registry.path.name} holds no accepted submission",
            next_step=f"load one first: blinreg load SUBMISSION --registry {registry.path.name}",
        )
    as_of = max(cutoffs)
    counts = _Counts(
        totals=dict(found.group_by("submission_id").agg(pl.col("n").sum()).iter_rows()),
        patients=patients,
        beyond=dict(query_frame(cursor, _BEYOND).iter_rows()),
        warned=frozenset(found.filter(pl.col("severity") == "warn")["submission_id"]),
    )
    rows = [_site_row(site, as_of, late_after_days, counts) for site in sites]
    return StewardReview(
        is_synthetic=bool(sites) and all(site.last.is_synthetic for site in sites),
        as_of=as_of,
        late_after_days=late_after_days,
        sites=pl.DataFrame(rows, schema=SITE_SCHEMA),
        worst_rules=pl.concat([WORST_SCHEMA.to_frame(), *(_worst(site, found) for site in sites)]),
        segments=segments(cursor, [str(site.now.submission_id) for site in sites if site.now]),
    )


def _sites(ledger: Sequence[LedgerRow]) -> list[_Site]:
    names = sorted({row.site_id for row in ledger if row.site_id is not None})
    sites = []
    for name in names:
        received = [row for row in ledger if row.site_id == name]
        accepted = [row for row in received if row.outcome == "accepted"]
        sites.append(_Site(name, accepted, received[-1]))
    return sites


def _site_row(site: _Site, as_of: date, late_after_days: int, counts: _Counts) -> dict[str, Any]:
    now, before = site.now, site.before
    if now is None:
        return {**dict.fromkeys(SITE_SCHEMA), "site_id": site.site_id, "verdict": "rejected"}
    name = str(now.submission_id)
    days = None if now.data_cutoff_date is None else (as_of - now.data_cutoff_date).days
    n_findings = counts.totals.get(name, 0)
    n_before = None if before is None else counts.totals.get(str(before.submission_id), 0)
    is_worse = n_before is not None and before is not None and n_findings * before.n_rows > n_before * now.n_rows
    return {
        "site_id": site.site_id,
        "submission_id": name,
        "created_at": None if now.created_at is None else f"{now.created_at:%Y-%m-%d %H:%M}",
        "data_cutoff_date": None if now.data_cutoff_date is None else now.data_cutoff_date.isoformat(),
        "verdict": _verdict(site, now, has_warnings=name in counts.warned),
        "days_since": days,
        "n_patients": counts.patients.get(name, 0),
        "n_rows": now.n_rows,
        "n_findings": n_findings,
        "n_quarantined": now.n_quarantined,
        "n_beyond": counts.beyond.get(name, 0),
        "n_findings_before": n_before,
        "n_rows_before": None if before is None else before.n_rows,
        "is_late": days is not None and days > late_after_days,
        "is_worse": is_worse,
    }


def _verdict(site: _Site, now: LedgerRow, *, has_warnings: bool) -> str:
    if site.last.outcome == "rejected":
        return "rejected"
    if now.n_quarantined:
        return "quarantined"
    return "warnings" if has_warnings else "clean"


def _worst(site: _Site, found: pl.DataFrame) -> pl.DataFrame:
    if site.now is None:
        return WORST_SCHEMA.to_frame()
    of_now = found.filter(pl.col("submission_id") == site.now.submission_id)
    before = "" if site.before is None else str(site.before.submission_id)
    of_before = found.filter(pl.col("submission_id") == before).select("rule", pl.col("n").alias("n_bad_before"))
    titles = {rule.id: rule.title for rule in RULES}
    worst = of_now.sort("n", "rule", descending=[True, False]).head(WORST)
    joined = worst.join(of_before, on="rule", how="left", maintain_order="left")
    known = pl.col("n_bad_before").fill_null(0) if before else pl.col("n_bad_before")
    return joined.select(
        pl.lit(site.site_id).alias("site_id"),
        "rule",
        pl.col("rule").replace_strict(titles, default=None, return_dtype=pl.String).alias("title"),
        "severity",
        pl.col("n").cast(pl.Int64).alias("n_bad"),
        known.cast(pl.Int64).alias("n_bad_before"),
    )
