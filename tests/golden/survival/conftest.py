"""The data and values that the survival tests use, and how closely to compare with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

GOLDEN = Path(__file__).parents[1]


def _json(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((GOLDEN / name).read_text())
    return values


@pytest.fixture(scope="session")
def heart() -> dict[str, Any]:
    return _json("heart/heart_reference.json")


@pytest.fixture(scope="session")
def heart_rows(rows_of: Callable[[str], pl.DataFrame]) -> dict[str, pl.DataFrame]:
    return {name: rows_of(name) for name in ("heart", "jasa1", "jasa_tmerge", "heart_x2")}


@pytest.fixture(scope="session")
def bmt() -> dict[str, Any]:
    return _json("bmt/bmt_reference.json")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    return _json("survival/survival_reference.json")


@pytest.fixture(scope="session")
def widened() -> dict[str, Any]:
    return _json("survival/curves_and_tests_reference.json")


@pytest.fixture(scope="session")
def rows_of() -> Callable[[str], pl.DataFrame]:
    """Read a data set."""

    def read(name: str) -> pl.DataFrame:
        return pl.read_csv(GOLDEN / f"data/{name}.csv", infer_schema_length=None)

    return read


@pytest.fixture(scope="session")
def same() -> Callable[..., None]:
    """Assert equality to 1e-8 relative with a floor of 1e-12; null equals null."""

    def compare(found: Any, expected: Any, rtol: float = 1e-8) -> None:
        ours, theirs = (np.array(list(side), dtype=np.float64) for side in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12, equal_nan=True)

    return compare
