"""A run keeps what an earlier one finished, as long as nothing that it is made from has changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from blinreg.analyses.plans import InputSubmission, Plan, Provenance, RunResult, run_plan
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.published import PublishedNumber
from blinreg.analyses.report import write_report

Views = dict[str, pl.DataFrame]
PROVENANCE = Provenance(
    submissions=(InputSubmission(site_id="site_a", submission_id="a-1", content_sha256="a" * 64, is_synthetic=True),)
)
ALL = ["os", "age", "table"]
PLAN = """
[study]
name = "small"
title = "Small"

[label]
sex = "Sex"

[[analysis]]
name = "os"
title = "Overall survival"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"
group = "sex"

[analysis.variants]
"plain interval" = { conf_type = "plain" }

[[analysis]]
name = "age"
title = "Age"
method = "cox"
population = "cohort"
endpoint = "os"
covariates = ["age_years"]

[[analysis]]
name = "table"
title = "Table 1"
method = "table_one"
population = "cohort"
variables = ["sex", "age_years"]
"""


@pytest.fixture(scope="module")
def views(invented_views: Callable[..., Views]) -> Views:
    return invented_views(60, seed=4)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return parse_plan(PLAN, file="small.toml")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run_again(plan: Plan, views: Views, out: Path, provenance: Provenance = PROVENANCE) -> RunResult:
    result = run_plan(plan, views, provenance=provenance, out=out, release="public")
    write_report(result, out / "report.html")
    return result


@pytest.fixture(scope="module")
def finished(plan: Plan, views: Views, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return run_again(plan, views, tmp_path_factory.mktemp("finished"))


@pytest.fixture
def out(finished: RunResult, tmp_path: Path) -> Path:
    """Folder of a finished run, to be changed."""
    return shutil.copytree(finished.out, tmp_path / "out")


def test_the_same_again_is_kept_and_is_the_same(plan: Plan, views: Views, out: Path) -> None:
    before = files(out)
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in views.items()}

    again = run_again(plan, shuffled, out)

    assert list(again.kept) == ALL
    after = files(out)
    manifests = [json.loads(found.pop("run_manifest.json")) for found in (before, after)]
    assert set(manifests[1].pop("durations_seconds").values()) == {None}
    assert manifests[0].pop("durations_seconds").keys() == set(ALL)
    assert after == before
    assert manifests[0] == manifests[1]


def test_what_is_read_back_is_what_was_found(plan: Plan, views: Views, finished: RunResult, out: Path) -> None:
    again = run_plan(plan, views, provenance=PROVENANCE, out=out)

    for name in ALL:
        found, kept = finished.analysis(name), again.analysis(name)
        assert [spec for spec, _ in kept.tables] == [spec for spec, _ in found.tables]
        assert [spec for spec, _ in kept.figures] == [spec for spec, _ in found.figures]
        assert [figure for _, figure in kept.figures] == [figure for _, figure in found.figures]
        for (_, ours), (_, theirs) in zip(kept.tables, found.tables, strict=True):
            assert_frame_equal(ours.frame, theirs.frame)
        assert (kept.sentence, dict(kept.conventions), kept.notes) == (
            found.sentence,
            dict(found.conventions),
            found.notes,
        )


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ('title = "Age"', 'title = "Age in years"', ["os", "table"]),
        ('covariates = ["age_years"]', 'covariates = ["sex"]', ["os", "table"]),
        ('conf_type = "plain"', 'conf_type = "log"', ["age", "table"]),
        ('title = "Small"', 'title = "Another"', ALL),
        ("# nothing", "# a remark", ALL),
        # What every analysis may use.
        ('sex = "Sex"', 'sex = "Female or male"', []),
    ],
)
def test_only_what_the_plan_changes_is_done_again(views: Views, out: Path, old: str, new: str, kept: list[str]) -> None:
    changed = parse_plan((PLAN + "# nothing\n").replace(old, new), file="small.toml")

    assert list(run_again(changed, views, out).kept) == kept


def test_other_data_are_analysed_again(plan: Plan, views: Views, out: Path) -> None:
    older = views | {"cohort": views["cohort"].with_columns(pl.col("age_years") + 1)}

    assert run_again(plan, older, out).kept == ()


def test_what_is_no_longer_synthetic_is_written_again(plan: Plan, views: Views, out: Path) -> None:
    real = Provenance(submissions=(replace(PROVENANCE.submissions[0], is_synthetic=False),))

    assert run_again(plan, views, out, real).kept == ()
    assert not list(out.glob("results/*.synthetic.csv"))
    assert (out / "results/age.csv").is_file()


def test_a_printed_number_concerns_its_own_analysis(plan: Plan, views: Views, out: Path) -> None:
    number = PublishedNumber(
        id="n", analysis="table", part="", row={}, column="n", unit="", what="Patients", printed="60", half_unit=0,
        source="Table 1", note="",
    )  # fmt: skip

    assert run_again(replace(plan, published=(number,)), views, out).kept == ("os", "age")


def halve(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("results/table.json", halve),
        ("results/table.json", lambda content: content.replace(b'"Table 1"', b'"Table 2"')),
        ("results/table.json", None),
        ("results/table.parquet", halve),
        ("results/table.synthetic.csv", None),
        ("results/table.attrition.parquet", lambda content: content + b" "),
        ("figures/age.svg", halve),
        ("figures/age.png", lambda content: content + b" "),
    ],
)
def test_a_file_that_is_not_whole_is_made_again(
    plan: Plan, views: Views, out: Path, file: str, damage: Callable[[bytes], bytes] | None
) -> None:
    before = files(out)
    (out / file).unlink()
    if damage is not None:
        (out / file).write_bytes(damage(before[file]))

    result = run_again(plan, views, out)

    assert list(result.kept) == [name for name in ALL if name != Path(file).name.split(".")[0]]
    after = files(out)
    del before["run_manifest.json"], after["run_manifest.json"]
    assert after == before


def test_what_failed_is_tried_again(plan: Plan, views: Views, tmp_path: Path) -> None:
    failing = parse_plan(
        PLAN.replace('{ conf_type = "plain" }', '{ endpoint = "duration_of_remission" }').replace(
            'covariates = ["age_years"]', 'covariates = ["karnofsky_percent"]'
        ),
        file="small.toml",
    )

    for _ in range(2):
        result = run_again(failing, views, tmp_path)
        assert result.kept == (() if _ == 0 else ("table",))
        assert [(failed.analysis, failed.variant) for failed in result.failures] == [
            ("os", "plain interval"),
            ("age", ""),
        ]
        assert result.exit_code == 6
    page = (tmp_path / "report.html").read_text()
    assert "</a>, variant 'plain interval': endpoint duration_of_remission" in page


def test_until_it_is_finished_the_manifest_says_so(plan: Plan, views: Views, out: Path) -> None:
    states = []

    run_plan(
        plan,
        views,
        provenance=PROVENANCE,
        out=out,
        on_progress=lambda _: states.append(json.loads((out / "run_manifest.json").read_text())["state"]),
    )

    assert set(states[:-1]) == {"unfinished"}
    assert states[-1] == "finished"


def test_what_was_being_written_when_a_run_was_cut_short_is_removed(plan: Plan, views: Views, out: Path) -> None:
    (out / "results/.age.parquet.partial").write_bytes(b"half")

    run_again(plan, views, out)

    assert not list(out.rglob("*.partial"))
