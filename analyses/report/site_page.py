"""The page that a site reads after it submitted: a review in, one self-contained HTML page out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from blinreg.analyses.report.assets import SYNTHETIC_MARK, SYNTHETIC_NOTICE, environment, script, style
from blinreg.analyses.report.review import SITE_FRAMES, SiteReview, frames_of
from blinreg.analyses.report.site_comparison import distributions_of, measures, tile_rows
from blinreg.analyses.report.site_delta import Delta, delta_of
from blinreg.analyses.report.site_findings import (
    SEVERITIES,
    Findings,
    RuleRow,
    finding_rows,
    limited,
    rule_rows,
    share_of_a_rule,
    worst_first,
)
from blinreg.analyses.report.site_segments import lines_by
from blinreg.analyses.report.withholding import withhold

PRIVATE_NOTICE = "Rows of your patients, under the names your site gave them: keep this page where you keep the data."
PRIVATE_MARK = "CONFIDENTIAL"
#: Rules named on the first screen.
_WORST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A count of the first screen, and the filter that it opens: name and value."""

    label: str
    n: int
    detail: str
    tone: str
    filter: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The verdict in words and what to do next."""

    heading: str
    sentence: str
    steps: tuple[str, ...]
    tone: str


def site_page(review: SiteReview) -> str:
    """Compose the page.

    Parameters
    ----------
    review : SiteReview
        Any object with its attributes.

    Returns
    -------
    str
        HTML that loads nothing; the same review gives the same text. It has no value that broke a privacy rule, and
        of findings at most `MOST_OF_A_RULE` of a rule and `MOST` in all: it says so, and names findings.csv.

    Raises
    ------
    InputError
        A frame of the review lacks a column or has another type in it.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> frames = {name: pl.DataFrame(schema=dict(columns)) for name, columns in SITE_FRAMES.items()}
    >>> review = SimpleNamespace(**frames, verdict="clean", submission_id="a-1", site_id="site-a", is_synthetic=True,
    ...                          created_at="2019-07-01", n_rows_by_table={"patient": 25}, rejection="",
    ...                          is_export=False, previous_submission_id="")
    >>> "Nothing to correct" in site_page(review)
    True
    """
    frames = withhold(frames_of(review, SITE_FRAMES))
    found = worst_first(frames["findings"])
    shown = limited(found)
    rules = rule_rows(frames["rules"], found, shown)
    by_id = {rule.rule: rule for rule in rules}
    findings = Findings(rows=tuple(finding_rows(shown, by_id)), n=found.height, most_of_a_rule=share_of_a_rule(found))
    titles = {rule.rule: rule.title for rule in rules}
    delta = delta_of(frames, titles, previous=review.previous_submission_id)
    text, hashed = script("sort.js", "site.js")
    mark, notice = (SYNTHETIC_MARK, SYNTHETIC_NOTICE) if review.is_synthetic else (PRIVATE_MARK, PRIVATE_NOTICE)
    return (
        environment()
        .get_template("site.html")
        .render(
            review=review,
            mark=mark,
            notice=notice,
            answer=answer_of(review, found),
            cards=_cards(found, delta) if rules else [],
            worst=[rule for rule in rules if rule.n_findings][:_WORST],
            failing=[rule for rule in rules if _is_failing(rule)],
            passing=[rule for rule in rules if not _is_failing(rule)],
            findings=findings,
            severities=[word for name, word in SEVERITIES.items() if name in set(found["severity"])],
            years=lines_by(frames["segments"], "table"),
            tiles=tile_rows(frames["completeness"]),
            measures=measures(frames["timeliness"]),
            distributions=distributions_of(frames["distributions"]),
            delta=delta,
            sent=[(name, n) for name, n in review.n_rows_by_table.items() if n],
            style=style("report.css", "site.css", mark=mark),
            script=text,
            script_hash=hashed,
        )
    )


def _is_failing(rule: RuleRow) -> bool:
    return bool(rule.n_findings or rule.is_beyond)


def n_rows(found: pl.DataFrame, severity: str) -> int:
    """Count the rows with findings of a severity; a finding about a whole file counts once."""
    of_it = found.filter(pl.col("severity") == severity)
    rows = of_it.filter(pl.col("line").is_not_null()).select("table", "line").n_unique()
    return rows + of_it["line"].null_count()


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"


def answer_of(review: SiteReview, found: pl.DataFrame) -> Answer:
    """Say the verdict, and what the site does next."""
    bad, doubtful = n_rows(found, "reject_row"), found.filter(pl.col("severity") == "warn").height
    check = f"Look at the {_plural(doubtful, 'doubtful value')}: correct what is wrong, and leave what is right."
    where, again = (
        ("in REDCap", "Export again, and validate the new export (blinreg validate).")
        if review.is_export
        else ("in your files", "Seal the folder again (blinreg seal), and validate it again (blinreg validate).")
    )
    correct = f"Correct the {_plural(bad, 'row')} {where}: every one is listed below with what to do."
    if review.verdict == "rejected":
        return Answer(
            heading="This submission cannot be accepted",
            sentence=review.rejection,
            steps=(
                "Remove what it is refused for; nothing of it is used until then.",
                *([correct] if bad else []),
                again,
            ),
            tone="reject_submission",
        )
    if review.verdict == "quarantined":
        out, sent = bad + review.n_held_back, sum(review.n_rows_by_table.values())
        waiting = f" {_plural(review.n_held_back, 'row')} with nothing wrong belong to them and wait with them."
        return Answer(
            heading=f"{out:,} of {_plural(sent, 'row')} {'is' if out == 1 else 'are'} not accepted",
            sentence=f"{_plural(bad, 'row')} must be corrected, and {'counts' if bad == 1 else 'count'} nowhere until "
            f"then.{waiting if review.n_held_back else ''} The others are accepted.",
            steps=(correct, *([check] if doubtful else []), again),
            tone="reject_row",
        )
    if review.verdict == "warnings":
        return Answer(
            heading=f"All rows are accepted, with {_plural(doubtful, 'doubtful value')}",
            sentence="Doubtful values count as they are until you correct them.",
            steps=(check, "If you corrected any: " + again[0].lower() + again[1:]),
            tone="warn",
        )
    beyond = review.rules.filter(pl.col("verdict_by_threshold").is_in(["too_many", "too_few"])).height
    if beyond:
        return Answer(
            heading="Nothing to correct, but look at some shares",
            sentence=f"All rows are accepted. {_plural(beyond, 'share')} of rows, such as of values not known, "
            f"{'is' if beyond == 1 else 'are'} beyond the limit.",
            steps=("Read the rules below: give what can still be found out, and leave what cannot.",),
            tone="warn",
        )
    return Answer(
        heading="Nothing to correct",
        sentence="All rows are accepted, and no rule found anything doubtful.",
        steps=("Nothing is left to do until the next submission.",),
        tone="clean",
    )


def _cards(found: pl.DataFrame, delta: Delta) -> list[Card]:
    counts: Mapping[str, int] = dict(found["severity"].value_counts().iter_rows())
    cards = []
    refused = counts.get("reject_submission", 0)
    if refused:
        cards.append(
            Card(
                label="Submission refused for",
                n=refused,
                detail="finding" if refused == 1 else "findings",
                tone="reject_submission",
                filter=("severity", "reject_submission"),
            )
        )
    rows = n_rows(found, "reject_row")
    cards.append(
        Card(
            label="Rows to correct",
            n=rows,
            detail=f"for {_plural(counts.get('reject_row', 0), 'finding')}" if rows else "none",
            tone="reject_row" if rows else "none",
            filter=("severity", "reject_row"),
        )
    )
    warned = counts.get("warn", 0)
    cards.append(
        Card(
            label="To be checked",
            n=warned,
            detail="doubtful, and counted as they are" if warned else "nothing is doubtful",
            tone="warn" if warned else "none",
            filter=("severity", "warn"),
        )
    )
    if delta.is_known:
        cards.append(
            Card(
                label="New since last time",
                n=delta.n_new,
                detail=f"{delta.n_persisting:,} are still there, {delta.n_resolved:,} are gone",
                tone="none",
                filter=("status", "new"),
            )
        )
    return cards
