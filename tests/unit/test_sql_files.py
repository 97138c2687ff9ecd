"""Are the files of sql/ what their headers and the house rules say?"""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from blinreg.schemas.model import Table, Type
from blinreg.schemas.tables import TABLES

LAYERS = ("staging", "derived", "analysis")
BELOW = {
    "staging": {"current", "staging"},
    "derived": {"ledger", "staging", "derived"},
    "analysis": {"ledger", "quality", "staging", "derived", "analysis"},
}
#: Words that DuckDB knows and Spark does not, and templating; the same SQL is to run on both.
NOT_PORTABLE = (
    r"\basof\b",
    r"\benum\b",
    r"\bgroup by all\b",
    r"\border by all\b",
    r"\bqualify\b",
    r"\bmacro\b",
    r"\blist\(",
    r"\bexclude\b",
    r"\{\{",
    r"\$\{",
)
LINEAGE = ["submission_id", "source_file", "source_line"]

FILES = {
    item.name: item.read_text(encoding="utf-8")
    for item in files("blinreg.sql").iterdir()
    if re.match(r"[0-2][0-9]{2}_", item.name)
}
each_file = pytest.mark.parametrize("name", sorted(FILES))


def header(text: str) -> dict[str, str]:
    """Read the header of a file: the name of the object and its labelled parts."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    parts = {"object": lines[0]}
    label = ""
    for line in lines[1:]:
        found = re.match(r"(what|grain|inputs|rule|source):\s+(.*)", line)
        label = found[1] if found else label
        parts[label] = f"{parts[label]} {line}" if not found else found[2]
    return parts


def code(text: str) -> str:
    """Take the comments out."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("--"))


def created(text: str) -> str:
    """Name the object that a file creates."""
    found = re.findall(r"^create or replace (?:table|view) (\w+\.\w+) as$", code(text), flags=re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def read(text: str) -> set[str]:
    """Name the relations of the database that a file reads."""
    body = code(text).split("\n", 1)[1]
    return set(re.findall(r"\b(?:from|join) ((?:current|staging|derived|analysis|ledger|quality)\.\w+)", body))


def file_of(relation: str) -> str:
    """Name the file that creates a relation."""
    return next(name for name, text in FILES.items() if created(text) == relation)


def squeezed(text: str) -> str:
    return re.sub(r"\s*([()])\s*", r"\1", " ".join(text.split()))


def test_every_submitted_table_is_staged() -> None:
    staged = {created(text) for text in FILES.values()}
    assert {f"staging.{table.name}" for table in TABLES} <= staged


@each_file
def test_file_is_named_after_its_object(name: str) -> None:
    number, _, rest = name.removesuffix(".sql").partition("_")
    schema, table = created(FILES[name]).split(".")
    assert rest == f"{schema}_{table}"
    assert LAYERS[int(number[0])] == schema
    assert header(FILES[name])["object"] == f"{schema}.{table}"


@each_file
def test_header_is_complete_and_names_the_inputs(name: str) -> None:
    parts = header(FILES[name])
    assert {"object", "what", "grain", "inputs", "rule"} <= parts.keys()
    assert all(parts.values())
    named = set(re.findall(r"\b(?:current|staging|derived|analysis|ledger|quality)\.\w+", parts["inputs"]))
    assert named == read(FILES[name])
    assert ("analysis_cutoff_date" in parts["inputs"]) == ("getvariable" in code(FILES[name]))


@each_file
def test_layer_reads_only_what_is_built_before(name: str) -> None:
    schema = created(FILES[name]).split(".")[0]
    built_before = {created(text) for other, text in FILES.items() if other < name}
    for relation in read(FILES[name]):
        assert relation.split(".")[0] in BELOW[schema]
        if relation.split(".")[0] in LAYERS:
            assert relation in built_before


@each_file
def test_sql_is_explicit_and_portable(name: str) -> None:
    text = code(FILES[name])
    assert not re.search(r"select\s+(distinct\s+)?(\w+\.)?\*", text)
    for pattern in NOT_PORTABLE:
        assert not re.search(pattern, text)
    assert max(len(line) for line in FILES[name].splitlines()) <= 120


@each_file
def test_division_is_guarded(name: str) -> None:
    # The only division is the halving of an interval; nothing is divided by data.
    assert all(match == "2" for match in re.findall(r"/+\s*(\S+)", re.sub(r"'[^']*'", "''", code(FILES[name]))))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_staging_has_the_columns_of_the_table(table: Table) -> None:
    text = FILES[file_of(f"staging.{table.name}")]
    final = text[text.rindex("\nselect\n") :] if "\nselect\n" in text else text
    flat = re.sub(r"case\b.*?\bend as (\w+)", r"\1", squeezed(final).removesuffix(";"))
    columns = [item.strip().split(" as ")[-1] for item in flat.split(" from ")[0].removeprefix("select ").split(",")]
    expected = []
    for column in table.columns:
        expected.append(column.name)
        if column.type is Type.DATE:
            expected += [f"{column.name}_earliest", f"{column.name}_latest", f"{column.name}_is_imputed"]
    assert columns == expected + LINEAGE


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_partial_dates_are_completed_by_one_rule(table: Table) -> None:
    text = squeezed(FILES[file_of(f"staging.{table.name}")])
    for column in table.columns:
        if column.type is not Type.DATE or not column.partial:
            continue
        rule = (
            "case when X_first between X_earliest and X_last "
            "then X_first + cast(date_diff('day', X_first, X_last) // 2 as integer) "
            "else X_earliest + cast(date_diff('day', X_earliest, X_latest) // 2 as integer) end as X,"
        )
        assert squeezed(rule.replace("X", column.name)) in text
