"""How much is missing in every column of a submission, beside the other sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from blinreg.registry.quality.other_sites import OtherSites
from blinreg.registry.reading import SubmittedTable
from blinreg.schemas.model import Table

COMPLETENESS_SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "column": pl.String(),
        "title": pl.String(),
        "n_rows": pl.Int64(),
        "n_missing": pl.Int64(),
        "percent": pl.Float64(),
        "percent_other_sites": pl.Float64(),
        "required": pl.Boolean(),
    }
)


def completeness(tables: Sequence[SubmittedTable], others: OtherSites | None) -> pl.DataFrame:
    """Count empty cells.

    Parameters
    ----------
    tables : sequence of SubmittedTable
        The rows as sent, accepted or not.
    others : OtherSites, optional
        Their accepted rows are compared with; null where they may not be told of, or have no rows.

    Returns
    -------
    polars.DataFrame
        One row a column of a table that was sent, with the columns of `COMPLETENESS_SCHEMA`.
    """
    rows = []
    for table in tables:
        elsewhere = {} if others is None else _elsewhere(table.definition, others)
        n_missing = table.frame.null_count().row(0, named=True)
        for column in table.definition.columns:
            rows.append(
                {
                    "table": table.definition.name,
                    "column": column.name,
                    "title": column.description,
                    "n_rows": table.frame.height,
                    "n_missing": n_missing[column.name],
                    "percent": 100 * n_missing[column.name] / table.frame.height if table.frame.height else None,
                    "percent_other_sites": elsewhere.get(column.name),
                    "required": column.required,
                }
            )
    return pl.DataFrame(rows, schema=COMPLETENESS_SCHEMA)


def _elsewhere(definition: Table, others: OtherSites) -> Mapping[str, float]:
    counts = ", ".join(f"count({name}) as {name}" for name in definition.column_names)
    query = f"""
        select count(*) as n_rows, count(distinct patient_id) as n_patients, {counts}
        from submitted.{definition.name}
        where submission_id in (select unnest(?))
    """
    n_rows, n_patients, *given = others.cursor.execute(query, [others.submission_ids]).fetchall()[0]
    if not n_rows or n_patients < others.fewest:
        return {}
    return {
        name: 100 * (n_rows - n) / n_rows
        for name, n in zip(definition.column_names, given, strict=True)
        # A few patients with a value, or without one, could be named by whoever knows them.
        if min(n, n_rows - n) == 0 or min(n, n_rows - n) >= others.fewest
    }
