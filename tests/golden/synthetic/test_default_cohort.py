"""Are the cohorts the ones that were committed, on every machine and after every change?"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from blinreg.synthetic import generate

FOLDER = Path(__file__).parent
DIGESTS = json.loads((FOLDER / "digests.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def script() -> Iterator[ModuleType]:
    sys.path.insert(0, str(FOLDER))
    try:
        yield import_module("make_digests")
    finally:
        sys.path.remove(str(FOLDER))
        del sys.modules["make_digests"]


def test_every_cohort_has_digests(script: ModuleType) -> None:
    assert set(DIGESTS) == set(script.COHORTS)


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_cohort_is_unchanged(name: str, script: ModuleType, tmp_path: Path) -> None:
    """If this is meant to change: make_digests.py in this folder, and CHANGELOG.md, "Results may change"."""
    generate("realworld-2020", tmp_path / "cohort", **script.COHORTS[name])
    found = script.site_digests(tmp_path / "cohort")
    assert found.keys() == DIGESTS[name].keys()
    assert [site for site, digest in found.items() if digest != DIGESTS[name][site]] == []
