"""Do `blinreg synth` and `blinreg calibrate` do what their help says?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest

from blinreg.registry.cli.main import main

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.mark.parametrize("profile", ["plausible", "strict"])
def test_of_a_calibrated_cohort_nothing_is_quarantined(profile: str, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "submissions"
    assert run("synth", "realworld-2020", "--out", out, "--profile", profile, "--json", "--quiet") == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["profile"], made["n_patients"], len(made["sites"])) == (profile, 239, 11)
    assert run("init", tmp_path / "r.duckdb", "--quiet") == 0
    sites = [out / site for site in made["sites"]]
    capsys.readouterr()
    # Some values are worth a question (a printed white cell count of 205): loaded with warnings, at most.
    assert run("load", *sites, "--registry", tmp_path / "r.duckdb", "--quiet") in {0, 1}, capsys.readouterr().out


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
