"""Does R still write the golden values? Runs every script of tests/golden in a copy of the folders."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
SCRIPTS = sorted(path.relative_to(GOLDEN) for path in GOLDEN.glob("*/*.R"))
#: Read by the script that writes the others.
SOURCES = {"bmt.csv"}
RELATIVE, FLOOR = 1e-9, 1e-12


def load(path: Path) -> Any:
    """The content of a JSON file, or the rows of a CSV file with numbers as numbers."""
    text = path.read_text()
    if path.suffix == ".json":
        return json.loads(text)
    return [[number(cell) for cell in row] for row in csv.reader(text.splitlines())]


def number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def differences(found: Any, expected: Any, where: str = "") -> Iterator[str]:
    """Where two contents differ, as path, value here and value in the file."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() ^ expected.keys()):
            yield f"{where}/{key}: {'new' if key in found else 'missing'}"
        for key in sorted((found.keys() & expected.keys()) - {"meta"}):
            yield from differences(found[key], expected[key], f"{where}/{key}")
    elif isinstance(found, list) and isinstance(expected, list):
        if len(found) != len(expected):
            yield f"{where}: {len(found)} values, {len(expected)} in the file"
        for place, (ours, theirs) in enumerate(zip(found, expected, strict=False)):
            yield from differences(ours, theirs, f"{where}[{place}]")
    elif isinstance(found, (int, float)) and isinstance(expected, (int, float)):
        if not abs(found - expected) <= max(FLOOR, RELATIVE * abs(expected)):
            yield f"{where}: {found!r}, {expected!r} in the file"
    elif found != expected:
        yield f"{where}: {found!r}, {expected!r} in the file"


def versions(content: Any) -> dict[str, str]:
    return dict(content.get("meta", {})) if isinstance(content, dict) else {}


@pytest.mark.parametrize("script", SCRIPTS, ids=str)
def test_script_writes_the_values_of_its_folder(script: Path, run_r: Callable[..., None], tmp_path: Path) -> None:
    scratch = tmp_path / "golden"
    shutil.copytree(GOLDEN, scratch, ignore=shutil.ignore_patterns("*.json", "*.py", "__pycache__"))
    folder = scratch / script.parent
    if script.parent.name == "data":
        for path in folder.glob("*.csv"):
            if path.name not in SOURCES:
                path.unlink()
    before = set(folder.iterdir())
    run_r(scratch / script)
    written = sorted(set(folder.iterdir()) - before)
    assert written
    if script.parent.name == "data":
        assert {path.name for path in written} | SOURCES == {path.name for path in GOLDEN.glob("data/*.csv")}
    for path in written:
        found, expected = load(path), load(GOLDEN / script.parent / path.name)
        differ = list(differences(found, expected))
        here, there = versions(found), versions(expected)
        other = f"; made with {there}, here is {here}" if here != there else ""
        summary = "\n".join(differ[:10])
        assert not differ, f"{path.name} differs in {len(differ)} places{other}:\n{summary}"


def test_a_changed_value_is_seen() -> None:
    """The comparison itself: to the ninth digit, absolutely near zero, in every kind of value."""
    here = {"a": [1.0, {"b": 1e-13}], "c": None, "d": "x", "meta": {"R": "4"}}
    assert list(differences(here, {"a": [1 + 9e-10, {"b": -8e-13}], "c": None, "d": "x", "meta": {"R": "3"}})) == []
    assert list(differences(here, {"a": [1 + 2e-9, {"b": 2e-12}], "c": 0, "d": "y", "e": 1, "meta": {}})) == [
        "/e: missing",
        "/a[0]: 1.0, 1.000000002 in the file",
        "/a[1]/b: 1e-13, 2e-12 in the file",
        "/c: None, 0 in the file",
        "/d: 'x', 'y' in the file",
    ]
    assert list(differences([1, float("nan")], [1, 2.0, 3])) == [
        ": 2 values, 3 in the file",
        "[1]: nan, 2.0 in the file",
    ]
