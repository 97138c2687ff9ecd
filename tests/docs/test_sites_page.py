"""Does what docs/sites.md tells a site and the keeper of a registry run, in its order, and answer?"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from blinreg.registry.cli.main import main
from blinreg.schemas.rules.store import QUALITY
from blinreg.schemas.tables import table

PAGE = (Path(__file__).parents[2] / "docs" / "sites.md").read_text(encoding="utf-8")
SECTIONS = ("Check, load, correct", "For the keeper of the registry")


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"\n## {title}\n")[1], flags=re.M)[0]


def fill_in(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    columns = table(name).column_names
    pl.DataFrame(
        [{**dict.fromkeys(columns), **row} for row in rows], schema=dict.fromkeys(columns, pl.String)
    ).write_csv(folder / f"{name}.csv")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Fill in the template as the page says, with one stop date before its start; run what comes after."""
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["template", "my-site-june", "--quiet"]) == 0
        june = folder / "my-site-june"
        patients = [f"SITEA-{number:04d}" for number in range(40)]
        fill_in(june, "patient", [{"patient_id": p, "site_id": "my-site", "disease": "b_all"} for p in patients])
        alive = {"last_contact_date": "2026-06", "vital_status": "alive"}
        fill_in(june, "follow_up", [{"patient_id": p, **alive} for p in patients])
        cycle = {"course_number": "1", "cycle_number": "1", "agent": "blinatumomab", "start_date": "2025-03-01"}
        stops = ["2025-02-01", *["2025-03-29"] * 39]
        cycles = [{"patient_id": p, **cycle, "stop_date": stop} for p, stop in zip(patients, stops, strict=True)]
        fill_in(june, "treatment_cycle", cycles)
        assert main(["seal", "my-site-june", "--site", "my-site", "--cutoff", "2026-06-30", "--quiet"]) == 0
        assert main(["init", "registry.duckdb", "--quiet"]) == 0
        for title in SECTIONS:
            for line in blocks("sh", section(title))[0].splitlines():
                words = shlex.split(line, comments=True)
                assert (words[0], main([*words[1:], "--quiet"])) in {("blinreg", 0), ("blinreg", 3)}, line
        yield folder


def test_the_pages_are_where_the_commands_wrote_them(site: Path) -> None:
    named = set(re.findall(r"^\| `([a-z_]+(?:\.[a-z]+|/\*\.csv))` \|", section(SECTIONS[0]), re.M))
    assert named == {"index.html", "findings.csv", "failing_rows/*.csv", "review.json"}
    assert all(any((site / "review").glob(name)) for name in named)
    assert (site / "steward" / "index.html").is_file()


def test_sql_examples_run_in_a_plain_client_and_answer(site: Path) -> None:
    examples = blocks("sql")
    assert len(examples) == 4
    with duckdb.connect(str(site / "registry.duckdb"), read_only=True) as client:
        for example in examples:
            assert client.execute(example).fetchall(), example


def test_every_relation_of_the_schema_is_told_and_none_else(site: Path) -> None:
    told = set(re.findall(r"`quality\.([a-z_]+)`", section("What was found, in SQL"))) - {"quarantine_patient"}
    with duckdb.connect(str(site / "registry.duckdb"), read_only=True) as client:
        query = (
            "select table_name, comment from (from duckdb_tables() union all by name select *, view_name as table_name"
        )
        found = client.execute(f"{query} from duckdb_views()) where schema_name = 'quality'").fetchall()
    assert {relation.name for relation in QUALITY} <= told
    assert {name for name, _ in found if not name.startswith("quarantine_")} == told
    assert all(comment for _, comment in found)
