"""The page of the quality rules: docs/rules.md, written from the declarations and compared in a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from blinreg.schemas.rules import CONTEXTS, RULES, Example, Origin, Rule
from blinreg.schemas.rules.parse import TOPICS, topic_about

_HEAD = """# Quality rules

Rendered from `schemas/rules/` by `make render`; do not edit. To change a rule, edit its declaration in
`schemas/rules/*.toml`, or the definition of its column in `schemas/tables/`.

What follows from a finding:

| severity | meaning |
|---|---|
| `reject_submission` | nothing of the submission is stored |
| `reject_row` | the row is quarantined; rows that belong to it are held back. Only for what is an error for certain |
| `warn` | the row counts, and somebody should look at it |

- A rule is *unknown* for a row where a value that it needs is missing. Unknown rows are neither bad nor sound: they are
  counted apart in `quality.rule_result`.
- A partial date stands for all the days that it can mean. A rule on dates fires where every one of them is wrong.
- A row that was rejected for what it says itself is no evidence against other rows.
- Rules reported as a *share* list no rows: `quality.verdict` compares their share of bad rows with limits, which can be
  changed for all sites or for one in `quality.threshold` without running anything again.
- The categories are those of Kahn et al., eGEMs 2016;4(1):1244, and privacy.
"""

_CHANGE = """## Changing limits

```sql
-- for one site; '*' stands for every site that has no limits of its own
insert into quality.threshold (rule, site_id, max_percent, min_checked)
values ('baseline.karnofsky_percent.not_known', 'site04', 75, 10);

select rule, n_checked, n_bad, round(percent_bad, 1) as percent_bad, max_percent, verdict
from quality.verdict
where submission_id = 'SUBMISSION' and verdict in ('too_many', 'too_few');
```
"""


def rules_page() -> str:
    """Render the quality rules as Markdown.

    Returns
    -------
    str
        The text of docs/rules.md.

    Examples
    --------
    >>> rules_page().splitlines()[0]
    '# Quality rules'
    """
    lines = [_HEAD, *_totals(), _CHANGE]
    for topic in TOPICS:
        lines += _topic(topic)
    lines += _rendered()
    lines += _contexts()
    return "\n".join(lines).rstrip() + "\n"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _families(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Group neighbours that come from one declaration."""
    for _, members in groupby(rules, key=lambda rule: (rule.topic, rule.declaration)):
        yield list(members)


def _totals() -> Iterator[str]:
    declared = [rule for rule in RULES if rule.origin is Origin.DECLARED]
    n_families = sum(1 for _ in _families(declared))
    yield (
        f"{len(RULES)} rules: {len(declared)} from {n_families} declarations below, the others from the definitions of "
        "columns, keys and files.\n"
    )


def _topic(topic: str) -> Iterator[str]:
    rules = [rule for rule in RULES if rule.topic == topic]
    yield f"## {topic.replace('_', ' ').capitalize()}"
    yield ""
    yield topic_about(topic)
    yield ""
    for members in _families(rules):
        yield from _declaration(members)


def _declaration(members: Sequence[Rule]) -> Iterator[str]:
    rule = members[0]
    yield f"### {rule.title}"
    yield ""
    report = ", reported as a share" if rule.report == "share" else ""
    name = rule.id if len(members) == 1 else rule.family
    yield f"`{name}` · **{rule.severity.value}** · {rule.category.value}{report}"
    yield ""
    if len(members) > 1:
        yield "For each of " + ", ".join(f"`{each.member}`" for each in members) + "; shown is the first."
        yield ""
    yield f"{_sentence(rule.message)}<br>*Why:* {_escape(rule.reason)}.<br>*Source:* {_escape(rule.source)}."
    yield ""
    if rule.applies:
        yield f"- about rows where `{rule.applies}`"
    yield f"- bad if `{rule.predicate}`"
    if rule.report == "share":
        yield f"- too many if {_limits(rule)}"
    for example in rule.examples:
        yield f"- {example.expected.value}: {_example(rule, example)}"
    if rule.no_unknown:
        yield f"- unknown: {_escape(rule.no_unknown)}"
    yield ""


def _sentence(text: str) -> str:
    return _escape(text[:1].upper() + text[1:] + ".")


def _limits(rule: Rule) -> str:
    limits = rule.threshold
    parts = []
    if limits.max_percent is not None:
        parts.append(f"more than {limits.max_percent:g}%")
    if limits.min_percent is not None:
        parts.append(f"less than {limits.min_percent:g}%")
    return f"{' or '.join(parts)} of at least {limits.min_checked} checked rows are bad"


def _row(row: Mapping[str, Any]) -> str:
    if not row:
        return "an empty row"
    return "`" + ", ".join(f"{name} = {value}" for name, value in row.items()) + "`"


def _example(rule: Rule, example: Example) -> str:
    others = [f"{name.replace('_', ' ')} {_row(row)}" for name, rows in example.tables.items() for row in rows]
    given = f"; given {', '.join(others)}" if others else ""
    return f"{rule.table.replace('_', ' ')} {_row(example.row)}{given}"


def _rendered() -> Iterator[str]:
    yield "## Columns, keys, files and submissions"
    yield ""
    yield "Rendered from the definitions; the data dictionary has codes, ranges and forms of every column."
    yield ""
    yield "| rule | severity | rules | what is wrong | why |"
    yield "|---|---|---|---|---|"
    others = [rule for rule in RULES if rule.origin is not Origin.DECLARED]
    for family in dict.fromkeys(rule.family for rule in others):
        members = [rule for rule in others if rule.family == family]
        first = members[0]
        title = first.title if first.origin is not Origin.TABLE or len(members) == 1 else _general(first)
        yield (f"| `{family}` | {first.severity.value} | {len(members)} | {_escape(title)} | {_escape(first.reason)} |")
    yield ""


def _general(rule: Rule) -> str:
    return "There is no such row of the parent table" if rule.id.endswith(".orphan") else rule.title


def _contexts() -> Iterator[str]:
    yield "## What rules know beside the row"
    yield ""
    yield "Joined to the judged row by the key; a rule names the columns as `context.column`."
    yield ""
    yield "| context | key | what it is |"
    yield "|---|---|---|"
    yield "| `submission` |  | site, day on which it was made, data cutoff, tables that were sent |"
    for context in CONTEXTS:
        yield f"| `{context.name}` | {', '.join(context.key)} | {_escape(context.about)} |"
    yield ""
