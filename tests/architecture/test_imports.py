"""Does every import go one way? schemas <- registry, synthetic, analyses <- registry.cli."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PACKAGES = ("schemas", "registry", "sql", "synthetic", "analyses")

#: What each package may import of ours. registry reads sql as text, by the name of the package.
ALLOWED = {
    "schemas": {"schemas"},
    "sql": {"sql"},
    "registry": {"registry", "schemas", "sql"},
    "synthetic": {"synthetic", "schemas"},
    "analyses": {"analyses", "schemas"},
    "registry/cli": {"registry", "schemas", "sql", "synthetic", "analyses"},
}


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((TOP / package).rglob("*.py"))


def layer(path: Path) -> str:
    relative = path.relative_to(TOP).as_posix()
    return "registry/cli" if relative.startswith("registry/cli/") else relative.split("/")[0]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def test_the_tree_has_modules_in_every_package() -> None:
    assert {layer(path) for path in modules()} >= set(ALLOWED) - {"sql"}


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: path.relative_to(TOP).as_posix())
def test_module_imports_only_what_its_layer_may(path: Path) -> None:
    ours = {name for name in imported(path) if name.startswith("blinreg.")}
    layers = {name.split(".")[1] for name in ours}
    assert layers <= ALLOWED[layer(path)]
    if layer(path) != "registry/cli":
        assert not {name for name in ours if name.startswith("blinreg.registry.cli")}


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: path.relative_to(TOP).as_posix())
def test_module_is_small_enough_to_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
