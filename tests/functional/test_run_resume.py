"""A run that is killed is gone on with by the same command, and ends in the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blinreg.registry.cli.main import main

RUN = "import sys; from blinreg.registry.cli.main import main; sys.exit(main(sys.argv[1:]))"
NAMES = ["baseline", "os", "os_by_sex", "age", "response"]
PLAN = """
[study]
name = "small"
title = "Small"
key_findings = ["age"]

[[analysis]]
name = "baseline"
title = "Table 1"
method = "table_one"
population = "cohort"
variables = ["sex", "age_years"]

[[analysis]]
name = "os"
title = "Overall survival"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"

[[analysis]]
name = "os_by_sex"
title = "Overall survival by sex"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"
group = "sex"

[[analysis]]
name = "age"
title = "Age"
method = "cox"
population = "cohort"
endpoint = "os"
covariates = ["age_years"]

[[analysis]]
name = "response"
title = "Response"
method = "response_rate"
population = "cohort"
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


def arguments(plan: Path, demo: Path, out: Path) -> list[str]:
    return ["run", str(plan), "--registry", str(demo / "registry.duckdb"), "--out", str(out), "--json"]


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    manifest = json.loads(found["run_manifest.json"])
    del manifest["durations_seconds"]
    return found | {"run_manifest.json": manifest}


def test_a_killed_run_goes_on_and_ends_in_the_same_bytes(
    plan: Path, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut"
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *arguments(plan, demo, cut)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if json.loads(line).get("analysis") == "os_by_sex":
                process.kill()
                break
    assert process.returncode == -9
    assert json.loads((cut / "run_manifest.json").read_text()) == {"state": "unfinished"}
    assert not (cut / "report.html").exists()

    assert main(arguments(plan, demo, cut)) == 0
    said = capsys.readouterr()
    assert main(arguments(plan, demo, tmp_path / "whole")) == 0

    told = events(said.err)
    # It was killed when the third analysis began, and may have ended it.
    kept = [event["analysis"] for event in told if event["event"] == "kept"]
    assert kept in (NAMES[:2], NAMES[:3])
    assert [event["analysis"] for event in told if event["event"] == "finished"] == NAMES[len(kept) :]
    assert json.loads(said.out)["kept"] == kept
    assert results(cut) == results(tmp_path / "whole")


def test_events_are_one_json_object_a_line(
    plan: Path, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(PLAN.replace('covariates = ["age_years"]', 'covariates = ["karnofsky_percent"]'), encoding="utf-8")

    assert main(arguments(plan, demo, tmp_path / "out")) == 6

    captured = capsys.readouterr()
    told = [event for event in events(captured.err) if event["event"] != "progress"]
    assert [(event["event"], event.get("analysis")) for event in told[:2]] == [
        ("started", "baseline"),
        ("finished", "baseline"),
    ]
    assert all(event["took_seconds"] >= 0 for event in told if event["event"] in ("finished", "failed", "done"))
    assert all(event["seconds_left"] >= 0 for event in told if event["event"] == "finished")
    [failed] = [event for event in told if event["event"] == "failed"]
    assert failed["analysis"] == "age"
    assert failed["message"].startswith("values are missing in ")
    assert (told[-1]["event"], told[-1]["done"], told[-1]["total"]) == ("done", 5, 5)
    [reason] = json.loads(captured.out)["failures"]
    assert reason == {"analysis": "age", "title": "Age", "variant": "", "reason": failed["message"]}


def test_a_person_reads_how_long_it_may_take_and_what_failed(
    plan: Path, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.write_text(PLAN.replace('covariates = ["age_years"]', 'covariates = ["karnofsky_percent"]'), encoding="utf-8")
    command = arguments(plan, demo, tmp_path / "out")[:-1]

    assert main(command) == 6
    captured = capsys.readouterr()
    assert main([*command, "--quiet"]) == 6

    lines = captured.err.splitlines()
    assert " s  [0/5] analysis: Table 1" in lines[0]
    assert "[1/5] analysis: Overall survival (about " in lines[1]
    assert lines[1].endswith(" s left)")
    assert any("failed: Age: values are missing in " in line for line in lines)
    assert "  failed: Age: values are missing in " in captured.out
    assert capsys.readouterr().err == ""
