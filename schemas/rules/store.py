"""Where a registry keeps its rules, what they found in numbers, and how much of it is too much.

The verdict on a rule is computed when it is read: limits can be changed at any time, for all sites or
for one, without running a rule again.
"""

from __future__ import annotations

from blinreg.schemas.codes import code_list
from blinreg.schemas.ledger import LEDGER_SCHEMA, SUBMISSION_ID_PATTERN, comment_on, create_table
from blinreg.schemas.model import Column, Privacy, Relation, Type
from blinreg.schemas.rules.model import Category, Severity
from blinreg.schemas.rules.whole import submission_results

#: Database schema of the relations.
QUALITY_SCHEMA = "quality"

#: In ``threshold.site_id``: every site that has no limits of its own.
EVERY_SITE = "*"


def _column(name: str, kind: Type, description: str, *, required: bool = False) -> Column:
    return Column(name=name, type=kind, description=description, required=required, privacy=Privacy.ADMINISTRATIVE)


def _code(name: str, codes: dict[str, str], description: str) -> Column:
    return Column(
        name=name,
        type=Type.CODE,
        description=description,
        codes=code_list(**codes),
        required=True,
        privacy=Privacy.ADMINISTRATIVE,
    )


def _count(name: str, description: str) -> Column:
    return Column(
        name=name,
        type=Type.INTEGER,
        description=description,
        unit="rows",
        required=True,
        minimum=0,
        privacy=Privacy.ADMINISTRATIVE,
        count_of="rows",
    )


_LIMITS = (
    _column("max_rows", Type.INTEGER, "More bad rows are too many; empty: any number."),
    _column("max_percent", Type.NUMBER, "A higher share of bad rows among the checked ones is too high."),
    _column("min_percent", Type.NUMBER, "A lower share is too low."),
    _column("min_checked", Type.INTEGER, "With fewer checked rows nothing is said.", required=True),
)

_RESULT_COUNTS = (
    _count("n_rows", "Rows of the table that were looked at."),
    _count("n_checked", "Rows that the rule is about and whose verdict is known."),
    _count("n_bad", "Rows that break the rule."),
    _count("n_unknown", "Rows that the rule is about and whose verdict is not known, because a value is missing."),
)

RULE = Relation(
    name="rule",
    grain="one row a rule",
    description="Every quality rule with its meaning and its usual limits; written anew by each version of blinreg.",
    key=("rule",),
    columns=(
        _column("rule", Type.TEXT, "Id of the rule, such as patient.sex.code.", required=True),
        _column("title", Type.TEXT, "What is wrong, in a few words.", required=True),
        _column("table", Type.TEXT, "Table whose rows are judged; cell for texts of any table.", required=True),
        _code("severity", {each.value: each.value.replace("_", " ") for each in Severity}, "What follows."),
        Column(
            name="category",
            type=Type.CODE,
            description="Kind of data quality (Kahn et al., eGEMs 2016;4(1):1244), and privacy.",
            codes={each.value: each.value for each in Category},
            required=True,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        _code(
            "context",
            {"verification": "the row against itself, its chart and the clock", "validation": "against what is usual"},
            "What the rows are compared with.",
        ),
        _code(
            "report",
            {"rows": "every bad row is in quality.violation", "share": "bad rows are only counted"},
            "How bad rows are reported.",
        ),
        _column("message", Type.TEXT, "What is wrong and how to correct it.", required=True),
        _column("reason", Type.TEXT, "Why it matters.", required=True),
        _column("source", Type.TEXT, "Where the rule comes from."),
        *_LIMITS,
    ),
)

RULE_RESULT = Relation(
    name="rule_result",
    grain="one row a submission and rule that was run on it",
    description="What every rule found in a submission, in numbers; unknown rows are counted apart from sound ones.",
    key=("submission_id", "rule"),
    columns=(
        Column(
            name="submission_id",
            type=Type.TEXT,
            description="Submission.",
            required=True,
            pattern=SUBMISSION_ID_PATTERN,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        _column("rule", Type.TEXT, "Id of the rule.", required=True),
        _column("table", Type.TEXT, "Table whose rows were judged.", required=True),
        *_RESULT_COUNTS,
    ),
)

THRESHOLD = Relation(
    name="threshold",
    grain="one row a rule and site whose limits are not the usual ones",
    description=(
        f"Limits set by the keeper of the registry: for one site, or for every site ('{EVERY_SITE}') that has none of "
        "its own. A row replaces the usual limits of the rule whole. Change it at any time; verdicts follow."
    ),
    key=("rule", "site_id"),
    columns=(
        _column("rule", Type.TEXT, "Id of the rule.", required=True),
        _column("site_id", Type.TEXT, f"Site, or {EVERY_SITE} for every site.", required=True),
        *_LIMITS,
    ),
)

LIMIT_IN_FORCE = Relation(
    name="limit_in_force",
    grain="one row a rule and site that has sent anything",
    description=(
        "The limits of now: those set for the site, else those set for every site, else the usual ones of the rule."
    ),
    key=("rule", "site_id"),
    columns=(
        _column("rule", Type.TEXT, "Id of the rule.", required=True),
        _column("site_id", Type.TEXT, "Site.", required=True),
        *_LIMITS,
    ),
)

VERDICT = Relation(
    name="verdict",
    grain="one row a submission and rule",
    description=(
        "Whether what a rule found in a submission is too much, by the limits of now. Rules on the submission as a "
        "whole are counted here: rows that are not accepted, and fewer rows than in the submission before."
    ),
    key=("submission_id", "rule"),
    columns=(
        RULE_RESULT.column("submission_id"),
        _column("site_id", Type.TEXT, "Site.", required=True),
        *RULE_RESULT.columns[1:],
        RULE.column("severity"),
        _column("percent_bad", Type.NUMBER, "Bad rows among the checked ones, in per cent."),
        *_LIMITS,
        _code(
            "verdict",
            {
                "passed": "within the limits",
                "too_many": "more bad rows than allowed",
                "too_few": "a lower share than is usual",
                "not_judged": "too few checked rows to say anything",
            },
            "Verdict.",
        ),
    ),
)

#: Relations of the rules, for the data dictionary.
QUALITY: tuple[Relation, ...] = (RULE, RULE_RESULT, THRESHOLD, LIMIT_IN_FORCE, VERDICT)


def verdict_case(n_checked: str) -> str:
    """Render the verdict of limits on ``n_bad`` and ``percent_bad`` of so many checked rows."""
    return f"""case
        when {n_checked} < min_checked then 'not_judged'
        when n_bad > max_rows or percent_bad > max_percent then 'too_many'
        when percent_bad < min_percent then 'too_few'
        else 'passed'
    end"""


def limits_view() -> str:
    """Render the view of the limits in force."""
    of_now = ",\n".join(
        f"    case when own.rule is not null then own.{column.name} "
        f"when general.rule is not null then general.{column.name} else rule.{column.name} end as {column.name}"
        for column in _LIMITS
    )
    return f"""create or replace view {QUALITY_SCHEMA}.limit_in_force as
with site as (
    select distinct site_id from {LEDGER_SCHEMA}.submission where site_id is not null
)

select
    rule.rule,
    site.site_id,
{of_now}
from {QUALITY_SCHEMA}.rule as rule
cross join site
left join {QUALITY_SCHEMA}.threshold as own on rule.rule = own.rule and site.site_id = own.site_id
left join {QUALITY_SCHEMA}.threshold as general on rule.rule = general.rule and general.site_id = '{EVERY_SITE}';"""


def verdict_view() -> str:
    """Render the view of the verdicts."""
    limits = ",\n".join(f"        limits.{column.name}" for column in _LIMITS)
    return f"""create or replace view {QUALITY_SCHEMA}.verdict as
with result as (
    select submission_id, rule, "table", n_rows, n_checked, n_bad, n_unknown
    from {QUALITY_SCHEMA}.rule_result
    union all
{submission_results()}
),

judged as (
    select
        result.submission_id,
        submission.site_id,
        result.rule,
        result."table",
        result.n_rows,
        result.n_checked,
        result.n_bad,
        result.n_unknown,
        rule.severity,
        case when result.n_checked > 0 then 100.0 * result.n_bad / result.n_checked end as percent_bad,
{limits}
    from result
    inner join {LEDGER_SCHEMA}.submission as submission
        on result.submission_id = submission.submission_id and submission.outcome = 'accepted'
    inner join {QUALITY_SCHEMA}.rule as rule on result.rule = rule.rule
    inner join {QUALITY_SCHEMA}.limit_in_force as limits
        on result.rule = limits.rule and submission.site_id = limits.site_id
)

select
    *,
    {verdict_case("n_checked")} as verdict
from judged;"""


def quality_ddl() -> str:
    """Render the relations of the rules; those that hold results or limits are kept where they exist."""
    parts = [
        *(f"drop view if exists {QUALITY_SCHEMA}.{relation.name};" for relation in (VERDICT, LIMIT_IN_FORCE)),
        f"drop table if exists {QUALITY_SCHEMA}.rule;",
        create_table(QUALITY_SCHEMA, RULE),
        create_table(QUALITY_SCHEMA, RULE_RESULT, if_absent=True),
        create_table(QUALITY_SCHEMA, THRESHOLD, if_absent=True),
        limits_view(),
        verdict_view(),
    ]
    parts += [comment_on("table", QUALITY_SCHEMA, relation) for relation in (RULE, RULE_RESULT, THRESHOLD)]
    parts += [comment_on("view", QUALITY_SCHEMA, relation) for relation in (LIMIT_IN_FORCE, VERDICT)]
    return "\n\n".join(parts) + "\n"
