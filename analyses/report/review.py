"""What the site page and the steward's page are made of: frames and a few facts, of any class that has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Protocol

import polars as pl

from blinreg.schemas.errors import InputError

_TEXT, _COUNT, _NUMBER, _FLAG = pl.String(), pl.Int64(), pl.Float64(), pl.Boolean()


def _columns(kind: pl.DataType, *names: str) -> dict[str, pl.DataType]:
    return dict.fromkeys(names, kind)


_FINDING = {
    **_columns(_TEXT, "rule", "severity", "table", "file"),
    **_columns(_COUNT, "line"),
    **_columns(_TEXT, "column", "value", "message", "how_to_fix", "patient_id"),
}
_QUANTILES = ("p5", "p25", "p50", "p75", "p95")

_SEGMENT = {**_columns(_TEXT, "site_id", "table"), **_columns(_COUNT, "year", "n_rows", "n_bad", "n_not_accepted")}

#: Columns of the frames of a `SiteReview`. Further columns are ignored, and the order does not matter.
#:
#: findings, resolved
#:     A row each. ``line`` is null for a whole file. Null ``patient_id`` and ``value`` where they may not be shown.
#: rules
#:     A row a rule that was run or found something. ``percent`` is of the checked rows.
#: completeness
#:     A row a column of a submitted table. Percents are of missing values.
#: timeliness
#:     ``sites_median`` is null without other sites.
#: distributions
#:     A row a variable of kind ``number``, with quantiles; a row a variable and ``level`` of kind ``code``, with
#:     counts and percents. ``site_n`` and ``others_n`` count the patients behind a row, for a code those with the
#:     level. What is null of the others is suppressed, or there are none.
#: changes
#:     A row a changed value, or a row that was added or removed whole (``column``, ``before``, ``after`` null).
#: segments
#:     A row a table and year: of its patients' first doses, null where that is not known.
#: effects
#:     A row an endpoint; times before are null without an earlier submission, medians that were not reached too.
SITE_FRAMES: Mapping[str, Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "findings": {**_FINDING, **_columns(_TEXT, "status")},
        "resolved": _FINDING,
        "rules": {
            **_columns(_TEXT, "rule", "title", "category", "severity"),
            **_columns(_COUNT, "n_checked", "n_bad", "n_unknown"),
            **_columns(_NUMBER, "percent"),
            **_columns(_TEXT, "verdict_by_threshold", "reason"),
        },
        "completeness": {
            **_columns(_TEXT, "table", "column", "title"),
            **_columns(_COUNT, "n_rows", "n_missing"),
            **_columns(_NUMBER, "percent", "percent_other_sites"),
            **_columns(_FLAG, "required"),
        },
        "timeliness": {
            **_columns(_TEXT, "measure"),
            **_columns(_NUMBER, "value"),
            **_columns(_TEXT, "unit"),
            **_columns(_NUMBER, "sites_median"),
        },
        "distributions": {
            **_columns(_TEXT, "variable", "title", "unit", "kind", "level"),
            **_columns(_COUNT, "site_n", "others_n"),
            **_columns(_NUMBER, "site_percent", "others_percent"),
            **_columns(_NUMBER, *(f"{who}_{name}" for who in ("site", "others") for name in _QUANTILES)),
        },
        "changes": _columns(_TEXT, "table", "key", "column", "before", "after", "kind"),
        "segments": _SEGMENT,
        "effects": {
            **_columns(_TEXT, "endpoint"),
            **_columns(_COUNT, "n_patients_before", "n_patients_after", "events_before", "events_after"),
            **_columns(_COUNT, "person_days_before", "person_days_after"),
            **_columns(_NUMBER, "median_months_before", "median_months_after"),
        },
    }
)

#: Columns of the frames of a `StewardReview`.
#:
#: sites
#:     A row a site, of its last submission; the counts before are null where there was only one. ``outcome`` is one
#:     of a verdict's words. ``is_worse``: more findings a 100 rows than the submission before.
#:     ``n_beyond`` counts the rules whose limit is passed.
#: worst_rules
#:     Of each site, the rules with most findings, worst first.
#: segments
#:     A row a site, table and year.
STEWARD_FRAMES: Mapping[str, Mapping[str, pl.DataType]] = MappingProxyType(
    {
        "sites": {
            **_columns(_TEXT, "site_id", "submission_id", "created_at", "data_cutoff_date", "verdict"),
            **_columns(_COUNT, "days_since", "n_patients", "n_rows", "n_findings", "n_quarantined", "n_beyond"),
            **_columns(_COUNT, "n_findings_before", "n_rows_before"),
            **_columns(_FLAG, "is_late", "is_worse"),
        },
        "worst_rules": {
            **_columns(_TEXT, "site_id", "rule", "title", "severity"),
            **_columns(_COUNT, "n_bad", "n_bad_before"),
        },
        "segments": _SEGMENT,
    }
)


class SiteReview(Protocol):
    """What was found in a submission of one site.

    Severities are ``reject_row``, ``reject_submission`` and ``warn``; a finding's status is ``new`` or
    ``persisting``; the kind of a change is ``added``, ``changed`` or ``removed``. A rule's verdict is ``passed``,
    ``too_many``, ``too_few`` or ``not_judged``. The frames have the columns of `SITE_FRAMES`.
    """

    @property
    def verdict(self) -> str:
        """clean, warnings, quarantined or rejected."""

    @property
    def submission_id(self) -> str:
        """Id of the submission."""

    @property
    def site_id(self) -> str:
        """Id of the site."""

    @property
    def is_synthetic(self) -> bool:
        """Whether the patients are invented."""

    @property
    def created_at(self) -> object:
        """When the site made the submission; shown as it is."""

    @property
    def is_export(self) -> bool:
        """Whether it is a REDCap export, with the findings' lines and columns of it: rows are corrected in REDCap."""

    @property
    def n_rows_by_table(self) -> Mapping[str, int]:
        """Rows sent, by table."""

    @property
    def n_held_back(self) -> int:
        """Rows with nothing wrong that wait for a row that is not accepted."""

    @property
    def rejection(self) -> str:
        """Why it was rejected and what to do next; empty otherwise."""

    @property
    def previous_submission_id(self) -> str:
        """Accepted submission of the site that it is compared with; empty without one."""

    @property
    def findings(self) -> pl.DataFrame:
        """What was found."""

    @property
    def rules(self) -> pl.DataFrame:
        """What the rules counted."""

    @property
    def resolved(self) -> pl.DataFrame:
        """Findings of the last submission that are gone."""

    @property
    def completeness(self) -> pl.DataFrame:
        """Missing values by column."""

    @property
    def timeliness(self) -> pl.DataFrame:
        """How old the data are."""

    @property
    def distributions(self) -> pl.DataFrame:
        """The site's values beside those of the others."""

    @property
    def changes(self) -> pl.DataFrame:
        """What changed since the last accepted submission."""

    @property
    def segments(self) -> pl.DataFrame:
        """Rows with findings, by table and year."""

    @property
    def effects(self) -> pl.DataFrame:
        """What that does to the endpoints."""


class StewardReview(Protocol):
    """What was found in the last submission of every site.

    Sites are late when ``days_since`` is above ``late_after_days``; days are counted to ``as_of``. The frames have
    the columns of `STEWARD_FRAMES`.
    """

    @property
    def is_synthetic(self) -> bool:
        """Whether the patients are invented."""

    @property
    def as_of(self) -> date:
        """Day to which days are counted: the latest data cutoff."""

    @property
    def late_after_days(self) -> int:
        """More days than this since its last data cutoff, and a site is late."""

    @property
    def sites(self) -> pl.DataFrame:
        """The last submission of every site."""

    @property
    def worst_rules(self) -> pl.DataFrame:
        """The rules with most findings, by site."""

    @property
    def segments(self) -> pl.DataFrame:
        """Rows with findings, by site, table and year."""


def frames_of(review: object, columns: Mapping[str, Mapping[str, pl.DataType]]) -> dict[str, pl.DataFrame]:
    """Take the frames of a review, with the declared columns and types.

    Parameters
    ----------
    review : SiteReview or StewardReview
        Its frames are attributes.
    columns : mapping
        `SITE_FRAMES` or `STEWARD_FRAMES`.

    Returns
    -------
    dict of str to polars.DataFrame

    Raises
    ------
    InputError
        A frame lacks a column, or has another type in it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> review = SimpleNamespace(counts=pl.DataFrame({"n": [3], "more": ["x"]}, schema_overrides={"n": pl.UInt32}))
    >>> frames_of(review, {"counts": {"n": pl.Int64()}})["counts"].dtypes
    [Int64]
    """
    return {name: _declared(name, getattr(review, name), wanted) for name, wanted in columns.items()}


def _declared(name: str, frame: pl.DataFrame, wanted: Mapping[str, pl.DataType]) -> pl.DataFrame:
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise InputError(f"the frame {name} of the review lacks {', '.join(missing)}", next_step="add the columns")
    try:
        return frame.select(pl.col(column).cast(kind) for column, kind in wanted.items())
    except pl.exceptions.PolarsError:
        # The error of the cast quotes values.
        raise InputError(
            f"the frame {name} of the review has columns of other types", next_step=f"give {dict(wanted)}"
        ) from None
