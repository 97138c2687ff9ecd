"""Differences, odds ratios and stratified tables: edges, stamps, refusals."""

from __future__ import annotations

from math import inf
from typing import Any

import polars as pl
import pytest

from blinreg.analyses import cochran_mantel_haenszel, odds_ratio, proportion_difference
from blinreg.schemas.errors import InputError


@pytest.fixture
def arms() -> pl.DataFrame:
    """Three arms of ten: 2, 5 and 0 responders."""
    return pl.DataFrame(
        {
            "arm": ["blin", "blin", "chemo", "chemo", "none", "none"],
            "responded": [True, False] * 3,
            "n": [5, 5, 2, 8, 0, 10],
            "centre": ["x"] * 6,
        }
    )


def test_every_group_is_compared_with_the_reference(arms: pl.DataFrame) -> None:
    table = proportion_difference(arms, "responded", "arm", reference="chemo", count="n").table
    assert table.select("group", "reference", "n_events", "n_events_reference").rows() == [
        ("blin", "chemo", 5, 2),
        ("none", "chemo", 0, 2),
    ]
    assert table["difference"].to_list() == pytest.approx([0.3, -0.2])
    by_default = odds_ratio(arms, "responded", "arm", count="n").table
    assert by_default["reference"].to_list() == ["blin", "blin"]
    assert by_default["sample_odds_ratio"].to_list() == [0.25, 0.0]


def test_an_exact_odds_ratio_at_the_edge_has_one_limit(arms: pl.DataFrame) -> None:
    found = odds_ratio(arms, "responded", "arm", reference="none", count="n")
    for row in found.table.iter_rows(named=True):
        assert (row["odds_ratio"], row["upper"], row["sample_odds_ratio"]) == (inf, inf, inf)
    # Of the two responders, both in the group: 10 * 9 / (20 * 19) at an odds ratio of 1.
    assert found.table["p_value"][1] == pytest.approx(2 * 90 / 380)
    assert found.table["lower"][0] > found.table["lower"][1] > 0
    axes = found.plot()
    assert any("∞" in text.get_text() for text in axes.texts)


def test_nobody_responds() -> None:
    rows = pl.DataFrame({"y": [0, 0, 0], "arm": ["a", "b", "b"]})
    row = odds_ratio(rows, "y", "arm").table.row(0, named=True)
    assert (row["odds_ratio"], row["lower"], row["upper"], row["p_value"]) == (None, 0.0, inf, 1.0)
    row = proportion_difference(rows, "y", "arm").table.row(0, named=True)
    assert [row[name] for name in ("difference", "lower", "upper", "p_value")] == [0.0, None, None, None]
    found = cochran_mantel_haenszel(rows.with_columns(centre=1), "y", "arm", ["centre"])
    assert (found.odds_ratio, found.lower, found.chi_squared, found.p_value, found.df) == (None, None, None, None, 0)
    assert (found.n_strata, found.n_informative_strata) == (1, 0)


def test_results_are_stamped(arms: pl.DataFrame) -> None:
    options: dict[str, Any] = {"count": "n", "conf_level": 0.9, "missing": "complete_case"}
    gap = pl.concat([arms, arms.head(1).with_columns(responded=pl.lit(None, dtype=pl.Boolean))])
    difference = proportion_difference(gap, "responded", "arm", method="newcombe", **options)
    assert (difference.n, difference.n_events, difference.n_missing, difference.conf_level) == (30, 7, 1, 0.9)
    assert (difference.interval_type, difference.test) == ("newcombe", "pearson chi-squared")
    exact, woolf = (odds_ratio(gap, "responded", "arm", method=method, **options) for method in ("exact", "woolf"))
    assert (exact.interval_type, exact.test) == ("exact", "fisher exact")
    assert (woolf.interval_type, woolf.test, woolf.n_missing) == ("woolf", "wald", 1)
    two = gap.filter(pl.col("arm") != "none")
    found = cochran_mantel_haenszel(two, "responded", "arm", "centre", reference="chemo", **options)
    assert (found.group, found.reference, found.n, found.n_events, found.n_missing) == ("blin", "chemo", 20, 7, 1)
    assert (found.interval_type, found.strata, found.df) == ("robins-breslow-greenland", ("centre",), 1)
    assert not found.continuity_correction
    assert found.table.row(0)[:3] == ("x", "blin", "chemo")
    assert found.table["expected"].to_list() == pytest.approx([3.5])


def test_a_common_odds_ratio_of_0_or_infinity_has_no_limits(arms: pl.DataFrame) -> None:
    two = arms.filter(pl.col("arm") != "chemo")
    for reference, expected in (("blin", 0.0), ("none", inf)):
        found = cochran_mantel_haenszel(two, "responded", "arm", ["centre"], reference=reference, count="n")
        assert (found.odds_ratio, found.lower, found.upper) == (expected, None, None)
        assert found.chi_squared is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "placebo"}, "reference='placebo' is not a group of column arm; use one of blin, chemo, none"),
        ({"count": "centre"}, "count centre is String, not a number"),
        ({"count": "share"}, "count share is not a whole number, 0 or more, in 1 of 6 rows"),
        ({"count": "zero"}, "2 groups of column arm count no subjects"),
        ({"conf_level": 95}, "conf_level must be a share"),
        ({"method": "score"}, "method='score' is unknown"),
        ({"by": "centre"}, "column centre has one value in 6 rows: nothing to compare"),
        ({"outcome": "arm"}, "outcome arm is String"),
    ],
)
def test_refusals(arms: pl.DataFrame, options: dict[str, Any], message: str) -> None:
    rows = arms.with_columns(share=pl.Series([1.0, 2.0, 3.0, 0.5, 0.0, 1.0]), zero=pl.Series([1, 1, 0, 0, 0, 0]))
    columns = {"outcome": "responded", "by": "arm"} | options
    for compare in (proportion_difference, odds_ratio):
        with pytest.raises(InputError) as caught:
            compare(rows, **columns)  # type: ignore[operator]
        assert message in str(caught.value)


def test_the_common_odds_ratio_compares_two_groups(arms: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="column arm has 3 groups; the common odds ratio compares two"):
        cochran_mantel_haenszel(arms, "responded", "arm", ["centre"], count="n")
