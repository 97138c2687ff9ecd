"""What changed between two submissions: rows added and removed, values added, changed and removed.

Rows are matched by the key of their table; of rows with one key the first is matched with the
first, the second with the second. Values are compared as what they mean: ``3``, ``3.0`` and ``3e0``
are one number, whatever file they stand in. Everything else is compared as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.tables import TABLES

_VALUES = {
    "table": pl.String,
    "key": pl.String,
    "column": pl.String,
    "before": pl.String,
    "after": pl.String,
    "kind": pl.String,
    "patient_id": pl.String,
    "line_before": pl.Int64,
    "line_after": pl.Int64,
}

_ROWS = {
    "table": pl.String,
    "key": pl.String,
    "kind": pl.String,
    "n_values": pl.Int64,
    "patient_id": pl.String,
    "line_before": pl.Int64,
    "line_after": pl.Int64,
}

_TABLES = {
    "table": pl.String,
    "n_rows_before": pl.Int64,
    "n_rows_after": pl.Int64,
    "n_added": pl.Int64,
    "n_removed": pl.Int64,
    "n_changed": pl.Int64,
    "n_values": pl.Int64,
}

#: Texts that are numbers; a cast takes more, "nan" among them.
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"

#: Parts of a key, in the text that stands for it.
_BETWEEN = ", "


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed.

    Parameters
    ----------
    tables : polars.DataFrame
        One row a table that either side has: ``table, n_rows_before, n_rows_after, n_added,
        n_removed, n_changed`` (rows) and ``n_values`` (values that changed in them).
    rows : polars.DataFrame
        One row a row that is not the same: ``table, key, kind`` (added, removed, changed),
        ``n_values, patient_id, line_before, line_after``. The key is its values, joined by commas.
    values : polars.DataFrame
        One row a value of a changed row: ``table, key, column, before, after, kind`` (added where
        there was none, removed where there is none any more, changed), ``patient_id, line_before, line_after``.
    added, removed : mapping of str to polars.DataFrame
        The rows themselves by table, as they were sent, with ``source_line``; tables with any.
    """

    tables: pl.DataFrame
    rows: pl.DataFrame
    values: pl.DataFrame
    added: Mapping[str, pl.DataFrame]
    removed: Mapping[str, pl.DataFrame]

    @property
    def is_same(self) -> bool:
        """Whether nothing changed."""
        return self.rows.is_empty()


def compare(before: Mapping[str, pl.DataFrame], after: Mapping[str, pl.DataFrame]) -> Difference:
    """Compare the tables of two submissions.

    Parameters
    ----------
    before, after : mapping of str to polars.DataFrame
        By table: its columns as text, null where empty, and ``source_line``. A table that is
        not there has no rows.

    Returns
    -------
    Difference
        By table in the order of the definitions, then by key, then by column.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> def rows(last_contact):
    ...     row = dict.fromkeys(table("follow_up").column_names)
    ...     row |= {"patient_id": "SYN-001", "last_contact_date": last_contact, "source_line": 2}
    ...     schema = dict.fromkeys(table("follow_up").column_names, pl.String) | {"source_line": pl.Int64}
    ...     return {"follow_up": pl.DataFrame([row], schema=schema)}
    >>> compare(rows("2020-05"), rows("2020-05-01")).values.select("key", "column", "before", "after").row(0)
    ('SYN-001', 'last_contact_date', '2020-05', '2020-05-01')
    """
    parts: dict[str, list[pl.DataFrame]] = {"tables": [], "rows": [], "values": []}
    added: dict[str, pl.DataFrame] = {}
    removed: dict[str, pl.DataFrame] = {}
    for definition in TABLES:
        if definition.name not in before and definition.name not in after:
            continue
        old, new = (side.get(definition.name, _no_rows(definition)) for side in (before, after))
        pairs = _pair(definition, old, new)
        values = _values(definition, old, new, pairs)
        rows = _rows(definition, old, new, pairs, values)
        parts["tables"].append(_count(definition, old, new, rows))
        parts["rows"].append(rows.select(_ROWS.keys()))
        parts["values"].append(
            rows.join(values, on="pair", maintain_order="left_right")
            .with_columns(kind=_kind_of_value())
            .select(pl.col(name).cast(kind) for name, kind in _VALUES.items())
        )
        for alone, frame, here, there in ((removed, old, "old", "new"), (added, new, "new", "old")):
            positions = pairs.filter(pl.col(there).is_null())[here].sort()
            alone.update({definition.name: frame[positions]} if positions.len() else {})
    return Difference(
        tables=_join(parts["tables"], _TABLES),
        rows=_join(parts["rows"], _ROWS),
        values=_join(parts["values"], _VALUES),
        added=added,
        removed=removed,
    )


def _join(parts: Sequence[pl.DataFrame], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def _no_rows(definition: Table) -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(definition.column_names, pl.String) | {"source_line": pl.Int64})


def _is_number(column: Column) -> bool:
    return column.type in (Type.INTEGER, Type.NUMBER)


def _meaning(text: pl.Expr) -> pl.Expr:
    """Give a number in its one form, and any other text as it is."""
    number = text.cast(pl.Float64, strict=False).cast(pl.String)
    return pl.when(text.str.contains(_NUMBER)).then(number).otherwise(text)


def _pair(definition: Table, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Match the rows by key: ``old`` and ``new``, positions, null where a side has none, and ``nth`` of the key."""
    keys = [f"key_{number}" for number in range(len(definition.key))]
    parts = [
        (_meaning(pl.col(name)) if _is_number(definition.column(name)) else pl.col(name)).alias(key)
        for key, name in zip(keys, definition.key, strict=True)
    ]
    sides = [
        frame.select(*parts, pl.int_range(pl.len(), dtype=pl.Int64).alias(side))
        for side, frame in (("old", old), ("new", new))
    ]
    if all(side.select(keys).is_unique().all() for side in sides):
        sides = [side.with_columns(nth=pl.lit(0, pl.Int64)) for side in sides]
    else:
        sides = [side.with_columns(nth=pl.int_range(pl.len(), dtype=pl.Int64).over(keys)) for side in sides]
    return (
        sides[0]
        .join(sides[1], on=[*keys, "nth"], how="full", coalesce=True, nulls_equal=True)
        .select("old", "new", "nth", pair=pl.int_range(pl.len(), dtype=pl.Int64))
    )


def _values(definition: Table, old: pl.DataFrame, new: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """List the values that differ in matched rows: ``pair, place, column, before, after``."""
    both = pairs.drop_nulls(["old", "new"])
    found = []
    for place, column in enumerate(definition.columns):
        if column.name in definition.key:
            continue
        cells = pl.DataFrame(
            {
                "pair": both["pair"],
                "before": old[column.name].gather(both["old"]),
                "after": new[column.name].gather(both["new"]),
            }
        ).filter(pl.col("before").ne_missing(pl.col("after")))
        if _is_number(column):
            # Most texts are the same, and only the others need to be understood.
            cells = cells.filter(_meaning(pl.col("before")).ne_missing(_meaning(pl.col("after"))))
        found.append(
            cells.select(
                "pair",
                pl.lit(place, pl.Int64).alias("place"),
                pl.lit(column.name).alias("column"),
                "before",
                "after",
            )
        )
    empty = pl.DataFrame(
        schema={"pair": pl.Int64, "place": pl.Int64, "column": pl.String, "before": pl.String, "after": pl.String}
    )
    return pl.concat([empty, *found]).sort("pair", "place")


def _kind_of_value() -> pl.Expr:
    return (
        pl.when(pl.col("before").is_null())
        .then(pl.lit("added"))
        .when(pl.col("after").is_null())
        .then(pl.lit("removed"))
        .otherwise(pl.lit("changed"))
    )


def _rows(
    definition: Table, old: pl.DataFrame, new: pl.DataFrame, pairs: pl.DataFrame, values: pl.DataFrame
) -> pl.DataFrame:
    """List the rows that are not the same, by key: the columns of `_ROWS` and ``pair``."""
    counted = pairs.join(values.group_by("pair").len("n_values"), on="pair", how="left")
    different = counted.filter(
        pl.col("old").is_null() | pl.col("new").is_null() | (pl.col("n_values").fill_null(0) > 0)
    )
    at_old = old.select(pl.col(*definition.key, "source_line").gather(different["old"]))
    at_new = new.select(pl.col(*definition.key, "source_line").gather(different["new"]))
    keys = [at_old[name].fill_null(at_new[name]).alias(f"key_{number}") for number, name in enumerate(definition.key)]
    order: list[pl.Expr] = []
    for number, name in enumerate(definition.key):
        text = pl.col(f"key_{number}")
        order += [text.cast(pl.Float64, strict=False)] if _is_number(definition.column(name)) else []
        order.append(text)
    return (
        different.with_columns(
            *keys, at_old["source_line"].alias("line_before"), at_new["source_line"].alias("line_after")
        )
        .sort(*order, "nth", nulls_last=True)
        .with_columns(
            pl.lit(definition.name).alias("table"),
            pl.concat_str([pl.col(key.name).fill_null("") for key in keys], separator=_BETWEEN).alias("key"),
            pl.when(pl.col("old").is_null())
            .then(pl.lit("added"))
            .when(pl.col("new").is_null())
            .then(pl.lit("removed"))
            .otherwise(pl.lit("changed"))
            .alias("kind"),
            pl.col("n_values").fill_null(0).cast(pl.Int64),
            # Every key begins with the patient.
            pl.col("key_0").alias("patient_id"),
        )
    )


def _count(definition: Table, old: pl.DataFrame, new: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    kinds = rows["kind"].value_counts()
    counts = dict(zip(kinds["kind"], kinds["count"], strict=True))
    said = {
        "table": definition.name,
        "n_rows_before": old.height,
        "n_rows_after": new.height,
        "n_added": counts.get("added", 0),
        "n_removed": counts.get("removed", 0),
        "n_changed": counts.get("changed", 0),
        "n_values": int(rows["n_values"].sum()),
    }
    return pl.DataFrame([said], schema=_TABLES)
