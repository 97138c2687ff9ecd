"""The reference data and values of this folder, and how closely to compare with them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

HERE = Path(__file__).parent


def _json(name: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((HERE / name).read_text())
    return values


@pytest.fixture(scope="session")
def heart() -> dict[str, Any]:
    return _json("heart_survival.json")


@pytest.fixture(scope="session")
def heart_rows(heart: dict[str, Any]) -> dict[str, pl.DataFrame]:
    return {name: pl.DataFrame(rows, strict=False) for name, rows in heart["data"].items()}


@pytest.fixture(scope="session")
def bmt() -> dict[str, Any]:
    return _json("bmt_survival.json")


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    return _json("survival_reference.json")


@pytest.fixture(scope="session")
def widened() -> dict[str, Any]:
    return _json("curves_and_tests_reference.json")


@pytest.fixture(scope="session")
def rows_of() -> Callable[[str], pl.DataFrame]:
    """Read a data set of this folder, of the shared one, or one of the Cox models."""
    folders = [HERE, *(HERE.parent / name for name in ("data", "cox", "cox_options"))]

    def read(name: str) -> pl.DataFrame:
        found = next(folder for folder in folders if (folder / f"{name}.csv").exists())
        return pl.read_csv(found / f"{name}.csv", infer_schema_length=None)

    return read


@pytest.fixture(scope="session")
def same() -> Callable[..., None]:
    """Assert equality to 1e-8 relative with a floor of 1e-12; null equals null."""

    def compare(found: Any, expected: Any, rtol: float = 1e-8) -> None:
        ours, theirs = (np.array(list(side), dtype=np.float64) for side in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12, equal_nan=True)

    return compare
