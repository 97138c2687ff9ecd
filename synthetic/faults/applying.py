"""Carry the chosen faults out: change, insert and delete rows, and log each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from blinreg.schemas.tables import TABLES, table
from blinreg.synthetic.faults.answer_key import answers
from blinreg.synthetic.faults.choosing import Chosen
from blinreg.synthetic.faults.context import frame_schema
from blinreg.synthetic.faults.declaring import Edit
from blinreg.synthetic.faults.log import LOG_SCHEMA, join_logs, key_text, row_text, text_of

#: What is put behind a patient's name for a second registration.
_SECOND_NAME = {Edit.REPEAT_PATIENT: "-2", Edit.CLAIM_PATIENT: "", Edit.MOVE_PATIENT: "-3"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the tables are written.

    Parameters
    ----------
    site : str
        The site.
    files : mapping of str to str
        Path of each table's file in the folder of the cohort.
    lines_before : mapping of str to int
        Rows that the file of a table has already.
    """

    site: str
    files: Mapping[str, str]
    lines_before: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Cells:
    """New values of one column."""

    column: str
    rows: pl.DataFrame  # row, after and the marks
    is_text: bool


@dataclass(slots=True)
class _Edits:
    """What is done to one table: new values, positions that go, and rows that come, each with its fault."""

    cells: list[_Cells] = field(default_factory=list)
    deleted: list[pl.DataFrame] = field(default_factory=list)
    inserted: list[pl.DataFrame] = field(default_factory=list)


def carry_out(
    tables: Mapping[str, pl.DataFrame],
    chosen: Sequence[Chosen],
    *,
    donors: Mapping[str, pl.DataFrame],
    place: Place,
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Carry out faults.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        Clean tables.
    chosen : sequence of Chosen
        The faults.
    donors : mapping of str to polars.DataFrame
        Rows of patients of other sites, by table.
    place : Place
        Where the tables are written.

    Returns
    -------
    tuple
        The tables with faults, parents before children, and the log.
    """
    edits: dict[str, _Edits] = {definition.name: _Edits() for definition in TABLES}
    for item in chosen:
        if item.target.edit is Edit.CHANGE:
            edits[item.target.table].cells.extend(_cells(item))
        elif item.target.edit is Edit.DELETE:
            edits[item.target.table].deleted.append(_marked(item, item.rows).select("row", *_MARKS))
        else:
            for name, rows in _new_rows(item, tables, donors, place.site):
                edits[name].inserted.append(rows)
    result: dict[str, pl.DataFrame] = {}
    logs = []
    for definition in TABLES:
        name = definition.name
        if name in tables or edits[name].inserted:
            clean = tables.get(name, pl.DataFrame(schema=frame_schema(definition)))
            result[name], log = _edited(name, clean.select(definition.column_names), edits[name], place)
            logs.append(log)
    return result, join_logs(logs).sort("fault", maintain_order=True)


_MARKS = ("fault", "kind", "rule", "may_follow")


def _marked(item: Chosen, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the number, kind and rule of the fault to each row."""
    answer, target = answers()[item.kind], item.target
    rule = answer.rule_at(target.rule_table or target.table, target.column)
    follows = answer.follows_at(target.table, target.column, is_lost=target.loses_row)
    return rows.with_columns(
        fault=pl.int_range(item.first_fault, item.first_fault + rows.height, dtype=pl.Int64),
        kind=pl.lit(item.kind),
        rule=pl.lit(rule),
        may_follow=pl.lit(" ".join(follows)),
    )


def _cells(item: Chosen) -> Iterator[_Cells]:
    marked = _marked(item, item.rows)
    for column in item.target.values:
        new = pl.col(f"new_{column}")
        changed = marked.filter(new.ne_missing(pl.col(column).cast(pl.String)))
        yield _Cells(column, changed.select("row", new.alias("after"), *_MARKS), item.target.is_text)


def _new_rows(
    item: Chosen, tables: Mapping[str, pl.DataFrame], donors: Mapping[str, pl.DataFrame], site: str
) -> Iterator[tuple[str, pl.DataFrame]]:
    marked = _marked(item, item.rows)
    if item.target.edit is not Edit.INSERT:
        source = tables if item.target.edit is Edit.REPEAT_PATIENT else donors
        yield from _registered_again(item, marked, source, site)
        return
    name = item.target.into or item.target.table
    values = {column: pl.col(f"new_{column}") for column in item.target.values}
    schema = frame_schema(table(name))
    kept = {column: pl.lit(None) if item.target.into else pl.col(column) for column in schema}
    columns = [{**kept, **values}[column].cast(kind).alias(column) for column, kind in schema.items()]
    yield name, marked.select(*columns, *_MARKS)
    for number, (name, given) in enumerate(item.target.also):
        new = [
            (pl.col(f"also{number}_{column}") if column in given else pl.lit(None)).cast(kind).alias(column)
            for column, kind in frame_schema(table(name)).items()
        ]
        yield name, marked.with_columns(rule=pl.lit("")).select(*new, *_MARKS)


def _registered_again(
    item: Chosen, marked: pl.DataFrame, source: Mapping[str, pl.DataFrame], site: str
) -> Iterator[tuple[str, pl.DataFrame]]:
    """Copy all rows of patients; the rule finds the row in ``patient``, the others come along."""
    for name, frame in source.items():
        rows = frame.join(marked.select("patient_id", *_MARKS), on="patient_id", how="inner", maintain_order="left")
        if not rows.height:
            continue
        rows = rows.with_columns(pl.col("patient_id") + pl.lit(_SECOND_NAME[item.target.edit]))
        rows = rows.with_columns(site_id=pl.lit(site)) if name == "patient" else rows.with_columns(rule=pl.lit(""))
        yield name, rows


def _edited(name: str, clean: pl.DataFrame, edits: _Edits, place: Place) -> tuple[pl.DataFrame, pl.DataFrame]:
    keep = np.ones(clean.height, dtype=np.bool_)
    for rows in edits.deleted:
        keep[rows["row"].to_numpy()] = False
    before = place.lines_before.get(name, 0)
    # The header is line 1, and a row that went leaves no line.
    lines = np.cumsum(keep) + before + 1
    cells = _by_column(edits.cells)
    logs = [*_log_changed(name, clean, cells, lines), *_log_deleted(name, clean, edits.deleted)]
    edited = _changed(clean, cells).filter(pl.Series(keep))
    if edits.inserted:
        new = pl.concat([rows.select(*clean.columns, *_MARKS) for rows in edits.inserted])
        logs.append(_log_inserted(name, new, before + edited.height + 2))
        edited = pl.concat([edited, new.select(pl.col(column).cast(edited.schema[column]) for column in clean.columns)])
    log = pl.concat([_LOGGED.to_frame(), *logs]).with_columns(
        site=pl.lit(place.site), table=pl.lit(name), file=pl.lit(place.files.get(name, "")), certain=_CERTAIN
    )
    return edited, log.select(LOG_SCHEMA.names())


#: Columns of the log that differ between the rows of a table.
_LOGGED = pl.Schema(
    {name: LOG_SCHEMA[name] for name in (*_MARKS, "line", "patient_id", "key", "column", "before", "after", "action")}
)

_CERTAIN = pl.col("kind").replace_strict(
    list(answers()), [answer.certain for answer in answers().values()], return_dtype=pl.Boolean
)


def _by_column(cells: Sequence[_Cells]) -> list[_Cells]:
    """Put the new values of each column together."""
    by_column: dict[str, list[_Cells]] = {}
    for part in cells:
        by_column.setdefault(part.column, []).append(part)
    return [
        _Cells(
            column,
            pl.concat([part.rows for part in parts]),
            any(part.is_text and part.rows.height for part in parts),
        )
        for column, parts in by_column.items()
    ]


def _changed(clean: pl.DataFrame, cells: Sequence[_Cells]) -> pl.DataFrame:
    columns = []
    for part in cells:
        old = text_of(clean[part.column]) if part.is_text else clean[part.column]
        new = part.rows["after"].cast(old.dtype)
        columns.append(old.clone().scatter(part.rows["row"].to_numpy(), new).alias(part.column))
    return clean.with_columns(columns)


def _log_changed(
    name: str, clean: pl.DataFrame, cells: Sequence[_Cells], lines: NDArray[np.int64]
) -> Iterator[pl.DataFrame]:
    for part in cells:
        rows = part.rows["row"].to_numpy()
        old = clean[rows]
        yield old.select(
            *(part.rows[mark] for mark in _MARKS),
            pl.Series("line", lines[rows], dtype=pl.Int64),
            "patient_id",
            key_text(name).alias("key"),
            pl.lit(part.column).alias("column"),
            pl.col(part.column).cast(pl.String).alias("before"),
            part.rows["after"],
            pl.lit("changed").alias("action"),
        )


def _log_deleted(name: str, clean: pl.DataFrame, deleted: Sequence[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for rows in deleted:
        old = clean[rows["row"].to_numpy()]
        yield old.select(
            *(rows[mark] for mark in _MARKS),
            pl.lit(None, dtype=pl.Int64).alias("line"),
            "patient_id",
            key_text(name).alias("key"),
            pl.lit("").alias("column"),
            row_text(name).alias("before"),
            pl.lit(None, dtype=pl.String).alias("after"),
            pl.lit("deleted").alias("action"),
        )


def _log_inserted(name: str, new: pl.DataFrame, first_line: int) -> pl.DataFrame:
    return new.select(
        *_MARKS,
        pl.int_range(first_line, first_line + new.height, dtype=pl.Int64).alias("line"),
        "patient_id",
        key_text(name).alias("key"),
        pl.lit("").alias("column"),
        pl.lit(None, dtype=pl.String).alias("before"),
        row_text(name).alias("after"),
        pl.lit("inserted").alias("action"),
    )
