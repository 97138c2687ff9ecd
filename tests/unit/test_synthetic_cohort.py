"""Is the synthetic cohort written as it should be: clean, the same for the same seed, and saying what it is?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic import SyntheticCohort, generate
from blinreg.synthetic.parameters import load_parameters
from blinreg.synthetic.simulation import simulate
from blinreg.synthetic.tables import tables_of

PARAMETERS = load_parameters("realworld-2020")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synthetic") / "submissions"


@pytest.fixture(scope="module")
def cohort(folder: Path) -> SyntheticCohort:
    return generate("realworld-2020", folder)


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return tables_of(simulate(PARAMETERS, 2020, range(239)), "realworld-2020")


def manifest(folder: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    return read


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_is_returned_is_what_was_written(cohort: SyntheticCohort, tables: dict[str, pl.DataFrame]) -> None:
    assert (cohort.study, cohort.seed, cohort.n_patients) == ("realworld-2020", 2020, 239)
    assert [path.name for path in cohort.paths] == list(cohort.sites)
    assert len(cohort.sites) == 11
    assert dict(cohort.n_rows) == {name: frame.height for name, frame in tables.items()}


def test_formats_of_the_sites(cohort: SyntheticCohort) -> None:
    formats = [{path.suffix for path in folder.glob("*.synthetic.*")} for folder in cohort.paths]
    assert formats.count({".csv"}) == 9
    assert formats.count({".parquet"}) == 1
    assert formats.count({".xlsx"}) == 1


def test_manifest_describes_the_files(cohort: SyntheticCohort) -> None:
    for path in cohort.paths:
        said = manifest(path)
        assert said["site_id"] == path.name
        assert said["synthetic"] is True
        assert said["data_cutoff_date"] == "2019-05-31"
        files = said["files"]
        assert isinstance(files, list)
        named = {file["path"] for file in files}
        assert named == {found.name for found in path.glob("*.synthetic.*")}
        assert [file["table"] for file in files] == [t.name for t in TABLES if t.name in {f["table"] for f in files}]
        for file in files:
            assert file["sha256"] == hashlib.sha256((path / file["path"]).read_bytes()).hexdigest()


def test_every_file_says_that_it_is_synthetic(cohort: SyntheticCohort, folder: Path) -> None:
    assert "SYNTHETIC DATA" in (folder / "README.txt").read_text(encoding="utf-8")
    for path in cohort.paths:
        assert "SYNTHETIC DATA" in (path / "README.txt").read_text(encoding="utf-8")
        assert str(manifest(path)["submission_id"]).startswith("syn-")
        for file in path.glob("*.parquet"):
            assert pq.read_metadata(file).metadata[b"synthetic"] == b"true"
        for file in path.glob("*.xlsx"):
            with zipfile.ZipFile(file) as parts:
                assert b"SYNTHETIC" in parts.read("docProps/core.xml")
                assert b"synthetic" in parts.read("docProps/custom.xml")


def test_names_of_patients_say_it_too(tables: dict[str, pl.DataFrame]) -> None:
    for frame in tables.values():
        assert frame["patient_id"].str.starts_with("SYN-").all()


def test_the_formats_hold_the_same_values(cohort: SyntheticCohort, tables: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        parts = []
        for path in cohort.paths:
            for file in path.glob(f"{name}.synthetic.*"):
                match file.suffix:
                    case ".csv":
                        read = pl.read_csv(file, schema=frame.schema)
                    case ".parquet":
                        read = pl.read_parquet(file)
                    case _:
                        read = pl.read_excel(file, schema_overrides=frame.schema)
                parts.append(read.cast(dict(frame.schema)))
        keys = list(table(name).key)
        assert pl.concat(parts).sort(keys).equals(frame.sort(keys)), name


@pytest.mark.parametrize("seed", [1, 2020])
def test_nothing_is_found_at_the_gate(seed: int) -> None:
    written = tables_of(simulate(PARAMETERS, seed, range(239)), "realworld-2020")
    for name, frame in written.items():
        text = frame.cast(pl.String).with_columns(source_line=pl.int_range(2, pl.len() + 2))
        found = gate_violations(table(name), text)
        assert found.is_empty(), found.select("rule").unique().to_series().to_list()
        assert not frame.select(table(name).key).is_duplicated().any()


def test_rows_name_existing_parents(tables: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        for key in table(name).foreign_keys:
            children = frame.select(key.columns)
            parents = tables[key.table].select(key.parent_columns)
            assert children.join(parents, left_on=key.columns, right_on=key.parent_columns, how="anti").is_empty()


def test_the_same_seed_gives_the_same_bytes(cohort: SyntheticCohort, folder: Path, tmp_path: Path) -> None:
    """In another process, with another hash seed, time zone and locale."""
    again = tmp_path / "again"
    code = "import sys; from blinreg.synthetic import generate; generate('realworld-2020', sys.argv[1], seed=2020)"
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Asia/Kathmandu", "LC_ALL": "C"}
    subprocess.run([sys.executable, "-c", code, str(again)], env=environment, check=True)
    assert digests(again) == digests(folder)
    assert cohort.n_patients == 239


def test_another_seed_gives_other_patients(folder: Path, cohort: SyntheticCohort, tmp_path: Path) -> None:
    other = generate("realworld-2020", tmp_path / "other", seed=2021)
    assert other.sites == cohort.sites
    ours, theirs = digests(folder), digests(tmp_path / "other")
    tables_of_sites = {name for name in ours if ".synthetic." in name and "enrolment.synthetic" not in name}
    same = [name for name in tables_of_sites if ours[name] == theirs.get(name)]
    assert same == []


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int | None, int | None]] = []

    def listen(message: str, *, done: int | None = None, total: int | None = None) -> None:
        told.append((message, done, total))

    generate("realworld-2020", tmp_path / "out", seed=3, on_progress=listen)
    assert told[0][0] == "simulating 239 synthetic patients"
    assert told[-1] == ("wrote 11 sites", 11, 11)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is not empty; name a folder that does not exist yet"):
        generate("realworld-2020", tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        generate("realworld-2020", tmp_path / "mine.txt")
    with pytest.raises(UsageError, match="cannot make the folder"):
        generate("realworld-2020", tmp_path / "mine.txt" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_seed_out_of_range(seed: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"the seed is {seed}"):
        generate("realworld-2020", tmp_path / "out", seed=seed)
    assert not (tmp_path / "out").exists()


def test_the_largest_seed_works(tmp_path: Path) -> None:
    made = generate("realworld-2020", tmp_path / "out", seed=2**63 - 1)
    assert len(str(manifest(made.paths[0])["submission_id"])) <= 64


def test_unknown_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean realworld-2020"):
        generate("realworld-2019", tmp_path / "out")
    assert not (tmp_path / "out").exists()
