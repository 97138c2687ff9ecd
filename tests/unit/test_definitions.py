"""Do the definitions hold together?"""

from __future__ import annotations

import pytest

from blinreg.schemas.codes import ADVERSE_EVENT_TERM, TERM_CATEGORY, TOXICITY_CATEGORY
from blinreg.schemas.columns import PATIENT_ID
from blinreg.schemas.errors import UsageError
from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.tables import TABLES, table
from blinreg.schemas.views import VIEWS, view

ALL = [*TABLES, *VIEWS]


@pytest.mark.parametrize("relation", ALL, ids=lambda relation: relation.name)
def test_relation_says_what_it_is(relation: Table) -> None:
    assert relation.description.endswith(".")
    assert relation.grain.startswith("one row a ")
    for column in relation.columns:
        assert column.description.endswith("."), column.name
        assert column.name == column.name.lower()
        assert column.name not in {"time", "status", "group"}


@pytest.mark.parametrize("definition", TABLES, ids=lambda definition: definition.name)
def test_table_is_keyed_by_patient_and_children_follow_parents(definition: Table) -> None:
    assert definition.key[0] == "patient_id"
    assert definition.columns[0] is PATIENT_ID
    assert all(definition.column(name).required for name in definition.key)
    before = [other.name for other in TABLES[: TABLES.index(definition)]]
    for key in definition.foreign_keys:
        assert key.table in before
        parent = table(key.table)
        assert key.parent_columns == parent.key
        assert {definition.column(name).type for name in key.columns} <= {Type.TEXT, Type.INTEGER}


@pytest.mark.parametrize("definition", TABLES, ids=lambda definition: definition.name)
def test_every_number_has_a_range_and_a_measured_one_a_unit(definition: Table) -> None:
    for column in definition.columns:
        if column.type in {Type.INTEGER, Type.NUMBER}:
            assert column.minimum is not None
            assert column.maximum is not None
            assert column.minimum < column.maximum
        if column.type is Type.NUMBER:
            assert column.unit


@pytest.mark.parametrize("definition", VIEWS, ids=lambda definition: definition.name)
def test_known_at_names_a_date_column_of_the_same_view(definition: Table) -> None:
    for column in definition.columns:
        if column.known_at:
            assert definition.column(column.known_at).type is Type.DATE, column.name


def test_every_fact_about_a_patient_in_the_cohort_has_a_date_of_knowing() -> None:
    without = [c.name for name in ("cohort", "response") for c in view(name).columns if not c.known_at]
    assert without == ["patient_id", "patient_id"]


def test_every_term_has_a_category() -> None:
    assert set(TERM_CATEGORY) == set(ADVERSE_EVENT_TERM)
    assert set(TERM_CATEGORY.values()) == set(TOXICITY_CATEGORY)


def test_unknown_names_get_the_nearest_ones() -> None:
    with pytest.raises(UsageError, match=r"no table is called 'transplants'; did you mean transplant"):
        table("transplants")
    with pytest.raises(UsageError, match=r"no analysis view is called 'endpoints'; did you mean endpoint"):
        view("endpoints")


def test_a_code_column_without_codes_cannot_be_defined() -> None:
    with pytest.raises(ValueError, match="codes belong to columns of type code"):
        Column(name="sex", type=Type.CODE, description="Sex.")


def test_a_key_outside_the_columns_cannot_be_defined() -> None:
    with pytest.raises(ValueError, match=r"key columns not defined \['visit'\]"):
        Table(name="t", grain="one row a visit", description="T.", key=("visit",), columns=(PATIENT_ID,))
