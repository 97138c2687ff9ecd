"""Can a site start from what `template` writes?"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.template import write_template
from blinreg.schemas.tables import TABLES


def test_template_has_every_table_with_its_columns_in_order(tmp_path: Path) -> None:
    write_template(tmp_path / "new")
    for definition in TABLES:
        with (tmp_path / "new" / f"{definition.name}.csv").open(encoding="utf-8", newline="") as file:
            assert list(csv.reader(file)) == [list(definition.column_names)]


def test_manifest_lists_the_files_that_are_there(tmp_path: Path) -> None:
    written = write_template(tmp_path)
    manifest = json.loads((tmp_path / "submission.json").read_text(encoding="utf-8"))
    listed = {entry["path"] for entry in manifest["files"]}
    assert listed == {path.name for path in written} - {"README.txt", "columns.csv", "submission.json"}


def test_guide_explains_every_column(tmp_path: Path) -> None:
    write_template(tmp_path)
    with (tmp_path / "guide" / "columns.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["table"], row["column"]) for row in rows] == [(t.name, c.name) for t in TABLES for c in t.columns]
    sex = next(row for row in rows if row["column"] == "sex")
    assert sex["allowed"] == "female male unknown"


def test_a_filled_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "patient.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="is not an empty folder; name a new folder"):
        write_template(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["patient.csv"]
