"""Findings and rules of the site page: in order, as words, and no more of them than a browser can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from blinreg.analyses import wording

#: Findings of a rule on the page, and findings in all; the others are in findings.csv.
MOST_OF_A_RULE = 500
MOST = 4000
#: Characters of a value.
LONGEST = 120


class Word(NamedTuple):
    """How a severity or a verdict is called, and the sign that says it without colour."""

    name: str
    text: str
    sign: str


SEVERITIES: Mapping[str, Word] = MappingProxyType(
    {
        "reject_submission": Word("reject_submission", "submission refused", "⊘"),
        "reject_row": Word("reject_row", "row not accepted", "✗"),
        "warn": Word("warn", "to be checked", "?"),
    }
)
_RANK = {name: place for place, name in enumerate(SEVERITIES)}
_VERDICTS = {
    "passed": "kept",
    "too_many": "exceeded",
    "too_few": "not reached",
    "not_judged": "not judged",
}


class Finding(NamedTuple):
    """A row of the findings."""

    rule_number: int
    title: str
    reason: str
    severity: Word
    table: str
    file: str
    line: int | None
    column: str
    value: str | None
    is_withheld: bool
    message: str
    how_to_fix: str
    patient_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """A rule with what it found; ``number`` ties it to its findings."""

    number: int
    rule: str
    title: str
    reason: str
    severity: Word
    n_bad: int
    n_checked: int
    n_unknown: int
    percent: str
    verdict: str
    is_beyond: bool
    n_findings: int
    n_shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The findings that are on the page.

    Attributes
    ----------
    rows : tuple of Finding
        Worst first.
    n : int
        Findings in all.
    most_of_a_rule : int
        So many of every rule, at most.
    """

    rows: tuple[Finding, ...]
    n: int
    most_of_a_rule: int

    @property
    def is_cut(self) -> bool:
        """Whether some findings are not on the page."""
        return len(self.rows) < self.n

    @property
    def tables(self) -> list[str]:
        """Tables with findings."""
        return list(dict.fromkeys(row.table for row in sorted(self.rows, key=lambda row: row.table)))


def rule_rows(rules: pl.DataFrame, findings: pl.DataFrame, shown: pl.DataFrame) -> tuple[RuleRow, ...]:
    """Say every rule in words, worst first: by severity, then by bad rows.

    Parameters
    ----------
    rules, findings : polars.DataFrame
        Of a review.
    shown : polars.DataFrame
        Findings that are on the page.

    Returns
    -------
    tuple of RuleRow
        Those that found something before those that did not. A rule stands here once, whatever number of tables
        it was run on.
    """
    n_found, n_shown = _counts(findings), _counts(shown)
    rank = pl.col("severity").replace_strict(_RANK, default=len(_RANK), return_dtype=pl.Int32)
    found = pl.max_horizontal(
        pl.col("n_bad").fill_null(0), pl.col("rule").replace_strict(n_found, default=0, return_dtype=pl.Int64)
    )
    ordered = _once(rules).sort((found == 0), rank, found, "rule", descending=[False, False, True, False])
    return tuple(
        RuleRow(
            number=number,
            rule=row["rule"],
            title=row["title"],
            reason=row["reason"],
            severity=severity_word(row["severity"]),
            n_bad=row["n_bad"] or 0,
            n_checked=row["n_checked"] or 0,
            n_unknown=row["n_unknown"] or 0,
            percent=_percent(row["percent"]),
            verdict=_VERDICTS.get(row["verdict_by_threshold"], row["verdict_by_threshold"] or wording.NOT_AVAILABLE),
            is_beyond=row["verdict_by_threshold"] in {"too_many", "too_few"},
            n_findings=n_found.get(row["rule"], 0),
            n_shown=n_shown.get(row["rule"], 0),
        )
        for number, row in enumerate(ordered.iter_rows(named=True))
    )


def _once(rules: pl.DataFrame) -> pl.DataFrame:
    """Join the counts of a rule that was run on several tables."""
    counts = ["n_checked", "n_bad", "n_unknown"]
    words = [name for name in rules.columns if name not in {*counts, "rule", "percent"}]
    joined = rules.group_by("rule", maintain_order=True).agg(pl.col(words).first(), pl.col(counts).sum())
    share = pl.when(pl.col("n_checked") > 0).then(100 * pl.col("n_bad") / pl.col("n_checked"))
    return joined.with_columns(percent=share)


def _counts(findings: pl.DataFrame) -> dict[str, int]:
    return dict(findings["rule"].value_counts().iter_rows())


def _percent(value: float | None) -> str:
    if value is None:
        return wording.NOT_AVAILABLE
    return "<0.1" if 0 < value < 0.05 else f"{value:.1f}"


def worst_first(findings: pl.DataFrame) -> pl.DataFrame:
    """Order findings by severity, new ones first, then by file and line."""
    rank = pl.col("severity").replace_strict(_RANK, default=len(_RANK), return_dtype=pl.Int32)
    columns = [pl.col("status") != "new"] if "status" in findings.columns else []
    return findings.sort(rank, *columns, "file", "line", "column", maintain_order=True)


def limited(findings: pl.DataFrame, *, most_of_a_rule: int = MOST_OF_A_RULE, most: int = MOST) -> pl.DataFrame:
    """Keep so many findings of every rule that all of them fit on the page.

    Examples
    --------
    >>> findings = pl.DataFrame({"rule": ["a"] * 5 + ["b"] * 2})
    >>> limited(findings, most_of_a_rule=3)["rule"].to_list(), limited(findings, most=4)["rule"].to_list()
    (['a', 'a', 'a', 'b', 'b'], ['a', 'a', 'b', 'b'])
    """
    return findings.filter(pl.int_range(pl.len()).over("rule") < share_of_a_rule(findings, most_of_a_rule, most))


def share_of_a_rule(findings: pl.DataFrame, most_of_a_rule: int = MOST_OF_A_RULE, most: int = MOST) -> int:
    """Give how many findings of every rule, at most, are on the page."""
    counts = findings["rule"].value_counts()["count"].to_list()
    fitting = (limit for limit in range(most_of_a_rule, 0, -1) if sum(min(n, limit) for n in counts) <= most)
    return next(fitting, 1)


def finding_rows(shown: pl.DataFrame, rules: Mapping[str, RuleRow]) -> Iterator[Finding]:
    """Say findings in words.

    Parameters
    ----------
    shown : polars.DataFrame
        In the order of the page, with ``is_withheld``.
    rules : mapping of str to RuleRow
        By the id of the rule.
    """
    for row in shown.iter_rows(named=True):
        rule = rules.get(row["rule"])
        yield Finding(
            rule_number=-1 if rule is None else rule.number,
            title=row["rule"] if rule is None else rule.title,
            reason="" if rule is None else rule.reason,
            severity=severity_word(row["severity"]),
            table=row["table"] or "",
            file=row["file"] or "",
            line=row["line"],
            column=row["column"] or "",
            value=None if row["value"] is None else visible(row["value"]),
            is_withheld=row["is_withheld"],
            message=row["message"] or "",
            how_to_fix=row["how_to_fix"] or row["message"] or "",
            patient_id="" if row["patient_id"] is None else visible(row["patient_id"]),
            status=row.get("status") or "",
        )


def severity_word(severity: str) -> Word:
    """Give the word of a severity; that of one that is not known is its own."""
    return SEVERITIES.get(severity, Word("warn", severity, "?"))


def visible(value: Any) -> str:
    r"""Write a value so that what cannot be seen is seen, and cut it off where it is long.

    Examples
    --------
    >>> visible("male\u00a0"), visible("a\u202eb"), visible("x" * 200)[-3:]
    ('male\\xa0', 'a\\u202eb', 'xx…')
    """
    text = str(value)
    cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return cut if cut.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
