"""Can a SQL analyst call the macros in every way that the documents promise, and are wrong rows refused?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy.special import chdtrc, ndtri

from blinreg.registry.derive import sql_files

MACROS = {name: text for name, text in sql_files() if "_macro_" in name}
NAMES = ("kaplan_meier", "simon_makuch", "mantel_byar", "log_rank", "cumulative_incidence")
ROWS = """
    (1, 0, 30, 0, 0), (1, 30, 90, 1, 1), (2, 0, 50, 1, 0), (3, 0, 60, 0, 0), (4, 10, 35, 0, 0), (4, 35, 80, 1, 1)
"""
COLUMNS = "(id, tstart, tstop, event, group_label)"


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("create schema analysis; create schema study")
    for text in MACROS.values():
        connection.execute(text)
    connection.execute(f"create table study.observed as from (values {ROWS}) as given {COLUMNS}")
    return connection


def result(connection: duckdb.DuckDBPyConnection, call: str, before: str = "") -> list[Any]:
    return connection.sql(f"{before} from analysis.{call}").fetchall()


@pytest.mark.parametrize("name", NAMES)
def test_a_table_may_be_named_in_many_ways(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    expected = result(connection, f"{name}('study.observed')")
    assert expected
    connection.execute("create view plain_view as from study.observed")
    connection.execute('create schema "odd schema"; create table "odd schema"."odd table" as from study.observed')
    assert result(connection, f"{name}('memory.study.observed')") == expected
    assert result(connection, f"{name}('plain_view')") == expected
    assert result(connection, f"""{name}('"odd schema"."odd table"')""") == expected
    assert result(connection, f"{name}('mine')", "with mine as (select * from study.observed)") == expected
    assert result(connection, f"{name}(table_name := 'plain_view')") == expected


@pytest.mark.parametrize("name", NAMES)
def test_names_used_inside_the_macro_are_free_for_the_caller(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    expected = result(connection, f"{name}('study.observed')")
    text = next(text for file, text in MACROS.items() if name in file)
    inside = re.findall(r"^    (?:with )?(\w+) as \($", text, re.M)
    assert {"input_row", "ended", "fault"} <= set(inside)
    for cte in inside:
        assert result(connection, f"{name}('{cte}')", f"with {cte} as (from study.observed)") == expected
        connection.execute(f"create table {cte} as from study.observed")
        assert result(connection, f"{name}('{cte}')") == expected


@pytest.mark.parametrize("name", NAMES)
def test_further_columns_and_other_types_change_nothing(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    expected = result(connection, f"{name}('study.observed')")
    connection.execute(
        "create table narrow as select 'site' as site_id, 0.5 as landmark, 1 as conf_level, 'p' || id as id, "
        "tstart::tinyint as tstart, tstop::decimal(6, 1) as tstop, event = 1 as event, group_label from study.observed"
    )
    assert result(connection, f"{name}('narrow')") == expected


def test_attached_read_only_under_an_alias(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    file = tmp_path / "registry.duckdb"
    with duckdb.connect(str(file)) as writer:
        writer.execute("create schema analysis; create schema study")
        for text in MACROS.values():
            writer.execute(text)
        writer.execute(f"create table study.observed as from (values {ROWS}) as given {COLUMNS}")
    with duckdb.connect() as reader:
        reader.execute(f"attach '{file}' as alias (read_only)")
        reader.execute(f"create table mine as from (values {ROWS}) as given {COLUMNS}")
        for name in NAMES:
            expected = result(connection, f"{name}('study.observed')")
            for table in ("alias.study.observed", "mine"):
                assert reader.sql(f"from alias.analysis.{name}('{table}')").fetchall() == expected
        reader.execute("use alias")
        assert reader.sql("from analysis.log_rank('study.observed')").fetchall()


def test_each_macro_is_in_its_own_file_and_carries_a_comment(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.sql(
        "select function_name, comment from duckdb_functions() "
        "where schema_name = 'analysis' and function_type = 'table_macro'"
    ).fetchall()
    assert {name for name, _ in found} == set(NAMES) == {file[len("900_macro_") : -len(".sql")] for file in MACROS}
    for name, comment in found:
        assert comment.lower().replace("-", " ").startswith(name.replace("_", " "))
        assert "table_name: as text" in comment
        assert "tstart, tstop, event, group_label" in comment


def test_no_macro_calls_another() -> None:
    for file, text in MACROS.items():
        body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
        called = [name for name in NAMES if re.search(rf"\b{name}\s*\(", body)]
        assert called == [file[len("900_macro_") : -len(".sql")]]


def part(text: str, name: str) -> str:
    """Cut the CTE of that name out of a macro."""
    found = re.search(rf"^    (?:with )?{name} as .*?^    \)", text, re.M | re.S)
    assert found, name
    return found.group().replace("with ", "    ", 1)


@pytest.mark.parametrize(
    ("ctes", "names"),
    [
        ("input_row ended", "kaplan_meier simon_makuch log_rank cumulative_incidence"),
        ("begun continued", "kaplan_meier cumulative_incidence"),
        ("moved running", "kaplan_meier simon_makuch cumulative_incidence"),
        ("product_limit estimate", "kaplan_meier simon_makuch"),
        ("scaled quantile", "kaplan_meier simon_makuch cumulative_incidence"),
        ("present", "simon_makuch mantel_byar"),
        ("moved running total step observation share_product", "mantel_byar log_rank"),
        ("covariance_row summed statistic half test", "mantel_byar log_rank"),
    ],
)
def test_repeated_parts_are_the_same(ctes: str, names: str) -> None:
    texts = [text for file, text in MACROS.items() if file[len("900_macro_") : -len(".sql")] in names.split()]
    assert len(texts) == len(names.split())
    for cte in ctes.split():
        assert len({part(text, cte) for text in texts}) == 1, cte


@pytest.mark.parametrize("name", ["mantel_byar", "log_rank"])
def test_p_value_over_the_whole_range(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    text = next(text for file, text in MACROS.items() if name in file)
    values = np.concatenate([np.logspace(-12, 0, 400), np.linspace(0, 40, 2001), np.linspace(40, 1400, 700)])
    connection.register("statistic", pl.DataFrame({"chi_squared": values}))
    query = f"with {part(text, 'half').strip()}, {part(text, 'test')} select chi_squared, p_value from test"
    found = connection.sql(query).pl()
    np.testing.assert_allclose(found["p_value"], chdtrc(1, found["chi_squared"].to_numpy()), rtol=1e-12)
    connection.register("statistic", pl.DataFrame({"chi_squared": [None, 2000.0]}))
    assert connection.sql(query).pl()["p_value"].to_list() == [None, 0.0]


def test_normal_quantile_at_any_level(connection: duckdb.DuckDBPyConnection) -> None:
    text = next(text for file, text in MACROS.items() if "kaplan_meier" in file)
    levels = np.concatenate([np.linspace(0.001, 0.999, 999), [0.8499, 0.85, 0.8501, 0.9999, 0.999999]])
    steps = f"{part(text, 'scaled').strip()}, {part(text, 'quantile')}"
    connection.execute(f"create macro quantile(conf_level) as table with {steps} select z from quantile")
    found = [connection.execute(f"from quantile({level!r})").fetchone() for level in levels.tolist()]
    np.testing.assert_allclose([row[0] for row in found if row], ndtri(0.5 + levels / 2), rtol=1e-12)


REFUSED = [
    ("(1, 5, 5, 1, 'a'), (2, 0, 5, 1, 'b')", "rows in which tstop is not after tstart: 1"),
    ("(1, 0, 5, -1, 'a'), (2, 0, 5, 1, 'b')", "event must be 0 or"),
    ("(1, 0, 5, 0.5, 'a'), (2, 0, 5, 1, 'b')", "event must be 0 or"),
    ("(1, 0, null, 1, 'a'), (2, 0, 5, 1, 'b')", "no null allowed"),
    ("(1, null, 5, 1, 'a'), (2, 0, 5, 1, 'b')", "no null allowed"),
    ("(1, 0, 5, null, 'a'), (2, 0, 5, 1, 'b')", "no null allowed"),
    ("(1, 0, 5, 1, null), (2, 0, 5, 1, 'b')", "no null allowed"),
    ("(1, 0, 'infinity'::double, 1, 'a'), (2, 0, 5, 1, 'b')", "a time is infinite"),
    ("(1, '-infinity'::double, 5, 1, 'a'), (2, 0, 5, 1, 'b')", "a time is infinite"),
]


@pytest.mark.parametrize(("rows", "message"), REFUSED)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_rows_are_refused(connection: duckdb.DuckDBPyConnection, name: str, rows: str, message: str) -> None:
    connection.execute(f"create view wrong as select * from (values {rows}) as given {COLUMNS}")
    with pytest.raises(duckdb.Error, match=f"{name}: {message}"):
        result(connection, f"{name}('wrong')")


@pytest.mark.parametrize("name", NAMES)
def test_no_rows_are_refused(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    with pytest.raises(duckdb.Error, match=f"{name}: there are no rows"):
        result(connection, f"{name}('none')", "with none as (from study.observed where false)")


@pytest.mark.parametrize("name", ["kaplan_meier", "simon_makuch", "log_rank", "cumulative_incidence"])
def test_a_row_without_a_subject_is_refused(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    rows = "with unnamed as (select * replace (nullif(id, 3) as id) from study.observed)"
    with pytest.raises(duckdb.Error, match="no null allowed"):
        result(connection, f"{name}('unnamed')", rows)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("kaplan_meier('study.observed', conf_type := 'loglog')", "conf_type must be one of log-log, log, plain"),
        ("simon_makuch('study.observed', conf_type := null)", "conf_type must be"),
        ("cumulative_incidence('study.observed', conf_type := 'log')", "conf_type must be one of log-log, plain"),
        ("kaplan_meier('study.observed', conf_level := 95)", "conf_level must be a share"),
        ("cumulative_incidence('study.observed', conf_level := 0)", "conf_level must be a share"),
        ("simon_makuch('study.observed', landmark := 90)", "nobody is at risk after the landmark"),
        ("mantel_byar('study.observed', landmark := 90)", "nobody is at risk after the landmark"),
        ("mantel_byar('study.observed', landmark := 80)", "group_label has one value"),
        ("log_rank('no_such_table')", "no_such_table"),
    ],
)
def test_wrong_arguments_are_refused(connection: duckdb.DuckDBPyConnection, call: str, message: str) -> None:
    with pytest.raises(duckdb.Error, match=message):
        result(connection, call)


def test_one_group_has_nothing_to_compare(connection: duckdb.DuckDBPyConnection) -> None:
    for name in ("mantel_byar", "log_rank"):
        with pytest.raises(duckdb.Error, match="nothing to compare"):
            result(connection, f"{name}('one')", "with one as (from study.observed where group_label = 0)")


def test_no_events_give_flat_curves_and_no_p_value(connection: duckdb.DuckDBPyConnection) -> None:
    before = "with quiet as (select * replace (0 as event) from study.observed)"
    curve = connection.sql(
        f"{before} select distinct survival, se, lower from analysis.kaplan_meier('quiet')"
    ).fetchall()
    assert curve == [(1.0, 0.0, None)]
    incidence = connection.sql(
        f"{before} select distinct cause, cumulative_incidence, se, upper from analysis.cumulative_incidence('quiet')"
    ).fetchall()
    assert incidence == [(1, 0.0, 0.0, None)]
    for name in ("mantel_byar", "log_rank"):
        rows = connection.sql(
            f"{before} select observed, expected, variance, covariance, chi_squared, df, p_value "
            f"from analysis.{name}('quiet')"
        ).fetchall()
        assert rows == [(0, 0.0, 0.0, [0.0, 0.0], None, None, None)] * 2


def test_three_states_give_the_covariance_matrix_and_no_p_value(connection: duckdb.DuckDBPyConnection) -> None:
    before = "with three as (select * replace (id % 3 as group_label) from study.observed)"
    found = connection.sql(f"{before} from analysis.mantel_byar('three')").pl()
    matrix = np.array(found["covariance"].to_list())
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-15)
    np.testing.assert_allclose(matrix.sum(axis=0), 0, atol=1e-15)
    assert found.select("chi_squared", "df", "p_value", "log_hazard_ratio").null_count().row(0) == (3, 3, 3, 3)


def test_simon_makuch_without_counting_subjects(connection: duckdb.DuckDBPyConnection) -> None:
    counted = connection.sql("from analysis.simon_makuch('study.observed', landmark := 5)").pl()
    uncounted = connection.sql(
        "from analysis.simon_makuch('study.observed', landmark := 5, count_subjects := false)"
    ).pl()
    left_out = ["n_entered", "n_crossed", "n_censored"]
    assert uncounted.columns == counted.columns
    assert uncounted.dtypes == counted.dtypes
    assert uncounted.drop(left_out).equals(counted.drop(left_out))
    assert uncounted.select(left_out).null_count().row(0) == (counted.height,) * 3
    assert counted.select(left_out).null_count().row(0) == (0, 0, 0)


def test_integer_division_of_the_session_changes_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    expected = [result(connection, f"{name}('study.observed')") for name in NAMES]
    connection.execute("set integer_division = true")
    assert [result(connection, f"{name}('study.observed')") for name in NAMES] == expected


@pytest.mark.parametrize("name", NAMES)
def test_twelve_runs_on_two_threads_give_one_value(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """20,000 different times: enough for unordered sums of fractions by time to give nine values or more."""
    connection.execute(
        "create table many as select i as id, 0 as tstart, 1 + (i * 7919) % 20011 / 7.0 as tstop, "
        "(hash(i) % 3 = 0)::integer as event, i % 2 as group_label from range(100000) as series (i)"
    )
    # Exact, whatever the order of the rows: a sum of whole numbers made from every bit of every row.
    digest = f"select count(*), sum(hash(row_found)::hugeint) from analysis.{name}('many') as row_found"
    assert len({connection.execute(digest).fetchone() for _ in range(12)}) == 1
