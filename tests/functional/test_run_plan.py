"""The main job from submissions to the report, through a registry: synthetic sites in, one page out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from blinreg.analyses.plans import InputSubmission, Provenance, RunResult, load_plan, run_plan
from blinreg.analyses.report import FIDELITY_PAGE, write_report
from blinreg.registry.cli.commands.fidelity import measure
from blinreg.registry.cli.main import main
from blinreg.registry.store import Registry
from blinreg.schemas.views import VIEWS
from blinreg.synthetic.calibrated import DEFAULT_PROFILE
from blinreg.synthetic.targets import load_targets

CURRENT = """
select newest.site_id, newest.submission_id, ledger.content_sha256, newest.data_cutoff_date, newest.is_synthetic
from ledger.current_submission as newest
inner join ledger.submission as ledger on newest.sequence = ledger.sequence
"""


@dataclass(frozen=True)
class Reported:
    result: RunResult
    out: Path


@pytest.fixture(scope="module")
def again(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """Carry out the plan of the demo again, from frames in another order."""
    with Registry.open(demo / "registry.duckdb") as registry:
        views = {view.name: registry.connection.sql(f"select * from analysis.{view.name}").pl() for view in VIEWS}
        provenance = Provenance(
            submissions=tuple(
                InputSubmission(
                    site_id=site, submission_id=name, content_sha256=content, data_cutoff_date=cutoff, is_synthetic=flag
                )
                for site, name, content, cutoff, flag in registry.connection.execute(CURRENT).fetchall()
            )
        )
        ledger = measure(registry, load_targets("realworld-2020"), profile=DEFAULT_PROFILE)
    backwards = {name: frame.reverse() for name, frame in views.items()}
    out = tmp_path_factory.mktemp("again")
    result = run_plan(load_plan("realworld-2020"), backwards, provenance=provenance, out=out)
    write_report(result, out / "report.html", ledger=ledger)
    return Reported(result, out)


def files(folder: Path, *pages: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in (found | {page.name: page for page in pages}).items()}


def test_every_analysis_of_the_study_has_a_result(again: Reported) -> None:
    result = again.result

    assert result.failures == ()
    assert result.gate.is_synthetic


def test_the_same_rows_in_another_order_give_the_same_bytes(demo: Path, again: Reported) -> None:
    first, other = files(demo / "results", demo / "report.html", demo / FIDELITY_PAGE), files(again.out)
    manifests = [json.loads(files.pop("run_manifest.json")) for files in (first, other)]
    for manifest in manifests:
        del manifest["durations_seconds"]

    assert [name for name in first.keys() | other.keys() if first.get(name) != other.get(name)] == []
    assert manifests[0] == manifests[1]


def test_counts_agree_from_the_registry_to_the_models(again: Reported) -> None:
    result = again.result
    attrition = result.analysis("attrition").table()
    baseline = result.analysis("baseline").table("attrition")
    cohort = attrition.filter(pl.col("step") == "with_blinatumomab")["n_patients"][0]
    responders = attrition.filter(pl.col("step") == "responder_with_follow_up")["n_patients"][0]

    assert attrition["label"].to_list()[3:5] == ["Relapsed or refractory", "With follow-up"]
    assert baseline["n_patients"][-1] == cohort
    for name in ("transplant_simon_makuch", "transplant_naive", "transplant_incidence"):
        steps = result.analysis(name).table("attrition")
        assert steps["n_patients"][-1] == responders, name
    assert result.analysis("transplant_naive").table()["n"].sum() == responders


def test_the_naive_comparison_flatters_the_transplant(again: Reported) -> None:
    result = again.result
    correct = result.analysis("transplant_cox").table().filter(pl.col("variable") == "allo_hct")
    naive = result.analysis("transplant_cox_naive").table().filter(pl.col("variable") == "ever_allo_hct")

    assert naive["hazard_ratio"][0] < correct["hazard_ratio"][0]


def test_the_report_is_one_file_of_less_than_5_mb(again: Reported) -> None:
    page = (again.out / "report.html").read_bytes()

    assert len(page) < 5_000_000
    assert b"SYN" not in page


def test_the_core_of_a_plan_is_carried_out_alone(demo: Path, tmp_path: Path) -> None:
    table = 'title = "Sex"\nmethod = "table_one"\npopulation = "cohort"\nvariables = ["sex"]\n'
    plan = tmp_path / "small.toml"
    plan.write_text(
        f'[study]\nname = "small"\ntitle = "Small"\n[[analysis]]\nname = "left_out"\n{table}'
        f'[[analysis]]\nname = "marked"\ncore = true\n{table}',
        encoding="utf-8",
    )

    code = main(
        ["run", str(plan), "--core", "--registry", str(demo / "registry.duckdb"), "--out", str(tmp_path / "out")]
    )

    manifest = json.loads((tmp_path / "out" / "run_manifest.json").read_text(encoding="utf-8"))
    assert code == 0
    assert list(manifest["analyses"]) == ["marked"]
    assert manifest["plan"]["left_out"] == ["left_out"]
    assert not list((tmp_path / "out").rglob("left_out*"))
