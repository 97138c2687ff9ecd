"""Does the main job, done again in the same folder, give the same bytes?

Here for its time alone: the suite compares the whole plan of one demo with a run on the same rows in another order.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from blinreg.registry.cli.main import main


def test_the_same_seed_gives_the_same_bytes_and_replaces_the_earlier_demo(demo: Path, tmp_path: Path) -> None:
    demo = shutil.copytree(demo, tmp_path / "demo")
    before = {path.name: path.read_bytes() for path in (demo / "results" / "results").iterdir()}
    report = (demo / "report.html").read_bytes()
    assert main(["demo", "--out", str(demo), "--quiet"]) == 0
    assert (demo / "report.html").read_bytes() == report
    assert {path.name: path.read_bytes() for path in (demo / "results" / "results").iterdir()} == before
