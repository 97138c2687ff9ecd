"""A registry filled by hand: small tables in, answer per patient out.

Dates are written as **days from 1 January 2019** (day 0), so that the arithmetic of a
test can be followed; a text such as ``"2019-05"`` is a date as a site would send it.
Answers come back in the same days. What a row does not say is filled in from
``USUAL``, and every patient who is mentioned gets a row in ``patient``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import duckdb
import pytest

from blinreg.registry.build import build
from blinreg.registry.derive import FIRST_MACRO, derive, sql_files
from blinreg.schemas.model import Type
from blinreg.schemas.tables import TABLES

Row = dict[str, Any]

DAY_0 = date(2019, 1, 1)
PATIENT = "PAT"
SITE = "site_a"

#: What a row is taken to say where the test does not care.
USUAL: dict[str, Row] = {
    "patient": {"site_id": SITE, "sex": "female", "disease": "b_all"},
    "baseline": {"timepoint": "blinatumomab_start"},
    "treatment_cycle": {"course_number": 1, "agent": "blinatumomab", "indication": "relapsed_refractory"},
    "mrd_assessment": {"method": "flow"},
    "transplant": {"transplant_type": "allogeneic"},
    "gvhd": {"transplant_number": 1, "gvhd_type": "acute"},
    "toxicity_assessment": {"period": "on_treatment", "evaluable": "yes"},
    "enrolment": {"study_id": "study"},
    "drug_exposure": {"agent": "agent"},
}

#: Columns that number the rows of a patient; numbered in the order given unless the row says otherwise.
NUMBERED = {
    "treatment_cycle": "cycle_number",
    "line_of_therapy": "line_number",
    "transplant": "transplant_number",
    "adverse_event": "event_number",
    "dose_interruption": "interruption_number",
}

DATE_COLUMNS = {table.name: [column.name for column in table.columns if column.type is Type.DATE] for table in TABLES}


def to_date(day: int) -> date:
    """Turn a day of a test into a date."""
    return DAY_0 + timedelta(days=day)


def to_day(value: Any) -> Any:
    """Turn a date of an answer into a day of a test."""
    return (value - DAY_0).days if isinstance(value, date) else value


class FilledRegistry:
    """A registry with the rows of one test."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._read: dict[str, list[Row]] = {}
        self._is_derived = False

    def _changed(self) -> None:
        self._read.clear()
        self._is_derived = False

    def add_submission(
        self, submission_id: str, *, site_id: str = SITE, cutoff: int | None = None, sequence: int = 1
    ) -> None:
        """Write a submission into the ledger as accepted; without a cutoff the data reach to the end of 2030."""
        self._changed()
        last_day = date(2030, 12, 31) if cutoff is None else to_date(cutoff)
        received = datetime(2031, 1, 1) + timedelta(days=sequence)  # noqa: DTZ001
        self.connection.execute(
            """
            insert into ledger.submission by name
            select ? as sequence, ? as submission_id, ? as site_id, cast(? as date) as data_cutoff_date,
                true as is_synthetic, 'accepted' as outcome, cast(? as timestamp) as received_at, 'test' as actor,
                0 as n_rows, 0 as n_quarantined, 0 as n_held_back
            """,
            [sequence, submission_id, site_id, last_day, received],
        )

    def add(self, submission_id: str, **tables: list[Row]) -> None:
        """Store rows as accepted rows of a submission."""
        self._changed()
        mentioned = {row.get("patient_id", PATIENT) for rows in tables.values() for row in rows}
        given = {row.get("patient_id", PATIENT) for row in tables.get("patient", [])}
        tables["patient"] = tables.get("patient", []) + [{"patient_id": name} for name in sorted(mentioned - given)]
        for table, rows in tables.items():
            numbers: dict[str, int] = {}
            full = [self._full(table, submission_id, line, row, numbers) for line, row in enumerate(rows, start=2)]
            # A statement for each row would be most of the time of a test.
            for names, alike in groupby(full, key=tuple):
                self._insert(table, names, list(alike))

    def _full(self, table: str, submission_id: str, line: int, row: Row, numbers: dict[str, int]) -> Row:
        full = {"patient_id": PATIENT} | USUAL.get(table, {}) | row
        patient = full["patient_id"]
        if table in NUMBERED:
            numbers[patient] = full.get(NUMBERED[table], numbers.get(patient, 0) + 1)
            full[NUMBERED[table]] = numbers[patient]
        for column in DATE_COLUMNS[table]:
            if isinstance(full.get(column), int):
                full[column] = to_date(full[column]).isoformat()
        return full | {"submission_id": submission_id, "source_file": f"{table}.csv", "source_line": line}

    def _insert(self, table: str, names: tuple[str, ...], rows: list[Row]) -> None:
        marks = f"({', '.join('?' for _ in names)})"
        self.connection.execute(
            f"insert into submitted.{table} ({', '.join(names)}) values {', '.join([marks] * len(rows))}",
            [value for row in rows for value in row.values()],
        )

    def execute(self, statement: str) -> None:
        """Run a statement that changes what is derived."""
        self._changed()
        self.connection.execute(statement)

    def redefine(self, statement: str, *, file: str) -> None:
        """Replace the relation that a file of ``sql/`` creates, and run the files after it."""
        self.rows("endpoint")
        self._read.clear()
        self.connection.execute(statement)
        for name, text in sql_files():
            if file < name < FIRST_MACRO:
                self.connection.execute(text)

    def rows(self, view: str, **where: Any) -> list[Row]:
        """Read the rows of a view of ``analysis`` (or of the schema it names), dates as days, sorted by all columns."""
        name = view if "." in view else f"analysis.{view}"
        if not self._is_derived:
            derive(self.connection)
            self._is_derived = True
        if name not in self._read:
            found = self.connection.execute(f"select * from {name} order by all")
            names = [column[0] for column in found.description or []]
            self._read[name] = [
                {key: to_day(value) for key, value in zip(names, row, strict=True)} for row in found.fetchall()
            ]
        return [row for row in self._read[name] if all(row[key] == value for key, value in where.items())]

    def one(self, view: str, **where: Any) -> Row:
        """Read the only row of a view that meets the conditions."""
        found = self.rows(view, **where)
        assert len(found) == 1, f"{view} has {len(found)} rows where {where}"
        return found[0]

    def endpoint(self, name: str, patient_id: str = PATIENT) -> tuple[float, int, str]:
        """Give time in days, event and reason of an endpoint of a patient."""
        row = self.one("endpoint", endpoint=name, patient_id=patient_id)
        return row["time_days"], row["event"], row["reason"]

    def stretches(self, endpoint: str, *exposures: str, patient_id: str = PATIENT) -> list[tuple[Any, ...]]:
        """Give tstart, tstop, event and the named exposures of the counting-process rows of a patient."""
        rows = self.rows("counting_process", endpoint=endpoint, patient_id=patient_id)
        return [tuple(row[name] for name in ("tstart", "tstop", "event", *exposures)) for row in rows]

    def as_of(self, submission_id: str) -> None:
        """Go back to what the registry said when a submission was the newest."""
        self.execute(f"set variable as_of = '{submission_id}'")

    def cut_off(self, day: int) -> None:
        """Bring the analysis cutoff forward, as an analyst does in any DuckDB client."""
        self.execute(f"set variable analysis_cutoff_date = date '{to_date(day).isoformat()}'")


@pytest.fixture(scope="session")
def empty_registry() -> Iterator[duckdb.DuckDBPyConnection]:
    """Build the registry once; the rows of a test are never committed."""
    with duckdb.connect(config={"autoinstall_known_extensions": False, "threads": 2}) as connection:
        build(connection)
        yield connection


@pytest.fixture(scope="session")
def registry_with(empty_registry: duckdb.DuckDBPyConnection) -> Iterator[Callable[..., FilledRegistry]]:
    """Make a registry with the given rows: ``registry_with(follow_up=[{...}], cutoff=500)``.

    Each call starts from an empty registry again, so that only the newest one can be asked.
    """
    is_open = False

    def start_again() -> None:
        nonlocal is_open
        if is_open:
            empty_registry.execute("rollback")
        for variable in ("as_of", "analysis_cutoff_date"):
            empty_registry.execute(f"reset variable {variable}")
        empty_registry.execute("begin")
        is_open = True

    def fill(*, cutoff: int | None = None, **tables: list[Row]) -> FilledRegistry:
        start_again()
        registry = FilledRegistry(empty_registry)
        registry.add_submission("sub-1", cutoff=cutoff)
        registry.add("sub-1", **tables)
        return registry

    yield fill
    if is_open:
        empty_registry.execute("rollback")
