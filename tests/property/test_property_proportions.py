"""What must hold for comparisons of proportions and rates on any data."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from blinreg.analyses import cochran_mantel_haenszel, incidence_rate, odds_ratio, proportion_difference
from blinreg.analyses.exact_conditional import binomial_family, hypergeometric_family

RUNS = settings(max_examples=60, deadline=None)
ARM = st.tuples(st.integers(1, 25), st.integers(0, 25)).map(lambda pair: (pair[0], min(pair)))  # n, events
STRATA = st.lists(st.tuples(ARM, ARM), min_size=1, max_size=4)
RATIO = ("odds_ratio", "lower", "upper")
Strata = list[tuple[tuple[int, int], tuple[int, int]]]


def counted(strata: Strata) -> pl.DataFrame:
    """One row for each cell, with its count."""
    cells = [
        (place, arm, outcome, events if outcome else n - events)
        for place, arms in enumerate(strata)
        for arm, (n, events) in zip("ab", arms, strict=True)
        for outcome in (0, 1)
    ]
    return pl.DataFrame(cells, schema=["centre", "arm", "y", "n"], orient="row")


def one_by_one(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.select(pl.exclude("n").repeat_by("n")).explode(pl.all()).drop_nulls()


def values(frame: pl.DataFrame, *names: str) -> list[float]:
    return [np.nan if value is None else value for value in frame.select(names).row(0)]


@RUNS
@given(STRATA, st.randoms(use_true_random=False))
def test_counts_and_rows_in_any_order_are_the_same(strata: Strata, random: Any) -> None:
    cells = counted(strata)
    rows = one_by_one(cells)
    order = list(range(rows.height))
    random.shuffle(order)
    rows = rows[order]
    for method in ("wald", "newcombe"):
        expected = proportion_difference(cells, "y", "arm", count="n", method=method)
        found = proportion_difference(rows, "y", "arm", method=method)
        assert found.table.equals(expected.table)
        assert (found.n, found.n_events) == (expected.n, expected.n_events)
    for kind in ("exact", "woolf"):
        expected_ratio = odds_ratio(cells, "y", "arm", count="n", method=kind).table
        assert odds_ratio(rows, "y", "arm", method=kind).table.equals(expected_ratio)
    stratified = cochran_mantel_haenszel(cells, "y", "arm", ["centre"], count="n")
    assert cochran_mantel_haenszel(rows, "y", "arm", ["centre"]).table.equals(stratified.table)


@RUNS
@given(ARM, ARM)
def test_the_other_group_and_the_other_outcome_mirror_the_result(first: Any, second: Any) -> None:
    cells = counted([(first, second)])
    for method in ("wald", "newcombe"):
        options: Any = {"count": "n", "method": method}
        names = ("difference", "lower", "upper")
        expected = -np.array(values(proportion_difference(cells, "y", "arm", **options).table, *names))[[0, 2, 1]]
        swapped = proportion_difference(cells, "y", "arm", reference="b", **options).table
        assert_allclose(values(swapped, *names), expected, atol=1e-12)
        opposite = proportion_difference(cells.with_columns(y=1 - pl.col("y")), "y", "arm", **options).table
        assert_allclose(values(opposite, *names), expected, atol=1e-12)
    for kind in ("exact", "woolf"):
        options = {"count": "n", "method": kind}
        with np.errstate(divide="ignore"):
            expected = 1 / np.array(values(odds_ratio(cells, "y", "arm", **options).table, *RATIO))[[0, 2, 1]]
        swapped = odds_ratio(cells, "y", "arm", reference="b", **options).table
        assert_allclose(values(swapped, *RATIO), expected, rtol=1e-9)
        opposite = odds_ratio(cells.with_columns(y=1 - pl.col("y")), "y", "arm", **options).table
        assert_allclose(values(opposite, *RATIO), expected, rtol=1e-9)


@RUNS
@given(ARM, ARM, st.floats(0.5, 0.99))
def test_exact_limits_are_where_the_tails_have_half_the_error(first: Any, second: Any, conf_level: float) -> None:
    (n0, x0), (n, x) = first, second
    family = hypergeometric_family(n, n0, x + x0)
    lower, upper = family.limits(x, conf_level)
    place, tail = x - family.first, (1 - conf_level) / 2
    if lower > 0:
        assert_allclose(family.density(np.log(lower))[place:].sum(), tail, rtol=1e-9)
    if upper < inf:
        assert_allclose(family.density(np.log(upper))[: place + 1].sum(), tail, rtol=1e-9)
    estimate = family.ratio(x)
    assert estimate is None or lower <= estimate <= upper


@RUNS
@given(st.integers(0, 60), st.integers(0, 60), st.floats(0.05, 0.95))
def test_the_exact_p_value_is_the_definition(x: int, more: int, share: float) -> None:
    from math import comb

    n = x + more
    found = binomial_family(n).p_value(x, float(np.log(share / (1 - share))))
    density = [comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(n + 1)]
    assert_allclose(found, sum(part for part in density if part <= density[x] * (1 + 1e-7)), rtol=1e-9)


@RUNS
@given(ARM, ARM)
def test_one_stratum_is_the_plain_table(first: Any, second: Any) -> None:
    """The common odds ratio is the sample one with Woolf's limits, and the test Pearson's times (n - 1) / n."""
    cells = counted([(first, second)])
    found = cochran_mantel_haenszel(cells, "y", "arm", ["centre"], count="n")
    plain = odds_ratio(cells, "y", "arm", count="n", method="woolf").table.row(0, named=True)
    assert found.odds_ratio == pytest.approx(plain["sample_odds_ratio"])
    if plain["lower"] is not None:
        assert (found.lower, found.upper) == pytest.approx((plain["lower"], plain["upper"]))
    statistic = proportion_difference(cells, "y", "arm", count="n").table["chi_squared"][0]
    if statistic is None:
        assert found.chi_squared is None
    else:
        assert found.chi_squared == pytest.approx(statistic * (found.n - 1) / found.n)


@RUNS
@given(STRATA)
def test_strata_that_tell_nothing_change_nothing(strata: Strata) -> None:
    """A centre with one arm's patients only, or where all have the outcome, is no comparison."""
    found = cochran_mantel_haenszel(counted(strata), "y", "arm", ["centre"], count="n")
    silent = [*strata, ((7, 3), (0, 0)), ((4, 4), (5, 5))]
    more = cochran_mantel_haenszel(counted(silent), "y", "arm", ["centre"], count="n")
    ours = [found.odds_ratio, found.lower, found.upper, found.chi_squared]
    assert [more.odds_ratio, more.lower, more.upper, more.chi_squared] == [
        None if value is None else pytest.approx(value) for value in ours
    ]
    assert more.n_informative_strata == found.n_informative_strata


SPELL = st.tuples(st.integers(1, 60).map(lambda halves: halves / 2), st.integers(0, 1), st.sampled_from("ab"))


@RUNS
@given(st.lists(SPELL, min_size=2, max_size=25), st.randoms(use_true_random=False), st.integers(1, 40))
def test_rates_do_not_depend_on_order_splits_or_unit(spells: list[Any], random: Any, day: int) -> None:
    rows = pl.DataFrame(
        [(f"p{number}", 0.0, *spell) for number, spell in enumerate(spells)],
        schema=["patient_id", "tstart", "tstop", "event", "arm"],
        orient="row",
    )
    assume(rows["arm"].n_unique() == 2)
    expected = incidence_rate(rows, by="arm")
    cut = pl.col("tstop") > day
    pieces = pl.concat(
        [
            rows.filter(~cut),
            rows.filter(cut).with_columns(tstop=pl.lit(float(day)), event=pl.lit(0, dtype=pl.Int64)),
            rows.filter(cut).with_columns(tstart=pl.lit(float(day))),
        ]
    )
    order = list(range(pieces.height))
    random.shuffle(order)
    found = incidence_rate(pieces[order], by="arm")
    assert found.table.equals(expected.table)
    assert found.ratios.equals(expected.ratios)
    years = incidence_rate(rows, by="arm", per="patient-year")
    assert_allclose(years.table["rate"], expected.table["rate"] * 365.25, rtol=1e-12)
    assert_allclose(
        years.ratios.drop("group", "reference").to_numpy().astype(float),
        expected.ratios.drop("group", "reference").to_numpy().astype(float),
        rtol=1e-9,
    )
