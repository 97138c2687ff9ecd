"""Is there an impossible order of events in any synthetic patient, whatever the seed?

Each rule is a query that gives the rows that break it (synthetic_order_of_events.sql). The tables are
read as a hospital would send them: a partial date is an interval, and breaks a rule only if no day of
it is possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blinreg.schemas.codes import TERM_CATEGORY
from blinreg.schemas.model import Type
from blinreg.schemas.render.ddl import date_interval
from blinreg.schemas.tables import TABLES
from blinreg.synthetic import PROFILES, cohort_tables, load_study
from blinreg.synthetic.model import draw_courses
from blinreg.synthetic.records import records

STUDY = load_study("realworld-2020")
SEEDS = [0, 7, 2020]

#: The table that rules compare with, and the rules, as a reader of SQL would want them.
SQL = (Path(__file__).parent / "synthetic_order_of_events.sql").read_text(encoding="utf-8")
SPINE = SQL.split("-- spine\n")[1].split(";")[0]
RULES = {name: query.split(";")[0] for name, query in re.findall(r"-- rule: (.*)\n((?:.*\n)*?)\n", SQL + "\n")}


def every_date_rules() -> Iterator[tuple[str, str]]:
    """Rules that hold for every date of every table."""
    for table in TABLES:
        for column in table.columns:
            if column.type is not Type.DATE or (table.name, column.name) == ("patient", "diagnosis_date"):
                continue
            day = f"{table.name}.{column.name}"
            source = f"select {table.name}.patient_id from {table.name} join spine using (patient_id) where"
            yield f"{day} after the last contact", f"{source} {day} > spine.last_contact_date"
            yield f"{day} after the cutoff", f"{source} {day} > cutoff()"
            yield f"{day} before diagnosis", f"{source} {day}_latest < spine.diagnosis_date"
            if table.name not in {"follow_up", "adverse_event", "treatment_cycle", "line_of_therapy", "drug_exposure"}:
                yield f"{day} on the day of death", f"{source} {day} >= spine.death_date"


ALL_RULES = {**RULES, **dict(every_date_rules())}


@cache
def cohort(seed: int, profile: str | None = None) -> dict[str, pl.DataFrame]:
    """The calibrated cohort of a profile, or patients of the model."""
    if profile is not None:
        return cohort_tables("realworld-2020", seed=seed, profile=profile)
    return cohort_tables("realworld-2020", seed=seed, n_patients=1000)


def database(tables: dict[str, pl.DataFrame]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    for table in TABLES:
        frame = tables.get(table.name)
        if frame is None:
            kinds = {Type.INTEGER: pl.Int64, Type.NUMBER: pl.Float64}
            frame = pl.DataFrame(schema={column.name: kinds.get(column.type, pl.String) for column in table.columns})
        connection.register(f"sent_{table.name}", frame)
        columns = []
        for column in table.columns:
            earliest, latest = date_interval(column.name)
            is_date = column.type is Type.DATE
            columns += (
                [f"{earliest} as {column.name}", f"{latest} as {column.name}_latest"] if is_date else [column.name]
            )
        connection.execute(f"create table {table.name} as select {', '.join(columns)} from sent_{table.name}")
    connection.execute(f"create macro cutoff() as date '{STUDY.data_cutoff_date}'")
    categories = pl.DataFrame({"term": list(TERM_CATEGORY), "category": list(TERM_CATEGORY.values())})
    connection.register("categories", categories)
    connection.execute("create table term_category as from categories")
    connection.execute(SPINE)
    return connection


def broken(tables: dict[str, pl.DataFrame], rules: Mapping[str, str] = ALL_RULES) -> dict[str, int]:
    """Rules that are broken, and in how many rows."""
    with database(tables) as connection:
        counts = {name: len(connection.execute(query).fetchall()) for name, query in rules.items()}
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("profile", [*PROFILES, None])
@pytest.mark.parametrize("seed", SEEDS)
def test_no_impossible_order_of_events(seed: int, profile: str | None) -> None:
    assert broken(cohort(seed, profile)) == {}


@given(seed=st.integers(0, 2**63 - 1), first=st.integers(0, 10**9))
@settings(max_examples=4, deadline=None)
def test_no_impossible_order_of_events_in_any_patients(seed: int, first: int) -> None:
    courses, placement = draw_courses(STUDY, seed, np.arange(first, first + 250, dtype=np.int64))
    assert broken(records(courses, placement, study=STUDY, seed=seed)) == {}


def shifted(tables: dict[str, pl.DataFrame], table: str, column: str, days: int) -> dict[str, pl.DataFrame]:
    """The cohort with every whole date of one column moved by some days."""
    day = pl.col(column).str.to_date("%Y-%m-%d", strict=False)
    moved = (day + pl.duration(days=days)).dt.strftime("%Y-%m-%d")
    return {**tables, table: tables[table].with_columns(pl.coalesce(moved, pl.col(column)).alias(column))}


def replaced(
    tables: dict[str, pl.DataFrame], table: str, column: str, old: object, new: object
) -> dict[str, pl.DataFrame]:
    """The cohort with one value of a column replaced by another."""
    value = pl.when(pl.col(column) == old).then(pl.lit(new)).otherwise(pl.col(column)).alias(column)
    return {**tables, table: tables[table].with_columns(value)}


#: A fault in the data, and a rule that has to find it.
SHIFTS = [
    ("patient", "diagnosis_date", -40000, "diagnosed before birth"),
    ("patient", "diagnosis_date", 6000, "line_of_therapy.start_date before diagnosis"),
    ("baseline", "assessment_date", 10, "baseline shortly before the first dose"),
    ("line_of_therapy", "end_date", 400, "lines follow each other"),
    ("line_of_therapy", "response_date", -400, "response to a line after its start"),
    ("treatment_cycle", "stop_date", 20, "28 days of infusion"),
    ("treatment_cycle", "stop_date", -60, "cycle stops after its start"),
    ("dose_interruption", "start_date", -200, "interruption within an infusion"),
    ("dose_interruption", "end_date", -20, "interruption resumed after its start"),
    ("drug_exposure", "stop_date", -4000, "drug stops after its start"),
    ("disease_assessment", "assessment_date", -30, "first remission after some treatment"),
    ("disease_assessment", "assessment_date", 900, "disease_assessment.assessment_date after the last contact"),
    ("mrd_assessment", "sample_date", -60, "residual disease only looked for in remission"),
    ("disease_event", "event_date", 5, "no remission after relapse"),
    ("disease_event", "event_date", -45, "relapse after a remission"),
    ("adverse_event", "onset_date", 60, "event during its cycle"),
    ("adverse_event", "resolution_date", -60, "event over after its onset"),
    ("transplant", "transplant_date", -90, "transplant after a response"),
    ("transplant", "transplant_date", 300, "gvhd after its transplant"),
    ("gvhd", "onset_date", 120, "acute gvhd within 100 days, chronic after"),
    ("gvhd", "onset_date", -400, "gvhd after its transplant"),
    ("follow_up", "death_date", 3, "the dead were last seen on the day of death"),
    ("follow_up", "last_contact_date", -200, "treatment_cycle.start_date after the last contact"),
    ("follow_up", "last_contact_date", 1, "follow_up.last_contact_date after the cutoff"),
]


@pytest.mark.parametrize(("table", "column", "days", "rule"), SHIFTS)
def test_moved_dates_are_found(table: str, column: str, days: int, rule: str) -> None:
    assert broken(shifted(cohort(2020), table, column, days), {rule: ALL_RULES[rule]})


REPLACEMENTS = [
    ("disease_assessment", "response", "no_response", "cr", "remission has at most 5% blasts"),
    ("disease_event", "event_type", "progression", "relapse", "relapse after a remission"),
    ("disease_event", "event_type", "relapse", "progression", "progression without a remission"),
    ("adverse_event", "grade", 5, 4, "grade 5 is fatal, on the day of death"),
    ("adverse_event", "action", "discontinued", "none", "stopped for adverse event, and there is one"),
    ("adverse_event", "action", "interrupted", "none", "interruption and adverse event agree"),
    ("follow_up", "vital_status", "dead", "alive", "the dead have a day and a cause"),
    ("treatment_cycle", "stop_reason", "completed", "death", "stopped by death on the day of death"),
    ("gvhd", "gvhd_type", "acute", "chronic", "acute gvhd within 100 days, chronic after"),
    ("patient", "ph_status", "positive", "negative", "kinase inhibitors in Ph-positive disease only"),
    ("mrd_assessment", "result", "positive", "negative", "a level with positive results only"),
    ("baseline", "primary_refractory", "yes", "no", "refractory to induction"),
]


@pytest.mark.parametrize(("table", "column", "old", "new", "rule"), REPLACEMENTS)
def test_contradictions_are_found(table: str, column: str, old: object, new: object, rule: str) -> None:
    assert broken(replaced(cohort(2020), table, column, old, new), {rule: ALL_RULES[rule]})


def test_the_rules_are_read_whole() -> None:
    assert len(RULES) == SQL.count("-- rule: ") > 80
    assert all(query.strip().startswith("select") for query in RULES.values())
