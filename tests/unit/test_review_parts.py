"""Do the parts of a review keep to themselves what must not be told, and tell the rest?"""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import polars as pl
import pytest

from blinreg.registry.ledger import LedgerRow
from blinreg.registry.manifest import Manifest, ManifestFile
from blinreg.registry.quality.distributions import told_levels, told_quantiles
from blinreg.registry.quality.effects import EFFECT_SCHEMA, effects, endpoint_steps
from blinreg.registry.quality.other_sites import OtherSites
from blinreg.registry.quality.review_findings import advice, found_in
from blinreg.registry.quality.scratch import ledger_before
from blinreg.registry.quality.thresholds import Limits
from blinreg.schemas.errors import UsageError
from blinreg.schemas.rules import RULES, Category
from blinreg.schemas.tables import table

QUANTILES = {"p5": 1.0, "p25": 2.0, "p50": 3.0, "p75": 4.0, "p95": 5.0}


def frame_of(name: str, *rows: dict[str, str]) -> pl.DataFrame:
    columns = table(name).column_names
    frame = pl.DataFrame([{**dict.fromkeys(columns), **row} for row in rows], schema=dict.fromkeys(columns, pl.String))
    return frame.with_columns(source_line=pl.int_range(2, pl.len() + 2, dtype=pl.Int32))


def violations(*found: tuple[str, str, int, str | None]) -> pl.DataFrame:
    rows = [(rule, "warn", name, f"{name}.csv", line, column, "as told") for rule, name, line, column in found]
    return pl.DataFrame(rows, schema=["rule", "severity", "table", "file", "line", "column", "message"], orient="row")


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    said = advice()
    assert said.height == len(RULES)
    assert (
        said.select((pl.col("wrong").str.len_chars() > 0) & (pl.col("how_to_fix").str.len_chars() > 0))
        .to_series()
        .all()
    )


def test_values_of_one_and_of_several_columns() -> None:
    frames = {"gvhd": frame_of("gvhd", {"patient_id": "P1", "onset_date": "2019"}, {"patient_id": "P2"})}
    found = found_in(
        violations(
            ("gvhd.grade.above_scale", "gvhd", 3, "grade, grade_scale"),
            ("gvhd.onset_date.date", "gvhd", 2, "onset_date"),
            ("gvhd.onset_date.date", "gvhd", 3, None),
        ),
        frames,
    )
    assert found.select("line", "value", "patient_id").rows() == [
        (3, "grade=(empty), grade_scale=(empty)", "P2"),
        (2, "2019", "P1"),
        (3, None, "P2"),
    ]


def test_a_private_value_is_told_by_no_finding_about_its_cell() -> None:
    private = next(rule.id for rule in RULES if rule.category is Category.PRIVACY and rule.table == "cell")
    characteristic = {"patient_id": "P1", "characteristic": "race", "value": "somebody"}
    found = found_in(
        violations(
            (private, "patient_characteristic", 2, "value"),
            ("patient_characteristic.value.pattern", "patient_characteristic", 2, "value"),
            ("patient_characteristic.value.pattern", "patient_characteristic", 3, "value"),
        ),
        {"patient_characteristic": frame_of("patient_characteristic", characteristic, characteristic)},
    )
    assert found["value"].to_list() == [None, None, "somebody"]
    assert found["patient_id"].to_list() == [None, "P1", "P1"]


def test_a_private_name_of_a_patient_is_told_nowhere() -> None:
    private = next(rule.id for rule in RULES if rule.category is Category.PRIVACY and rule.table == "cell")
    frames = {
        "patient": frame_of("patient", {"patient_id": "somebody"}, {"patient_id": "P2"}),
        "follow_up": frame_of("follow_up", {"patient_id": "somebody", "vital_status": "?"}, {"patient_id": "P2"}),
    }
    found = found_in(
        violations(
            (private, "patient", 2, "patient_id"),
            ("follow_up.vital_status.code", "follow_up", 2, "vital_status"),
            ("follow_up.patient.orphan", "follow_up", 2, "patient_id"),
            ("follow_up.patient.orphan", "follow_up", 3, "patient_id"),
        ),
        frames,
    )
    assert found["value"].to_list() == [None, "?", None, "P2"]
    assert found["patient_id"].to_list() == [None, None, None, "P2"]


@pytest.mark.parametrize(
    ("n", "shown"),
    [
        (10, []),
        (21, []),
        (22, ["p50"]),
        (44, ["p25", "p50", "p75"]),
        (220, ["p5", "p25", "p50", "p75", "p95"]),
    ],
)
def test_a_quantile_needs_eleven_patients_on_either_side(n: int, shown: list[str]) -> None:
    told = told_quantiles({"n": n, **QUANTILES}, 11)
    assert [name for name in QUANTILES if name in told] == shown


def test_of_invented_patients_everything_is_told() -> None:
    assert told_quantiles({"n": 1, **QUANTILES}, 1) == {"n": 1, **QUANTILES}
    assert told_levels({"n": 3, "level yes": 1, "level no": 2}, 1) == {"level yes": 1, "level no": 2, "n": 3}


@pytest.mark.parametrize(
    ("levels", "hidden"),
    [
        ({"level a": 11, "level b": 40}, set()),
        # One small level could be worked out from the others: the next goes with it.
        ({"level a": 3, "level b": 12, "level c": 40}, {"level a", "level b"}),
        ({"level a": 3, "level b": 9, "level c": 40}, {"level a", "level b"}),
        # Two that are fewer than eleven together hide a third.
        ({"level a": 1, "level b": 2, "level c": 40, "level d": 50}, {"level a", "level b", "level c"}),
    ],
)
def test_small_levels_cannot_be_worked_out(levels: dict[str, int], hidden: set[str]) -> None:
    told = told_levels({"n": sum(levels.values()), **levels}, 11)
    assert {name for name, n in told.items() if n is None} == hidden


def test_fewer_than_eleven_patients_in_all_are_not_told_of() -> None:
    assert told_levels({"n": 10, "level a": 10}, 11) == {"level a": None}


def ledger_row(sequence: int, content: str, site: str = "site-a", *, outcome: str = "accepted") -> LedgerRow:
    return LedgerRow(
        sequence=sequence,
        submission_id=f"s-{sequence}",
        site_id=site,
        content_sha256=content,
        created_at=datetime.fromisoformat(f"2020-06-{sequence:02d}"),
        data_cutoff_date=date(2020, 5, 31),
        schema_version="1.0",
        is_synthetic=sequence % 2 == 0,
        outcome=outcome,
        reason=None,
        received_at=datetime.fromisoformat(f"2020-06-{sequence:02d}"),
        actor="somebody",
        n_rows=1,
        n_quarantined=0,
        n_held_back=0,
    )


MANIFEST = Manifest(
    submission_id="again",
    site_id="site-a",
    created_at=datetime.fromisoformat("2020-06-01"),
    created_date=date(2020, 6, 1),
    data_cutoff_date=date(2020, 5, 31),
    schema_version="1.0",
    is_synthetic=True,
    files=(ManifestFile(table="patient", path="patient.csv", sha256="0" * 64, rows=1),),
)


def sequences(ledger: tuple[LedgerRow, ...]) -> list[int]:
    return [row.sequence for row in ledger]


def test_the_ledger_before_a_submission_that_is_in_it() -> None:
    this, other = MANIFEST.content_sha256, "f" * 64
    current = (ledger_row(1, other), ledger_row(2, this), ledger_row(3, this, "site-b"))
    assert sequences(ledger_before(current, MANIFEST)) == [1, 3]
    replaced = (ledger_row(1, this), ledger_row(2, other), ledger_row(3, other, "site-b"))
    assert sequences(ledger_before(replaced, MANIFEST)) == [1, 2, 3]
    assert sequences(ledger_before(replaced, MANIFEST, as_loaded=True)) == [3]
    rejected = (ledger_row(1, this, outcome="rejected"),)
    assert sequences(ledger_before(rejected, MANIFEST, as_loaded=True)) == [1]


def test_one_site_with_real_patients_is_enough_to_suppress() -> None:
    with duckdb.connect() as cursor:
        invented = OtherSites(cursor=cursor, rows=(ledger_row(2, "0"),))
        mixed = OtherSites(cursor=cursor, rows=(ledger_row(2, "0"), ledger_row(3, "0")))
    assert (invented.fewest, mixed.fewest) == (1, 11)


def test_endpoints_are_derived_without_what_they_do_not_need() -> None:
    names = [name for name, _ in endpoint_steps()]
    assert names == sorted(names)
    assert {"230_analysis_endpoint.sql", "900_macro_kaplan_meier.sql"} <= set(names)
    assert not {name for name in names if "toxicity" in name or "cohort" in name}


def test_an_endpoint_that_nobody_has_counts_nobody() -> None:
    measured = pl.DataFrame(
        {"endpoint": ["os"], "n_patients": [2], "events": [1], "person_days": [99.5], "median_months": [None]},
        schema_overrides={"median_months": pl.Float64},
    )
    found = effects(None, measured)
    assert found.schema == EFFECT_SCHEMA
    assert found.select("endpoint", "n_patients_before", "n_patients_after").rows() == [
        ("os", None, 2),
        ("rfs", None, 0),
        ("efs", None, 0),
    ]


@pytest.mark.parametrize(
    "wrong", [{"max_percent": 101.0}, {"min_percent": -1.0}, {"max_rows": -1}, {"min_checked": -1}]
)
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Limits(**wrong)  # type: ignore[arg-type]
