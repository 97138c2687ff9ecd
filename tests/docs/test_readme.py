"""Does what the README says run?"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import duckdb
import pytest

from blinreg.registry.cli.commands import NAMES
from blinreg.registry.cli.main import build_parser

TOP = Path(__file__).parents[2]
README = (TOP / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [
    TOP / "README.md",
    TOP / "CONTRIBUTING.md",
    *sorted((TOP / "docs").glob("*.md")),
    TOP / "examples/bmt/README.md",
]


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def test_python_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("python")
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 -- our own text
    printed = capsys.readouterr().out
    assert "allo_hct" in printed
    assert 0 < float(printed.split()[-1]) < 1


def command_lines() -> list[str]:
    return [
        line.split("#")[0].strip()
        for text in DOCUMENTS
        for block in blocks("sh", text.read_text())
        for line in block.splitlines()
    ]


@pytest.mark.parametrize("line", sorted({line for line in command_lines() if line.startswith("blinreg ")}))
def test_command_line_is_one_that_the_program_knows(line: str) -> None:
    args = build_parser().parse_args(shlex.split(line)[1:])
    assert args.command in NAMES


@pytest.mark.parametrize("target", sorted({line.split()[1] for line in command_lines() if line.startswith("make ")}))
def test_make_target_is_there(target: str) -> None:
    assert re.search(rf"^{target}:", (TOP / "Makefile").read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(TOP).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", document.read_text(encoding="utf-8"), flags=re.S)
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", without_code)
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


def test_python_versions_are_those_of_the_package() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = project["requires-python"].removeprefix(">=")
    newest = max((c.split(" :: ")[-1] for c in project["classifiers"] if "Python :: 3." in c), key=lambda v: int(v[2:]))
    assert f"Python {oldest} to {newest}" in README


def test_sql_examples_run_in_a_plain_client_and_answer(demo: Path) -> None:
    submission = "syn-realworld-2020-2020-site01"
    with duckdb.connect(str(demo / "registry.duckdb"), read_only=True) as client:
        for block in blocks("sql"):
            for statement in duckdb.extract_statements(block.replace("some-submission-id", submission)):
                result = client.execute(statement)
                if statement.type == duckdb.StatementType.SELECT:
                    assert result.fetchall(), statement.query
