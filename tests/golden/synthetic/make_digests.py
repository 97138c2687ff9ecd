"""Write digests.json: the SHA-256 of every CSV file of the default cohort.

Run this when a change to the generator is meant to change the cohort, and say so in CHANGELOG.md under
"Results may change": ``python tests/golden/synthetic/make_digests.py``. Parquet and XLSX files are left
out: their bytes also depend on the versions of the libraries that write them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from blinreg.synthetic import generate


def csv_digests(folder: Path) -> dict[str, str]:
    """Digests of the CSV files of a cohort, by site and name."""
    files = sorted(folder.glob("*/*.csv"))
    return {f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        generate("realworld-2020", Path(scratch) / "cohort", seed=2020)
        digests = csv_digests(Path(scratch) / "cohort")
    target = Path(__file__).parent / "digests.json"
    target.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
