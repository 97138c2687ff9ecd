"""Does a table come back as it was written, whatever it holds and in every format?"""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from blinreg.registry.read_csv import csv_blocks, read_csv
from blinreg.registry.read_parquet import read_parquet
from blinreg.registry.read_xlsx import XlsxFile, read_xlsx
from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.render.gate import gate_violations
from blinreg.schemas.tables import TABLES

Row = tuple[str | None, ...]

#: Text with everything that delimits, quotes or confuses; never empty, because empty is null.
AWKWARD = st.text(st.sampled_from("ab ,;\"'\t\r\n=-+0é€\u2028𝔘"), min_size=1, max_size=6)
ONE_LINE = st.text(st.sampled_from("ab ,;\"'=-+0.é€𝔘"), min_size=1, max_size=6).filter(
    lambda text: text.strip() == text
)

ENROLMENT = next(definition for definition in TABLES if definition.name == "enrolment")


def sound_value(column: Column) -> st.SearchStrategy[str | None]:
    """Draw a value that the gate lets through."""
    if column.type is Type.CODE:
        values: st.SearchStrategy[str] = st.sampled_from(sorted(column.codes))
    elif column.type is Type.DATE:
        days = st.dates(min_value=dt.date(1900, 1, 1), max_value=dt.date(2100, 12, 31))
        length = st.sampled_from((4, 7, 10) if column.partial else (10,))
        values = st.builds(lambda day, kept: day.isoformat()[:kept], days, length)
    elif column.type is Type.TEXT:
        values = (
            ONE_LINE
            if column.pattern.startswith("[^")
            else st.from_regex(f"\\A(?:{column.pattern})\\Z", fullmatch=True)
        )
    else:
        low, high = int(column.minimum or 0), int(column.maximum or 0)
        whole = st.integers(low, high).map(str)
        exact = st.floats(low, high, allow_nan=False, width=32).map(lambda number: repr(abs(number)))
        values = whole if column.type is Type.INTEGER else whole | exact
    return values if column.required else st.none() | values


def sound_rows(definition: Table) -> st.SearchStrategy[list[Row]]:
    row = st.tuples(*(sound_value(column) for column in definition.columns))
    return st.lists(row, min_size=1, max_size=6)


TABLE_AND_ROWS = st.sampled_from(TABLES).flatmap(
    lambda definition: st.tuples(st.just(definition), sound_rows(definition))
)


SEVERAL_TABLES = st.lists(
    st.sampled_from(TABLES), min_size=3, max_size=5, unique_by=lambda definition: definition.name
).flatmap(
    lambda definitions: st.tuples(
        *(st.tuples(st.just(definition), sound_rows(definition)) for definition in definitions)
    )
)


def csv_rows(rows: Sequence[Sequence[str | None]], line_end: str) -> list[str]:
    """Write each row by itself, everything in quotation marks where a bare CR would be taken for a line end."""
    written = []
    for row in rows:
        out = io.StringIO()
        has_cr = any("\r" in value for value in row if value)
        quoting = csv.QUOTE_ALL if has_cr else csv.QUOTE_MINIMAL
        csv.writer(out, lineterminator=line_end, quoting=quoting).writerow([value or "" for value in row])
        written.append(out.getvalue())
    return written


def csv_text(definition: Table, rows: Sequence[Row], line_end: str) -> str:
    return "".join(csv_rows([definition.column_names, *rows], line_end))


def write_sheet(path: Path, definition: Table, rows: Sequence[Row]) -> None:
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet(definition.name)
    sheet.write_row(0, 0, definition.column_names)
    for line, row in enumerate(rows, start=1):
        for position, value in enumerate(row):
            if value is not None:
                sheet.write_string(line, position, value)
    book.close()


def frame_of(definition: Table, rows: Sequence[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(definition.column_names, pl.String), orient="row")


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(st.tuples(AWKWARD, *(st.none() | AWKWARD for _ in range(3))), max_size=12),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_text_comes_back_from_csv_with_its_line(rows: list[Row], line_end: str) -> None:
    text = csv_text(ENROLMENT, rows, line_end)
    found = read_csv(ENROLMENT, "enrolment.csv", text.encode())
    assert [row[:-1] for row in found.rows()] == rows
    line_ends = [written.count("\n") for written in csv_rows(rows, line_end)]
    assert found["source_line"].to_list() == [2 + sum(line_ends[:position]) for position in range(len(rows))]


@settings(deadline=None, max_examples=60)
@given(drawn=TABLE_AND_ROWS)
def test_sound_tables_come_back_from_csv_and_parquet_and_pass_the_gate(drawn: tuple[Table, list[Row]]) -> None:
    definition, rows = drawn
    expected = frame_of(definition, rows).with_columns(source_line=pl.int_range(2, len(rows) + 2, dtype=pl.Int64))
    from_csv = read_csv(definition, "t.csv", csv_text(definition, rows, "\n").encode())
    assert from_csv.equals(expected)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.parquet")
        frame_of(definition, rows).write_parquet(path)
        assert read_parquet(definition, "t.parquet", path, rows=len(rows)).equals(expected)
    assert gate_violations(definition, expected).is_empty()


@settings(deadline=None, max_examples=12)
@given(drawn=SEVERAL_TABLES)
def test_sound_tables_come_back_from_workbooks(drawn: tuple[tuple[Table, list[Row]], ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for definition, rows in drawn:
            path = Path(folder, f"{definition.name}.xlsx")
            write_sheet(path, definition, rows)
            files.append(XlsxFile(definition=definition, path=path.name, file=path))
        found = read_xlsx(files)
    for definition, rows in drawn:
        frame = found[definition.name]
        assert isinstance(frame, pl.DataFrame), frame
        assert frame.drop("source_line").rows() == rows
        assert frame["source_line"].to_list() == list(range(2, len(rows) + 2))


@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(st.tuples(AWKWARD, *(st.none() | AWKWARD for _ in range(3))), max_size=12),
    line_end=st.sampled_from(["\n", "\r\n"]),
    block_bytes=st.integers(1, 60),
)
def test_the_size_of_the_blocks_changes_nothing(rows: list[Row], line_end: str, block_bytes: int) -> None:
    data = csv_text(ENROLMENT, rows, line_end).encode()
    blocks = csv_blocks(ENROLMENT, "enrolment.csv", io.BytesIO(data), block_bytes=block_bytes)
    assert pl.concat(blocks).equals(read_csv(ENROLMENT, "enrolment.csv", data))
