"""The rules on a submission as a whole: shares of its rows, counted in the ledger when somebody asks.

Nothing is run for them: the verdicts follow from what the ledger says of the submission and of the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator

from blinreg.schemas.ledger import LEDGER_SCHEMA
from blinreg.schemas.rules.files import SUBMISSION
from blinreg.schemas.rules.model import Category, Origin, Rule, Severity, Threshold

NOT_ACCEPTED = "submission.rows.not_accepted"
FEWER = "submission.rows.fewer"

#: With fewer rows a share says nothing; a twentieth is more than slips of the keyboard, and one of many exports.
_USUAL = Threshold(max_percent=5, min_checked=20)


def submission_rules() -> Iterator[Rule]:
    """Give the rules on whole submissions."""
    for rule_id, title, message, reason in (
        (
            NOT_ACCEPTED,
            "Many rows are not accepted",
            "a large share of the rows is quarantined or held back: look for one cause in the export",
            "slips are few; the same error in many rows comes from the export or from a misread definition",
        ),
        (
            FEWER,
            "Fewer rows than last time",
            "fewer rows are accepted than in the submission before: check that the export is complete",
            "a submission is the full state of its site, and what it leaves out counts no longer",
        ),
    ):
        yield Rule(
            id=rule_id,
            title=title,
            category=Category.COMPLETENESS,
            severity=Severity.WARN,
            table=SUBMISSION,
            columns=(),
            message=message,
            reason=reason,
            source="docs/sites.md",
            context="validation",
            report="share",
            threshold=_USUAL,
            origin=Origin.SUBMISSION,
            family=rule_id,
        )


def submission_results() -> str:
    """Render their counts, a row a rule and accepted submission, with the columns of ``quality.rule_result``."""
    return f"""    select
        submission_id,
        '{NOT_ACCEPTED}' as rule,
        '{SUBMISSION}' as "table",
        n_rows,
        n_rows as n_checked,
        n_quarantined + n_held_back as n_bad,
        0 as n_unknown
    from {LEDGER_SCHEMA}.submission
    where outcome = 'accepted'
    union all
    select
        submission_id,
        '{FEWER}' as rule,
        '{SUBMISSION}' as "table",
        n_rows,
        n_before as n_checked,
        greatest(n_before - n_now, 0) as n_bad,
        0 as n_unknown
    from (
        select
            submission_id,
            n_rows,
            n_rows - n_quarantined - n_held_back as n_now,
            lag(n_rows - n_quarantined - n_held_back) over (partition by site_id order by sequence) as n_before
        from {LEDGER_SCHEMA}.submission
        where outcome = 'accepted'
    )
    where n_before is not null"""
