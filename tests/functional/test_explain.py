"""Does `blinreg explain` show the rows that decided an endpoint, and why the others did not?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from blinreg.registry.cli.main import main
from blinreg.registry.lineage import explain
from blinreg.registry.loading import load_submission
from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError

DOCUMENT = Path(__file__).parents[2] / "docs" / "lineage.md"


@pytest.fixture
def loaded(
    registry: Registry,
    make_submission: Callable[..., Path],
    patient: Callable[..., dict[str, str | None]],
    follow_up: Callable[..., dict[str, str | None]],
) -> Registry:
    """One responder with a relapse before and after the first dose; one never seen after the first dose."""
    cycle = {"course_number": "1", "cycle_number": "1", "agent": "blinatumomab", "indication": "relapsed_refractory"}
    folder = make_submission(
        {
            "patient": [patient("P-01"), patient("P-02")],
            "treatment_cycle": [
                {"patient_id": "P-01", **cycle, "start_date": "2019-01-01", "stop_date": "2019-01-28"},
                {"patient_id": "P-02", **cycle, "start_date": "2019-03-01"},
            ],
            "disease_assessment": [
                {
                    "patient_id": "P-01",
                    "assessment_date": "2019-01-31",
                    "response": "cr",
                    "marrow_blast_percent": "2",
                    "timepoint": "after_cycle_1",
                }
            ],
            "disease_event": [
                {"patient_id": "P-01", "event_date": "2018-12-01", "event_type": "relapse"},
                {"patient_id": "P-01", "event_date": "2019-06-30", "event_type": "relapse"},
            ],
            "follow_up": [
                follow_up(
                    "P-01",
                    vital_status="dead",
                    death_date="2019-09-08",
                    last_contact_date="2019-09-08",
                    cause_of_death="disease",
                ),
                follow_up("P-02", last_contact_date="2019-03-01"),
            ],
        }
    )
    load_submission(registry, folder)
    return registry


def test_the_deciding_row_comes_first_and_the_others_say_why_not(loaded: Registry) -> None:
    found = explain(loaded, "P-01", "rfs")
    assert (found.origin, str(found.origin_date), found.time_days, found.event) == ("response", "2019-01-31", 150.0, 1)
    shown = found.candidates.select("verdict", "source", "n_days", "source_file", "source_line").rows()
    assert shown[0] == ("decides", "relapse", 150, "disease_event.csv", 3)
    assert ("before_origin", "relapse", -61, "disease_event.csv", 2) in shown
    assert ("comes_later", "death", 220, "follow_up.csv", 2) in shown
    assert [verdict for verdict, *_ in shown].count("decides") == 1


def test_the_decision_is_that_of_the_endpoint_table(loaded: Registry) -> None:
    decided = loaded.connection.execute(
        "select patient_id, endpoint, reason, deciding_date, source_file, source_line from analysis.endpoint"
    ).fetchall()
    assert len(decided) > 3
    for patient_id, endpoint, *outcome in decided:
        first = explain(loaded, patient_id, endpoint).candidates.row(0, named=True)
        assert first["verdict"] == "decides"
        assert [first[name] for name in ("source", "event_date", "source_file", "source_line")] == outcome


def test_who_is_not_counted_is_told_why(loaded: Registry) -> None:
    assert explain(loaded, "P-02", "rfs").exclusion == "there is no response: the clock never starts"
    censored = explain(loaded, "P-02", "os")
    assert (censored.time_days, censored.exclusion) == (None, "no follow-up after the origin: censored on day 0")


def test_what_is_unknown_is_refused_without_repeating_the_patient(loaded: Registry) -> None:
    with pytest.raises(UsageError, match="did you mean os"):
        explain(loaded, "P-01", "oss")
    with pytest.raises(UsageError) as refused:
        explain(loaded, "P-99", "os")
    assert "P-99" not in str(refused.value)


def test_the_command_speaks_to_people_and_machines(
    loaded: Registry, registry_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded.close()
    assert main(["explain", "P-01", "rfs", "--registry", str(registry_path)]) == 0
    text = capsys.readouterr().out
    assert "clock starts  2019-01-31 (response), disease_assessment.csv line 2" in text
    assert "clock stops   2019-06-30, day 150: relapse (the event), disease_event.csv line 3" in text
    assert "before the clock starts" in text
    assert main(["explain", "P-02", "rfs", "--registry", str(registry_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exclusion"] == "there is no response: the clock never starts"


def test_the_query_of_the_page_runs_in_any_client(loaded: Registry, registry_path: Path) -> None:
    loaded.close()
    (query,) = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    with duckdb.connect(str(registry_path), read_only=True) as client:
        rows = client.execute(query.replace("SYN-0001", "P-01")).fetchall()
    assert rows[0][:2] == ("decides", "relapse")
