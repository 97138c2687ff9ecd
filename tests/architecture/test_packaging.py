"""Does the wheel hold the whole tree? An editable install would hide what it lacks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("schemas", "registry", "sql", "synthetic", "analyses")


def test_every_package_of_the_tree_is_declared() -> None:
    in_tree = {
        "blinreg." + init.parent.relative_to(TOP).as_posix().replace("/", ".")
        for package in PACKAGES
        for init in (TOP / package).rglob("__init__.py")
    }
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == in_tree


def test_every_data_file_of_the_tree_matches_a_declared_pattern() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]
    left_out = []
    for package in PACKAGES:
        folder = TOP / package
        declared = {path for pattern in patterns[f"blinreg.{package}"] for path in folder.glob(pattern)}
        files = {
            path
            for path in folder.rglob("*")
            if path.is_file() and path.suffix not in {".py", ".pyc", ".md"} and "__pycache__" not in path.parts
        }
        left_out += sorted(path.relative_to(TOP).as_posix() for path in files - declared)
    assert left_out == []


def test_typing_links_point_at_the_packages() -> None:
    for package in PACKAGES:
        link = TOP / ".typing" / "blinreg" / package
        assert link.is_symlink()
        assert link.resolve() == TOP / package
        assert not Path(link.readlink()).is_absolute()


def dependency_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=; ]", requirement)[0] for requirement in requirements} - {"blinreg"}


def test_every_dependency_has_a_pin_and_a_reason() -> None:
    project = PYPROJECT["project"]
    names = dependency_names(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        names |= dependency_names(extra)
    pins = (TOP / "constraints.txt").read_text(encoding="utf-8")
    reasons = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for name in sorted(names) if not re.search(rf"^{re.escape(name)}==", pins, re.M)] == []
    assert [name for name in sorted(names) if not re.search(rf"^\| {re.escape(name)} \|", reasons, re.M)] == []


def test_constraints_name_versions_and_no_address() -> None:
    for line in (TOP / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[a-z0-9._-]+==[0-9][A-Za-z0-9.+]*( ; .+)?", line), line
        assert "://" not in line
