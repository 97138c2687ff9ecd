"""Are the derived tables what the definitions promise, wherever the file is opened and on however many threads?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from blinreg.registry.build import build
from blinreg.registry.derive import derive
from blinreg.schemas.model import Column, Type, View
from blinreg.schemas.render.ddl import column_comment
from blinreg.schemas.views import VIEWS

TYPES = {
    Type.TEXT: {"VARCHAR"},
    Type.CODE: {"VARCHAR"},
    Type.INTEGER: {"INTEGER", "BIGINT"},
    Type.NUMBER: {"DOUBLE"},
    Type.DATE: {"DATE"},
}

# Forty patients with a remission on day 28, some with a transplant, graft-versus-host disease, relapse or death.
ROWS = """
create temp table person as
select
    number,
    'PAT' || lpad(cast(number as varchar), 3, '0') as patient_id,
    date '2016-01-01' + cast(number * 17 as integer) as index_date,
    cast(number + 2 as integer) as source_line
from range(40) as numbers (number);

insert into ledger.submission by name
select 1 as sequence, 'sub-1' as submission_id, 'site_a' as site_id, date '2019-05-31' as data_cutoff_date,
    true as is_synthetic, 'accepted' as outcome, timestamp '2019-06-01' as received_at, 'test' as actor,
    40 as n_rows, 0 as n_quarantined, 0 as n_held_back;

insert into submitted.patient by name
select patient_id, 'site_a' as site_id, 'female' as sex, 'b_all' as disease, 'sub-1' as submission_id,
    'patient.csv' as source_file, source_line
from person;

insert into submitted.treatment_cycle by name
select patient_id, 1 as course_number, 1 as cycle_number, 'blinatumomab' as agent,
    'relapsed_refractory' as indication, strftime(index_date, '%Y-%m-%d') as start_date,
    strftime(index_date + 28, '%Y-%m-%d') as stop_date, 'sub-1' as submission_id,
    'treatment_cycle.csv' as source_file, source_line
from person;

insert into submitted.disease_assessment by name
select patient_id, strftime(index_date + 28, '%Y-%m-%d') as assessment_date, 'cr' as response,
    'sub-1' as submission_id, 'disease_assessment.csv' as source_file, source_line
from person;

insert into submitted.adverse_event by name
select patient_id, 1 as event_number, 'crs' as term, 2 as grade, 'ctcae_5' as grade_scale,
    strftime(index_date + 3, '%Y-%m-%d') as onset_date,
    case when number % 9 = 0 then 'discontinued' else 'none' end as action,
    'sub-1' as submission_id, 'adverse_event.csv' as source_file, source_line
from person;

insert into submitted.transplant by name
select patient_id, 1 as transplant_number, strftime(index_date + 80, '%Y-%m') as transplant_date,
    'allogeneic' as transplant_type, 'sub-1' as submission_id, 'transplant.csv' as source_file, source_line
from person
where number % 2 = 0;

insert into submitted.gvhd by name
select patient_id, 1 as transplant_number, 'acute' as gvhd_type, strftime(index_date + 120, '%Y-%m') as onset_date,
    'sub-1' as submission_id, 'gvhd.csv' as source_file, source_line
from person
where number % 4 = 0;

insert into submitted.disease_event by name
select patient_id, strftime(index_date + 150, '%Y-%m') as event_date, 'relapse' as event_type,
    'sub-1' as submission_id, 'disease_event.csv' as source_file, source_line
from person
where number % 3 = 0;

insert into submitted.follow_up by name
select patient_id, strftime(index_date + 300, '%Y-%m-%d') as last_contact_date,
    case when number % 5 < 3 then 'dead' else 'alive' end as vital_status,
    case when number % 5 < 3 then strftime(index_date + 300, '%Y-%m-%d') end as death_date,
    'sub-1' as submission_id, 'follow_up.csv' as source_file, source_line
from person
where number <> 7;

insert into submitted.patient by name
select 'GRAFTED' as patient_id, 'site_a' as site_id, 'male' as sex, 'aml' as disease, 'sub-1' as submission_id,
    'patient.csv' as source_file, 99 as source_line;
"""

each_view = pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("views") / "registry.duckdb"
    with duckdb.connect(file) as connection:
        build(connection)
        connection.execute(ROWS)
        derive(connection)
    return file


@pytest.fixture(scope="module")
def registry(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(path, read_only=True) as connection:
        yield connection


def content(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[object, ...]]:
    return connection.execute(f"select * from {name} order by all").fetchall()


@each_view
def test_table_has_the_columns_of_its_definition(registry: duckdb.DuckDBPyConnection, view: View) -> None:
    built = registry.execute(
        "select column_name, data_type from duckdb_columns() where schema_name = 'analysis' and table_name = ? "
        "order by column_index",
        [view.name],
    ).fetchall()
    assert [name for name, _ in built] == list(view.column_names)
    kinds = dict(built)
    assert all(kinds[column.name] in TYPES[column.type] for column in view.columns)


@each_view
def test_table_and_columns_carry_their_comments(registry: duckdb.DuckDBPyConnection, view: View) -> None:
    (comment,) = registry.execute(
        "select comment from duckdb_tables() where schema_name = 'analysis' and table_name = ?", [view.name]
    ).fetchall()[0]
    assert comment == f"{view.description} Grain: {view.grain}."
    comments = registry.execute(
        "select column_name, comment from duckdb_columns() where schema_name = 'analysis' and table_name = ?",
        [view.name],
    ).fetchall()
    assert dict(comments) == {column.name: column_comment(column) for column in view.columns}


def test_nothing_else_is_in_analysis(registry: duckdb.DuckDBPyConnection) -> None:
    names = registry.execute("select table_name from duckdb_tables() where schema_name = 'analysis'").fetchall()
    assert {name for (name,) in names} == {view.name for view in VIEWS}


def values_are_allowed(column: Column, values: list[object]) -> bool:
    known = [value for value in values if value is not None]
    if column.required and len(known) < len(values):
        return False
    if column.codes and not set(known) <= set(column.codes):
        return False
    return all(
        (column.minimum is None or value >= column.minimum) and (column.maximum is None or value <= column.maximum)
        for value in known
        if isinstance(value, int | float)
    )


@each_view
def test_values_are_those_of_the_definition_and_keys_are_unique(
    registry: duckdb.DuckDBPyConnection, view: View
) -> None:
    rows = content(registry, f"analysis.{view.name}")
    assert rows
    for place, column in enumerate(view.columns):
        assert values_are_allowed(column, [row[place] for row in rows]), column.name
    places = [view.column_names.index(name) for name in view.key]
    assert len({tuple(row[place] for place in places) for row in rows}) == len(rows)


def test_tables_answer_under_any_alias(path: Path, registry: duckdb.DuckDBPyConnection) -> None:
    # Opened a second time in the same process the file would be the same database; a copy is another one.
    copy = path.with_name("copy.duckdb")
    copy.write_bytes(path.read_bytes())
    with duckdb.connect() as elsewhere:
        elsewhere.execute(f"attach '{copy}' as other (read_only)")
        for view in VIEWS:
            name = f"analysis.{view.name}"
            assert content(elsewhere, f"other.{name}") == content(registry, name)


@pytest.mark.parametrize("threads", [1, 4])
def test_derivation_is_the_same_on_any_number_of_threads(
    path: Path, registry: duckdb.DuckDBPyConnection, threads: int
) -> None:
    copy = path.with_name(f"threads_{threads}.duckdb")
    copy.write_bytes(path.read_bytes())
    with duckdb.connect(copy, config={"threads": threads}) as again:
        derive(again)
        tables = again.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('staging', 'derived', 'analysis')"
        ).fetchall()
        for (name,) in tables:
            assert content(again, name) == content(registry, name)


def test_cutoff_of_the_session_counts_when_deriving(path: Path) -> None:
    copy = path.with_name("cut_off.duckdb")
    copy.write_bytes(path.read_bytes())
    with duckdb.connect(copy) as earlier:
        earlier.execute("set variable analysis_cutoff_date = date '2016-06-30'")
        derive(earlier)
        ((latest,),) = earlier.execute("select max(deciding_date) from analysis.endpoint").fetchall()
        assert latest.isoformat() == "2016-06-30"
