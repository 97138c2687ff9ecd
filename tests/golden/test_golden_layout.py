"""Is every golden data set here once, and has every value the R script that made it?"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent
SCRIPTS = sorted(GOLDEN.glob("*/*.R"))
PACKAGES = {"survival", "cmprsk", "jsonlite"}
#: Come with R itself.
BASE = {"splines", "stats"}


def name(path: Path) -> str:
    return path.relative_to(GOLDEN).as_posix()


def test_data_sets_stand_in_one_folder() -> None:
    found = [name(path) for path in GOLDEN.rglob("*.csv")]
    assert len(found) > 15
    assert [path for path in found if not path.startswith("data/")] == []


def test_no_script_stands_twice() -> None:
    assert len({script.name for script in SCRIPTS}) == len({script.read_text() for script in SCRIPTS}) == len(SCRIPTS)


def test_no_data_set_stands_twice() -> None:
    """But the one that R makes in two ways."""
    same: defaultdict[bytes, list[str]] = defaultdict(list)
    for path in sorted(GOLDEN.glob("data/*.csv")):
        same[path.read_bytes()].append(path.stem)
    assert [names for names in same.values() if len(names) > 1] == [["jasa1", "jasa_tmerge"]]


def test_the_bone_marrow_transplants_are_those_of_the_example() -> None:
    example = GOLDEN.parents[1] / "examples/bmt/bmt.csv"
    assert (GOLDEN / "data/bmt.csv").read_bytes() == example.read_bytes()


@pytest.mark.parametrize("folder", sorted({script.parent for script in SCRIPTS}), ids=name)
def test_every_value_has_its_script(folder: Path) -> None:
    scripts = "".join(script.read_text() for script in folder.glob("*.R"))
    values = [path for pattern in ("*.json", "*.csv") for path in folder.glob(pattern)]
    assert values
    without = {name(path) for path in values if f'"{path.name}"' not in scripts}
    assert without == set()


@pytest.mark.parametrize("folder", sorted({script.parent for script in SCRIPTS}), ids=name)
def test_every_folder_names_its_versions(folder: Path) -> None:
    readme = (folder / "README.md").read_text()
    versions = {"survival": "survival 3.5.3", "cmprsk": "cmprsk 2.2-11"}
    loaded = {package for script in folder.glob("*.R") for package in packages(script)}
    assert [text for text in ("R 4.2.2", *(versions[p] for p in versions if p in loaded)) if text not in readme] == []


def packages(script: Path) -> set[str]:
    text = script.read_text()
    return set(re.findall(r"(?:library|require)\((\w+)\)", text)) | set(re.findall(r"\b(\w+):::?\w", text))


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_script_needs_only_what_the_readme_names(script: Path) -> None:
    assert packages(script) - BASE <= PACKAGES


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_script_reads_the_shared_data_only(script: Path) -> None:
    read = [(script.parent / path).resolve() for path in re.findall(r'"(\.\./[^"]*)"', script.read_text())]
    assert read or script.parent.name == "data"
    assert [path for path in read if GOLDEN / "data" not in (path, path.parent)] == []
