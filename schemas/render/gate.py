"""The gate: the first check on submitted rows, rendered from the definitions of the columns.

A submission is read as text. The gate is one pandera schema a table over that text; each
check tests the pattern before the range, so that a check sees only what it can judge. It
is not typed columns with coercion: on polars 2 those reject every date and lose the row
numbers that a site needs. Whole rows fail, not whole files.

Kinds of rule, as the last word of the rule's name: ``required``, ``pattern``, ``code``,
``integer``, ``decimal_comma``, ``number``, ``range``, ``date``, ``calendar``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.render.ddl import PARTIAL_DATE_PATTERN, WHOLE_DATE_PATTERN

if TYPE_CHECKING:
    from pandera.api.polars.types import PolarsData
    from pandera.polars import Check, DataFrameSchema

INTEGER_PATTERN = "-?[0-9]{1,9}"
NUMBER_PATTERN = "-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]{1,3})?"
DECIMAL_COMMA_PATTERN = "-?[0-9]+,[0-9]+"

#: What a spreadsheet shows of a date in a cell that is formatted as a number: days since 1899-12-30.
SERIAL_DATE_PATTERN = "[1-9][0-9]{4}(\\.[0-9]+)?"
SERIAL_DATE_MESSAGE = (
    "the serial number of a date in a spreadsheet, not a date in the form YYYY-MM-DD: "
    "format the column as YYYY-MM-DD and save the file again"
)

#: Years outside are a slip of the keyboard; 9999 is a placeholder of some databases.
FIRST_YEAR, LAST_YEAR = 1900, 2100

#: Columns of a frame of violations. ``line`` is the line in the file; the header is line 1.
VIOLATION_SCHEMA = pl.Schema(
    {
        "rule": pl.String(),
        "severity": pl.String(),
        "table": pl.String(),
        "line": pl.Int64(),
        "column": pl.String(),
        "message": pl.String(),
    }
)


#: So many rows are tested at once; of more, the distinct values of a column at a time.
_FEW_ROWS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """One test of one column.

    Parameters
    ----------
    rule : str
        ``table.column.kind``.
    column : str
        Column that is tested.
    message : str
        What is wrong and what is allowed; never the value.
    passes : polars.Expr
        True or null for a sound row.
    """

    rule: str
    column: str
    message: str
    passes: pl.Expr


def _matches(name: str, pattern: str) -> pl.Expr:
    return pl.col(name).str.contains(f"^(?:{pattern})$")


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _range_words(column: Column) -> str:
    unit = f" {column.unit}" if column.unit else ""
    if column.minimum is not None and column.maximum is not None:
        return f"from {_plain(column.minimum)} to {_plain(column.maximum)}{unit}"
    if column.minimum is not None:
        return f"{_plain(column.minimum)}{unit} or more"
    return f"{_plain(column.maximum)}{unit} or less"


def _in_range(column: Column, pattern: str) -> pl.Expr:
    value = pl.col(column.name).cast(pl.Float64, strict=False)
    inside = pl.lit(value=True)
    if column.minimum is not None:
        inside = inside & (value >= column.minimum)
    if column.maximum is not None:
        inside = inside & (value <= column.maximum)
    return ~_matches(column.name, pattern) | inside


def _text_rules(column: Column) -> Iterator[tuple[str, str, pl.Expr]]:
    if column.pattern:
        allowed = f"the whole text must match {column.pattern}"
        yield "pattern", f"not in the form that is allowed: {allowed}", _matches(column.name, column.pattern)


def _code_rules(column: Column) -> Iterator[tuple[str, str, pl.Expr]]:
    allowed = ", ".join(column.codes)
    yield "code", f"not one of the codes {allowed}", pl.col(column.name).is_in(list(column.codes))


def _range_rules(column: Column, pattern: str) -> Iterator[tuple[str, str, pl.Expr]]:
    if column.minimum is not None or column.maximum is not None:
        yield "range", f"out of range: allowed is {_range_words(column)}", _in_range(column, pattern)


def _integer_rules(column: Column) -> Iterator[tuple[str, str, pl.Expr]]:
    message = "not a whole number: write digits only, without decimals, signs of thousands or units"
    yield "integer", message, _matches(column.name, INTEGER_PATTERN)
    yield from _range_rules(column, INTEGER_PATTERN)


def _number_rules(column: Column) -> Iterator[tuple[str, str, pl.Expr]]:
    comma = _matches(column.name, DECIMAL_COMMA_PATTERN)
    yield "decimal_comma", "written with a decimal comma: write a decimal point", ~comma
    message = "not a number: write digits with a decimal point, without signs of thousands or units"
    yield "number", message, comma | _matches(column.name, NUMBER_PATTERN)
    yield from _range_rules(column, NUMBER_PATTERN)


def _date_rules(column: Column) -> Iterator[tuple[str, str, pl.Expr]]:
    name = column.name
    pattern = PARTIAL_DATE_PATTERN if column.partial else WHOLE_DATE_PATTERN
    partial = ", or YYYY-MM or YYYY where the rest is not known" if column.partial else "; the whole date is needed"
    yield "date", f"not a date in the form YYYY-MM-DD{partial}", _matches(name, pattern)
    # An unknown month or day is filled with the first, so that one test serves all three forms.
    whole = (pl.col(name) + pl.lit("-01-01").str.slice(pl.col(name).str.len_chars() - 4)).str.to_date(
        "%Y-%m-%d", strict=False
    )
    message = f"no such day in the calendar of the years {FIRST_YEAR} to {LAST_YEAR}"
    real = whole.is_not_null() & whole.dt.year().is_between(FIRST_YEAR, LAST_YEAR)
    yield "calendar", message, ~_matches(name, pattern) | real.fill_null(value=False)


_RULES: dict[Type, Callable[[Column], Iterator[tuple[str, str, pl.Expr]]]] = {
    Type.TEXT: _text_rules,
    Type.CODE: _code_rules,
    Type.INTEGER: _integer_rules,
    Type.NUMBER: _number_rules,
    Type.DATE: _date_rules,
}


def gate_rules(definition: Table) -> tuple[GateRule, ...]:
    """List the tests of every column of a table.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> [rule.rule for rule in gate_rules(table("follow_up"))][:3]
    ['follow_up.patient_id.required', 'follow_up.patient_id.pattern', 'follow_up.last_contact_date.required']
    """
    rules = []
    for column in definition.columns:
        prefix = f"{definition.name}.{column.name}"
        if column.required:
            passes = pl.col(column.name).is_not_null()
            message = "empty: a value is required"
            rules.append(GateRule(rule=f"{prefix}.required", column=column.name, message=message, passes=passes))
        for kind, message, sound in _RULES[column.type](column):
            passes = pl.col(column.name).is_null() | sound
            rules.append(GateRule(rule=f"{prefix}.{kind}", column=column.name, message=message, passes=passes))
    return tuple(rules)


def _check(rule: GateRule) -> Check:
    from pandera.polars import Check

    def test(data: PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(rule.passes.alias(rule.column))

    # Nulls go to the test: a missing required value is a row that fails, with its number.
    return Check(test, name=rule.rule, ignore_na=False)


def gate_schema(definition: Table, *, only: Sequence[str] = ()) -> DataFrameSchema:
    """Render the pandera schema of a table, or of some columns of it: columns as text, each rule a named check."""
    from pandera.polars import Column as PanderaColumn
    from pandera.polars import DataFrameSchema

    rules = gate_rules(definition)
    columns = {
        column.name: PanderaColumn(
            pl.String,
            nullable=True,
            description=column.description,
            checks=[_check(rule) for rule in rules if rule.column == column.name],
        )
        for column in definition.columns
        if not only or column.name in only
    }
    return DataFrameSchema(columns, name=definition.name, description=definition.description, strict=True)


def _failures(definition: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Run the schema; one row a rule and row number (from 0) that breaks it, in the order of the rules.

    ``is_serial`` tells dates that a spreadsheet wrote as the number of a day.
    """
    from pandera.config import ValidationDepth, config_context

    text = frame.select(definition.column_names)
    if any(kind != pl.String for kind in text.dtypes):
        raise TypeError(f"{definition.name}: the gate reads text columns only")
    # Rows differ, values of a column seldom do; but each run of a schema has its price, which few rows do not pay back.
    parts = [text.columns] if text.height <= _FEW_ROWS else [[name] for name in text.columns]
    # An environment variable can switch pandera off; the gate stays shut regardless.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        found = pl.concat(_part_failures(gate_schema(definition, only=part), text.select(part)) for part in parts)
    order = {rule.rule: place for place, rule in enumerate(gate_rules(definition))}
    return found.sort(pl.col("rule").replace_strict(order, return_dtype=pl.Int32), "row")


def _part_failures(schema: DataFrameSchema, part: pl.DataFrame) -> pl.DataFrame:
    """Test what is distinct in some columns, as a check sees nothing but the value; then find the rows of bad ones."""
    from pandera.errors import SchemaErrors

    distinct = part.unique()
    try:
        schema.validate(distinct, lazy=True)
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
    else:
        return pl.DataFrame(schema={"rule": pl.String, "row": pl.Int64, "is_serial": pl.Boolean})
    if cases["index"].has_nulls():
        raise TypeError(f"a check of {schema.name} could not be made: the gate does not open for want of a verdict")
    is_date = pl.col("check").str.ends_with(".date")
    bad = cases.select(
        rule=pl.col("check"),
        is_serial=is_date & pl.col("failure_case").str.contains(f"^(?:{SERIAL_DATE_PATTERN})$"),
    ).hstack(distinct[cases["index"].cast(pl.Int64)])
    rows = part.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    return rows.join(bad, on=part.columns, nulls_equal=True).select("rule", "row", "is_serial")


def gate_violations(definition: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Test the rows of a submitted table column by column.

    Parameters
    ----------
    definition : Table
        The table.
    frame : polars.DataFrame
        Its rows as text, null where the file is empty, and ``source_line``.

    Returns
    -------
    polars.DataFrame
        ``rule, severity, table, line, column, message``; empty if every row is sound.

    Raises
    ------
    TypeError
        If a column is not text.

    Examples
    --------
    >>> from blinreg.schemas.tables import table
    >>> row = dict.fromkeys(table("gvhd").column_names)
    >>> row |= {"patient_id": "SYN-001", "transplant_number": "1", "gvhd_type": "acute", "onset_date": "2019-02-30"}
    >>> rows = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).with_columns(source_line=pl.lit(2))
    >>> gate_violations(table("gvhd"), rows).row(0)[:5]
    ('gvhd.onset_date.calendar', 'reject_row', 'gvhd', 2, 'onset_date')
    """
    failures = _failures(definition, frame)
    if failures.is_empty():
        return VIOLATION_SCHEMA.to_frame()
    rules = gate_rules(definition)
    words = pl.DataFrame(
        {
            "rule": [rule.rule for rule in rules],
            "column": [rule.column for rule in rules],
            "message": [rule.message for rule in rules],
        }
    )
    lines = frame.select(row=pl.int_range(pl.len(), dtype=pl.Int64), line=pl.col("source_line").cast(pl.Int64))
    return (
        failures.join(words, on="rule", how="left", maintain_order="left")
        .join(lines, on="row", how="left", maintain_order="left")
        .select(
            "rule",
            pl.lit("reject_row").alias("severity"),
            pl.lit(definition.name).alias("table"),
            "line",
            "column",
            pl.when("is_serial").then(pl.lit(SERIAL_DATE_MESSAGE)).otherwise("message").alias("message"),
        )
    )
