"""Do the annealed event times keep what they must, and are their statistics those of the analyses?

Compiling takes half a minute, so that these are not with the unit tests.
"""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import cox, follow_up, kaplan_meier, log_rank, mantel_byar
from blinreg.synthetic.calibration.mrd_arm import least_upper_limit, risk_sets_of_rfs
from blinreg.synthetic.calibration.survival import Schedule, fit_times, statistics
from blinreg.synthetic.calibration.survival_targets import CONTRADICTED, MRD_TARGETS, TARGETS, Kind, wald_p_range
from blinreg.synthetic.courses import IMPOSSIBLE, SCHEMA

MONTH = 30.4375
SHORT = Schedule(first=3000, further=1000, rounds=1)
BLOCKS = {"transplanted": 85, "responder": 64, "nonresponder": 74, "not_evaluable": 4, "mrd_responder": 9}
BLOCKS |= {"mrd_nonresponder": 3}


def invented_skeleton() -> pl.DataFrame:
    """Patients with the published blocks, and covariates at random."""
    random = np.random.default_rng(8)
    block = [name for name, n in BLOCKS.items() for _ in range(n)]
    n = len(block)
    is_mrd = np.array([name.startswith("mrd") for name in block])
    ph = random.random(n) < 0.25
    responder = np.isin(block, ["transplanted", "responder"])
    classes = ["primary_refractory", "under_1_year", "1_to_2_years", "2_to_3_years", "over_3_years"]
    cr1 = np.where(is_mrd, "ongoing", random.choice(classes, n, p=[0.24, 0.41, 0.2, 0.07, 0.08]))
    status: list[str | None] = [None] * n
    status[85:149] = ["continuing"] * 29 + ["car_t"] * 3 + ["dli"] * 2 + ["relapsed"] * 30
    prior = (random.random(n) < 0.2) | (np.array(status) == "dli")
    mrd = np.where(responder, np.where(random.random(n) < 0.25, "positive", "negative"), "none")
    mrd[np.array(block) == "mrd_responder"] = "negative"
    toxic = np.zeros(n, dtype=bool)
    toxic[149:153] = True
    best = np.where(responder | is_mrd, "cr", np.where(random.random(n) < 0.3, "progression", "no_response"))
    best = np.where(toxic, "stable", np.where(np.array(block) == "not_evaluable", "not_evaluable", best))
    return pl.DataFrame(
        {
            "number": random.permutation(n),
            "is_mrd_indication": is_mrd,
            "block": block,
            "is_ph_positive": ph,
            "is_kmt2a_rearranged": ~ph & (random.random(n) < 0.15),
            "tki": np.where(ph & (random.random(n) < 0.5), "ponatinib", "none"),
            "cr1_class": cr1,
            "cns_history": random.random(n) < 0.25,
            "prior_allo_hct": np.where(prior, "yes", "no"),
            "age_years": random.integers(18, 80, n),
            "mrd_result": mrd,
            "best_response": best,
            "in_remission_status": status,
            "toxic_death": toxic,
            "n_cycles": np.where(
                toxic | is_mrd | (best == "not_evaluable"), 1, random.choice([1, 2, 3], n, p=[0.4, 0.4, 0.2])
            ),
        }
    ).sort("number")


def test_targets_are_printed_as_in_the_list_of_all_targets() -> None:
    listed = pl.read_csv(
        files("blinreg.synthetic.targets").joinpath("realworld_2020.csv").read_bytes(),
        schema_overrides={"printed": pl.String, "half_unit": pl.Float64},
        infer_schema_length=None,
    )
    printed = {row["id"]: (row["printed"], row["half_unit"]) for row in listed.iter_rows(named=True)}
    for target in (*TARGETS, *MRD_TARGETS):
        text, half = printed[target.id]
        if target.kind == Kind.NOT_REACHED:
            assert text == "NR"
        elif target.kind == Kind.NOT_SIGNIFICANT:
            assert text == "NS"
        else:
            assert (float(text), half) == (target.printed, target.half_width)


@pytest.fixture(scope="module")
def fitted() -> pl.DataFrame:
    return fit_times(invented_skeleton(), seed=5, schedule=SHORT)


def test_the_same_seed_gives_the_same_days(fitted: pl.DataFrame) -> None:
    assert fit_times(invented_skeleton(), seed=5, schedule=SHORT).equals(fitted)


def test_another_seed_gives_other_days(fitted: pl.DataFrame) -> None:
    other = fit_times(invented_skeleton(), seed=6, schedule=SHORT)
    assert other["end_day"].to_list() != fitted["end_day"].to_list()


def test_annealing_keeps_counts_and_ages(fitted: pl.DataFrame) -> None:
    before = invented_skeleton()
    kept = ["number", "block", "cr1_class", "cns_history", "best_response", "toxic_death", "mrd_result"]
    assert fitted.select(kept).equals(before.select(kept))
    groups = pl.when(pl.col("block") == "transplanted").then(1).when("is_mrd_indication").then(2).otherwise(0)
    for column, group in (("age_years", groups), ("n_cycles", "block"), ("in_remission_status", "block")):
        counts = [frame.group_by(group, column).len().sort(pl.all()) for frame in (before, fitted)]
        assert counts[0].equals(counts[1])


def test_annealed_courses_are_possible(fitted: pl.DataFrame) -> None:
    others = {name: kind for name, kind in SCHEMA.items() if name not in fitted.columns}
    whole = fitted.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in others.items())
    known = set(fitted.columns) - {"in_remission_status"}
    rules = {name: rule for name, rule in IMPOSSIBLE.items() if set(rule.meta.root_names()) <= known}
    assert len(rules) >= 15
    found = whole.select(rule.fill_null(value=False).sum().alias(name) for name, rule in rules.items())
    assert {name: n for name, n in found.row(0, named=True).items() if n} == {}


def rows(frame: pl.DataFrame, *, origin: str | None, first: pl.Expr) -> pl.DataFrame:
    """Rows (tstart, tstop] from an origin to death, or to the first of ``first``, with the transplant."""
    begin = pl.col(origin) if origin else pl.lit(0)
    timed = frame.with_columns(
        patient_id="number",
        tstart=pl.lit(0, dtype=pl.Int64),
        tstop=pl.min_horizontal(first, "end_day") - begin,
        event=(first.is_not_null() | pl.col("is_dead")).cast(pl.Int64),
        switch=pl.col("transplant_day") - begin,
        allo_hct=pl.lit(0),
    )
    never = pl.col("switch").is_null()
    before = timed.with_columns(
        tstop=pl.min_horizontal("switch", "tstop"), event=pl.when(never).then("event").otherwise(0)
    )
    after = timed.filter(~never).with_columns(tstart="switch", allo_hct=pl.lit(1))
    return pl.concat([before, after])


NEVER_FIRST = pl.lit(None, dtype=pl.Int64)
FAILURE = pl.min_horizontal("relapse_day", "progression_day")
TERMS = [
    "allo_hct",
    "age",
    "cr1_1",
    "cr1_2",
    "cr1_3",
    "cns_history",
    "earlier",
    "is_ph_positive",
    "is_kmt2a_rearranged",
]
RFS_TERMS = ["allo_hct", "age", "cns_history", "is_kmt2a_rearranged", "mrd", "cr1_1", "cr1_2", "cr1_3"]


@pytest.fixture(scope="module")
def patients(fitted: pl.DataFrame) -> pl.DataFrame:
    return fitted.filter(~pl.col("is_mrd_indication")).with_columns(
        pl.col("cns_history", "is_ph_positive", "is_kmt2a_rearranged").cast(pl.Int64),
        age=pl.col("age_years") / 10,
        cr1_1=(pl.col("cr1_class") == "under_1_year").cast(pl.Int64),
        cr1_2=(pl.col("cr1_class") == "1_to_2_years").cast(pl.Int64),
        cr1_3=pl.col("cr1_class").is_in(["2_to_3_years", "over_3_years"]).cast(pl.Int64),
        earlier=(pl.col("prior_allo_hct") == "yes").cast(pl.Int64),
        mrd=(pl.col("mrd_result") == "positive").cast(pl.Int64),
        is_responder=pl.col("response_day").is_not_null(),
    )


def expect(found: dict[str, float], names: tuple[str, ...], values: tuple[Any, ...], *, tolerance: float) -> None:
    for name, value in zip(names, values, strict=True):
        expected = math.inf if value is None else float(value)
        assert found[name] == pytest.approx(expected, abs=tolerance), name


def test_models_are_those_of_the_analysis(fitted: pl.DataFrame, patients: pl.DataFrame) -> None:
    found = statistics(fitted)
    suffixes = ("hr", "ci_lower", "ci_upper", "p")
    responders = patients.filter("is_responder")

    def term(table: pl.DataFrame, name: str) -> tuple[Any, ...]:
        return table.filter(term=name).select("hazard_ratio", "lower", "upper", "p_value").row(0)

    os_model = cox(rows(patients, origin=None, first=NEVER_FIRST), TERMS).table
    for printed, name in (("hct", "allo_hct"), ("cr1_lt1", "cr1_1"), ("ph", "is_ph_positive")):
        names = tuple(f"cox_os_{printed}_{suffix}" for suffix in suffixes)
        expect(found, names, term(os_model, name), tolerance=1e-8)
    expect(found, ("cox_os_ns_cns",), term(os_model, "cns_history")[3:], tolerance=1e-8)
    from_response = rows(responders, origin="response_day", first=NEVER_FIRST)
    names = tuple(f"hct_crcri_os_{suffix}" for suffix in suffixes)
    expect(found, names, term(cox(from_response, TERMS).table, "allo_hct"), tolerance=1e-8)
    expect(found, ("hct_crcri_mantel_byar_p",), (mantel_byar(from_response).p_value,), tolerance=1e-8)
    rfs_model = cox(rows(responders, origin="response_day", first=FAILURE), RFS_TERMS).table
    for printed, name in (("cns", "cns_history"), ("mll", "is_kmt2a_rearranged")):
        names = tuple(f"cox_rfs_{printed}_{suffix}" for suffix in suffixes)
        expect(found, names, term(rfs_model, name), tolerance=1e-8)
    expect(found, ("cox_rfs_ns_cr_mrdpos_vs_mrdneg",), term(rfs_model, "mrd")[3:], tolerance=1e-8)


def test_curves_and_tests_are_those_of_the_analysis(fitted: pl.DataFrame, patients: pl.DataFrame) -> None:
    found = statistics(fitted)

    def months(frame: pl.DataFrame, first: pl.Expr, origin: str | None) -> tuple[Any, ...]:
        begin = pl.col(origin) if origin else pl.lit(0)
        timed = frame.select(
            tstop=(pl.min_horizontal(first, "end_day") - begin) / MONTH,
            event=(first.is_not_null() | pl.col("is_dead")).cast(pl.Int64),
        )
        return kaplan_meier(timed, id=None, start=None).median.select("median", "lower", "upper").row(0)

    others = patients.filter(pl.col("block") != "transplanted")
    expect(
        found,
        ("rr_os_months_median", "rr_os_months_ci_lower", "rr_os_months_ci_upper"),
        months(patients, NEVER_FIRST, None),
        tolerance=1e-9,
    )
    names = ("nonhct_efs_median", "nonhct_efs_ci_lower", "nonhct_efs_ci_upper")
    expect(found, names, months(others, FAILURE, None), tolerance=1e-9)
    names = ("nonhct_rfs_median", "nonhct_rfs_ci_lower", "nonhct_rfs_ci_upper")
    expect(found, names, months(others.filter("is_responder"), FAILURE, "response_day"), tolerance=1e-9)
    ph_rfs = patients.filter("is_responder", pl.col("is_ph_positive") == 1).select(
        tstop=pl.min_horizontal(FAILURE, "end_day") - pl.col("response_day"),
        event=(FAILURE.is_not_null() | pl.col("is_dead")).cast(pl.Int64),
        tki=pl.col("tki") != "none",
    )
    expect(found, ("ph_tki_rfs_p",), (log_rank(ph_rfs, "tki", id=None, start=None).p_value,), tolerance=1e-9)
    seen = fitted.select("number", end=pl.col("end_day") / MONTH, event=pl.col("is_dead").cast(pl.Int64))
    followed = follow_up(seen, method="survivors", id="number", start=None, stop="end", event="event").table
    names = ("fu_all_median", "fu_all_min", "fu_all_max")
    expect(found, names, followed.select("median", "shortest", "longest").row(0), tolerance=1e-9)


def test_mrd_indication_hits_all_but_the_limit_that_cannot_be(fitted: pl.DataFrame) -> None:
    found = statistics(fitted)
    missed = {target.id for target in MRD_TARGETS if not target.is_hit(found[target.id])}
    assert missed == {"mrd_os_months_ci_upper"} <= set(CONTRADICTED)


def test_printed_rfs_of_nine_leaves_one_order_of_events() -> None:
    assert risk_sets_of_rfs() == [(7, 6, 4)]


def test_upper_limit_of_twelve_with_six_deaths_does_not_come_down_to_one_half() -> None:
    assert least_upper_limit(most_deaths=6) > 0.5
    assert least_upper_limit(most_deaths=7) < 0.5


@pytest.mark.parametrize("name", ["cox_os_age", "cox_rfs_cns"])
def test_contradicted_p_values_are_outside_what_their_intervals_allow(name: str) -> None:
    target = {target.id: target for target in TARGETS}
    ratio, lower, upper, p = (target[f"{name}_{suffix}"] for suffix in ("hr", "ci_lower", "ci_upper", "p"))
    least, most = wald_p_range(ratio, lower, upper)
    assert p.id in CONTRADICTED
    assert least > p.printed + p.half_width
    steps = np.linspace(-0.005, 0.005, 201)
    lows, highs = np.meshgrid(np.log(lower.printed + steps), np.log(upper.printed + steps))
    middle, se = (lows + highs) / 2, (highs - lows) / 2 / 1.959964
    allowed = np.abs(np.exp(middle) - ratio.printed) <= 0.005
    p_values = [math.erfc(z / math.sqrt(2)) for z in (middle / se)[allowed]]
    assert least - 1e-6 <= min(p_values) <= max(p_values) <= most + 1e-6
