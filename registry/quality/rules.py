"""Rules on rows that look beyond one column: keys, parents, other sites, the calendar.

Each rule is declared once, with what follows from it and what to tell the site. Rules on a
single column come from the definitions (`blinreg.schemas.render.gate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from blinreg.schemas.model import ForeignKey, Table, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a rule may know beside the rows.

    Parameters
    ----------
    site_id : str
        Site of the submission.
    created_date : date
        Day on which the site made it.
    claimed : polars.Series
        Patients who belong to other sites now.
    """

    site_id: str
    created_date: date
    claimed: pl.Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Rows that break a rule.

    Parameters
    ----------
    rule : str
        Full name, ``table.column.kind``.
    column : str
        Column or columns, joined by commas.
    message : str
        What is wrong and what is allowed; never the value.
    lines : polars.Series
        Lines of the rows in the file.
    """

    rule: str
    column: str
    message: str
    lines: pl.Series


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One declared rule.

    Parameters
    ----------
    kind : str
        Last word of the rule's name.
    severity : str
        ``reject_row`` or ``warn``.
    category : str
        Kahn's category of data quality (Kahn et al., eGEMs 2016;4(1):1244).
    reason : str
        Why the rule exists.
    find : callable
        Takes the definition, the typed rows with ``source_line``, and the context.
    """

    kind: str
    severity: str
    category: str
    reason: str
    find: Callable[[Table, pl.DataFrame, Context], Iterator[Finding]]


def duplicates(definition: Table, rows: pl.DataFrame, _: Context) -> Iterator[Finding]:
    """Find rows whose key an earlier line has already; the first line keeps it."""
    has_key = pl.all_horizontal(pl.col(name).is_not_null() for name in definition.key)
    keyed = rows.filter(has_key)
    repeated = keyed.filter(~pl.struct(definition.key).is_first_distinct())
    key = ", ".join(definition.key)
    yield Finding(
        rule=f"{definition.name}.key.duplicate",
        column=key,
        message=f"an earlier line has the same key ({key}): one row is allowed for each",
        lines=repeated["source_line"],
    )


def foreign_site(definition: Table, rows: pl.DataFrame, context: Context) -> Iterator[Finding]:
    """Find patients who are said to be another site's."""
    if "site_id" in definition.column_names:
        yield Finding(
            rule=f"{definition.name}.site_id.other_site",
            column="site_id",
            message="not the site of this submission: a site submits its own patients only",
            lines=rows.filter(pl.col("site_id") != context.site_id)["source_line"],
        )


def claimed_patients(definition: Table, rows: pl.DataFrame, context: Context) -> Iterator[Finding]:
    """Find patients whom another site's submission has already."""
    if definition.key == ("patient_id",) and not definition.foreign_keys:
        yield Finding(
            rule=f"{definition.name}.patient_id.claimed",
            column="patient_id",
            message="another site has submitted a patient of this name: names are unique across sites",
            lines=rows.filter(pl.col("patient_id").is_in(context.claimed.implode()))["source_line"],
        )


def future_dates(definition: Table, rows: pl.DataFrame, context: Context) -> Iterator[Finding]:
    """Find dates after the day on which the submission was made."""
    made = context.created_date.isoformat()
    for column in definition.columns:
        if column.type is Type.DATE:
            value = pl.col(column.name)
            # Texts of one length compare as their dates do; a partial date is compared with its own part.
            later = pl.coalesce(
                pl.when(value.str.len_chars() == length).then(value > made[:length]) for length in (10, 7, 4)
            )
            yield Finding(
                rule=f"{definition.name}.{column.name}.future",
                column=column.name,
                message="later than the day on which the submission was made",
                lines=rows.filter(later)["source_line"],
            )


#: Rules on the rows of one table, in the order of the reports.
ROW_RULES: tuple[Rule, ...] = (
    Rule(
        kind="duplicate",
        severity="reject_row",
        category="conformance",
        reason="a key names one row; of two, nobody can say which is meant",
        find=duplicates,
    ),
    Rule(
        kind="other_site",
        severity="reject_row",
        category="conformance",
        reason="a site answers for its own patients",
        find=foreign_site,
    ),
    Rule(
        kind="claimed",
        severity="reject_row",
        category="conformance",
        reason="two sites with one patient would count a death twice",
        find=claimed_patients,
    ),
    Rule(
        kind="future",
        severity="reject_row",
        category="plausibility",
        reason="nothing can be known of a day that has not come",
        find=future_dates,
    ),
)


def orphan(definition: Table, key: ForeignKey, lines: pl.Series) -> Finding:
    """Name rows whose parent row the submission does not have."""
    columns = ", ".join(key.columns)
    return Finding(
        rule=f"{definition.name}.{key.table}.orphan",
        column=columns,
        message=f"no row of {key.table} in this submission has this {columns}",
        lines=lines,
    )


def without_follow_up(lines: pl.Series) -> Finding:
    """Name accepted patients without an accepted row of follow-up; a warning."""
    return Finding(
        rule="patient.follow_up.absent",
        column="patient_id",
        message="no accepted row of follow_up: the patient is left out of every time-to-event analysis",
        lines=lines,
    )


def violations_of(definition: Table, finding: Finding, *, severity: str) -> pl.DataFrame:
    """Write a finding as rows of violations."""
    return pl.DataFrame({"line": finding.lines.cast(pl.Int64)}).select(
        pl.lit(finding.rule).alias("rule"),
        pl.lit(severity).alias("severity"),
        pl.lit(definition.name).alias("table"),
        "line",
        pl.lit(finding.column).alias("column"),
        pl.lit(finding.message).alias("message"),
    )
