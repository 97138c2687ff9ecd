"""Is a submission of more rows than memory should hold loaded like any other, and is nothing left of it?"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blinreg.registry.loading import load_submission
from blinreg.registry.quality import staging
from blinreg.registry.store import Registry

Make = Callable[..., Any]

#: Loads a submission as if it had many rows, and kills itself without warning before the accepted ones are stored.
CRASHING = """
import os, signal, sys
from blinreg.registry.loading import load_submission
from blinreg.registry.quality import staging
from blinreg.registry.store import Registry

def on_progress(step):
    if step == "storing rows":
        os.kill(os.getpid(), signal.SIGKILL)

staging.ROWS_IN_MEMORY = 0
with Registry.open(sys.argv[1], write=True) as registry:
    load_submission(registry, sys.argv[2], on_progress=on_progress)
"""


@pytest.fixture
def folder(make_submission: Make, patient: Make, follow_up: Make) -> Path:
    """Write a submission with one row that is quarantined."""
    made: Path = make_submission(
        {"patient": [patient("P01"), patient("P02", sex="?")], "follow_up": [follow_up("P01"), follow_up("P02")]}
    )
    return made


def load(path: Path, folder: Path) -> list[object]:
    with Registry.open(path, write=True) as registry:
        result = load_submission(registry, folder)
        stored = registry.connection.execute("select patient_id, sex, source_line from submitted.patient").fetchall()
    found = result.violations.select("rule", "table", "line").rows()
    return [result.outcome, result.n_rows, result.n_quarantined, result.n_held_back, found, stored]


def test_rows_that_wait_in_a_file_are_checked_like_those_in_memory(
    registry_path: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "ROWS_IN_MEMORY", 0)
    from_file = load(registry_path, folder)
    assert from_file[:4] == ["loaded", 4, 1, 1]
    assert not registry_path.with_name("registry.duckdb.rules.tmp").exists()
    monkeypatch.undo()
    Registry.create(tmp_path / "other.duckdb").close()
    assert load(tmp_path / "other.duckdb", folder) == from_file


def test_a_load_killed_while_rows_wait_leaves_files_that_the_next_one_takes_away(
    registry_path: Path, folder: Path
) -> None:
    command = [sys.executable, "-c", CRASHING, str(registry_path), str(folder)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -signal.SIGKILL
    left = registry_path.with_name("registry.duckdb.rules.tmp")
    assert ".duckdb" in {path.suffix for path in left.iterdir()}
    with Registry.open(registry_path) as registry:
        assert registry.connection.execute("select count(*) from submitted.patient").fetchall() == [(0,)]
    assert load(registry_path, folder)[:4] == ["loaded", 4, 1, 1]
    assert not left.exists()
