"""Proportions, odds ratios, stratified 2 x 2 tables and rates against R, and against printed trial results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

from blinreg.analyses import cochran_mantel_haenszel, incidence_rate, odds_ratio, proportion_difference
from blinreg.analyses.incidence_rate import rate_ratio

HERE = Path(__file__).parent
EXPECTED: dict[str, Any] = json.loads((HERE / "expected.json").read_text())
COMPARED = pytest.mark.parametrize(
    "truth", EXPECTED["compared"], ids=lambda truth: f"{truth['data']}-{truth['outcome']}"
)


def same(found: Sequence[Any], expected: Sequence[Any], rtol: float = 1e-8) -> None:
    """Infinity is text in the file; null and missing are the same."""
    ours, theirs = ([np.nan if value is None else float(value) for value in side] for side in (found, expected))
    assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)


def read(name: str) -> pl.DataFrame:
    return pl.read_csv(HERE.parent / f"data/{name}.csv", infer_schema_length=None)


def case_rows(truth: dict[str, Any]) -> tuple[pl.DataFrame, str | None]:
    """The same columns as make_proportions.R makes, and the column of counts where there is one."""
    name = truth["data"]
    rows = read(name)
    if name == "infert":
        rows = rows.with_columns(aborted=(pl.col("spontaneous") > 0).cast(pl.Int64))
    if name == "mgus2":
        rows = rows.with_columns(older=(pl.col("age") >= 70).cast(pl.Int64))
    return rows, "n" if name == "ucb_admissions" else None


def counted(x1: int, n1: int, x0: int, n0: int) -> pl.DataFrame:
    return pl.DataFrame({"y": [1, 0, 1, 0], "arm": ["b", "b", "a", "a"], "n": [x1, n1 - x1, x0, n0 - x0]})


def assert_compared(rows: pl.DataFrame, outcome: str, by: str, count: str | None, truth: dict[str, Any]) -> None:
    options: dict[str, Any] = {"count": count, "conf_level": truth["level"], "missing": "complete_case"}
    x1, n1, x0, n0 = truth["counts"]
    defined = 0 < x1 + x0 < n1 + n0
    for method in ("wald", "newcombe"):
        row = proportion_difference(rows, outcome, by, method=method, **options).table.row(0, named=True)
        assert [row[name] for name in ("n_events", "n", "n_events_reference", "n_reference")] == truth["counts"]
        same([row["difference"]], [x1 / n1 - x0 / n0])
        has_width = method == "newcombe" or truth["wald"][0] < truth["wald"][1]
        same([row["lower"], row["upper"]], truth[method] if has_width else [None, None])
        same(
            [row["chi_squared"], row["p_value"]],
            [truth["chi_squared"], truth["p_chi_squared"]] if defined else [None] * 2,
        )
    row = odds_ratio(rows, outcome, by, **options).table.row(0, named=True)
    names = ("odds_ratio", "lower", "upper", "p_value")
    found = [row[name] for name in names]
    same(found[1:3], truth["exact"][1:])
    same(found[3:], [truth["p_fisher"]])
    same(found[1:3], truth["fisher"][1:], rtol=0.01)  # at fisher.test's own precision
    same(found[:1], truth["exact"][:1] if defined else [None])
    row = odds_ratio(rows, outcome, by, method="woolf", **options).table.row(0, named=True)
    if "woolf" in truth:
        same([row[name] for name in names], truth["woolf"], rtol=1e-7)
    else:
        assert [row[name] for name in names[1:]] == [None, None, None]


@COMPARED
def test_two_groups(truth: dict[str, Any]) -> None:
    rows, count = case_rows(truth)
    for pair in truth["pairs"]:
        assert_compared(rows.drop_nulls(truth["strata"]), truth["outcome"], truth["by"], count, pair)


@pytest.mark.parametrize("truth", EXPECTED["tables"], ids=lambda truth: "-".join(map(str, truth["counts"])))
def test_small_and_extreme_tables(truth: dict[str, Any]) -> None:
    assert_compared(counted(*truth["counts"]), "y", "arm", "n", truth)


@COMPARED
def test_cochran_mantel_haenszel(truth: dict[str, Any]) -> None:
    rows, count = case_rows(truth)
    expected = truth["cmh"]

    def run(**options: Any) -> Any:
        columns = (truth["outcome"], truth["by"], truth["strata"])
        return cochran_mantel_haenszel(rows, *columns, count=count, missing="complete_case", **options)

    found = run()
    same([found.odds_ratio, found.lower, found.upper], [expected["odds_ratio"], *expected["limits"]])
    same([found.chi_squared, found.p_value], [expected["chi_squared"], expected["p"]])
    found = run(conf_level=0.9)
    same([found.lower, found.upper], expected["limits_90"])
    found = run(continuity_correction=True)
    same([found.chi_squared, found.p_value], [expected["chi_squared_corrected"], expected["p_corrected"]])
    assert found.continuity_correction


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cgd", {"event": "status", "by": "treat", "per": "patient-year"}),
        ("heart", {"start": "start", "stop": "stop", "by": "transplant", "per": "100 patient-years"}),
        ("veteran", {"start": None, "stop": "time", "event": "status", "by": "celltype"}),
    ],
)
def test_incidence_rates(name: str, options: dict[str, Any]) -> None:
    truth = EXPECTED["rates"][name]
    found = incidence_rate(read(name), id="id", conf_level=truth["level"], **options)
    table = found.table
    assert table["group"].cast(pl.String).to_list() == truth["group"]
    assert table["n_events"].to_list() == truth["n_events"]
    same(table["person_time"], truth["person_time"])
    same(table["rate"], np.array(truth["n_events"]) / truth["person_time"])
    same(table["lower"], [low for low, _ in truth["limits"]])
    same(table["upper"], [high for _, high in truth["limits"]])
    for row, expected in zip(found.ratios.iter_rows(), truth["ratio"], strict=True):
        same(row[2:], expected)


@pytest.mark.parametrize("truth", EXPECTED["ratio_edges"], ids=lambda truth: "-".join(map(str, truth["counts"])))
def test_rate_ratios_at_the_edges(truth: dict[str, Any]) -> None:
    same(rate_ratio(*truth["counts"], conf_level=0.95), truth["ratio"])


# Kantarjian et al., N Engl J Med 2016;375:740-753 (INO-VATE ALL), Table 2: inotuzumab against standard therapy, rate
# difference in percentage points with its 97.5% limits.
INO_VATE = {
    "CR or CRi": ((88, 109, 32, 109), (51.4, 38.4, 64.3)),
    "CR": ((39, 109, 19, 109), (18.3, 5.2, 31.5)),
    "CRi": ((49, 109, 13, 109), (33.0, 20.3, 45.8)),
    "MRD below threshold in CR or CRi": ((69, 88, 9, 32), (50.3, 29.9, 70.6)),
    "MRD below threshold in CR": ((35, 39, 6, 19), (58.2, 31.9, 84.4)),
    "MRD below threshold in CRi": ((34, 49, 3, 13), (46.3, 16.2, 76.4)),
}


@pytest.mark.parametrize(("counts", "printed"), INO_VATE.values(), ids=INO_VATE)
def test_differences_printed_by_ino_vate(counts: tuple[int, ...], printed: tuple[float, ...]) -> None:
    row = proportion_difference(counted(*counts), "y", "arm", count="n", conf_level=0.975).table.row(0, named=True)
    assert tuple(round(100 * row[name], 1) for name in ("difference", "lower", "upper")) == printed


# AALL1331 (NCT02101853), the randomised trial in first relapse, Table 2: blinatumomab against chemotherapy;
# difference in percentage points and odds ratio, each with 95% limits. The printed difference in transplants, 27,
# is that of the rounded 70 and 43; it is 27.8.
AALL1331 = {
    "MRD negative after reinduction": ((26, 105, 31, 103), (-5, -17, 7), ("0.76", "0.4", "1.5")),
    "MRD negative after cycle 1": ((79, 105, 33, 103), (43, 31, 55), ("6.4", "3.4", "12.4")),
    "MRD negative after cycle 2": ((69, 105, 33, 103), (34, 21, 46), ("4.1", "2.2", "7.6")),
    "transplanted": ((74, 105, 44, 103), (28, 15, 41), ("3.2", "1.7", "5.9")),
}


@pytest.mark.parametrize(("counts", "differences", "ratios"), AALL1331.values(), ids=AALL1331)
def test_results_printed_by_aall1331(
    counts: tuple[int, ...], differences: tuple[int, ...], ratios: tuple[str, ...]
) -> None:
    row = proportion_difference(counted(*counts), "y", "arm", count="n").table.row(0, named=True)
    assert tuple(round(100 * row[name]) for name in ("difference", "lower", "upper")) == differences
    row = odds_ratio(counted(*counts), "y", "arm", count="n").table.row(0, named=True)
    decimals = [len(text.split(".")[1]) for text in ratios]
    names = ("sample_odds_ratio", "lower", "upper")
    assert [f"{row[name]:.{places}f}" for name, places in zip(names, decimals, strict=True)] == list(ratios)


# Newcombe, Statistics in Medicine 1998;17:873-890, Table II: 95% limits by methods 1 (Wald) and 10.
NEWCOMBE = [
    ((56, 70, 48, 80), (0.0575, 0.3425), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.2605, 0.9395), (0.1705, 0.8090)),
    ((5, 56, 0, 29), (0.0146, 0.1640), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), None, (-0.1611, 0.2775)),
    ((10, 10, 0, 20), None, (0.6791, 1.0000)),
]


@pytest.mark.parametrize(("counts", "wald", "newcombe"), NEWCOMBE)
def test_limits_printed_by_newcombe(counts: tuple[int, ...], wald: tuple[float, ...] | None, newcombe: Any) -> None:
    for method, printed in (("wald", wald), ("newcombe", newcombe)):
        found = proportion_difference(counted(*counts), "y", "arm", count="n", method=method).table  # type: ignore[arg-type]
        limits = found.select(pl.col("lower", "upper").round(4)).row(0)
        assert limits == (printed or (None, None))
