"""Review a REDCap export as it is: what is found is said with the lines and columns of the export."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from blinreg.registry.quality.review import Checked, Progress, Review, review_submission
from blinreg.registry.quality.review_findings import AND
from blinreg.registry.redcap_submission import Converted, convert
from blinreg.registry.store import Registry

#: How a refusal says where something stands in a table that was made of the export.
_PLACE = re.compile(
    r"(?P<file>[a-z_]+(?:\.synthetic)?\.csv)(?: line (?P<line>[0-9]+))?(?: column (?P<column>[a-z0-9_]+))?"
)
_FIRST = re.compile(r"line (?P<line>[0-9]+) first: (?P<column>[a-z0-9_]+)")

#: What a refusal asks for, of a folder and of an export.
_SEAL, _EXPORT = "seal the folder and load it again", "export again and validate the new export"


def review_export(
    export: Path,
    *,
    site_id: str,
    data_cutoff_date: date,
    is_synthetic: bool = False,
    registry: Registry | str | Path | None = None,
    with_effects: bool = True,
    on_checked: Checked | None = None,
    on_progress: Progress | None = None,
) -> Review:
    """Review the submission that `convert` would make of an export.

    Parameters
    ----------
    export : Path
        The CSV file, as REDCap wrote it.
    site_id : str
        Site of the patients.
    data_cutoff_date : date
        Day to which the data are complete.
    is_synthetic : bool
        Whether the patients are synthetic.
    registry, with_effects, on_checked, on_progress
        See `review_submission`.

    Returns
    -------
    Review
        Its findings and failing rows have also ``event`` and ``instance``: with ``table`` and ``patient_id`` the form
        to open. Nothing is left of the tables that were made.

    Raises
    ------
    UsageError
        If there is no such file or registry, or the site cannot be one.
    SubmissionRejected
        If the export cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="blinreg-export-") as made_in:
        folder = Path(made_in) / "submission"
        made = convert(
            export,
            folder,
            site_id=site_id,
            data_cutoff_date=data_cutoff_date,
            created_at=datetime.now(UTC),
            is_synthetic=is_synthetic,
        )
        review = review_submission(
            folder, registry=registry, with_effects=with_effects, on_checked=on_checked, on_progress=on_progress
        )
    return in_export(review, made, export.name)


def in_export(review: Review, made: Converted, name: str) -> Review:
    """Say where things stand in the export, not in the tables that were made of it.

    Parameters
    ----------
    review : Review
        Of the tables.
    made : Converted
        What is known of them.
    name : str
        Name of the export.
    """
    return replace(
        review,
        is_export=True,
        rejection=_refusal(review.rejection, made, name),
        findings=_headed(_placed(review.findings, made, name, line="line"), made),
        changes=_headed(review.changes, made),
        failing_rows={
            table: _placed(rows, made, name, line="source_line").rename(
                {column: heading for column, heading in _of(made, table).items() if column in rows.columns}
            )
            for table, rows in review.failing_rows.items()
        },
    )


def _placed(rows: pl.DataFrame, made: Converted, name: str, *, line: str) -> pl.DataFrame:
    origin = made.origin.select("file", pl.col("line").alias(line), "event", "instance", "export_line")
    placed = rows.join(origin, on=["file", line], how="left", maintain_order="left")
    return placed.with_columns(
        pl.lit(name).alias("file"), pl.coalesce("export_line", line).cast(pl.Int64).alias(line)
    ).drop("export_line")


def _of(made: Converted, table: str) -> Mapping[str, str]:
    return made.headings.get(table, {})


def _headed(rows: pl.DataFrame, made: Converted) -> pl.DataFrame:
    """Name the columns as the header of the export does; a finding may be about several."""
    said = [
        column and AND.join(_of(made, table).get(name, name) for name in column.split(AND))
        for table, column in rows.select("table", "column").iter_rows()
    ]
    return rows.with_columns(pl.Series("column", said, dtype=pl.String))


def _refusal(text: str, made: Converted, name: str) -> str:
    """Rewrite the places that a refusal names."""
    lines = {(row["file"], row["line"]): row["export_line"] for row in made.origin.iter_rows(named=True)}

    def place(found: re.Match[str]) -> str:
        file, line, column = found.group("file", "line", "column")
        said = name if line is None else f"{name} line {lines.get((file, int(line)), line)}"
        table = file.split(".")[0]
        return said if column is None else f"{said} column {_of(made, table).get(column, column)}"

    def first(found: re.Match[str]) -> str:
        line, column = found.group("line", "column")
        file = next((file for file, _ in lines if file.startswith("patient.")), "")
        of = _of(made, "patient").get(column, column)
        return f"line {lines.get((file, int(line)), line)} first: {of}"

    return _FIRST.sub(first, _PLACE.sub(place, text)).replace(_SEAL, _EXPORT)
