"""Does `blinreg schema` say what the tables are, to a person, a program and REDCap?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blinreg.registry.cli.main import main
from blinreg.schemas.render.redcap import data_dictionary, repeating_instruments
from blinreg.schemas.tables import SCHEMA_VERSION, TABLES
from blinreg.schemas.views import VIEWS


def test_a_person_sees_tables_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    said = capsys.readouterr().out
    assert "gvhd                    patient_id, transplant_number, gvhd_type" in said
    assert all(definition.name in said for definition in TABLES)


def test_a_program_gets_every_column(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema_version"] == SCHEMA_VERSION
    for kind, definitions in (("tables", TABLES), ("views", VIEWS)):
        names = [(relation["name"], [column["name"] for column in relation["columns"]]) for relation in said[kind]]
        assert names == [(definition.name, list(definition.column_names)) for definition in definitions]
    tables = {relation["name"]: relation for relation in said["tables"]}
    assert tables["gvhd"]["foreign_keys"][1] == {
        "columns": ["patient_id", "transplant_number"],
        "table": "transplant",
        "parent_columns": ["patient_id", "transplant_number"],
    }
    baseline = {column["name"]: column for column in tables["baseline"]["columns"]}
    assert (baseline["ecog"]["minimum"], baseline["ecog"]["maximum"]) == (0, 5)
    cycle = {column["name"]: column for column in tables["treatment_cycle"]["columns"]}
    assert (cycle["start_date"]["partial"], cycle["stop_date"]["partial"]) == (False, True)
    assert "partial" not in cycle["dose"]


def test_redcap_gets_a_dictionary_and_its_repeating_instruments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", "--redcap", str(tmp_path / "d.csv")]) == 0
    assert (tmp_path / "d.csv").read_text(encoding="utf-8") == data_dictionary()
    assert (tmp_path / "d.repeating_instruments.csv").read_text(encoding="utf-8") == repeating_instruments()
    assert "next: upload it in REDCap" in capsys.readouterr().out
    assert main(["schema", "--redcap", str(tmp_path / "none" / "d.csv")]) == 2
