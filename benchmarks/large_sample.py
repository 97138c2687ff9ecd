"""Compute what analyses of transplant tend to in the model of a synthetic study, from a large population.

    python benchmarks/large_sample.py                    # four million patients, half a minute
    python benchmarks/large_sample.py --patients 1000000

In an illness-death model the overall effect of a transplant is none of the planted hazard ratios: it mixes relapse,
death after relapse and mortality of the transplant, with the follow-up that the study has. What the analyses of a
cohort should find is therefore computed here and committed beside the parameters of the study.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from blinreg.analyses import cox, mantel_byar
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.model.transitions import overall_rows
from blinreg.synthetic.studies import load_study

BLOCK = 100_000
STUDIES = Path(__file__).parents[1] / "synthetic" / "studies"
EXPOSURES = ("allo_hct", "ever_allo_hct")


def responders(study: str, seed: int, n_patients: int) -> pl.DataFrame:
    """Rows of overall survival of the responders with relapsed or refractory disease."""
    parameters = load_study(study)
    blocks = range(0, n_patients, BLOCK)
    numbers = (np.arange(first, min(first + BLOCK, n_patients)) for first in blocks)
    return pl.concat(overall_rows(draw_courses(parameters, seed, some)[0]) for some in numbers)


def log_hazard_ratio(rows: pl.DataFrame, covariates: list[str]) -> tuple[float, float]:
    """Coefficient of the first covariate of a Cox model and its standard error."""
    first = cox(rows, covariates).table.row(0, named=True)
    return float(first["coef"]), float(first["se"])


def large_sample(study: str, seed: int, n_patients: int) -> dict[str, Any]:
    """Fit every analysis of transplant to one large population."""
    rows = responders(study, seed, n_patients)
    others = [name for name in rows.columns[4:] if name not in EXPOSURES]
    values, errors = {}, {}
    for name, covariates in {
        "log_hazard_ratio": ["allo_hct"],
        "log_hazard_ratio_adjusted": ["allo_hct", *others],
        "naive_log_hazard_ratio": ["ever_allo_hct"],
        "naive_log_hazard_ratio_adjusted": ["ever_allo_hct", *others],
    }.items():
        values[name], errors[name] = log_hazard_ratio(rows, covariates)
    test = mantel_byar(rows)
    (without, exposed) = test.table.sort("state").iter_rows(named=True)
    values["mantel_byar_ratio"] = (exposed["observed"] / exposed["expected"]) / (
        without["observed"] / without["expected"]
    )
    values["mantel_byar_log_hazard_ratio"] = float(test.log_hazard_ratio or 0.0)
    errors["mantel_byar_log_hazard_ratio"] = float(test.log_hazard_ratio_se or 0.0)
    return {
        "study": study,
        "population": "overall survival from response of responders with relapsed or refractory disease",
        "n_patients": n_patients,
        "n_responders": rows["patient_id"].n_unique(),
        "n_deaths": int(rows["event"].sum()),
        "seed": seed,
        "adjusted_for": others,
        "values": {name: round(value, 5) for name, value in values.items()},
        "standard_errors": {name: round(value, 5) for name, value in errors.items()},
        "script": "benchmarks/large_sample.py",
    }


def main() -> None:
    """Compute and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="realworld-2020")
    parser.add_argument("--patients", type=int, default=4_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = large_sample(given.study, given.seed, given.patients)
    out = given.out or STUDIES / f"{given.study.replace('-', '_')}_large_sample.json"
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
