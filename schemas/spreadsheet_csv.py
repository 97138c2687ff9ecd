"""Write CSV files that people open in a spreadsheet: no cell becomes a formula."""

from __future__ import annotations

from pathlib import Path

import polars as pl

#: How a cell begins that a spreadsheet would carry out instead of showing it.
_FORMULA = r"^[=+\-@\t\r]"

#: Numbers may begin with a sign.
_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Put an apostrophe before every text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> without_formulas(pl.DataFrame({"value": ["=1+1", "-3.5", "cr", None]}))["value"].to_list()
    ["'=1+1", '-3.5', 'cr', None]
    """
    text = pl.col(pl.String)
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return frame.with_columns(pl.when(is_formula).then(pl.lit("'") + text).otherwise(text).name.keep())


def write_for_people(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as CSV with a header, UTF-8, without formulas."""
    without_formulas(frame).write_csv(path)
