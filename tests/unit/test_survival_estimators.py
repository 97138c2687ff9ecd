"""Curves and tests on small data, worked out by hand, and their edges."""

from typing import Any

import matplotlib as mpl
import numpy as np
import polars as pl
import pytest

from blinreg.analyses import (
    cumulative_incidence,
    follow_up,
    gray,
    kaplan_meier,
    landmark,
    log_rank,
    mantel_byar,
    multistate,
    rmst,
    simon_makuch,
)
from blinreg.analyses.intervals import pointwise_limits
from blinreg.schemas.errors import InputError

PLAIN: dict[str, Any] = {"id": None, "start": None, "stop": "days"}
COUNTS = ["n_at_risk", "n_entered", "n_crossed", "n_events", "n_censored"]
COLUMNS = ["group", "time", *COUNTS, "survival", "se", "lower", "upper"]


def plain(days: list[float], event: list[int], **columns: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"days": days, "event": event, **columns}, strict=False)


@pytest.fixture
def crossing() -> pl.DataFrame:
    """Five subjects: p1 and p4 are transplanted (p4 on the day p2 dies), p5 enters on day 20."""
    rows = [
        ("p1", 0, 10, 0, 0),
        ("p1", 10, 40, 1, 1),
        ("p2", 0, 20, 1, 0),
        ("p3", 0, 50, 0, 0),
        ("p4", 0, 20, 0, 0),
        ("p4", 20, 60, 0, 1),
        ("p5", 20, 30, 1, 0),
    ]
    return pl.DataFrame(rows, schema=["patient_id", "tstart", "tstop", "event", "allo_hct"], orient="row")


def test_the_table_of_simon_makuch_by_hand(crossing: pl.DataFrame) -> None:
    table = simon_makuch(crossing).table
    assert table.columns == COLUMNS
    counts = table.select("group", "time", *COUNTS).rows()
    assert counts == [
        (0, 10.0, 4, 4, 1, 0, 0),
        (0, 20.0, 3, 0, 1, 1, 0),
        (0, 30.0, 2, 1, 0, 1, 0),
        (0, 50.0, 1, 0, 0, 0, 1),
        (1, 40.0, 2, 2, 0, 1, 0),
        (1, 60.0, 1, 0, 0, 0, 1),
    ]
    survival = [1, 2 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2]
    np.testing.assert_allclose(table["survival"], survival, rtol=1e-12)


def test_mantel_byar_by_hand(crossing: pl.DataFrame) -> None:
    """At day 20: 1 of 4 at risk exposed; at 30 (p1 and p4 of 4): 2; at 40 (p1, p4 of 3): 2."""
    found = mantel_byar(crossing)
    assert found.observed == 1
    np.testing.assert_allclose(found.expected, 1 / 4 + 2 / 4 + 2 / 3, rtol=1e-12)
    np.testing.assert_allclose(found.variance, 3 / 16 + 1 / 4 + 2 / 9, rtol=1e-12)
    assert found.table.rows()[1][:3] == (1, 2, 1)
    assert found.steps.filter(pl.col("group") == 1)["n_at_risk"].to_list() == [1, 2, 2]
    assert (found.n, found.n_events, found.df, found.ties) == (5, 3, 1, "hypergeometric")


def test_a_death_on_the_transplant_day_is_unexposed(crossing: pl.DataFrame) -> None:
    same_day = crossing.filter(pl.col("patient_id") != "p5").with_columns(
        event=pl.when(pl.col("patient_id") == "p2").then(1).otherwise("event")
    )
    at_20 = simon_makuch(same_day).table.filter(pl.col("time") == 20)
    assert at_20.select("group", "n_events").rows() == [(0, 1)]


def test_n_censored_counts_subjects_and_not_row_ends() -> None:
    rows = pl.DataFrame(
        {
            "patient_id": [1, 1, 1, 2],
            "tstart": [0, 5, 9, 0],
            "tstop": [5, 9, 12, 12],
            "event": [0, 0, 0, 1],
        }
    )
    table = kaplan_meier(rows).table
    assert table.select("time", "n_at_risk", "n_events", "n_censored").rows() == [(12.0, 2, 1, 1)]


def test_ties_at_censoring_the_event_comes_first() -> None:
    table = kaplan_meier(plain([5, 5, 9], [0, 1, 1]), **PLAIN).table
    assert table.select("n_at_risk", "n_events", "n_censored").rows() == [(3, 1, 1), (1, 1, 0)]
    np.testing.assert_allclose(table["survival"], [2 / 3, 0], atol=1e-15)


def test_half_days_and_fractions_are_kept() -> None:
    days = [0.5, 1.0, 1.0 + 2**-40, 7.25]
    table = kaplan_meier(plain(days, [1, 1, 1, 1]), **PLAIN).table
    assert table["time"].to_list() == days


def test_standard_error_and_limits_at_the_ends() -> None:
    table = kaplan_meier(plain([1, 2, 3], [0, 1, 1]), conf_type="plain", **PLAIN).table
    assert table["survival"].to_list() == [1.0, 0.5, 0.0]
    assert table["se"].to_list() == [0.0, pytest.approx(0.5**1.5), None]
    assert [value is None for value in table["lower"]] == [True, False, True]
    assert [value is None for value in table["upper"]] == [True, False, True]
    assert table["lower"][1] == 0.0
    assert table["upper"][1] == 1.0


def test_no_events() -> None:
    found = kaplan_meier(plain([3, 8], [0, 0]), **PLAIN)
    assert found.table["survival"].to_list() == [1.0, 1.0]
    assert found.table["se"].to_list() == [0.0, 0.0]
    assert found.median.rows() == [("all", 2, 0, None, None, None)]
    tested = log_rank(plain([3, 8], [0, 0], arm=["a", "b"]), "arm", **PLAIN)
    assert (tested.chi_squared, tested.p_value, tested.z, tested.df, tested.n_events) == (None, None, None, 0, 0)
    assert tested.steps.is_empty()
    one_sided = log_rank(plain([3, 8], [0, 0], arm=["a", "b"]), "arm", alternative="longer", of="a", **PLAIN)
    assert one_sided.p_value is None
    incidence = cumulative_incidence(plain([3, 8], [0, 0]), **PLAIN)
    assert incidence.table["cumulative_incidence"].to_list() == [0.0, 0.0]
    rows = pl.DataFrame({"patient_id": [1, 1], "tstart": [0, 4], "tstop": [4, 9], "event": [0, 0], "allo_hct": [0, 1]})
    assert mantel_byar(rows).log_hazard_ratio is None


def test_what_is_stamped_on_a_curve(crossing: pl.DataFrame) -> None:
    found = simon_makuch(crossing, landmark=15, conf_type="log", conf_level=0.9, time_unit="weeks")
    stamped = (found.n, found.n_events, found.n_missing, found.conf_type, found.conf_level, found.time_unit)
    assert stamped == (5, 3, 0, "log", 0.9, "weeks")
    assert found.landmark == 15
    assert found.notes == ()
    assert found.median.select("group", "n", "n_events").rows() == [(0, 4, 2), (1, 2, 1)]


def test_every_result_says_n_events_ties_and_time_unit(crossing: pl.DataFrame) -> None:
    groups = plain([3, 5, 6, 9, 9], [1, 0, 1, 1, 0], arm=["a", "a", "b", "b", "a"])
    named: dict[str, Any] = {"by": "arm", "time_unit": "weeks", **PLAIN}
    curves_first, hypergeometric = "events before censorings", "hypergeometric"
    found = [
        (kaplan_meier(groups, **named), curves_first),
        (cumulative_incidence(groups, **named), curves_first),
        (rmst(groups, tau=6, **named), curves_first),
        (follow_up(groups, **named), "ends of follow-up before events"),
        (follow_up(groups, method="survivors", **named), "ends of follow-up before events"),
        (log_rank(groups, **named), hypergeometric),
        (gray(groups, **named), None),
    ]
    for result, ties in found:
        assert (result.n, result.n_events, result.time_unit) == (5, 3, "weeks"), type(result).__name__
        assert result.ties == ties if ties else result.ties
    for result, ties in [
        (simon_makuch(crossing, time_unit="weeks"), curves_first),
        (mantel_byar(crossing, time_unit="weeks"), hypergeometric),
        (landmark(crossing, landmarks=[15], time_unit="weeks"), hypergeometric),
    ]:
        assert (result.n, result.n_events, result.time_unit, result.ties) == (5, 3, "weeks", ties)
    entered = groups.with_columns(
        id=pl.int_range(pl.len()), entered=pl.when(pl.col("event") == 1).then(pl.lit("dead")).otherwise(None)
    )
    states = multistate(entered, id="id", from_state=None, to_state="entered", start=None, stop="days")
    assert (states.n, states.n_transitions, states.time_unit) == (5, 3, "days")
    assert states.ties == "transitions before censorings"


def test_incomplete_rows_are_counted_on_every_result() -> None:
    rows = plain([3, 8, None, 6], [1, 0, 1, 1], arm=["a", "b", "b", None])
    options: dict[str, Any] = {**PLAIN, "missing": "complete_case"}
    assert kaplan_meier(rows, **options).n_missing == 1
    assert kaplan_meier(rows, by="arm", **options).n_missing == 2
    assert log_rank(rows, "arm", **options).n_missing == 2
    assert cumulative_incidence(rows, **options).n_missing == 1


def test_reading_curves_at_times(crossing: pl.DataFrame) -> None:
    read = simon_makuch(crossing).at([0, 20, 25, 45, 55]).drop("lower", "upper")
    assert read.select("group", "time", "n_at_risk").rows() == [
        (0, 0.0, 4),
        (0, 20.0, 3),
        (0, 25.0, 2),
        (0, 45.0, 1),
        (0, 55.0, 0),
        (1, 0.0, 0),
        (1, 20.0, 1),
        (1, 25.0, 2),
        (1, 45.0, 1),
        (1, 55.0, 1),
    ]
    survival = read["survival"].to_list()
    assert survival[0] == 1.0
    assert survival[1] == survival[2] == pytest.approx(2 / 3)
    assert survival[4] is None
    extended = simon_makuch(crossing).at([55], extend=True)
    assert extended["survival"].to_list() == [pytest.approx(1 / 3), 0.5]


def test_before_the_landmark_there_is_no_curve(crossing: pl.DataFrame) -> None:
    read = simon_makuch(crossing, landmark=15).at([10, 15]).filter(pl.col("group") == 0)
    assert read.select("n_at_risk", "survival").rows() == [(None, None), (3, 1.0)]


def test_cumulative_incidence_by_hand() -> None:
    """Four at risk; cause 1 at 2, censored at 3, cause 2 at 5, cause 1 at 8."""
    found = cumulative_incidence(plain([2, 3, 5, 8], [1, 0, 2, 1]), **PLAIN)
    assert found.table.columns == (
        ["group", "cause", "time", "n_at_risk", "n_events", "cumulative_incidence", "se", "lower", "upper"]
    )
    one, two = (found.table.filter(pl.col("cause") == cause)["cumulative_incidence"] for cause in (1, 2))
    np.testing.assert_allclose(one, [1 / 4, 1 / 4, 1 / 4, 1 / 4 + 3 / 8], rtol=1e-12)
    np.testing.assert_allclose(two, [0, 0, 3 / 8, 3 / 8], rtol=1e-12)
    assert (found.n, found.n_events, found.causes, found.conf_type) == (4, 3, (1, 2), "log-log")
    assert found.table.filter(pl.col("cause") == 2)["lower"].to_list()[:2] == [None, None]


def test_groups_keep_their_kind() -> None:
    for arms, expected in (
        ([1, 2], [1, 2]),
        ([True, False], [False, True]),
        ([1.0, 0.0], [0, 1]),
        (["x", "y"], ["x", "y"]),
    ):
        table = kaplan_meier(plain([1, 2], [1, 1], arm=arms), by="arm", **PLAIN).table
        assert table["group"].unique().sort().to_list() == expected


def test_two_limits_types_agree_with_their_formulas() -> None:
    p, se, z = 0.7, 0.1, 1.959963984540054
    low, high = pointwise_limits(np.array([p]), np.array([se]), "log-log", 0.95)
    half = z * se / (p * np.log(p))
    np.testing.assert_allclose([low[0], high[0]], [p ** np.exp(-half), p ** np.exp(half)], rtol=1e-12)
    assert low[0] < p < high[0]


REFUSALS = [
    (
        lambda: kaplan_meier(plain([1], [1]), conf_type="arcsine", **PLAIN),  # type: ignore[arg-type]
        "conf_type='arcsine' is unknown; use one of log-log, log, plain",
    ),
    (
        lambda: kaplan_meier(plain([1], [1]), conf_level=95, **PLAIN),
        "conf_level=95 is not between 0 and 1; use 0.95 for 95% limits",
    ),
    (
        lambda: cumulative_incidence(plain([1], [1]), conf_type="log", **PLAIN),  # type: ignore[arg-type]
        "conf_type='log' is not offered for cumulative incidence; use 'log-log' or 'plain'",
    ),
    (
        lambda: log_rank(plain([1, 2], [1, 1], arm=["a", "a"]), "arm", **PLAIN),
        "column arm has one value in the 2 subjects at risk: nothing to compare; "
        "check the population, the landmark and the grouping",
    ),
    (
        lambda: mantel_byar(plain([1, 2], [1, 1], allo_hct=[0, 0]), **PLAIN),
        "column allo_hct has one value in the 2 subjects at risk: nothing to compare; "
        "check the population, the landmark and the grouping",
    ),
    (
        lambda: log_rank(plain([1, 2], [1, 1], arm=["a", "b"]), "arm", alternative="greater", **PLAIN),  # type: ignore[arg-type]
        "alternative='greater' is unknown; use 'two-sided', or 'longer' or 'shorter' with of= the group it speaks of",
    ),
    (
        lambda: log_rank(plain([1, 2], [1, 1], arm=["a", "b"]), "arm", alternative="longer", **PLAIN),
        "of=None is not a group of column arm; name the group that lives longer: 'a' or 'b'",
    ),
    (
        lambda: log_rank(
            plain([1, 2, 3], [1, 1, 1], arm=["a", "b", "c"]), "arm", alternative="longer", of="a", **PLAIN
        ),
        "a one-sided alternative compares two groups and column arm has 3; select two groups, or test two-sided",
    ),
    (
        lambda: simon_makuch(plain([1, 2], [1, 1], allo_hct=[0, 1]), landmark=2, **PLAIN),
        "nobody is at risk after the landmark 2; choose an earlier landmark",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSALS)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        call()
    assert str(refusal.value) == message


@pytest.mark.parametrize("unit", ["days", "months"])
def test_plots_show_the_numbers_at_risk_of_the_curves(crossing: pl.DataFrame, unit: Any) -> None:
    backend = mpl.get_backend()
    found = simon_makuch(crossing)
    ax = found.plot(labels={0: "No transplant", 1: "Transplant"}, axis_unit=unit, note="Synthetic data")
    ticks = ax.get_xticks() * (30.4375 if unit == "months" else 1)
    expected = [str(number) for number in found.at(ticks.tolist(), extend=True)["n_at_risk"]]
    written = [text.get_text() for text in ax.texts]
    assert [text for text in written if text.isdigit()] == expected
    assert ax.get_xlabel() == f"Time ({unit})"
    assert written.count("Transplant") == 2
    assert mpl.get_backend() == backend


def test_plot_of_cumulative_incidence_names_its_causes() -> None:
    found = cumulative_incidence(plain([2, 3, 5, 8], [1, 0, 2, 1]), **PLAIN)
    ax = found.plot(cause_labels={1: "Relapse"}, until=10)
    names = {text.get_text() for text in ax.texts}
    assert {"Relapse", "cause 2"} <= names
    assert ax.get_xlim() == (0, 10)
    only = found.plot(causes=[2])
    assert "cause 1" not in {text.get_text() for text in only.texts}


def test_plot_refuses_a_unit_it_cannot_convert(crossing: pl.DataFrame) -> None:
    with pytest.raises(InputError, match="times in cycles cannot be shown in months; use days, months or years"):
        simon_makuch(crossing, time_unit="cycles").plot(axis_unit="months")
