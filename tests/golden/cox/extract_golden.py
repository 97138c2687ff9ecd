"""Write this folder's data and expected values from what the two R scripts beside it write.

Rscript heart_reference.R    # heart_reference.json
Rscript make_reference.R     # bmt_counting_process.csv, bmt_reference.json
python extract_golden.py FOLDER_OF_THE_R_OUTPUT
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
COLUMNS = ["id", "start", "stop", "event", "age", "year", "surgery", "transplant"]


def main(folder: Path) -> None:
    """Copy the data sets as CSV and keep the Cox part of the expected values."""
    heart = json.loads((folder / "heart_reference.json").read_text())
    bmt = json.loads((folder / "bmt_reference.json").read_text())
    for name, columns in heart["data"].items():
        with (HERE / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            # 17 significant digits, so that the values are R's own.
            writer.writerows(zip(*([repr(v) for v in columns[c]] for c in COLUMNS), strict=True))
    (HERE / "bmt_counting_process.csv").write_text((folder / "bmt_counting_process.csv").read_text())
    expected = {
        "meta": heart["meta"],
        "cox": heart["cox"],
        "cox_cluster": heart["cox_cluster"],
        "bmt": {name: value for name, value in bmt.items() if name.startswith("cox_")},
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
