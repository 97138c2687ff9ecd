"""Do 137 real transplants give R's values out of the registry's own counting-process view?"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from blinreg.analyses import cox, mantel_byar
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry

TOP = Path(__file__).parents[2]
EXPOSURES = {"agvhd": "acute_gvhd", "cgvhd": "chronic_gvhd", "platelet": "platelet_recovery"}
TERMS = {"aml_low": "aml_low_risk", "aml_high": "aml_high_risk", **EXPOSURES}
TOLERANCE = {"rel": 1e-8, "abs": 1e-12}


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"bmt_{name}", TOP / "examples" / "bmt" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bmt")
    submission = example("make_submission").make_submission(folder / "submission")
    with Registry.create(folder / "bmt.duckdb") as opened:
        result = load_submission(opened, submission)
    assert (result.n_accepted, result.n_quarantined, result.n_held_back) == (result.n_rows, 0, 0)
    return folder / "bmt.duckdb"


@pytest.fixture(scope="module")
def rows(registry: Path) -> pl.DataFrame:
    found: pl.DataFrame = example("analyse").counting_process(registry)
    return found


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    values: dict[str, Any] = json.loads((TOP / "tests/golden/bmt/bmt_reference.json").read_text(encoding="utf-8"))
    return values


def test_every_transplant_is_there_with_its_event(rows: pl.DataFrame) -> None:
    assert rows["patient_id"].n_unique() == 137
    assert rows["event"].sum() == 83


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("exposure", EXPOSURES)
def test_cox_equals_r(rows: pl.DataFrame, expected: dict[str, Any], exposure: str, ties: str) -> None:
    wanted = expected[f"cox_{exposure}_{ties}"]
    fit = cox(rows, ["aml_low_risk", "aml_high_risk", EXPOSURES[exposure]], ties=ties)
    table = {row["term"]: row for row in fit.table.to_dicts()}
    for term, value in wanted["coef"].items():
        assert table[TERMS[term]]["coef"] == pytest.approx(value, **TOLERANCE)
        assert table[TERMS[term]]["se"] == pytest.approx(wanted["se"][term], rel=1e-7)
    assert [fit.log_likelihood.null, fit.log_likelihood.fitted] == pytest.approx(wanted["loglik"], **TOLERANCE)
    assert fit.score_test.statistic == pytest.approx(wanted["score"], **TOLERANCE)
    assert fit.n_events == wanted["nevent"]


def test_stratified_cox_equals_r(rows: pl.DataFrame, expected: dict[str, Any]) -> None:
    wanted = expected["cox_platelet_strata"]
    fit = cox(rows, ["platelet_recovery", "acute_gvhd"], strata=["aml_low_risk", "aml_high_risk"])
    assert fit.table["coef"].to_list() == pytest.approx(
        [wanted["coef"]["platelet"], wanted["coef"]["agvhd"]], **TOLERANCE
    )


@pytest.mark.parametrize("exposure", EXPOSURES)
def test_mantel_byar_equals_r(rows: pl.DataFrame, expected: dict[str, Any], exposure: str) -> None:
    wanted = expected[f"mantel_byar_{exposure}"]
    test = mantel_byar(rows, EXPOSURES[exposure])
    found = [test.observed, test.expected, test.variance, test.chi_squared, test.p_value]
    names = ["observed", "expected", "variance", "chisq", "p"]
    assert found == pytest.approx([wanted[name] for name in names], **TOLERANCE)


def test_the_documented_analysis_runs(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example("analyse").main(registry)
    printed = capsys.readouterr().out
    assert "acute_gvhd: Mantel-Byar chi-squared 0.669, P = 0.413" in printed
    assert "1.380724" in printed


def test_death_ends_the_rows_of_the_patient_with_gvhd_after_death(registry: Path) -> None:
    with Registry.open(registry) as opened:
        found = opened.connection.execute(
            "select max(tstop), max(chronic_gvhd) from analysis.counting_process "
            "where patient_id = 'BMT-127' and endpoint = 'os_from_transplant'"
        ).fetchall()
    assert found == [(168.0, 0)]
