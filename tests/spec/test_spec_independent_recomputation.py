"""The rules of time once more, in plain Python, for a whole cohort: does the SQL give the same rows?

Nothing of ``sql/`` is used here. The rules are written down from their text (sql/README.md, "Rules of time",
"Response" and "Endpoints"), patient by patient over the submitted rows, and every row of ``analysis.endpoint``,
``analysis.endpoint_exclusion`` and ``analysis.counting_process`` is compared. In the synthetic cohort as it is, two
things seldom happen on one day; with its dates rounded down to multiples of some days they often do. An earlier
cutoff makes many things unseen, and tables moved against each other contradict themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from typing import Any, NamedTuple

import polars as pl
import pytest

from blinreg.schemas.tables import table
from blinreg.synthetic import cohort_tables, load_study

Row = Mapping[str, Any]
Registry = Any

CUTOFF = load_study("realworld-2020").data_cutoff_date

#: Day 0 of the fixture, from which it counts the cutoff; also where the grids of days begin.
DAY_0 = date(2019, 1, 1)

#: The tables that time depends on.
USED = (
    "patient",
    "treatment_cycle",
    "line_of_therapy",
    "drug_exposure",
    "disease_assessment",
    "mrd_assessment",
    "disease_event",
    "adverse_event",
    "transplant",
    "gvhd",
    "follow_up",
)

#: The date of each table that shows that a patient was seen.
SEEN = {
    "treatment_cycle": "start_date",
    "line_of_therapy": "start_date",
    "drug_exposure": "start_date",
    "disease_assessment": "assessment_date",
    "mrd_assessment": "sample_date",
    "disease_event": "event_date",
    "adverse_event": "onset_date",
    "transplant": "transplant_date",
    "gvhd": "onset_date",
}

EXPOSURES = ("allo_hct", "allo_hct_in_remission", "acute_gvhd", "chronic_gvhd", "platelet_recovery")

#: Of each endpoint: the origin, what the event is, what competes. On one day: relapse before transplant before death.
ENDPOINTS = {
    "os": ("index", ("death",), ()),
    "os_from_response": ("response", ("death",), ()),
    "rfs": ("response", ("relapse", "progression", "death"), ()),
    "rfs_molecular": ("response", ("relapse", "progression", "molecular_relapse", "death"), ()),
    "efs": ("index", ("relapse", "progression", "death"), ()),
    "duration_of_remission": ("response", ("relapse", "progression"), ("death",)),
    "allo_hct": ("response", ("allo_hct",), ("death",)),
    "os_from_transplant": ("transplant", ("death",), ()),
    "pfs_from_transplant": ("transplant", ("relapse", "progression", "death"), ()),
    "non_relapse_mortality": ("transplant", ("death",), ("relapse", "progression")),
    "transplant_related_mortality": ("transplant", ("transplant_related_death",), ("other_death",)),
}
ON_ONE_DAY = (
    "relapse",
    "progression",
    "molecular_relapse",
    "allo_hct",
    "death",
    "transplant_related_death",
    "other_death",
)


class Happening(NamedTuple):
    """Something that can decide an endpoint."""

    day: date
    place: int
    name: str


class Patient:
    """The rows of one patient and what follows from them."""

    def __init__(self, tables: Mapping[str, list[Row]], cutoff: date) -> None:
        self.tables = tables
        (self.follow_up,) = tables["follow_up"]
        self.is_dead = self.follow_up["vital_status"] == "dead"
        self.last_seen = self._last_seen()
        self.end = min(self.last_seen, cutoff)
        cycles = [row for row in tables["treatment_cycle"] if row["agent"] == "blinatumomab"]
        cycles.sort(key=lambda row: (row["start_date"], row["course_number"], row["cycle_number"]))
        self.first_cycle, self.cycles = cycles[0], cycles
        self.index: date = self.first_cycle["start_date"]

    def _last_seen(self) -> date:
        if self.is_dead:
            return self.follow_up["death_date"]
        records = [row[column] for table, column in SEEN.items() for row in self.tables[table] if row[column]]
        return max([self.follow_up["last_contact_date"], *records])

    def transplants(self) -> list[Row]:
        return sorted(self.tables["transplant"], key=lambda row: (row["transplant_date"], row["transplant_number"]))

    def allogeneic_days(self) -> list[date]:
        return [row["transplant_date"] for row in self.transplants() if row["transplant_type"] == "allogeneic"]

    def window_end(self) -> date:
        """Until when findings are credited to the first course of blinatumomab."""
        course = self.first_cycle["course_number"]
        last_start = max(row["start_date"] for row in self.cycles if row["course_number"] == course)
        ends = [self.end]
        for line in self.tables["line_of_therapy"]:
            start, regimen = line["start_date"], line["regimen"] or ""
            is_its_own = "blinatumomab" in regimen and start is not None and start <= last_start
            if start is not None and start > self.index and not is_its_own:
                ends.append(start - timedelta(days=1))
        first_days: dict[Any, date] = {}
        for row in self.cycles:
            first_days.setdefault(row["course_number"], row["start_date"])
        ends += [day - timedelta(days=1) for day in first_days.values() if day > self.index]
        ends += [row["transplant_date"] for row in self.transplants() if row["transplant_date"] >= self.index]
        return min(ends)

    def response_date(self) -> date | None:
        if self.first_cycle["indication"] == "mrd":
            found = [row["sample_date"] for row in self.tables["mrd_assessment"] if row["result"] == "negative"]
        else:
            rows = self.tables["disease_assessment"]
            found = [row["assessment_date"] for row in rows if row["response"] in ("cr", "crh", "cri")]
        last = self.window_end()
        return min((day for day in found if self.index <= day <= last), default=None)

    def origins(self) -> dict[str, date]:
        first_transplant = next((day for day in self.allogeneic_days() if day >= self.index), None)
        days = {"index": self.index, "response": self.response_date(), "transplant": first_transplant}
        return {name: day for name, day in days.items() if day is not None}

    def happenings(self, day_0: date) -> list[Happening]:
        """Give all that happened from the origin on."""
        found = [(row["event_date"], row["event_type"]) for row in self.tables["disease_event"]]
        if self.is_dead:
            cause = self.follow_up["cause_of_death"]
            attributed = "transplant_related_death" if cause == "transplant_related" else "other_death"
            found += [(self.last_seen, "death"), (self.last_seen, attributed)]
        found += [(day, "allo_hct") for day in self.allogeneic_days()]
        return [
            Happening(day, ON_ONE_DAY.index(name), name) for day, name in found if day >= day_0 and name in ON_ONE_DAY
        ]

    def exposures(self, origin: str, day_0: date) -> dict[str, int]:
        """Give the day, from the origin, on which each exposure begins."""
        grafts = [row for row in self.transplants() if day_0 <= row["transplant_date"] <= self.end]
        numbers = {row["transplant_number"] for row in grafts}
        allo = [
            row["transplant_date"]
            for row in grafts
            if row["transplant_type"] == "allogeneic" and (origin != "transplant" or row["transplant_date"] > day_0)
        ]
        days: dict[str, list[date]] = {"allo_hct": allo[:1], "allo_hct_in_remission": allo[:1]}
        for row in self.tables["disease_event"]:
            if row["event_type"] in ("relapse", "progression") and allo and day_0 <= row["event_date"] <= allo[0]:
                days["allo_hct_in_remission"] = []
        for kind in ("acute", "chronic"):
            rows = [row for row in self.tables["gvhd"] if row["gvhd_type"] == kind]
            days[f"{kind}_gvhd"] = [row["onset_date"] for row in rows if row["transplant_number"] in numbers]
        days["platelet_recovery"] = [row["platelet_recovery_date"] for row in grafts if row["platelet_recovery_date"]]
        kept = {name: [day for day in found if day_0 <= day <= self.end] for name, found in days.items()}
        return {name: (min(found) - day_0).days for name, found in kept.items() if found}

    def endpoint(self, name: str, day_0: date) -> tuple[date, float | None, int, str]:
        """Give deciding date, time (none: the patient leaves), event and reason."""
        _, events, competing = ENDPOINTS[name]
        relevant = [one for one in self.happenings(day_0) if one.name in events + competing]
        first = min(relevant, default=None)
        if first is not None and first.day <= self.end:
            days = (first.day - day_0).days
            return first.day, days or 0.5, 1 if first.name in events else 2, first.name
        days = (self.end - day_0).days
        if days <= 0:
            return self.end, None, 0, "censored_on_origin_day" if days == 0 else "ends_before_origin"
        return self.end, days, 0, "last_contact" if self.last_seen == self.end else "analysis_cutoff"


def stretches(time: float, event: int, begins: Mapping[str, int]) -> Iterator[tuple[Any, ...]]:
    """Cut (0, time] where an exposure begins; an exposure of day t counts from just after t."""
    cuts = sorted({0, *(day for day in begins.values() if day < time)})
    for start, stop in zip(cuts, [*cuts[1:], time], strict=True):
        flags = [int(name in begins and begins[name] <= start) for name in EXPOSURES]
        yield (start, stop, event if stop == time else 0, *flags)


class Recomputed(NamedTuple):
    """What the views should hold, sorted."""

    endpoint: list[tuple[Any, ...]]
    exclusion: list[tuple[Any, ...]]
    counting_process: list[tuple[Any, ...]]


def recompute(tables: Mapping[str, list[Row]], cutoff: date) -> Recomputed:
    """Work out the endpoints and counting-process rows of every patient."""
    rows: dict[str, dict[str, list[Row]]] = defaultdict(lambda: {name: [] for name in USED})
    for name, found in tables.items():
        for row in found:
            rows[row["patient_id"]][name].append(row)
    result = Recomputed([], [], [])
    for patient_id, own in rows.items():
        patient = Patient(own, cutoff)
        origins = patient.origins()
        for endpoint, (origin, _, _) in ENDPOINTS.items():
            if origin not in origins:
                continue
            day_0 = origins[origin]
            deciding, time, event, reason = patient.endpoint(endpoint, day_0)
            if time is None:
                result.exclusion.append((patient_id, endpoint, origin, day_0, reason))
                continue
            is_moved = int(deciding == day_0)
            result.endpoint.append((patient_id, endpoint, origin, day_0, deciding, time, event, reason, is_moved))
            spells = stretches(time, event, patient.exposures(origin, day_0))
            result.counting_process.extend((patient_id, endpoint, *spell) for spell in spells)
    for part in result:
        part.sort()
    return result


@cache
def cohort() -> dict[str, pl.DataFrame]:
    """Give the synthetic patients as their hospitals would send them: text, under the names of the columns."""
    simulated = cohort_tables("realworld-2020")
    return {table: frame.select(pl.all().cast(pl.String)) for table, frame in simulated.items() if table in USED}


def on_grid(name: str, frame: pl.DataFrame, *, days: int, later: int) -> pl.DataFrame:
    """Move whole dates, then round them down to multiples of some days; of rows with one key the first stays."""
    rounded = []
    for column in frame.columns:
        if column.endswith("_date"):
            day = pl.col(column).str.to_date("%Y-%m-%d", strict=False)
            since = ((day - pl.lit(DAY_0)).dt.total_days() + later) // days * days
            moved = (pl.lit(DAY_0) + pl.duration(days=since)).dt.to_string("%Y-%m-%d")
            rounded.append(pl.when(day.is_null()).then(pl.col(column)).otherwise(moved).alias(column))
    return frame.with_columns(rounded).unique(table(name).key, keep="first", maintain_order=True)


def read(frame: pl.DataFrame) -> list[Row]:
    """Read text as rows with dates; a partial date, which only lines long ago have, is none."""
    dates = [pl.col(name).str.to_date("%Y-%m-%d", strict=False) for name in frame.columns if name.endswith("_date")]
    numbers = [pl.col(name).cast(pl.Int64) for name in frame.columns if name.endswith("_number")]
    return list(frame.with_columns(dates + numbers).iter_rows(named=True))


def rows_of(registry: Registry, view: str, columns: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = registry.connection.execute(f"select {columns} from analysis.{view}").fetchall()
    return sorted(found)


class Variant(NamedTuple):
    """How the dates of the cohort are changed."""

    grid: int = 1
    cutoff: date = CUTOFF
    #: Days by which tables are moved, so that things come in orders that no hospital should send.
    later: Mapping[str, int] = {}


VARIANTS = {
    "as it is": Variant(),
    "cut off early": Variant(cutoff=date(2017, 6, 30)),
    "by 30 days": Variant(grid=30),
    "by 30 days, cut off early": Variant(grid=30, cutoff=date(2017, 6, 30)),
    "by 90 days": Variant(grid=90),
    "relapses early": Variant(grid=10, later={"disease_event": -120}),
    "transplants early, lines late": Variant(grid=15, later={"transplant": -60, "gvhd": -90, "line_of_therapy": 45}),
    "follow-up ends early": Variant(grid=20, later={"follow_up": -240}),
    "responses late": Variant(grid=10, later={"disease_assessment": 80, "mrd_assessment": 100}),
    "lines long ago, transplants late": Variant(grid=30, later={"line_of_therapy": -2000, "transplant": 200}),
}


def changed(variant: Variant) -> dict[str, pl.DataFrame]:
    """Give the cohort with its dates changed."""
    return {
        name: on_grid(name, frame, days=variant.grid, later=variant.later.get(name, 0))
        for name, frame in cohort().items()
    }


def test_rounded_dates_put_the_rules_of_one_day_to_work() -> None:
    tables = {name: read(frame) for name, frame in changed(VARIANTS["by 90 days"]).items()}
    found = recompute(tables, CUTOFF)
    # Columns: patient, endpoint, origin, origin date, deciding date, time, event, reason, moved to day 0.5.
    assert sum(row[-1] for row in found.endpoint) > 300
    assert sum(row[-1] == "censored_on_origin_day" for row in found.exclusion) > 25
    seen = {(row["patient_id"], row["event_date"]) for row in tables["disease_event"]}
    ends = {(row["patient_id"], row["death_date"]) for row in tables["follow_up"]}
    grafts = {(row["patient_id"], row["transplant_date"]) for row in tables["transplant"]}
    assert len(seen & ends) > 20
    assert seen & grafts
    assert grafts & ends


@pytest.mark.parametrize("name", VARIANTS)
def test_sql_and_plain_python_agree(registry_with: Callable[..., Registry], name: str) -> None:
    variant = VARIANTS[name]
    moved, cutoff = changed(variant), variant.cutoff
    expected = recompute({table_name: read(frame) for table_name, frame in moved.items()}, cutoff)

    registry = registry_with(cutoff=(cutoff - DAY_0).days)
    for table_name, frame in moved.items():
        text = frame.with_columns(
            pl.lit("sub-1").alias("submission_id"),
            pl.lit(f"{table_name}.csv").alias("source_file"),
            pl.int_range(2, pl.len() + 2).alias("source_line"),
        )
        registry.connection.register("rows_sent", text)
        registry.connection.execute(f"insert into submitted.{table_name} by name select * from rows_sent")
        registry.connection.unregister("rows_sent")
    registry.rows("endpoint")

    names = "patient_id, endpoint, origin, origin_date"
    decided = f"{names}, deciding_date, time_days, event, reason, is_origin_day_event"
    spell = f"patient_id, endpoint, tstart, tstop, event, {', '.join(EXPOSURES)}"
    assert rows_of(registry, "endpoint", decided) == expected.endpoint
    assert rows_of(registry, "endpoint_exclusion", f"{names}, reason") == expected.exclusion
    assert rows_of(registry, "counting_process", spell) == expected.counting_process
