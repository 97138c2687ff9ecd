"""Take out of a review what may point to a person, whatever it was given.

The makers of a review leave these values out already; a page that goes by e-mail asks twice.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

PRIVACY = "privacy"
_NAME = "patient_id"
_FINDINGS = ("findings", "resolved")
#: Between the columns of a finding about several.
_AND = ", "
_TEXT = pl.lit(None, pl.String)


def withhold(frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Empty the values that a privacy rule was broken by or that stand beside such a value.

    Parameters
    ----------
    frames : mapping of str to polars.DataFrame
        With the columns of `SITE_FRAMES`.

    Returns
    -------
    dict of str to polars.DataFrame
        ``findings`` and ``resolved`` have one more column, ``is_withheld``. Withheld are the values of

        - findings of privacy rules, and of rules that are not in ``rules``, with the name of the patient;
        - other findings on the same line;
        - changes in a column that a privacy rule was broken in;
        - names of patients, wherever they stand, if names themselves broke one.

    Examples
    --------
    >>> from blinreg.analyses.report.review import SITE_FRAMES
    >>> frames = {name: pl.DataFrame(schema=dict(columns)) for name, columns in SITE_FRAMES.items()}
    >>> frames["findings"] = pl.DataFrame(
    ...     [{"rule": "privacy.text.email", "value": "a@b.example"}], schema=SITE_FRAMES["findings"])
    >>> withhold(frames)["findings"]["value"].to_list()
    [None]
    """
    harmless = frames["rules"].filter(pl.col("category") != PRIVACY)["rule"]
    found = [
        frames[name].with_columns(is_private=~pl.col("rule").is_in(harmless.implode()).fill_null(False))
        for name in _FINDINGS
    ]
    columns = ["table", "line", "column"]
    private = pl.concat(part.filter("is_private").select(columns) for part in found)
    names_too = _NAME in _each_column(private)["column"]
    return {
        **frames,
        **{name: _findings(part, private, names_too=names_too) for name, part in zip(_FINDINGS, found, strict=True)},
        "changes": _changes(frames["changes"], private, names_too=names_too),
    }


def _each_column(found: pl.DataFrame) -> pl.DataFrame:
    return found.with_columns(pl.col("column").str.split(_AND)).explode("column")


def _findings(found: pl.DataFrame, private: pl.DataFrame, *, names_too: bool) -> pl.DataFrame:
    beside = private.select("table", "line", is_beside=pl.lit(True)).unique()
    marked = found.join(beside, on=["table", "line"], how="left", nulls_equal=True, maintain_order="left")
    names_a_patient = pl.col("column").str.split(_AND).list.contains(_NAME).fill_null(True)
    is_withheld = pl.col("is_private") | pl.col("is_beside").fill_null(False) | (names_a_patient & pl.lit(names_too))
    return (
        marked.with_columns(is_withheld=is_withheld)
        .with_columns(
            value=pl.when("is_withheld").then(_TEXT).otherwise("value"),
            patient_id=pl.when(pl.col("is_private") | pl.lit(names_too)).then(_TEXT).otherwise(_NAME),
        )
        .drop("is_private", "is_beside")
    )


def _changes(changes: pl.DataFrame, private: pl.DataFrame, *, names_too: bool) -> pl.DataFrame:
    pairs = _each_column(private).select("table", "column", is_private=pl.lit(True)).unique()
    whole = private.filter(pl.col("column").is_null())["table"].unique()
    marked = changes.join(pairs, on=["table", "column"], how="left", maintain_order="left")
    hidden = pl.col("is_private").fill_null(False) | pl.col("table").is_in(whole.implode())
    return marked.with_columns(
        pl.when(hidden).then(_TEXT).otherwise("before").alias("before"),
        pl.when(hidden).then(_TEXT).otherwise("after").alias("after"),
        pl.when(pl.lit(names_too)).then(_TEXT).otherwise("key").alias("key"),
        is_withheld=hidden,
    ).drop("is_private")
