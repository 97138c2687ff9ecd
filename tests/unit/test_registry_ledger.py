"""Does the ledger in the database look as its definition says?"""

from __future__ import annotations

import duckdb
import pytest

from blinreg.schemas.ledger import CURRENT_SUBMISSION, LAYOUT, SUBMISSION, SUBMISSION_FILE, VIOLATION, ledger_ddl
from blinreg.schemas.model import Relation
from blinreg.schemas.render.ddl import schemas_ddl


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute(schemas_ddl())
    made.execute(ledger_ddl())
    return made


@pytest.mark.parametrize(
    ("schema", "relation"),
    [
        ("ledger", LAYOUT),
        ("ledger", SUBMISSION),
        ("ledger", SUBMISSION_FILE),
        ("ledger", CURRENT_SUBMISSION),
        ("quality", VIOLATION),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_columns_and_comments_are_those_of_the_definition(
    connection: duckdb.DuckDBPyConnection, schema: str, relation: Relation
) -> None:
    built = connection.execute(
        "select column_name, comment from duckdb_columns() "
        "where schema_name = ? and table_name = ? order by column_index",
        [schema, relation.name],
    ).fetchall()
    assert [name for name, _ in built] == list(relation.column_names)
    for name, comment in built:
        assert comment.startswith(relation.column(name).description)


def test_the_newest_accepted_submission_of_each_site_counts(connection: duckdb.DuckDBPyConnection) -> None:
    rows = [
        (1, "a1", "site-a", "accepted"),
        (2, "b1", "site-b", "accepted"),
        (3, "a2", "site-a", "rejected"),
        (4, None, None, "rejected"),
        (5, "a3", "site-a", "accepted"),
    ]
    for sequence, name, site, outcome in rows:
        connection.execute(
            "insert into ledger.submission (sequence, submission_id, site_id, outcome, received_at, actor, "
            "n_rows, n_quarantined, n_held_back) values (?, ?, ?, ?, '2020-01-01', 'desk', 0, 0, 0)",
            [sequence, name, site, outcome],
        )
    query = "select submission_id from ledger.current_submission order by site_id"
    assert connection.execute(query).fetchall() == [("a3",), ("b1",)]
    for as_of, expected in {"a1": ["a1"], "b1": ["a1", "b1"], "a3": ["a3", "b1"]}.items():
        connection.execute(f"set variable as_of = '{as_of}'")
        assert [name for (name,) in connection.execute(query).fetchall()] == expected
    for unknown in ("a2", "zz", ""):
        connection.execute(f"set variable as_of = '{unknown}'")
        with pytest.raises(duckdb.InvalidInputException, match="no accepted submission has the name"):
            connection.execute(query).fetchall()


def test_a_count_cannot_be_negative(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.ConstraintException):
        connection.execute(
            "insert into ledger.submission_file values ('s', 'patient', 'p.csv', repeat('a', 64), -1, 0, 0)"
        )
