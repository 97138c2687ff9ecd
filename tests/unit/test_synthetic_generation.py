"""Is a synthetic cohort written as it should be: whole, the same for the same seed, and saying what it is?"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic import PROFILES, SyntheticCohort, cohort_tables, generate, load_study, scale
from blinreg.synthetic.calibrated import load_calibrated, permute, read_courses, write_courses
from blinreg.synthetic.courses import impossible_orders
from blinreg.synthetic.draft import DRAFT

STUDY = load_study("realworld-2020")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("synthetic") / "submissions"


@pytest.fixture(scope="module")
def cohort(folder: Path) -> SyntheticCohort:
    return generate("realworld-2020", folder)


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    return cohort_tables("realworld-2020")


def manifest(folder: Path) -> dict[str, object]:
    read: dict[str, object] = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    return read


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_all(paths: tuple[Path, ...], name: str, schema: pl.Schema) -> pl.DataFrame:
    """A table of all sites, whatever their formats."""
    parts = []
    for file in (file for path in paths for file in path.glob(f"{name}.synthetic.*")):
        match file.suffix:
            case ".csv":
                read = pl.read_csv(file, schema=schema)
            case ".parquet":
                read = pl.read_parquet(file)
            case _:
                read = pl.read_excel(file, schema_overrides=schema)
        parts.append(read.cast(dict(schema)))
    return pl.concat(parts)


# ------------------------------------------------------------ what is written


def test_what_is_returned_is_what_was_written(cohort: SyntheticCohort, tables: dict[str, pl.DataFrame]) -> None:
    assert (cohort.study, cohort.seed, cohort.profile, cohort.n_patients) == ("realworld-2020", 2020, "plausible", 239)
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
        assert {file["path"] for file in files} == {found.name for found in path.glob("*.synthetic.*")}
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


def test_the_calibrated_cohort_says_what_it_is_not_for(cohort: SyntheticCohort, folder: Path) -> None:
    text = " ".join((folder / "README.txt").read_text(encoding="utf-8").split())
    assert "profile plausible" in text
    assert "censoring is informative" in text
    assert "not for inference" in text
    assert "blinreg synth realworld-2020 --out DIR --seed 2020 --profile plausible" in text


def test_names_of_patients_say_it_too(tables: dict[str, pl.DataFrame]) -> None:
    for frame in tables.values():
        assert frame["patient_id"].str.starts_with("SYN-").all()


def test_the_formats_hold_the_same_values(cohort: SyntheticCohort, tables: dict[str, pl.DataFrame]) -> None:
    for name, frame in tables.items():
        keys = list(table(name).key)
        assert read_all(cohort.paths, name, frame.schema).sort(keys).equals(frame.sort(keys)), name


@pytest.mark.parametrize("seed", [1, 2020])
@pytest.mark.parametrize("source", [{"profile": "plausible"}, {"profile": "strict"}, {"n_patients": 239}])
def test_nothing_is_found_at_the_gate(seed: int, source: dict[str, str | int]) -> None:
    for name, frame in cohort_tables("realworld-2020", seed=seed, **source).items():
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


def test_another_seed_gives_other_files(folder: Path, cohort: SyntheticCohort, tmp_path: Path) -> None:
    other = generate("realworld-2020", tmp_path / "other", seed=2021)
    assert other.sites == cohort.sites
    ours, theirs = digests(folder), digests(tmp_path / "other")
    tables_of_sites = {name for name in ours if ".synthetic." in name and "enrolment.synthetic" not in name}
    assert [name for name in tables_of_sites if ours[name] == theirs.get(name)] == []


# ------------------------------------------------------------ the calibrated cohort


@pytest.mark.parametrize("profile", PROFILES)
def test_committed_courses_are_sound_and_as_they_are_written(profile: str, tmp_path: Path) -> None:
    courses = load_calibrated("realworld-2020", profile)
    assert len(courses) == STUDY.n_patients
    assert impossible_orders(courses) == {}
    write_courses(courses, tmp_path / "courses.csv")
    assert read_courses(tmp_path / "courses.csv").frame.equals(courses.frame)


def test_a_seed_moves_nothing_that_is_counted_from_the_first_dose() -> None:
    courses = load_calibrated("realworld-2020")
    everything = [name for name in courses.frame.columns if name != "number"]
    expected = courses.frame.select(everything).sort(everything)
    orders = []
    for seed in (0, 1, 2**63 - 1):
        permuted, _ = permute(courses, STUDY, seed)
        assert permuted.frame.select(everything).sort(everything).equals(expected)
        assert permuted.numbers.tolist() == list(range(STUDY.n_patients))
        orders.append(permuted.frame["age_years"].to_list())
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize("seed", range(5))
def test_sites_have_their_patients_and_their_share_of_missing_scores(seed: int) -> None:
    courses, placement = permute(load_calibrated("realworld-2020"), STUDY, seed)
    is_missing = courses.frame["karnofsky_percent"].is_null().to_numpy()
    n_missing = np.bincount(placement.site, weights=is_missing)
    assert np.bincount(placement.site).tolist() == [site.n_patients for site in STUDY.sites]
    expected = np.array([site.n_patients * site.karnofsky_missing for site in STUDY.sites])
    assert np.abs(n_missing - expected * is_missing.sum() / expected.sum()).max() < 1


@pytest.mark.parametrize("seed", range(5))
def test_first_doses_lie_in_the_accrual_and_nothing_after_the_cutoff(seed: int) -> None:
    courses, placement = permute(load_calibrated("realworld-2020"), STUDY, seed)
    end = placement.index_date + courses.whole("end_day")
    cutoff = np.datetime64(STUDY.data_cutoff_date)
    assert placement.index_date.min() >= np.datetime64(STUDY.accrual_start)
    assert placement.index_date.max() <= np.datetime64(STUDY.accrual_end)
    assert end.max() <= cutoff
    in_contact = courses.is_code("end_reason", "cutoff")
    assert (cutoff - end[in_contact]).max() <= np.timedelta64(55, "D")


def test_a_course_that_is_too_long_is_refused() -> None:
    frame = load_calibrated("realworld-2020").frame.with_columns(end_day=pl.lit(1643, dtype=pl.Int64))
    with pytest.raises(ValueError, match="239 courses are longer than the time from accrual to the data cutoff"):
        permute(type(load_calibrated("realworld-2020"))(frame), STUDY, 1)


def test_sites_must_add_up() -> None:
    courses = load_calibrated("realworld-2020")
    with pytest.raises(ValueError, match="do not add up"):
        permute(type(courses)(courses.frame.head(238)), STUDY, 1)


# ------------------------------------------------------------ any number of patients


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 1,500 patients, so that six thousand patients are several."""
    monkeypatch.setattr(scale, "BLOCK_PATIENTS", 1_500)


@pytest.fixture(scope="module")
def at_scale(tmp_path_factory: pytest.TempPathFactory) -> SyntheticCohort:
    return generate("realworld-2020", tmp_path_factory.mktemp("scale") / "out", seed=5, patients=6_200, threads=1)


def test_many_patients_are_sent_as_parquet(at_scale: SyntheticCohort) -> None:
    assert (at_scale.n_patients, at_scale.profile, at_scale.n_rows["follow_up"]) == (6_200, None, 6_200)
    for path in at_scale.paths:
        said = manifest(path)
        files = said["files"]
        assert isinstance(files, list)
        assert {file["path"] for file in files} == {found.name for found in path.glob("*.synthetic.parquet")}
        for file in files:
            assert file["sha256"] == hashlib.sha256((path / file["path"]).read_bytes()).hexdigest()
            assert file["rows"] == pq.read_metadata(path / file["path"]).num_rows
            assert pq.read_metadata(path / file["path"]).metadata[b"synthetic"] == b"true"
    top = at_scale.paths[0].parent
    assert "censoring is independent" in (top / "README.txt").read_text(encoding="utf-8")
    assert json.loads((top / "truth.json").read_text(encoding="utf-8"))


def test_the_files_hold_the_patients_of_the_model(at_scale: SyntheticCohort) -> None:
    for name, frame in cohort_tables("realworld-2020", seed=5, n_patients=6_200).items():
        keys = list(table(name).key)
        assert read_all(at_scale.paths, name, frame.schema).sort(keys).equals(frame.sort(keys)), name


@pytest.mark.usefixtures("small_blocks")
def test_the_bytes_do_not_depend_on_the_threads(tmp_path: Path) -> None:
    for threads in (1, 3):
        generate("realworld-2020", tmp_path / str(threads), seed=5, patients=6_200, threads=threads)
    assert digests(tmp_path / "1") == digests(tmp_path / "3")


@pytest.mark.usefixtures("small_blocks")
def test_the_data_do_not_depend_on_the_blocks(at_scale: SyntheticCohort, tmp_path: Path) -> None:
    made = generate("realworld-2020", tmp_path / "out", seed=5, patients=6_200, threads=2)
    assert made.n_rows == at_scale.n_rows
    for here, there in zip(made.paths, at_scale.paths, strict=True):
        for file in here.glob("*.parquet"):
            assert pl.read_parquet(file).equals(pl.read_parquet(there / file.name)), file.name


def test_few_patients_of_the_model_come_in_the_formats_of_the_sites(tmp_path: Path) -> None:
    made = generate("realworld-2020", tmp_path / "out", patients=5)
    assert made.n_patients == 5
    assert sum(manifest(path)["synthetic"] is True for path in made.paths) == len(made.sites) <= 5
    assert list((tmp_path / "out").glob("*/*.csv"))


# ------------------------------------------------------------ faults


def test_faults_are_in_the_files_and_in_the_answer_key(cohort: SyntheticCohort, tmp_path: Path) -> None:
    made = generate("realworld-2020", tmp_path / "out", faults=0.02)
    key = pl.read_csv(tmp_path / "out" / "answer_key.csv", schema_overrides={"fault": pl.Int64}, infer_schema=False)
    assert key["fault"].n_unique() == key["fault"].max() == made.n_faults
    assert pl.read_parquet(tmp_path / "out" / "answer_key.parquet").height == key.height
    assert made.sites == cohort.sites
    for path, clean in zip(made.paths, cohort.paths, strict=True):
        files, before = manifest(path)["files"], manifest(clean)["files"]
        assert isinstance(files, list)
        assert isinstance(before, list)
        for file in files:
            assert file["sha256"] == hashlib.sha256((path / file["path"]).read_bytes()).hexdigest()
        changed = {file["table"] for file in files} - {file["table"] for file in files if file in before}
        own = key.filter(pl.col("file").str.starts_with(f"{path.name}/"), pl.col("action") != "deleted")
        assert set(own["table"]) <= changed
    assert "answer_key.csv" in (tmp_path / "out" / "README.txt").read_text(encoding="utf-8")


def test_faults_do_not_depend_on_the_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "BLOCK_PATIENTS", 2_600)
    for threads in (1, 2):
        generate("realworld-2020", tmp_path / str(threads), patients=5_001, threads=threads, faults=0.002)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert pl.read_parquet(tmp_path / "1" / "answer_key.parquet").height > 100


# ------------------------------------------------------------ what goes wrong


class _TiredError(Exception):
    """Somebody who listens does not want to go on."""


@pytest.mark.parametrize("stop", [_TiredError, KeyboardInterrupt])
@pytest.mark.parametrize("patients", [None, 6_200])
@pytest.mark.usefixtures("small_blocks")
def test_an_interruption_leaves_nothing(stop: type[BaseException], patients: int | None, tmp_path: Path) -> None:
    def listen(message: str, *, done: int | None = None, total: int | None = None) -> None:
        if done and total:
            raise stop

    (tmp_path / "mine").mkdir()
    for out in (tmp_path / "out", tmp_path / "mine"):
        with pytest.raises(stop):
            generate("realworld-2020", out, patients=patients, threads=2, on_progress=listen)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int | None, int | None]] = []

    def listen(message: str, *, done: int | None = None, total: int | None = None) -> None:
        told.append((message, done, total))

    generate("realworld-2020", tmp_path / "out", seed=3, on_progress=listen)
    assert told[0][0] == "simulating 239 synthetic patients"
    assert told[-1] == ("wrote 11 sites", 11, 11)
    told.clear()
    generate("realworld-2020", tmp_path / "many", seed=3, patients=5_001, threads=1, on_progress=listen)
    assert told[0][0] == "simulating 5,001 synthetic patients on 1 threads"
    assert told[1][0].endswith(" rows; done")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is not empty; name a folder that does not exist yet"):
        generate("realworld-2020", tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        generate("realworld-2020", tmp_path / "mine.txt")
    with pytest.raises(UsageError, match="cannot make the folder"):
        generate("realworld-2020", tmp_path / "mine.txt" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "out" / DRAFT).mkdir(parents=True)
    with pytest.raises(UsageError, match="holds a cohort that was not finished; remove"):
        generate("realworld-2020", tmp_path / "out")


WRONG = [
    ({"seed": -1}, "the seed is -1"),
    ({"seed": 2**63}, f"the seed is {2**63}"),
    ({"profile": "strickt"}, "no profile is called 'strickt'; did you mean strict"),
    ({"profile": "strict", "patients": 10}, "leave out the profile or the number of patients"),
    ({"patients": 0}, "0 patients are asked for"),
    ({"patients": 10, "threads": 0}, "0 threads are asked for"),
    ({"faults": 0.0}, "the rate of faults is 0"),
    ({"faults": 1.5}, "the rate of faults is 1.5"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_arguments_out_of_range(arguments: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        generate("realworld-2020", tmp_path / "out", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_largest_seed_works(tmp_path: Path) -> None:
    made = generate("realworld-2020", tmp_path / "out", seed=2**63 - 1, profile="strict")
    assert len(str(manifest(made.paths[0])["submission_id"])) <= 64


def test_unknown_study(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean realworld-2020"):
        generate("realworld-2019", tmp_path / "out")
    assert not (tmp_path / "out").exists()
