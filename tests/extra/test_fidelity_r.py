"""Does R compute the same numbers from the same frames? Every median, curve, test and model of the ledger, to 1e-6.

R's answer for the default cohort is kept in r/fidelity_realworld_2020.json. To make it again::

    blinreg synth realworld-2020 --out submissions
    blinreg fidelity submissions --out fidelity --frames
    Rscript --vanilla tests/extra/r/fidelity.R synthetic/targets/realworld_2020.csv fidelity/frames \\
        tests/extra/r/fidelity_realworld_2020.json
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from blinreg.registry.cli import main
from blinreg.synthetic import generate

SCRIPT = Path(__file__).parent / "r" / "fidelity.R"
KEPT = SCRIPT.with_name("fidelity_realworld_2020.json")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger of the default cohort, with the frames it was measured on."""
    base = tmp_path_factory.mktemp("fidelity_r")
    generate("realworld-2020", base / "submissions")
    assert main(["fidelity", str(base / "submissions"), "--out", str(base / "out"), "--frames", "--quiet"]) == 0
    return base / "out"


@pytest.fixture(scope="module")
def ours(scored: Path) -> dict[str, float | None]:
    numbers = json.loads((scored / "fidelity.json").read_text())["numbers"]
    return {row["id"]: row["achieved"] for row in numbers}


def compare(ours: dict[str, float | None], theirs: dict[str, Any]) -> None:
    expected = {name: ours[name] for name in theirs}
    assert {name for name, value in theirs.items() if value is None} == {
        name for name, value in expected.items() if value is None
    }
    numbers = {name: value for name, value in theirs.items() if value is not None}
    assert {name: expected[name] for name in numbers} == pytest.approx(numbers, rel=1e-6, abs=1e-6)


def test_r_computes_the_same_ledger(
    scored: Path, ours: dict[str, float | None], run_r: Callable[..., None], tmp_path: Path
) -> None:
    targets = resources.files("blinreg.synthetic.targets") / "realworld_2020.csv"
    run_r(SCRIPT, str(targets), scored / "frames", tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text())
    # Not a number or two: all that R can compute.
    assert len(found["values"]) > 130
    compare(ours, found["values"])


def test_the_kept_answer_of_r_is_that_of_the_default_cohort(ours: dict[str, float | None]) -> None:
    kept = json.loads(KEPT.read_text())
    assert kept["data"] == "SYNTHETIC DATA"
    compare(ours, kept["values"])
