"""What a kind of fault is: where it can be planted and what it does to a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

import polars as pl

from blinreg.schemas.tables import table

#: Tables whose rows other rows or rules lean on: a second fault beside one of theirs could hide.
_LEANT_ON = frozenset({"patient", "follow_up", "transplant", "enrolment"})


class Edit(StrEnum):
    """What is done with the row that was chosen."""

    CHANGE = "change"  # its values
    INSERT = "insert"  # a copy of it with other values, at the end of the table
    DELETE = "delete"
    REPEAT_PATIENT = "repeat_patient"  # a copy of all rows of its patient under another id
    CLAIM_PATIENT = "claim_patient"  # all rows of another site's patient, under the same id
    MOVE_PATIENT = "move_patient"  # all rows of another site's patient, under another id


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place where a kind of fault can be planted.

    The expressions see the row, the draw ``u`` (uniform on [0, 1), one a row), what is known of the patient
    (``p_...``) and of neighbouring rows (``x_...``), see ``context``.

    Parameters
    ----------
    table : str
        Table of the row.
    where : polars.Expr
        Whether the row is eligible: whether the fault would be what its kind says.
    column : str
        Column that a rule would name; empty for whole rows.
    values : mapping of str to polars.Expr
        New values as text, by column. For an insertion into another table, all of its values.
    edit : Edit
        What is done.
    into : str
        For an insertion: the table, where it is another than the row's.
    rule_table : str
        Table of the rows at which the fault is found, where it is another than the row's.
    is_text : bool
        Whether a new value cannot be held by the column's type, so that the whole column becomes text.
    looks_around : bool
        Whether it takes other rows to see the fault.
    also : tuple of (str, mapping)
        For an insertion: rows that come along, each as its table and values.
    """

    table: str
    where: pl.Expr
    column: str = ""
    values: Mapping[str, pl.Expr] = field(default_factory=lambda: MappingProxyType({}))
    edit: Edit = Edit.CHANGE
    into: str = ""
    rule_table: str = ""
    is_text: bool = False
    looks_around: bool = False
    also: tuple[tuple[str, Mapping[str, pl.Expr]], ...] = ()

    @property
    def is_alone(self) -> bool:
        """Whether the patient must have no other fault, lest one hides the other."""
        return self.looks_around or self.loses_row or self.edit is not Edit.CHANGE or self.table in _LEANT_ON

    @property
    def loses_row(self) -> bool:
        """Whether a row is not there any more under its key."""
        in_key = bool(set(self.values) & set(table(self.table).key))
        return self.edit is Edit.DELETE or (self.edit is Edit.CHANGE and in_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault; what it means, whether it can be known, and its rule stand in ``answer_key.toml``."""

    name: str
    targets: tuple[Target, ...]


def one(name: str, target: Target) -> Kind:
    """Declare a kind that has one place."""
    return Kind(name=name, targets=(target,))


def pick(*texts: str) -> pl.Expr:
    """One of several texts, by the draw.

    Examples
    --------
    >>> pl.DataFrame({"u": [0.1, 0.9]}).select(pick("n/a", ">100").alias("value"))["value"].to_list()
    ['n/a', '>100']
    """
    position = (pl.col("u") * len(texts)).floor().cast(pl.Int64)
    return position.replace_strict(list(range(len(texts))), list(texts), return_dtype=pl.String)


def as_text(value: pl.Expr) -> pl.Expr:
    """Write a value as the text of a file."""
    return value.cast(pl.String)


def text(value: str) -> pl.Expr:
    """One text, whatever the row."""
    return pl.lit(value, dtype=pl.String)


def changes(
    table_name: str, column: str, value: pl.Expr, where: pl.Expr, *, is_text: bool = False, looks_around: bool = False
) -> Target:
    """Declare a change of one column, in rows where it has a value."""
    return Target(
        table=table_name,
        column=column,
        values=MappingProxyType({column: value}),
        where=pl.col(column).is_not_null() & where,
        is_text=is_text,
        looks_around=looks_around,
    )


def sets(
    table_name: str,
    column: str,
    values: Mapping[str, pl.Expr],
    where: pl.Expr,
    *,
    rule_table: str = "",
    looks_around: bool = True,
) -> Target:
    """Declare a change of several columns, or of one that may be empty; ``column`` is what a rule would name."""
    return Target(
        table=table_name,
        column=column,
        values=MappingProxyType(dict(values)),
        where=where,
        rule_table=rule_table,
        looks_around=looks_around,
    )


def inserts(
    table_name: str,
    column: str,
    values: Mapping[str, pl.Expr],
    where: pl.Expr,
    *,
    into: str = "",
    rule_table: str = "",
    also: tuple[tuple[str, Mapping[str, pl.Expr]], ...] = (),
) -> Target:
    """Declare a new row: a copy with other values, or of ``into`` with these values only."""
    return Target(
        table=table_name,
        column=column,
        values=MappingProxyType(dict(values)),
        where=where,
        edit=Edit.INSERT,
        into=into,
        rule_table=rule_table or into,
        looks_around=True,
        also=also,
    )


ALWAYS = pl.lit(value=True)
EMPTY = pl.lit(None, dtype=pl.String)

#: A patient is left without a row only where others remain: a submission of nobody is refused whole.
OTHERS_REMAIN = pl.col("p_n_patients") >= 3
