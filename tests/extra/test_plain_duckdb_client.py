"""Does a DuckDB client without Python read a registry file and run its macros?

The client is the command line of DuckDB from PyPI (``duckdb-cli``), installed into a folder of its own.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from blinreg.registry.store import Registry
from blinreg.schemas.views import VIEWS

#: The oldest DuckDB that the documents promise. It reads what DuckDB 2 has written, which is not the text of the
#: macro but its parsed form: `lag` with three arguments, for one, does not survive that.
VERSION = "1.5"
ROWS = "(1, 0, 30, 0, 0), (1, 30, 90, 1, 1), (2, 0, 50, 1, 0), (3, 0, 60, 0, 0), (4, 10, 35, 0, 0), (4, 35, 80, 1, 1)"
CALLS = (
    "kaplan_meier('my_rows')",
    "simon_makuch('my_rows', landmark := 20)",
    "mantel_byar('my_rows')",
    "log_rank('my_rows')",
    "cumulative_incidence('my_rows', conf_type := 'plain')",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("client")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"duckdb-cli=={VERSION}.*"], check=True)
    return folder / "bin/duckdb"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("data") / "registry.duckdb"
    with Registry.create(path):
        pass
    return path


def ask(client: Path, *arguments: str | Path) -> str:
    return subprocess.run([client, *arguments], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("is_attached", [False, True])
def test_a_client_without_python_gives_the_same(client: Path, file: Path, call: str, is_attached: bool) -> None:
    given = f"with my_rows as (from (values {ROWS}) as given (id, tstart, tstop, event, group_label))"
    with duckdb.connect(str(file), read_only=True) as connection:
        expected = connection.execute(f"{given} from analysis.{call}").fetchall()
    if is_attached:
        attach = f"attach '{file}' as anything (read_only)"
        printed = ask(client, "-csv", ":memory:", f"{attach}; {given} from anything.analysis.{call}")
    else:
        printed = ask(client, "-readonly", "-csv", file, f"{given} from analysis.{call}")
    rows = list(csv.reader(io.StringIO(printed)))[1:]
    assert len(rows) == len(expected)
    for ours, theirs in zip(rows, expected, strict=True):
        for text, value in zip(ours, theirs, strict=True):
            if isinstance(value, int | float):
                assert float(text) == pytest.approx(value, rel=1e-12, abs=1e-15)
            elif value is None:
                assert text in ("", "NULL")


def test_the_views_are_readable(client: Path, file: Path) -> None:
    for view in VIEWS:
        query = f"select count(*) from analysis.{view.name} where false"
        assert ask(client, "-readonly", "-csv", "-noheader", file, query).strip() == "0"


def test_the_comments_are_readable(client: Path, file: Path) -> None:
    query = "select count(*) from duckdb_functions() where schema_name = 'analysis' and comment like '%table_name%'"
    assert ask(client, "-readonly", "-csv", "-noheader", file, query).strip() == str(len(CALLS))
