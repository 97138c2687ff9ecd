"""What must hold for the curves and tests on any data, and that they equal their definitions."""

from typing import Any

import numpy as np
import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from blinreg.analyses import (
    cumulative_incidence,
    follow_up,
    kaplan_meier,
    landmark,
    log_rank,
    mantel_byar,
    multistate,
    rmst,
    simon_makuch,
)

HALF_DAYS = st.integers(0, 24).map(lambda halves: halves / 2)
SUBJECT = st.fixed_dictionaries(
    {
        "entry": HALF_DAYS,
        "length": st.integers(1, 24).map(lambda halves: halves / 2),
        "exposed_after": st.one_of(st.none(), HALF_DAYS),
        "event": st.integers(0, 2),
        "centre": st.sampled_from(["north", "south"]),
    }
)
SUBJECTS = st.lists(SUBJECT, min_size=2, max_size=25)
RUNS = settings(max_examples=60, deadline=None)
#: Each run of these calls every estimator twice.
ALL_ESTIMATORS = settings(max_examples=25, deadline=None)


def counting_rows(subjects: list[dict[str, Any]]) -> pl.DataFrame:
    """One row a subject, two for one exposed during follow-up; `cause` keeps which event, `event` whether."""
    rows = []
    for number, subject in enumerate(subjects):
        begin, end, after = subject["entry"], subject["entry"] + subject["length"], subject["exposed_after"]
        change = end if after is None else begin + after
        pieces = [(begin, min(change, end), 0), (change, end, 1)]
        pieces = [piece for piece in pieces if piece[0] < piece[1]]
        for place, (tstart, tstop, exposed) in enumerate(pieces):
            cause = subject["event"] if place == len(pieces) - 1 else 0
            rows.append((number, tstart, tstop, cause, min(cause, 1), exposed, subject["centre"]))
    names = ["patient_id", "tstart", "tstop", "cause", "event", "allo_hct", "centre"]
    return pl.DataFrame(rows, schema=names, orient="row")


def results(rows: pl.DataFrame, *, shift: float = 0.0) -> list[pl.DataFrame]:
    """Every estimator's table for rows moved by `shift`, with times moved back."""
    moved = rows.with_columns(pl.col("tstart", "tstop") + shift)
    tables = [
        simon_makuch(moved, landmark=shift).table,
        kaplan_meier(moved, by="centre").table,
        kaplan_meier(moved).table,
        cumulative_incidence(moved, by="centre", event="cause").table,
        cumulative_incidence(moved, by="allo_hct", event="cause").table,
    ]
    occupation = multistate(moved.with_columns(state_entered(moved)), from_state=None, to_state="entered").table
    tables = [table.with_columns(pl.col("time") - shift) for table in [*tables, occupation.sort("time", "state")]]
    tables += summaries(moved, shift=shift)
    if rows["allo_hct"].n_unique() == 2:
        tables.append(mantel_byar(moved, landmark=shift).table)
        tables.append(mantel_byar(moved, landmark=shift, strata=["centre"]).table)
    if rows["centre"].n_unique() == 2:
        tables.append(log_rank(moved, "centre").table)
        tables.append(log_rank(moved, "centre", rho=1, gamma=0.5).steps.with_columns(pl.col("time") - shift))
    return tables


def state_entered(rows: pl.DataFrame) -> pl.Expr:
    """Name the state that each row leads to: exposed, or one of two ends."""
    exposed = (pl.col("allo_hct").shift(-1).over("patient_id", order_by="tstart") > pl.col("allo_hct")) & (
        pl.col("cause") == 0
    )
    ended = pl.when(pl.col("cause") > 0).then(pl.format("cause {}", "cause"))
    return pl.when(exposed).then(pl.lit("exposed")).otherwise(ended).alias("entered")


def summaries(moved: pl.DataFrame, *, shift: float) -> list[pl.DataFrame]:
    """Tables of the estimators whose times are answers, with the answers moved back."""
    times = ["quantile", "median", "lower", "upper", "shortest", "longest"]
    tables = [kaplan_meier(moved, by="centre").quantile([0.3, 0.5])]
    if moved.group_by("patient_id").agg(pl.col("event").max())["event"].min() == 0:
        tables.append(follow_up(moved, by="centre").table)
        tables.append(follow_up(moved, method="survivors").table)
    tables = [table.with_columns(pl.col(name) - shift for name in times if name in table.columns) for table in tables]
    last = moved.group_by("centre").agg(pl.col("tstop").max())["tstop"].min()
    if isinstance(last, float) and last > shift:
        tables.append(rmst(moved, tau=last, by="centre", landmark=shift).table)
    at = 3 + shift
    spans = moved.filter((pl.col("tstart") <= at) & (pl.col("tstop") > at))
    if spans.height:
        tables.append(landmark(moved, landmarks=[at]).table.drop("landmark", "median", "lower", "upper"))
    return tables


def assert_same(found: list[pl.DataFrame], expected: list[pl.DataFrame]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert_frame_equal(ours, theirs, rel_tol=1e-10, abs_tol=1e-12)


@ALL_ESTIMATORS
@given(SUBJECTS, st.randoms(use_true_random=False))
def test_row_order_and_names_of_subjects_change_nothing(subjects: list[dict[str, Any]], random: Any) -> None:
    rows = counting_rows(subjects)
    order = list(range(rows.height))
    random.shuffle(order)
    names = [f"patient {number}" for number in range(len(subjects))]
    random.shuffle(names)
    renamed = rows.with_columns(patient_id=pl.Series([names[number] for number in rows["patient_id"]], dtype=pl.String))
    assert_same(results(renamed[order]), results(rows))


@ALL_ESTIMATORS
@given(SUBJECTS, HALF_DAYS)
def test_splitting_rows_at_any_day_changes_nothing(subjects: list[dict[str, Any]], day: float) -> None:
    rows = counting_rows(subjects)
    spans = (pl.col("tstart") < day) & (pl.col("tstop") > day)
    split = pl.concat(
        [
            rows.filter(~spans),
            rows.filter(spans).with_columns(tstop=pl.lit(day), event=pl.lit(0), cause=pl.lit(0)).cast(rows.schema),
            rows.filter(spans).with_columns(tstart=pl.lit(day)),
        ]
    )
    assert split.height == rows.height + rows.filter(spans).height
    assert_same(results(split), results(rows))


@ALL_ESTIMATORS
@given(SUBJECTS, st.integers(-40, 40))
def test_a_shift_in_days_moves_times_and_nothing_else(subjects: list[dict[str, Any]], days: int) -> None:
    rows = counting_rows(subjects)
    assert_same(results(rows, shift=days), results(rows))


@RUNS
@given(SUBJECTS, HALF_DAYS)
def test_simon_makuch_equals_its_definition(subjects: list[dict[str, Any]], landmark: float) -> None:
    rows = counting_rows(subjects)
    assume(rows.filter(pl.col("tstop") > landmark).height)
    found = simon_makuch(rows, landmark=landmark)
    late = rows.filter(pl.col("tstop") > landmark).with_columns(tstart=pl.max_horizontal("tstart", pl.lit(landmark)))
    for exposed in late["allo_hct"].unique():
        group = late.filter(pl.col("allo_hct") == exposed)
        curve = found.table.filter(pl.col("group") == exposed)
        assert curve["time"].to_list() == sorted(group["tstop"].unique())
        survival, greenwood = 1.0, 0.0
        for row in curve.iter_rows(named=True):
            time = row["time"]
            n = group.filter((pl.col("tstart") < time) & (pl.col("tstop") >= time)).height
            leaving = group.filter(pl.col("tstop") == time)
            d = int(leaving["event"].sum())
            crossed = leaving.join(late.filter(pl.col("tstart") == time), on="patient_id", how="semi").height
            assert (row["n_at_risk"], row["n_events"], row["n_crossed"]) == (n, d, crossed)
            assert row["n_censored"] == leaving.height - d - crossed
            survival *= 1 - d / n
            assert abs(row["survival"] - survival) < 1e-12
            if survival > 1e-12:
                greenwood += d / (n * (n - d))
                assert abs(row["se"] - survival * greenwood**0.5) < 1e-12
            else:
                assert row["se"] is None


@RUNS
@given(SUBJECTS)
def test_the_risk_set_is_accounted_for(subjects: list[dict[str, Any]]) -> None:
    """At risk = at risk before - events - censored - crossed + entered, and every move is counted once."""
    rows = counting_rows(subjects)
    table = simon_makuch(rows).table
    for _, curve in table.group_by("group"):
        steps = curve.sort("time")
        left = (steps["n_events"] + steps["n_censored"] + steps["n_crossed"]).shift(1, fill_value=0)
        before = steps["n_at_risk"].shift(1, fill_value=0)
        assert (before - left + steps["n_entered"]).to_list() == steps["n_at_risk"].to_list()
    assert table["n_entered"].sum() == len(subjects) + table["n_crossed"].sum()
    assert table["n_events"].sum() + table["n_censored"].sum() == len(subjects)


@RUNS
@given(SUBJECTS)
def test_simon_makuch_with_nobody_exposed_is_kaplan_meier(subjects: list[dict[str, Any]]) -> None:
    rows = counting_rows([{**subject, "exposed_after": None} for subject in subjects])
    columns = pl.exclude("group")
    assert_frame_equal(simon_makuch(rows).table.select(columns), kaplan_meier(rows).table.select(columns))


@RUNS
@given(SUBJECTS, st.booleans())
def test_mantel_byar_equals_its_definition(subjects: list[dict[str, Any]], stratified: bool) -> None:
    rows = counting_rows(subjects)
    assume(rows["allo_hct"].n_unique() == 2)
    observed = expected = variance = 0.0
    parts = [part for _, part in rows.group_by("centre")] if stratified else [rows]
    for part in parts:
        for time in part.filter(pl.col("event") == 1)["tstop"].unique():
            at_risk = part.filter((pl.col("tstart") < time) & (pl.col("tstop") >= time))
            dying = at_risk.filter((pl.col("tstop") == time) & (pl.col("event") == 1))
            n, n1, d = at_risk.height, at_risk["allo_hct"].sum(), dying.height
            observed += dying["allo_hct"].sum()
            expected += d * n1 / n
            variance += d * n1 * (n - n1) * (n - d) / (n**2 * (n - 1)) if n > 1 else 0.0
    found = mantel_byar(rows, strata=["centre"] if stratified else ())
    np.testing.assert_allclose(
        [found.observed, found.expected, found.variance], [observed, expected, variance], atol=1e-12
    )
    if variance > 1e-9:
        assert found.df == 1
        np.testing.assert_allclose(found.chi_squared, (observed - expected) ** 2 / variance, rtol=1e-8, atol=1e-12)
    else:
        assert found.chi_squared is None
        assert found.p_value is None


@RUNS
@given(SUBJECTS)
def test_cumulative_incidence_equals_its_definition(subjects: list[dict[str, Any]]) -> None:
    """The product integral and its covariance, one time after the other, as matrices."""
    rows = counting_rows(subjects)
    found = cumulative_incidence(rows, event="cause").table
    state, covariance = np.array([1.0, 0.0, 0.0]), np.zeros((3, 3))
    for time in sorted(rows["tstop"].unique()):
        here = found.filter(pl.col("time") == time)
        if here.is_empty():  # only a crossing, which is no change of this undivided group
            continue
        n = rows.filter((pl.col("tstart") < time) & (pl.col("tstop") >= time)).height
        d = [rows.filter((pl.col("tstop") == time) & (pl.col("cause") == cause)).height for cause in (1, 2)]
        to = np.array([1 - sum(d) / n, d[0] / n, d[1] / n])
        step = np.eye(3)
        step[0] = to
        multinomial = (np.diag(to) - np.outer(to, to)) / n
        covariance = step.T @ covariance @ step + state[0] ** 2 * multinomial
        state = state @ step
        for row in here.iter_rows(named=True):
            assert row["n_at_risk"] == n
            assert row["n_events"] == d[row["cause"] - 1]
            assert abs(row["cumulative_incidence"] - state[row["cause"]]) < 1e-12
            assert abs(row["se"] ** 2 - covariance[row["cause"], row["cause"]]) < 1e-12


@RUNS
@given(SUBJECTS)
def test_with_one_cause_cumulative_incidence_is_one_minus_survival(subjects: list[dict[str, Any]]) -> None:
    rows = counting_rows(subjects)
    survival = kaplan_meier(rows, by="centre").table
    incidence = cumulative_incidence(rows, by="centre").table
    assert incidence["time"].to_list() == survival["time"].to_list()
    np.testing.assert_allclose(1 - incidence["cumulative_incidence"], survival["survival"], atol=1e-12)
    alive = (survival["survival"] > 0).to_numpy()
    np.testing.assert_allclose(incidence["se"].to_numpy()[alive], survival["se"].to_numpy()[alive], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(SUBJECTS)
def test_kaplan_meier_equals_lifelines_on_plain_data(subjects: list[dict[str, Any]]) -> None:
    from lifelines import KaplanMeierFitter

    rows = pl.DataFrame(
        {
            "days": [subject["length"] for subject in subjects],
            "event": [min(subject["event"], 1) for subject in subjects],
        }
    )
    found = kaplan_meier(rows, id=None, start=None, stop="days").table
    fitted = KaplanMeierFitter().fit(rows["days"].to_numpy(), rows["event"].to_numpy())
    theirs = fitted.survival_function_at_times(found["time"].to_numpy()).to_numpy()
    np.testing.assert_allclose(found["survival"], theirs, atol=1e-10)
