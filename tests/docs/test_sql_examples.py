"""Does every example of docs/sql.md run, and print what the document says?"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from blinreg.registry.build import build
from blinreg.registry.derive import sql_files

DOCUMENT = Path(__file__).parents[2] / "docs/sql.md"
#: An example, and the Markdown table that follows it at once, if one does.
EXAMPLE = re.compile(r"```sql\n(.*?)```\n(?:\n((?:\|[^\n]*\n)+))?", re.S)
EXAMPLES = EXAMPLE.findall(DOCUMENT.read_text(encoding="utf-8"))
MACROS = ("kaplan_meier", "simon_makuch", "mantel_byar", "log_rank", "cumulative_incidence")


def as_markdown(found: duckdb.DuckDBPyRelation) -> str:
    """Write a result as the document shows it; an empty cell is null."""
    rows = [found.columns, ["---"] * len(found.columns), *found.fetchall()]
    return "".join("| " + " | ".join("" if value is None else str(value) for value in row) + " |\n" for row in rows)


@pytest.fixture(scope="module")
def registry() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    build(connection)
    connection.execute(next(sql for sql, _ in EXAMPLES if sql.startswith("create")))
    return connection


@pytest.mark.parametrize(("sql", "table"), [example for example in EXAMPLES if example[1]])
def test_example_prints_what_the_document_says(registry: duckdb.DuckDBPyConnection, sql: str, table: str) -> None:
    assert as_markdown(registry.sql(sql)) == table


@pytest.mark.parametrize(
    "sql", [sql for sql, table in EXAMPLES if not table and not sql.startswith(("create", "attach"))]
)
def test_example_on_a_registry_is_understood(registry: duckdb.DuckDBPyConnection, sql: str) -> None:
    assert registry.execute(f"explain {sql}").fetchall()


def test_every_macro_has_an_example_with_its_output() -> None:
    for name in MACROS:
        assert any(f"analysis.{name}('" in sql for sql, table in EXAMPLES if table), name
    assert "<!-- output -->" not in DOCUMENT.read_text(encoding="utf-8")


def test_the_check_finds_overlaps_and_rows_after_the_event(registry: duckdb.DuckDBPyConnection) -> None:
    check = next(sql for sql, _ in EXAMPLES if "n_wrong_rows" in sql).replace("my_rows", "wrong_rows")
    rows = (
        "(1, 0, 10, 0), (1, 5, 20, 0), (2, 0, 10, 1), (2, 10, 12, 0), "
        "(3, 0, 9, 0), (3, 10, 12, 1), (4, 0, 9, 0), (4, 2, 3, 0)"
    )
    registry.execute(
        f"create or replace temp table wrong_rows as from (values {rows}) as given (id, tstart, tstop, event)"
    )
    assert sorted(registry.sql(check).fetchall()) == [(1, 1), (2, 1), (4, 1)]


def test_macros_of_an_attached_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with duckdb.connect("registry.duckdb") as registry:
        registry.execute("create schema analysis")
        for name, text in sql_files():
            if "_macro_" in name:
                registry.execute(text)
    with duckdb.connect() as client:
        client.execute(next(sql for sql, _ in EXAMPLES if sql.startswith("create")))
        found = client.execute(next(sql for sql, _ in EXAMPLES if sql.startswith("attach"))).fetchall()
    (printed,) = [table for sql, table in EXAMPLES if "from analysis.mantel_byar('my_rows')" in sql]
    assert found == [(float(printed.splitlines()[-1].split(" | ")[6]),)]


def test_options_are_those_of_the_macros(registry: duckdb.DuckDBPyConnection) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in MACROS:
        (cell,) = re.findall(rf"^\| `{name}` \| (.*?) \|", text, re.M)
        found = registry.execute(
            "select parameters from duckdb_functions() where schema_name = 'analysis' and function_name = ?", [name]
        ).fetchall()
        assert re.findall(r"(\w+) :=", cell) == found[0][0][1:]
