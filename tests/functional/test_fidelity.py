"""`blinreg fidelity` from the submission files to the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blinreg.registry.cli import main
from blinreg.registry.loading import load_submission, load_submissions
from blinreg.registry.store import Registry
from blinreg.synthetic import generate
from blinreg.synthetic.targets import load_targets

SITES = 3
Row = Mapping[str, str | None]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Submissions of three sites, and a registry of them."""
    base = tmp_path_factory.mktemp("fidelity")
    made = generate("realworld-2020", base / "all")
    (base / "submissions").mkdir()
    with Registry.create(base / "registry.duckdb") as registry:
        folders = [(base / "all" / site).rename(base / "submissions" / site) for site in made.sites[:SITES]]
        load_submissions(registry, folders)
    return base


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, dict[str, Any], str]:
    code = main(["fidelity", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def test_submissions_and_their_registry_have_the_same_ledger(
    cohort: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, data, _ = said(capsys, cohort / "submissions", "--out", tmp_path / "one")
    assert code == 0
    assert data["synthetic"] is True
    assert [Path(name).name for name in data["files"]] == ["fidelity.csv", "fidelity.json", "index.html"]
    code, _, _ = said(capsys, "--registry", cohort / "registry.duckdb", "--out", tmp_path / "other")
    assert code == 0
    for name in ("fidelity.csv", "fidelity.json", "index.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_every_target_is_measured_and_every_miss_classified(
    cohort: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, data, _ = said(capsys, "--registry", cohort / "registry.duckdb", "--out", tmp_path, "--frames")
    table = pl.DataFrame(json.loads((tmp_path / "fidelity.json").read_text())["numbers"], infer_schema_length=None)
    assert table["id"].to_list() == load_targets("realworld-2020").table["id"].to_list()
    assert data["summary"][-1]["n"] == table.height
    missed = table.filter(~pl.col("hit"))
    assert set(missed["status"]) == {"contradicted", "residual"}
    assert missed["explanation"].str.len_chars().min() > 0  # type: ignore[operator]
    patient = pl.read_csv(tmp_path / "frames" / "patient.synthetic.csv")
    of = dict(table.select("id", "achieved").iter_rows())
    assert of["n_total"] == patient.height == data["n_patients"]
    assert of["age_median"] == patient["age_years"].median()
    assert of["rr_n"] + of["mrd_indication_n"] == patient.height
    assert of["crs_any_n"] == of["crs_g12_n"] + of["crs_g3plus_n"]
    assert of["hct_n"] == sum(of[f"donor_{donor}_n"] for donor in ("mrd", "mud", "haplo", "cord"))
    assert of["nonhct_crcri_n"] == sum(
        of[f"nonhct_resp_{course}_n"] for course in ("continued", "cart", "dli", "progressed")
    )


def test_counts_are_those_of_the_registry(cohort: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "--registry", cohort / "registry.duckdb", "--out", tmp_path)
    of = {row["id"]: row["achieved"] for row in json.loads((tmp_path / "fidelity.json").read_text())["numbers"]}
    queries = {
        "rr_crcri_n": """select count(*) from analysis.response
            where indication = 'relapsed_refractory' and is_responder = 1""",
        "hct_n": "select count(*) from analysis.exposure where origin = 'index' and exposure = 'allo_hct' and ever = 1",
        "discont_table_n": "select count(distinct patient_id) from analysis.discontinuation",
        "crs_g3plus_n": """select count(distinct patient_id) from analysis.toxicity
            where category = 'crs' and period = 'on_treatment' and max_grade >= 3 and is_evaluable = 1""",
        "tki_n": """select count(distinct drug.patient_id) from current.drug_exposure as drug
            inner join derived.blinatumomab_course as course on drug.patient_id = course.patient_id
            where drug.agent_class = 'tki' and drug.start_date_earliest <= coalesce(course.last_day, date '9999-12-31')
            and (drug.stop_date is null or drug.stop_date_latest >= course.first_day)""",
        "prior_hct_n": "select count(*) from analysis.cohort where prior_allo_hct = 'yes'",
    }
    with Registry.open(cohort / "registry.duckdb") as registry:
        counted = {name: registry.connection.sql(query).fetchall()[0][0] for name, query in queries.items()}
    assert {name: of[name] for name in queries} == counted


def test_a_population_is_held_to_percentages_and_medians(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, strict, _ = said(capsys, "--registry", cohort / "registry.duckdb")
    _, data, _ = said(capsys, "--registry", cohort / "registry.duckdb", "--tolerance", "population")
    assert data["summary"][-1]["n"] < strict["summary"][-1]["n"]
    assert {row["id"] for row in data["misses"]} & {"cox_os_ph_hr", "age_max", "rr_os_months_ci_lower"} == set()


def test_a_person_reads_sections_and_misses(cohort: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fidelity", "--registry", str(cohort / "registry.duckdb"), "--quiet"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[2].split() == [
        "section",
        "printed",
        "met",
        "contradicted",
        "residual",
        "met",
        "of",
        "attainable",
    ]
    assert text.index("residual      ") < text.index("contradicted  ", text.index("misses"))


def test_refuses_no_source_two_sources_and_an_empty_folder(
    cohort: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words in ([], [cohort / "submissions", "--registry", cohort / "registry.duckdb"], [tmp_path]):
        code, _, error = said(capsys, *words)
        assert code == 2
        assert "next_step" in error
    assert said(capsys, cohort / "submissions", "--frames")[0] == 2
    assert said(capsys, cohort / "submissions", "--study", "no-such-study")[0] == 2


def test_refuses_patients_who_exist(
    registry_path: Path,
    make_submission: Callable[..., Path],
    patient: Callable[..., Row],
    follow_up: Callable[..., Row],
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]}, synthetic=False)
    with Registry.open(registry_path, write=True) as registry:
        load_submission(registry, folder)
    code, _, error = said(capsys, "--registry", registry_path)
    assert code == 2
    assert "patients who exist" in error
