"""Are faults planted where, how often and as the answer key says?"""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from blinreg.schemas.errors import UsageError
from blinreg.schemas.rules import RULES, Origin
from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic import generate
from blinreg.synthetic.faults import (
    KINDS,
    LOG_SCHEMA,
    Memory,
    Planted,
    answers,
    join_logs,
    plant,
    write_answer_key,
    write_faulty_file,
    write_refused,
)
from blinreg.synthetic.faults.answer_key import consequences
from blinreg.synthetic.faults.context import frame_schema
from blinreg.synthetic.faults.files import REFUSED, TOLERATED
from blinreg.synthetic.faults.refused import CELLS, REFUSED_KINDS, Refused

Tables = dict[str, pl.DataFrame]
CREATED = dt.date(2019, 7, 1)
FORMATS = ("csv", "csv", "parquet", "csv", "xlsx")


def read_tables(folder: Path) -> Tables:
    tables = {}
    for entry in json.loads((folder / "submission.json").read_text(encoding="utf-8"))["files"]:
        path = folder / entry["path"]
        if path.suffix == ".csv":
            frame = pl.read_csv(path, infer_schema=False)
        elif path.suffix == ".parquet":
            frame = pl.read_parquet(path)
        else:
            frame = pl.read_excel(path, infer_schema_length=0)
        kinds = frame_schema(table(entry["table"]))
        tables[entry["table"]] = frame.select(pl.col(name).cast(kind) for name, kind in kinds.items())
    return tables


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tables]:
    folder = tmp_path_factory.mktemp("clean") / "cohort"
    cohort = generate("realworld-2020", folder)
    return {site: read_tables(path) for site, path in zip(cohort.sites, cohort.paths, strict=True)}


def plant_all(sites: Mapping[str, Tables], *, rate: float, seed: int) -> list[Planted]:
    memory, planted = Memory(), []
    for number, (site, tables) in enumerate(sites.items()):
        file_format = FORMATS[number % len(FORMATS)]
        planted.append(
            plant(tables, rate=rate, seed=seed, site=site, created=CREATED, file_format=file_format, memory=memory)
        )
        memory = planted[-1].memory
    return planted


@pytest.fixture(scope="module")
def planted(sites: dict[str, Tables]) -> list[Planted]:
    return plant_all(sites, rate=0.02, seed=2020)


def log_of(planted: list[Planted]) -> pl.DataFrame:
    return join_logs([part.log for part in planted])


def many(tables: Tables, copies: int) -> Tables:
    """The same patients again and again under other numbers."""
    result = {}
    for name, frame in tables.items():
        number = pl.col("patient_id").str.extract("([0-9]+)$").cast(pl.Int64)
        parts = [
            frame.with_columns(pl.concat_str(pl.lit("SYN-"), number + copy * 1000).alias("patient_id"))
            for copy in range(copies)
        ]
        result[name] = pl.concat(parts)
    return result


def test_every_kind_has_an_answer_and_every_answer_a_kind() -> None:
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    assert set(answers()) == {*names, *TOLERATED, *REFUSED_KINDS}


def test_every_kind_names_a_rule_that_exists() -> None:
    known = {rule.id for rule in RULES}
    for kind in KINDS:
        for target in kind.targets:
            rule = answers()[kind.name].rule_at(target.rule_table or target.table, target.column)
            assert rule in {"", *known}, (kind.name, rule)


def places() -> list[tuple[str, str]]:
    """Every kind of fault with every rule that it can be planted for."""
    in_rows = [
        (kind.name, answers()[kind.name].rule_at(target.rule_table or target.table, target.column))
        for kind in KINDS
        for target in kind.targets
    ]
    return in_rows + [(kind, answers()[kind].rule) for kind in REFUSED_KINDS]


def test_every_rule_has_a_planted_fault() -> None:
    """All of them, of columns, keys and files and every member of the declared families, but one kind.

    Those that are counted of a submission as a whole, against the one before, are in no row: test_segments.py.
    """
    planted = {rule for _, rule in places()}
    in_no_row = {rule.id for rule in RULES if rule.origin is Origin.SUBMISSION}
    assert {rule.id for rule in RULES} - planted == in_no_row


def test_what_may_follow_are_patterns_of_rules() -> None:
    ids = [rule.id for rule in RULES]
    follows = {pattern for answer in answers().values() for pattern in answer.follows if "{" not in pattern}
    structural = {pattern for tables in consequences().values() for said in tables.values() for pattern in said}
    assert [pattern for pattern in follows | structural if not fnmatch.filter(ids, pattern)] == []
    assert {name for tables in consequences().values() for name in tables} <= {definition.name for definition in TABLES}


def test_a_rule_that_may_follow_is_never_any_rule() -> None:
    """A key that allows everything would find no false alarm."""
    ids = [rule.id for rule in RULES]
    for kind in KINDS:
        for target in kind.targets:
            patterns = answers()[kind.name].follows_at(target.table, target.column, is_lost=target.loses_row)
            allowed = {rule for pattern in patterns for rule in fnmatch.filter(ids, pattern)}
            assert len(allowed) <= 30, (kind.name, target.table, target.column)


def test_a_row_that_is_gone_or_has_another_key_is_lost() -> None:
    lost = {kind.name for kind in KINDS if any(target.loses_row for target in kind.targets)}
    assert {"missing_cycle", "spaces_around_patient_id", "first_course_not_sent"} <= lost
    assert not {"duplicate_row", "karnofsky_of_the_dead", "two_inhibitors_at_once"} & lost


def test_what_can_be_known_names_a_rule() -> None:
    assert [answer.kind for answer in answers().values() if answer.certain and not answer.rule] == []


def test_targets_name_columns_of_their_tables() -> None:
    for kind in KINDS:
        assert kind.targets, kind.name
        for target in kind.targets:
            assert set(target.values) <= set(table(target.into or target.table).column_names), kind.name


@pytest.mark.parametrize("seed", [2020, 7])
def test_a_cohort_of_239_has_every_kind(sites: dict[str, Tables], seed: int) -> None:
    parts = plant_all(sites, rate=0.02, seed=seed)
    in_rows = set(log_of(parts)["kind"])
    refused = {item.kind for part in parts for item in part.refused}
    assert in_rows | refused == set(answers())


def test_a_patient_has_one_fault(planted: list[Planted]) -> None:
    rows = log_of(planted).filter(pl.col("patient_id").is_not_null())
    repeated = (
        rows.group_by("patient_id").agg(pl.col("fault").n_unique(), pl.col("kind").unique()).filter(pl.col("fault") > 1)
    )
    assert repeated.is_empty()


def test_faults_are_numbered_without_gaps(planted: list[Planted]) -> None:
    numbers = set(log_of(planted)["fault"]) | {item.fault for part in planted for item in part.refused}
    assert numbers == set(range(1, planted[-1].memory.n_faults + 1))


def test_the_rate_is_the_share_of_rows(sites: dict[str, Tables]) -> None:
    tables = many(sites["site01"], 60)
    log = plant(tables, rate=0.02, seed=5, site="site01", created=CREATED).log.filter(pl.col("line").is_not_null())
    faults = dict(log.group_by("table").agg(pl.col("fault").n_unique()).rows())
    shares = {name: faults[name] / frame.height for name, frame in tables.items() if frame.height > 2000}
    assert len(shares) > 8
    assert {name: share for name, share in shares.items() if not 0.016 < share < 0.03} == {}


def test_the_same_seed_gives_the_same_faults_and_another_seed_others(
    sites: dict[str, Tables], planted: list[Planted]
) -> None:
    again = plant_all(sites, rate=0.02, seed=2020)
    assert log_of(again).equals(log_of(planted))
    assert all(
        one.tables[name].equals(other.tables[name])
        for one, other in zip(again, planted, strict=True)
        for name in one.tables
    )
    assert not log_of(plant_all(sites, rate=0.02, seed=2021)).equals(log_of(planted))


def test_no_rate_no_fault(sites: dict[str, Tables]) -> None:
    clean = sites["site01"]
    result = plant(clean, rate=0, seed=1, site="site01", created=CREATED)
    assert result.log.is_empty()
    assert result.log.schema == LOG_SCHEMA
    assert not result.file_faults
    assert not result.refused
    assert all(result.tables[name].equals(frame) for name, frame in clean.items())


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_share(sites: dict[str, Tables], rate: float) -> None:
    with pytest.raises(UsageError, match="not a share"):
        plant(sites["site01"], rate=rate, seed=1, site="site01", created=CREATED)


def test_patients_without_a_number_are_refused(sites: dict[str, Tables]) -> None:
    named = {name: frame.with_columns(patient_id=pl.lit("SYN-x")) for name, frame in sites["site11"].items()}
    with pytest.raises(ValueError, match="end in a number"):
        plant(named, rate=0.1, seed=1, site="site11", created=CREATED)


def test_the_clean_tables_are_left_alone(sites: dict[str, Tables]) -> None:
    before = {name: frame.clone().hash_rows().to_list() for name, frame in sites["site02"].items()}
    plant(sites["site02"], rate=0.5, seed=1, site="site02", created=CREATED)
    assert {name: frame.hash_rows().to_list() for name, frame in sites["site02"].items()} == before


def test_lines_go_on_in_the_next_part_of_a_site(sites: dict[str, Tables]) -> None:
    first = plant(sites["site01"], rate=0.1, seed=1, site="site01", created=CREATED)
    second = plant(sites["site02"], rate=0.1, seed=1, site="site01", created=CREATED, memory=first.memory)
    whole = pl.concat([part.tables["disease_assessment"].select(pl.all().cast(pl.String)) for part in (first, second)])
    changed = join_logs([first.log, second.log]).filter(
        (pl.col("table") == "disease_assessment") & (pl.col("action") == "changed")
    )
    assert changed["line"].max() > first.tables["disease_assessment"].height + 1
    for line, column, after in changed.select("line", "column", "after").rows():
        assert whole[column][line - 2] == after
    assert second.refused == ()


def test_claimed_patients_are_sound_patients_of_earlier_sites(planted: list[Planted], sites: dict[str, Tables]) -> None:
    log = log_of(planted).filter(pl.col("kind") == "patient_claimed_by_later_site", pl.col("table") == "patient")
    assert log.height
    order = list(sites)
    for site, patient in log.select("site", "patient_id").rows():
        owner = next(name for name, tables in sites.items() if patient in tables["patient"]["patient_id"])
        assert order.index(owner) < order.index(site)
        elsewhere = log_of(planted).filter(pl.col("patient_id") == patient, pl.col("site") == owner)
        assert elsewhere.is_empty()


def test_a_person_at_two_sites_is_the_same_person(planted: list[Planted], sites: dict[str, Tables]) -> None:
    log = log_of(planted).filter(pl.col("kind") == "same_person_at_other_site", pl.col("table") == "patient")
    everybody = pl.concat([tables["patient"] for tables in sites.values()])
    for patient, row in log.select("patient_id", "after").rows():
        told = json.loads(row)
        known = everybody.filter(pl.col("patient_id") == patient.removesuffix("-3")).row(0, named=True)
        assert [told[name] for name in ("birth_year", "sex", "diagnosis_date")] == [
            known[name] for name in ("birth_year", "sex", "diagnosis_date")
        ]


def test_rows_that_accompany_a_registration_have_no_rule(planted: list[Planted]) -> None:
    log = log_of(planted).filter(pl.col("kind") == "same_person_under_two_ids")
    rules = Counter(log.select("table", (pl.col("rule") == "").alias("none")).rows())
    assert rules["patient", False] == log["fault"].n_unique()
    assert all(none for (name, none) in rules if name != "patient")


def ordinary(frame: pl.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_excel(path, autofit=False)


@pytest.mark.parametrize("fault", [None, *TOLERATED, *REFUSED])
def test_a_faulty_file_differs_and_its_hash_is_told(
    sites: dict[str, Tables], tmp_path: Path, fault: str | None
) -> None:
    frame = sites["site01"]["disease_assessment"]
    if fault == "latin_1":
        frame = frame.with_columns(timepoint=pl.lit("nachprüfung"))
    suffix = "csv" if fault is None else {**TOLERATED, **REFUSED}[fault].formats[0]
    path, plain = tmp_path / f"faulty.{suffix}", tmp_path / f"plain.{suffix}"
    written = write_faulty_file(frame, path, table_name="disease_assessment", fault=fault, write=ordinary)
    ordinary(frame, plain)
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert written.rows == frame.height
    assert (path.read_bytes() == plain.read_bytes()) is (fault is None)


def test_a_german_file_has_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "mrd_assessment.csv"
    rows = pl.DataFrame({"patient_id": ["SYN-1.5"], "level": [0.25]})
    write_faulty_file(rows, path, table_name="mrd_assessment", fault="decimal_comma_file", write=ordinary)
    assert path.read_text(encoding="utf-8") == "patient_id;level\nSYN-1.5;0,25\n"


def write_plain(tables: Mapping[str, pl.DataFrame], folder: Path) -> None:
    folder.mkdir()
    files = []
    for name, frame in tables.items():
        path = folder / f"{name}.synthetic.csv"
        frame.write_csv(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append({"table": name, "path": path.name, "sha256": sha256, "rows": frame.height})
    manifest = {"submission_id": "s1", "created_at": "2019-07-01T09:00:00Z", "synthetic": True, "files": files}
    (folder / "submission.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize("kind", [kind for kind in REFUSED_KINDS if kind != "truncated_file"])
def test_a_submission_to_be_refused_says_what_it_is(sites: dict[str, Tables], tmp_path: Path, kind: str) -> None:
    name = CELLS[kind].table if kind in CELLS else "follow_up"
    log = write_refused(
        Refused(kind=kind, fault=5, table=name), sites["site01"], tmp_path, site="site01", seed=1, write=write_plain
    )
    folder = tmp_path / f"attempt-{kind}-site01"
    manifest = json.loads((folder / "submission.json").read_text(encoding="utf-8"))
    assert manifest["synthetic"] is True
    assert manifest["created_at"] == "2019-06-30T09:00:00Z"
    assert manifest["submission_id"] == "s1-5"
    wrong = [
        entry["table"]
        for entry in manifest["files"]
        if entry["sha256"] != hashlib.sha256((folder / entry["path"]).read_bytes()).hexdigest()
    ]
    assert wrong == (["follow_up"] if kind == "wrong_sha256" else [])
    rows = [e["table"] for e in manifest["files"] if e["rows"] != sites["site01"][e["table"]].height]
    assert rows == (["follow_up"] if kind == "wrong_row_count" else [])
    absent = set(sites["site01"]) - {entry["table"] for entry in manifest["files"]}
    assert absent == ({"follow_up"} if kind == "missing_table" else set())
    assert set(log["kind"]) == {kind}
    assert set(log["fault"]) == {5}
    assert log.schema == LOG_SCHEMA
    assert set(log["file"].str.split("/").list.first()) == {folder.name}


def test_values_that_look_like_a_person_are_in_refused_submissions_only(planted: list[Planted]) -> None:
    values = {cell.value for cell in CELLS.values()}
    for part in planted:
        for frame in part.tables.values():
            for column in frame.iter_columns():
                assert not values & set(column.cast(pl.String).drop_nulls())


def test_the_answer_key_is_written_beside_the_submissions(planted: list[Planted], tmp_path: Path) -> None:
    csv_path, parquet_path = write_answer_key(tmp_path, [part.log for part in planted])
    assert pl.read_parquet(parquet_path).equals(log_of(planted))
    read = pl.read_csv(csv_path, schema=dict(LOG_SCHEMA))
    empty = pl.col(pl.String).fill_null("")
    assert read.with_columns(empty).equals(log_of(planted).with_columns(empty))
    assert pl.read_parquet_metadata(parquet_path)["synthetic"] == "true"


def test_every_table_has_its_own_kinds() -> None:
    tables = {target.table for kind in KINDS for target in kind.targets}
    assert tables == {definition.name for definition in TABLES}
