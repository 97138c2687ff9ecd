"""Faults in how a file is written: order and names of columns, encoding, separators, line ends, ``submission.json``.

Some are tolerated: the rows are read all the same. The others make the registry refuse the whole submission, and with
it every other fault in it; they are planted in submissions of their own (see ``refused``).
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from blinreg.schemas.model import Type
from blinreg.schemas.tables import table
from blinreg.synthetic.streams import Draws, Stream

_ALL = ("csv", "parquet", "xlsx")


def _same_frame(_: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def _same_bytes(_: str, data: bytes) -> bytes:
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFault:
    """A fault in how a file is written.

    Parameters
    ----------
    name : str
        Kind of fault, as in the answer key.
    formats : tuple of str
        Formats in which it can be.
    edit_frame : callable
        Takes the name of the table and the rows; gives the rows to be written.
    edit_bytes : callable
        Takes the name of the table and the content of the file; gives the content as sent.
    column : callable
        Takes the name of the table; gives the column that a rule would name.
    """

    name: str
    formats: tuple[str, ...] = ("csv",)
    edit_frame: Callable[[str, pl.DataFrame], pl.DataFrame] = _same_frame
    edit_bytes: Callable[[str, bytes], bytes] = _same_bytes
    column: Callable[[str], str] = lambda _: ""


def date_columns(table_name: str) -> list[str]:
    """Name the columns of dates."""
    return [column.name for column in table(table_name).columns if column.type is Type.DATE]


def _last_column(table_name: str) -> str:
    """Name the last column, which is in no key."""
    return table(table_name).column_names[-1]


def _reordered(_: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(reversed(frame.columns))


def _with_separators(_: str, data: bytes) -> bytes:
    n_columns = data.split(b"\n", 1)[0].count(b",") + 1
    return data + 3 * (b"," * (n_columns - 1) + b"\n")


def _renamed(table_name: str, frame: pl.DataFrame) -> pl.DataFrame:
    name = _last_column(table_name)
    return frame.rename({name: name.replace("_", " ").title()})


def _with_names(_: str, frame: pl.DataFrame) -> pl.DataFrame:
    number = pl.int_range(1, pl.len() + 1).cast(pl.String)
    return frame.with_columns(patient_name=pl.concat_str(pl.lit("Testperson, Erika "), number))


def _as_serials(table_name: str, frame: pl.DataFrame) -> pl.DataFrame:
    whole = [
        pl.col(name) + pl.lit("-01-01").str.slice(pl.col(name).str.len_chars() - 4) for name in date_columns(table_name)
    ]
    return frame.with_columns(
        (text.str.to_date("%Y-%m-%d", strict=False) - pl.date(1899, 12, 30)).dt.total_days() for text in whole
    )


def _rewritten(data: bytes, delimiter: str, columns_with_comma: frozenset[str] = frozenset()) -> bytes:
    """Write a CSV file again with another separator, and decimal commas in some columns."""
    rows = list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))
    comma = [name in columns_with_comma for name in rows[0]]
    target = io.StringIO(newline="")
    writer = csv.writer(target, delimiter=delimiter, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows(
        [value.replace(".", ",") if swap else value for value, swap in zip(row, comma, strict=True)] for row in rows[1:]
    )
    return target.getvalue().encode("utf-8")


def _semicolons(table_name: str, data: bytes) -> bytes:
    numbers = frozenset(column.name for column in table(table_name).columns if column.type is Type.NUMBER)
    return _rewritten(data, ";", numbers)


#: Faults that are tolerated, by name.
TOLERATED: Mapping[str, FileFault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            FileFault(name="reordered_columns", formats=_ALL, edit_frame=_reordered),
            FileFault(name="byte_order_mark", edit_bytes=lambda _, data: b"\xef\xbb\xbf" + data),
            FileFault(name="windows_line_ends", edit_bytes=lambda _, data: data.replace(b"\n", b"\r\n")),
            FileFault(name="trailing_blank_lines", edit_bytes=lambda _, data: data + b"\n\n\n"),
            FileFault(name="trailing_separators", edit_bytes=_with_separators),
        )
    }
)

#: Faults for which a submission is refused, or loses a whole table, by name.
REFUSED: Mapping[str, FileFault] = MappingProxyType(
    {
        fault.name: fault
        for fault in (
            FileFault(name="latin_1", edit_bytes=lambda _, data: data.decode("utf-8").encode("latin-1")),
            FileFault(name="utf_16", edit_bytes=lambda _, data: b"\xff\xfe" + data.decode("utf-8").encode("utf-16-le")),
            FileFault(name="decimal_comma_file", edit_bytes=_semicolons),
            FileFault(name="tab_separated", edit_bytes=lambda _, data: _rewritten(data, "\t")),
            FileFault(name="old_mac_line_ends", edit_bytes=lambda _, data: data.replace(b"\n", b"\r")),
            FileFault(name="missing_header", edit_bytes=lambda _, data: data.split(b"\n", 1)[1]),
            FileFault(name="renamed_column", formats=_ALL, edit_frame=_renamed, column=_last_column),
            FileFault(
                name="extra_column",
                formats=_ALL,
                edit_frame=lambda _, frame: frame.with_columns(comment=pl.lit("none")),
                column=lambda _: "comment",
            ),
            FileFault(name="phi_column", formats=_ALL, edit_frame=_with_names, column=lambda _: "patient_name"),
            FileFault(
                name="missing_column",
                formats=_ALL,
                edit_frame=lambda name, frame: frame.drop(_last_column(name)),
                column=_last_column,
            ),
            FileFault(
                name="spreadsheet_serial_file",
                formats=_ALL,
                edit_frame=_as_serials,
                column=lambda name: date_columns(name)[0],
            ),
            FileFault(
                name="truncated_file",
                formats=("parquet", "xlsx"),
                edit_bytes=lambda _, data: data[: len(data) * 2 // 3],
            ),
        )
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What ``submission.json`` has to say of a file."""

    sha256: str
    rows: int


def write_faulty_file(
    frame: pl.DataFrame,
    path: Path,
    *,
    table_name: str,
    fault: str | None,
    write: Callable[[pl.DataFrame, Path], object],
) -> Written:
    r"""Write the file of a table with a fault in how it is written.

    Parameters
    ----------
    frame : polars.DataFrame
        The rows.
    path : Path
        The file.
    table_name : str
        Name of the table.
    fault : str, optional
        Name of the fault, from ``TOLERATED`` or ``REFUSED``; none for an ordinary file.
    write : callable
        Writes rows to a path the ordinary way, marks of synthetic data included.

    Returns
    -------
    Written
        Hash of the file as it is, and its rows.

    Examples
    --------
    >>> import tempfile
    >>> rows = pl.DataFrame({"patient_id": ["SYN-0001"], "study_id": ["realworld-2020"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "enrolment.synthetic.csv"
    ...     written = write_faulty_file(
    ...         rows, path, table_name="enrolment", fault="windows_line_ends", write=pl.DataFrame.write_csv
    ...     )
    ...     path.read_bytes()
    b'patient_id,study_id\r\nSYN-0001,realworld-2020\r\n'
    """
    edit = None if fault is None else {**TOLERATED, **REFUSED}[fault]
    write(frame if edit is None else edit.edit_frame(table_name, frame), path)
    if edit is not None and edit.edit_bytes is not _same_bytes:
        path.write_bytes(edit.edit_bytes(table_name, path.read_bytes()))
    return Written(sha256=hash_of(path), rows=frame.height)


def hash_of(path: Path) -> str:
    """Hash the content of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def choose_file_faults(
    tables: list[str], *, file_format: str, rate: float, seed: int, turn: int, counts: Mapping[str, int]
) -> dict[str, str]:
    """Choose which files of a site get a fault that is tolerated.

    Parameters
    ----------
    tables : list of str
        Tables of the site.
    file_format : str
        Its format.
    rate : float
        Expected share of the files; at least one file, as long as a kind had no turn.
    seed, turn : int
        Seed of the cohort, and a number that differs between its sites.
    counts : mapping of str to int
        Faults so far by kind.

    Returns
    -------
    dict of str to str
        Fault by table, at most one a file.
    """
    kinds = [fault.name for fault in TOLERATED.values() if file_format in fault.formats]
    fresh = [kind for kind in kinds if not counts.get(kind)][:2]
    draws = Draws((2, seed), Stream.FAULTS, np.arange(len(tables), dtype=np.int64) + turn)
    is_hit = draws.chance(rate)
    order = np.argsort(draws.uniform(), kind="stable")
    hit = [tables[position] for position in order if is_hit[position]]
    quiet = [tables[position] for position in order if not is_hit[position]]
    names = [*hit, *quiet][: max(len(hit), len(fresh))]
    waiting = [*fresh, *sorted(kinds, key=lambda kind: counts.get(kind, 0))]
    return {name: waiting[position % len(waiting)] for position, name in enumerate(names)}
