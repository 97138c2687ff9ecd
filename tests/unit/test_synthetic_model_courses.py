"""Do large numbers of courses have the shares that the parameters give, and the dependences that are declared?"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import polars as pl
import pytest

from blinreg.synthetic.courses import NEVER, Courses, Placement, impossible_orders
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.studies import load_study

STUDY = load_study("realworld-2020")
N = 20_000


@cache
def population() -> tuple[Courses, Placement]:
    return draw_courses(STUDY, 3, np.arange(N))


def frame() -> pl.DataFrame:
    return population()[0].frame


def near(share: float, expected: float, n: int) -> bool:
    """Whether a share is within four standard errors of its expectation."""
    return abs(share - expected) <= 4 * math.sqrt(max(expected * (1 - expected), 1e-4) / n)


def odds(share: float) -> float:
    return share / (1 - share)


def test_no_order_of_events_is_impossible() -> None:
    assert impossible_orders(population()[0]) == {}


RR = ~pl.col("is_mrd_indication")
MRD = pl.col("is_mrd_indication")
BASELINE = STUDY.baseline


@pytest.mark.parametrize(
    ("event", "group", "expected"),
    [
        (MRD, pl.lit(True), STUDY.n_mrd_indication / STUDY.n_patients),
        (pl.col("is_female"), pl.lit(True), BASELINE.female),
        (pl.col("is_ph_positive"), RR, BASELINE.ph_positive_rr),
        (pl.col("is_ph_positive"), MRD, BASELINE.ph_positive_mrd),
        (pl.col("tki") != "none", RR & pl.col("is_ph_positive"), BASELINE.tki_rr),
        (pl.col("tki") == "ponatinib", pl.col("tki") != "none", BASELINE.ponatinib),
        (pl.col("is_kmt2a_rearranged"), ~pl.col("is_ph_positive"), BASELINE.kmt2a_rearranged),
        (pl.col("has_cns_at_diagnosis"), pl.lit(True), BASELINE.cns_at_diagnosis),
        (pl.col("has_cns_at_relapse"), RR, BASELINE.cns_at_relapse_rr),
        (pl.col("has_active_cns"), pl.col("has_cns_at_relapse"), BASELINE.cns_at_start),
        (pl.col("has_extramedullary"), RR, BASELINE.extramedullary_rr),
        (pl.col("cr1_class") == "primary_refractory", RR, BASELINE.cr1_class.weights[0]),
        (pl.col("cr1_days") < 548, pl.col("cr1_class") == "1_to_2_years", BASELINE.cr1_under_18_months),
        (pl.col("wbc_1e9_per_l").is_null(), pl.lit(True), STUDY.missing.wbc),
        (pl.col("blood_blast_percent").is_null(), pl.lit(True), STUDY.missing.blood_blast),
        (~pl.col("evaluable_crs"), pl.lit(True), STUDY.n_not_evaluable["crs"] / STUDY.n_patients),
        (pl.col("dosing") == "reduced", RR, STUDY.treatment.reduced_dosing),
    ],
    ids=str,
)
def test_shares_are_those_of_the_parameters(event: pl.Expr, group: pl.Expr, expected: float) -> None:
    found = frame().filter(group)
    assert near(found.select(event.mean()).item(), expected, found.height)


def test_medians_and_ranges_are_the_printed_ones() -> None:
    age, wbc = frame()["age_years"], frame()["wbc_1e9_per_l"]
    assert (age.min(), age.median(), age.max()) == (18, pytest.approx(48, abs=1), 85)
    assert wbc.median() == pytest.approx(4.2, rel=0.05)
    assert wbc.min() >= 0.01  # type: ignore[operator]
    assert wbc.max() <= 205  # type: ignore[operator]


def test_sites_have_their_shares_of_patients_and_of_missing_karnofsky() -> None:
    _, placement = population()
    missing = frame()["karnofsky_percent"].is_null().to_numpy()
    for position, site in enumerate(STUDY.sites):
        here = placement.site == position
        assert near(float(here.mean()), site.n_patients / STUDY.n_patients, N)
        assert near(float(missing[here].mean()), site.karnofsky_missing, int(here.sum()))


def test_karnofsky_is_missing_more_often_where_the_patient_died_early() -> None:
    _, placement = population()
    early = (pl.col("is_dead") & (pl.col("end_day") <= STUDY.missing.early_death_days)).alias("early")
    table = frame().select(early, pl.col("karnofsky_percent").is_null().alias("missing"))
    table = table.with_columns(site=pl.Series(placement.site))
    assert near(table["early"].mean(), STUDY.missing.early_death_share, N)  # type: ignore[arg-type]
    shares = table.group_by("site", "early").agg(pl.col("missing").sum(), pl.len()).sort("site")
    # Mantel-Haenszel odds ratio over the sites.
    above = below = 0.0
    for site in range(len(STUDY.sites)):
        some = {row["early"]: row for row in shares.filter(pl.col("site") == site).iter_rows(named=True)}
        n = some[True]["len"] + some[False]["len"]
        above += some[True]["missing"] * (some[False]["len"] - some[False]["missing"]) / n
        below += some[False]["missing"] * (some[True]["len"] - some[True]["missing"]) / n
    assert above / below == pytest.approx(STUDY.missing.early_death_odds_ratio, rel=0.3)


def test_dates_lie_within_accrual_and_observation_ends_at_the_cutoff() -> None:
    courses, placement = population()
    start, last = np.datetime64(STUDY.accrual_start), np.datetime64(STUDY.accrual_end)
    cutoff = np.datetime64(STUDY.data_cutoff_date)
    assert placement.index_date.min() >= start
    assert placement.index_date.max() <= last
    end = placement.index_date + courses.whole("end_day")
    assert end.max() <= cutoff
    assert np.all(
        (end == cutoff) == courses.is_code("end_reason", "cutoff") | ((end == cutoff) & courses.flag("is_dead"))
    )


def test_toxicity_depends_on_burden_and_on_the_inhibitor() -> None:
    known = frame().filter(RR & pl.col("blood_blast_percent").is_not_null() & pl.col("evaluable_crs"))
    has_crs = (pl.col("grade_crs") != 0).mean()
    low = known.filter(pl.col("blood_blast_percent") == 0).select(has_crs).item()
    high = known.filter(pl.col("blood_blast_percent") > 50).select(has_crs).item()
    burden = known.filter(pl.col("blood_blast_percent") > 50).select(pl.col("blood_blast_percent").mean() / 100).item()
    expected = STUDY.safety.category.crs.burden**burden
    assert odds(high) / odds(low) == pytest.approx(expected, rel=0.2)
    fatal = (pl.col("cause_of_death") == "blinatumomab_toxicity").mean()
    assert known.filter(pl.col("blood_blast_percent") > 50).select(fatal).item() > 1.5 * (
        known.filter(pl.col("blood_blast_percent") == 0).select(fatal).item()
    )
    # Printed: none of 29; a death from CRS is drawn by itself.
    on_tki = frame().filter((pl.col("tki") != "none") & (pl.col("fatal_term") == "none"))
    assert on_tki["grade_crs"].max() == 2


def test_deaths_from_toxicity_are_outcomes() -> None:
    dead = frame().filter(pl.col("cause_of_death") == "blinatumomab_toxicity")
    assert dead.height > 100
    assert dead["response_day"].null_count() == dead.height
    assert dead["end_day"].max() <= 34  # type: ignore[operator]
    terms = dead.group_by("fatal_term").len()
    assert terms.height == 4


def test_gvhd_has_days_of_onset_on_their_side_of_100_days() -> None:
    courses, _ = population()
    transplant = courses.day("transplant_day")
    for name, low, high in (("acute_gvhd_day", 1, 100), ("chronic_gvhd_day", 101, 420)):
        day = courses.day(name)
        gap = (day - transplant)[day < NEVER]
        assert gap.size > 100
        assert gap.min() >= low
        assert gap.max() <= high


def test_nobody_over_72_or_with_the_mrd_indication_is_transplanted() -> None:
    done = frame().filter(pl.col("transplant_day").is_not_null())
    assert done["age_years"].max() == 72
    assert not done["is_mrd_indication"].any()
    assert done["n_cycles"].max() == STUDY.treatment.most_cycles_before_transplant
    first = done.select(pl.col("transplant_day") - pl.col("response_day")).to_series()
    assert first.max() <= STUDY.disease.last_transplant_days + 1  # type: ignore[operator]
