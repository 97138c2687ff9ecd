"""What does a registry remember when submissions follow each other?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from blinreg.registry.derive import derivation_sha256, derive_as_of, sql_files
from blinreg.registry.loading import load_submission
from blinreg.registry.rebuild import rebuild
from blinreg.registry.status import status, violations
from blinreg.registry.store import CATALOG, Registry
from blinreg.schemas.errors import RegistryDamaged, SubmissionRejected, UsageError

Make = Callable[..., Any]


@pytest.fixture
def send(registry: Registry, make_submission: Make, patient: Make, follow_up: Make) -> Make:
    """Load a submission of the given patients."""

    def load(*patients: str, **manifest: Any) -> Any:
        site = manifest.get("site_id", "site-a")
        rows = [patient(name, site_id=site) for name in patients]
        folder = make_submission({"patient": rows, "follow_up": [follow_up(name) for name in patients]}, **manifest)
        return load_submission(registry, folder)

    return load


def patients(registry: Registry) -> list[str]:
    return [
        row[0] for row in registry.connection.execute("select patient_id from current.patient order by 1").fetchall()
    ]


def stored_rows(registry: Registry) -> int:
    return int(registry.connection.execute("select count(*) from submitted.patient").fetchall()[0][0])


def test_the_newest_submission_replaces_the_one_before(registry: Registry, send: Make) -> None:
    send("P01", "P02", submission_id="s1", created_at="2020-06-01T00:00:00Z")
    send("P01", "P03", submission_id="s2", created_at="2020-07-01T00:00:00Z")
    assert patients(registry) == ["P01", "P03"]
    assert stored_rows(registry) == 4


def test_the_same_content_again_changes_nothing(registry: Registry, send: Make) -> None:
    first = send("P01", "P02")
    before = registry.paths.journal.read_bytes()
    again = send("P01", "P02")
    renamed = send("P01", "P02", submission_id="another-name")
    assert [result.outcome for result in (first, again, renamed)] == ["loaded", "unchanged", "unchanged"]
    assert again.submission_id == renamed.submission_id == "submission-1"
    assert (again.n_rows, again.exit_code) == (first.n_rows, first.exit_code)
    assert stored_rows(registry) == 2
    assert registry.paths.journal.read_bytes() == before


def test_a_repeated_load_still_says_what_was_wrong(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission({"patient": [patient("P01", sex="?")], "follow_up": [follow_up("P01")]})
    first, again = load_submission(registry, folder), load_submission(registry, folder)
    assert (first.exit_code, again.exit_code) == (3, 3)
    assert first.violations.equals(again.violations)


def test_a_name_is_not_given_twice(registry: Registry, send: Make) -> None:
    send("P01", submission_id="s1", created_at="2020-06-01T00:00:00Z")
    with pytest.raises(SubmissionRejected, match="s1 was accepted before with other content"):
        send("P02", submission_id="s1", created_at="2020-07-01T00:00:00Z")
    assert patients(registry) == ["P01"]


def test_a_replaced_submission_does_not_come_back(registry: Registry, send: Make) -> None:
    send("P01", submission_id="s1", created_at="2020-06-01T00:00:00Z")
    send("P02", submission_id="s2", created_at="2020-06-01T00:00:00Z")
    with pytest.raises(SubmissionRejected, match="s1 was accepted before and replaced since"):
        send("P01", submission_id="s1", created_at="2020-06-01T00:00:00Z")


def test_older_data_do_not_replace_newer(registry: Registry, send: Make) -> None:
    send("P01", submission_id="s2", created_at="2020-07-01T00:00:00Z")
    with pytest.raises(SubmissionRejected, match="would replace newer data by older") as caught:
        send("P02", submission_id="s1", created_at="2020-06-01T00:00:00Z")
    assert "2020-07-01T00:00:00Z" in str(caught.value)
    assert patients(registry) == ["P01"]


def test_a_rejected_name_may_be_sent_again_corrected(registry: Registry, make_submission: Make, send: Make) -> None:
    with pytest.raises(SubmissionRejected):
        load_submission(registry, make_submission({"patient": []}))
    assert send("P01").outcome == "loaded"
    outcomes = registry.connection.execute(
        "select submission_id, outcome from ledger.submission order by sequence"
    ).fetchall()
    assert outcomes == [("submission-1", "rejected"), ("submission-1", "accepted")]


def test_a_rejection_is_written_down_and_stores_nothing_else(registry: Registry, make_submission: Make) -> None:
    folder = make_submission({"patient": []})
    with pytest.raises(SubmissionRejected) as caught:
        load_submission(registry, folder, actor="data-desk")
    rejected = status(registry).rejected
    assert rejected.select("sequence", "submission_id", "site_id", "reason").rows() == [
        (1, "submission-1", "site-a", str(caught.value))
    ]
    assert list(registry.paths.submissions.iterdir()) == []
    last = json.loads(registry.paths.journal.read_text().splitlines()[-1])
    assert (last["kind"], last["facts"]["outcome"], last["facts"]["actor"]) == ("committed", "rejected", "data-desk")
    assert status(registry).sites.is_empty()


def test_views_follow_the_submission_that_is_asked_for(registry: Registry, send: Make) -> None:
    send("P01", "P02", submission_id="a1", created_at="2020-06-01T00:00:00Z")
    send("P11", submission_id="b1", site_id="site-b", created_at="2020-06-02T00:00:00Z")
    send("P03", submission_id="a2", created_at="2020-07-01T00:00:00Z")
    assert patients(registry) == ["P03", "P11"]
    expected = {"a1": ["P01", "P02"], "b1": ["P01", "P02", "P11"], "a2": ["P03", "P11"]}
    for name, known in expected.items():
        registry.connection.execute(f"set variable as_of = '{name}'")
        assert patients(registry) == known
        assert status(registry).tables.row(0)[:2] == ("patient", len(known))
    registry.connection.execute("reset variable as_of")
    assert patients(registry) == ["P03", "P11"]


def test_an_unknown_submission_is_an_error_and_not_an_empty_registry(registry: Registry, send: Make) -> None:
    send("P01")
    registry.connection.execute("set variable as_of = 'nothing'")
    with pytest.raises(duckdb.InvalidInputException, match="no accepted submission has the name in the variable as_of"):
        patients(registry)
    registry.connection.execute("reset variable as_of")
    with pytest.raises(UsageError, match="did you mean submission-1"):
        violations(registry, "submission-2")


def test_loading_does_not_look_at_the_variables_of_the_session(registry: Registry, send: Make) -> None:
    send("P01", submission_id="a1", created_at="2020-06-01T00:00:00Z")
    send("P02", submission_id="b1", site_id="site-b")
    registry.connection.execute("set variable as_of = 'a1'")
    claim = send("P01", "P02", submission_id="a2", created_at="2020-07-01T00:00:00Z")
    assert claim.violations["rule"].to_list() == ["patient.patient_id.claimed"]


def test_status_sums_up(registry: Registry, make_submission: Make, patient: Make, follow_up: Make, send: Make) -> None:
    send("P11", submission_id="b1", site_id="site-b", data_cutoff_date="2020-04-30", synthetic=False)
    folder = make_submission(
        {"patient": [patient("P01"), patient("P02", sex="?")], "follow_up": [follow_up("P02")]}, submission_id="a1"
    )
    load_submission(registry, folder)
    registry.connection.execute("set variable analysis_cutoff_date = date '2020-03-01'")
    summary = status(registry)
    counts = summary.sites.select(
        "site_id", "submission_id", "n_rows", "n_accepted", "n_quarantined", "n_held_back", "n_warnings"
    ).rows()
    assert counts == [("site-a", "a1", 3, 1, 1, 1, 1), ("site-b", "b1", 2, 2, 0, 0, 0)]
    assert [str(summary.first_data_cutoff_date), str(summary.last_data_cutoff_date)] == ["2020-04-30", "2020-05-31"]
    assert str(summary.analysis_cutoff_date) == "2020-03-01"
    assert summary.is_synthetic is None
    assert summary.tables.row(0) == ("patient", 2, 1, 0)


def test_submissions_are_kept_as_received(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    folder = make_submission({"patient": [patient("P01")], "follow_up": [follow_up("P01")]})
    load_submission(registry, folder)
    sent = sorted(file.read_bytes() for file in folder.iterdir())
    assert sorted(file.read_bytes() for file in registry.paths.submissions.iterdir()) == sent


def test_a_new_registry_is_made_of_the_kept_submissions(
    registry: Registry, send: Make, make_submission: Make, tmp_path: Path
) -> None:
    send("P01", "P02", submission_id="a1", created_at="2020-06-01T00:00:00Z")
    send("P11", submission_id="b1", site_id="site-b")
    with pytest.raises(SubmissionRejected):
        load_submission(registry, make_submission({"patient": []}))
    send("P03", submission_id="a2", created_at="2020-07-01T00:00:00Z")
    # What a load leaves that is cut short before it is checked.
    unread = make_submission({"patient": [], "follow_up": []}, submission_id="a3", created_at="2020-05-31T00:00:00Z")
    text = (unread / "submission.json").read_bytes()
    (registry.paths.submissions / f"{hashlib.sha256(text).hexdigest()}.json").write_bytes(text)
    registry.close()
    registry.path.unlink()
    results = rebuild(registry.path, tmp_path / "new.duckdb")
    assert [result.submission_id for result in results] == ["a1", "b1", "a2"]
    with Registry.open(tmp_path / "new.duckdb") as new:
        assert patients(new) == ["P03", "P11"]


def test_what_the_journal_calls_aborted_is_left_out(registry: Registry, send: Make, tmp_path: Path) -> None:
    send("P01", submission_id="a1", created_at="2020-06-01T00:00:00Z")
    send("P02", submission_id="a2", created_at="2020-07-01T00:00:00Z")
    # As if the process had died before the second commit.
    lines = registry.paths.journal.read_bytes().splitlines(keepends=True)
    registry.paths.journal.write_bytes(b"".join(lines[:-1]))
    facts = registry.journal.read()[-1].facts
    registry.journal.append("aborted", facts)
    registry.close()
    assert [result.submission_id for result in rebuild(registry.path, tmp_path / "new.duckdb")] == ["a1"]


def test_a_kept_file_that_was_changed_is_not_passed_over(registry: Registry, send: Make, tmp_path: Path) -> None:
    send("P01", "P02")
    registry.close()
    for kept in registry.paths.submissions.glob("*.csv"):
        kept.write_text(kept.read_text().replace("P02", "P03"))
    with pytest.raises(RegistryDamaged, match="submission submission-1 is not kept as it was received"):
        rebuild(registry.path, tmp_path / "new.duckdb")


def test_a_kept_list_that_was_changed_is_not_believed(registry: Registry, send: Make, tmp_path: Path) -> None:
    send("P01")
    for kept in registry.paths.submissions.glob("*.json"):
        kept.write_text(kept.read_text().replace("submission-1", "submission-2"))
    with pytest.raises(RegistryDamaged, match="was changed after it was received"):
        rebuild(registry.path, tmp_path / "new.duckdb")
    assert not (tmp_path / "new.duckdb").exists()


def test_a_new_registry_is_made_without_the_journal_too(registry: Registry, send: Make, tmp_path: Path) -> None:
    send("P01", submission_id="z1", created_at="2020-06-01T00:00:00Z")
    send("P02", submission_id="a2", created_at="2020-07-01T00:00:00Z")
    registry.close()
    registry.paths.journal.unlink()
    rebuild(registry.path, tmp_path / "new.duckdb")
    with Registry.open(tmp_path / "new.duckdb") as new:
        assert patients(new) == ["P02"]


def test_a_study_can_be_derived_as_of_an_earlier_submission(
    registry: Registry, make_submission: Make, patient: Make, follow_up: Make
) -> None:
    first = [{"patient_id": "P01", "course_number": "1", "cycle_number": "1", "agent": "blinatumomab"}]
    second = [*first, first[0] | {"patient_id": "P02"}]
    for number, cycles in enumerate((first, second), start=1):
        names = [row["patient_id"] for row in cycles]
        folder = make_submission(
            {
                "patient": [patient(name) for name in names],
                "treatment_cycle": [row | {"start_date": "2019-01-05"} for row in cycles],
                "follow_up": [follow_up(name) for name in names],
            },
            submission_id=f"submission-{number}",
            created_at=f"2020-06-0{number}T10:00:00Z",
        )
        load_submission(registry, folder)

    def treated(connection: duckdb.DuckDBPyConnection) -> list[tuple[str]]:
        return connection.execute("select patient_id from analysis.cohort order by patient_id").fetchall()

    assert treated(registry.connection) == [("P01",), ("P02",)]
    session = registry.cursor()
    derive_as_of(session, CATALOG, "submission-1")
    assert treated(session) == [("P01",)]
    derive_as_of(session, CATALOG, "submission-2")
    assert treated(session) == [("P01",), ("P02",)]
    assert treated(registry.connection) == [("P01",), ("P02",)]


def test_tables_of_another_version_are_derived_anew_when_opened_for_writing(registry_path: Path) -> None:
    with duckdb.connect(str(registry_path)) as client:
        client.execute(f"update ledger.layout set derivation_sha256 = '{'0' * 64}'")
        client.execute("drop table analysis.attrition")
    with Registry.open(registry_path) as registry:
        assert not registry.is_derivation_current()
    with Registry.open(registry_path, write=True) as registry:
        assert registry.is_derivation_current()
        assert registry.connection.execute("select count(*) from analysis.attrition").fetchall() == [(7,)]


def test_what_another_version_made_over_the_rows_is_made_anew(
    registry: Registry, registry_path: Path, send: Make
) -> None:
    send("P01")
    registry.close()
    with duckdb.connect(str(registry_path)) as client:
        client.execute(f"update ledger.layout set derivation_sha256 = '{'0' * 64}'")
        client.execute("drop macro table analysis.kaplan_meier")
        client.execute("create macro analysis.of_old() as table select 1 as one")
        client.execute("create table analysis.of_old_table as select 1 as one")
        client.execute("drop table analysis.cohort")
        client.execute("create view analysis.cohort as select 1 as one")
        client.execute("create or replace view current.patient as select * from submitted.patient where false")
        client.execute("create or replace view ledger.current_submission as select 1 as one")
    Registry.open(registry_path, write=True).close()
    with duckdb.connect(str(registry_path), read_only=True) as client:
        assert client.execute("select patient_id from current.patient").fetchall() == [("P01",)]
        assert client.execute("select patient_id from staging.patient").fetchall() == [("P01",)]
        assert client.execute("select site_id from ledger.current_submission").fetchall() == [("site-a",)]
        made = client.execute("select function_name from duckdb_functions() where schema_name = 'analysis'").fetchall()
        assert ("kaplan_meier",) in made
        assert ("of_old",) not in made
        left = "select count(*) from duckdb_tables() where table_name = 'of_old_table'"
        assert client.execute(left).fetchall() == [(0,)]
        comments = "select count(*) from duckdb_views() where view_name = 'current_submission' and comment is not null"
        assert client.execute(comments).fetchall() == [(1,)]


def test_macros_and_views_are_part_of_what_a_registry_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    before = derivation_sha256()
    files = sql_files()
    changed = (*files[:-1], (files[-1][0], files[-1][1] + "-- corrected"))
    monkeypatch.setattr("blinreg.registry.derive.sql_files", lambda: changed)
    assert derivation_sha256() != before
