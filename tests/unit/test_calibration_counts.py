"""The counts of the calibrated cohort: kinds of patients, the logistic kernel, arithmetic proofs, committed proofs."""

import csv
import json
import math
from importlib.resources import files
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import logistic
from blinreg.schemas.errors import AnalysisError, UsageError
from blinreg.synthetic.calibration import calibrate, logistic_kernels
from blinreg.synthetic.calibration.counts import Picker
from blinreg.synthetic.calibration.counts_cells import make_cells
from blinreg.synthetic.calibration.counts_profiles import GIVEN_UP
from blinreg.synthetic.calibration.counts_statements import statements
from blinreg.synthetic.calibration.logistic import TARGETS, response_statistics
from blinreg.synthetic.calibration.proofs_arithmetic import (
    PERCENTAGES,
    RATIOS,
    arithmetic_proofs,
    rounding_window,
    rounds_to,
    wald_p_range,
)
from blinreg.synthetic.calibration.proofs_problems import problems


@pytest.fixture(scope="module")
def printed():
    text = files("blinreg.synthetic").joinpath("targets/realworld_2020.csv").read_text(encoding="utf-8")
    return {row["id"]: row for row in csv.DictReader(text.splitlines())}


@pytest.fixture(scope="module")
def committed():
    return json.loads(files("blinreg.synthetic").joinpath("calibrated/proofs.json").read_text(encoding="utf-8"))


def test_no_kind_of_patient_is_impossible():
    cells = make_cells()
    assert len(np.unique(cells.codes, axis=0)) == len(cells)
    assert not (cells.has_tki & ~cells.is_ph).any()
    assert not (cells.has_active_cns & ~cells.has_cns).any()
    refractory = cells.first_remission("primary_refractory")
    assert not (cells.has_prior_transplant & refractory & (cells.lines == 1)).any()
    assert (cells.first_remission("ongoing") == ~cells.is_rr).all()


@pytest.mark.parametrize("profile", ["strict", "plausible"])
def test_statements_name_published_numbers_and_give_their_values(profile, printed):
    for statement in statements(profile):
        for target in statement.targets:
            row = printed[target]
            if row["measure"] == "count" and statement.low == statement.high:
                assert int(row["printed"]) == statement.low, target


def test_logistic_targets_are_the_published_ones(printed):
    for target, value, half in TARGETS:
        assert float(printed[target]["printed"]) == value
        assert float(printed[target]["half_unit"]) == pytest.approx(half)


def test_the_logistic_kernel_agrees_with_the_estimator():
    generator = np.random.default_rng(11)
    cells = make_cells()
    rr = np.flatnonzero(cells.is_rr)
    codes = cells.codes[generator.choice(rr, 400)]
    statistics = response_statistics(codes)
    x = np.zeros((len(codes), logistic_kernels.N_TERMS))
    for code, row in zip(codes, x, strict=True):
        logistic_kernels.terms_of(code, row)
    names = ["combination", "lines_2", "lines_3", "ph", "kmt2a", "cns", "under_1", "from_1_to_2", "from_2"]
    rows = pl.DataFrame(x[:, 1:].astype(np.int64), schema=names).with_columns(
        y=pl.Series((codes[:, 0] < 2).astype(int))
    )
    fitted = {row["term"]: row for row in logistic(rows, "y", names).table.iter_rows(named=True)}
    assert statistics["logit_tki_chemo_or"] == pytest.approx(fitted["combination"]["odds_ratio"], rel=1e-8)
    assert statistics["logit_tki_chemo_ci_lower"] == pytest.approx(fitted["combination"]["lower"], rel=1e-8)
    assert statistics["logit_tki_chemo_ci_upper"] == pytest.approx(fitted["combination"]["upper"], rel=1e-8)
    assert statistics["logit_prior_gt3_p"] == pytest.approx(fitted["lines_3"]["p_value"], rel=1e-8)
    assert statistics["logit_ttp_1_2_p"] == pytest.approx(fitted["from_1_to_2"]["p_value"], rel=1e-8)


def test_every_listed_percentage_contradicts_its_count(printed):
    for percentage in PERCENTAGES:
        assert not rounds_to(percentage.count, percentage.of, percentage.percent), percentage.target
        assert printed[percentage.target]["printed"] == percentage.percent


def test_the_range_of_p_values_holds_on_a_grid():
    z = NormalDist().inv_cdf(0.975)
    for ratio in RATIOS:
        low, high = wald_p_range(ratio)
        seen = []
        lower, upper = (np.linspace(*rounding_window(value), 201) for value in (ratio.lower, ratio.upper))
        least, most = rounding_window(ratio.ratio)
        for lo in np.log(lower):
            for hi in np.log(upper):
                b, s = (lo + hi) / 2, (hi - lo) / (2 * z)
                if least <= math.exp(b) <= most:
                    seen.append(math.erfc(abs(b) / s / math.sqrt(2)))
        assert low <= min(seen) * (1 + 1e-9)
        assert max(seen) * (1 - 1e-9) <= high
        # The corners of the set lie off the grid; the range is not much wider than what the grid has.
        assert high - low <= 1.1 * (max(seen) - min(seen))


def test_only_p_values_that_their_interval_excludes_are_called_contradicted():
    proofs = {target for proof in arithmetic_proofs() for target in proof["gives_up"] if target.endswith("_p")}
    assert proofs == {"cox_os_age_p", "cox_rfs_cns_p"}


def test_committed_proofs_are_those_of_the_problems(committed, printed):
    proofs = {proof["id"]: proof for proof in committed["proofs"]}
    arithmetic = {proof["id"]: proof for proof in arithmetic_proofs()}
    assert set(proofs) == {problem.id for problem in problems()} | set(arithmetic)
    for problem in problems():
        proof = proofs[problem.id]
        words = [count.words for count in problem.counts]
        assert proof["status"] == "INFEASIBLE"
        assert proof["arithmetic"] == problem.arithmetic
        assert set(proof["statements"]) <= set(words)
        assert words[-1] in proof["statements"]
    for name, proof in arithmetic.items():
        assert proofs[name] == proof
    for proof in committed["proofs"]:
        assert set(proof["targets"]) <= set(printed)


def test_committed_reasons_cover_what_each_profile_gives_up(committed, printed):
    for profile, reasons in GIVEN_UP.items():
        given_up = {entry["target"]: entry["reason"] for entry in committed["given_up"][profile]}
        assert reasons.items() <= given_up.items()
        assert set(given_up) <= set(printed)


def test_picking_is_reproducible_and_counts_exactly():
    among = np.arange(50) % 2 == 0
    first, again = Picker(7).pick(among, 10), Picker(7).pick(among, 10)
    assert (first == again).all()
    assert first.sum() == 10
    assert not (first & ~among).any()
    with pytest.raises(AnalysisError, match="26 patients are wanted, 25 can be chosen"):
        Picker(7).pick(among, 26)


@pytest.mark.parametrize(("study", "profile"), [("another", "strict"), ("realworld-2020", "loose")])
def test_unknown_study_or_profile_is_refused(study, profile):
    with pytest.raises(UsageError):
        calibrate(study, profile)
