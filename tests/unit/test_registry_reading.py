"""Are files read as they stand, with the line of every row?"""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from blinreg.registry.canonical import canonical_text
from blinreg.registry.read_csv import csv_blocks, read_csv
from blinreg.registry.read_xlsx import XlsxFile, read_xlsx
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.tables import table

ENROLMENT = table("enrolment")
HEADER = ",".join(ENROLMENT.column_names)


def rows(text: str | bytes) -> list[tuple[object, ...]]:
    data = text.encode() if isinstance(text, str) else text
    return read_csv(ENROLMENT, "enrolment.csv", data).rows()


def test_lines_are_those_of_an_editor() -> None:
    text = f'{HEADER}\na,b,c,d\n\n"e\nf",g,h,i\n\n\nj,k,l,m'
    assert rows(text) == [("a", "b", "c", "d", 2), ("e\nf", "g", "h", "i", 4), ("j", "k", "l", "m", 8)]


def test_windows_files_are_read() -> None:
    assert rows(b"\xef\xbb\xbf" + f"{HEADER}\r\na,b,,\r\n\r\nc,d,,e\r\n".encode()) == [
        ("a", "b", None, None, 2),
        ("c", "d", None, "e", 4),
    ]


def test_the_order_of_columns_is_free() -> None:
    assert rows("arm,study_id,patient_id,randomization_date\na,b,c,d\n") == [("c", "b", "a", "d", 2)]


def test_quotation_marks_and_empty_text() -> None:
    assert rows(f'{HEADER}\n"a,b","say ""x""","",\n') == [("a,b", 'say "x"', None, None, 2)]


@pytest.mark.parametrize("text", [HEADER, f"{HEADER}\n", f"{HEADER}\r\n\r\n"])
def test_a_table_without_rows_is_read(text: str) -> None:
    assert rows(text) == []


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_empty_lines_and_lines_of_separators_are_passed_over_wherever_they_stand(line_end: str) -> None:
    lines = [HEADER, "", "a,b,c,d", ",,,", "", "e,f,,", "", ",,,", ""]
    assert rows(line_end.join(lines)) == [("a", "b", "c", "d", 3), ("e", "f", None, None, 6)]
    assert rows(line_end.join([HEADER, ",,,", "a,b,c,d", ",,,"])) == [("a", "b", "c", "d", 3)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (f"\n{HEADER}\n".encode(), "line 1 is empty: the header must stand there; delete the lines above the header"),
        (f"\r\n{HEADER}\r\n".encode(), "line 1 is empty"),
        (HEADER.replace(",", " ").encode(), "all names of columns stand in one field; commas are expected between"),
        (f'"{HEADER}"\n'.encode(), "all names of columns stand in one field"),
        (b"patient_id|arm\n", "is separated by bars; commas are expected"),
        (b"patient_id\nP01\n", "wrong columns: missing study_id, missing arm, missing randomization_date"),
        (b"x" * 200_000, "line 1 has none of the 4 columns of enrolment: the header is missing"),
        (b'"' + b"a\n" * 200_000, "line 1: a quotation mark is opened and not closed"),
        (f"{HEADER}\na,b,c,d\n".encode("utf-16-le"), "is UTF-16 text; save it as 'CSV UTF-8'"),
        (f"{HEADER}\na,b,c,d\n".encode("utf-16-be"), "is UTF-16 text; save it as 'CSV UTF-8'"),
        (f"{HEADER}\na,b,1,5,d\n".encode(), "commas? inside a text must be in quotation marks, and numbers need a dec"),
    ],
)
def test_a_file_that_is_not_as_agreed_is_told_in_its_own_words(data: bytes, message: str) -> None:
    with pytest.raises(SubmissionRejected, match=message):
        rows(data)


def test_a_header_in_quotation_marks_may_hold_a_line_end() -> None:
    quoted = ",".join(f'"{name}"' for name in ENROLMENT.column_names)
    assert rows(f"{quoted}\na,b,c,d\n") == [("a", "b", "c", "d", 2)]
    with pytest.raises(SubmissionRejected, match="spaces around patient_id"):
        rows(quoted.replace("patient_id", "patient_id\n") + "\na,b,c,d\n")


def test_a_line_too_long_does_not_make_up_for_one_too_short() -> None:
    # Together they have as many commas as two sound lines.
    for body in ("a,b,c\nd,e,f,g,h\n", "d,e,f,g,h\na,b,c\n"):
        with pytest.raises(SubmissionRejected, match=r"line 2 has [35] fields and the header 4 \(2 such lines\)"):
            rows(f"{HEADER}\n{body}")
    many = "a,b,c,d\n" * 50_000
    with pytest.raises(SubmissionRejected, match=r"line 50002 has 3 fields and the header 4 \(2 such lines\)"):
        rows(f"{HEADER}\n{many}a,b,c\n{many}d,e,f,g,h\n{many}")


def test_text_that_looks_like_something_else_stays_text() -> None:
    assert rows(f"{HEADER}\n007,1e5,NA,true\n") == [("007", "1e5", "NA", "true", 2)]


def test_a_line_of_one_character_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(SubmissionRejected, match="line 3 has 1 fields and the header 4"):
        rows(f"{HEADER}\na,b,c,d\nx\n")


def test_a_carriage_return_within_a_line_is_refused() -> None:
    with pytest.raises(SubmissionRejected, match="line 2: a carriage return inside a line"):
        rows(f"{HEADER}\na,b\rc,d,e\n")
    assert rows(f'{HEADER}\n"a\rb",c,,\n') == [("a\rb", "c", None, None, 2)]


def test_the_line_of_a_faulty_row_counts_line_ends_in_texts() -> None:
    with pytest.raises(SubmissionRejected, match=r"line 5 has 3 fields and the header 4 \(2 such lines\)"):
        rows(f'{HEADER}\n"a\n\nb",b,c,d\nx,y,z\nx,y,z\n')


def test_typed_values_become_the_text_of_a_csv_file() -> None:
    frame = pl.DataFrame(
        {
            "day": [dt.date(2019, 5, 1), None],
            "midnight": [dt.datetime(2019, 5, 1), dt.datetime(2019, 5, 1, 12, 30)],  # noqa: DTZ001
            "whole": [3.0, float("nan")],
            "measured": [0.1, 1e-05],
            "count": pl.Series([7, None], dtype=pl.UInt8),
            "exact": pl.Series(["1.50", "2.00"]).cast(pl.Decimal(10, 2)),
            "single": pl.Series([0.1, 2.0], dtype=pl.Float32),
            "category": pl.Series(["a", ""], dtype=pl.Categorical),
        }
    )
    text = canonical_text("a.parquet", frame)
    assert set(text.dtypes) == {pl.String}
    assert text.select(pl.exclude("measured", "exact")).rows() == [
        ("2019-05-01", "2019-05-01", "3", "7", "0.1", "a"),
        (None, "2019-05-01 12:30:00", None, None, "2", None),
    ]
    assert [float(value) for value in text["measured"]] == [0.1, 1e-05]
    assert [float(value) for value in text["exact"]] == [1.5, 2.0]


def read_sheet(path: Path) -> pl.DataFrame:
    result = read_xlsx([XlsxFile(definition=ENROLMENT, path=path.name, file=path)])["enrolment"]
    assert isinstance(result, pl.DataFrame), result
    return result


def test_cells_of_a_sheet_become_the_text_of_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "enrolment.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("enrolment")
    day = book.add_format({"num_format": "dd.mm.yyyy"})
    sheet.write_row(0, 0, ENROLMENT.column_names)
    sheet.write_row(1, 0, ["P01", "trial-1", 2.0])
    sheet.write_datetime(1, 3, dt.datetime(2019, 5, 1), day)  # noqa: DTZ001
    sheet.write_row(3, 0, ["P02", "trial-1"])
    sheet.write_string(3, 2, "007")
    sheet.write_string(3, 3, "2019-05")
    sheet.write_blank(20, 0, None, day)
    book.close()
    assert read_sheet(path).rows() == [
        ("P01", "trial-1", "2", "2019-05-01", 2),
        ("P02", "trial-1", "007", "2019-05", 4),
    ]


def test_a_sheet_among_others_is_found_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "enrolment.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("notes").write(0, 0, "read me")
    book.add_worksheet("enrolment").write_row(0, 0, ENROLMENT.column_names)
    book.close()
    assert read_sheet(path).height == 0


def test_a_table_that_does_not_begin_in_the_first_row_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "enrolment.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("enrolment")
    sheet.write(0, 0, "Enrolment of our site")
    sheet.write_row(2, 0, ENROLMENT.column_names)
    book.close()
    result = read_xlsx([XlsxFile(definition=ENROLMENT, path=path.name, file=path)])["enrolment"]
    assert "line 1 has none of the 4 columns" in str(result)


def in_blocks(data: bytes, block_bytes: int) -> list[tuple[object, ...]]:
    blocks = csv_blocks(ENROLMENT, "enrolment.csv", io.BytesIO(data), block_bytes=block_bytes)
    return [row for block in blocks for row in block.rows()]


def test_a_file_is_read_in_blocks_with_the_lines_of_the_whole() -> None:
    text = f'{HEADER}\r\na,b,c,d\r\n"e\nf",g,h,i\r\n\r\nj,"k ""x""",l,m'
    expected = [("a", "b", "c", "d", 2), ("e\nf", "g", "h", "i", 3), ("j", 'k "x"', "l", "m", 6)]
    for block_bytes in range(1, 40):
        assert in_blocks(text.encode(), block_bytes) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a,b,c,d\ne,f,g\nh,i,j,k\nl,m\n", r"line 3 has 3 fields and the header 4 \(2 such lines\)"),
        (b"a,b,c,d\ne,f\xfc,g,h\n", "is not UTF-8 text: byte 55 on line 3"),
        (b"a,b,c,d\ne,f\0,g,h\n", "line 3 holds a zero byte"),
        (b'a,b,c,d\ne,f"x,g,h\n', "line 3: a quotation mark is opened and not closed"),
        (b'a,b,c,d\ne,f"x"y,g,h\n', "line 3: a quotation mark inside a field"),
        (b"a,b,c,d\ne,f\rx,g,h\n", "line 3: a carriage return inside a line"),
    ],
)
def test_what_is_wrong_in_a_later_block_is_told_with_its_line(body: bytes, message: str) -> None:
    data = HEADER.encode() + b"\n" + body
    for block_bytes in (5, 50, 5000):
        with pytest.raises(SubmissionRejected, match=message):
            in_blocks(data, block_bytes)


def test_a_mark_that_is_never_closed_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blinreg.registry.csv_records.MAXIMUM_RECORD_BYTES", 1000)
    data = HEADER.encode() + b'\na,"b,c,d\n' + b"e,f,g,h\n" * 1000
    with pytest.raises(SubmissionRejected, match="line 2: a quotation mark is opened and not closed"):
        in_blocks(data, 100)
    with pytest.raises(SubmissionRejected, match="line 2: a line without an end"):
        in_blocks(HEADER.encode() + b"\n" + b"x" * 5000, 100)
