"""The data dictionary: docs/dictionary.md, written from the definitions and compared in a test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from blinreg.schemas.model import Column, Relation, Table, Type
from blinreg.schemas.tables import SCHEMA_VERSION, TABLES
from blinreg.schemas.views import VIEWS

_HEAD = f"""# Data dictionary

Rendered from `schemas/` by `make render`; do not edit. Submission format {SCHEMA_VERSION}.

- Names are singular and lower case, the unit is in the name. An empty cell means *not recorded*.
- A date marked *partial* may be `2019-05-14`, `2019-05` or `2019`. What is not known is left out, never guessed.
- *Privacy*: `pseudonym` links the rows of one patient; `quasi_identifier` can single a patient out together with
  others; `sensitive` is health information; `administrative` is about the submission.
- *Known at* (analysis tables only) names the date column of the same table that holds, for each patient, the day
  on which the value was known. A plan that groups, selects or adjusts by a value known only after its origin is
  refused.
"""


_ANALYSIS = """## Analysis tables

Derived from the submitted rows by the files of `sql/`, written anew in the transaction of every load: they are
current when `load` returns. Read them, never write them."""


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _type(column: Column, *, submitted: bool) -> str:
    if submitted and column.type is Type.DATE and column.partial:
        return "date (partial)"
    return column.type.value


def _range(column: Column) -> str:
    if column.minimum is None and column.maximum is None:
        return ""
    low = "" if column.minimum is None else f"{column.minimum:.15g}"
    high = "" if column.maximum is None else f"{column.maximum:.15g}"
    return f"{low} to {high}".strip() if high else f"from {low}"


def _meaning(column: Column) -> str:
    text = _escape(column.description)
    if column.codes:
        text += "<br>" + "<br>".join(f"`{name}` {_escape(meaning)}" for name, meaning in column.codes.items())
    if column.pattern:
        text += f"<br>Form: `{_escape(column.pattern)}`"
    if column.citation:
        text += f"<br>Source: {_escape(column.citation)}"
    return text


def _table_rows(definition: Table) -> Iterator[str]:
    yield "| column | type | unit | required | range | meaning | privacy |"
    yield "|---|---|---|---|---|---|---|"
    for column in definition.columns:
        name = f"**{column.name}**" if column.name in definition.key else column.name
        required = "yes" if column.required else ""
        yield (
            f"| {name} | {_type(column, submitted=True)} | {_escape(column.unit)} | {required} | {_range(column)} "
            f"| {_meaning(column)} | {column.privacy.value} |"
        )


def _view_rows(definition: Relation) -> Iterator[str]:
    yield "| column | type | unit | known at | meaning | privacy |"
    yield "|---|---|---|---|---|---|"
    for column in definition.columns:
        name = f"**{column.name}**" if column.name in definition.key else column.name
        yield (
            f"| {name} | {_type(column, submitted=False)} | {_escape(column.unit)} | {column.known_at} "
            f"| {_meaning(column)} | {column.privacy.value} |"
        )


def _section(title: str, definition: Relation, rows: Iterable[str]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield f"{_escape(definition.description)} **Grain:** {definition.grain}. **Key:** {', '.join(definition.key)}."
    if isinstance(definition, Table):
        parents = [f"`{key.table}` by {', '.join(key.columns)}" for key in definition.foreign_keys]
        if parents:
            yield f"**Needs:** a row of {'; '.join(parents)}."
        if definition.required:
            yield "**Every submission must contain it.**"
    yield ""
    yield from rows
    yield ""


def dictionary() -> str:
    """Render the data dictionary as Markdown.

    Returns
    -------
    str
        The text of docs/dictionary.md.

    Examples
    --------
    >>> dictionary().splitlines()[0]
    '# Data dictionary'
    """
    lines = [_HEAD, "## Submitted tables", ""]
    for definition in TABLES:
        lines += _section(definition.name, definition, _table_rows(definition))
    lines += [_ANALYSIS, ""]
    for view in VIEWS:
        lines += _section(f"analysis.{view.name}", view, _view_rows(view))
    return "\n".join(lines).rstrip() + "\n"
