"""Is the default cohort the one that was committed, on every machine and after every change?"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from blinreg.synthetic import generate

DIGESTS = json.loads((Path(__file__).parent / "digests.json").read_text(encoding="utf-8"))


def test_default_cohort_is_unchanged(tmp_path: Path) -> None:
    """If this is meant to change: make_digests.py in this folder, and CHANGELOG.md, "Results may change"."""
    generate("realworld-2020", tmp_path / "cohort", seed=2020)
    found = {
        f"{path.parent.name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (tmp_path / "cohort").glob("*/*.csv")
    }
    assert found.keys() == DIGESTS.keys()
    assert [name for name, digest in found.items() if digest != DIGESTS[name]] == []
