"""The views of a plan: the same from frames and from a database, in few bytes, of the patients of the cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from blinreg.analyses.inputs import Rows
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.schemas.errors import InputError

Views = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def frames(invented_views: Callable[..., Views]) -> Views:
    return invented_views(40, seed=2)


@pytest.fixture(scope="module")
def relations(frames: Views) -> Iterator[dict[str, Rows]]:
    with duckdb.connect() as connection:
        for name, frame in frames.items():
            connection.register("given", frame.reverse().to_arrow())
            connection.execute(f"create table {name} as select * from given")
        yield {name: connection.sql(f"select * from {name}") for name in frames}


@pytest.fixture(scope="module")
def views(frames: Views) -> ViewFrames:
    return read_views(frames)


PARTS: dict[str, Callable[[ViewFrames], pl.DataFrame]] = {
    "cohort": lambda views: views["cohort"],
    "attrition": lambda views: views["attrition"],
    "endpoint": lambda views: views.endpoint("os_from_response"),
    "exposure": lambda views: views.exposure("allo_hct", "response"),
    "exposure of the cohort": lambda views: views.exposure_of_cohort("allo_hct", "response"),
    "counting process": lambda views: views.counting_process("os_from_response", ["allo_hct"]),
    "toxicity": lambda views: views.toxicity("on_treatment"),
    "toxicity term": lambda views: views.toxicity_term("on_treatment"),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_database_gives_what_frames_give(part: str, views: ViewFrames, relations: dict[str, Rows]) -> None:
    found = PARTS[part](views)

    assert found.height > 0
    assert_frame_equal(PARTS[part](read_views(relations)), found)


def test_a_part_is_the_rows_of_the_view_with_its_codes(views: ViewFrames) -> None:
    whole = views["counting_process"].filter(pl.col("endpoint") == "os_from_response")

    part = views.counting_process("os_from_response", ["allo_hct"])

    assert_frame_equal(part, whole.select("patient_id", "tstart", "tstop", "event", "allo_hct"))
    assert views.counting_process("os_from_response", ["allo_hct"]) is part


def test_a_patient_is_a_number_in_the_order_of_the_ids(views: ViewFrames, frames: Views) -> None:
    cohort = views["cohort"]

    assert cohort["patient_id"].to_list() == list(range(40))
    assert cohort["patient_id"].dtype == pl.UInt32
    assert views.patients.to_list() == sorted(frames["cohort"]["patient_id"])
    ages = dict(frames["cohort"].select("patient_id", "age_years").iter_rows())
    assert [ages[patient] for patient in views.patients] == cohort["age_years"].to_list()


def test_rows_of_patients_outside_the_cohort_are_left_out(views: ViewFrames, frames: Views) -> None:
    absent = views.patients[0]
    fewer = read_views(frames | {"cohort": frames["cohort"].filter(pl.col("patient_id") != absent)})

    assert absent in set(frames["endpoint"]["patient_id"])
    assert fewer.endpoint("os").height == views.endpoint("os").height - 1
    ids = fewer.patients[fewer.endpoint("os")["patient_id"]]
    assert absent not in set(ids)


def test_values_of_the_cohort_stand_beside_the_rows_of_their_patient(views: ViewFrames) -> None:
    rows = views.counting_process("os_from_response", ["allo_hct"]).reverse()
    values = views["cohort"].select("patient_id", "age_years")

    found = views.beside(rows, values)

    assert_frame_equal(found, rows.join(values, on="patient_id", how="left", maintain_order="left"))
    assert views.of_cohort("transplant")["patient_id"].to_list() == list(range(40))


def test_a_column_of_the_wrong_type_is_named_by_its_view(frames: Views) -> None:
    wrong = read_views(frames | {"course": frames["course"].with_columns(n_cycles=pl.lit("many"))})

    with pytest.raises(InputError, match=r"a column of analysis\.course is not of its defined type"):
        wrong.of_cohort("course")


@pytest.mark.parametrize("source", ["frames", "relations"])
def test_the_content_is_hashed_in_whatever_order_it_stands(source: str, request: pytest.FixtureRequest) -> None:
    given = dict(request.getfixturevalue(source))
    whole = given["cohort"].pl() if source == "relations" else given["cohort"]
    hashed = read_views(given).content_sha256()
    older = whole.with_columns(pl.col("age_years") + (pl.col("patient_id") == whole["patient_id"][3]).cast(pl.Int64))

    if source == "frames":
        assert read_views(given | {"cohort": whole.reverse()}).content_sha256() == hashed
        assert read_views(given | {"cohort": older}).content_sha256() != hashed
    else:
        cohort = given["cohort"]
        assert read_views(given | {"cohort": cohort.order("age_years")}).content_sha256() == hashed
        assert read_views(given | {"cohort": cohort.limit(39)}).content_sha256() != hashed
