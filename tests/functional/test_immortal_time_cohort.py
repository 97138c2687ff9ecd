"""Is what docs/immortal_time.md says of the synthetic cohort true of a registry filled by its eleven sites?"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from blinreg.registry.cli.main import main
from blinreg.registry.store import Registry

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "immortal_time.md").read_text(encoding="utf-8")
STUDY = """
[study]
name = "transplant"
title = "Transplant after response"

[population.responders]
title = "Responders"
where.indication = { is = "relapsed_refractory" }
responder = true

"""
REFUSED, ACCEPTED = re.findall(r"```toml\n(.*?)```", PAGE, re.S)


@pytest.fixture(scope="module")
def cohort(demo: Path) -> Path:
    return demo / "registry.duckdb"


def test_the_rows_of_the_picture_are_those_of_the_registry(cohort: Path) -> None:
    with Registry.open(cohort) as registry:
        registry.connection.execute(next(sql for sql in re.findall(r"```sql\n(.*?)```", PAGE, re.S) if "view" in sql))
        found = registry.connection.sql("from responders order by patient_id, tstart").pl()
    kept = pl.read_csv(DOCS / "figures/immortal_time.synthetic.csv")
    assert_frame_equal(found, kept, check_dtypes=False)


def run(plan: str, cohort: Path, out: Path) -> int:
    out.mkdir()
    (out / "transplant.toml").write_text(STUDY + plan, encoding="utf-8")
    return main(
        ["run", str(out / "transplant.toml"), "--registry", str(cohort), "--out", str(out / "results"), "--quiet"]
    )


def test_the_naive_plan_is_refused_in_the_words_of_the_page(
    cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (message,) = re.findall(r"<!-- refusal -->\n\n```text\n(.*?)\n```", PAGE)

    assert run(REFUSED, cohort, tmp_path / "refused") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "refused/results").exists()


def test_the_other_ways_to_write_it_are_accepted(cohort: Path, tmp_path: Path) -> None:
    assert run(ACCEPTED, cohort, tmp_path / "accepted") == 0
    results = tmp_path / "accepted/results/results"
    assert {path.stem for path in results.glob("*.json")} == {"curves", "model", "landmark"}
