"""Printed numbers stand beside ours, are those of the study's list, and differ only where they are marked."""

from __future__ import annotations

import csv
from importlib import resources
from io import StringIO
from pathlib import Path

import polars as pl
import pytest

from blinreg.analyses.plans import load_plan
from blinreg.analyses.plans.outcome import ResultTable
from blinreg.analyses.plans.published import COLUMNS, PublishedNumber, beside_published, read_published
from blinreg.analyses.plans.render_published import render
from blinreg.schemas.errors import UsageError

HEAD = ",".join(COLUMNS)
TABLE = "published_realworld_2020.csv"


def one(
    printed: str, half_unit: str = "0.05", *, unit: str = "", row: str = "", column: str = "median"
) -> PublishedNumber:
    [number] = read_published(
        f"{HEAD}\nthis,os,,{row},{column},{unit},what,{printed},{half_unit},text,\n", file="p.csv"
    )
    return number


def compared(number: PublishedNumber, frame: pl.DataFrame) -> dict[str, object]:
    [table] = beside_published([number], "os", [ResultTable(title="Median", frame=frame)])
    return table.frame.row(0, named=True)


@pytest.mark.parametrize(
    ("printed", "value", "expected"),
    [
        ("12.7", 12.651, True),
        ("12.7", 12.75, True),
        ("12.7", 12.76, False),
        ("12.7", None, False),
        ("NR", None, True),
        ("NR", 30.0, False),
        ("NS", 0.051, True),
        ("NS", 0.049, False),
    ],
)
def test_a_number_agrees_within_the_rounding_of_the_printed_one(
    printed: str, value: float | None, *, expected: bool
) -> None:
    assert one(printed).agrees(value) is expected


def test_a_number_is_written_with_the_digits_printed_unless_that_hides_a_difference() -> None:
    assert one("12.7").written(12.6512) == "12.7"
    assert one("149", "0").written(149.3) == "149.3"
    assert one("NR").written(None) == "NR"


def test_the_counterpart_is_looked_up_by_row_and_put_into_the_printed_unit() -> None:
    frame = pl.DataFrame({"group": ["a", "b"], "median": [30.4375, 304.375], "n": [1, 3], "of": [4, 4]})

    months = compared(one("10.0", unit="months", row="group=b"), frame)
    share = compared(one("75", "0.5", unit="percent", row="group=b", column="n/of"), frame)
    other = compared(one("70", "0.5", unit="percent", row="group=b", column="n/of"), frame)

    assert (months["shown"], months["is_different"]) == ("10.0", False)
    assert (share["value"], share["mark"]) == (75.0, "")
    assert (other["shown"], other["mark"], other["is_different"]) == ("75", "≠", True)


@pytest.mark.parametrize("row", ["group=c", "", "sort=a"])
def test_a_number_without_exactly_one_counterpart_is_no_agreement(row: str) -> None:
    frame = pl.DataFrame({"group": ["a", "b"], "median": [1.0, 2.0]})

    found = compared(one("NR", row=row), frame)

    assert (found["shown"], found["mark"], found["is_different"]) == ("–", "not in these data", True)


def test_an_analysis_of_which_nothing_is_printed_has_no_such_table() -> None:
    assert beside_published([one("1")], "rfs", []) == ()


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("id,printed\n", "p.csv has other columns"),
        (f"{HEAD}\na,os,,,median,years,w,1,0,t,\n", "line 2: unit 'years' is unknown"),
        (f"{HEAD}\na,os,,,median,,w,one,0,t,\n", "line 2: printed and half_unit must be numbers"),
        (f"{HEAD}\na,os,,,median,,w,1,0,t,\na,os,,,median,,w,1,0,t,\n", "line 3: a is there twice"),
    ],
)
def test_a_faulty_table_is_refused_with_its_line(text: str, fragment: str) -> None:
    with pytest.raises(UsageError, match=fragment):
        read_published(text, file="p.csv")


def test_a_table_beside_a_plan_is_read_and_must_be_about_its_analyses(tmp_path: Path) -> None:
    plan = '[study]\nname = "s"\ntitle = "S"\n[[analysis]]\nname = "steps"\ntitle = "T"\nmethod = "attrition"\n'
    (tmp_path / "s.toml").write_text(plan)
    assert load_plan(tmp_path / "s.toml").published == ()

    (tmp_path / "published_s.csv").write_text(f"{HEAD}\na,steps,,,n_patients,,w,1,0,t,\n")
    assert [number.analysis for number in load_plan(tmp_path / "s.toml").published] == ["steps"]

    (tmp_path / "published_s.csv").write_text(f"{HEAD}\na,step,,,n_patients,,w,1,0,t,\n")
    with pytest.raises(UsageError, match=r"analysis 'step' is unknown.*steps"):
        load_plan(tmp_path / "s.toml")


def test_what_was_printed_is_that_of_the_study_s_list() -> None:
    table = (resources.files("blinreg.analyses.plans") / TABLE).read_text(encoding="utf-8")
    targets = resources.files("blinreg.synthetic") / "targets"
    lists = [
        (targets / name).read_text(encoding="utf-8") for name in ("realworld_2020.csv", "realworld_2020_conflicts.csv")
    ]

    assert table == render(table, *lists)
    listed = {row["id"] for row in csv.DictReader(StringIO(lists[0]))}
    # Earlier drugs of the patients with one adverse event, and what ended a course as well as a life, are in no view.
    assert listed - {number.id for number in load_plan("realworld-2020").published} == {
        "vod_blina_prior_ino_n",
        "crs_g4_discont_died_n",
    }


def test_a_number_that_the_list_does_not_have_cannot_be_rendered() -> None:
    with pytest.raises(UsageError, match="nonsense is not among"):
        render(f"{HEAD}\nnonsense,os,,,median,,w,1,0,t,\n", "id,printed\n", "id,sentence\n")
