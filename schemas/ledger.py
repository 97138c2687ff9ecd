"""What a registry remembers about its submissions: the ledger, and what was wrong with their rows.

These relations are filled by blinreg itself, never by a site. The journal beside the
registry repeats the ledger outside the database, so that a lost write is noticed.
"""

from __future__ import annotations

from blinreg.schemas.codes import code_list
from blinreg.schemas.columns import SITE_ID_PATTERN
from blinreg.schemas.model import Column, Privacy, Relation, Type
from blinreg.schemas.render.ddl import column_comment, quote

#: Database schema of the ledger.
LEDGER_SCHEMA = "ledger"

#: Version of the layout of a registry file. A registry of a later layout is not opened.
LAYOUT_VERSION = 1

SUBMISSION_ID_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

OUTCOME = code_list(
    accepted="its rows were stored, all or in part",
    rejected="refused whole; none of its rows was stored",
)

SEVERITY = code_list(
    reject_row="the row was not accepted",
    warn="the row was accepted and should be looked at",
)

#: Types of the database where they are not those of a submitted column.
_STORAGE = {
    "sequence": "bigint",
    "created_at": "timestamp",
    "received_at": "timestamp",
    "data_cutoff_date": "date",
    "is_synthetic": "boolean",
    "n_rows": "bigint",
    "n_quarantined": "bigint",
    "n_held_back": "bigint",
    "n_checked": "bigint",
    "n_bad": "bigint",
    "n_unknown": "bigint",
    "max_rows": "bigint",
    "min_checked": "bigint",
}


def _column(name: str, kind: Type, description: str, *, required: bool = True, pattern: str = "") -> Column:
    return Column(
        name=name,
        type=kind,
        description=description,
        required=required,
        pattern=pattern,
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


_COUNTS = (
    _count("n_rows", "Rows that the site sent."),
    _count("n_quarantined", "Rows not accepted because of what they say."),
    _count("n_held_back", "Sound rows not accepted because the row that they belong to was not."),
)

LAYOUT = Relation(
    name="layout",
    grain="one row",
    description="What made the registry.",
    key=("registry_id",),
    columns=(
        _column("registry_id", Type.TEXT, "Random name that ties the file to its journal."),
        _column("layout_version", Type.INTEGER, "Version of the layout of the file."),
        _column("blinreg_version", Type.TEXT, "Version of blinreg that made the registry."),
        _column(
            "derivation_sha256",
            Type.TEXT,
            "Hash of the SQL that filled the derived tables.",
            pattern="[0-9a-f]{64}",
        ),
    ),
)

SUBMISSION = Relation(
    name="submission",
    grain="one row a submission received, rejected ones included",
    description="The ledger: what was received, when, from whom, and what became of it.",
    key=("sequence",),
    columns=(
        _column("sequence", Type.INTEGER, "Order of receipt, from 1."),
        _column(
            "submission_id",
            Type.TEXT,
            "Name that the site gave the submission; empty if a rejected one had none that can be read.",
            required=False,
            pattern=SUBMISSION_ID_PATTERN,
        ),
        _column("site_id", Type.TEXT, "Site; empty if it cannot be read.", required=False, pattern=SITE_ID_PATTERN),
        _column(
            "content_sha256",
            Type.TEXT,
            "Hash of what was sent: site, dates, tables and files, not names of files.",
            required=False,
            pattern="[0-9a-f]{64}",
        ),
        _column("created_at", Type.DATE, "When the site made the submission, UTC.", required=False),
        _column("data_cutoff_date", Type.DATE, "Day to which the site's data are complete.", required=False),
        _column("schema_version", Type.TEXT, "Version of the submission format.", required=False),
        Column(
            name="is_synthetic",
            type=Type.CODE,
            description="Whether the site says that the data are synthetic.",
            codes=code_list(true="synthetic data", false="real data"),
            privacy=Privacy.ADMINISTRATIVE,
        ),
        Column(
            name="outcome",
            type=Type.CODE,
            description="What became of the submission.",
            codes=OUTCOME,
            required=True,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        _column("reason", Type.TEXT, "Why it was rejected; empty for accepted ones.", required=False),
        _column("received_at", Type.DATE, "When it was loaded, UTC."),
        _column("actor", Type.TEXT, "Account that loaded it."),
        *_COUNTS,
    ),
)

SUBMISSION_FILE = Relation(
    name="submission_file",
    grain="one row a submission and table",
    description="The files of accepted submissions; each is kept as received under its hash.",
    key=("submission_id", "table"),
    columns=(
        _column("submission_id", Type.TEXT, "Submission.", pattern=SUBMISSION_ID_PATTERN),
        _column("table", Type.TEXT, "Submitted table."),
        _column("path", Type.TEXT, "Name of the file as the site gave it."),
        _column("sha256", Type.TEXT, "Hash of the file.", pattern="[0-9a-f]{64}"),
        *_COUNTS,
    ),
)

CURRENT_SUBMISSION = Relation(
    name="current_submission",
    grain="one row a site",
    description=(
        "The newest accepted submission of each site: the one whose rows count. "
        "After set variable as_of = 'SUBMISSION' it is the newest at the time of that submission."
    ),
    key=("site_id",),
    columns=tuple(
        SUBMISSION.column(name) for name in ("site_id", "submission_id", "sequence", "data_cutoff_date", "is_synthetic")
    ),
)

VIOLATION = Relation(
    name="violation",
    grain="one row a rule and row (or table) that breaks it",
    description="What is wrong with which row of a submission. The message never holds the value.",
    key=("submission_id", "rule", "table", "line"),
    columns=(
        _column("submission_id", Type.TEXT, "Submission.", pattern=SUBMISSION_ID_PATTERN),
        _column("rule", Type.TEXT, "Rule that is broken, such as patient.sex.code."),
        Column(
            name="severity",
            type=Type.CODE,
            description="What follows from it.",
            codes=SEVERITY,
            required=True,
            privacy=Privacy.ADMINISTRATIVE,
        ),
        _column("table", Type.TEXT, "Submitted table."),
        _column("file", Type.TEXT, "Name of the file as the site gave it."),
        _column("line", Type.INTEGER, "Line of the row in the file; the header is line 1."),
        _column("column", Type.TEXT, "Column, or columns joined by commas.", required=False),
        _column("message", Type.TEXT, "What is wrong and what is allowed."),
    ),
)

#: Relations of the ledger's schema, for the data dictionary.
LEDGER: tuple[Relation, ...] = (LAYOUT, SUBMISSION, SUBMISSION_FILE, CURRENT_SUBMISSION)


def _storage_type(column: Column) -> str:
    if column.name in _STORAGE:
        return _STORAGE[column.name]
    return {Type.INTEGER: "integer", Type.NUMBER: "double"}.get(column.type, "varchar")


def _constraints(column: Column) -> str:
    parts = [" not null"] if column.required else []
    name = quote_name(column.name)
    if column.codes and _storage_type(column) == "varchar":
        parts.append(f" check ({name} in ({', '.join(quote(code) for code in column.codes)}))")
    if column.minimum is not None:
        parts.append(f" check ({name} >= {column.minimum:.15g})")
    if column.pattern:
        parts.append(f" check (regexp_full_match({name}, {quote(column.pattern)}))")
    return "".join(parts)


def quote_name(name: str) -> str:
    """Quote a column name as SQL; ``table`` and ``column`` are words of the language.

    Examples
    --------
    >>> quote_name("table")
    '"table"'
    """
    return f'"{name}"'


def create_table(schema: str, relation: Relation, *, key: bool = True, if_absent: bool = False) -> str:
    """Render the creation of a table that blinreg itself fills."""
    lines = [
        f"    {quote_name(column.name)} {_storage_type(column)}{_constraints(column)}" for column in relation.columns
    ]
    if key:
        lines.append(f"    primary key ({', '.join(quote_name(name) for name in relation.key)})")
    body = ",\n".join(lines)
    condition = " if not exists" if if_absent else ""
    return f"create table{condition} {schema}.{relation.name} (\n{body}\n);"


def comment_on(kind: str, schema: str, relation: Relation) -> str:
    """Render the comments on a relation and its columns."""
    full_name = f"{schema}.{relation.name}"
    lines = [f"comment on {kind} {full_name} is {quote(f'{relation.description} Grain: {relation.grain}.')};"]
    lines += [
        f"comment on column {full_name}.{quote_name(column.name)} is {quote(column_comment(column))};"
        for column in relation.columns
    ]
    return "\n".join(lines)


def current_submission_view() -> str:
    """Render the view of the submissions that count, now or as of one of them.

    A name in the variable ``as_of`` that no accepted submission has is an error, not an
    empty registry.
    """
    columns = ",\n".join(f"    accepted.{column.name}" for column in CURRENT_SUBMISSION.columns)
    return f"""create or replace view {LEDGER_SCHEMA}.current_submission as
with accepted as (
    select *
    from {LEDGER_SCHEMA}.submission
    where outcome = 'accepted'
),

as_of as (
    select
        case
            when getvariable('as_of') is null then 9223372036854775807
            else coalesce(
                (
                    select max(named.sequence)
                    from accepted as named
                    where named.submission_id = cast(getvariable('as_of') as varchar)
                ),
                error('no accepted submission has the name in the variable as_of; see {LEDGER_SCHEMA}.submission')
            )
        end as last_sequence
)

select
{columns}
from accepted
cross join as_of
where accepted.sequence <= as_of.last_sequence
qualify row_number() over (partition by accepted.site_id order by accepted.sequence desc) = 1;"""


def current_submission_ddl() -> str:
    """Render the view of the submissions that count, with its comments; it replaces an older one."""
    return "\n\n".join([current_submission_view(), comment_on("view", LEDGER_SCHEMA, CURRENT_SUBMISSION)])


def ledger_ddl() -> str:
    """Render the ledger: its tables, the view of the submissions that count, and the table of violations."""
    parts = []
    for relation in (LAYOUT, SUBMISSION, SUBMISSION_FILE):
        parts += [create_table(LEDGER_SCHEMA, relation), comment_on("table", LEDGER_SCHEMA, relation)]
    parts.append(current_submission_ddl())
    parts += [create_table("quality", VIOLATION, key=False), comment_on("table", "quality", VIOLATION)]
    return "\n\n".join(parts) + "\n"
