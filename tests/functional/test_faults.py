"""Does the registry find every planted fault that can be known, at every site of a cohort?

The cohort is written with its faults, together with the submissions that must be refused whole, and loaded as it
stands. What the registry says is then compared with the answer key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from blinreg.registry.loading import LoadResult, load_submissions
from blinreg.registry.store import Registry
from blinreg.schemas.tables import table
from blinreg.synthetic import generate
from blinreg.synthetic.faults import Memory, join_logs, plant, write_answer_key, write_faulty_file, write_refused
from blinreg.synthetic.faults.context import frame_schema

CREATED = dt.date(2019, 7, 1)
RATE = 0.02
SEED = 2020


@dataclass(frozen=True)
class Loaded:
    """A cohort with faults, and what the registry said of it."""

    folder: Path
    log: pl.DataFrame
    findings: pl.DataFrame
    rejected: Mapping[str, str]


def read_frame(path: Path) -> pl.DataFrame:
    if path.suffix == ".csv":
        return pl.read_csv(path, infer_schema=False)
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_excel(path, infer_schema_length=0)


def read_clean(folder: Path) -> dict[str, pl.DataFrame]:
    """Read a clean submission with the types that the tables have before they are written."""
    tables = {}
    for entry in json.loads((folder / "submission.json").read_text(encoding="utf-8"))["files"]:
        kinds = frame_schema(table(entry["table"]))
        frame = read_frame(folder / entry["path"])
        tables[entry["table"]] = frame.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    return tables


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_excel(path, autofit=False)


def write_submission(
    tables: Mapping[str, pl.DataFrame], folder: Path, *, like: Path, faults: Mapping[str, str] | None = None
) -> None:
    """Write a submission in the format and under the manifest of another."""
    folder.mkdir()
    manifest = json.loads((like / "submission.json").read_text(encoding="utf-8"))
    suffix = manifest["files"][0]["path"].rsplit(".", 1)[-1]
    manifest["files"] = []
    for name, frame in tables.items():
        path = folder / f"{name}.synthetic.{suffix}"
        written = write_faulty_file(frame, path, table_name=name, fault=(faults or {}).get(name), write=write_frame)
        manifest["files"].append({"table": name, "path": path.name, "sha256": written.sha256, "rows": written.rows})
    (folder / "submission.json").write_text(json.dumps(manifest), encoding="utf-8")


def write_cohort(clean: list[Path], out: Path) -> pl.DataFrame:
    """Write the sites of a clean cohort with faults; returns the log."""
    out.mkdir()
    memory, logs = Memory(), []
    for folder in clean:
        tables = read_clean(folder)
        suffix = next(folder.glob("patient.*")).suffix[1:]
        planted = plant(
            tables, rate=RATE, seed=SEED, site=folder.name, created=CREATED, file_format=suffix, memory=memory
        )
        memory = planted.memory
        write_submission(planted.tables, out / folder.name, like=folder, faults=planted.file_faults)
        logs.append(planted.log)
        for refused in planted.refused:

            def write(rows: Mapping[str, pl.DataFrame], target: Path, like: Path = folder) -> None:
                write_submission(rows, target, like=like)

            logs.append(write_refused(refused, tables, out, site=folder.name, seed=SEED, write=write))
    write_answer_key(out, logs)
    return join_logs(logs)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    top = tmp_path_factory.mktemp("faults")
    paths = generate("realworld-2020", top / "clean").paths
    out = top / "cohort"
    log = write_cohort(list(paths), out)
    path = top / "registry.duckdb"
    Registry.create(path).close()
    findings, rejected = [], {}
    with Registry.open(path, write=True) as registry:
        folders = sorted(item for item in out.iterdir() if item.is_dir())
        for folder, outcome in zip(folders, load_submissions(registry, folders), strict=True):
            if isinstance(outcome, LoadResult):
                findings.append(outcome.violations.with_columns(folder=pl.lit(folder.name)))
            else:
                rejected[folder.name] = str(outcome)
    return Loaded(out, log, pl.concat(findings), rejected)


def of_rows(log: pl.DataFrame) -> pl.DataFrame:
    """Faults in the rows of submissions that are meant to be loaded."""
    folder = pl.col("file").str.split("/").list.first().alias("folder")
    return log.with_columns(folder).filter(~pl.col("folder").str.starts_with("attempt"), pl.col("action") != "file")


def test_submissions_that_must_be_refused_are_refused_and_no_others(loaded: Loaded) -> None:
    attempts = {path.name for path in loaded.folder.glob("attempt-*")}
    # A file of serial dates is read, and loses all its rows.
    whole = {name for name in attempts if not name.startswith("attempt-spreadsheet_serial_file")}
    assert len(whole) > 15
    assert set(loaded.rejected) == whole


def test_a_file_of_serial_dates_loses_every_row(loaded: Loaded) -> None:
    fault = loaded.log.filter(pl.col("kind") == "spreadsheet_serial_file").row(0, named=True)
    folder, file = fault["file"].split("/")
    lines = loaded.findings.filter(pl.col("folder") == folder, pl.col("rule") == fault["rule"])["line"]
    has_date = read_frame(loaded.folder / folder / file)[fault["column"]].is_not_null()
    assert lines.n_unique() == has_date.sum() > 0


def test_no_refusal_repeats_a_value_that_looks_like_a_person(loaded: Loaded) -> None:
    values = loaded.log.filter(pl.col("kind").str.starts_with("phi_"), pl.col("action") == "changed")["after"]
    assert len(values) > 3
    said = " ".join(loaded.rejected.values())
    assert [value for value in values if len(value) > 3 and value in said] == []


def test_what_can_be_known_is_found_by_its_rule(loaded: Loaded) -> None:
    """At the row itself where the fault is in the row, else in the patient's site."""
    certain = of_rows(loaded.log).filter(pl.col("certain"), pl.col("rule") != "")
    assert certain["kind"].n_unique() > 60
    found = certain.join(loaded.findings.select("folder", "rule").unique(), on=["folder", "rule"], how="semi")
    missed = certain.filter(~pl.col("fault").is_in(found["fault"].implode()))
    assert missed.select("kind", "rule", "table").unique().rows() == []


def test_a_fault_of_a_single_value_is_found_on_its_line(loaded: Loaded) -> None:
    kinds = ("code", "integer", "number", "decimal_comma", "range", "date", "calendar", "pattern", "required")
    single = of_rows(loaded.log).filter(
        pl.col("rule").str.split(".").list.last().is_in(kinds),
        pl.col("rule").str.split(".").list.get(1, null_on_oob=True) == pl.col("column"),
    )
    assert single.height > 30
    missed = single.join(loaded.findings, on=["folder", "rule", "table", "line"], how="anti")
    assert missed.select("kind", "rule").rows() == []


def test_rows_of_patients_without_faults_are_not_rejected(loaded: Loaded) -> None:
    """A finding that rejects lies on a row of the log, or on a row of a patient of the log."""
    rows = of_rows(loaded.log)
    lines = set(rows.select("folder", "table", "line").rows())
    patients = set(rows.select("folder", "patient_id").rows())
    rejected = loaded.findings.filter(pl.col("severity") == "reject_row", ~pl.col("folder").str.starts_with("attempt"))
    innocent = []
    for (folder, name, file), found in rejected.group_by("folder", "table", "file"):
        sent = read_frame(loaded.folder / str(folder) / str(file))["patient_id"]
        for line, rule in found.select("line", "rule").rows():
            if (folder, name, line) not in lines and (folder, sent[line - 2]) not in patients:
                innocent.append((folder, name, rule))
    assert innocent == []


def test_every_submission_says_that_it_is_synthetic(loaded: Loaded) -> None:
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in loaded.folder.glob("*/submission.json")]
    assert len(manifests) > 20
    assert all(manifest["synthetic"] is True for manifest in manifests)


def test_submission_json_fits_its_files_unless_that_is_the_fault(loaded: Loaded) -> None:
    wrong = set()
    for path in loaded.folder.glob("*/submission.json"):
        for entry in json.loads(path.read_text(encoding="utf-8"))["files"]:
            if hashlib.sha256((path.parent / entry["path"]).read_bytes()).hexdigest() != entry["sha256"]:
                wrong.add(path.parent.name.split("-")[1])
    assert wrong == {"wrong_sha256"}


def test_the_answer_key_lies_beside_the_submissions(loaded: Loaded) -> None:
    assert pl.read_parquet(loaded.folder / "answer_key.parquet").equals(loaded.log)
    assert [path.parent for path in loaded.folder.rglob("answer_key.*")] == [loaded.folder] * 2
