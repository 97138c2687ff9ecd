"""Quantiles, landmarks, follow-up, restricted means and the honest early part, on small data by hand."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import follow_up, kaplan_meier, rmst, simon_makuch
from blinreg.analyses.plotting.style import new_axes, without_stretches
from blinreg.analyses.survival_curves import SurvivalCurves
from blinreg.schemas.errors import InputError

PLAIN: dict[str, Any] = {"id": None, "start": None, "stop": "days"}


def plain(days: list[float], event: list[int], **columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"days": days, "event": event, **columns}, strict=False)


@pytest.fixture
def waiting() -> pl.DataFrame:
    """Six wait from day 0; four are exposed, on days 1, 2, 4 and 8; deaths of the exposed on days 6 and 9."""
    rows = [
        ("p1", 0, 1, 0, 0),
        ("p1", 1, 9, 1, 1),
        ("p2", 0, 2, 0, 0),
        ("p2", 2, 6, 1, 1),
        ("p3", 0, 4, 0, 0),
        ("p3", 4, 12, 0, 1),
        ("p4", 0, 8, 0, 0),
        ("p4", 8, 12, 0, 1),
        ("p5", 0, 5, 1, 0),
        ("p6", 0, 10, 0, 0),
    ]
    return pl.DataFrame(rows, schema=["patient_id", "tstart", "tstop", "event", "allo_hct"], orient="row")


def test_quantiles_by_hand() -> None:
    """Survival 0.75, 0.5, 0.25, 0 at days 1, 2, 3, 4: flat at exactly 0.75 and 0.25 from one day to the next."""
    found = kaplan_meier(plain([1, 2, 3, 4], [1, 1, 1, 1]), **PLAIN).quantile([0.2, 0.25, 0.6, 0.75])
    assert found["quantile"].to_list() == [1, 1.5, 3, 3.5]
    assert found.columns == ["group", "prob", "quantile", "lower", "upper"]


def test_a_quantile_that_is_not_reached_is_null() -> None:
    found = kaplan_meier(plain([1, 2, 3, 4], [1, 0, 0, 0]), **PLAIN).quantile([0.25, 0.5])
    assert found["quantile"].to_list() == [1, None]


def test_a_curve_that_ends_flat_at_the_height_gives_the_start_of_the_stretch() -> None:
    curves = kaplan_meier(plain([1, 2, 3, 4], [1, 1, 0, 0]), **PLAIN)
    assert curves.quantile([0.5])["quantile"].to_list() == curves.median["median"].to_list() == [2]


@pytest.mark.parametrize("prob", [0, 1, -0.5, 50, float("nan")])
def test_shares_must_lie_inside(prob: float) -> None:
    with pytest.raises(InputError, match="probs must be shares strictly between 0 and 1"):
        kaplan_meier(plain([1, 2], [1, 1]), **PLAIN).quantile([0.5, prob])


def test_kaplan_meier_from_a_landmark() -> None:
    """Days 1 and 3 are over at landmark 3, also the event on day 3 itself; times stay counted from the origin."""
    rows = plain([1, 3, 5, 8], [1, 1, 1, 0])
    found = kaplan_meier(rows, landmark=3, **PLAIN)
    assert found.table.select("time", "n_at_risk", "survival").rows() == [(5.0, 2, 0.5), (8.0, 1, 0.5)]
    assert (found.landmark, found.n) == (3, 2)
    assert found.at([2, 3, 5])["survival"].to_list() == [None, 1.0, 0.5]
    assert kaplan_meier(rows, **PLAIN).landmark == 0


def test_follow_up_by_hand() -> None:
    """End of follow-up on days 2, 4 and 6; events on 4 and 8. At day 4 the event still counts as followed."""
    rows = plain([2, 4, 4, 6, 8], [0, 1, 0, 0, 1])
    found = follow_up(rows, **PLAIN)
    np.testing.assert_allclose(found.curves.table["survival"], [4 / 5, 3 / 5, 3 / 10, 3 / 10])
    assert found.table.select("n", "n_events", "n_followed", "median", "shortest", "longest").rows() == [
        (5, 2, 3, 6.0, 2.0, 6.0)
    ]
    assert "reverse Kaplan-Meier" in found.estimator
    survivors = follow_up(rows, method="survivors", **PLAIN)
    assert survivors.table["median"].to_list() == [4.0]
    assert "without the event" in survivors.estimator


def test_follow_up_of_rows_is_that_of_subjects(waiting: pl.DataFrame) -> None:
    """Changing a row, or a pause between two, ends nobody's follow-up."""
    last = waiting.group_by("patient_id", maintain_order=True).agg(pl.col("tstop").max(), pl.col("event").max())
    expected = follow_up(last, start=None).table
    assert follow_up(waiting).table.equals(expected)
    paused = waiting.with_columns(pl.when(pl.col("tstart") == 4).then(5).otherwise("tstart").alias("tstart"))
    assert follow_up(paused, method="survivors").table.equals(follow_up(last, start=None, method="survivors").table)
    curve = follow_up(paused).curves.table
    assert curve["n_events"].sum() == 3  # p3, p4 and p6, each once


def test_follow_up_where_everybody_has_the_event() -> None:
    with pytest.raises(InputError, match="all 2 subjects have the event"):
        follow_up(plain([1, 2], [1, 1]), **PLAIN)
    by_arm = follow_up(plain([1, 2, 3], [1, 0, 0], arm=["a", "b", "b"]), by="arm", method="survivors", **PLAIN)
    assert by_arm.table.rows()[0][:5] == ("a", 1, 1, 0, None)


def test_follow_up_refuses_an_unknown_method() -> None:
    with pytest.raises(InputError, match="method='reverse' is unknown; use one of reverse_kaplan_meier, survivors"):
        follow_up(plain([1, 2], [1, 0]), method="reverse", **PLAIN)  # type: ignore[arg-type]


def test_restricted_mean_by_hand() -> None:
    """1 to day 2, then 3/4 to day 4, 1/2 to day 5: 2 + 1.5 + 0.5."""
    found = rmst(plain([2, 4, 6, 8], [1, 1, 1, 1]), tau=5, **PLAIN)
    row = found.table.row(0, named=True)
    assert (row["n"], row["n_events"], row["rmst"]) == (4, 2, 4.0)
    # Areas right of days 2 and 4 (2 and 0.5), with d / (n (n - d)) of 1/12 and 1/6.
    np.testing.assert_allclose(row["se"], np.sqrt(2**2 / 12 + 0.5**2 / 6))
    assert (found.tau, found.counted_from, found.reference, found.contrasts.height) == (5.0, "origin", None, 0)


def test_restricted_mean_from_a_landmark_counts_from_it() -> None:
    rows = plain([2, 4, 6, 8], [1, 1, 1, 1])
    found = rmst(rows, tau=7, landmark=3, **PLAIN)
    np.testing.assert_allclose(found.table["rmst"], [1 + 2 * 2 / 3 + 1 / 3])
    assert (found.counted_from, found.landmark, found.n) == ("landmark", 3.0, 3)


def test_restricted_mean_without_events_before_tau_has_no_test() -> None:
    rows = plain([9, 9, 9, 9], [1, 0, 1, 0], arm=["a", "a", "b", "b"])
    found = rmst(rows, tau=5, by="arm", **PLAIN)
    assert found.table["se"].to_list() == [0, 0]
    assert found.contrasts["difference"].to_list() == [0]
    assert found.contrasts["p_value"].to_list() == [None]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 12}, "tau=12 is after the last follow-up of group a: the area up to it is unknown"),
        ({"tau": 0}, "tau=0 is not after the origin at 0"),
        ({"tau": 3, "landmark": 3}, "tau=3 is not after the landmark at 3"),
        ({"tau": 5, "reference": "c"}, "reference='c' is not a group of column arm; use one of 'a', 'b'"),
        ({"tau": 5, "conf_level": 95}, "conf_level must be a share"),
    ],
)
def test_restricted_mean_refuses(options: dict[str, Any], message: str) -> None:
    rows = plain([4, 10, 5, 20], [1, 0, 1, 1], arm=["a", "a", "b", "b"])
    with pytest.raises(InputError, match=message):
        rmst(rows, by="arm", **options, **PLAIN)


def test_a_curve_that_has_fallen_to_zero_is_known_beyond_its_end() -> None:
    assert rmst(plain([2, 4], [1, 1]), tau=100, **PLAIN).table["rmst"].to_list() == [3.0]


def enough(curves: SurvivalCurves) -> list[tuple[Any, ...]]:
    return curves.enough_at_risk.rows()


def test_from_when_the_exposed_are_enough(waiting: pl.DataFrame) -> None:
    """The exposed: 1 after day 1, 2 after 2, 3 after 4, 2 after 6, 3 after 8, 2 after 9 to 12."""
    assert enough(simon_makuch(waiting, min_at_risk=2)) == [(0, 0.0, 8.0, 6), (1, 2.0, 12.0, 3)]
    assert enough(simon_makuch(waiting, min_at_risk=3)) == [(0, 0.0, 5.0, 6), (1, 4.0, 9.0, 3)]
    assert enough(simon_makuch(waiting, min_at_risk=3, landmark=5)) == [(0, None, None, 2), (1, 5.0, 9.0, 3)]
    assert enough(simon_makuch(waiting))[1] == (1, None, None, 3)
    assert simon_makuch(waiting).min_at_risk == 10
    assert kaplan_meier(waiting).min_at_risk == 0
    with pytest.raises(InputError, match="min_at_risk=-1 is negative"):
        simon_makuch(waiting, min_at_risk=-1)


def lines(axes: Any) -> list[tuple[str, np.ndarray]]:
    return [
        (line.get_linestyle(), np.asarray(line.get_ydata()))
        for line in axes.get_lines()
        if line.get_drawstyle() == "steps-post"
    ]


def test_the_part_with_few_at_risk_is_dashed_and_the_figure_says_so(waiting: pl.DataFrame) -> None:
    axes = simon_makuch(waiting, min_at_risk=2).plot(note="Invented data", ax=new_axes())
    drawn = lines(axes)
    assert [style for style, _ in drawn] == ["--", "-", "--", "-"]
    dashed, solid = drawn[2][1], drawn[3][1]
    assert np.isfinite(dashed).all()
    assert np.isnan(solid[0])
    assert np.isfinite(solid[-1])
    assert axes.get_figure().get_supxlabel() == "Dashed: fewer than 2 at risk. Invented data"


def test_nothing_is_dashed_where_no_limit_is_set(waiting: pl.DataFrame) -> None:
    for curves in (simon_makuch(waiting, min_at_risk=0), kaplan_meier(waiting)):
        axes = curves.plot()
        assert {style for style, _ in lines(axes)} == {"-"}
        assert axes.get_figure().get_supxlabel() == ""


def test_a_stretch_inside_a_step_is_left_out() -> None:
    x, y = without_stretches(np.array([0.0, 10.0]), np.array([1.0, 0.5]), [(2.0, 4.0), (8.0, 99.0)])
    assert x.tolist() == [0, 2, 4, 8, 10]
    np.testing.assert_array_equal(y, [1, np.nan, 1, np.nan, np.nan])


def test_the_figure_of_a_restricted_mean_ends_at_tau() -> None:
    axes = rmst(plain([365.25, 730.5], [1, 1]), tau=730.5, **PLAIN).plot(axis_unit="years")
    assert axes.get_xlim()[1] == 2
