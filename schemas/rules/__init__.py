"""Every quality rule, declared once: what is bad, what follows, what to tell the site, and why.

The declarations are the TOML files of this folder, by topic; those of single columns and of keys
come from the definitions of the tables. docs/rules.md is rendered from the same list.
"""

from __future__ import annotations

from blinreg.schemas.errors import UsageError, nearest
from blinreg.schemas.rules.files import SUBMISSION, file_rules
from blinreg.schemas.rules.model import (
    Category,
    Context,
    Example,
    Expected,
    Origin,
    Rule,
    Severity,
    Threshold,
)
from blinreg.schemas.rules.parse import CELL, CELL_COLUMNS, declared_contexts, declared_rules
from blinreg.schemas.rules.rendered import column_rules, key_rules
from blinreg.schemas.rules.whole import submission_rules
from blinreg.schemas.tables import TABLES

__all__ = [
    "CELL",
    "CELL_COLUMNS",
    "CONTEXTS",
    "RULES",
    "SUBMISSION",
    "Category",
    "Context",
    "Example",
    "Expected",
    "Origin",
    "Rule",
    "Severity",
    "Threshold",
    "rule",
]

#: What rules may know beside the judged row.
CONTEXTS: tuple[Context, ...] = declared_contexts()

#: All rules: of files and submissions, of columns and keys by table, then the declared ones by topic.
RULES: tuple[Rule, ...] = (
    *file_rules(),
    *submission_rules(),
    *(each for definition in TABLES for each in (*column_rules(definition), *key_rules(definition))),
    *declared_rules(),
)

_BY_ID = {each.id: each for each in RULES}


def rule(rule_id: str) -> Rule:
    """Return the rule of that id.

    Raises
    ------
    UsageError
        If there is none; the nearest ids are given.

    Examples
    --------
    >>> rule("gvhd.onset_date.before_transplant").severity.value
    'reject_row'
    """
    if rule_id not in _BY_ID:
        raise UsageError(f"no rule is called {rule_id!r}", next_step=nearest(rule_id, list(_BY_ID)))
    return _BY_ID[rule_id]
