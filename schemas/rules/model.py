"""What a quality rule is: one declaration that clinicians read and that every engine runs.

The categories are those of Kahn et al., eGEMs 2016;4(1):1244; privacy is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Severity(StrEnum):
    """What follows from a finding."""

    REJECT_SUBMISSION = "reject_submission"
    REJECT_ROW = "reject_row"
    WARN = "warn"


class Category(StrEnum):
    """Kind of data quality."""

    VALUE = "conformance.value"
    RELATIONAL = "conformance.relational"
    COMPLETENESS = "completeness"
    UNIQUENESS = "plausibility.uniqueness"
    ATEMPORAL = "plausibility.atemporal"
    TEMPORAL = "plausibility.temporal"
    PRIVACY = "privacy"


class Origin(StrEnum):
    """Where the rule is written down."""

    DECLARED = "declared in schemas/rules"
    COLUMN = "rendered from the definition of the column"
    TABLE = "rendered from the keys of the table"
    FILE = "held to by the readers of files"
    SUBMISSION = "counted of the submission as a whole"


class Expected(StrEnum):
    """What a rule says of the row of an example."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """How many bad rows of a submission are too many; for rules with ``report = "share"`` and for verdicts.

    Parameters
    ----------
    max_rows : int, optional
        More bad rows than this are too many.
    max_percent, min_percent : float, optional
        A higher (lower) share of bad rows among the checked ones is too high (low).
    min_checked : int
        With fewer checked rows nothing is said.
    """

    max_rows: int | None = None
    max_percent: float | None = None
    min_percent: float | None = None
    min_checked: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Rows, and what the rule says of one of them.

    Parameters
    ----------
    expected : Expected
        The verdict on ``row``.
    row : mapping
        The judged row; columns left out are empty, ``patient_id`` is SYN-001.
    tables : mapping
        Further rows by table (of the same table too), and those of ``elsewhere``.
    submission : mapping
        What differs from the usual submission of an example.
    """

    expected: Expected
    row: Mapping[str, Any]
    tables: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=lambda: MappingProxyType({}))
    submission: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What rules may know beside the judged row: a query, joined by its key.

    Parameters
    ----------
    name : str
        What rules call it.
    key : tuple of str
        Columns by which it is joined.
    about : str
        What it says.
    sql : str
        The query.
    by_patient : bool
        Whether it says of a patient the same if the rows of others are not there, so that a large submission can be
        gone through some patients at a time.
    """

    name: str
    key: tuple[str, ...]
    about: str
    sql: str
    by_patient: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule on the rows of one table.

    Parameters
    ----------
    id : str
        ``table.subject.kind``; stable, never used for another rule.
    title : str
        What is wrong, in a few words.
    category : Category
        Kind of data quality.
    severity : Severity
        What follows from a finding.
    table : str
        Table whose rows are judged; ``cell`` for rules on the text of single cells.
    columns : tuple of str
        Columns to look at.
    message : str
        What is wrong, and how to correct it; never a value.
    reason : str
        Why it matters.
    source : str
        Where the rule comes from.
    predicate : str
        SQL that is true for a bad row and null if that cannot be known. Empty for rules that the gate tests.
    applies : str
        SQL that is true for the rows that the rule is about; empty for all.
    context : str
        ``verification`` (the row against itself, its chart, the clock) or ``validation`` (against what is usual).
    report : str
        ``rows``: every bad row is a finding. ``share``: bad rows are counted and their share is judged.
    threshold : Threshold
        When the verdict on a submission is that there are too many.
    examples : tuple of Example
        What passes, what fails, what is unknown.
    no_unknown : str
        Why no row can be unknown, where none can.
    origin : Origin
        Where the rule is written down.
    family : str
        Id of the declaration before its tables and columns were filled in.
    topic : str
        File of the declaration, without its ending.
    declaration : int
        Place of the declaration in its file, from 1; shared by the members of a family.
    member : str
        ``table.column`` that a member of a family was made for.
    """

    id: str
    title: str
    category: Category
    severity: Severity
    table: str
    columns: tuple[str, ...]
    message: str
    reason: str
    source: str = ""
    predicate: str = ""
    applies: str = ""
    context: str = "verification"
    report: str = "rows"
    threshold: Threshold = field(default_factory=lambda: Threshold(max_rows=0))
    examples: tuple[Example, ...] = ()
    no_unknown: str = ""
    origin: Origin = Origin.DECLARED
    family: str = ""
    topic: str = ""
    declaration: int = 0
    member: str = ""
