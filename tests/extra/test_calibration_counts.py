"""Counts and proofs of the calibrated cohort made again with OR-tools, which only development needs."""

import json
from importlib.resources import files

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import logistic
from blinreg.synthetic.calibration.assemble import complete
from blinreg.synthetic.calibration.counts import skeleton
from blinreg.synthetic.calibration.counts_cells import make_cells
from blinreg.synthetic.calibration.counts_solver import coefficients, solve_cells
from blinreg.synthetic.calibration.counts_statements import statements
from blinreg.synthetic.calibration.logistic import TARGETS
from blinreg.synthetic.calibration.proofs import status_of
from blinreg.synthetic.calibration.proofs_problems import problems
from blinreg.synthetic.calibration.survival import Schedule, fit_times
from blinreg.synthetic.courses import TERM_CATEGORY, impossible_orders

PROFILES = ("strict", "plausible")


@pytest.fixture(scope="module")
def skeletons():
    return {profile: skeleton(profile) for profile in PROFILES}


@pytest.fixture(scope="module")
def courses(skeletons):
    short = Schedule(first=20_000, further=1, rounds=0)
    return {profile: complete(fit_times(patients, schedule=short), profile) for profile, patients in skeletons.items()}


@pytest.mark.parametrize("problem", problems(), ids=lambda problem: problem.id)
def test_committed_core_is_infeasible_and_minimal(problem):
    committed = json.loads(files("blinreg.synthetic").joinpath("calibrated/proofs.json").read_text(encoding="utf-8"))
    words = next(proof["statements"] for proof in committed["proofs"] if proof["id"] == problem.id)
    core = [count for count in problem.counts if count.words in words]
    assert len(core) == len(words)
    assert status_of(core) == "INFEASIBLE"
    for left_out in range(len(core)):
        rest = [count for position, count in enumerate(core) if position != left_out]
        assert status_of(rest) == "OPTIMAL"


@pytest.mark.parametrize("profile", PROFILES)
def test_the_integer_program_meets_every_count(profile):
    cells, rules = make_cells(), statements(profile)
    numbers = solve_cells(cells, rules, seed=1)
    counts = coefficients(cells, rules) @ numbers
    assert all(rule.low <= count <= rule.high for rule, count in zip(rules, counts.tolist(), strict=True))
    assert (numbers == solve_cells(cells, rules, seed=1)).all()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_skeleton_has_the_published_logistic_model(profile, skeletons):
    frame = skeletons[profile].filter(~pl.col("is_mrd_indication"))
    rows = frame.select(
        y=pl.col("best_response").is_in(["cr", "cri"]).cast(pl.Int64),
        combination=((pl.col("tki") != "none") | pl.col("with_chemotherapy") | pl.col("has_active_cns")).cast(pl.Int64),
        lines_2=(pl.col("n_prior_lines") == 2).cast(pl.Int64),
        lines_3=(pl.col("n_prior_lines") >= 3).cast(pl.Int64),
        ph=pl.col("is_ph_positive").cast(pl.Int64),
        kmt2a=pl.col("is_kmt2a_rearranged").cast(pl.Int64),
        cns=pl.col("cns_history"),
        under_1=(pl.col("cr1_class") == "under_1_year").cast(pl.Int64),
        from_1=(pl.col("cr1_class") == "1_to_2_years").cast(pl.Int64),
        from_2=pl.col("cr1_class").is_in(["2_to_3_years", "over_3_years"]).cast(pl.Int64),
    )
    table = {row["term"]: row for row in logistic(rows, "y", rows.columns[1:]).table.iter_rows(named=True)}
    found = {
        f"{name}_{suffix}": table[term][column]
        for name, term in (("logit_tki_chemo", "combination"), ("logit_prior_gt3", "lines_3"))
        for suffix, column in (("or", "odds_ratio"), ("ci_lower", "lower"), ("ci_upper", "upper"), ("p", "p_value"))
    }
    for name, term in (("ph", "ph"), ("mll", "kmt2a"), ("cns", "cns"), ("prior_2v1", "lines_2")):
        found[f"logit_{name}_p"] = table[term]["p_value"]
    found["logit_ttp_lt1_p"], found["logit_ttp_1_2_p"] = table["under_1"]["p_value"], table["from_1"]["p_value"]
    misses = {name: found[name] for name, value, half in TARGETS if abs(found[name] - value) > half}
    assert misses == {}


@pytest.mark.parametrize("profile", PROFILES)
def test_ages_lines_and_cycles_have_the_published_medians_and_ranges(profile, skeletons):
    frame = skeletons[profile]
    transplanted = frame.filter(pl.col("block") == "transplanted")
    others = frame.filter(pl.col("block").is_in(["responder", "nonresponder", "not_evaluable"]))

    def of(values):
        return values.median(), values.min(), values.max()

    assert of(frame["age_years"]) == (48, 18, 85)
    assert of(others["age_years"]) == (51, 18, 85)
    assert of(transplanted["age_years"]) == (59 if profile == "strict" else 45, 18, 72)
    assert of(frame.filter("is_n_prior_lines_recorded")["n_prior_lines"]) == (1, 1, 7)
    assert of(others["n_prior_lines"]) == (2, 1, 7)
    assert of(transplanted["n_prior_lines"] + 1) == (2, 2, 6)
    assert of(frame["n_cycles"]) == (2, 1, 5)
    assert of(transplanted["n_cycles"]) == (2, 1, 4)
    recorded = frame.filter("is_n_prior_lines_recorded")
    assert (frame["n_prior_lines"] >= 3).sum() == 62
    assert (recorded["n_prior_lines"] >= 3).sum() == 61
    assert frame["in_remission_status"].value_counts().drop_nulls().sort("in_remission_status").rows() == [
        ("car_t", 3),
        ("continuing", 29),
        ("dli", 2),
        ("relapsed", 30),
    ]


# Table 1 and text: what the courses count.
FLAGS = {
    "is_mrd_indication": 12,
    "is_female": 101,
    "is_ph_positive": 61,
    "is_kmt2a_rearranged": 28,
    "has_cns_at_diagnosis": 15,
    "has_cns_at_relapse": 39,
    "has_active_cns": 9,
    "has_extramedullary": 10,
    "has_marrow_disease": 221,
    "has_prior_inotuzumab": 22,
    "with_chemotherapy": 3,
    "with_rituximab": 1,
    "with_intrathecal": 9,
    "evaluable_crs": 236,
    "evaluable_neurotoxicity": 236,
    "evaluable_hepatotoxicity": 238,
    "crs_corticosteroid": 44,
    "crs_tocilizumab": 8,
    "stopped_for_neurotoxicity": 8,
    "stopped_for_hepatotoxicity": 4,
    "stopped_for_crs": 3,
    "stopped_for_infection": 3,
    "stopped_for_pain": 1,
}
#: Any, grade 1 to 2, grade 3 and more (Table 3); with a TKI any and 3 and more (text), where printed.
TERMS = {
    "crs": (94, 86, 8, 10, 0),
    "encephalopathy": (22, 10, 12, None, 1),
    "headache": (27, 24, 3, None, None),
    "seizure": (3, 2, 1, None, None),
    "stroke": (3, 0, 1, None, None),
    "transaminase_increase": (62, 40, 22, 7, 1),
    "bilirubin_increase": (20, 17, 3, None, None),
    "veno_occlusive_disease": (2, 1, 1, None, None),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_courses_are_possible_and_reproducible(profile, courses, skeletons):
    assert impossible_orders(courses[profile]) == {}
    short = Schedule(first=20_000, further=1, rounds=0)
    again = complete(fit_times(skeletons[profile], schedule=short), profile)
    assert again.frame.equals(courses[profile].frame)


@pytest.mark.parametrize("profile", PROFILES)
def test_baseline_has_the_counts_of_table_1(profile, courses):
    frame = courses[profile].frame
    assert {name: frame[name].sum() for name in FLAGS} == FLAGS
    karnofsky = frame["karnofsky_percent"]
    assert ((karnofsky >= 80).sum(), (karnofsky < 80).sum(), karnofsky.null_count()) == (131, 25, 83)
    wbc, blasts = frame["wbc_1e9_per_l"], frame["blood_blast_percent"]
    assert (wbc.median(), wbc.min(), wbc.max()) == (4.2, 0.01, 205.0)
    assert (blasts.median(), blasts.max(), blasts.null_count()) == (0.2, 97.0, 10)
    assert blasts.min() == (0.2 if profile == "strict" else 0.0)
    assert (frame["cytogenetic_abnormality"] == "yes").sum() == 164
    assert sorted(frame["dosing"].value_counts()["count"].to_list()) == [9, 12, 218]
    assert sorted(frame["tki"].value_counts()["count"].to_list()) == [13, 16, 210]
    assert (frame["prior_allo_hct"] == "yes").sum() == 46
    assert (frame["prior_allo_hct"] == "unknown").sum() == 1
    extramedullary = frame.filter("has_extramedullary")
    assert extramedullary.filter(pl.col("best_response").is_in(["cr", "cri"])).height == 2
    assert (extramedullary["prior_allo_hct"] == "yes").sum() == 5
    assert (~extramedullary["has_marrow_disease"]).sum() == 6
    mrd = frame.filter("is_mrd_indication", "has_prior_inotuzumab")
    assert mrd["mrd_result"].to_list() == ["positive"]


@pytest.mark.parametrize("profile", PROFILES)
def test_toxicity_has_the_counts_of_table_3(profile, courses):
    frame = courses[profile].frame
    tki = frame["tki"] != "none"
    for term, (any_grade, mild, severe, tki_any, tki_severe) in TERMS.items():
        grade = frame[f"grade_{term}"]
        assert ((grade != 0).sum(), grade.is_between(1, 2).sum(), (grade >= 3).sum()) == (any_grade, mild, severe), term
        assert tki_any is None or ((grade != 0) & tki).sum() == tki_any, term
        assert tki_severe is None or ((grade >= 3) & tki).sum() == tki_severe, term
    for category, sums in (("neurotoxicity", (55, 36, 17)), ("hepatotoxicity", (84, 58, 26))):
        terms = [f"grade_{term}" for term, of in TERM_CATEGORY.items() if of == category]
        worst = frame.select(pl.max_horizontal(pl.col(terms).abs() * pl.col(terms).sign()))[terms[0]].to_numpy()
        ungraded = (frame.select(terms).to_numpy() == -1).any(axis=1) & (worst <= 0)
        assert (
            int((worst > 0).sum() + ungraded.sum()),
            int(np.isin(worst, (1, 2)).sum()),
            int((worst >= 3).sum()),
        ) == sums
        evaluable = frame[f"evaluable_{category}"].to_numpy()
        assert not ((worst != 0) & ~evaluable).any()
    neuro = frame.select(
        pl.any_horizontal(pl.col([f"grade_{t}" for t, c in TERM_CATEGORY.items() if c == "neurotoxicity"]) != 0)
    )
    assert (neuro.to_series() & tki).sum() == 4
    assert not frame.filter(pl.col("grade_veno_occlusive_disease") > 0)["has_prior_inotuzumab"].any()


@pytest.mark.parametrize("profile", PROFILES)
def test_every_reason_for_stopping_and_every_toxic_death_has_its_event(profile, courses):
    frame = courses[profile].frame
    reasons = [name for name in frame.columns if name.startswith("stopped_for_")]
    assert frame.filter(pl.any_horizontal(reasons)).height == 17
    for reason in reasons:
        category = reason.removeprefix("stopped_for_")
        terms = [
            f"grade_{term}"
            for term, of in TERM_CATEGORY.items()
            if of == category or (category == "pain" and term == "pain")
        ]
        assert frame.filter(reason).select(pl.max_horizontal(terms)).to_series().min() >= 2
    fatal = frame.filter(pl.col("cause_of_death") == "blinatumomab_toxicity")
    assert sorted(fatal["fatal_term"].to_list()) == ["crs", "liver_failure", "sepsis", "stroke"]
    for row in fatal.iter_rows(named=True):
        assert row[f"grade_{row['fatal_term']}"] == 5
    grades = [f"grade_{term}" for term in TERM_CATEGORY]
    assert frame.select(pl.sum_horizontal((pl.col(name) == 5).cast(pl.Int64) for name in grades).sum()).item() == 4
    interrupted = frame.filter(pl.col("n_interruptions") > 0)
    assert interrupted["n_interruptions"].value_counts().sort("n_interruptions").rows() == [(1, 36), (2, 9), (3, 5)]
    assert interrupted.select(pl.max_horizontal(grades)).to_series().min() >= 1


@pytest.mark.parametrize("profile", PROFILES)
def test_transplants_have_the_counts_of_table_4(profile, courses):
    frame = courses[profile].frame
    donors = dict(frame.filter(pl.col("transplant_day").is_not_null())["donor"].value_counts().rows())
    assert donors == {"matched_related": 31, "matched_unrelated": 36, "haploidentical": 13, "cord_blood": 5}
    present = {name: frame[name].count() for name in ("acute_gvhd_day", "chronic_gvhd_day", "car_t_day", "dli_day")}
    assert present == {"acute_gvhd_day": 28, "chronic_gvhd_day": 14, "car_t_day": 3, "dli_day": 2}
    assert frame["transplant_veno_occlusive_disease_day"].count() == 2
    assert frame["transplant_infection_day"].count() == 12
