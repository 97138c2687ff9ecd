"""The rules that the readers of files hold to before any row is looked at: a file that breaks one is refused whole."""

from __future__ import annotations

from collections.abc import Iterator

from blinreg.schemas.rules.model import Category, Origin, Rule, Severity

#: Name of what these rules judge.
SUBMISSION = "submission"

_RULES = (
    (
        "file.table_missing",
        Category.COMPLETENESS,
        "A required table is missing",
        "a required table is not in the submission: send it, if need be with its header only",
        "a submission is the full state of its site; a table that is missing would empty it",
    ),
    (
        "file.sha256",
        Category.RELATIONAL,
        "The file is not the one that was listed",
        "the sha256 of the file is not the one in submission.json: seal the folder again",
        "file or list was changed after the other was made, or the copy is damaged",
    ),
    (
        "file.row_count",
        Category.RELATIONAL,
        "The file has another number of rows",
        "the number of rows is not the one in submission.json: seal the folder again",
        "an export that was cut short has fewer rows than the site believes",
    ),
    (
        "file.encoding",
        Category.VALUE,
        "The file is not UTF-8",
        "the text is not UTF-8: save it as 'CSV UTF-8'",
        "read in another encoding, letters with accents become others",
    ),
    (
        "file.separator",
        Category.VALUE,
        "The file is not separated by commas",
        "the columns are not separated by commas: save it as 'CSV UTF-8'",
        "files with semicolons have decimal commas too, and 5,7 would be two values",
    ),
    (
        "file.line_ends",
        Category.VALUE,
        "The lines do not end in LF or CRLF",
        "lines end in CR alone: write the file again with a CSV library",
        "parsers disagree about such files",
    ),
    (
        "file.header",
        Category.VALUE,
        "The header is not that of the table",
        "a column is missing, unknown or named twice: the names are those of the data dictionary, in any order",
        "a column under another name is lost; one that the table does not have may say who the patient is",
    ),
    (
        "file.damaged",
        Category.VALUE,
        "The file cannot be read to its end",
        "a row has the wrong number of fields, or the file is cut short: write it again",
        "a field too few shifts every value after it into the wrong column",
    ),
)


def file_rules() -> Iterator[Rule]:
    """Give the rules on whole files."""
    for rule_id, category, title, message, reason in _RULES:
        yield Rule(
            id=rule_id,
            title=title,
            category=category,
            severity=Severity.REJECT_SUBMISSION,
            table=SUBMISSION,
            columns=(),
            message=message,
            reason=reason,
            source="README.md, submissions",
            origin=Origin.FILE,
            family=rule_id,
        )
