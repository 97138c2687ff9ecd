"""Faults of a single value: codes, numbers and dates that the definition of the column does not allow.

The targets come from the definitions of the columns, so that a new column has its faults at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl

from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.tables import TABLES
from blinreg.synthetic.faults.dates import is_whole, part
from blinreg.synthetic.faults.declaring import ALWAYS, EMPTY, OTHERS_REMAIN, Kind, Target, as_text, changes, pick


def _columns(*types: Type) -> Iterator[tuple[Table, Column]]:
    for definition in TABLES:
        for column in definition.columns:
            if column.type in types:
                yield definition, column


def _misspelt(column: Column) -> pl.Expr:
    """Leave out the second letter of a code."""
    text = pl.col(column.name)
    return text.str.slice(0, 1) + text.str.slice(2)


def _code_kinds() -> Iterator[Kind]:
    codes = list(_columns(Type.CODE))
    yield Kind(
        name="wrong_code",
        targets=tuple(
            changes(table.name, column.name, pick("99", "other_code", "?"), ALWAYS) for table, column in codes
        ),
    )
    yield Kind(
        name="misspelt_code",
        targets=tuple(
            changes(table.name, column.name, _misspelt(column), ~_misspelt(column).is_in(list(column.codes)))
            for table, column in codes
        ),
    )
    yield Kind(
        name="code_with_spaces_or_capitals",
        targets=tuple(
            changes(
                table.name,
                column.name,
                pl.when(pl.col("u") < 0.5)
                .then(pl.col(column.name).str.to_uppercase())
                .otherwise(pl.col(column.name) + pl.lit(" ")),
                ALWAYS,
            )
            for table, column in codes
        ),
    )


def _number_kinds() -> Iterator[Kind]:
    numbers = list(_columns(Type.NUMBER, Type.INTEGER))
    whole = [(table, column) for table, column in numbers if column.type is Type.INTEGER]
    fractional = [(table, column) for table, column in numbers if column.type is Type.NUMBER]
    words = pick("n/a", ">100", "approx. 5", "1 000")
    yield Kind(
        name="words_for_whole_number",
        targets=tuple(changes(table.name, column.name, words, ALWAYS, is_text=True) for table, column in whole),
    )
    yield Kind(
        name="words_for_number",
        targets=tuple(changes(table.name, column.name, words, ALWAYS, is_text=True) for table, column in fractional),
    )
    yield Kind(
        name="fraction_for_whole_number",
        targets=tuple(
            changes(table.name, column.name, as_text(pl.col(column.name)) + pick(".7", ",5"), ALWAYS, is_text=True)
            for table, column in whole
        ),
    )
    yield Kind(
        name="decimal_comma",
        targets=tuple(
            changes(
                table.name,
                column.name,
                as_text(pl.col(column.name)).str.replace(".", ",", literal=True),
                as_text(pl.col(column.name)).str.contains(r"^[0-9]+\.[0-9]+$"),
                is_text=True,
            )
            for table, column in fractional
        ),
    )
    yield Kind(
        name="negative_number",
        targets=tuple(
            changes(table.name, column.name, as_text(-pl.col(column.name)), pl.col(column.name) > 0)
            for table, column in numbers
        ),
    )
    yield Kind(
        name="absurd_number",
        targets=tuple(
            changes(table.name, column.name, as_text(pl.lit(column.maximum * 10 + 9).cast(_frame_type(column))), ALWAYS)
            for table, column in numbers
            if column.maximum is not None
        ),
    )


def _frame_type(column: Column) -> pl.DataType:
    return pl.Int64() if column.type is Type.INTEGER else pl.Float64()


def _wrong_form(column: str) -> pl.Expr:
    """Write a whole date the German, American or slashed way."""
    year, month, day = part(column, 0, 4), part(column, 5, 2), part(column, 8, 2)
    return (
        pl.when(pl.col("u") < 1 / 3)
        .then(pl.concat_str(day, pl.lit("."), month, pl.lit("."), year))
        .when(pl.col("u") < 2 / 3)
        .then(pl.concat_str(month, pl.lit("/"), day, pl.lit("/"), year))
        .otherwise(pl.concat_str(year, pl.lit("/"), month, pl.lit("/"), day))
    )


def _serial(column: str) -> pl.Expr:
    """Number of days as which a spreadsheet keeps a date."""
    day = pl.col(column).str.to_date("%Y-%m-%d", strict=False)
    return as_text((day - pl.date(1899, 12, 30)).dt.total_days())


def _turned_year(column: str) -> pl.Expr:
    """Turn the last two digits of the year around: 2016 becomes 2061."""
    return part(column, 0, 2) + part(column, 3, 1) + part(column, 2, 1)


def _date_targets(
    make: Callable[[str], tuple[pl.Expr, pl.Expr]], is_meant: Callable[[Column], bool]
) -> tuple[Target, ...]:
    """Declare targets in columns of dates; ``make`` gives the new value and whether the row is eligible."""
    columns = [(table.name, column.name) for table, column in _columns(Type.DATE) if is_meant(column)]
    return tuple(changes(table, name, *make(name)) for table, name in columns)


def _in_future(name: str) -> tuple[pl.Expr, pl.Expr]:
    is_later = _turned_year(name).cast(pl.Int64, strict=False) > pl.col("p_created").dt.year()
    return _turned_year(name) + pl.col(name).str.slice(4), is_later & ~pl.col(name).str.ends_with("-02-29")


def _out_of_order(name: str) -> tuple[pl.Expr, pl.Expr]:
    year, month, day = part(name, 0, 4), part(name, 5, 2), part(name, 8, 2)
    turned = pl.concat_str(year, pl.lit("-"), day, pl.lit("-"), month)
    return turned, is_whole(name) & (day.cast(pl.Int64, strict=False) > 12)


def _partial_wrong(name: str) -> tuple[pl.Expr, pl.Expr]:
    year, month = part(name, 0, 4), part(name, 5, 2)
    forms = pl.when(pl.col("u") < 0.5).then(month + pl.lit("/") + year).otherwise(year + pl.lit("-UN"))
    return forms, pl.col(name).str.len_chars() > 4


def _day_zero(name: str) -> tuple[pl.Expr, pl.Expr]:
    return part(name, 0, 7) + pl.lit("-00"), pl.col(name).str.len_chars() > 4


def _impossible(name: str) -> tuple[pl.Expr, pl.Expr]:
    return part(name, 0, 4) + pick("-02-30", "-06-31", "-11-31"), is_whole(name)


def _every(_: Column) -> bool:
    return True


def _date_kinds() -> Iterator[Kind]:
    yield Kind(name="future_date", targets=_date_targets(_in_future, _every))
    yield Kind(
        name="two_digit_year",
        targets=_date_targets(lambda name: (pl.col(name).str.slice(2), is_whole(name)), _every),
    )
    yield Kind(name="wrong_date_form", targets=_date_targets(lambda name: (_wrong_form(name), is_whole(name)), _every))
    yield Kind(
        name="spreadsheet_serial_date", targets=_date_targets(lambda name: (_serial(name), is_whole(name)), _every)
    )
    yield Kind(name="impossible_day", targets=_date_targets(_impossible, _every))
    yield Kind(name="month_and_day_out_of_order", targets=_date_targets(_out_of_order, _every))
    yield Kind(name="unknown_day_as_zero", targets=_date_targets(_day_zero, lambda column: column.partial))
    yield Kind(name="partial_date_in_wrong_form", targets=_date_targets(_partial_wrong, lambda column: column.partial))
    yield Kind(
        name="partial_where_day_is_needed",
        targets=_date_targets(lambda name: (part(name, 0, 7), is_whole(name)), lambda column: not column.partial),
    )


def _where_alone(table: Table, column: Column) -> pl.Expr:
    """Say where a name may be lost: that of a patient only where other patients remain."""
    is_last = (table.name, column.name) == ("patient", "patient_id")
    return OTHERS_REMAIN if is_last else ALWAYS


def _text_kinds() -> Iterator[Kind]:
    texts = [(table, column) for table, column in _columns(Type.TEXT) if column.name != "patient_id"]
    yield Kind(
        name="free_text_in_coded_column",
        targets=tuple(
            changes(table.name, column.name, pick("See letter", "Hyper-CVAD (part B)", "Blincyto (R)"), ALWAYS)
            for table, column in texts
            if column.pattern.startswith("[a-z")
        ),
    )
    yield Kind(
        name="text_too_long",
        targets=tuple(
            changes(table.name, column.name, pl.lit("long" * 25), ALWAYS)
            for table, column in texts
            if not column.pattern.startswith("[a-z")
        ),
    )
    yield Kind(
        name="spaces_around_patient_id",
        targets=tuple(
            changes(
                table.name,
                "patient_id",
                pl.col("patient_id") + pl.lit(" "),
                _where_alone(table, table.column("patient_id")),
            )
            for table in TABLES
        ),
    )
    yield Kind(
        name="missing_required_value",
        targets=tuple(
            changes(table.name, column.name, EMPTY, _where_alone(table, column))
            for table in TABLES
            for column in table.columns
            if column.required
        ),
    )


COLUMN_KINDS: tuple[Kind, ...] = (
    *_code_kinds(),
    *_number_kinds(),
    *_date_kinds(),
    *_text_kinds(),
)
