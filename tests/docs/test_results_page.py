"""Does docs/results.md name the files, keys and events that a run has?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from blinreg.analyses.plans.progress import State
from blinreg.registry.cli.main import main

PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
SYNTHETIC_ONLY = ".synthetic"


def first_cells(heading: str) -> list[str]:
    """Code in the first cells of the table under a heading."""
    [part] = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    cells = re.findall(r"^\| (`[^|]+) \|", part, re.M)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def columns_of_events() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.M)
    return {name: set(re.findall(r"`(\w+)`", said)) for name, said in rows}


def test_the_keys_of_the_manifest_are_those_of_a_run(demo: Path) -> None:
    manifest = json.loads((demo / "results" / "run_manifest.json").read_text(encoding="utf-8"))

    assert sorted(first_cells("The manifest")) == sorted(manifest)


def test_every_file_of_a_run_is_one_that_the_page_names(demo: Path) -> None:
    named = re.findall(r"^\| (`[^|]+) \|", PAGE.split("## The manifest", maxsplit=1)[0], re.M)
    patterns = [
        re.escape(name).replace("ANALYSIS", "[a-z0-9_]+").replace("PART", "[a-z0-9_]+")
        for cell in named
        for name in re.findall(r"`([^`]+)`", cell)
    ]
    files = [path.relative_to(demo / "results").as_posix() for path in (demo / "results").rglob("*") if path.is_file()]

    unnamed = [
        file
        for file in files
        if not any(re.fullmatch(pattern, file.replace(SYNTHETIC_ONLY, "")) for pattern in patterns)
    ]
    # Figures of a part are called like its table.
    assert [file for file in unnamed if not re.fullmatch(r"figures/[a-z0-9_]+\.[a-z0-9_]+\.(svg|png)", file)] == []
    assert len(files) > 300


def test_the_events_are_those_that_a_run_writes(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = columns_of_events()
    assert set(events) == {state.value for state in State} | {"progress", "error"}

    plan = tmp_path / "two.toml"
    plan.write_text(
        '[study]\nname = "two"\ntitle = "Two"\n'
        '[[analysis]]\nname = "steps"\ntitle = "Steps"\nmethod = "attrition"\n'
        '[[analysis]]\nname = "sex"\ntitle = "Sex"\nmethod = "cox"\npopulation = "cohort"\nendpoint = "os"\n'
        'covariates = ["karnofsky_percent"]\n',
        encoding="utf-8",
    )
    registry = ["--registry", str(demo / "registry.duckdb")]
    for _ in range(2):
        assert main(["run", str(plan), *registry, "--out", str(tmp_path / "out"), "--json"]) == 6
    assert main(["run", "no-such-plan", *registry, "--out", str(tmp_path / "out"), "--json"]) == 2

    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {event["event"] for event in told} == set(events)
    for event in told:
        besides = {"event"} if event["event"] == "error" else {"event", "done", "total", "seconds"}
        assert set(event) - besides <= events[event["event"]], event
        assert events[event["event"]] - set(event) <= {"seconds_left"}, event
