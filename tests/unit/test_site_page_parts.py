"""Parts of the site page: shares, heat map, boxes and bars beside other sites, differences."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from blinreg.analyses.report.review import SITE_FRAMES
from blinreg.analyses.report.site_comparison import Tile, distributions_of, measures, tile_rows
from blinreg.analyses.report.site_delta import delta_of
from blinreg.analyses.report.site_findings import share_of_a_rule
from blinreg.analyses.report.site_segments import lines_by

EMPTY = {name: pl.DataFrame(schema=dict(columns)) for name, columns in SITE_FRAMES.items()}


def frame(name: str, *rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=dict(SITE_FRAMES[name]))


def tile(n_missing: int, n_rows: int, others: float | None = None) -> Tile:
    row = {"table": "baseline", "column": "ecog", "n_rows": n_rows, "n_missing": n_missing}
    (part,) = tile_rows(frame("completeness", row | {"percent_other_sites": others, "required": False}))
    return part.tiles[0]


@pytest.mark.parametrize(
    ("n_missing", "n_rows", "percent", "step"),
    [
        (0, 30, "0%", 0),
        (1, 1000, "<1%", 1),
        (10, 100, "10%", 1),
        (11, 100, "11%", 2),
        (25, 100, "25%", 2),
        (50, 100, "50%", 3),
        (999, 1000, ">99%", 4),
        (30, 30, "100%", 4),
        (0, 0, "–", -1),
    ],
)
def test_the_heat_map_never_rounds_to_all_or_nothing(n_missing: int, n_rows: int, percent: str, step: int) -> None:
    assert (tile(n_missing, n_rows).percent, tile(n_missing, n_rows).step) == (percent, step)


@pytest.mark.parametrize(
    ("n_missing", "n_rows", "others", "stands_out"),
    [(20, 100, 0.0, True), (19, 100, 0.0, False), (5, 9, 0.0, False), (90, 100, None, False), (10, 100, 90.0, False)],
)
def test_a_column_stands_out_where_much_more_is_missing(
    n_missing: int, n_rows: int, others: float | None, stands_out: bool
) -> None:
    assert tile(n_missing, n_rows, others).stands_out is stands_out


def test_tables_of_the_heat_map_keep_their_order_and_count_incomplete_columns() -> None:
    rows = [
        {"table": table, "column": column, "n_rows": 10, "n_missing": n, "required": False}
        for table, column, n in [("patient", "sex", 0), ("patient", "ecog", 3), ("baseline", "ecog", 0)]
    ]

    assert [(part.table, part.n_rows, part.n_incomplete) for part in tile_rows(frame("completeness", *rows))] == [
        ("patient", 10, 1),
        ("baseline", 10, 0),
    ]


def quantiles(who: str, *values: float) -> dict[str, float]:
    return {f"{who}_{name}": value for name, value in zip(("p5", "p25", "p50", "p75", "p95"), values, strict=True)}


def test_boxes_of_both_stand_on_one_axis() -> None:
    row: dict[str, Any] = {"variable": "age", "title": "Age", "unit": "years", "kind": "number", "site_n": 25}
    row |= quantiles("site", 20, 30, 40, 50, 60) | quantiles("others", 30, 40, 50, 60, 120)

    (age,) = distributions_of(frame("distributions", row))

    assert age.axis == ("20", "120")
    assert [(box.half, box.reach) for box in age.boxes] == [((10, 20, 30), (0, 40)), ((20, 30, 40), (10, 100))]
    assert age.boxes[0].words == "median 40, middle half 30 to 50"


def test_others_that_are_too_few_are_not_drawn() -> None:
    number: dict[str, Any] = {"variable": "age", "kind": "number", "site_n": 25} | quantiles("site", 2, 3, 4, 5, 6)
    code = {"variable": "sex", "kind": "code", "level": "male", "site_n": 5, "site_percent": 20.0}

    age, sex = distributions_of(frame("distributions", number, code))

    assert (age.boxes[1].half, age.boxes[1].words) == (None, "none, or too few to be shown")
    assert (sex.bars[0].others, sex.bars[0].others_words, sex.bars[0].site_words) == (None, "not shown", "20% (5)")


def test_a_variable_with_one_value_everywhere_has_a_box() -> None:
    row: dict[str, Any] = {"variable": "age", "kind": "number"} | quantiles("site", 2, 2, 2, 2, 2)

    (age,) = distributions_of(frame("distributions", row))

    assert (age.boxes[0].half, age.boxes[0].reach) == ((50, 50, 50), (50, 50))


def test_the_middle_half_is_drawn_where_the_outer_centiles_are_not_told() -> None:
    row: dict[str, Any] = {"variable": "age", "kind": "number"} | quantiles("site", 2, 3, 4, 5, 6)
    few = row | {"others_p25": 3.0, "others_p50": 4.0, "others_p75": 6.0}

    (age,) = distributions_of(frame("distributions", few))

    assert (age.boxes[1].half, age.boxes[1].reach) == ((25, 50, 100), None)
    assert age.boxes[1].words == "median 4, middle half 3 to 6"

    (age,) = distributions_of(frame("distributions", row | {"others_p50": 4.0}))

    assert (age.boxes[1].half, age.boxes[1].words) == (None, "median 4, the rest on too few")


def test_lines_of_a_map_have_the_same_years_and_those_without_findings_are_left_out() -> None:
    counts = [("patient", 2017, 40, 1), ("patient", None, 1, 1), ("gvhd", 2018, 9, 0), ("baseline", 2018, 200, 30)]
    rows = [
        {"table": name, "year": year, "n_rows": n, "n_bad": bad, "n_not_accepted": 0} for name, year, n, bad in counts
    ]

    patient, baseline = lines_by(frame("segments", *rows), "table")

    assert [(cell.year, cell.percent, cell.step, cell.detail) for cell in patient.cells] == [
        ("2017", "2%", 2, "1 of 40"),
        ("2018", "", -1, "no rows"),
        ("not known", "100%", 4, "1 of 1"),
    ]
    assert [cell.percent for cell in baseline.cells] == ["", "15%", ""]
    assert (patient.n_rows, patient.n_bad) == (41, 2)


def test_levels_of_a_code_stay_together() -> None:
    rows = [
        {"variable": name, "kind": "code", "level": level} for name, level in (("sex", "f"), ("ph", "no"), ("sex", "m"))
    ]

    assert [[bar.level for bar in shown.bars] for shown in distributions_of(frame("distributions", *rows))] == [
        ["f", "m"],
        ["no"],
    ]


def test_a_measure_without_other_sites_has_none_beside_it() -> None:
    (measure,) = measures(frame("timeliness", {"measure": "Days", "value": 31.5, "unit": "days"}))

    assert (measure.value, measure.others) == ("31.5", "–")


def test_a_median_is_not_reached_only_where_there_are_patients() -> None:
    effect = {"endpoint": "os", "n_patients_after": 25, "events_after": 9, "person_days_after": 9000}

    delta = delta_of(EMPTY | {"effects": frame("effects", effect)}, {}, previous="")

    median = delta.effects[0].quantities[-1]
    assert (median.before, median.after, median.difference) == ("–", "NR", "")
    assert not delta.is_known


def test_findings_that_are_gone_are_counted_by_rule() -> None:
    rows = [{"rule": name, "table": "patient", "severity": "warn"} for name in ("a", "b", "b")]

    delta = delta_of(EMPTY | {"resolved": frame("resolved", *rows)}, {"b": "The title"}, previous="a-1")

    assert [(row.title, row.n) for row in delta.resolved] == [("The title", 2), ("a", 1)]
    assert delta.previous == "a-1"


@pytest.mark.parametrize(
    ("counts", "share"), [({"a": 3}, 500), ({"a": 9000}, 500), (dict.fromkeys("abcdefghij", 900), 400), ({}, 500)]
)
def test_rules_share_the_page(counts: dict[str, int], share: int) -> None:
    rules = pl.Series("rule", [name for name, n in counts.items() for _ in range(n)], dtype=pl.String)

    assert share_of_a_rule(rules.to_frame()) == share
