"""The page of the keeper of a registry: every site's last submission, who is late and who is worse than before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from blinreg.analyses import wording
from blinreg.analyses.report.assets import SYNTHETIC_MARK, SYNTHETIC_NOTICE, environment, script, style
from blinreg.analyses.report.review import STEWARD_FRAMES, StewardReview, frames_of
from blinreg.analyses.report.site_delta import signed
from blinreg.analyses.report.site_findings import Word, severity_word
from blinreg.analyses.report.site_segments import lines_by

NOTICE = "Counts by site, for the keeper of the registry: not for publication."
MARK = "CONFIDENTIAL"
_VERDICTS = {
    "clean": Word("clean", "clean", "✓"),
    "warnings": Word("warn", "to be checked", "?"),
    "quarantined": Word("reject_row", "rows not accepted", "✗"),
    "rejected": Word("reject_submission", "refused", "⊘"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstRule:
    """A rule with many findings at a site."""

    rule: str
    title: str
    severity: Word
    n_bad: int
    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site of the page."""

    site_id: str
    submission_id: str
    created_at: str
    data_cutoff_date: str
    verdict: Word
    days_since: int | None
    is_late: bool
    is_worse: bool
    n_patients: str
    n_findings: int
    n_quarantined: int
    n_beyond: int
    per_100: str
    per_100_sort: str
    before: str
    difference: str
    has_rows: bool
    width: float
    width_before: float | None
    rules: tuple[WorstRule, ...]


def steward_page(review: StewardReview) -> str:
    """Compose the page.

    Parameters
    ----------
    review : StewardReview
        Any object with its attributes.

    Returns
    -------
    str
        HTML that loads nothing; the same review gives the same text.

    Raises
    ------
    InputError
        A frame of the review lacks a column or has another type in it.

    Examples
    --------
    >>> from datetime import date
    >>> from types import SimpleNamespace
    >>> frames = {name: pl.DataFrame(schema=dict(columns)) for name, columns in STEWARD_FRAMES.items()}
    >>> review = SimpleNamespace(**frames, is_synthetic=True, as_of=date(2019, 5, 31), late_after_days=183)
    >>> "No site has submitted" in steward_page(review)
    True
    """
    frames = frames_of(review, STEWARD_FRAMES)
    rows = site_rows(frames["sites"], frames["worst_rules"])
    late, worse = [row.site_id for row in rows if row.is_late], [row.site_id for row in rows if row.is_worse]
    text, hashed = script("sort.js", "steward.js")
    mark, notice = (SYNTHETIC_MARK, SYNTHETIC_NOTICE) if review.is_synthetic else (MARK, NOTICE)
    return (
        environment()
        .get_template("steward.html")
        .render(
            review=review,
            mark=mark,
            notice=notice,
            heading=heading_of(
                len(rows), len(late), len(worse), is_first=all(row.width_before is None for row in rows)
            ),
            rows=rows,
            years=lines_by(frames["segments"], "site_id"),
            late=late,
            worse=worse,
            style=style("report.css", "site.css", "steward.css", mark=mark),
            script=text,
            script_hash=hashed,
        )
    )


def heading_of(n_sites: int, n_late: int, n_worse: int, *, is_first: bool = False) -> str:
    """Say in a sentence how the sites stand; `is_first` if none of them sent anything before its last submission.

    Examples
    --------
    >>> heading_of(11, 1, 0), heading_of(11, 0, 0)
    ('Of 11 sites, 1 is late and none is worse than last time', 'All 11 sites are in time and no worse than last time')
    >>> heading_of(11, 0, 0, is_first=True)
    'All 11 sites are in time, each with its first submission'
    """
    if not n_sites:
        return "No site has submitted"
    if not n_late and not n_worse:
        begin = "The site is in time" if n_sites == 1 else f"All {n_sites} sites are in time"
        if not is_first:
            return f"{begin} and no worse than last time"
        return f"{begin}, {'with its' if n_sites == 1 else 'each with its'} first submission"
    late, worse = (f"{n or 'none'} {'are' if n > 1 else 'is'}" for n in (n_late, n_worse))
    return f"Of {n_sites} {'site' if n_sites == 1 else 'sites'}, {late} late and {worse} worse than last time"


def site_rows(sites: pl.DataFrame, worst_rules: pl.DataFrame) -> tuple[SiteRow, ...]:
    """Say every site in words: late ones first, then those that are worse, then by findings a 100 rows."""
    rates = sites.with_columns(
        per_100=_per_100("n_findings", "n_rows"), before=_per_100("n_findings_before", "n_rows_before")
    )
    highest = rates.select(pl.max_horizontal(pl.col("per_100").max(), pl.col("before").max())).item() or 1.0
    ordered = rates.sort(
        pl.col("is_late").fill_null(False),
        pl.col("is_worse").fill_null(False),
        "per_100",
        "site_id",
        descending=[True, True, True, False],
        nulls_last=True,
    )
    rules = {str(name): part for (name,), part in worst_rules.group_by("site_id", maintain_order=True)}
    return tuple(
        _row(row, rules.get(row["site_id"], worst_rules.clear()), highest) for row in ordered.iter_rows(named=True)
    )


def _per_100(count: str, rows: str) -> pl.Expr:
    return pl.when(pl.col(rows) > 0).then(100 * pl.col(count) / pl.col(rows))


def _row(row: Mapping[str, Any], rules: pl.DataFrame, highest: float) -> SiteRow:
    now, before = row["per_100"], row["before"]
    return SiteRow(
        site_id=row["site_id"],
        submission_id=row["submission_id"] or wording.NOT_AVAILABLE,
        created_at=row["created_at"] or wording.NOT_AVAILABLE,
        data_cutoff_date=row["data_cutoff_date"] or wording.NOT_AVAILABLE,
        verdict=_VERDICTS.get(row["verdict"], Word("none", row["verdict"] or wording.NOT_AVAILABLE, "·")),
        days_since=row["days_since"],
        is_late=bool(row["is_late"]),
        is_worse=bool(row["is_worse"]),
        n_patients=wording.NOT_AVAILABLE if row["n_patients"] is None else f"{row['n_patients']:,}",
        n_findings=row["n_findings"] or 0,
        n_quarantined=row["n_quarantined"] or 0,
        n_beyond=row["n_beyond"] or 0,
        per_100=_rate(now),
        per_100_sort="" if now is None else repr(now),
        before=_rate(before),
        difference="" if now is None or before is None else signed(round(now - before, 1)),
        has_rows=now is not None,
        width=100 * (now or 0.0) / highest,
        width_before=None if before is None else 100 * before / highest,
        rules=tuple(_rule(rule) for rule in rules.iter_rows(named=True)),
    )


def _rate(rate: float | None) -> str:
    return wording.NOT_AVAILABLE if rate is None else f"{rate:.1f}"


def _rule(row: Mapping[str, Any]) -> WorstRule:
    n_bad, before = row["n_bad"] or 0, row["n_bad_before"]
    return WorstRule(
        rule=row["rule"],
        title=row["title"] or row["rule"],
        severity=severity_word(row["severity"]),
        n_bad=n_bad,
        difference="" if before is None else signed(n_bad - before),
    )
