"""Is nothing lost, half loaded or overwritten, whatever happens to the process or the files?"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blinreg.registry.loading import load_submission
from blinreg.registry.quality import check
from blinreg.registry.status import status
from blinreg.registry.store import STORAGE_VERSION, Registry
from blinreg.schemas.errors import BlinregError, RegistryDamaged, RegistryLocked, UsageError

Make = Callable[..., Any]

#: Loads a submission and kills itself without warning when a given step is announced.
CRASHING = """
import os, signal, sys
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry

def on_progress(step):
    if step == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)

with Registry.open(sys.argv[1], write=True) as registry:
    load_submission(registry, sys.argv[2], on_progress=on_progress)
"""

#: Loads a submission (or, without one, derives anew) and kills itself when a given part is to be derived.
CRASHING_IN_DERIVATION = """
import os, signal, sys
from blinreg.registry import build, derive
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry

run_step = derive.run_step

def crash(connection, name, text):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    run_step(connection, name, text)

derive.run_step = build.run_step = crash
with Registry.open(sys.argv[1], write=True) as registry:
    if sys.argv[3:]:
        load_submission(registry, sys.argv[3])
    else:
        registry.derive()
"""

HOLDING = """
import sys, time
from blinreg.registry.store import Registry
with Registry.open(sys.argv[1], write=sys.argv[2] == "write"):
    print("open", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(make_submission: Make, patient: Make, follow_up: Make) -> Path:
    """Write a submission that would be accepted."""
    made: Path = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]})
    return made


@pytest.fixture
def second(make_submission: Make, patient: Make, follow_up: Make) -> Path:
    """Write a second submission of the same site."""
    made: Path = make_submission(
        {"patient": [patient("P02")], "follow_up": [follow_up("P02")]},
        submission_id="submission-2",
        created_at="2020-07-01T00:00:00Z",
    )
    return made


def counts(registry: Registry) -> tuple[int, ...]:
    tables = ("ledger.submission", "ledger.submission_file", "submitted.patient", "submitted.follow_up")
    return tuple(int(registry.connection.execute(f"select count(*) from {name}").fetchall()[0][0]) for name in tables)


def journal_kinds(registry: Registry) -> list[str]:
    return [entry.kind for entry in registry.journal.read()]


@pytest.mark.parametrize(
    ("step", "happened"),
    [
        ("copying files", False),
        ("reading patient", False),
        ("checking rows", False),
        ("storing rows", False),
        ("deriving", False),
        ("committing", False),
        ("reading back", True),
        ("done", True),
    ],
)
def test_a_killed_load_happened_wholly_or_not_at_all(
    registry_path: Path, folder: Path, step: str, *, happened: bool
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", CRASHING, str(registry_path), str(folder), step], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    with Registry.open(registry_path) as reader:
        assert counts(reader) == ((1, 2, 1, 1) if happened else (0, 0, 0, 0))
    with Registry.open(registry_path, write=True) as writer:
        settled = {"committing": ["prepared", "aborted"]}.get(step, ["prepared", "committed"] if happened else [])
        assert journal_kinds(writer) == ["created", *settled]
        assert load_submission(writer, folder).outcome == ("unchanged" if happened else "loaded")
        assert counts(writer) == (1, 2, 1, 1)
    with Registry.open(registry_path) as reader:
        assert status(reader).tables.row(0) == ("patient", 1, 0, 0)


@pytest.mark.parametrize("part", ["sql/020_staging_disease_event.sql", "sql/270_analysis_attrition.sql"])
@pytest.mark.parametrize("loads", [True, False])
def test_nobody_sees_half_of_a_derivation(
    registry_path: Path, folder: Path, second: Path, part: str, *, loads: bool
) -> None:
    load(registry_path, folder)
    arguments = [str(registry_path), part, *([str(second)] if loads else [])]
    killed = subprocess.run(
        [sys.executable, "-c", CRASHING_IN_DERIVATION, *arguments], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    names = "select patient_id from {} order by all"
    with duckdb.connect(str(registry_path), read_only=True) as client:
        for relation in ("submitted.patient", "current.patient", "staging.patient", "staging.disease_event"):
            expected = [] if relation == "staging.disease_event" else [("P01",)]
            assert client.execute(names.format(relation)).fetchall() == expected
        assert client.execute("select count(*) from analysis.attrition").fetchall() == [(7,)]
    with Registry.open(registry_path, write=True) as registry:
        assert journal_kinds(registry) == ["created", "prepared", "committed"]
        assert registry.is_derivation_current()
        assert load_submission(registry, second).outcome == "loaded"


def test_a_derivation_that_fails_leaves_nothing_and_shows_no_value(
    registry: Registry, folder: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_submission(registry, folder)
    kept = sorted(registry.paths.submissions.iterdir())
    steps = (("sql/bad.sql", "create table analysis.half as select 1 as one; select cast('SECRET' as integer)"),)
    with monkeypatch.context() as patch:
        patch.setattr("blinreg.registry.derive._steps", lambda: steps)
        with pytest.raises(BlinregError) as caught:
            load_submission(registry, second)
    assert str(caught.value) == "sql/bad.sql failed: ConversionException"
    assert caught.value.__suppress_context__
    assert sorted(registry.paths.submissions.iterdir()) == kept
    assert counts(registry) == (1, 2, 1, 1)
    assert journal_kinds(registry) == ["created", "prepared", "committed"]
    half = "select count(*) from duckdb_tables() where table_name = 'half'"
    assert registry.connection.execute(half).fetchall() == [(0,)]
    assert load_submission(registry, second).outcome == "loaded"


def test_a_kept_file_that_was_damaged_is_not_what_is_read(registry_path: Path, folder: Path, second: Path) -> None:
    name = hashlib.sha256((second / "patient.csv").read_bytes()).hexdigest()
    kept = registry_path.with_name("registry.duckdb.submissions") / f"{name}.csv"
    kept.write_bytes(b"damaged")
    load(registry_path, second)
    assert kept.read_bytes() == (second / "patient.csv").read_bytes()


def test_a_load_killed_at_any_moment_leaves_a_registry_that_opens(
    registry_path: Path, folder: Path, second: Path
) -> None:
    for number, milliseconds in enumerate((700, 850, 1000)):
        process = subprocess.Popen(
            [sys.executable, "-c", CRASHING, str(registry_path), str((folder, second)[number % 2]), "never"],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(milliseconds / 1000)
        process.kill()
        process.wait()
        with Registry.open(registry_path, write=True) as registry:
            submissions, files, patients, follow_ups = counts(registry)
            assert patients == follow_ups == files // 2 <= submissions
            assert journal_kinds(registry)[-1] != "prepared"


def test_a_failure_while_storing_leaves_nothing(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission({"patient": [patient("P01"), patient("P02", sex="?")], "follow_up": [follow_up("P01")]})
    # The rows go in first and what was found last: the failure comes after the rows.
    registry.connection.execute("alter table quality.violation rename to mislaid")
    with pytest.raises(duckdb.CatalogException):
        load_submission(registry, folder)
    assert counts(registry) == (0, 0, 0, 0)
    registry.connection.execute("alter table quality.mislaid rename to violation")
    assert load_submission(registry, folder).outcome == "loaded"
    assert counts(registry) == (1, 2, 1, 1)


def test_a_row_that_the_database_refuses_is_not_quoted(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    # A constraint that the definitions do not know stands in for a gate that is too wide.
    registry.connection.execute("create unique index one_sex on submitted.patient (sex)")
    folder = make_submission(
        {"patient": [patient("SECRET1"), patient("SECRET2")], "follow_up": [follow_up("SECRET1"), follow_up("SECRET2")]}
    )
    with pytest.raises(BlinregError) as caught:
        load_submission(registry, folder)
    assert str(caught.value) == "the database refused rows for submitted.patient that the rules had accepted"
    assert caught.value.__suppress_context__
    assert counts(registry) == (0, 0, 0, 0)
    assert journal_kinds(registry) == ["created"]


def test_a_key_that_stands_twice_is_not_stored_whatever_the_rules_say(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_submission({"patient": [patient("SECRET")] * 2, "follow_up": [follow_up("SECRET")]})
    with monkeypatch.context() as patch:
        # Rules that lack the one on keys stand in for one that is wrong.
        patch.setattr(check, "RULES", [rule for rule in check.RULES if not rule.id.endswith(".key.duplicate")])
        with pytest.raises(BlinregError) as caught:
            load_submission(registry, folder)
    assert str(caught.value) == "rows for submitted.patient that the rules had accepted have the same key"
    assert counts(registry) == (0, 0, 0, 0)
    assert journal_kinds(registry) == ["created"]
    assert load_submission(registry, folder).n_quarantined == 1


@pytest.mark.parametrize("mode", ["read", "write"])
def test_a_second_process_is_told_who_holds_the_registry(registry_path: Path, mode: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(registry_path), mode], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        started = time.monotonic()
        with pytest.raises(RegistryLocked) as caught:
            Registry.open(registry_path, write=True, wait_seconds=0.4)
        assert 0.2 < time.monotonic() - started < 3
        if mode == "write":
            with pytest.raises(RegistryLocked, match=f"is locked by process {holder.pid}"):
                Registry.open(registry_path, wait_seconds=0)
        assert str(caught.value).startswith(f"registry.duckdb is locked by process {holder.pid}; wait until it is done")
        assert caught.value.exit_code == 5
    finally:
        holder.kill()
        holder.communicate()
    Registry.open(registry_path, write=True).close()


def test_a_lock_that_is_given_up_in_time_is_waited_for(registry_path: Path) -> None:
    script = HOLDING.replace("time.sleep(60)", "time.sleep(0.5)")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(registry_path), "write"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        Registry.open(registry_path, write=True, wait_seconds=20).close()


def test_two_processes_may_read(registry_path: Path) -> None:
    with Registry.open(registry_path):
        code = "import sys; from blinreg.registry.store import Registry; Registry.open(sys.argv[1]).close()"
        subprocess.run([sys.executable, "-c", code, str(registry_path)], check=True)


def test_the_same_process_does_not_open_it_twice(registry: Registry) -> None:
    with pytest.raises(RegistryLocked, match=rf"locked by this process \({os.getpid()}\)"):
        Registry.open(registry.path, wait_seconds=0)


def test_a_registry_open_for_reading_loads_nothing(registry_path: Path, folder: Path) -> None:
    with Registry.open(registry_path) as registry, pytest.raises(UsageError, match="open for reading"):
        load_submission(registry, folder)


@pytest.mark.parametrize("suffix", ["", ".journal", ".submissions", ".wal"])
def test_nothing_is_overwritten(tmp_path: Path, suffix: str) -> None:
    there = tmp_path / f"r.duckdb{suffix}"
    there.mkdir()
    with pytest.raises(UsageError, match="exists already and is not overwritten"):
        Registry.create(tmp_path / "r.duckdb")
    assert [path.name for path in tmp_path.iterdir()] == [there.name]


def test_a_registry_that_cannot_be_made_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blinreg.registry.build.sql_files", lambda: (("900_bad.sql", "select from"),))
    with pytest.raises(BlinregError, match=r"sql/900_bad\.sql cannot be run: Parser Error"):
        Registry.create(tmp_path / "r.duckdb")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder nowhere"):
        Registry.create(tmp_path / "nowhere" / "r.duckdb")


def test_what_is_no_registry_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no registry r\.duckdb; blinreg init"):
        Registry.open(tmp_path / "r.duckdb")
    (tmp_path / "text.duckdb").write_text("hello" * 5000)
    with pytest.raises(UsageError, match=r"text\.duckdb is not a registry"):
        Registry.open(tmp_path / "text.duckdb")
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    with pytest.raises(UsageError, match="a DuckDB file and not a registry"):
        Registry.open(tmp_path / "other.duckdb")


def test_a_registry_of_a_later_layout_is_not_opened(registry_path: Path) -> None:
    with Registry.open(registry_path, write=True) as registry:
        registry.connection.execute("update ledger.layout set layout_version = 99")
    with pytest.raises(UsageError, match="has layout 99 and this blinreg knows layouts up to 1; upgrade blinreg"):
        Registry.open(registry_path)


def test_older_duckdb_can_read_the_file_and_nothing_is_downloaded(registry: Registry) -> None:
    tags = registry.connection.execute("select tags from duckdb_databases() where database_name = 'blinreg'").fetchall()
    assert tags[0][0]["storage_version"].startswith(STORAGE_VERSION)
    names = ("autoinstall_known_extensions", "autoload_known_extensions")
    for name in names:
        assert registry.connection.execute(f"select current_setting('{name}')").fetchall() == [(False,)]


def damaged(path: Path) -> str:
    messages = []
    for write in (False, True):
        with pytest.raises(RegistryDamaged) as caught:
            Registry.open(path, write=write)
        assert caught.value.exit_code == 5
        assert "kept in registry.duckdb.submissions" in str(caught.value)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    return messages[0]


def load(path: Path, folder: Path) -> None:
    with Registry.open(path, write=True) as registry:
        load_submission(registry, folder)


def test_a_lost_write_ahead_log_is_noticed(registry_path: Path, folder: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", CRASHING, str(registry_path), str(folder), "done"], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    registry_path.with_name("registry.duckdb.wal").unlink()
    assert "the file ends before the journal: 1 acknowledged submission is not in it" in damaged(registry_path)


def test_a_truncated_write_ahead_log_is_noticed(registry_path: Path, folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", CRASHING, str(registry_path), str(folder), "done"], check=False, capture_output=True
    )
    log = registry_path.with_name("registry.duckdb.wal")
    os.truncate(log, log.stat().st_size // 2)
    assert "acknowledged submission is not in it" in damaged(registry_path)


def test_an_older_copy_of_the_file_is_noticed(registry_path: Path, folder: Path, tmp_path: Path) -> None:
    shutil.copy(registry_path, tmp_path / "older")
    load(registry_path, folder)
    shutil.copy(tmp_path / "older", registry_path)
    assert "the file ends before the journal" in damaged(registry_path)


def test_an_older_copy_of_the_journal_is_noticed(registry_path: Path, folder: Path, tmp_path: Path) -> None:
    journal = registry_path.with_name("registry.duckdb.journal")
    shutil.copy(journal, tmp_path / "older")
    load(registry_path, folder)
    shutil.copy(tmp_path / "older", journal)
    assert "the journal ends before the file" in damaged(registry_path)


def test_a_missing_or_empty_journal_is_noticed(registry_path: Path) -> None:
    journal = registry_path.with_name("registry.duckdb.journal")
    journal.write_bytes(b"")
    assert "the journal registry.duckdb.journal is empty" in damaged(registry_path)
    journal.unlink()
    assert "the journal registry.duckdb.journal is missing" in damaged(registry_path)


def test_a_changed_journal_is_noticed(registry_path: Path, folder: Path) -> None:
    load(registry_path, folder)
    journal = registry_path.with_name("registry.duckdb.journal")
    lines = journal.read_text().splitlines(keepends=True)
    forged = json.loads(lines[1])
    forged["facts"]["n_rows"] = 3
    for changed in (
        [lines[0], json.dumps(forged) + "\n", lines[2]],
        [lines[0], lines[2]],
        [lines[0], lines[2], lines[1]],
        ["{}\n", *lines[1:]],
    ):
        journal.write_text("".join(changed))
        assert "was changed at line" in damaged(registry_path)


def test_the_journal_of_another_registry_is_noticed(registry_path: Path, tmp_path: Path) -> None:
    Registry.create(tmp_path / "other.duckdb").close()
    shutil.copy(tmp_path / "other.duckdb.journal", registry_path.with_name("registry.duckdb.journal"))
    assert "the journal belongs to another registry" in damaged(registry_path)


def test_a_ledger_that_was_written_over_is_noticed(registry_path: Path, folder: Path) -> None:
    load(registry_path, folder)
    duckdb.connect(":memory:").execute(f"attach '{registry_path}' as r").execute(
        "update r.ledger.submission set n_rows = 77"
    ).close()
    assert "the file and the journal tell number 1 of the ledger differently" in damaged(registry_path)


def test_a_damaged_file_is_said_to_be_damaged(registry_path: Path, folder: Path) -> None:
    load(registry_path, folder)
    os.truncate(registry_path, 5000)
    assert "registry.duckdb cannot be read" in damaged(registry_path)


def test_a_block_that_went_bad_is_damage_and_not_a_bug(registry_path: Path, folder: Path, second: Path) -> None:
    load(registry_path, folder)
    content = registry_path.read_bytes()
    # Behind the headers: the catalogue is read at once, the rows when they are asked for.
    with duckdb.connect(str(registry_path), read_only=True) as client:
        blocks = "select distinct block_id from pragma_storage_info('submitted.patient') where block_id is not null"
        (block,), *_ = client.execute(f"{blocks} and block_id >= 0 order by block_id").fetchall()
        size = client.execute("select block_size from pragma_database_size()").fetchall()[0][0]
    start = 3 * 4096 + block * size
    registry_path.write_bytes(content[: start + 64] + b"x" * 1000 + content[start + 1064 :])
    message = "registry.duckdb cannot be read: Corrupt database file"
    with pytest.raises(RegistryDamaged, match=message), Registry.open(registry_path) as registry:
        registry.connection.execute("select patient_id from current.patient").fetchall()
    with pytest.raises(RegistryDamaged, match=message):
        load(registry_path, second)


def test_a_journal_that_cannot_be_read_is_said_to_be_so(registry_path: Path) -> None:
    journal = registry_path.with_name("registry.duckdb.journal")
    journal.unlink()
    journal.mkdir()
    assert "the journal registry.duckdb.journal cannot be read" in damaged(registry_path)


def test_nothing_is_loaded_without_the_folder_of_originals(registry_path: Path, folder: Path) -> None:
    shutil.rmtree(registry_path.with_name("registry.duckdb.submissions"))
    with pytest.raises(RegistryDamaged, match=r"the folder registry\.duckdb\.submissions is missing"):
        load(registry_path, folder)


def test_a_journal_line_that_was_cut_short_is_taken_away_by_the_next_writer(registry_path: Path, folder: Path) -> None:
    journal = registry_path.with_name("registry.duckdb.journal")
    with journal.open("ab") as file:
        file.write(b'{"facts": {"seq')
    Registry.open(registry_path).close()
    load(registry_path, folder)
    with Registry.open(registry_path) as registry:
        assert journal_kinds(registry) == ["created", "prepared", "committed"]


def test_a_commit_that_the_database_only_pretends_is_not_acknowledged(
    registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from blinreg.registry import loading

    def derive_then_fail(connection: duckdb.DuckDBPyConnection) -> None:
        # The last statement of the transaction fails, and its failure is swallowed.
        with pytest.raises(duckdb.Error):
            connection.execute("insert into ledger.layout select * from ledger.layout")

    monkeypatch.setattr(loading, "derive", derive_then_fail)
    with pytest.raises(RegistryDamaged, match="did not keep submission number 1 after its commit"):
        load_submission(registry, folder)
    monkeypatch.undo()
    assert counts(registry) == (0, 0, 0, 0)
    assert load_submission(registry, folder).outcome == "loaded"
    assert journal_kinds(registry) == ["created", "prepared", "aborted", "prepared", "committed"]
