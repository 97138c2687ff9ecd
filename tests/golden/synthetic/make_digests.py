"""Write digests.json: a SHA-256 for every site that sends CSV, of the default cohorts and of patients of the model.

Run this when a change is meant to change a cohort, and say so in CHANGELOG.md under "Results may change":
``python tests/golden/synthetic/make_digests.py``. Sites that send Parquet and XLSX are left out: their bytes also
depend on the versions of the libraries that write them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from blinreg.synthetic import generate

#: What is made, by name: the arguments of ``generate``.
COHORTS: dict[str, dict[str, Any]] = {
    "plausible": {"seed": 2020},
    "strict": {"seed": 2020, "profile": "strict"},
    "300 patients of the model": {"seed": 2020, "patients": 300},
    "plausible with faults": {"seed": 2020, "faults": 0.02},
}


def site_digests(folder: Path) -> dict[str, str]:
    """Digest of all files of each site that sends CSV, in the order of their names."""
    found = {}
    for site in sorted({path.parent for path in folder.glob("*/*.csv")}):
        digest = hashlib.sha256()
        for path in sorted(site.iterdir()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        found[site.name] = digest.hexdigest()
    return found


if __name__ == "__main__":
    digests = {}
    for name, arguments in COHORTS.items():
        with tempfile.TemporaryDirectory() as scratch:
            generate("realworld-2020", Path(scratch) / "cohort", **arguments)
            digests[name] = site_digests(Path(scratch) / "cohort")
    target = Path(__file__).parent / "digests.json"
    target.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
