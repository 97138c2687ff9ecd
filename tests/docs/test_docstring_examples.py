"""Does every example in a docstring run and give what it says?"""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

PACKAGES = ("schemas", "registry", "synthetic", "analyses")


def module_names() -> list[str]:
    names = []
    for package in PACKAGES:
        module = importlib.import_module(f"blinreg.{package}")
        names += [
            module.__name__,
            *(info.name for info in pkgutil.walk_packages(module.__path__, f"{module.__name__}.")),
        ]
    return names


@pytest.mark.parametrize("name", module_names())
def test_examples_of_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0, capsys.readouterr().out


def test_examples_are_found() -> None:
    found = [test for name in module_names() for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    assert sum(bool(test.examples) for test in found) >= 20
