"""Do the SQL macros give what the Python estimators give, on the data of the golden values?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from blinreg.analyses import cumulative_incidence, kaplan_meier, log_rank, mantel_byar, simon_makuch

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ["id", "tstart", "tstop", "event", "group_label"]
ROWS: dict[str, Any] = {"id": "id", "start": "tstart", "stop": "tstop", "event": "event"}
Same = Callable[[pl.DataFrame, pl.DataFrame], None]


def heart(name: str) -> pl.DataFrame:
    return read(f"data/{name}.csv", "id", "start", "stop", "event", "transplant")


def read(path: str, *columns: str) -> pl.DataFrame:
    """Read columns that mean id, tstart, tstop, event, group_label; "0" stands for entry at 0."""
    frame = pl.read_csv(GOLDEN / path, infer_schema_length=None)
    taken = [pl.lit(0) if name == "0" else pl.col(name) for name in columns]
    return frame.select(column.alias(name) for column, name in zip(taken, NAMES, strict=True))


EXPOSURES: dict[str, Callable[[], pl.DataFrame]] = {
    "heart": lambda: heart("heart"),
    "jasa1": lambda: heart("jasa1"),
    "jasa_tmerge": lambda: heart("jasa_tmerge"),
    "heart_x2": lambda: heart("heart_x2"),
    "bmt_agvhd": lambda: read("data/bmt_counting_process.csv", "id", "tstart", "tstop", "relapse_or_death", "agvhd"),
    "bmt_platelet": lambda: read(
        "data/bmt_counting_process.csv", "id", "tstart", "tstop", "relapse_or_death", "platelet"
    ),
}
GROUPS: dict[str, Callable[[], pl.DataFrame]] = {
    "veteran": lambda: read("data/veteran.csv", "id", "0", "time", "status", "celltype"),
    "veteran_two": lambda: read("data/veteran.csv", "id", "0", "time", "status", "trt"),
    "entry": lambda: read("data/entry.csv", "id", "start", "stop", "event", "group"),
    "bmt_dfs": lambda: read("data/bmt.csv", "id", "0", "t2", "d3", "group"),
}


@pytest.fixture
def rows_of(macros: duckdb.DuckDBPyConnection) -> Iterator[Callable[[pl.DataFrame], pl.DataFrame]]:
    """Show a frame to the macros under the name `golden_rows`."""

    def show(frame: pl.DataFrame) -> pl.DataFrame:
        macros.register("golden_rows", frame)
        return frame

    yield show
    macros.unregister("golden_rows")


Show = Callable[[pl.DataFrame], pl.DataFrame]


@pytest.mark.parametrize("conf_type", ["log-log", "log", "plain"])
@pytest.mark.parametrize("name", [*EXPOSURES, *GROUPS])
def test_kaplan_meier(
    macros: duckdb.DuckDBPyConnection, rows_of: Show, equal_to_python: Same, name: str, conf_type: Any
) -> None:
    rows = rows_of((EXPOSURES | GROUPS)[name]())
    found = macros.sql(f"from analysis.kaplan_meier('golden_rows', conf_type := '{conf_type}', conf_level := 0.9)").pl()
    equal_to_python(found, kaplan_meier(rows, by="group_label", conf_type=conf_type, conf_level=0.9, **ROWS).table)


@pytest.mark.parametrize("landmark", [0, 30, 60.5])
@pytest.mark.parametrize("name", EXPOSURES)
def test_simon_makuch(
    macros: duckdb.DuckDBPyConnection, rows_of: Show, equal_to_python: Same, name: str, landmark: float
) -> None:
    rows = rows_of(EXPOSURES[name]())
    found = macros.sql(f"from analysis.simon_makuch('golden_rows', landmark := {landmark})").pl()
    equal_to_python(found, simon_makuch(rows, "group_label", landmark=landmark, **ROWS).table)


@pytest.mark.parametrize("landmark", [0, 30])
@pytest.mark.parametrize("name", EXPOSURES)
def test_mantel_byar(
    macros: duckdb.DuckDBPyConnection, rows_of: Show, equal_to_python: Same, name: str, landmark: float
) -> None:
    rows = rows_of(EXPOSURES[name]())
    found = macros.sql(f"from analysis.mantel_byar('golden_rows', landmark := {landmark})").pl()
    test = mantel_byar(rows, "group_label", landmark=landmark, **ROWS)
    columns = ["group_label", "observed", "expected"]
    equal_to_python(found.select(columns), test.table.drop("n"))
    names = ["observed", "expected", "variance", "chi_squared", "df", "p_value", "log_hazard_ratio"]
    names.append("log_hazard_ratio_se")
    exposed = found.row(1, named=True)
    np.testing.assert_allclose(
        [exposed[name] for name in names], [getattr(test, name) for name in names], rtol=1e-12, atol=1e-12
    )
    assert test.p_value is not None
    np.testing.assert_allclose(found["p_value"], [test.p_value] * 2, rtol=1e-12)
    assert found["log_hazard_ratio"][0] == pytest.approx(-exposed["log_hazard_ratio"], abs=1e-12)


def test_heart_equals_the_value_of_r(macros: duckdb.DuckDBPyConnection, rows_of: Show) -> None:
    """R 4.2.2, survival 3.5.3; see the README of tests/golden/heart."""
    expected = json.loads((GOLDEN / "heart/heart_reference.json").read_text())["mantel_byar"]["heart"]
    rows_of(heart("heart"))
    row = macros.sql("from analysis.mantel_byar('golden_rows') where group_label = 1").pl().row(0, named=True)
    ours = [row["observed"], row["expected"], row["variance"], row["chi_squared"]]
    np.testing.assert_allclose(ours, [expected[name] for name in ("O1", "E1", "V_hypergeometric", "chisq")], rtol=1e-8)


@pytest.mark.parametrize("name", GROUPS)
def test_log_rank(macros: duckdb.DuckDBPyConnection, rows_of: Show, equal_to_python: Same, name: str) -> None:
    rows = rows_of(GROUPS[name]())
    found = macros.sql("from analysis.log_rank('golden_rows')").pl()
    test = log_rank(rows, "group_label", **ROWS)
    equal_to_python(found.select("group_label", "n", "observed", "expected"), test.table)
    np.testing.assert_allclose(np.array(found["covariance"].to_list()), test.variance, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found["variance"], np.diag(test.variance), rtol=1e-12, atol=1e-12)
    if found.height > 2:
        assert found["chi_squared"].null_count() == found["p_value"].null_count() == found.height
        return
    assert test.chi_squared is not None
    assert test.p_value is not None
    np.testing.assert_allclose(found["chi_squared"], [test.chi_squared] * 2, rtol=1e-12)
    np.testing.assert_allclose(found["p_value"], [test.p_value] * 2, rtol=1e-12)
    assert found["df"].to_list() == [1, 1]


@pytest.mark.parametrize("conf_type", ["log-log", "plain"])
@pytest.mark.parametrize("name", ["transplant", "bmt_relapse", "heart"])
def test_cumulative_incidence(
    macros: duckdb.DuckDBPyConnection, rows_of: Show, equal_to_python: Same, name: str, conf_type: Any
) -> None:
    if name == "transplant":
        rows = read("data/transplant.csv", "id", "0", "futime", "cause", "abo").filter(pl.col("tstop") > 0)
    elif name == "bmt_relapse":
        bmt = pl.read_csv(GOLDEN / "data/bmt.csv")
        cause = pl.when(pl.col("d2") == 1).then(1).when(pl.col("d1") == 1).then(2).otherwise(0)
        rows = bmt.select("id", tstart=pl.lit(0), tstop="t2", event=cause, group_label="group")
    else:
        rows = heart("heart")
    rows_of(rows)
    found = macros.sql(f"from analysis.cumulative_incidence('golden_rows', conf_type := '{conf_type}')").pl()
    equal_to_python(found, cumulative_incidence(rows, by="group_label", conf_type=conf_type, **ROWS).table)
