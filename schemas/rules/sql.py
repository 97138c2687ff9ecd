"""Rules as DuckDB SQL: one scan of a table judges all its rules.

The judged rows are ``sent.T`` or ``sound.T`` with ``source_line``; contexts are the tables
of `context_table`, joined by their keys, each column under the name ``context__column``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from blinreg.schemas.render.ddl import quote
from blinreg.schemas.rules.model import Context, Rule

#: Where a row of ``cell`` stands.
CELL_PLACE = ("table_name", "column_name")

_NAME = re.compile(r"\b([a-z_]+)\.([a-z_]+)\b")
_STRING = re.compile(r"('(?:[^']|'')*')")
_ROWS = re.compile(r"\b(?:sent|sound)\.[a-z_]+\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionFacts:
    """What rules know of the submission as a whole.

    Parameters
    ----------
    site_id : str
        Site of the submission.
    created_date : date
        Day on which the site made it.
    data_cutoff_date : date
        Day to which its data are complete.
    sent_tables : tuple of str
        Tables that it has.
    """

    site_id: str
    created_date: date
    data_cutoff_date: date
    sent_tables: tuple[str, ...]

    def literal(self, name: str) -> str:
        """Give a fact as SQL; ``KeyError`` if there is none of that name."""
        facts = {
            "site_id": quote(self.site_id),
            "created_date": f"date '{self.created_date.isoformat()}'",
            "data_cutoff_date": f"date '{self.data_cutoff_date.isoformat()}'",
            "sent_tables": f"cast([{', '.join(quote(name) for name in self.sent_tables)}] as varchar[])",
        }
        return facts[name]


def contexts_of(rule: Rule, contexts: Sequence[Context]) -> tuple[Context, ...]:
    """List the contexts that a rule names."""
    named = {name for part in _code_parts(f"{rule.predicate} {rule.applies}") for name, _ in _NAME.findall(part)}
    return tuple(context for context in contexts if context.name in named)


def _code_parts(sql: str) -> list[str]:
    return _STRING.split(sql)[::2]


def _rewritten(sql: str, contexts: Sequence[Context], facts: SubmissionFacts) -> str:
    """Replace ``context.column`` and ``submission.fact`` outside of string literals."""
    names = {context.name for context in contexts}

    def replace(found: re.Match[str]) -> str:
        owner, column = found.groups()
        if owner == "submission":
            return facts.literal(column)
        return f"{owner}__{column}" if owner in names else found.group(0)

    parts = _STRING.split(sql)
    parts[::2] = [_NAME.sub(replace, part) for part in parts[::2]]
    return "".join(parts)


def verdict(rule: Rule, contexts: Sequence[Context], facts: SubmissionFacts) -> str:
    """Render the verdict on a row: true if it is bad, null if that cannot be known, false if sound or not judged."""
    bad = f"({_rewritten(rule.predicate, contexts, facts)})"
    # Of false and null SQL makes false: a row that the rule is not about is never unknown.
    return f"{is_checked(rule, contexts, facts)} and {bad}" if rule.applies else bad


def is_checked(rule: Rule, contexts: Sequence[Context], facts: SubmissionFacts) -> str:
    """Render whether the rule is about the row."""
    return f"coalesce({_rewritten(rule.applies, contexts, facts)}, false)" if rule.applies else "true"


def context_table(context: Context) -> str:
    """Render the making of a context's table; it is not temporary, so that other sessions see it too."""
    return (
        f"create or replace table context_{context.name} as\n"
        f"select columns('(.*)') as '{context.name}__\\1' from (\n{context.sql}\n)"
    )


def context_parts(context: Context, n_parts: int) -> tuple[str, ...]:
    """Render the making of a context's table in parts, each out of the rows of some patients; else in one."""
    if n_parts == 1 or not context.by_patient:
        return (context_table(context),)
    parts = []
    for number in range(n_parts):
        some = f"(select * from \\g<0> where hash(patient_id) % {n_parts} = {number})"
        parts.append(context_table(replace(context, sql=_ROWS.sub(some, context.sql))))
    # The first part makes the table, the others are added.
    added = [re.sub(r"\Acreate or replace table (\w+) as\n", r"insert into \1 by name\n", part) for part in parts[1:]]
    return (parts[0], *added)


def judged(
    rules: Sequence[Rule],
    relation: str,
    contexts: Sequence[Context],
    facts: SubmissionFacts,
    *,
    place: Sequence[str] = (),
) -> str:
    """Render the scan: line, columns of ``place``, and for rule number i its verdict ``r<i>``, and ``a<i>``.

    ``a<i>`` tells whether the rule is about the row; a rule without ``applies`` is about every row and has none.
    """
    used = [context for context in contexts if any(context in contexts_of(rule, contexts) for rule in rules)]
    columns = ["judged_row.source_line as line", *(f"judged_row.{name}" for name in place)]
    for number, rule in enumerate(rules):
        columns.append(f"{verdict(rule, contexts, facts)} as r{number}")
        if rule.applies:
            columns.append(f"{is_checked(rule, contexts, facts)} as a{number}")
    joins = [_join(context) for context in used]
    return "\n".join([f"select {', '.join(columns)}", f"from {relation} as judged_row", *joins])


def _join(context: Context) -> str:
    condition = " and ".join(f"judged_row.{name} = {context.name}__{name}" for name in context.key)
    return f"left join context_{context.name} on {condition}"


def counts(rules: Sequence[Rule], scan: str) -> str:
    """Render one row of counts: rows, and for each rule checked, bad and unknown ones."""
    columns = ["count(*)"]
    for number, rule in enumerate(rules):
        columns += [
            _n_true(f"a{number}") if rule.applies else "count(*)",
            _n_true(f"r{number}"),
            f"count(*) - count(r{number})",
        ]
    return f"select {', '.join(columns)} from (\n{scan}\n)"


def _n_true(name: str) -> str:
    """Render the number of true values: a sum of bits is twice as fast as a filtered count."""
    return f"coalesce(cast(sum(cast({name} as utinyint)) as bigint), 0)"


def bad_rows(numbers: Sequence[int], scan: str, *, place: Sequence[str] = ()) -> str:
    """Render the bad rows of the rules of these numbers: line, columns of ``place``, number of the rule."""
    cases = ", ".join(f"case when r{number} then {number} end" for number in numbers)
    is_bad = " or ".join(f"r{number}" for number in numbers)
    columns = ", ".join(["line", *place])
    return (
        f"select {columns}, number from (\n"
        f"select {columns}, unnest([{cases}]) as number from (\n{scan}\n) where {is_bad}\n"
        ") where number is not null order by line, number"
    )
