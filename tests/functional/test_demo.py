"""Does the main job give a registry, a report and the three numbers?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import duckdb
import polars as pl
import pytest

from blinreg.analyses.plans import load_plan
from blinreg.registry.cli.main import main


def test_it_leaves_what_it_promises_and_nothing_unfinished(demo: Path) -> None:
    assert (demo.parents[1] / "exit_code").read_text(encoding="utf-8") == "0"
    names = {path.name for path in demo.iterdir()}
    assert names >= {"registry.duckdb", "registry.duckdb.journal", "report.html", "results", "submissions"}
    assert [path.name for path in demo.parent.iterdir()] == ["demo"]
    assert len(list((demo / "submissions").glob("*/submission.json"))) == 11


def test_the_registry_holds_the_cohort(demo: Path) -> None:
    with duckdb.connect(str(demo / "registry.duckdb"), read_only=True) as client:
        assert client.execute("select count(*), count(distinct site_id) from analysis.cohort").fetchall() == [(239, 11)]
        assert client.execute("select count(*) from quality.violation where severity <> 'warn'").fetchall() == [(0,)]


def test_the_report_is_one_small_page_that_loads_nothing_and_says_what_it_is(demo: Path) -> None:
    text = (demo / "report.html").read_text(encoding="utf-8")
    assert len(text) < 5_000_000
    assert "Synthetic data: no patient in this report exists." in text
    # A link to the page beside it loads nothing until it is followed.
    links = set(re.findall(r"""(?:src|href)\s*=\s*["'](?!#|data:)([^"']+)""", text))
    assert links == {"fidelity.html"}
    assert (demo / "fidelity.html").stat().st_size < 1_000_000
    assert re.findall(r"@import|url\((?!#|['\"]?(?:#|data:))", text) == []


def test_the_numbers_at_the_end_are_those_of_the_results(
    demo: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["--registry", str(demo / "registry.duckdb"), "--out", str(tmp_path / "out"), "--json", "--quiet"]
    assert main(["run", "realworld-2020", *arguments]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["key_findings"]) == 3
    effect = json.loads((demo / "results" / "results" / "transplant_cox.json").read_text(encoding="utf-8"))
    (row,) = [row for row in effect["tables"]["main"]["rows"] if row["term"] == "allo_hct"]
    numbers = f"{row['hazard_ratio']:.2f} ({row['lower']:.2f}–{row['upper']:.2f})"
    assert numbers in said["key_findings"][2]["finding"]
    assert (tmp_path / "out" / "report.html").read_bytes() == (demo / "report.html").read_bytes()


def test_the_printed_numbers_stand_beside_those_of_the_calibrated_cohort(demo: Path, tmp_path: Path) -> None:
    files = sorted((demo / "results" / "results").glob("*.published.parquet"))
    beside = pl.concat(pl.read_parquet(file) for file in files)
    assert sorted(beside["id"]) == sorted(number.id for number in load_plan("realworld-2020").published)
    assert not (beside["mark"] == "not in these data").any()
    # The ledger counts the same numbers another way: what no cohort can reach differs there too, and nothing else does.
    main(["fidelity", "--registry", str(demo / "registry.duckdb"), "--out", str(tmp_path / "ledger"), "--quiet"])
    ledger = pl.read_csv(tmp_path / "ledger" / "fidelity.csv", infer_schema_length=0)
    missed = ledger.filter((pl.col("status") != "hit") & pl.col("id").is_in(beside["id"].to_list()))
    assert sorted(beside.filter("is_different")["id"]) == sorted(missed["id"])
    assert ledger.height - beside.height <= 2
    assert beside.filter(~pl.col("is_different")).height > 0.92 * beside.height


def test_the_page_of_clone_censor_weight_tells_the_numbers_of_the_demo(demo: Path) -> None:
    results = demo / "results" / "results"
    parts = {
        part: pl.read_parquet(results / f"transplant_clone_censor_weight{part}.parquet")
        for part in ("", ".steps", ".strategies")
    }
    page = Path(__file__).parents[2] / "docs" / "methods" / "clone_censor_weight.md"
    last = parts[".steps"].row(-1, named=True)
    strategy = parts[".strategies"].row(by_predicate=pl.col("strategy") == "exposed", named=True)
    two_years = parts[""].row(1, named=True)
    difference, low, high = (100 * two_years[f"difference{part}"] for part in ("", "_lower", "_upper"))

    assert two_years["label"] == "Overall survival at 24 months, %"
    assert (
        f"of {strategy['n_clones']} responders {last['n_exposed']} are transplanted between day {last['first_day']} "
        f"and day {last['last_day']} of response and stand for all who are left, the {strategy['n_after_grace']} "
        f"clones of that strategy are worth {strategy['effective_sample_size']:.1f} by their weights, and the "
        f"difference at two years is {difference:.1f} points with limits of {low:.1f} and {high:.1f}.".replace("-", "−")
    ) in " ".join(page.read_text(encoding="utf-8").split())
