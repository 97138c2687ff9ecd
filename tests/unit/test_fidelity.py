"""Does the ledger measure, compare and classify as it says? Small cohorts whose numbers can be worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from scipy.stats import chi2

from blinreg.analyses.fidelity import Definitions, Ledger, Model, Proof, Target, score
from blinreg.analyses.fidelity.agreement import Tolerance, agrees
from blinreg.analyses.fidelity.arithmetic import (
    p_value_of_printed_interval,
    percentage_of_printed_counts,
    wald_p_range,
)
from blinreg.analyses.fidelity.measure import Achieved
from blinreg.schemas.errors import InputError

MONTH = 30.0
DEFINITIONS = Definitions(
    study="study",
    title="a study",
    days_per_month=MONTH,
    populations={"all": "true", "women": "sex = 'female'", "nobody": "lines > 99"},
    titles={"all": "everybody", "women": "women", "nobody": "nobody"},
    terms={"woman": "sex = 'female'", "many_lines": "lines >= 2"},
    # Nobody differs in the term: no such model can be fitted.
    models={
        "never": Model(
            name="never", title="", method="logistic", population="women", terms=("woman",), outcome="many_lines"
        )
    },
    conflicts={"C_SEX": "two numbers of women"},
)
PATIENT = pl.DataFrame(
    {
        "patient_id": ["a", "b", "c", "d"],
        "sex": ["female", "female", "female", "male"],
        "lines": [1, 2, 4, None],
    }
)
#: Deaths on days 30, 60 and 90, one alive on day 120: survival .75, .5, .25.
ENDPOINT = pl.DataFrame(
    {
        "patient_id": ["a", "b", "c", "d"],
        "endpoint": ["os"] * 4,
        "time_days": [30.0, 60.0, 90.0, 120.0],
        "event": [1, 1, 1, 0],
    }
)
PROCESS = pl.DataFrame(
    {"patient_id": ["a", "b", "c", "d"], "endpoint": ["os"] * 4, "tstart": [0.0] * 4, "event": [1, 1, 1, 0]}
).with_columns(tstop=ENDPOINT["time_days"], allo_hct=pl.Series([0, 0, 0, 1]))
FRAMES = {"patient": PATIENT, "endpoint": ENDPOINT, "counting_process": PROCESS}


def target(name: str, printed: str, measure: str, **fields: Any) -> Target:
    given: dict[str, Any] = {"population": "all", "of": "", "statistic": "", "where": "", "half_unit": 0.0}
    given |= {"section": "section", "estimand": "", "printed_count": None, "printed_of": None}
    given |= {"source": "Table 9", "conflict": "", "label": f"label of {name}"}
    return Target(id=name, printed=printed, measure=measure, **given | fields)


def ledger(*targets: Target, proofs: tuple[Proof, ...] = (), tolerance: Tolerance = "printed") -> Ledger:
    return score(targets, DEFINITIONS, FRAMES.__getitem__, proofs=proofs, tolerance=tolerance)


def only(*targets: Target, **options: Any) -> dict[str, Any]:
    return ledger(*targets, **options).table.row(-1, named=True)


@pytest.mark.parametrize(
    ("measure", "fields", "expected"),
    [
        ("count", {"where": "sex = 'female'"}, 3.0),
        ("count", {"where": "lines >= 2"}, 2.0),  # unknown is not counted
        ("count", {"where": "lines is null"}, 1.0),
        ("share", {"where": "lines >= 2", "population": "women"}, 200 / 3),
        ("median", {"of": "lines"}, 2.0),
        ("minimum", {"of": "lines + 1"}, 2.0),
        ("maximum", {"of": "lines"}, 4.0),
        ("kaplan_meier", {"of": "os", "statistic": "median"}, 2.5),  # flat at one half between days 60 and 90
        ("kaplan_meier", {"of": "os", "statistic": "upper"}, None),
        ("kaplan_meier", {"of": "os", "statistic": "at 1"}, 75.0),
        ("follow_up", {"of": "os", "statistic": "median"}, 4.0),
        ("follow_up", {"of": "os", "statistic": "longest"}, 4.0),
    ],
)
def test_measures_a_number(measure: str, fields: dict[str, Any], expected: float | None) -> None:
    assert only(target("x", "1", measure, **fields))["achieved"] == pytest.approx(expected)


def test_measures_a_test_and_its_time_dependent_sister() -> None:
    # Women 3 of 4 at risk, then 2 of 3, then 1 of 2, all deaths theirs: O - E = 3 - 23/12, V = 3/16 + 2/9 + 1/4.
    chi_squared = (3 - 23 / 12) ** 2 / (3 / 16 + 2 / 9 + 1 / 4)
    row = only(target("p", "0.5", "log_rank", of="os", statistic="woman p", half_unit=0.05))
    tested = only(target("q", "0.5", "mantel_byar", of="os", statistic="p", half_unit=0.05))
    assert row["achieved"] == pytest.approx(tested["achieved"])  # the man is the one transplanted, from the start
    assert row["achieved"] == pytest.approx(chi2.sf(chi_squared, 1))


@pytest.mark.parametrize(
    ("printed", "half", "value", "met"),
    [
        ("12.7", 0.05, 12.7499999, True),
        ("12.7", 0.05, 12.75, True),  # on the edge: may be rounded either way
        ("12.7", 0.05, 12.7500001, False),
        ("65", 0.5, 65.64, False),  # cut off, not rounded
        ("131", 0.0, 131.0, True),
        ("131", 0.0, 130.0, False),
        ("NR", 0.0, None, True),
        ("NR", 0.0, 60.0, False),
        ("17", 0.5, None, False),
        ("NS", 0.0, 0.051, True),
        ("NS", 0.0, 0.05, False),
    ],
)
def test_agrees_as_printed(printed: str, half: float, value: float | None, met: bool) -> None:
    assert agrees(target("x", printed, "median", half_unit=half), Achieved(value=value), "printed") is met


def test_no_value_is_not_the_same_as_not_reached() -> None:
    row = only(target("x", "NR", "kaplan_meier", population="nobody", of="os", statistic="median"))
    assert (row["status"], row["achieved_text"]) == ("residual", "not to be had")
    assert "nobody" in row["explanation"]
    beyond = only(target("x", "50", "kaplan_meier", of="os", statistic="at 24", half_unit=0.5))
    assert "followed for so long" in beyond["explanation"]


@pytest.mark.parametrize(
    ("fields", "achieved", "met"),
    [
        ({"measure": "count", "printed": "131", "printed_count": 131, "printed_of": 156}, (85_900, 100_000), True),
        ({"measure": "count", "printed": "131", "printed_count": 131, "printed_of": 156}, (86_100, 100_000), False),
        ({"measure": "median", "printed": "12.7"}, 13.33, True),
        ({"measure": "median", "printed": "12.7"}, 13.34, False),
        ({"measure": "kaplan_meier", "statistic": "median", "printed": "NR"}, None, True),
        ({"measure": "kaplan_meier", "statistic": "at 24", "printed": "57"}, 58.9, True),
        ({"measure": "kaplan_meier", "statistic": "lower", "printed": "9.2"}, 12.0, None),
        ({"measure": "cox", "statistic": "ph ratio", "printed": "0.38"}, 0.5, None),
        ({"measure": "maximum", "printed": "205"}, 400.0, None),
    ],
)
def test_agrees_as_a_population(fields: dict[str, Any], achieved: Any, met: bool | None) -> None:
    found = (
        Achieved(value=1.0, n=achieved[0], of=achieved[1]) if isinstance(achieved, tuple) else Achieved(value=achieved)
    )
    assert agrees(target("x", **fields), found, "population") is met


def test_a_percentage_that_its_counts_do_not_give_is_contradicted() -> None:
    printed = target("x", "65", "share", half_unit=0.5, printed_count=149, printed_of=227)
    assert percentage_of_printed_counts(printed) == "149 of 227 are 65.64%, not 65%"
    assert not percentage_of_printed_counts(replace(printed, printed="66"))


def interval(ratio: str, lower: str, upper: str, p: str, half_p: float) -> list[Target]:
    given = (("ratio", ratio, 0.005), ("lower", lower, 0.005), ("upper", upper, 0.005), ("p", p, half_p))
    return [
        target(name, printed, "cox", of="model", statistic=f"age {name}", half_unit=half)
        for name, printed, half in given
    ]


def test_a_p_value_that_its_interval_does_not_give_is_contradicted() -> None:
    printed = interval("1.14", "1.01", "1.30", "0.02", 0.005)
    assert "between 0.031 and 0.042" in p_value_of_printed_interval(printed[3], printed)
    consistent = interval("1.69", "1.02", "2.79", "0.04", 0.005)
    assert not p_value_of_printed_interval(consistent[3], consistent)


def test_the_range_of_p_values_holds_every_one_that_rounds_to_what_is_printed() -> None:
    printed = dict(zip(("ratio", "lower", "upper", "p"), interval("0.40", "0.24", "0.67", "0", 0), strict=True))
    low, high = wald_p_range(printed)
    drawn = []
    for b in (math.log(0.395 + 0.0005 * step) for step in range(21)):
        for h in (0.46 + 0.002 * step for step in range(60)):
            rounded = (round(math.exp(b), 2), round(math.exp(b - h), 2), round(math.exp(b + h), 2))
            if rounded == (0.40, 0.24, 0.67):
                drawn.append(math.erfc(abs(b) / h * 1.959963984540054 / math.sqrt(2)))
    assert len(drawn) > 20
    assert low <= min(drawn) <= max(drawn) <= high
    assert min(drawn) == pytest.approx(low, rel=0.15)
    assert max(drawn) == pytest.approx(high, rel=0.15)


def test_the_same_printed_twice_is_contradicted_once_one_of_the_two_is_met() -> None:
    met, other = (
        target("met", "3", "count", where="sex = 'female'"),
        target("other", "1", "count", where="sex = 'female'"),
    )
    table = ledger(other, met).table
    assert table["status"].to_list() == ["contradicted", "hit"]
    assert table["explanation"][0] == "the same is printed as 3 (Table 9), which this cohort has"
    assert only(replace(other, id="third", printed="2"))["status"] == "residual"


def test_a_proof_excuses_a_miss_only_where_the_cohort_has_the_rest_of_it() -> None:
    proof = Proof(id="p", targets=("missed", "label of other"), arithmetic="they cannot both be")
    missed = target("missed", "9", "count", where="lines >= 2")
    met = target("other", "3", "count", where="sex = 'female'")
    assert only(met, missed, proofs=(proof,))["explanation"] == "they cannot both be"
    assert only(replace(met, printed="2"), missed, proofs=(proof,))["status"] == "residual"
    giving_up = replace(proof, gives_up=("missed",))
    assert only(replace(met, printed="2"), missed, proofs=(giving_up,))["status"] == "contradicted"
    assert only(met, replace(missed, conflict="C_SEX"))["status"] == "residual"  # a group alone proves nothing


def test_what_a_cohort_does_not_aim_at_is_a_residual_with_its_reason() -> None:
    missed = target("missed", "9", "count", where="lines >= 2")
    row = score([missed], DEFINITIONS, FRAMES.__getitem__, given_up={"missed": "nobody is so"}).table.row(0, named=True)
    assert (row["status"], row["explanation"]) == ("residual", "not aimed at: nobody is so")


def test_what_no_population_can_have_is_contradicted_in_a_population_only() -> None:
    definitions = replace(
        DEFINITIONS,
        impossible=({"id": "order", "targets": ["x", "y"], "gives_up": ["x"], "arithmetic": "one outlasts the other"},),
    )
    missed = target("x", "5.0", "kaplan_meier", of="os", statistic="median", half_unit=0.05, conflict="C_SEX")
    in_population = score([missed], definitions, FRAMES.__getitem__, tolerance="population").table
    assert in_population["explanation"].to_list() == ["one outlasts the other"]
    assert score([missed], definitions, FRAMES.__getitem__).table["status"].to_list() == ["residual"]


def test_counts_hits_of_all_and_of_what_is_attainable() -> None:
    met = target("met", "3", "count", where="sex = 'female'")
    found = ledger(
        met,
        target("other", "1", "count", where="sex = 'female'", conflict="C_SEX"),
        target("residual", "9", "count", where="lines >= 2", section="last"),
    )
    assert found.summary.rows() == [
        ("section", 2, 1, 1, 0, 50.0, 100.0),
        ("last", 1, 0, 0, 1, 0.0, 0.0),
        ("all", 3, 1, 1, 1, pytest.approx(100 / 3), 50.0),
    ]
    assert found.misses["id"].to_list() == ["other", "residual"]
    assert dict(found.conflicts) == {"C_SEX": "two numbers of women"}


def test_a_model_that_cannot_be_fitted_says_so_in_its_numbers() -> None:
    row = only(target("x", "0.5", "logistic", of="never", statistic="woman p", half_unit=0.05))
    assert row["status"] == "residual"
    assert row["explanation"].startswith("no value: ")


@pytest.mark.parametrize(
    "wrong",
    [
        target("x", "1", "count", population="elsewhere", where="true"),
        target("x", "1", "count", where="height > 3"),
        target("x", "1", "count", where="this is no condition"),
        target("x", "1", "median", of="height"),
        target("x", "1", "cox", of="no_model", statistic="woman p"),
        target("x", "1", "logistic", of="never", statistic="age p"),
        target("x", "1", "log_rank", of="os", statistic="height p"),
        target("x", "1", "kaplan_meier", of="os", statistic="mean"),
    ],
)
def test_refuses_what_is_not_defined(wrong: Target) -> None:
    with pytest.raises(InputError):
        ledger(wrong)


def test_refuses_a_model_of_unknown_terms() -> None:
    model = replace(DEFINITIONS.models["never"], terms=("height",))
    with pytest.raises(InputError, match="height"):
        score([], replace(DEFINITIONS, models={"never": model}), FRAMES.__getitem__)
