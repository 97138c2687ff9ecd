"""Log-rank and Mantel-Byar tests equal R's survdiff, Cox score tests and the definition computed in R."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from blinreg.analyses import log_rank, mantel_byar

HEART = {"id": "id", "start": "start", "stop": "stop", "event": "event"}
BMT = {"id": "id", "start": "tstart", "stop": "tstop", "event": "relapse_or_death"}
VETERAN = {"id": "id", "start": None, "stop": "time", "event": "status"}
Same = Callable[..., None]
RowsOf = Callable[[str], pl.DataFrame]


@pytest.mark.parametrize("name", ["heart", "jasa1", "jasa_tmerge", "heart_x2"])
@pytest.mark.parametrize("strata", [(), ("surgery",)])
def test_mantel_byar_heart(
    heart: dict[str, Any],
    heart_rows: dict[str, pl.DataFrame],
    same: Same,
    name: str,
    strata: tuple[str, ...],
) -> None:
    expected = heart["mantel_byar_strat_surgery" if strata else "mantel_byar"][name]
    found = mantel_byar(heart_rows[name], "transplant", strata=strata, **HEART)
    same(found.table["observed"], [expected["O0"], expected["O1"]])
    same(found.table["expected"], [expected["E0"], expected["E1"]])
    statistics = [found.observed, found.expected, found.chi_squared, found.p_value]
    same(statistics, [expected[name] for name in ("O1", "E1", "chisq", "p")])
    same([found.variance], [expected["V_hypergeometric"]], rtol=1e-7)
    same([found.log_hazard_ratio], [expected["peto_logHR"]])
    same([found.log_hazard_ratio_se], [expected["peto_se"]], rtol=1e-7)
    o0, o1, e0, e1 = *found.table["observed"], *found.table["expected"]
    same([(o1 / e1) / (o0 / e0)], [expected["rel_risk_OE"]])
    same([(o1 - e1) ** 2 * (1 / e1 + 1 / e0)], [expected["pearson_OE"]])
    exposed, everybody = _by_time(found.steps)
    share = exposed["n_at_risk"] / everybody["n_at_risk"]
    breslow = float((everybody["n_events"] * share * (1 - share)).sum())
    same([breslow], [expected["V_breslow"]], rtol=1e-7)
    same([(o1 - e1) ** 2 / breslow], [expected["chisq_breslow_var"]])
    if expected["table"] is not None:
        steps = [
            everybody["time"],
            everybody["n_at_risk"],
            exposed["n_at_risk"],
            everybody["n_events"],
            exposed["n_events"],
            exposed["expected"],
        ]
        for column, theirs in zip(steps, zip(*expected["table"], strict=True), strict=True):
            same(column, theirs)


def _by_time(steps: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    exposed = steps.filter(pl.col("group") == 1)
    everybody = steps.group_by("stratum", "time", maintain_order=True).agg(pl.col("n_at_risk", "n_events").sum())
    return exposed, everybody


@pytest.mark.parametrize("exposure", ["agvhd", "cgvhd", "platelet"])
def test_mantel_byar_bone_marrow_transplants(bmt: dict[str, Any], rows_of: RowsOf, same: Same, exposure: str) -> None:
    expected = bmt[f"mantel_byar_{exposure}"]
    found = mantel_byar(rows_of("bmt_counting_process"), exposure, **BMT)
    same(
        [found.observed, found.expected, found.chi_squared, found.p_value],
        [expected[name] for name in ("observed", "expected", "chisq", "p")],
    )
    same([found.variance], [expected["variance"]], rtol=1e-7)


def test_mantel_byar_three_states(reference: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    """Neither, acute, chronic graft-versus-host disease; R: the Cox score test with exact ties."""
    state = pl.when(pl.col("cgvhd") == 1).then(2).otherwise(pl.col("agvhd"))
    found = mantel_byar(rows_of("bmt_counting_process").with_columns(state=state), "state", **BMT)
    same([found.chi_squared], [reference["bmt_three_states"]["score"]])
    assert found.df == 2
    assert np.shape(found.observed) == np.shape(found.expected) == (3,)
    assert np.shape(found.variance) == (3, 3)
    assert found.log_hazard_ratio is None


def test_log_rank_four_groups(heart: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = heart["veteran_logrank4"]
    found = log_rank(rows_of("veteran"), "celltype", **VETERAN)
    # R orders the cell types as the factor does: squamous, smallcell, adeno, large.
    order = [found.table["group"].to_list().index(name) for name in ("squamous", "smallcell", "adeno", "large")]
    same(found.observed[order], expected["obs"])
    same(found.expected[order], expected["exp"])
    same(found.variance[np.ix_(order, order)].ravel(), np.ravel(expected["var"]), rtol=1e-7)
    same([found.chi_squared], [expected["chisq"]])
    assert found.df == 3
    assert found.z is None


def test_log_rank_with_strata(heart: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = heart["veteran_strat_logrank"]
    found = log_rank(rows_of("veteran"), "trt", strata=["celltype"], **VETERAN)
    same(found.observed, np.sum(expected["obs"], axis=1))
    same(found.expected, np.sum(expected["exp"], axis=1))
    same(found.variance.ravel(), np.ravel(expected["var"]), rtol=1e-7)
    same([found.chi_squared], [expected["chisq"]])
    by_stratum = found.steps.group_by("stratum", "group").agg(pl.col("n_events", "expected").sum())
    for group in (1, 2):
        for index, stratum in enumerate(("squamous", "smallcell", "adeno", "large")):
            row = by_stratum.filter((pl.col("group") == group) & (pl.col("stratum") == stratum)).row(0, named=True)
            same([row["n_events"], row["expected"]], [expected[key][group - 1][index] for key in ("obs", "exp")])


def test_log_rank_three_groups(bmt: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = log_rank(rows_of("bmt"), "group", id="id", start=None, stop="t2", event="d3")
    same([found.chi_squared, found.df], [bmt["logrank_group"]["chisq"], bmt["logrank_group"]["df"]])


def test_log_rank_of_groups_frozen_at_a_landmark(
    heart: dict[str, Any], heart_rows: dict[str, pl.DataFrame], same: Same
) -> None:
    expected = heart["landmark30_logrank"]
    rows = heart_rows["heart"]
    last = rows.group_by("id").agg(pl.col("stop").max().alias("last"), pl.col("event").max().alias("died"))
    frozen = rows.filter((pl.col("stop") > 30) & (pl.col("start") <= 30)).join(last, on="id")
    found = log_rank(
        frozen.with_columns(days=pl.col("last") - 30),
        "transplant",
        id="id",
        start=None,
        stop="days",
        event="died",
    )
    assert found.table["n"].to_list() == expected["n"]
    same(found.observed, expected["obs"])
    same(found.expected, expected["exp"])
    same([found.chi_squared], [expected["chisq"]])


@pytest.mark.parametrize(
    ("alternative", "of"), [("longer", 2), ("shorter", 2), ("longer", 1), ("shorter", 1), ("two-sided", None)]
)
def test_one_sided_log_rank(
    reference: dict[str, Any], rows_of: RowsOf, same: Same, alternative: Any, of: int | None
) -> None:
    """That group 1 lives longer is that group 2 lives shorter."""
    expected = reference["veteran_trt"]
    found = log_rank(rows_of("veteran"), "trt", alternative=alternative, of=of, **VETERAN)
    if of is None:
        same([found.p_value], [expected["p_two"]])
        assert found.direction == "any difference"
    else:
        second = alternative if of == 2 else {"longer": "shorter", "shorter": "longer"}[alternative]
        same([found.p_value], [expected[f"p_trt2_{second}"]])
        assert found.direction == f"trt {of} lives {alternative}"
    same([found.z], [(-1 if of == 1 else 1) * expected["z2"]])


DIRECTIONS: dict[str, tuple[str, tuple[Any, Any], dict[str, Any]]] = {
    "mgus2": ("sex", ("F", "M"), {"id": "id", "start": None, "stop": "futime", "event": "death"}),
    "bmt": ("z10", (0, 1), {"id": "id", "start": None, "stop": "t2", "event": "d3"}),
}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_the_direction_of_one_sided_tests(widened: dict[str, Any], rows_of: RowsOf, same: Same, name: str) -> None:
    """The second group has more events than expected, so it lives shorter, and the first longer."""
    expected = widened["one_sided"][name]
    by, (first, second), columns = DIRECTIONS[name]
    for alternative, opposite in (("longer", "shorter"), ("shorter", "longer")):
        found = log_rank(rows_of(name), by, alternative=alternative, of=second, **columns)
        mirrored = log_rank(rows_of(name), by, alternative=opposite, of=first, **columns)
        same([found.z, found.p_value], [expected["z"], expected[alternative]])
        same([mirrored.z, mirrored.p_value], [-expected["z"], expected[alternative]])
    assert expected["z"] > 0


def test_one_sided_log_rank_with_strata(reference: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = log_rank(rows_of("veteran"), "trt", strata=["celltype"], alternative="longer", of=2, **VETERAN)
    expected = reference["veteran_trt_strata"]
    same([found.z, found.p_value], [expected["z2"], expected["p_trt2_longer"]])


def test_log_rank_with_delayed_entry(reference: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    found = log_rank(rows_of("entry"), "group", **HEART)
    same([found.chi_squared], [reference["entry_logrank"]])
