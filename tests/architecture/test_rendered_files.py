"""Are the files that come from the definitions the ones that the definitions give?"""

from __future__ import annotations

from pathlib import Path

import pytest

from blinreg.schemas.render.__main__ import RENDERED

TOP = Path(__file__).parents[2]


@pytest.mark.parametrize("path", RENDERED)
def test_rendered_file_is_fresh(path: str) -> None:
    assert (TOP / path).read_text(encoding="utf-8") == RENDERED[path](), f"{path} is stale: run `make render`"
