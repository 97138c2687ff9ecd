"""Kaplan-Meier and Simon-Makuch curves equal R's survfit."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from blinreg.analyses import kaplan_meier, simon_makuch

HEART = {"id": "id", "start": "start", "stop": "stop", "event": "event"}
BMT = {"id": "id", "start": "tstart", "stop": "tstop", "event": "relapse_or_death"}
VETERAN = {"id": "id", "start": None, "stop": "time", "event": "status"}
ENTRY = {"id": "id", "start": "start", "stop": "stop", "event": "event"}
Same = Callable[..., None]
RowsOf = Callable[[str], pl.DataFrame]


@pytest.mark.parametrize("landmark", [0, 30, 60])
@pytest.mark.parametrize("name", ["heart", "jasa1", "jasa_tmerge", "heart_x2"])
def test_simon_makuch_at_every_time(
    heart: dict[str, Any], heart_rows: dict[str, pl.DataFrame], same: Same, name: str, landmark: int
) -> None:
    cut = 2 * landmark if name == "heart_x2" else landmark
    found = simon_makuch(heart_rows[name], "transplant", landmark=cut, **HEART)
    for exposed in (0, 1):
        expected = heart["simon_makuch"][name][f"L{landmark}"][f"g{exposed}"]
        curve = found.table.filter(pl.col("group") == exposed)
        assert curve["time"].to_list() == expected["time"]
        assert curve["n_at_risk"].to_list() == expected["n_risk"]
        assert curve["n_events"].to_list() == expected["n_event"]
        same(curve["survival"], expected["surv"])
        same(curve["se"], expected["std_err"], rtol=1e-7)
        alive = curve.filter(pl.col("survival") > 0)
        same(alive["se"] / alive["survival"], expected["greenwood_log_se"][: alive.height], rtol=1e-7)
        read = found.at(expected["at"]).filter(pl.col("group") == exposed)
        same(read["survival"], expected["surv_at"])
        same(read["se"], expected["se_at"], rtol=1e-7)


def test_an_event_at_the_landmark_is_not_after_it(
    heart: dict[str, Any], heart_rows: dict[str, pl.DataFrame], same: Same
) -> None:
    """R's start.time=30 counts events at day 30; so does a landmark just before the day, and 30 does not."""
    theirs = heart["simon_makuch_boundary_note"]["R_start_time30"]
    just_before = simon_makuch(heart_rows["heart"], "transplant", landmark=30 - 1e-6, **HEART).table
    assert just_before["time"].to_list() == theirs["time"]
    assert just_before.group_by("group").len().sort("group")["len"].to_list() == theirs["strata"]
    same(just_before["survival"], theirs["surv"])
    ours = simon_makuch(heart_rows["heart"], "transplant", landmark=30, **HEART).table
    assert just_before.filter(pl.col("time") == 30).height == 1
    assert ours.filter(pl.col("time") == 30).is_empty()


@pytest.mark.parametrize("exposure", ["agvhd", "platelet"])
def test_simon_makuch_in_bone_marrow_transplants(
    bmt: dict[str, Any], rows_of: RowsOf, same: Same, exposure: str
) -> None:
    found = simon_makuch(rows_of("bmt_counting_process"), exposure, **BMT)
    for group in (0, 1):
        expected = [row for row in bmt[f"simon_makuch_{exposure}"] if row["stratum"].strip() == f"{exposure}={group}"]
        read = found.at([row["time"] for row in expected]).filter(pl.col("group") == group)
        assert len(expected) == 6
        assert read["n_at_risk"].to_list() == [row["n_risk"] for row in expected]
        same(read["survival"], [row["surv"] for row in expected])
        same(read["se"], [row["se"] for row in expected], rtol=1e-7)


@pytest.mark.parametrize("landmark", ["0", "400", "1000"])
def test_simon_makuch_with_three_states(widened: dict[str, Any], rows_of: RowsOf, same: Same, landmark: str) -> None:
    """Primary biliary cholangitis, by oedema as it changes; a patient dies on day 400, the landmark."""
    expected = widened["simon_makuch"][landmark]
    found = simon_makuch(rows_of("pbc_oedema"), "oedema", landmark=float(landmark), id="id", event="death")
    deaths = found.table.filter(pl.col("n_events") > 0)
    for column, theirs in (("group", "group"), ("time", "time"), ("n_at_risk", "n_risk"), ("n_events", "n_event")):
        assert deaths[column].to_list() == expected[theirs]
    same(deaths["survival"], expected["surv"])
    same(deaths["se"], expected["se"], rtol=1e-7)
    same(deaths["lower"], expected["lower"])
    same(deaths["upper"], expected["upper"])


def test_veteran_curve_and_median_with_log_interval(heart: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = heart["veteran_km"]
    found = kaplan_meier(rows_of("veteran"), conf_type="log", **VETERAN)
    assert found.table["time"].to_list() == expected["time"]
    assert found.table["n_at_risk"].to_list() == expected["n_risk"]
    assert found.table["n_events"].to_list() == expected["n_event"]
    same(found.table["survival"], expected["surv"])
    alive = found.table.filter(pl.col("survival") > 0)
    assert found.table.height - alive.height == 1
    same(alive["se"] / alive["survival"], expected["log_se"][:-1], rtol=1e-7)
    assert list(found.median.select("median", "lower", "upper").row(0)) == expected["median"]


def test_medians_of_disease_free_survival_with_log_log_interval(bmt: dict[str, Any], rows_of: RowsOf) -> None:
    found = kaplan_meier(rows_of("bmt"), by="group", id="id", start=None, stop="t2", event="d3")
    expected = [
        (index + 1, row["n.start"], row["events"], row["median"], row["0.95LCL"], row.get("0.95UCL"))
        for index, row in enumerate(bmt["km_dfs_by_group_loglog"])
    ]
    assert found.median.rows() == expected
    assert found.conf_type == "log-log"


@pytest.mark.parametrize("conf_type", ["log-log", "log", "plain"])
def test_limits_by_group(reference: dict[str, Any], rows_of: RowsOf, same: Same, conf_type: Any) -> None:
    expected = reference["veteran_celltype"][conf_type]
    found = kaplan_meier(rows_of("veteran"), by="celltype", conf_type=conf_type, **VETERAN)
    theirs = pl.DataFrame(
        {
            "group": [text.split("=")[1].strip() for text in expected["strata"]],
            **{name: expected[name] for name in ("time", "n_risk", "n_event", "n_censor")},
            **{name: pl.Series(expected[name], dtype=pl.Float64) for name in ("surv", "se", "lower", "upper")},
        }
    ).sort("group", "time")
    ours = found.table
    for column, name in (
        ("group", "group"),
        ("time", "time"),
        ("n_at_risk", "n_risk"),
        ("n_events", "n_event"),
        ("n_censored", "n_censor"),
    ):
        assert ours[column].to_list() == theirs[name].to_list()
    same(ours["survival"], theirs["surv"])
    same(ours["se"], theirs["se"], rtol=1e-7)
    inside = ours["survival"].is_between(0, 1, closed="none")
    for limit in ("lower", "upper"):
        same(ours.filter(inside)[limit], theirs.filter(inside)[limit])
        assert ours.filter(~inside)[limit].null_count() == int((~inside).sum())
    medians = {
        text.split("=")[1]: tuple(values) for text, values in zip(expected["rows"], expected["median"], strict=True)
    }
    assert {row[0]: row[1:] for row in found.median.select("group", "median", "lower", "upper").rows()} == medians


def test_limits_at_another_level(reference: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = reference["veteran_celltype_90"]
    order = reference["veteran_celltype"]["log-log"]["strata"]
    found = kaplan_meier(rows_of("veteran"), by="celltype", conf_level=0.9, **VETERAN).table
    names = pl.DataFrame({"group": [text.split("=")[1].strip() for text in order], **expected}).sort(
        "group", maintain_order=True
    )
    same(found["lower"], names["lower"])
    same(found["upper"], names["upper"])


def test_a_risk_set_that_empties_and_fills_again(reference: dict[str, Any], rows_of: RowsOf, same: Same) -> None:
    expected = reference["entry"]
    found = kaplan_meier(rows_of("entry"), by="group", **ENTRY)
    assert found.table["time"].to_list() == expected["time"]
    assert found.table["n_at_risk"].to_list() == expected["n_risk"]
    assert found.table["n_censored"].to_list() == expected["n_censor"]
    for column, name in (("survival", "surv"), ("se", "se"), ("lower", "lower"), ("upper", "upper")):
        same(found.table[column], [None if value is None else value for value in expected[name]], rtol=1e-7)
    assert [note.split(";")[0] for note in found.notes] == [
        "group a: nobody is left at risk after 5 days, and more enter later",
        "group b: nobody is left at risk after 5 days, and more enter later",
    ]


def test_median_of_a_curve_flat_at_one_half(reference: dict[str, Any]) -> None:
    rows = pl.DataFrame(
        {
            "time": [1, 2, 3, 4] * 2,
            "status": [1, 1, 1, 1, 1, 1, 0, 0],
            "arm": ["falls"] * 4 + ["stays"] * 4,
        }
    )
    found = kaplan_meier(rows, by="arm", id=None, start=None, stop="time", event="status")
    assert found.median["median"].to_list() == reference["flat"]
