"""Is the REDCap data dictionary one that REDCap imports, and does it hold every column?"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from itertools import groupby
from pathlib import Path

import pytest

from blinreg.schemas.model import Privacy
from blinreg.schemas.render.redcap import (
    BRANCHING,
    DICTIONARY_COLUMNS,
    MAXIMUM_NAME_LENGTH,
    PREFIXES,
    SHORT_NAMES,
    data_dictionary,
    is_repeating,
    redcap_fields,
    repeating_instruments,
)
from blinreg.schemas.tables import TABLES, table

DOCUMENTS = Path(__file__).parents[2] / "docs/redcap"
ROWS = list(csv.DictReader(io.StringIO(data_dictionary())))
NAMES = [row["Variable / Field Name"] for row in ROWS]
CHOICES = "Choices, Calculations, OR Slider Labels"
VALIDATION = "Text Validation Type OR Show Slider Number"
BRANCH = "Branching Logic (Show field only if...)"


def choices_of(row: dict[str, str]) -> dict[str, str]:
    pairs = [choice.split(",", 1) for choice in row[CHOICES].split("|")] if row[CHOICES] else []
    return {stored.strip(): label.strip() for stored, label in pairs}


def test_header_has_the_eighteen_columns_of_redcap() -> None:
    header = next(csv.reader(io.StringIO(data_dictionary())))
    assert tuple(header) == DICTIONARY_COLUMNS
    assert len(header) == 18
    assert (header[0], header[7], header[17]) == ("Variable / Field Name", VALIDATION, "Field Annotation")


def test_committed_dictionary_is_fresh() -> None:
    """Stale: run `blinreg schema --redcap docs/redcap/data_dictionary.csv`. A changed name loses a site's data."""
    committed = (DOCUMENTS / "data_dictionary.csv").read_text(encoding="utf-8")
    assert committed == data_dictionary()
    committed = (DOCUMENTS / "data_dictionary.repeating_instruments.csv").read_text(encoding="utf-8")
    assert committed == repeating_instruments()


def test_names_of_variables_are_ones_that_redcap_takes() -> None:
    assert [name for name in NAMES if not re.fullmatch(r"[a-z][a-z0-9_]+", name)] == []
    assert [name for name in NAMES if len(name) > MAXIMUM_NAME_LENGTH or name.startswith("redcap_")] == []
    # REDCap adds these to every instrument, and three underscores separate a checkbox from its choice.
    assert [name for name in NAMES if name.endswith(("_complete", "_timestamp")) or "___" in name] == []
    assert len(set(NAMES)) == len(NAMES)


def test_short_names_are_needed_and_prefixes_are_of_tables() -> None:
    assert set(PREFIXES) == {definition.name for definition in TABLES}
    for name, column in SHORT_NAMES:
        assert len(f"{PREFIXES[name]}_{table(name).column(column).name}") > MAXIMUM_NAME_LENGTH


def test_record_comes_first_and_every_form_is_in_one_piece() -> None:
    assert (NAMES[0], ROWS[0]["Field Type"], ROWS[0]["Form Name"]) == ("patient_id", "text", "patient")
    forms = [form for form, _ in groupby(row["Form Name"] for row in ROWS)]
    assert forms == [definition.name for definition in TABLES]


def test_every_column_is_asked_for_once() -> None:
    asked = [row["Field Annotation"].split()[1] for row in ROWS]
    wanted = {f"{t.name}.{c.name}" for t in TABLES for c in t.columns if c.name != "patient_id"}
    assert len(asked) == len(set(asked))
    # The site is that of the project, and the patient that of the record.
    assert set(asked) == wanted - {"patient.site_id"} | {"patient.patient_id"}


def test_choices_are_the_codes_of_the_column() -> None:
    for field, row in zip(redcap_fields(), ROWS, strict=True):
        choices = choices_of(row)
        if row["Field Type"] == "yesno":
            assert set(field.column.codes) == {"yes", "no"}
            assert choices == {}
        else:
            assert (row["Field Type"] in ("radio", "dropdown")) == bool(field.column.codes)
            assert list(choices) == list(field.column.codes)
    assert [row[CHOICES] for row in ROWS if re.search(r"[<>\"]", row[CHOICES] + row["Field Label"])] == []


def test_an_export_with_labels_can_be_told_apart() -> None:
    """A header of labels names one variable each, and a label of one choice is no code of another."""
    labels = [row["Field Label"].lower() for row in ROWS]
    assert len(set(labels)) == len(labels)
    assert not set(labels) & set(NAMES)
    for field in redcap_fields():
        shown = defaultdict(set)
        for stored, label in field.choices.items():
            code = field.codes[stored]
            for text in (label.lower(), code):
                shown[text].add(code)
        assert {text: codes for text, codes in shown.items() if len(codes) > 1} == {}


def test_validation_is_of_text_and_has_the_range_of_the_column() -> None:
    known = {"", "integer", "number", "date_ymd"}
    assert {row[VALIDATION] for row in ROWS} == known
    for field, row in zip(redcap_fields(), ROWS, strict=True):
        limits = (row["Text Validation Min"], row["Text Validation Max"])
        if row[VALIDATION] in ("integer", "number"):
            assert row["Field Type"] == "text"
            assert tuple(map(float, limits)) == (field.column.minimum, field.column.maximum)
        else:
            assert limits == ("", "")


def test_only_whole_dates_are_validated() -> None:
    validated = {row["Field Annotation"].split()[1] for row in ROWS if row[VALIDATION] == "date_ymd"}
    whole = {f"{t.name}.{c.name}" for t in TABLES for c in t.columns if c.type == "date" and not c.partial}
    assert validated == whole
    assert whole


def test_identifiers_are_the_pseudonym_and_what_can_single_out() -> None:
    flagged = {row["Variable / Field Name"] for row in ROWS if row["Identifier?"] == "y"}
    private = (Privacy.PSEUDONYM, Privacy.QUASI_IDENTIFIER)
    assert flagged == {field.variable for field in redcap_fields() if field.column.privacy in private}
    assert {"patient_id", "pt_birth_year", "fu_death_date"} <= flagged
    assert "ae_grade" not in flagged


@pytest.mark.parametrize("row", [row for row in ROWS if row[BRANCH]], ids=lambda row: row["Variable / Field Name"])
def test_branching_asks_an_earlier_question_for_one_of_its_answers(row: dict[str, str]) -> None:
    found = re.fullmatch(r"\[([a-z0-9_]+)\] (=|<>) '([a-z0-9_]*)'", row[BRANCH])
    assert found is not None
    name, _, value = found.groups()
    other = ROWS[NAMES.index(name)]
    assert other["Form Name"] == row["Form Name"]
    assert value == "" or value in choices_of(other) or (other["Field Type"] == "yesno" and value in "01")
    assert row["Required Field?"] == ""


def test_branching_is_declared_for_columns_that_exist() -> None:
    for (name, column), condition in BRANCHING.items():
        assert column in table(name).column_names
        other = table(name).column(condition.column)
        assert condition.value == "" or condition.value in other.codes


def test_repeating_instruments_are_the_tables_with_more_than_a_patient_in_their_key() -> None:
    rows = list(csv.reader(io.StringIO(repeating_instruments())))
    assert rows[0] == ["form_name", "custom_form_label"]
    assert [row[0] for row in rows[1:]] == [definition.name for definition in TABLES if is_repeating(definition)]
    assert {name for row in rows[1:] for name in re.findall(r"\[(\w+)\]", row[1])} <= set(NAMES)
    assert "patient" not in dict(rows[1:])
    assert "follow_up" not in dict(rows[1:])


def test_numbers_that_count_begin_as_the_instance() -> None:
    counting = {
        row["Variable / Field Name"] for row in ROWS if "@DEFAULT='[current-instance]'" in row["Field Annotation"]
    }
    assert counting == {"lt_line_number", "di_interruption_number", "ae_event_number", "tx_transplant_number"}
