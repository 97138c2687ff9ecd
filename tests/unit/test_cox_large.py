"""Fits of many rows take another way through the code: they must give the same numbers and the same refusals.

The way begins at `data.KERNEL_ROWS` rows; here it begins at one, with chunks and
batches small enough for several of each.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from blinreg.analyses import cox, inputs
from blinreg.analyses.cox_regression import chunks, data, reading
from blinreg.analyses.cox_regression.result import CoxResult
from blinreg.schemas.errors import AnalysisError, InputError

COVARIATES = ["age", "donor", "allo_hct", "age:allo_hct"]


def cohort(n: int = 1500, *, seed: int = 3) -> pl.DataFrame:
    """Patients in one or two rows, with ties, late entry, recurrent events and every kind of column."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(n):
        entry = float(rng.integers(1, 20)) if rng.random() < 0.3 else 0.0
        middle, end = entry + 1 + float(rng.integers(0, 40)), entry + 45 + float(rng.integers(0, 30)) / 2
        shared = {
            "patient_id": patient,
            "age": float(rng.integers(180, 800)) / 10,
            "donor": str(rng.choice(["matched", "haploidentical", "cord_blood"])),
            "site": int(rng.integers(0, 4)),
            "country": str(rng.choice(["a", "b"])),
            "copies": float(rng.integers(1, 5)) / 2,
            "known": float(rng.normal()),
            "label": f"p{patient * 7919 % 1000}",
        }
        cuts = [entry, middle, end] if rng.random() < 0.5 else [entry, end]
        for k, (low, high) in enumerate(pairwise(cuts)):
            risk = 0.25 + 0.3 * (k == 1) + 0.004 * (shared["age"] - 45)
            rows.append(
                shared
                | {"tstart": low, "tstop": high, "event": int(rng.random() < risk), "allo_hct": k, "flag": k == 1}
            )
    return pl.DataFrame(rows)


ROWS = cohort()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send every fit through the compiled kernel, in chunks of 256 rows."""
    monkeypatch.setattr(data, "KERNEL_ROWS", 1)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 256)


def numbers(result: CoxResult) -> NDArray[np.float64]:
    tests = [result.score_test, result.wald_test, result.likelihood_ratio_test, result.robust_score_test]
    return np.concatenate(
        [
            result.table.select("coef", "se", "lower", "upper", "z").to_numpy().ravel(),
            result.variance.ravel(),
            [] if result.robust_variance is None else result.robust_variance.ravel(),
            [result.log_likelihood.null, result.log_likelihood.fitted],
            [test.statistic for test in tests if test is not None],
        ]
    )


def stamps(result: CoxResult) -> tuple[object, ...]:
    counts = (result.n_rows, result.n_subjects, result.n_events, result.n_clusters, result.n_missing)
    return (*counts, result.reference, result.notes, result.table["term"].to_list())


OPTIONS: list[dict[str, Any]] = [
    {},
    {"ties": "breslow"},
    {"strata": ["site"]},
    {"strata": ["site", "country"], "cluster": "patient_id", "weights": "copies", "offset": "known"},
    {"cluster": "site"},
    {"cluster": "label", "ties": "breslow", "reference": {"donor": "matched"}},
    {"start": None, "id": None},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_the_kernel_gives_the_numbers_of_numpy(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small = cox(ROWS, COVARIATES, **options)
    monkeypatch.setattr(data, "KERNEL_ROWS", 1)
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 256)
    large = cox(ROWS, COVARIATES, **options)
    assert_allclose(numbers(large), numbers(small), rtol=1e-9, atol=1e-12)
    assert_allclose(large.table["coef"], small.table["coef"], rtol=1e-11, atol=1e-12)
    assert stamps(large) == stamps(small)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("options", OPTIONS)
def test_no_digit_depends_on_the_number_of_threads(options: dict[str, Any]) -> None:
    fits = [numbers(cox(ROWS, COVARIATES, threads=threads, **options)) for threads in (1, 2, 3)]
    assert fits[0].tobytes() == fits[1].tobytes() == fits[2].tobytes()


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("kind", ["lazy", "duckdb", "pandas", "arrow"])
def test_every_kind_of_frame(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "BATCH_ROWS", 700)
    makers: dict[str, Callable[[], Any]] = {
        "lazy": ROWS.lazy,
        "duckdb": lambda: duckdb.from_arrow(ROWS.to_arrow()),
        "pandas": ROWS.to_pandas,
        "arrow": ROWS.to_arrow,
    }
    assert_allclose(numbers(cox(makers[kind](), COVARIATES)), numbers(cox(ROWS, COVARIATES)), rtol=1e-12)


@pytest.mark.usefixtures("kernel")
def test_rows_that_are_too_many_to_keep_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = cox(ROWS, COVARIATES, strata=["site"], weights="copies", offset="known")
    monkeypatch.setattr(inputs, "BATCH_ROWS", 400)
    monkeypatch.setattr(reading, "MEMORY_BYTES", 20_000)
    connection = duckdb.connect()
    table = connection.from_arrow(ROWS.to_arrow())
    fits = [
        cox(table, COVARIATES, strata=["site"], weights="copies", offset="known", threads=threads) for threads in (1, 2)
    ]
    assert_allclose(numbers(fits[0]), numbers(kept), rtol=1e-9)
    assert numbers(fits[0]).tobytes() == numbers(fits[1]).tobytes()
    assert stamps(fits[0]) == stamps(kept)
    with pytest.raises(InputError, match="rows are too many to be kept, and a robust variance needs them together"):
        cox(table, COVARIATES, cluster="patient_id")


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("name", ["patient_id", "name", "large"])
def test_rows_may_come_in_any_order(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blinreg.analyses.cox_regression.subjects._PARTITION_ROWS", 500)
    rows = ROWS.with_columns(
        name="p" + pl.col("patient_id").cast(pl.String),
        large=2**60 + pl.col("patient_id"),  # apart by less than a float can tell
    )
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=1)
    first, second = (cox(given, COVARIATES, id=name, cluster=name) for given in (rows, shuffled))
    assert_allclose(numbers(second), numbers(first), rtol=1e-9)
    assert stamps(second) == stamps(first)


def broken(column: str, value: float | str | None, rows: list[int]) -> pl.DataFrame:
    index = pl.int_range(pl.len())
    return ROWS.with_columns(pl.when(index.is_in(rows)).then(pl.lit(value)).otherwise(pl.col(column)).alias(column))


REFUSED: dict[str, tuple[Callable[[], pl.DataFrame], dict[str, Any]]] = {
    "missing": (lambda: broken("age", None, [3, 900]), {}),
    "not a number": (lambda: broken("age", float("nan"), [3]), {}),
    "infinite covariate": (lambda: broken("age", float("inf"), [3, 4]), {}),
    "infinite time": (lambda: broken("tstop", float("inf"), [3]), {}),
    "stop before start": (lambda: broken("tstop", 0.0, [3, 4, 5]), {}),
    "event of 2": (lambda: broken("event", 2, [1, 7]), {}),
    "half an event": (lambda: broken("event", 0.5, [1]), {}),
    "overlap": (lambda: ROWS.with_columns(patient_id=pl.col("patient_id") // 2), {}),
    "time is text": (lambda: ROWS.with_columns(pl.col("tstop").cast(pl.String)), {}),
    "no event": (lambda: ROWS.with_columns(event=pl.lit(0)), {}),
    "weights": (lambda: broken("copies", 0.0, [2]), {"weights": "copies"}),
    "offset": (lambda: broken("known", float("inf"), [2]), {"offset": "known"}),
    "text as weights": (lambda: ROWS, {"weights": "donor"}),
    "date as covariate": (lambda: ROWS.with_columns(age=pl.lit("2020-01-01").str.to_date()), {}),
    "one level": (lambda: ROWS.with_columns(donor=pl.lit("matched")), {}),
    "many levels": (lambda: ROWS.with_columns(donor=pl.col("patient_id").cast(pl.String)), {}),
    "unknown reference": (lambda: ROWS, {"reference": {"donor": "matchd"}}),
    "reference of a number": (lambda: ROWS, {"reference": {"age": "40"}}),
    "absent column": (lambda: ROWS, {"offset": "knwon"}),
    "one cluster": (lambda: ROWS.with_columns(site=pl.lit(1)), {"cluster": "site"}),
    "constant": (lambda: ROWS.with_columns(age=pl.lit(40.0)), {}),
    "collinear": (lambda: ROWS.with_columns(age=2.0 * pl.col("allo_hct") + 1), {}),
    "constant in strata": (lambda: ROWS.with_columns(age=10.0 * pl.col("site")), {"strata": ["site"]}),
    "monotone": (
        lambda: ROWS.with_columns(event=pl.col("event") * pl.col("allo_hct")),
        {"covariates": ["age", "allo_hct"]},
    ),
    "missing option": (lambda: ROWS, {"missing": "drop"}),
    "no rows": (lambda: broken("age", None, list(range(5000))), {"missing": "complete_case"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_those_of_small_data(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, options = REFUSED[case]
    messages = []
    for many in (10**9, 1):
        monkeypatch.setattr(data, "KERNEL_ROWS", many)
        with pytest.raises(AnalysisError) as caught:
            cox(make(), **({"covariates": COVARIATES} | options))
        messages.append((type(caught.value), str(caught.value)))
    assert messages[0] == messages[1]


@pytest.mark.usefixtures("kernel")
def test_a_stream_says_where_a_rule_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "BATCH_ROWS", 512)
    table = duckdb.from_arrow(broken("event", 2, [1300, 1301]).to_arrow())
    message = r"in rows \d+ to \d+: column event must be 0 or 1: 2 rows of \d subjects? are not; recode it"
    with pytest.raises(InputError, match=message) as caught:
        cox(table, COVARIATES)
    low, high = re.findall(r"\d+", str(caught.value))[:2]
    assert int(low) <= 1301 < int(high)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("event", [0, 1, 2])
def test_the_connection_is_free_afterwards(event: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that was not read to its end would hold the caller's connection."""
    monkeypatch.setattr(inputs, "BATCH_ROWS", 512)
    with duckdb.connect() as connection:
        connection.register("given", broken("event", event, [5]).to_arrow())
        connection.execute("create table kept as from given").fetchall()
        try:
            cox(connection.table("kept"), COVARIATES)
        except InputError:
            assert event == 2
        assert connection.execute("select 1").fetchall() == [(1,)]


@pytest.mark.usefixtures("kernel")
def test_missing_values_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "BATCH_ROWS", 300)
    rows = broken("age", None, [3, 900, 901])
    complete = rows.drop_nulls()
    for given in (rows, duckdb.from_arrow(rows.to_arrow()), rows.sample(fraction=1.0, shuffle=True, seed=5)):
        found = cox(given, COVARIATES, missing="complete_case")
        assert_allclose(numbers(found), numbers(cox(complete, COVARIATES)), rtol=1e-9)
        assert (found.n_missing, found.n_rows, found.n_subjects) == (
            3,
            complete.height,
            complete["patient_id"].n_unique(),
        )


@pytest.mark.usefixtures("kernel")
def test_overlap_is_found_across_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "BATCH_ROWS", 1)
    rows = pl.DataFrame(
        {
            "patient_id": [1, 1, 2, 3],
            "tstart": [0, 4, 0, 0],
            "tstop": [5, 6, 7, 9],
            "event": [0, 1, 1, 0],
            "x": [0, 1, 0, 1],
        }
    )
    with pytest.raises(InputError, match="must not overlap: 1 row of 1 subject starts before the one before it ends"):
        cox(duckdb.from_arrow(rows.to_arrow()), ["x"])


@pytest.mark.parametrize("offset", [0.0, 500.0])
def test_extreme_relative_risks(offset: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Late entrants are a billion times as likely to fail: differences lose digits, so the fit goes the exact way."""
    rng = np.random.default_rng(2)
    n = 400
    late = np.arange(n) < n // 2
    rows = pl.DataFrame(
        {
            "patient_id": np.arange(n),
            "tstart": np.where(late, 50, 0),
            "tstop": np.where(late, rng.integers(51, 90, n), rng.integers(1, 90, n)),
            "event": (rng.random(n) < 0.7).astype(int),
            "age": rng.normal(size=n),
            "known": np.where(late, 25.0 + offset, 0.0),
        }
    )
    small = cox(rows, ["age"], offset="known")
    monkeypatch.setattr(data, "KERNEL_ROWS", 1)
    assert_allclose(numbers(cox(rows, ["age"], offset="known")), numbers(small), rtol=1e-9)


@pytest.mark.usefixtures("kernel")
def test_a_large_common_offset_changes_nothing() -> None:
    shifted = ROWS.with_columns(known=pl.col("known") + 5000.0 * pl.col("site"))
    first, second = (cox(rows, COVARIATES, strata=["site"], offset="known") for rows in (ROWS, shifted))
    assert_allclose(second.table["coef"], first.table["coef"], rtol=1e-8)


@pytest.mark.usefixtures("kernel")
def test_many_small_strata_take_the_way_of_few_rows() -> None:
    rows = ROWS.with_columns(matched=pl.col("patient_id") // 3)
    fit = cox(rows, ["age"], strata=["matched"])
    assert fit.n_rows == rows.height


def run(code: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return json.loads(done.stdout)


FIT = """
import json, sys
import numpy as np, polars as pl
from blinreg.analyses import cox
n = {n}
day = np.arange(n) % 700 + 1
age = np.arange(n) * 7919 % 61
rows = pl.DataFrame({{"patient_id": np.arange(n), "tstop": day, "event": np.arange(n) % 3 == 0, "age": age}})
fit = cox(rows, ["age"], start=None)
"""


def test_small_data_never_load_the_compiler() -> None:
    loaded = "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules} & {'numba', 'llvmlite'})))"
    below = data.KERNEL_ROWS - 1
    assert run(FIT.format(n=below) + loaded) == []
    assert run(FIT.format(n=below + 1) + loaded) == ["llvmlite", "numba"]


def test_the_kernel_works_where_no_cache_can_be_written() -> None:
    """Numba asks each place for a cache whether it can be written; here none can."""
    nowhere = """
import numba.core.caching as caching
caching._CacheLocator.ensure_cache_path = lambda self: (_ for _ in ()).throw(OSError("read-only"))
"""
    values = run(nowhere + FIT.format(n=60_000) + "print(json.dumps(fit.table['coef'].to_list()))")
    usual = run(FIT.format(n=60_000) + "print(json.dumps(fit.table['coef'].to_list()))")
    assert values == usual


def test_blas_threads_change_no_digit(tmp_path: Path) -> None:
    code = FIT.format(n=60_000) + "print(json.dumps([fit.table['coef'][0].hex(), fit.table['se'][0].hex()]))"
    assert run(code, OPENBLAS_NUM_THREADS="1") == run(code, OPENBLAS_NUM_THREADS="2")
