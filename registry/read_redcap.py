"""Read a REDCap export: one flat CSV file with every instrument side by side.

A row belongs to a record, and to an event of it (longitudinal projects), an instrument and an
instance (``redcap_event_name, redcap_repeat_instrument, redcap_repeat_instance``); the cells of
all other instruments are empty. The header holds variables or labels, the cells hold stored
values or labels, in any combination: what stands there decides, and nobody has to say which it is.

Only columns of `blinreg.schemas.render.redcap` are read. Whatever else a project holds, names and
record numbers included, never gets into a submission.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from blinreg.registry.read_csv import read_csv
from blinreg.registry.redcap_columns import Place, Places, find_places
from blinreg.schemas.errors import SubmissionRejected
from blinreg.schemas.model import Column, Table, Type
from blinreg.schemas.render.redcap import RECORD_ID, YESNO_CODES, RedcapField
from blinreg.schemas.tables import TABLES

#: What stands in a ticked box.
_TICKED = ("1", "checked")

#: What REDCap's questions with two answers store or show.
_TWO_VALUED = {"1": "yes", "0": "no", "true": "yes", "false": "no", "yes": "yes", "no": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedcapExport:
    """What an export holds of the submitted tables.

    Parameters
    ----------
    tables : mapping of str to polars.DataFrame
        The columns of each table as text in their order, null where empty. Tables without rows
        are left out, but for those that every submission must contain.
    origin : mapping of str to polars.DataFrame
        For the rows of each table, in the same order: ``event, instance, export_line``.
    headings : mapping of str to mapping
        By table and column: what stands in the header of the export above it; of a checkbox, above its boxes.
    left_out : tuple of str
        Names of columns that are not read.
    n_empty : int
        Instances that were opened and hold nothing; they are passed over.
    """

    tables: Mapping[str, pl.DataFrame]
    origin: Mapping[str, pl.DataFrame]
    headings: Mapping[str, Mapping[str, str]]
    left_out: tuple[str, ...]
    n_empty: int


def read_redcap(path: str, data: bytes, *, site_id: str) -> RedcapExport:
    r"""Read a REDCap export.

    Parameters
    ----------
    path : str
        Name of the file, for messages.
    data : bytes
        Its content: CSV, UTF-8, comma-separated.
    site_id : str
        Site of the patients; the project does not hold it.

    Returns
    -------
    RedcapExport
        The tables, and where in the export each row stands.

    Raises
    ------
    SubmissionRejected
        If it cannot be read as CSV, is not an export of such a project, lacks variables of an
        instrument, or holds the patients of more than one data access group.

    Examples
    --------
    >>> from blinreg.schemas.render.redcap import redcap_fields
    >>> of = {field.variable: "" for field in redcap_fields() if field.table.name in ("patient", "follow_up")}
    >>> row = {**of, "patient_id": "SYN-001", "pt_sex": "Female", "fu_vital_status": "alive at last contact"}
    >>> text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
    >>> export = read_redcap("export.csv", text.encode(), site_id="site-a")
    >>> export.tables["follow_up"].select("patient_id", "vital_status").row(0)
    ('SYN-001', 'alive')
    """
    names, frame = _read_cells(path, data)
    places = find_places(path, names)
    frame = _with_instrument(frame, places)
    _refuse_groups(path, frame, places)
    _refuse_stray(path, frame, places)
    tables, origin, n_empty = {}, {}, 0
    for definition in TABLES:
        if definition.name not in places.forms:
            continue
        rows, n_unused = _rows_of(frame, definition, places)
        n_empty += n_unused
        if rows.height or definition.required:
            columns = (_value(places, definition, column, site_id) for column in definition.columns)
            tables[definition.name] = rows.select(columns)
            origin[definition.name] = rows.select("event", "instance", export_line="source_line")
    return RedcapExport(
        tables=tables,
        origin=origin,
        headings={name: _headings(form, names) for name, form in places.forms.items()},
        left_out=places.left_out,
        n_empty=n_empty,
    )


def _headings(form: Mapping[str, Sequence[Place]], names: Sequence[str]) -> Mapping[str, str]:
    return {column: " / ".join(names[int(place.key)] for place in found) for column, found in form.items()}


def _split_header(data: bytes) -> tuple[list[str], int, bytes]:
    """Give the names of the columns, the lines that they take, and what follows them."""
    source = io.BytesIO(data.removeprefix(codecs.BOM_UTF8))
    read: list[int] = []

    def lines() -> Iterator[str]:
        for line in source:
            read.append(len(line))
            yield line.decode("utf-8", errors="replace")

    try:
        names = next(csv.reader(lines(), strict=True), [])
    except csv.Error:
        names = []
    return [" ".join(name.split()) for name in names], len(read), source.getvalue()[sum(read) :]


def _read_cells(path: str, data: bytes) -> tuple[list[str], pl.DataFrame]:
    """Read the header, and all cells as text, with the checks that every CSV file of a submission goes through.

    Labels may repeat in a header ("Complete?" stands behind every instrument), so that columns
    go by their position.
    """
    names, header_lines, body = _split_header(data)
    keys = [f"{position}" for position in range(len(names))]
    if len(names) < 2 or data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # No table in any case; the reader says what is wrong with such a file.
        keys = names or ["empty"]
    else:
        data = ",".join(keys).encode() + b"\n" + body
    columns = tuple(Column(name=key, type=Type.TEXT, description="") for key in dict.fromkeys(keys))
    definition = Table(name="redcap", grain="", description="", key=(), columns=columns)
    frame = read_csv(definition, path, data)
    return names, frame.with_columns(pl.col("source_line") + header_lines - 1)


def _with_instrument(frame: pl.DataFrame, places: Places) -> pl.DataFrame:
    """Add which instrument, event and instance each row is of; an instrument may go by its title."""
    system = {
        name: pl.lit(None, pl.String) if place is None else pl.col(place).str.strip_chars()
        for name, place in (("event", places.event), ("instrument", places.instrument), ("instance", places.instance))
    }
    instrument = system["instrument"].str.to_lowercase().str.replace_all(r"[\s_]+", "_").fill_null("")
    return frame.with_columns(event=system["event"], instrument=instrument, instance=system["instance"])


def _refuse_groups(path: str, frame: pl.DataFrame, places: Places) -> None:
    if places.group is None:
        return
    n_groups = frame[places.group].drop_nulls().n_unique()
    if n_groups > 1:
        raise SubmissionRejected(
            f"{path} holds the patients of {n_groups} data access groups, and a submission those of one site",
            next_step="export one group: switch to it in REDCap, or filter the report by it",
        )


def _is_filled(place: Place) -> pl.Expr:
    """Tell whether a cell holds anything; a box that is not ticked holds nothing."""
    text = pl.col(place.key).str.strip_chars()
    if place.choice is None:
        return text.is_not_null() & (text != "")
    return text.str.to_lowercase().is_in(_TICKED).fill_null(value=False)


def _has_value(places: Places, table: str) -> pl.Expr:
    return pl.any_horizontal(_is_filled(place) for found in places.forms[table].values() for place in found)


def _refuse_stray(path: str, frame: pl.DataFrame, places: Places) -> None:
    """Refuse values of one instrument in a row of another: REDCap writes none, and they would be lost."""
    for table in places.forms:
        other = ~pl.col("instrument").is_in(["", table])
        stray = frame.filter(other & _has_value(places, table))
        if stray.height:
            raise SubmissionRejected(
                f"{path} line {stray['source_line'][0]}: values of {table} in a row of another instrument "
                f"({stray.height} such lines)",
                next_step="send the file as REDCap wrote it, not edited in a spreadsheet",
            )


def _rows_of(frame: pl.DataFrame, definition: Table, places: Places) -> tuple[pl.DataFrame, int]:
    """Give the rows that hold something of a table, and the number of its instances that hold nothing."""
    candidates = frame.filter(pl.col("instrument").is_in(["", definition.name]))
    rows = candidates.filter(_has_value(places, definition.name))
    n_opened = candidates.filter(pl.col("instrument") == definition.name).height
    n_filled = rows.filter(pl.col("instrument") == definition.name).height
    return rows, n_opened - n_filled


def _value(places: Places, definition: Table, column: Column, site_id: str) -> pl.Expr:
    if column.name == RECORD_ID:
        return pl.col(places.record).str.strip_chars().alias(column.name)
    found = places.forms[definition.name].get(column.name)
    if found is None:
        return pl.lit(site_id).alias(column.name)
    value = _plain(found[0]) if found[0].choice is None else _ticked(found)
    return value.alias(column.name)


def _plain(place: Place) -> pl.Expr:
    text = pl.col(place.key).str.strip_chars()
    text = pl.when(text != "").then(text)
    meanings = _meanings(place.field)
    if not meanings:
        return text
    # What is no choice stays as it is: the check of the rows says so, with line and column.
    return (
        text.str.to_lowercase()
        .str.replace_all(r"\s+", " ")
        .replace_strict(list(meanings), list(meanings.values()), default=text, return_dtype=pl.String)
    )


def _meanings(field: RedcapField) -> Mapping[str, str]:
    """Give the code of what REDCap stores or shows for a choice, in lower case."""
    if not field.column.codes:
        return {}
    two_valued = _TWO_VALUED if set(YESNO_CODES) <= set(field.column.codes) else {}
    labels = {" ".join(label.lower().split()): field.codes[stored] for stored, label in field.choices.items()}
    return {**labels, **two_valued, **field.codes, **{code: code for code in field.column.codes}}


def _ticked(found: Sequence[Place]) -> pl.Expr:
    """Give the code of the ticked box, null if none is; several are joined, and no code is called like that."""
    boxes = [pl.when(_is_filled(place)).then(pl.lit(place.choice)) for place in found]
    joined = pl.concat_str(boxes, separator="+", ignore_nulls=True)
    return pl.when(joined != "").then(joined)
