"""Do `blinreg synth` and `blinreg calibrate` do what their help says?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest

from blinreg.registry.cli.main import main

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("*/*")}


@pytest.mark.parametrize(("profile", "seed", "made_with"), [("plausible", 2020, "demo"), ("strict", 7, "strict")])
def test_of_a_calibrated_cohort_nothing_is_quarantined(
    profile: str, seed: int, made_with: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    capsys: Capture = request.getfixturevalue("capsys")
    loaded: Path = request.getfixturevalue(made_with)
    capsys.readouterr()
    out = tmp_path / "submissions"
    assert run("synth", "realworld-2020", "--out", out, "--profile", profile, "--seed", seed, "--json", "--quiet") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["profile"], made["n_patients"], len(made["sites"])) == (profile, 239, 11)
    assert files(out) == files(loaded / "submissions")
    with duckdb.connect(str(loaded / "registry.duckdb"), read_only=True) as client:
        counted = client.execute(
            "select site_id, outcome, n_quarantined, n_held_back from ledger.submission order by all"
        ).fetchall()
    assert counted == [(site, "accepted", 0, 0) for site in sorted(made["sites"])]


def test_of_patients_of_the_model_nothing_is_quarantined(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "submissions"
    assert run("synth", "realworld-2020", "--out", out, "--patients", 6_000, "--threads", 2, "--json", "--quiet") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["profile"], made["n_patients"], len(made["sites"])) == (None, 6_000, 11)
    assert run("init", tmp_path / "r.duckdb", "--quiet") == 0
    assert run("load", out / made["sites"][-1], "--registry", tmp_path / "r.duckdb", "--quiet") in {0, 1}


def test_help_says_which_profile_is_the_default(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        run("synth", "--help")
    assert "default plausible" in " ".join(capsys.readouterr().out.split())


def test_profile_and_patients_exclude_each_other(tmp_path: Path, capsys: Capture) -> None:
    asked = ("synth", "realworld-2020", "--out", tmp_path / "x", "--profile", "strict", "--patients", 10)
    assert run(*asked) == 2
    assert "leave out the profile or the number of patients" in capsys.readouterr().err


def test_faults_are_planted_and_listed(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "submissions"
    assert run("synth", "realworld-2020", "--out", out, "--faults", 0.02, "--json", "--quiet") == 0
    made = json.loads(capsys.readouterr().out)
    key = pl.read_csv(out / "answer_key.csv", infer_schema=False)
    assert key["fault"].n_unique() == made["n_faults"] > 100
    assert set(key["site"]) <= set(made["sites"])


def test_calibrate_says_how_to_install_what_it_needs(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ortools", None)
    assert run("calibrate", "realworld-2020", "--out", tmp_path / "out") == 2
    assert "pip install 'blinreg[calibration]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_calibrate_writes_nothing_over(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "realworld_2020_strict.csv").write_text("mine", encoding="utf-8")
    assert run("calibrate", "realworld-2020", "--out", tmp_path, "--profile", "strict") == 2
    assert "nothing was changed" in capsys.readouterr().err
    assert (tmp_path / "realworld_2020_strict.csv").read_text(encoding="utf-8") == "mine"


def test_calibrate_knows_the_studies(tmp_path: Path, capsys: Capture) -> None:
    assert run("calibrate", "realworld-2021", "--out", tmp_path / "out") == 2
    assert "did you mean realworld-2020" in capsys.readouterr().err
