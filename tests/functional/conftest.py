"""What the tests of loading share: small submissions on disk, and an empty registry.

``make_submission`` writes a submission folder::

    folder = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]}, site_id="site-b")

Rows are mappings of column to text; columns left out are empty. Any key of
``submission.json`` can be given by name. ``formats={"patient": "xlsx"}`` chooses the format
of a table. A test of a faulty list of files edits the ``submission.json`` that was written.
``registry`` is an empty registry open for writing, ``registry_path`` the same one closed.
``strict`` and, for all folders, ``demo`` are full ones that nobody writes to.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from blinreg.registry.cli.main import main
from blinreg.registry.store import Registry
from blinreg.schemas.tables import table

Row = Mapping[str, str | None]
MakeSubmission = Callable[..., Path]
MakeOnce = Callable[[str, Callable[[Path], None]], Path]


def table_frame(name: str, rows: Sequence[Row]) -> pl.DataFrame:
    """Give rows as a frame with every column of the table, as text."""
    columns = table(name).column_names
    return pl.DataFrame(
        [{**dict.fromkeys(columns), **row} for row in rows], schema=dict.fromkeys(columns, pl.String), orient="row"
    )


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame in the format that the name's ending says."""
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_excel(path, worksheet=path.stem.split(".")[0], autofit=False)


@pytest.fixture
def make_submission(tmp_path: Path) -> MakeSubmission:
    """Write a submission folder; see the head of this file."""

    def make(
        tables: Mapping[str, Sequence[Row] | pl.DataFrame], *, formats: Mapping[str, str] | None = None, **manifest: Any
    ) -> Path:
        name = manifest.get("submission_id", "submission-1")
        folder = tmp_path / f"{manifest.get('site_id', 'site-a')}-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        files = []
        for table_name, rows in tables.items():
            frame = rows if isinstance(rows, pl.DataFrame) else table_frame(table_name, rows)
            path = folder / f"{table_name}.{(formats or {}).get(table_name, 'csv')}"
            write_table(frame, path)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            files.append({"table": table_name, "path": path.name, "sha256": sha256, "rows": frame.height})
        said = {
            "submission_id": name,
            "site_id": "site-a",
            "created_at": "2020-06-01T10:00:00Z",
            "data_cutoff_date": "2020-05-31",
            "schema_version": "1.0",
            "synthetic": True,
            "files": files,
            **manifest,
        }
        (folder / "submission.json").write_text(json.dumps(said), encoding="utf-8")
        return folder

    return make


@pytest.fixture(scope="session")
def strict(make_once: MakeOnce) -> Path:
    """Give submissions of the strict profile with seed 7 and their registry, made by the command line."""

    def fill(folder: Path) -> None:
        out, registry = str(folder / "submissions"), str(folder / "registry.duckdb")
        assert main(["synth", "realworld-2020", "--out", out, "--profile", "strict", "--seed", "7", "--quiet"]) == 0
        assert main(["init", registry, "--quiet"]) == 0
        sites = [str(path.parent) for path in sorted(Path(out).glob("*/submission.json"))]
        # Some values are worth a question (a printed white cell count of 205): loaded with warnings, at most.
        assert main(["load", *sites, "--registry", registry, "--quiet"]) in {0, 1}

    return make_once("strict", fill)


@pytest.fixture(scope="session")
def _empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("empty") / "registry.duckdb"
    Registry.create(path).close()
    return path


@pytest.fixture
def registry_path(_empty_registry: Path, tmp_path: Path) -> Path:
    """Path of an empty registry of the test's own, closed."""
    folder = tmp_path / "registry"
    shutil.copytree(_empty_registry.parent, folder)
    return folder / _empty_registry.name


@pytest.fixture
def registry(registry_path: Path) -> Iterator[Registry]:
    """Give an empty registry, open for writing."""
    with Registry.open(registry_path, write=True) as opened:
        yield opened


@pytest.fixture
def patient() -> Callable[..., Row]:
    """Make a row of ``patient`` that breaks no rule."""

    def make(patient_id: str, **values: str | None) -> Row:
        return {"patient_id": patient_id, "site_id": "site-a", "sex": "female", "disease": "b_all", **values}

    return make


@pytest.fixture
def follow_up() -> Callable[..., Row]:
    """Make a row of ``follow_up`` that breaks no rule."""

    def make(patient_id: str, **values: str | None) -> Row:
        return {"patient_id": patient_id, "last_contact_date": "2020-05-01", "vital_status": "alive", **values}

    return make
