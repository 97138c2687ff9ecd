"""Are several submissions each loaded wholly or not at all, and the analysis tables derived once?"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blinreg.registry import build, loading
from blinreg.registry.cli.source import analysis_views
from blinreg.registry.loading import LoadResult, load_submission, load_submissions
from blinreg.registry.rebuild import rebuild
from blinreg.registry.store import Registry
from blinreg.schemas.errors import BlinregError, SubmissionRejected, UsageError

Make = Callable[..., Any]

#: Loads submissions and kills itself without warning when a given step is announced.
CRASHING = """
import os, signal, sys
from blinreg.registry.loading import load_submissions
from blinreg.registry.store import Registry

def on_progress(step):
    if step == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with Registry.open(sys.argv[1], write=True) as registry:
    load_submissions(registry, sys.argv[3:], on_progress=on_progress)
"""


@pytest.fixture
def folders(make_submission: Make, patient: Make, follow_up: Make) -> list[Path]:
    """Write one submission for each of three sites."""
    return [
        make_submission(
            {
                "patient": [patient(f"P-{site}", site_id=f"site-{site}")],
                "treatment_cycle": [
                    {
                        "patient_id": f"P-{site}",
                        "course_number": "1",
                        "cycle_number": "1",
                        "agent": "blinatumomab",
                        "start_date": "2019-01-05",
                    }
                ],
                "follow_up": [follow_up(f"P-{site}")],
            },
            site_id=f"site-{site}",
            submission_id=f"of-{site}",
        )
        for site in "abc"
    ]


@pytest.fixture
def refused(make_submission: Make, follow_up: Make) -> Path:
    """Write a submission that lacks the table of patients."""
    made: Path = make_submission({"follow_up": [follow_up("P-d")]}, site_id="site-d")
    return made


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the derivations as they happen."""
    made: list[str] = []
    for module in (loading, build):

        def derive(connection: duckdb.DuckDBPyConnection, derive: Callable[..., None] = module.derive) -> None:
            made.append("derived")
            derive(connection)

        monkeypatch.setattr(module, "derive", derive)
    return made


def sites(outcomes: tuple[LoadResult | SubmissionRejected, ...]) -> list[str]:
    return [
        "refused" if isinstance(outcome, SubmissionRejected) else f"{outcome.site_id} {outcome.outcome}"
        for outcome in outcomes
    ]


def cohort(registry: Registry) -> list[str]:
    rows = registry.connection.execute("select patient_id from analysis.cohort order by all").fetchall()
    return [str(row[0]) for row in rows]


def test_three_submissions_are_derived_once(registry: Registry, folders: list[Path], derivations: list[str]) -> None:
    told: list[str] = []
    outcomes = load_submissions(registry, folders, on_progress=told.append)
    assert sites(outcomes) == ["site-a loaded", "site-b loaded", "site-c loaded"]
    assert derivations == ["derived"]
    assert [step for step in told if step.endswith(": deriving")] == [f"{folders[2].name}: deriving"]
    assert registry.is_derivation_current()
    assert cohort(registry) == ["P-a", "P-b", "P-c"]
    assert [entry.kind for entry in registry.journal.read()] == ["created", *["prepared", "committed"] * 3]


def test_it_is_the_same_as_loading_one_by_one(registry: Registry, folders: list[Path], tmp_path: Path) -> None:
    load_submissions(registry, folders)
    with Registry.create(tmp_path / "one-by-one.duckdb") as other:
        for folder in folders:
            load_submission(other, folder)
        names = "select table_schema || '.' || table_name from information_schema.tables "
        names += (
            "where table_schema in ('submitted', 'current', 'staging', 'derived', 'analysis', 'quality') order by all"
        )
        relations = [name for (name,) in registry.connection.execute(names).fetchall()]
        assert len(relations) > 50
        for name in relations:
            query = f"select * from {name} order by all"
            assert registry.connection.execute(query).fetchall() == other.connection.execute(query).fetchall(), name


@pytest.mark.parametrize("last", ["refused", "unchanged"])
def test_what_the_last_folder_brings_or_not_the_tables_are_derived(
    registry: Registry, folders: list[Path], refused: Path, derivations: list[str], last: str
) -> None:
    load_submission(registry, folders[0])
    derivations.clear()
    seen: list[Path] = []
    order = [folders[1], refused if last == "refused" else folders[0]]
    outcomes = load_submissions(registry, order, on_outcome=lambda folder, _: seen.append(folder))
    assert sites(outcomes) == ["site-b loaded", "refused" if last == "refused" else "site-a unchanged"]
    assert seen == order
    assert derivations == ["derived"]
    assert registry.is_derivation_current()
    assert cohort(registry) == ["P-a", "P-b"]


def test_nothing_new_is_nothing_derived(
    registry: Registry, folders: list[Path], refused: Path, derivations: list[str]
) -> None:
    load_submissions(registry, folders)
    derivations.clear()
    assert sites(load_submissions(registry, [*folders, refused]))[-1] == "refused"
    assert load_submissions(registry, []) == ()
    assert derivations == []


def test_a_refusal_does_not_stop_the_others(registry: Registry, folders: list[Path], refused: Path) -> None:
    outcomes = load_submissions(registry, [folders[0], refused, folders[1]])
    assert sites(outcomes) == ["site-a loaded", "refused", "site-b loaded"]
    assert cohort(registry) == ["P-a", "P-b"]


def test_a_name_that_is_no_folder_loads_nothing(registry: Registry, folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder nowhere; check the names; nothing was loaded"):
        load_submissions(registry, [folders[0], tmp_path / "nowhere"])
    assert [entry.kind for entry in registry.journal.read()] == ["created"]


@pytest.mark.parametrize("repair", ["open", "load", "refresh"])
def test_a_crash_between_two_submissions_is_known_and_repaired(
    registry_path: Path, folders: list[Path], repair: str
) -> None:
    step = f"{folders[2].name}: checking rows"
    killed = subprocess.run(
        [sys.executable, "-c", CRASHING, str(registry_path), step, *map(str, folders)], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    with Registry.open(registry_path) as reader:
        assert not reader.is_derivation_current()
        rows = reader.connection.execute("select patient_id from current.patient order by all").fetchall()
        assert rows == [("P-a",), ("P-b",)]
        with pytest.raises(UsageError, match=r"are not those of its rows.*blinreg refresh registry\.duckdb"):
            analysis_views(reader)
    with Registry.open(registry_path, write=True) as writer:
        if repair == "load":
            load_submission(writer, folders[2])
        elif repair == "refresh":
            writer.derive()
        assert writer.is_derivation_current()
        assert cohort(writer) == ["P-a", "P-b", *(["P-c"] if repair == "load" else [])]


def test_an_error_in_between_leaves_what_was_loaded_and_the_next_load_repairs(
    registry: Registry, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (("sql/bad.sql", "select error('bad')"),)
    with monkeypatch.context() as patch:
        patch.setattr("blinreg.registry.derive._steps", lambda: steps)
        with pytest.raises(BlinregError, match=r"sql/bad\.sql failed"):
            load_submissions(registry, folders[:2])
    assert not registry.is_derivation_current()
    assert registry.connection.execute("select patient_id from current.patient").fetchall() == [("P-a",)]
    assert cohort(registry) == []
    load_submission(registry, folders[2])
    assert registry.is_derivation_current()
    assert cohort(registry) == ["P-a", "P-c"]


def test_a_registry_made_again_is_derived_once(
    registry: Registry, folders: list[Path], derivations: list[str], tmp_path: Path
) -> None:
    load_submissions(registry, folders)
    registry.close()
    derivations.clear()
    results = rebuild(registry.path, tmp_path / "new.duckdb")
    assert [result.outcome for result in results] == ["loaded"] * 3
    # Once when the empty registry is made, and once when all is loaded.
    assert derivations == ["derived"] * 2
    with Registry.open(tmp_path / "new.duckdb") as new:
        assert new.is_derivation_current()
        assert cohort(new) == ["P-a", "P-b", "P-c"]
