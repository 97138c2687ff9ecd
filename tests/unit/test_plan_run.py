"""Carrying out a plan: files, manifest, the disclosure gate, failures, and the same bytes for the same inputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from blinreg.analyses.disclosure import open_gate
from blinreg.analyses.plans import InputSubmission, Plan, Provenance, RunResult, load_plan, run_plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.progress import Step
from blinreg.analyses.report import write_report
from blinreg.schemas.errors import GuardRefusal, UsageError

Views = dict[str, pl.DataFrame]


def submission(site: str, *, synthetic: bool = True) -> InputSubmission:
    return InputSubmission(
        site_id=site,
        submission_id=f"{site}-1",
        content_sha256=sha256(site.encode()).hexdigest(),
        data_cutoff_date=date(2019, 5, 31),
        is_synthetic=synthetic,
    )


SYNTHETIC = Provenance(submissions=(submission("site_b"), submission("site_a")))
REAL = Provenance(submissions=(submission("site_a"), submission("site_b", synthetic=False)))

SMALL = """
[study]
name = "small"
title = "Small"
key_findings = ["os"]

[[analysis]]
name = "os"
title = "Overall survival"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"

[[analysis]]
name = "efs"
title = "Event-free survival"
method = "kaplan_meier"
population = "cohort"
endpoint = "duration_of_remission"

[[analysis]]
name = "age"
title = "Age"
method = "cox"
population = "cohort"
endpoint = "os"
covariates = ["age_years"]
"""


@pytest.fixture(scope="module")
def views(invented_views: Callable[..., Views]) -> Views:
    return invented_views(239, seed=2)


@pytest.fixture
def small() -> Plan:
    return parse_plan(SMALL, file="small.toml")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def shipped(views: Views, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run_plan(load_plan("realworld-2020"), views, provenance=SYNTHETIC, out=tmp_path_factory.mktemp("shipped"))


def test_the_shipped_plan_has_a_result_for_every_analysis(shipped: RunResult) -> None:
    result, out = shipped, shipped.out

    assert result.failures == ()
    assert result.exit_code == 0
    for analysis in result.analyses:
        assert (out / f"results/{analysis.entry.name}.parquet").is_file()
        assert (out / f"results/{analysis.entry.name}.json").is_file()
        assert analysis.sentence.endswith(".")
    for suffix in ("svg", "png"):
        written = list((out / "figures").glob(f"*.{suffix}"))
        assert len(written) == sum(len(found.figures) for found in result.analyses)
    assert [title for title, _ in result.key_findings] == [
        result.analysis(name).entry.title for name in result.plan.study.key_findings
    ]


def test_two_runs_give_the_same_bytes(views: Views, small: Plan, tmp_path: Path) -> None:
    """A small plan is enough here: the whole one is run on rows in another order beside the demo's."""
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=9) for name, frame in views.items()}
    other_order = Provenance(submissions=tuple(reversed(SYNTHETIC.submissions)))

    for out, rows, provenance in (("first", views, SYNTHETIC), ("second", shuffled, other_order)):
        write_report(run_plan(small, rows, provenance=provenance, out=tmp_path / out), tmp_path / out / "report.html")

    first, second = files(tmp_path / "first"), files(tmp_path / "second")
    timed = {"run_manifest.json"}
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name] and name not in timed] == []
    manifests = [json.loads(found["run_manifest.json"]) for found in (first, second)]
    assert [set(manifest.pop("durations_seconds")) for manifest in manifests] == [set(manifests[0]["analyses"])] * 2
    assert manifests[0] == manifests[1]


def test_the_manifest_identifies_inputs_by_content(views: Views, small: Plan, tmp_path: Path) -> None:
    run_plan(small, views, provenance=SYNTHETIC, out=tmp_path)

    manifest = json.loads((tmp_path / "run_manifest.json").read_text())
    assert [found["site_id"] for found in manifest["submissions"]] == ["site_a", "site_b"]
    assert manifest["plan"] == {
        "name": "small",
        "file": "results/plan.toml",
        "text_sha256": sha256(SMALL.encode()).hexdigest(),
        "left_out": [],
    }
    assert (tmp_path / "results/plan.toml").read_text() == SMALL
    assert (manifest["release"], manifest["state"]) == ("synthetic", "finished")
    assert set(manifest["outputs_sha256"]) == set(files(tmp_path)) - {"run_manifest.json"}
    for file, digest in manifest["outputs_sha256"].items():
        assert sha256((tmp_path / file).read_bytes()).hexdigest() == digest
    assert str(tmp_path) not in (tmp_path / "run_manifest.json").read_text()


def test_every_table_is_parquet_json_and_csv_with_the_same_values(shipped: RunResult) -> None:
    n_tables = 0
    for analysis in shipped.analyses:
        stored = json.loads((shipped.out / f"results/{analysis.entry.name}.json").read_text())
        for spec, released in analysis.tables:
            n_tables += 1
            rows = stored["tables"][spec.part or "main"]["rows"]
            frame = pl.read_parquet(shipped.out / f"results/{released.name}.parquet")
            text = pl.read_csv(shipped.out / f"results/{released.name}.synthetic.csv", schema=frame.schema)
            assert_frame_equal(frame, released.frame)
            assert_frame_equal(text, frame, check_exact=True)
            assert pl.DataFrame(rows, schema=frame.schema).rows() == frame.rows()
    assert n_tables > 150


def test_every_file_says_that_the_data_are_synthetic(shipped: RunResult) -> None:
    out = shipped.out
    assert all(json.loads(file.read_text())["data"] == "Synthetic data" for file in out.glob("results/*.json"))
    assert all(
        pl.read_parquet_metadata(file)["blinreg.data"] == "Synthetic data" for file in out.glob("results/*.parquet")
    )
    assert all(file.name.endswith(".synthetic.csv") for file in out.glob("results/*.csv"))
    assert all("Synthetic data" in file.read_text() for file in out.glob("figures/*.svg"))


def test_a_failed_analysis_fails_alone(views: Views, small: Plan, tmp_path: Path) -> None:
    result = run_plan(small, views, provenance=SYNTHETIC, out=tmp_path)

    # Nobody of the invented patients has the endpoint duration_of_remission.
    assert [failed.analysis for failed in result.failures] == ["efs"]
    assert result.exit_code == 6
    assert not (tmp_path / "results/efs.parquet").exists()
    assert result.analysis("age").sentence
    assert result.manifest["analyses"]["efs"]["outcome"].startswith("failed: endpoint duration_of_remission")
    page = write_report(result, tmp_path / "report.html").read_text()
    assert "Analyses that failed" in page
    assert "This analysis failed." in page


def test_a_bug_in_one_analysis_does_not_take_the_others_with_it(views: Views, small: Plan, tmp_path: Path) -> None:
    def broken(options: object, task: object) -> NoReturn:
        raise ZeroDivisionError("patient SYN0001")

    first, second, third = small.entries
    plan = replace(small, entries=(replace(first, method=replace(first.method, run=broken)), second, third))

    result = run_plan(plan, views, provenance=SYNTHETIC, out=tmp_path)

    assert [failed.analysis for failed in result.failures] == ["os", "efs"]
    reason = result.failures[0].reason
    assert reason.startswith("a bug of blinreg: ZeroDivisionError in broken, line ")
    assert "SYN0001" not in reason
    assert result.analysis("age").sentence
    # The study's sentence is that it failed.
    assert result.key_findings == (("Overall survival", f"failed: {reason}"),)


def test_a_refused_plan_writes_nothing(views: Views, tmp_path: Path) -> None:
    late = SMALL + 'strata = ["ever_allo_hct"]\n'

    with pytest.raises(GuardRefusal):
        run_plan(parse_plan(late, file="late.toml"), views, provenance=SYNTHETIC, out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_data_not_marked_synthetic_do_not_leave(views: Views, small: Plan, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not marked synthetic") as caught:
        run_plan(small, views, provenance=REAL, out=tmp_path / "out")

    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_without_a_submission_nothing_says_that_the_data_are_synthetic(
    views: Views, small: Plan, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="not marked synthetic"):
        run_plan(small, views, provenance=Provenance(submissions=()), out=tmp_path)


def test_public_data_leave_when_declared_and_do_not_claim_to_be_synthetic(
    views: Views, small: Plan, tmp_path: Path
) -> None:
    result = run_plan(small, views, provenance=REAL, out=tmp_path, release="public")

    page = write_report(result, tmp_path / "report.html").read_text()
    assert "ynthetic" not in page
    assert "Public data" in page
    assert "Public data" in (tmp_path / "figures/os.svg").read_text()


def test_an_unknown_release_is_refused() -> None:
    with pytest.raises(UsageError, match="release 'internal' is unknown"):
        open_gate(is_synthetic=True, release="internal")  # type: ignore[arg-type]


def test_the_gate_lets_no_rows_of_patients_through() -> None:
    gate = open_gate(is_synthetic=True)

    with pytest.raises(UsageError, match="has a row a patient"):
        gate.table("rows", pl.DataFrame({"patient_id": ["SYN1"]}))


def test_no_output_names_a_patient(shipped: RunResult) -> None:
    for name, content in files(shipped.out).items():
        assert b"SYN0" not in content, name


def test_results_of_an_earlier_run_are_replaced(views: Views, small: Plan, tmp_path: Path) -> None:
    run_plan(small, views, provenance=SYNTHETIC, out=tmp_path)
    shorter = parse_plan(
        SMALL.split("[[analysis]]", maxsplit=1)[0] + "[[analysis]]" + SMALL.split("[[analysis]]")[1], file="s.toml"
    )

    run_plan(shorter, views, provenance=SYNTHETIC, out=tmp_path)

    assert not list((tmp_path / "results").glob("age*"))
    assert (tmp_path / "results/os.parquet").is_file()


def test_folders_that_are_not_ours_are_left_alone(views: Views, small: Plan, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mine.parquet").write_bytes(b"mine")

    with pytest.raises(UsageError, match="was not written by a run of blinreg"):
        run_plan(small, views, provenance=SYNTHETIC, out=tmp_path)

    assert (tmp_path / "results" / "mine.parquet").read_bytes() == b"mine"


def test_progress_names_each_analysis(views: Views, small: Plan, tmp_path: Path) -> None:
    seen: list[Step] = []

    run_plan(small, views, provenance=SYNTHETIC, out=tmp_path, on_progress=seen.append)

    assert [(step.state, step.analysis, step.done, step.total) for step in seen] == [
        ("started", "os", 0, 3),
        ("finished", "os", 1, 3),
        ("started", "efs", 1, 3),
        ("failed", "efs", 2, 3),
        ("started", "age", 2, 3),
        ("finished", "age", 3, 3),
        ("done", "", 3, 3),
    ]
    ended = [step for step in seen if step.state in ("finished", "failed")]
    assert all(step.took_seconds is not None and step.took_seconds >= 0 for step in ended)
    assert seen[3].message.startswith("endpoint duration_of_remission")
    assert seen[0].seconds_left is None
    # Two of three are left after the first: twice as long as it took.
    assert seen[1].seconds_left == pytest.approx(2 * (seen[1].took_seconds or 0), abs=0.1)
    assert seen[-1].seconds_left == 0
