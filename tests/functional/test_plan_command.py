"""`blinreg plan`: what is wrong is named, what looks into the future is refused, and the SQL gives the task's rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from jsonschema import Draft202012Validator
from polars.testing import assert_frame_equal

from blinreg.analyses.plans import Plan, load_plan
from blinreg.analyses.plans.methods.clone_censor_weight import with_days
from blinreg.analyses.plans.methods.exposure_incidence import first_of
from blinreg.analyses.plans.model import Entry
from blinreg.analyses.plans.parse import parse_plan
from blinreg.analyses.plans.row_request import request_of, take_rows
from blinreg.analyses.plans.rows_sql import rows_sql
from blinreg.analyses.plans.state_rows import courses
from blinreg.analyses.plans.task import Task, TaskRows
from blinreg.analyses.plans.views import ViewFrames, read_views
from blinreg.registry.cli.main import main
from blinreg.registry.loading import load_submissions
from blinreg.registry.store import Registry
from blinreg.schemas.views import VIEWS
from blinreg.synthetic.generation import generate

SITES = 2
Run = Callable[..., tuple[int, str, str]]
LATE = """
[study]
name = "late"
title = "Late"

[[analysis]]
name = "right"
title = "Right"
method = "kaplan_meier"
population = "cohort"
endpoint = "os"

[analysis.variants]
"ever or never" = { group = "ever_allo_hct" }
"declared" = { group = "ever_allo_hct", biased = true }
"""
#: What the shipped plan does not ask for.
MORE = """
[study]
name = "more"
title = "More"

[population.odd]
title = "O'Neill's patients"
where = { site_id = { is_not = "O'Neill" }, n_prior_lines = { more_than = 0, less_than = 9 } }

[population.early]
title = "Transplanted by day 180, or not"
from = "odd"
where = { allo_hct_by_day_180 = { in = [0, 1] }, sex = { in = ["male", "female"] } }

[variable.group]
label = "Donor"
levels = [
    { level = "it's related", where.donor = { is = "matched_related" } },
    { level = "unknown", where.donor = { is = "haploidentical" } },
    { level = "other", where.ever_allo_hct = { is = 1 } },
]

[[analysis]]
name = "cut"
title = "Rows cut at exposures without a column of their own"
method = "cox"
population = "odd"
endpoint = "os"
time_dependent = ["tki", "allo_hct", "second_cycle"]
covariates = ["age_years"]
strata = ["sex"]

[analysis.variants]
"landmark" = { landmark = 21 }
"registered" = { entry = "registration", missing = "complete_case" }
"to transplant" = { entry = "registration", censor_at = "transplant", landmark = 14, missing = "complete_case" }

[[analysis]]
name = "frozen"
title = "Groups frozen on the landmark"
method = "kaplan_meier"
population = "early"
endpoint = "os"
group = "ever_allo_hct"
landmark = 60
variants."to transplant" = { censor_at = "transplant" }

[[analysis]]
name = "remission"
title = "Best response;\\nof the registry"
method = "table_one"
population = "early"
variables = ["best_response", "prior_allo_hct", "ever_tki", "donor", "group", "n_cycles"]
"""


@dataclass(frozen=True)
class Filled:
    """A registry with what its analysis views hold."""

    path: Path
    frames: dict[str, pl.DataFrame]
    views: ViewFrames


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    base = tmp_path_factory.mktemp("plans")
    generate("realworld-2020", base / "submissions")
    folders = sorted(path for path in (base / "submissions").iterdir() if path.is_dir())[:SITES]
    with Registry.create(base / "registry.duckdb") as registry:
        load_submissions(registry, folders)
        frames = {view.name: registry.connection.sql(f"select * from analysis.{view.name}").pl() for view in VIEWS}
    return Filled(base / "registry.duckdb", frames, read_views(frames))


@pytest.fixture(scope="module")
def client(filled: Filled) -> Iterator[duckdb.DuckDBPyConnection]:
    """A plain DuckDB client on a copy of the registry: the commands have the registry for themselves."""
    copy = shutil.copy(filled.path, filled.path.with_name("copy.duckdb"))
    with duckdb.connect(copy, read_only=True) as connection:
        yield connection


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["plan", *(str(argument) for argument in arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


class Asked(Exception):
    """The rows that a method asked for; it gets no further."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows


class Listener(Task):
    """A task that keeps what it is asked for."""

    def patients(self, *arguments: Any, **options: Any) -> TaskRows:
        raise Asked(Task.patients(self, *arguments, **options).frame)

    def follow_up(self, *arguments: Any, **options: Any) -> TaskRows:
        raise Asked(Task.follow_up(self, *arguments, **options).frame)


def comparable(frame: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """Codes as text, numbers as floats, facts as 0 and 1 as the words that a table of the report has for them."""
    columns = []
    for name, dtype in frame.schema.items():
        words = isinstance(like.schema[name], pl.Enum)
        if dtype.is_numeric() and not words:
            columns.append(pl.col(name).cast(pl.Float64))
        else:
            said = pl.col(name).cast(pl.String)
            columns.append(said.replace({"0": "no", "1": "yes"}) if dtype.is_numeric() else said)
    return frame.select(columns)


def asked_by(plan: Plan, entry: Entry, views: ViewFrames) -> pl.DataFrame:
    """What the method itself takes, in the order of the keys."""
    with pytest.raises(Asked) as asked:
        entry.method.run(entry.options, Listener(plan=plan, entry=entry, views=views, mark=""))
    frame = asked.value.rows
    return frame.drop_nulls() if request_of(entry).missing == "complete_case" else frame


def of_the_method(plan: Plan, entry: Entry, views: ViewFrames) -> pl.DataFrame:
    """What a method makes of its rows before it estimates, for the methods that say so in SQL."""
    task = Task(plan=plan, entry=entry, views=views, mark="")
    if entry.method.name == "attrition":
        return views["attrition"]
    rows = take_rows(task, request_of(entry)).frame
    options: Any = entry.options
    if entry.method.name == "exposure_incidence":
        days = views["exposure"].filter((pl.col("exposure") == options.exposure) & (pl.col("origin") == "transplant"))
        return first_of(rows, days.select("patient_id", "exposure_days"))
    if entry.method.name == "clone_censor_weight":
        return with_days(rows, task, options)
    if entry.method.name in ("state_occupation", "patient_flow"):
        return courses(task).entries
    assert entry.method.name == "adverse_events"
    of_period = (pl.col("period") == options.period) & (pl.col("is_evaluable") == 1)
    return views["toxicity"].filter(of_period).join(rows, on="patient_id", how="semi")


def assert_same_rows(sql: str, expected: pl.DataFrame, views: ViewFrames, client: duckdb.DuckDBPyConnection) -> None:
    found = client.sql(sql).pl()
    if "patient_id" in expected.columns:
        expected = expected.with_columns(views.patients[expected["patient_id"]])
    keys = [name for name in ("patient_id", "tstart", "state", *found.columns) if name in found.columns]
    keys = list(dict.fromkeys(keys))
    assert set(found.columns) == set(expected.columns)
    ours, theirs = (comparable(frame.select(expected.columns), expected) for frame in (found, expected))
    assert_frame_equal(ours.sort(keys), theirs.sort(keys), abs_tol=1e-9)


PLAN = load_plan("realworld-2020")
SHIPPED = {one.spoken_name: one for one in PLAN.judged}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_sql_of_every_analysis_gives_the_rows_of_its_task(
    name: str, filled: Filled, client: duckdb.DuckDBPyConnection
) -> None:
    entry = SHIPPED[name]
    take = asked_by if entry.method.rows_sql is None else of_the_method

    assert_same_rows(rows_sql(PLAN, entry), take(PLAN, entry, filled.views), filled.views, client)


def test_the_sql_follows_every_other_key_of_a_plan(filled: Filled) -> None:
    plan = parse_plan(MORE, file="more.toml")
    registered = pl.col("index_date") + pl.duration(days=pl.col("age_years") % 50)
    frames = dict(filled.frames)
    frames["cohort"] = frames["cohort"].with_columns(
        pl.when(pl.col("age_years") % 7 > 0).then(registered).alias("registration_date")
    )
    views = read_views(frames)
    with duckdb.connect() as client:
        client.execute("create schema analysis")
        for name, frame in frames.items():
            client.register("given", frame.to_arrow())
            client.execute(f"create table analysis.{name} as select * from given")
        for entry in plan.judged:
            task = Task(plan=plan, entry=entry, views=views, mark="")
            expected = take_rows(task, request_of(entry)).frame
            assert expected.height > 20
            if entry.spoken_name == "cut":
                assert {0, 1} == set(expected["tki"]) == set(expected["second_cycle"]) == set(expected["allo_hct"])
            assert_same_rows(rows_sql(plan, entry), expected, views, client)


def test_check_lists_the_analyses_without_a_registry(run: Run) -> None:
    code, out, err = run("check", "realworld-2020")

    assert (code, err) == (0, "")
    assert out.startswith("realworld_2020.toml: ")
    assert "no error in the text" in out
    for one in SHIPPED.values():
        assert one.name in out
        assert one.variant in out


def test_check_names_what_is_wrong(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "late.toml"
    path.write_text(LATE.replace('"kaplan_meier"', '"kaplan_meyer"'), encoding="utf-8")

    code, out, err = run("check", path)

    assert (code, out) == (2, "")
    assert "late.toml, analysis right: method 'kaplan_meyer' is unknown" in err
    assert "did you mean kaplan_meier?" in err


def test_check_with_a_registry_refuses_what_looks_into_the_future(run: Run, filled: Filled, tmp_path: Path) -> None:
    path = tmp_path / "late.toml"
    path.write_text(LATE, encoding="utf-8")

    code, out, _ = run("check", path, "--registry", filled.path)

    assert code == 2
    assert "1 refused (immortal time)" in out
    lines = {line.split("  ")[0] or line.strip().split("  ")[0]: line.split()[-1] for line in out.splitlines()[3:6]}
    assert [*lines.values()] == ["accepted", "refused", "biased"]
    assert "right, variant 'ever or never' (groups by allo_hct): allo_hct becomes known" in out
    assert 'method = "simon_makuch"' in out


def test_check_as_json(run: Run, filled: Filled, tmp_path: Path) -> None:
    path = tmp_path / "late.toml"
    path.write_text(LATE, encoding="utf-8")

    code, out, _ = run("check", path, "--registry", filled.path, "--json")

    said = json.loads(out)
    assert (code, said["exit_code"], said["n_refused"]) == (2, 2, 1)
    assert [one["verdict"] for one in said["analyses"]] == ["accepted", "refused", "accepted as biased"]
    assert "immortal time" in said["analyses"][1]["reason"]


def test_explain_says_who_when_and_how_many(run: Run, filled: Filled) -> None:
    code, out, _ = run("explain", "realworld-2020", "transplant_rmst", "--registry", filled.path)

    assert code == 0
    assert "Indication: relapsed or refractory" in out
    assert "the clock starts at day 90 after the response (landmark)" in out
    assert "guard       accepted" in out
    assert "First dose of blinatumomab" in out
    assert "select" in out


def test_explain_without_a_registry_has_no_counts(run: Run) -> None:
    code, out, _ = run("explain", "realworld-2020", "os_rr", "--json")

    [said] = json.loads(out)["analyses"]
    assert code == 0
    assert (said["attrition"], said["verdict"]) == (None, None)
    assert said["sql"].startswith("-- realworld-2020, analysis os_rr: ")


def test_the_sql_can_be_piped_into_a_client(run: Run, client: duckdb.DuckDBPyConnection) -> None:
    _, out, _ = run("explain", "realworld-2020", "transplant_cox", "--variant", "alive 30 days after response", "--sql")

    assert client.execute(out).fetchall()


def test_explain_goes_through_the_whole_plan(run: Run) -> None:
    code, out, _ = run("explain", "realworld-2020")

    assert code == 0
    assert out.count("\n  population  ") == len(PLAN.entries)


WRONG: Mapping[str, tuple[tuple[str, ...], str]] = {
    "no plan": (("check",), "no plan is named"),
    "no such analysis": (("explain", "realworld-2020", "os_r"), "did you mean os_rr"),
    "no such variant": (
        ("explain", "realworld-2020", "os_rr", "--variant", "log intervall"),
        "did you mean log interval",
    ),
    "a variant of nothing": (("explain", "realworld-2020", "--variant", "log"), "a variant is one of an analysis"),
    "an analysis to check": (("check", "realworld-2020", "os_rr"), "a plan is checked whole"),
    "no such action": (("chekc", "realworld-2020"), "invalid choice: 'chekc'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_usage_errors_say_what_to_do(case: str, run: Run) -> None:
    arguments, said = WRONG[case]

    code, out, err = run(*arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert "next: " in err


def test_the_schema_is_written_for_editors(run: Run) -> None:
    code, out, _ = run("schema")

    assert code == 0
    Draft202012Validator.check_schema(json.loads(out))


def test_no_patient_is_named(run: Run, filled: Filled) -> None:
    _, out, err = run("explain", "realworld-2020", "--registry", filled.path, "--json")

    assert "SYN" not in out + err
