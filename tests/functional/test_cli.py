"""Do the commands say what happened, and end with the right exit code?"""

from __future__ import annotations

import argparse
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blinreg.registry.cli import commands as package
from blinreg.registry.cli.commands import NAMES, commands, init
from blinreg.registry.cli.console import Console
from blinreg.registry.cli.main import main
from blinreg.registry.derive import _steps
from blinreg.registry.store import Registry

MakeSubmission = Callable[..., Path]
MakeRow = Callable[..., dict[str, str]]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.NAME)
def test_help_of_every_command_has_an_example_and_the_exit_codes(
    command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main([command.NAME, "--help"])
    assert ending.value.code == 0
    printed = capsys.readouterr().out
    assert command.EXAMPLE in printed
    assert "exit codes:" in printed
    assert command.EXAMPLE.startswith(f"blinreg {command.NAME} ")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    for command in commands():
        assert f"{command.NAME} " in printed
        assert command.HELP in printed


def test_every_module_is_a_command_under_its_own_name() -> None:
    assert set(NAMES) == {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert tuple(command.NAME for command in commands()) == NAMES


def test_a_command_does_not_import_the_others() -> None:
    code = "from blinreg.registry.cli.main import main; import sys; main(['status', 'r']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "blinreg.registry.cli.commands.status" in loaded
    assert not {"blinreg.registry.cli.commands.synth", "blinreg.synthetic"} & set(loaded)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["lod"], "invalid choice: 'lod'"),
        (["load", "folder"], "the following arguments are required: --registry"),
        (["synth", "realworld-2020", "--out", "x", "--seed", "one"], "invalid int value: 'one'"),
    ],
)
def test_wrong_usage_says_what_and_where_to_look(run: Run, arguments: list[str], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "--help`" in err


def test_template_then_init_then_status(run: Run, tmp_path: Path) -> None:
    assert run("template", tmp_path / "site")[0] == 0
    code, out, _ = run("init", tmp_path / "r.duckdb")
    assert code == 0
    assert "next: blinreg load SUBMISSION" in out
    code, out, _ = run("status", tmp_path / "r.duckdb")
    assert code == 0
    assert "no submission has been accepted yet" in out


def test_init_never_overwrites(run: Run, registry_path: Path) -> None:
    before = registry_path.read_bytes()
    code, _, err = run("init", registry_path)
    assert code == 2
    assert "blinreg: " in err
    assert "next: " in err
    assert registry_path.read_bytes() == before


def test_load_shows_what_is_wrong_and_where(
    run: Run, registry_path: Path, make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow
) -> None:
    good, bad = patient("P-01"), patient("P-02", sex="woman")
    folder = make_submission({"patient": [good, bad], "follow_up": [follow_up("P-01"), follow_up("P-02")]})
    code, out, _ = run("load", folder, "--registry", registry_path)
    assert code == 3
    assert "2 of 4 rows accepted, 1 quarantined, 1 held back" in out
    assert "       1  The value is none of the codes  patient:3" in out.splitlines()
    assert "woman" not in out
    code, out, _ = run("status", registry_path, "--findings")
    assert code == 0
    assert "patient.csv" in out


def test_load_as_json_is_one_object_with_every_finding(
    run: Run, registry_path: Path, make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow
) -> None:
    folder = make_submission({"patient": [patient("P-01")], "follow_up": [follow_up("P-01")]})
    code, out, err = run("load", folder, folder, "--registry", registry_path, "--json")
    assert code == 0
    result = json.loads(out)
    assert [entry["outcome"] for entry in result["submissions"]] == ["loaded", "unchanged"]
    assert result["exit_code"] == 0
    events = [json.loads(line) for line in err.splitlines()]
    assert events
    assert {event["event"] for event in events} == {"progress"}


def test_a_rejected_submission_does_not_stop_the_others(
    run: Run, registry_path: Path, make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow
) -> None:
    rejected = make_submission({"patient": [patient("P-01")], "follow_up": [follow_up("P-01")]})
    with (rejected / "patient.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    loaded = make_submission(
        {"patient": [patient("P-02", site_id="site-b")], "follow_up": [follow_up("P-02")]},
        site_id="site-b",
        submission_id="submission-2",
    )
    code, out, err = run("load", rejected, loaded, "--registry", registry_path)
    assert code == 4
    assert "rejected, nothing of it was loaded" in out
    assert "site-b: loaded submission-2, 2 of 2 rows accepted" in out
    assert "patient.csv" in err
    assert "next: " in err


def test_an_error_as_json_says_kind_and_next_step(run: Run, tmp_path: Path) -> None:
    code, out, err = run("status", tmp_path / "none.duckdb", "--json")
    assert (code, out) == (2, "")
    event = json.loads(err)
    assert event["kind"] == "UsageError"
    assert event["exit_code"] == 2
    assert "blinreg init" in event["next_step"]


def test_as_of_an_unknown_submission_is_refused(run: Run, registry_path: Path) -> None:
    code, _, err = run("status", registry_path, "--as-of", "never")
    assert code == 2
    assert "no accepted submission is called 'never'" in err


def test_run_on_an_empty_registry_says_to_load_first(run: Run, registry_path: Path, tmp_path: Path) -> None:
    code, _, err = run("run", "realworld-2020", "--registry", registry_path, "--out", tmp_path / "out")
    assert code == 2
    assert "holds no submission" in err
    assert not (tmp_path / "out").exists()


def test_demo_never_replaces_what_it_did_not_write(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    code, _, err = run("demo", "--out", tmp_path)
    assert code == 2
    assert "no demo wrote" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_bug_gives_its_place_and_never_the_text_of_the_exception(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(_: argparse.Namespace, __: Console) -> int:
        raise RuntimeError("patient P-01 born 1980-02-03")

    monkeypatch.setattr(init, "run", broken)
    code, out, err = run("init", tmp_path / "r.duckdb")
    assert (code, out) == (70, "")
    assert "a bug of blinreg: RuntimeError in broken, line" in err
    assert "P-01" not in err


def test_an_interrupt_is_no_stack_trace(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(_: argparse.Namespace, __: Console) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(init, "run", interrupted)
    code, _, err = run("init", tmp_path / "r.duckdb")
    assert code == 130
    assert "interrupted; what was not finished was not kept" in err


def test_quiet_says_the_result_only(
    run: Run, registry_path: Path, make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow
) -> None:
    folder = make_submission({"patient": [patient("P-01")], "follow_up": [follow_up("P-01")]})
    code, out, err = run("load", folder, "--registry", registry_path, "--quiet")
    assert (code, err) == (0, "")
    assert "loaded" in out


def test_a_slip_in_one_of_several_names_loads_nothing(
    run: Run, registry_path: Path, make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow
) -> None:
    good = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]})
    code, out, err = run("load", good, registry_path.parent / "nowhere", "--registry", registry_path)
    assert (code, out) == (2, "")
    assert "there is no folder nowhere" in err
    assert "no submission has been accepted yet" in run("status", registry_path)[1]


def test_what_was_loaded_before_an_error_is_said(
    run: Run,
    registry_path: Path,
    make_submission: MakeSubmission,
    patient: MakeRow,
    follow_up: MakeRow,
    *,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]})
    second = make_submission(
        {"patient": [patient("P02", site_id="site-b")], "follow_up": [follow_up("P02")]},
        submission_id="submission-2",
        site_id="site-b",
    )
    steps = _steps()
    failing = (*steps, ("sql/bad.sql", "select error('bad') from staging.patient where patient_id = 'P02'"))
    monkeypatch.setattr("blinreg.registry.derive._steps", lambda: failing)
    code, out, err = run("load", first, second, "--registry", registry_path, "--json")
    assert code == 70
    said = json.loads(out)
    assert [entry["outcome"] for entry in said["submissions"]] == ["loaded"]
    assert said["exit_code"] == 70
    assert json.loads(err.splitlines()[-1])["message"] == "sql/bad.sql failed: InvalidInputException"


def test_an_abbreviated_option_counts_as_the_whole_one(run: Run, registry_path: Path) -> None:
    code, out, _ = run("status", registry_path, "--js")
    assert code == 0
    assert json.loads(out)["sites"] == []


def test_refresh_makes_the_registry_current(run: Run, registry_path: Path) -> None:
    with duckdb.connect(str(registry_path)) as client:
        client.execute(f"update ledger.layout set derivation_sha256 = '{'0' * 64}'")
    assert run("refresh", registry_path)[0] == 0
    with Registry.open(registry_path) as registry:
        assert registry.is_derivation_current()


def test_quarantined_rows_come_with_the_next_step_and_rejections_with_their_reason(
    run: Run, registry_path: Path, make_submission: MakeSubmission, patient: MakeRow, follow_up: MakeRow
) -> None:
    folder = make_submission(
        {"patient": [patient("P-01", sex="woman"), patient("P-02")], "follow_up": [follow_up("P-01")]}
    )
    code, out, _ = run("load", folder, "--registry", registry_path)
    assert code == 3
    assert "held back: sound rows that belong to a quarantined row" in out
    assert "next: correct these rows in the files, seal the folder and load it again" in out
    with (folder / "patient.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    code, out, _ = run("load", folder, "--registry", registry_path, "--json")
    (entry,) = json.loads(out)["submissions"]
    assert code == entry["exit_code"] == 4
    assert "patient.csv" in entry["message"]
    assert entry["next_step"]


def test_products_of_small_matrices_do_not_wait_for_threads() -> None:
    code = "import os, sys, blinreg.registry.cli; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    said = [
        subprocess.run([sys.executable, "-c", code], env=environment | more, check=True, capture_output=True, text=True)
        for more in ({}, {"OPENBLAS_NUM_THREADS": "2"})
    ]

    assert [done.stdout.split() for done in said] == [["False", "1"], ["False", "2"]]
