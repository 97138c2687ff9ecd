"""Can a SQL analyst read a registry with DuckDB alone, under its own name or attached as another?"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from blinreg.registry.store import Registry
from blinreg.schemas.errors import UsageError
from blinreg.schemas.render.ddl import DATABASE_SCHEMAS
from blinreg.schemas.views import VIEWS


@pytest.mark.parametrize("view", [view.name for view in VIEWS])
def test_every_view_answers_a_plain_connection(registry_path: Path, view: str) -> None:
    assert registry_path.name == "registry.duckdb"
    with duckdb.connect(str(registry_path), read_only=True) as client:
        assert client.execute(f"select count(*) from analysis.{view}").fetchone() is not None


@pytest.mark.parametrize("view", [view.name for view in VIEWS])
def test_every_view_answers_when_attached_under_another_name(registry_path: Path, view: str) -> None:
    with duckdb.connect() as client:
        client.execute(f"attach '{registry_path}' as other (read_only)")
        assert client.execute(f"select count(*) from other.analysis.{view}").fetchone() is not None


@pytest.mark.parametrize("name", DATABASE_SCHEMAS)
def test_a_name_that_would_be_ambiguous_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=f"a registry cannot be called {name}.duckdb"):
        Registry.create(tmp_path / f"{name}.duckdb")
    assert list(tmp_path.iterdir()) == []
