"""How often 95% intervals hold the truth, in many seeded cohorts: writes a table and a picture.

    python benchmarks/interval_coverage.py                # 2,000 cohorts; a few minutes
    python benchmarks/interval_coverage.py --cohorts 200 --out folder
    python benchmarks/interval_coverage.py --draw         # draws again what was measured

Cohorts have the size of the study (239) for the effect of transplant, and five times that for the transitions. Two
truths are known. The hazard ratio of each transition is planted; it should be found by a Cox model of that
transition. The overall effect of transplant on survival is none of them: it is what a time-dependent Cox model tends
to in a large population (``benchmarks/large_sample.py``). An analysis by ever and never transplanted misses it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from blinreg.analyses import cox
from blinreg.schemas.errors import BlinregError
from blinreg.synthetic.model import draw_courses, truth
from blinreg.synthetic.model.transitions import overall_rows, transition_rows
from blinreg.synthetic.studies import load_study

STUDY = "realworld-2020"
FIGURES = Path(__file__).parents[1] / "docs" / "figures"
#: Transitions whose planted effects are looked for, with the covariates named in the table.
TRANSITIONS = {
    "relapse": ("transplanted", "kmt2a", "cns_history"),
    "death_without_response": ("age_per_decade", "cr1_under_1_year"),
}
#: Models of transitions have many terms and few events at the size of the study: their cohorts are so much larger.
TRANSITION_SIZE = 5


def _estimates(
    rows: pl.DataFrame, covariates: list[str], wanted: tuple[str, ...]
) -> Iterator[tuple[str, float, float]]:
    """Coefficients and standard errors of a fit; none where the likelihood of the cohort has no maximum."""
    varying = [name for name in covariates if rows[name].n_unique() > 1]
    try:
        table = cox(rows, varying).table
    except BlinregError:
        return
    for row in table.iter_rows(named=True):
        if row["term"] in wanted and row["se"] > 0:
            yield row["term"], row["coef"], row["se"]


def one_cohort(study_name: str, seed: int) -> Iterator[dict[str, object]]:
    """Analyse one cohort of the study's size in every way."""
    study = load_study(study_name)
    courses, placement = draw_courses(study, seed, np.arange(study.n_patients))
    rows = overall_rows(courses)
    for analysis, term in (("time-dependent", "allo_hct"), ("ever or never", "ever_allo_hct")):
        for _, coef, se in _estimates(rows, [term], (term,)):
            yield {"analysis": analysis, "term": "transplant, overall", "seed": seed, "coef": coef, "se": se}
    courses, placement = draw_courses(study, seed, np.arange(TRANSITION_SIZE * study.n_patients))
    for transition, wanted in TRANSITIONS.items():
        part = transition_rows(study, courses, placement, transition)
        for term, coef, se in _estimates(part, part.columns[4:], wanted):
            yield {"analysis": transition, "term": term, "seed": seed, "coef": coef, "se": se}


def summary(found: pl.DataFrame, study_name: str) -> pl.DataFrame:
    """Compare the estimates with the truth: one row an analysis and term."""
    planted = truth(load_study(study_name))
    overall = planted.large_sample_values["log_hazard_ratio"]
    true = {("time-dependent", "transplant, overall"): overall, ("ever or never", "transplant, overall"): overall}
    for transition, wanted in TRANSITIONS.items():
        true |= {(transition, term): planted.of(transition)[term] for term in wanted}
    z = 1.959963984540054
    truths = pl.DataFrame([(*key, value) for key, value in true.items()], ["analysis", "term", "truth"], orient="row")
    covers = (pl.col("coef") - pl.col("truth")).abs() <= z * pl.col("se")
    return (
        truths.join(found, on=["analysis", "term"], maintain_order="left")
        .group_by("analysis", "term", maintain_order=True)
        .agg(
            n_cohorts=pl.len(),
            true_hazard_ratio=pl.col("truth").first().exp(),
            median_hazard_ratio=pl.col("coef").median().exp(),
            lower_5_percent=pl.col("coef").quantile(0.05).exp(),
            upper_5_percent=pl.col("coef").quantile(0.95).exp(),
            mean_log_error=(pl.col("coef") - pl.col("truth")).mean(),
            coverage_percent=100 * covers.mean(),
        )
        .with_columns(
            monte_carlo_percent=100
            * z
            * (pl.col("coverage_percent") / 100 * (1 - pl.col("coverage_percent") / 100) / pl.col("n_cohorts")).sqrt()
        )
    )


def draw(found: pl.DataFrame, table: pl.DataFrame, path: Path) -> None:
    """Draw where the estimates of the overall effect lie, by method, against the truth."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "blinreg", "font.size": 9, "svg.fonttype": "none"})
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    bins = np.linspace(math.log(0.12), math.log(1.6), 60)
    for analysis, colour in (("time-dependent", "#0072B2"), ("ever or never", "#D55E00")):
        part = found.filter((pl.col("analysis") == analysis) & (pl.col("term") == "transplant, overall"))
        row = table.filter((pl.col("analysis") == analysis) & (pl.col("term") == "transplant, overall")).row(
            0, named=True
        )
        axes.hist(part["coef"].to_numpy(), bins, color=colour, alpha=0.55)
        axes.text(
            0.01 if analysis == "ever or never" else 0.99,
            0.98,
            f"{analysis}:\n{row['coverage_percent']:.0f}% of the 95% intervals\nhold the truth",
            transform=axes.transAxes,
            ha="left" if analysis == "ever or never" else "right",
            va="top",
            color=colour,
            fontweight="bold",
        )
    true = table["true_hazard_ratio"][0]
    axes.axvline(math.log(true), color="black", linewidth=1.2)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.18)
    axes.annotate(
        f"truth: {true:.2f}", (math.log(true), axes.get_ylim()[1]), xytext=(4, -2), textcoords="offset points", va="top"
    )
    ticks = (0.125, 0.25, 0.5, 1.0, 1.5)
    axes.set_xticks([math.log(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("estimated hazard ratio of transplant (log scale)")
    n = table["n_cohorts"][0]
    axes.set_ylabel(f"cohorts of {n:,}")
    axes.spines[["top", "right"]].set_visible(False)
    figure.text(0.995, 0.005, "SYNTHETIC cohorts of 239", ha="right", fontsize=7, color="#555555")
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=2000)
    parser.add_argument("--out", type=Path, default=FIGURES)
    parser.add_argument("--draw", action="store_true", help="draw again from coverage.synthetic.parquet")
    given = parser.parse_args()
    kept = given.out / "coverage.synthetic.parquet"
    if given.draw:
        found = pl.read_parquet(kept)
    else:
        rows: list[dict[str, object]] = []
        for seed in range(1, given.cohorts + 1):
            rows.extend(one_cohort(STUDY, seed))
            if seed % 100 == 0:
                print(f"{seed} of {given.cohorts} cohorts", flush=True)
        found = pl.DataFrame(rows).with_columns(pl.col("coef", "se").cast(pl.Float32))
        found.write_parquet(kept, metadata={"synthetic": "true"})
    table = summary(found.with_columns(pl.col("coef", "se").cast(pl.Float64)), STUDY)
    table.write_csv(given.out / "coverage.synthetic.csv", float_precision=4)
    draw(found, table, given.out / "coverage.svg")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=3):
        print(table)


if __name__ == "__main__":
    main()
