"""Turn the 137 real bone-marrow transplants of bmt.csv into a submission in blinreg's tables.

    python make_submission.py submission

The source gives days since transplant and no dates, so day 0 of every patient is set
to 1 January 1985; every length of time is the patient's own.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path

SITE = "bmt-1991"
DAY_0 = date(1985, 1, 1)
SOURCE = Path(__file__).parent / "bmt.csv"

#: bmt.csv, column group.
RISK_GROUP = {1: "all", 2: "aml_low_risk", 3: "aml_high_risk"}

Row = dict[str, object]


def day(days_after_transplant: int) -> str:
    """Give the date that stands for a day after transplant."""
    return (DAY_0 + timedelta(days=days_after_transplant)).isoformat()


def patient_tables(number: int, row: Mapping[str, int]) -> dict[str, list[Row]]:
    """Turn one line of bmt.csv into rows of the submitted tables.

    t1, d1: days to death or last contact, died; t2, d2, d3: days to relapse, death or last
    contact, relapsed, relapsed or died; ta/da, tc/dc, tp/dp: days to acute and chronic
    graft-versus-host disease and to platelet recovery, and whether it happened.
    """
    patient_id = f"BMT-{number:03d}"
    key: Row = {"patient_id": patient_id}
    relapsed, died = row["d2"] == 1, row["d1"] == 1
    # Patient 38: disease-free survival ends 18 days before death, yet no relapse is marked. Something
    # of the disease ended it, so it is taken over as a progression.
    progressed = row["d3"] == 1 and not relapsed and row["t2"] < row["t1"]
    disease_event = "relapse" if relapsed else "progression" if progressed else ""
    tables: dict[str, list[Row]] = {
        "patient": [
            key
            | {
                "site_id": SITE,
                "birth_year": DAY_0.year - row["z1"],
                "sex": "male" if row["z3"] == 1 else "female",
                "disease": "b_all" if row["group"] == 1 else "aml",
                "diagnosis_date": day(-row["z7"]),
            }
        ],
        "baseline": [key | {"timepoint": "transplant", "assessment_date": day(0), "age_years": row["z1"]}],
        "transplant": [
            key
            | {
                "transplant_number": 1,
                "transplant_date": day(0),
                "transplant_type": "allogeneic",
                "donor": "matched_related",
                "graft_source": "marrow",
                "platelet_recovery_date": day(row["tp"]) if row["dp"] == 1 else "",
            }
        ],
        "gvhd": [
            key | {"transplant_number": 1, "gvhd_type": name, "onset_date": day(row[time])}
            for name, time, happened in (("acute", "ta", "da"), ("chronic", "tc", "dc"))
            if row[happened] == 1
        ],
        "disease_event": [key | {"event_date": day(row["t2"]), "event_type": disease_event}] if disease_event else [],
        "follow_up": [
            key
            | {
                "last_contact_date": day(row["t1"]),
                "vital_status": "dead" if died else "alive",
                "death_date": day(row["t1"]) if died else "",
                "cause_of_death": ("disease" if disease_event else "transplant_related") if died else "",
                "end_reason": "" if died else "cutoff",
            }
        ],
        "enrolment": [key | {"study_id": "bmt-1991"}],
        "enrolment_stratum": [
            key | {"study_id": "bmt-1991", "factor": "risk_group", "level": RISK_GROUP[row["group"]]}
        ],
    }
    return tables


def write_table(path: Path, rows: list[Row]) -> dict[str, object]:
    """Write one table and give its entry in submission.json."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"table": path.stem, "path": path.name, "sha256": digest, "rows": len(rows)}


def all_columns(rows: Iterable[Row], columns: Iterable[str]) -> list[Row]:
    """Give every row every column of its table, empty where it says nothing."""
    names = list(columns)
    return [{name: row.get(name, "") for name in names} for row in rows]


def make_submission(folder: Path) -> Path:
    """Write the submission into a new folder and return it."""
    from blinreg.schemas.tables import SCHEMA_VERSION, table

    with SOURCE.open(encoding="utf-8", newline="") as file:
        source = [{name: int(value) for name, value in line.items()} for line in csv.DictReader(file)]
    tables: dict[str, list[Row]] = {}
    for number, line in enumerate(source, start=1):
        for name, rows in patient_tables(number, line).items():
            tables.setdefault(name, []).extend(rows)
    folder.mkdir(parents=True)
    files = [
        write_table(folder / f"{name}.csv", all_columns(rows, table(name).column_names))
        for name, rows in tables.items()
    ]
    manifest = {
        "submission_id": "bmt-1991-1",
        "site_id": SITE,
        "created_at": "1993-01-01T00:00:00Z",
        "data_cutoff_date": "1992-12-31",
        "schema_version": SCHEMA_VERSION,
        "files": files,
    }
    (folder / "submission.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    print(f"wrote {make_submission(Path(sys.argv[1]))}")
